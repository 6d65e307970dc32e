"""The message fast path: plain JSON is handed past the transform the SDK runs over every message.

`create` and `parse` of chat and Responses walk each message against the union of all message types, about 160 µs a
message, to find the few values that JSON cannot hold: pydantic objects, generators, files, `NotGiven`. Where a whole
list is plain JSON there is nothing to find, and the walk gives back what it was given.

The walk happens inside openai's own method, so the method is called with a `_Handed` in place of the list, which the
walk has no type for and passes on, and `_post` of the same resource puts the list back. Nobody else sees it: what the
caller's own wrappers around `create` get is what the caller wrote, and where openai's method is not its own any more
(instrumentation replaced it on the class), the replacement is called as it stands and everything takes the stock way.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any, cast

import openai

from .._client.context import context_of
from ..report import log

_PLAIN = frozenset(
    {
        "frequency_penalty", "instructions", "max_completion_tokens", "max_output_tokens", "max_tokens", "metadata",
        "model", "n", "parallel_tool_calls", "presence_penalty", "previous_response_id", "prompt_cache_key",
        "reasoning_effort", "seed", "stop", "store", "temperature", "tool_choice", "top_p", "user", "verbosity",
    }
)  # fmt: skip
# Method -> the parameters it does nothing with but hand them to the transform. `create` also looks at `stream` and
# `response_format`, `parse` at `tools` and formats.
_CHAT = {"create": _PLAIN | {"messages", "tools", "functions"}, "parse": _PLAIN | {"messages"}}
_RESPONSES = {
    "create": (_PLAIN | {"input", "tools", "reasoning", "text", "include"}),
    "parse": _PLAIN | {"input", "reasoning", "include"},
}

_VERIFIED = (3, 57)
"""The newest openai whose methods were read and whose types were walked; a newer one is checked at first use."""

_MOST_PLANS = 256
_SCALARS = frozenset({str, int, float, bool, type(None)})
_CONSTANTS = _SCALARS | {openai.NotGiven}  # the latter is left to the client by old SDKs


class _Handed:
    """A value that travels through the transform unseen."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class _Post:
    """`_post` of a resource, which puts back what was handed past the transform."""

    __slots__ = ("post",)

    def __init__(self, post: Callable[..., Any]) -> None:
        self.post = post

    def __call__(self, path: str, **kwargs: Any) -> Any:
        body: Any = kwargs.get("body")
        if type(body) is dict:
            fields = cast("dict[str, Any]", body)
            for name, value in fields.items():
                if type(value) is _Handed:
                    fields[name] = value.value
        return self.post(path, **kwargs)


def _is_plain(value: Any) -> bool:
    kind = cast("Any", type(value))
    if kind is dict:
        for key, inner in value.items():
            if type(key) is not str or (type(inner) not in _SCALARS and not _is_plain(inner)):
                return False
        return True
    if kind is list:
        return all(type(inner) in _SCALARS or _is_plain(inner) for inner in value)
    return kind in _SCALARS


def plain_copy(rows: list[Any]) -> list[Any] | None:
    """The list and its members copied, as the transform would have done, if all of it is plain JSON; else None."""
    copies: list[Any] = []
    for row in rows:
        if type(row) is dict:
            for key, inner in cast("dict[Any, Any]", row).items():
                if type(key) is not str or (type(inner) not in _SCALARS and not _is_plain(inner)):
                    return None
            copies.append(cast("dict[str, Any]", row).copy())
        elif type(row) in _SCALARS:
            copies.append(row)
        else:
            return None
    return copies


