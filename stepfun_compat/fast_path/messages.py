"""The message fast path: plain JSON skips the transform that the SDK runs over every message.

`create` and `parse` of chat and Responses check each message against the union of all message types, about 160 µs a
message, to find the few values that JSON cannot hold: pydantic objects, generators, files, `NotGiven`. If a whole list
is plain JSON there is nothing to find, and the transform returns what it was given.

The transform runs inside openai's own method, so the method is called with an `_Untransformed` in place of the list. The
transform has no type for it and passes it on, and `_post` of the same resource puts the list back. Wrappers around
`create` get what the caller wrote. Where openai's method has been replaced on the class, by instrumentation for example,
the replacement is called and nothing is skipped.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any, cast

import openai

from .._client import context_of
from ..endpoints.json_values import type_of
from ..report import log

_PLAIN = frozenset(
    {
        "frequency_penalty", "instructions", "max_completion_tokens", "max_output_tokens", "max_tokens", "metadata",
        "model", "n", "parallel_tool_calls", "presence_penalty", "previous_response_id", "prompt_cache_key",
        "reasoning_effort", "seed", "stop", "store", "temperature", "tool_choice", "top_p", "user", "verbosity",
    }
)  # fmt: skip
# Method -> the parameters it only passes to the transform. `create` also reads `stream` and `response_format`, `parse`
# reads `tools` and formats.
_CHAT = {"create": _PLAIN | {"messages", "tools", "functions"}, "parse": _PLAIN | {"messages"}}
_RESPONSES = {
    "create": (_PLAIN | {"input", "tools", "reasoning", "text", "include"}),
    "parse": _PLAIN | {"input", "reasoning", "include"},
}

_VERIFIED = (3, 57)
"""The newest openai version that was verified; the methods of a newer one are checked at first use."""

_MAX_TEMPLATES = 256
_SCALARS = frozenset({str, int, float, bool, type(None)})
_CONSTANTS = _SCALARS | {openai.NotGiven}  # old SDKs leave the latter to the client


class _Untransformed:
    """Wraps a value that the transform must not examine."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class _Post:
    """Wraps `_post` of a resource to put back the values that skipped the transform."""

    __slots__ = ("post",)

    def __init__(self, post: Callable[..., Any]) -> None:
        self.post = post

    def __call__(self, path: str, **kwargs: Any) -> Any:
        body: Any = kwargs.get("body")
        if type_of(body) is dict:
            for name, value in body.items():
                if type(value) is _Untransformed:
                    body[name] = value.value
        return self.post(path, **kwargs)


def _is_plain(value: Any) -> bool:
    kind = type_of(value)
    if kind is dict:
        for key, inner in value.items():
            if type(key) is not str or (type(inner) not in _SCALARS and not _is_plain(inner)):
                return False
        return True
    if kind is list:
        return all(type(inner) in _SCALARS or _is_plain(inner) for inner in value)
    return kind in _SCALARS


def plain_copy(rows: list[Any]) -> list[Any] | None:
    """Copy the list and its members, as the transform does, if all of it is plain JSON; else return None."""
    copies: list[Any] = []
    for row in rows:
        kind = type_of(row)
        if kind is dict:
            for key, inner in row.items():
                if type(key) is not str or (type(inner) not in _SCALARS and not _is_plain(inner)):
                    return None
            copies.append(row.copy())
        elif kind in _SCALARS:
            copies.append(row)
        else:
            return None
    return copies


