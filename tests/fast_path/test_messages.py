"""The message fast path: the same bytes as with openai's transform, and wrappers that receive the caller's values."""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import typing
from collections.abc import Callable, Iterator
from types import MethodType
from typing import Any
from unittest import mock

import httpx
import openai
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.resources.chat.completions import AsyncCompletions, Completions
from openai.resources.responses import AsyncResponses, Responses
from openai.types.chat import ChatCompletionMessage, ChatCompletionMessageToolCall

import stepfun_compat
from stepfun_compat import Settings, stock
from stepfun_compat.fast_path import messages as fast_messages
from tests.support.properties import examples
from tests.support.wire import KEY, Wire, completion

URL = "https://api.stepfun.ai/v1"
MESSAGES: list[Any] = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": [{"type": "text", "text": "what is in it?"}]},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"from": 1}'}}],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
]
SENT = [{**row, "content": row["content"] or ""} for row in MESSAGES]
TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {"name": "look", "parameters": {"type": "object", "properties": {"from": {"type": "integer"}}}},
    }
]
INPUT: list[Any] = [
    {"role": "user", "content": [{"type": "input_text", "text": "hello"}]},
    {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c1", "output": "a cat"},
]


# ---------------------------------------------------------------- the body the resource sends


class Caught(Exception):
    pass


def caught(cls: Any, **more: Any) -> Any:
    """A client whose requests stop at `request`: `sent` contains the body before translation."""

    class Catching(cls):
        sent: Any = None

        def request(self, cast_to: Any, options: Any, *args: Any, **kwargs: Any) -> Any:
            Catching.sent = options.json_data
            raise Caught

    transport = httpx.MockTransport(Wire())
    return Catching(api_key=KEY, base_url=URL, http_client=httpx.Client(transport=transport), **more)


@functools.cache
def three_clients() -> tuple[Any, Any, Any]:
    return (
        caught(stock.OpenAI),
        caught(stepfun_compat.OpenAI, settings=Settings(fast_path=True)),
        caught(stepfun_compat.OpenAI, settings=Settings(fast_path=False)),
    )


def bodies(parameters: Callable[[], dict[str, Any]], path: str, method: str = "create") -> tuple[Any, Any, Any]:
    """Return the bodies of openai's client, ours with the fast path and ours without; `parameters` creates the arguments."""
    seen: list[Any] = []
    for client in three_clients():
        resource = client
        for name in path.split("."):
            resource = getattr(resource, name)
        try:
            getattr(resource, method)(**parameters())
        except Caught:
            seen.append(client.sent)
        except Exception as error:  # errors are compared as well
            seen.append((type(error), str(error)))
    return seen[0], seen[1], seen[2]


def same_bytes(a: Any, b: Any) -> bool:
    def dumped(value: Any) -> Any:
        try:
            return json.dumps(value)
        except (TypeError, ValueError, RecursionError) as error:
            return type(error)

    return dumped(a) == dumped(b)


class Row(pydantic.BaseModel):
    role: str = "user"
    content: Any = "from a model"
    name: typing.Optional[str] = None  # noqa: UP045 - pydantic reads it on every Python


class Loud(dict[str, Any]):
    """A mapping class of the caller."""


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
TEXTS = st.text(max_size=20)
PARTS = st.lists(
    st.fixed_dictionaries({"type": st.just("text"), "text": TEXTS})
    | st.fixed_dictionaries(
        {
            "type": st.just("image_url"),
            "image_url": st.fixed_dictionaries({"url": TEXTS}, optional={"detail": st.just("low")}),
        }
    )
    | st.fixed_dictionaries({"type": st.just("input_audio"), "input_audio": JSON}),
    max_size=3,
)
CALLS = st.lists(
    st.fixed_dictionaries(
        {
            "id": TEXTS,
            "type": st.sampled_from(["function", "custom"]),
            "function": st.fixed_dictionaries({"name": TEXTS, "arguments": TEXTS}),
        }
    ),
    max_size=2,
)
PLAIN_ROWS = (
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant", "developer", "tool", "function"]), "content": TEXTS},
        optional={"name": TEXTS, "tool_call_id": TEXTS, "tool_calls": CALLS, "refusal": st.none() | TEXTS},
    )
    | st.fixed_dictionaries({"role": st.just("user"), "content": PARTS})
    | st.dictionaries(st.text(max_size=8), JSON, max_size=4)
)
ODD = {
    "a model": lambda row: Row(content=row),
    "a message of openai's": lambda row: ChatCompletionMessage(
        role="assistant",
        content=None,
        tool_calls=[
            ChatCompletionMessageToolCall.model_validate(
                {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            )
        ],
    ),
    "NotGiven inside": lambda row: {"role": "user", "content": "x", "name": openai.NOT_GIVEN},
    "a tuple inside": lambda row: {"role": "user", "content": ({"type": "text", "text": "x"},)},
    "a generator inside": lambda row: {"role": "user", "content": (p for p in [{"type": "text", "text": "x"}])},
    "a model inside": lambda row: {"role": "user", "content": [Row()]},
    "bytes": lambda row: {"role": "user", "content": b"x"},
    "a number for a key": lambda row: {1: row},
    "a mapping of its own": lambda row: Loud(role="user", content=row),
    "a text": lambda row: "just text",
}


@st.composite
def parameters(draw: Any, name: str) -> Callable[[], dict[str, Any]]:
    """A function that creates keyword arguments: each call needs new generators."""
    rows = draw(st.lists(PLAIN_ROWS, max_size=6))
    odd = draw(st.lists(st.tuples(st.integers(0, 6), st.sampled_from(sorted(ODD))), max_size=2))
    form = draw(st.sampled_from([list, list, list, tuple, iter]))
    tools = draw(st.none() | st.lists(st.fixed_dictionaries({"type": st.just("function"), "function": JSON})))
    more = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "temperature": st.floats(0, 2),
                "max_tokens" if name == "messages" else "max_output_tokens": st.integers(1, 99),
                "tool_choice": st.sampled_from(["auto", "none"]),
                "metadata": st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2),
                "top_p": st.none(),
                "extra_body": st.dictionaries(st.text(max_size=4), JSON, max_size=2),
            },
        )
    )

    def make() -> dict[str, Any]:
        made: list[Any] = json.loads(json.dumps(rows))
        for position, kind in odd:
            made.insert(position, ODD[kind]("x"))
        given: dict[str, Any] = {"model": "gpt-4o", name: form(made), **json.loads(json.dumps(more))}
        if tools is not None:
            given["tools"] = json.loads(json.dumps(tools))
        return given

    return make