def _plain_values(names: frozenset[str], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Those of the keyword arguments that may skip the transform, copied as it would have."""
    plain: dict[str, Any] = {}
    for name, value in kwargs.items():
        if name not in names:
            continue
        kind = cast("Any", type(value))
        if kind is list:
            copies = plain_copy(cast("list[Any]", value))
            if copies is not None:
                plain[name] = copies
        elif kind in _SCALARS:
            plain[name] = value
        elif kind is dict and _is_plain(value):
            plain[name] = cast("dict[str, Any]", value).copy()
    return plain


# ---------------------------------------------------------------- what a method posts, once known


class _Plan:
    """What openai's method makes of one set of parameters, all of them plain: where it posts, the order of the body's
    fields and the rest of what it says. The next call with the same parameters is posted as it would have been."""

    __slots__ = ("body", "options", "path", "rest")

    def __init__(self, path: str, body: dict[str, Any], options: dict[str, Any], rest: dict[str, Any]) -> None:
        self.path, self.body, self.options, self.rest = path, body, options, rest

    def post(self, post: Callable[..., Any], plain: dict[str, Any]) -> Any:
        body = {name: plain.get(name, value) for name, value in self.body.items()}
        options: dict[str, Any] = {}
        for name, value in self.options.items():
            options[name] = cast("dict[str, Any]", value).copy() if type(value) is dict else value
        return post(self.path, body=body, options=options, **self.rest)


def _plan(method: Any, plain: dict[str, Any], kwargs: dict[str, Any]) -> _Plan | None:
    """Run a method with nothing behind it and keep what it posts, if nothing in that depends on values."""
    handed = {name: _Handed(value) for name, value in plain.items()}
    try:
        sent = _posted(method, _Recorder(), {**kwargs, **handed})
    except Exception:  # what openai refuses is refused when it is asked in earnest
        return None
    if sent is None:
        return None
    path, rest = sent
    body, options = rest.pop("body", None), rest.pop("options", None)
    if type(body) is not dict or type(options) is not dict or not _is_plain(options):
        return None
    fields = cast("dict[str, Any]", body)
    if not _posts_unchanged(fields, handed) or not (rest.keys() <= {"cast_to", "stream", "stream_cls"}):
        return None
    shape = {**fields, **dict.fromkeys(plain)}
    return _Plan(path, shape, cast("dict[str, Any]", options), rest)


def _posts_unchanged(fields: dict[str, Any], handed: dict[str, _Handed]) -> bool:
    """Whether a body has every handed value in its own field, and nothing else but constants."""
    if any(fields.get(name) is not value for name, value in handed.items()):
        return False
    return all(name in handed or type(value) in _CONSTANTS for name, value in fields.items())


class _Method:
    """openai's method, shortened: the plans it has, and what else can be handed past its transform."""

    __slots__ = ("method", "names", "plans")

    def __init__(self, method: Any, names: frozenset[str]) -> None:
        self.method, self.names = method, names
        self.plans: dict[tuple[Any, ...], _Plan | None] = {}

    def __call__(self, resource: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        post: Any = resource.__dict__.get("_post")
        client = resource._client
        if args or type(post) is not _Post or not context_of(client).targets_stepfun():
            return self.method(resource, *args, **kwargs)
        try:
            plain = _plain_values(self.names, kwargs)
        except (RecursionError, RuntimeError):  # too deep, or changed by another thread: the stock way says so
            return self.method(resource, **kwargs)
        stream = kwargs.get("stream")
        if len(plain) + ("stream" in kwargs) == len(kwargs) and type(stream) in (bool, type(None)):
            key = (stream, *kwargs)
            plan = self.plans.get(key)
            if plan is None and key not in self.plans and len(self.plans) < _MOST_PLANS:
                plan = self.plans[key] = _plan(self.method, plain, kwargs)
            if plan is not None:
                return plan.post(post.post, plain)
        for name, value in plain.items():
            kwargs[name] = _Handed(value)
        return self.method(resource, **kwargs)


def _is_openais(method: Any, name: str) -> bool:
    """Whether a class attribute is still the function openai put there: bare, or in its `required_args`."""
    if type(method) is FunctionType and method.__globals__.get("__name__") == "openai._utils._utils":
        method = getattr(method, "__wrapped__", None)
    return (
        type(method) is FunctionType
        and method.__name__ == name
        and str(method.__globals__.get("__name__")).startswith("openai.resources.")
    )


def _shortened(method: Any, names: frozenset[str]) -> Any:
    """openai's method with the long lists handed past its transform."""
    short = _Method(method, names)
    if inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        async def later(self: Any, *args: Any, **kwargs: Any) -> Any:
            return await short(self, args, kwargs)

        return later

    @functools.wraps(method)
    def now(self: Any, *args: Any, **kwargs: Any) -> Any:
        return short(self, args, kwargs)

    return now


class _Door:
    """A method of the resource: openai's, shortened, while it is openai's own; else whatever stands there now.

    Not a data descriptor, so that `client.chat.completions.create = wrapper` works as it does on openai's class.
    """

    def __init__(self, stock: type, name: str, names: frozenset[str]) -> None:
        self._stock, self._name, self._names = stock, name, names
        self._known: tuple[Any, Any] = (None, None)  # what stood there, and what we made of it

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        current = vars(self._stock)[self._name]
        known, short = self._known
        if instance is not None:
            if current is known:
                return MethodType(short, instance)
            if _is_openais(current, self._name) and _stands_the_check(self._stock, self._name, current, self._names):
                short = _shortened(current, self._names)
                self._known = (current, short)
                return MethodType(short, instance)
        kind = cast("Any", type(current))
        bind = getattr(kind, "__get__", None)
        return current if bind is None else bind(current, instance, self._stock)


_classes: dict[tuple[Any, ...], type] = {}
_making = threading.Lock()


def _shortcut(stock: type, methods: tuple[tuple[str, frozenset[str]], ...]) -> type:
    """A subclass of a resource's class with shorter methods, made once. It says `__class__` is openai's:
    instrumentation looks resources up by exactly that."""
    known = _classes.get((stock, methods))
    if known is None:
        with _making:
            known = _classes.get((stock, methods))
            if known is None:
                known = _classes[stock, methods] = _made(stock, methods)
    return known


def _made(stock: type, methods: tuple[tuple[str, frozenset[str]], ...]) -> type:
    own: dict[str, Any] = {
        "__module__": stock.__module__,
        "__qualname__": stock.__qualname__,
        "__doc__": stock.__doc__,
        "__class__": property(lambda _: stock),
    }
    own.update((name, _Door(stock, name, names)) for name, names in methods if name in vars(stock))
    return type(stock.__name__, (stock,), own)


def _shorten(resource: Any, methods: dict[str, frozenset[str]]) -> Any:
    own = cast("dict[str, Any]", vars(resource))
    post: Any = own.get("_post")
    if post is None or type(post) is _Post:
        return resource
    stock = cast("Any", type(resource))
    resource.__class__ = _shortcut(stock, tuple(methods.items()))
    own["_post"] = _Post(post)
    return resource


def shorten_chat(chat: Any) -> Any:
    """Let the completions of a chat resource take the fast path; returns the resource."""
    completions = getattr(chat, "completions", None)
    if completions is not None:
        _shorten(completions, _CHAT)
    return chat


def shorten_responses(responses: Any) -> Any:
    """Let a Responses resource take the fast path; returns it."""
    return _shorten(responses, _RESPONSES)


# ---------------------------------------------------------------- an SDK newer than the ones that were read


def _stands_the_check(stock: type, name: str, method: Any, names: frozenset[str]) -> bool:
    """Whether the method of an SDK that is newer than verified still does with a `_Handed` what it did."""
    if _version() <= _VERIFIED:
        return True
    same = checked(stock, name, method, names)
    if not same:
        log.info("openai %s: %s.%s takes the stock path", openai.__version__, stock.__name__, name)
    return same


def _version() -> tuple[int, ...]:
    return tuple(int(part) for part in openai.__version__.split(".")[:2] if part.isdigit())


class _Recorder:
    """Stands in for a resource whose `_post` tells what it was called with."""

    def __init__(self) -> None:
        self.sent: Any = None
        self._post: Any = self._record

    def _record(self, path: str, **kwargs: Any) -> Any:
        self.sent = (path, kwargs)
        return _Nothing()


class _Nothing:
    def __await__(self) -> Any:
        return self
        yield


_SAMPLES: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "s", "name": "n"},
        {"role": "user", "content": [{"type": "text", "text": "t"}, {"type": "image_url", "image_url": {"url": "u"}}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "r"},
    ],
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "t"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "r"},
    ],
    "functions": [{"name": "f", "parameters": {"type": "object", "properties": {"from": {"type": "string"}}}}],
    "tools": [
        {
            "type": "function",
            "name": "f",
            "parameters": {"type": "object", "properties": {"from": {"type": "string"}}},
            "function": {"name": "f", "parameters": {"type": "object", "properties": {"from": {"type": "string"}}}},
        }
    ],
}


def checked(stock: type, name: str, method: Any, names: frozenset[str]) -> bool:
    """Run a method on samples, once as openai runs it and once with all of them handed past; compare what it posts."""

    taken = inspect.signature(method).parameters
    given = {name: _SAMPLES.get(name, "sample") for name in sorted(names) if name in taken}
    unseen = _Recorder()
    unseen._post = _Post(unseen._post)
    try:
        usual = _posted(method, _Recorder(), given)
        short = _posted(method, unseen, {name: _Handed(value) for name, value in given.items()})
    except Exception as error:  # whatever a newer SDK does with what it does not know
        log.debug("%s.%s: %r", stock.__name__, name, error)
        return False
    return usual is not None and short is not None and (usual[0], usual[1]["body"]) == (short[0], short[1]["body"])


def _posted(method: Any, recorder: _Recorder, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """What a method posts: the path and its keyword arguments."""
    outcome = method(recorder, **arguments)
    if inspect.iscoroutine(outcome):
        try:
            outcome.send(None)
        except StopIteration:
            pass
        else:
            outcome.close()
    return recorder.sent