def _plain_values(names: frozenset[str], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments that may skip the transform, copied as it copies them."""
    plain: dict[str, Any] = {}
    for name, value in kwargs.items():
        if name not in names:
            continue
        kind = type_of(value)
        if kind is list:
            copies = plain_copy(value)
            if copies is not None:
                plain[name] = copies
        elif kind in _SCALARS:
            plain[name] = value
        elif kind is dict and _is_plain(value):
            plain[name] = value.copy()
    return plain


# ---------------------------------------------------------------- what a method posts


class _RequestTemplate:
    """What openai's method posts for one set of plain parameters: the path, the order of the body's fields and the other
    arguments. The next call with the same parameters is posted without running the method."""

    __slots__ = ("body", "options", "path", "rest")

    def __init__(self, path: str, body: dict[str, Any], options: dict[str, Any], rest: dict[str, Any]) -> None:
        self.path, self.body, self.options, self.rest = path, body, options, rest

    def post(self, post: Callable[..., Any], plain: dict[str, Any]) -> Any:
        body = {name: plain.get(name, value) for name, value in self.body.items()}
        options: dict[str, Any] = {}
        for name, value in self.options.items():
            options[name] = cast("dict[str, Any]", value).copy() if type(value) is dict else value
        return post(self.path, body=body, options=options, **self.rest)


def _request_template(method: Any, plain: dict[str, Any], kwargs: dict[str, Any]) -> _RequestTemplate | None:
    """Run a method on a recorder and keep what it posts, unless that depends on values."""
    wrapped = {name: _Untransformed(value) for name, value in plain.items()}
    try:
        sent = _posted(method, _Recorder(), {**kwargs, **wrapped})
    except Exception:  # the call itself will raise the same
        return None
    if sent is None:
        return None
    path, rest = sent
    body, options = rest.pop("body", None), rest.pop("options", None)
    if type(body) is not dict or type(options) is not dict or not _is_plain(options):
        return None
    fields = cast("dict[str, Any]", body)
    if not _posts_unchanged(fields, wrapped) or not (rest.keys() <= {"cast_to", "stream", "stream_cls"}):
        return None
    shape = {**fields, **dict.fromkeys(plain)}
    return _RequestTemplate(path, shape, cast("dict[str, Any]", options), rest)


def _posts_unchanged(fields: dict[str, Any], wrapped: dict[str, _Untransformed]) -> bool:
    """Whether a body has every wrapped value in its own field, and otherwise only constants."""
    if any(fields.get(name) is not value for name, value in wrapped.items()):
        return False
    return all(name in wrapped or type(value) in _CONSTANTS for name, value in fields.items())


class _Method:
    """Runs openai's method: by a template if it has one, else with plain values wrapped."""

    __slots__ = ("method", "names", "templates")

    def __init__(self, method: Any, names: frozenset[str]) -> None:
        self.method, self.names = method, names
        self.templates: dict[tuple[Any, ...], _RequestTemplate | None] = {}

    def __call__(self, resource: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        post: Any = resource.__dict__.get("_post")
        client = resource._client
        if args or type(post) is not _Post or not context_of(client).targets_stepfun():
            return self.method(resource, *args, **kwargs)
        try:
            plain = _plain_values(self.names, kwargs)
        except (RecursionError, RuntimeError):  # too deep, or changed by another thread: the SDK raises
            return self.method(resource, **kwargs)
        stream = kwargs.get("stream")
        if len(plain) + ("stream" in kwargs) == len(kwargs) and type(stream) in (bool, type(None)):
            key = (stream, *kwargs)
            template = self.templates.get(key)
            if template is None and key not in self.templates and len(self.templates) < _MAX_TEMPLATES:
                template = self.templates[key] = _request_template(self.method, plain, kwargs)
            if template is not None:
                return template.post(post.post, plain)
        for name, value in plain.items():
            kwargs[name] = _Untransformed(value)
        return self.method(resource, **kwargs)


def _is_openai_method(method: Any, name: str) -> bool:
    """Whether a class attribute is still openai's function, wrapped in its `required_args` or not."""
    if type(method) is FunctionType and method.__globals__.get("__name__") == "openai._utils._utils":
        method = getattr(method, "__wrapped__", None)
    return (
        type(method) is FunctionType
        and method.__name__ == name
        and str(method.__globals__.get("__name__")).startswith("openai.resources.")
    )


def _accelerated(method: Any, names: frozenset[str]) -> Any:
    """Wrap openai's method so that plain values skip its transform."""
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


class _MethodDescriptor:
    """A method of the resource: openai's, accelerated, unless it has been replaced on the class; then the replacement.

    Not a data descriptor, so that `client.chat.completions.create = wrapper` works as it does on openai's class.
    """

    def __init__(self, stock: type, name: str, names: frozenset[str]) -> None:
        self._stock, self._name, self._names = stock, name, names
        self._known: tuple[Any, Any] = (None, None)  # openai's method and the accelerated one

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        current = vars(self._stock)[self._name]
        known, short = self._known
        if instance is not None:
            if current is known:
                return MethodType(short, instance)
            if _is_openai_method(current, self._name) and _passes_check(self._stock, self._name, current, self._names):
                short = _accelerated(current, self._names)
                self._known = (current, short)
                return MethodType(short, instance)
        kind = type_of(current)
        bind = getattr(kind, "__get__", None)
        return current if bind is None else bind(current, instance, self._stock)


_classes: dict[tuple[Any, ...], type] = {}
_making = threading.Lock()


def _accelerated_class(stock: type, methods: tuple[tuple[str, frozenset[str]], ...]) -> type:
    """Return a subclass of a resource's class with accelerated methods, made once.

    Its `__class__` is openai's, which instrumentation compares.
    """
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
    own.update((name, _MethodDescriptor(stock, name, names)) for name, names in methods if name in vars(stock))
    return type(stock.__name__, (stock,), own)


def _accelerate(resource: Any, methods: dict[str, frozenset[str]]) -> Any:
    own = cast("dict[str, Any]", vars(resource))
    post: Any = own.get("_post")
    if post is None or type(post) is _Post:
        return resource
    stock = type_of(resource)
    resource.__class__ = _accelerated_class(stock, tuple(methods.items()))
    own["_post"] = _Post(post)
    return resource


def accelerate_chat(chat: Any) -> Any:
    """Let the completions of a chat resource take the fast path; returns the resource."""
    completions = getattr(chat, "completions", None)
    if completions is not None:
        _accelerate(completions, _CHAT)
    return chat


def accelerate_responses(responses: Any) -> Any:
    """Let a Responses resource take the fast path; returns it."""
    return _accelerate(responses, _RESPONSES)


# ---------------------------------------------------------------- an SDK newer than the verified ones


def _passes_check(stock: type, name: str, method: Any, names: frozenset[str]) -> bool:
    """Whether the method of an SDK newer than verified still passes an `_Untransformed` through."""
    if _version() <= _VERIFIED:
        return True
    same = checked(stock, name, method, names)
    if not same:
        log.info("openai %s: %s.%s uses the SDK's transform", openai.__version__, stock.__name__, name)
    return same


def _version() -> tuple[int, ...]:
    return tuple(int(part) for part in openai.__version__.split(".")[:2] if part.isdigit())


class _Recorder:
    """Stands in for a resource and records the arguments of `_post`."""

    def __init__(self, wrap: Callable[[Any], Any] = lambda post: post) -> None:
        self.sent: Any = None
        self._post: Any = wrap(self._record)

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
    """Whether a method posts the same for samples, wrapped and as they are."""
    taken = inspect.signature(method).parameters
    given = {name: _SAMPLES.get(name, "sample") for name in sorted(names) if name in taken}
    unseen = _Recorder(_Post)
    try:
        usual = _posted(method, _Recorder(), given)
        short = _posted(method, unseen, {name: _Untransformed(value) for name, value in given.items()})
    except Exception as error:  # a newer SDK may raise anything
        log.debug("%s.%s: %r", stock.__name__, name, error)
        return False
    return usual is not None and short is not None and (usual[0], usual[1]["body"]) == (short[0], short[1]["body"])


def _posted(method: Any, recorder: _Recorder, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Return what a method posts: the path and the keyword arguments."""
    outcome = method(recorder, **arguments)
    if inspect.iscoroutine(outcome):
        try:
            outcome.send(None)
        except StopIteration:
            pass
        else:
            outcome.close()
    return recorder.sent