@examples(30)
@given(make=parameters("messages"))
def test_chat_sends_the_same_bytes(make: Callable[[], dict[str, Any]]) -> None:
    plain, fast, off = bodies(make, "chat.completions")
    assert same_bytes(plain, fast)
    assert same_bytes(plain, off)


@examples(30)
@given(make=parameters("input"))
def test_responses_hand_on_the_same_bytes(make: Callable[[], dict[str, Any]]) -> None:
    plain, fast, off = bodies(make, "responses")
    assert same_bytes(plain, fast)
    assert same_bytes(plain, off)


class Answer(pydantic.BaseModel):
    text: str


@pytest.mark.parametrize(
    ("path", "method", "given"),
    [
        ("chat.completions", "create", {"messages": MESSAGES, "tools": TOOLS, "stream": True}),
        ("chat.completions", "create", {"messages": MESSAGES, "functions": [TOOLS[0]["function"]], "stop": ["a", "b"]}),
        ("beta.chat.completions", "parse", {"messages": MESSAGES, "response_format": Answer}),
        ("beta.chat.completions", "parse", {"messages": MESSAGES, "tools": [openai.pydantic_function_tool(Answer)]}),
        ("responses", "create", {"input": INPUT, "tools": [{"type": "function", **TOOLS[0]["function"]}]}),
        ("responses", "create", {"input": "hello", "reasoning": {"effort": "low"}, "instructions": "be brief"}),
        ("responses", "parse", {"input": INPUT, "text_format": Answer}),
    ],
)
def test_every_method_sends_the_same_bytes(path: str, method: str, given: dict[str, Any]) -> None:
    plain, fast, off = bodies(lambda: {"model": "gpt-4o", **given}, path, method)
    assert plain["model"] == "gpt-4o"
    assert plain == fast == off
    assert json.dumps(plain) == json.dumps(fast)


@pytest.mark.parametrize("name", sorted(fast_messages._CHAT["create"] | fast_messages._RESPONSES["create"]))
def test_every_parameter_that_skips_the_transform_is_sent(name: str) -> None:
    values: dict[str, Any] = {"messages": MESSAGES, "input": INPUT, "tools": TOOLS, "functions": [{"name": "f"}]}
    for path, first in (("chat.completions", "messages"), ("responses", "input")):
        resource: Any = Completions if first == "messages" else Responses
        if name not in inspect.signature(resource.create).parameters:
            continue
        for value in (values.get(name, "text"), 1, 0.5, None, True, {"a": {"b": [1]}}, ["x"]):
            given = {"model": "m", first: values[first], name: value}
            plain, fast, _ = bodies(lambda given=given: dict(given), path)
            assert plain == fast
            assert json.dumps(plain) == json.dumps(fast)


def test_transform_is_skipped_only_for_plain_values(monkeypatch: pytest.MonkeyPatch) -> None:
    walked: list[Any] = []
    module: Any = inspect.getmodule(inspect.unwrap(Completions.create))
    real = module.maybe_transform

    def walk(data: Any, kind: Any) -> Any:
        walked.append(type(data["messages"]))
        return real(data, kind)

    monkeypatch.setattr(module, "maybe_transform", walk)
    wire = Wire(completion())
    given: Any = {"model": "step-3.7-flash", "messages": MESSAGES, "tools": TOOLS}
    odd: Any = [*MESSAGES, {"role": "user", "content": ({"type": "text", "text": "x"},)}]
    client, off = wire.client(), wire.client(settings=Settings(fast_path=False))
    client.chat.completions.create(**given)
    client.chat.completions.create(**given)
    walked.clear()
    client.chat.completions.create(**given)
    assert walked == []  # the plan for these parameters is cached, so openai's method is not called
    client.chat.completions.create(**given, extra_headers={"x-a": "b"})
    client.chat.completions.create(**{**given, "messages": odd})
    off.chat.completions.create(**given)
    assert walked == [fast_messages._Untransformed, list, list]
    assert wire.requests[0].content == wire.requests[2].content == wire.requests[3].content == wire.requests[5].content
    assert wire.requests[3].headers["x-a"] == "b"


@pytest.mark.parametrize("stream", [None, False, True])
def test_plan_posts_what_the_method_posts(stream: bool | None) -> None:
    """Compares the path, the body and its order, the options and the response types."""
    posted: list[Any] = []

    class Telling(stepfun_compat.OpenAI):
        def post(self, path: str, **kwargs: Any) -> Any:
            posted.append((path, list(kwargs.pop("body").items()), kwargs))
            raise Caught

    given: dict[str, Any] = {"temperature": 0.5, "messages": MESSAGES, "tools": TOOLS, "model": "m", "stop": ["a"]}
    if stream is not None:
        given["stream"] = stream
    for fast in (False, True, True):
        client = Telling(api_key=KEY, settings=Settings(fast_path=fast), http_client=httpx.Client())
        for _ in range(2):
            with pytest.raises(Caught):
                client.chat.completions.create(**given)
    assert len(posted) == 6
    assert all(each == posted[0] for each in posted)


def test_refused_arguments_get_no_plan() -> None:
    client = Wire(completion()).client()
    for _ in range(3):
        with pytest.raises(TypeError, match="no_such_parameter"):
            client.chat.completions.create(model="m", messages=MESSAGES, no_such_parameter=1)  # type: ignore[call-overload]
        with pytest.raises(TypeError, match="Missing required argument"):
            client.chat.completions.create(messages=MESSAGES)  # type: ignore[call-overload]


def test_caller_lists_are_never_mutated() -> None:
    class Meddling(stepfun_compat.OpenAI):
        def _prepare_options(self, options: Any) -> Any:
            options.json_data["messages"].append({"role": "user", "content": "more"})
            options.json_data["messages"][0]["content"] = "other"
            return super()._prepare_options(options)

    given = json.loads(json.dumps(MESSAGES))
    client = caught(Meddling)
    with pytest.raises(Caught):
        client.chat.completions.create(model="step-3.7-flash", messages=given)
    client.sent["messages"].append("more")
    client.sent["messages"][0]["content"] = "other"
    assert given == MESSAGES


def test_deep_and_circular_lists_raise_openais_error() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    circular: Any = {"role": "user"}
    circular["content"] = [circular]
    for content in (deep, circular):
        plain, fast, off = bodies(lambda content=content: {"model": "m", "messages": [content]}, "chat.completions")
        assert type(plain) is type(fast) is type(off)
    while deep:  # taken apart step by step: freeing it at once would recurse as deep
        deep = deep.pop()


# ---------------------------------------------------------------- visibility to other code


@pytest.mark.parametrize("fast", [True, False])
def test_resources_are_openais(fast: bool) -> None:
    client = Wire().client(settings=Settings(fast_path=fast))
    later = Wire().async_client(settings=Settings(fast_path=fast))
    for resource, cls in (
        (client.chat.completions, Completions),
        (client.responses, Responses),
        (later.chat.completions, AsyncCompletions),
        (later.responses, AsyncResponses),
    ):
        assert isinstance(resource, cls)
        assert resource.__class__ is cls
        assert (type(resource).__name__, type(resource).__module__) == (cls.__name__, cls.__module__)
        for name in ("create", "parse"):
            if hasattr(cls, name):
                ours, theirs = getattr(resource, name), getattr(cls(resource._client), name)
                assert isinstance(ours, MethodType)
                assert ours.__self__ is resource
                assert inspect.signature(ours) == inspect.signature(theirs)
                assert inspect.iscoroutinefunction(ours) == inspect.iscoroutinefunction(theirs)
                assert (ours.__name__, ours.__doc__) == (theirs.__name__, theirs.__doc__)


def test_client_of_another_vendor_is_unchanged() -> None:
    wire = Wire(completion())
    client = wire.client(api_key="k", base_url="http://localhost:11434/v1")
    client.chat.completions.create(model="llama", messages=MESSAGES)
    assert wire.body == {"messages": MESSAGES, "model": "llama"}
    seen: list[Any] = []
    with mock.patch.object(fast_messages, "_plain_values", seen.append):
        client.chat.completions.create(model="llama", messages=MESSAGES)
    assert seen == []


@contextlib.contextmanager
def patched_on_the_class(cls: Any, seen: list[Any]) -> Iterator[None]:
    """Wrap a method on openai's class, as instrumentation does."""
    original = cls.__dict__["create"]

    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append((self, kwargs))
        return original(self, *args, **kwargs)

    cls.create = wrapper
    try:
        yield
    finally:
        cls.create = original


def test_patch_on_openais_class_works_and_receives_plain_messages() -> None:
    wire = Wire(completion())
    client = wire.client()
    client.chat.completions.create(model="step-3.7-flash", messages=MESSAGES)  # the fast path is set up by now
    seen: list[Any] = []
    with patched_on_the_class(Completions, seen):
        client.chat.completions.create(model="step-3.7-flash", messages=MESSAGES)
        client.chat.completions.with_raw_response.create(model="step-3.7-flash", messages=MESSAGES).parse()
        wire.client().chat.completions.create(model="step-3.7-flash", messages=MESSAGES)
    client.chat.completions.create(model="step-3.7-flash", messages=MESSAGES)
    assert len(seen) >= 2  # `with_raw_response` keeps the first method it used
    for resource, kwargs in seen:
        assert isinstance(resource, Completions)
        assert kwargs["messages"] is MESSAGES
    assert len({json.dumps(body) for body in wire.bodies}) == 1


@pytest.mark.anyio
async def test_patch_on_openais_async_class_works() -> None:
    wire = Wire(completion())
    client = wire.async_client()
    seen: list[Any] = []
    with patched_on_the_class(AsyncCompletions, seen):
        await client.chat.completions.create(model="step-3.7-flash", messages=MESSAGES)
    await client.chat.completions.create(model="step-3.7-flash", messages=MESSAGES)
    assert [kwargs["messages"] for _, kwargs in seen] == [MESSAGES]
    assert wire.bodies[0] == wire.bodies[1]


def test_mock_on_openais_class_is_used_by_the_client() -> None:
    client = Wire().client()
    with mock.patch.object(Completions, "create", return_value="mocked") as create:
        assert client.chat.completions.create is create
        assert client.chat.completions.create(model="m", messages=[]) == "mocked"
    with mock.patch("openai.resources.chat.completions.Completions.create", autospec=True) as create:
        client.chat.completions.create(model="m", messages=MESSAGES)
    create.assert_called_once_with(client.chat.completions, model="m", messages=MESSAGES)


def test_wrapt_patches_of_opentelemetry_and_langfuse_work() -> None:
    wrapt = pytest.importorskip("wrapt")
    seen: list[Any] = []

    def wrapper(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        seen.append((instance, kwargs["messages"]))
        return wrapped(*args, **kwargs)

    original = Completions.__dict__["create"]
    wire = Wire(completion())
    client = wire.client()
    wrapt.wrap_function_wrapper("openai.resources.chat.completions", "Completions.create", wrapper)
    try:
        client.chat.completions.create(model="step-3.7-flash", messages=MESSAGES)
    finally:
        Completions.create = original  # type: ignore[method-assign]
    assert seen == [(client.chat.completions, MESSAGES)]


def test_wrapper_on_the_instance_receives_plain_messages() -> None:
    wire = Wire(completion())
    client = wire.client()
    original = client.chat.completions.create
    seen: list[Any] = []

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        seen.append(kwargs["messages"])
        return original(*args, **kwargs)

    client.chat.completions.create = wrapper  # type: ignore[method-assign]
    client.chat.completions.create(model="step-3.7-flash", messages=MESSAGES)
    assert seen[0] is MESSAGES
    assert wire.body["messages"] == SENT
    del client.chat.completions.create
    assert isinstance(client.chat.completions.create, MethodType)


def test_method_errors_are_openais() -> None:
    client = Wire().client()
    plain = stock.OpenAI(api_key=KEY)
    for call in ({"messages": MESSAGES}, {"model": "m", "messages": MESSAGES, "no_such_parameter": 1}):
        with pytest.raises(TypeError) as theirs:
            plain.chat.completions.create(**call)  # type: ignore[call-overload]
        with pytest.raises(TypeError) as ours:
            client.chat.completions.create(**call)  # type: ignore[call-overload]
        assert str(ours.value) == str(theirs.value)


def test_raw_and_streamed_responses_use_the_fast_path(monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[Any] = []
    real = fast_messages._plain_values

    def plain(names: Any, kwargs: Any) -> Any:
        handed.append(kwargs)
        return real(names, kwargs)

    monkeypatch.setattr(fast_messages, "_plain_values", plain)
    wire = Wire(completion('{"text": "x"}'))
    client = wire.client()
    given: Any = {"model": "step-3.7-flash", "messages": MESSAGES}
    client.chat.completions.create(**given)
    client.chat.completions.with_raw_response.create(**given)
    with client.chat.completions.with_streaming_response.create(**given) as response:
        response.read()
    client.beta.chat.completions.parse(**given, response_format=Answer)
    client.with_options(timeout=9).chat.completions.create(**given)
    assert len(handed) == 5
    assert all(body["messages"] == SENT for body in wire.bodies)


def test_retries_send_the_same_bytes() -> None:
    wire = Wire(httpx.Response(500, json={"error": {"message": "x"}}), completion())
    client = wire.client(max_retries=1)
    with mock.patch("time.sleep"):
        client.chat.completions.create(model="step-3.7-flash", messages=MESSAGES, tools=TOOLS)
    assert wire.requests[0].content == wire.requests[1].content


# ---------------------------------------------------------------- newer SDKs


@pytest.mark.parametrize("cls", [Completions, AsyncCompletions, Responses, AsyncResponses])
def test_check_for_newer_sdks_passes_on_this_one(cls: Any) -> None:
    methods = fast_messages._CHAT if "Completions" in cls.__name__ else fast_messages._RESPONSES
    for name, names in methods.items():
        if name in vars(cls):
            assert fast_messages.checked(cls, name, vars(cls)[name], names)


def test_newer_sdk_that_reads_messages_skips_the_fast_path(monkeypatch: pytest.MonkeyPatch) -> None:
    original = inspect.unwrap(Completions.__dict__["create"])

    def create(self: Any, **kwargs: Any) -> Any:
        assert all(isinstance(message, dict) for message in kwargs["messages"])
        return original(self, **kwargs)

    newer = type(create)(
        create.__code__, {**original.__globals__, "original": original}, "create", None, create.__closure__
    )
    wire = Wire(completion())
    client = wire.client()
    monkeypatch.setattr(Completions, "create", newer)
    monkeypatch.setattr(fast_messages, "_VERIFIED", (0, 0))
    assert not fast_messages.checked(Completions, "create", newer, fast_messages._CHAT["create"])
    client.chat.completions.create(model="step-3.7-flash", messages=MESSAGES)
    assert wire.body["messages"] == SENT


def _aliased(kind: Any, seen: set[Any]) -> Iterator[tuple[Any, str]]:
    """Yield the keys openai's transform would rename in all types reachable from a type."""
    from openai._utils import PropertyInfo

    if isinstance(kind, list | tuple):
        for inner in kind:
            yield from _aliased(inner, seen)
        return
    if typing.get_origin(kind) is not None:
        yield from _aliased(typing.get_args(kind), seen)
    elif typing.is_typeddict(kind) or hasattr(kind, "__required_keys__"):
        if kind in seen:
            return
        seen.add(kind)
        from typing_extensions import get_type_hints

        for name, hint in get_type_hints(kind, include_extras=True).items():
            text = [hint, *typing.get_args(hint)]
            for layer in text:
                for note in getattr(layer, "__metadata__", ()):
                    if isinstance(note, PropertyInfo) and (note.alias or note.format):
                        yield kind, name
            yield from _aliased(hint, seen)


def test_list_parameter_types_rename_no_key_and_format_no_text() -> None:
    """Therefore openai's transform returns plain JSON unchanged and can be skipped."""
    from openai.types.chat import completion_create_params as chat
    from openai.types.responses import response_create_params as responses

    reached: set[Any] = set()
    roots = [chat.CompletionCreateParamsNonStreaming, responses.ResponseCreateParamsNonStreaming]
    assert list(_aliased(roots, reached)) == []
    assert len(reached) > 30
