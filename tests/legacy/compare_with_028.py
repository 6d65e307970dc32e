"""The visible behaviour of openai 0.28, call by call, as JSON.

    python tests/legacy/compare_with_028.py              with openai==0.28.1 installed: prints the results
    python tests/legacy/compare_with_028.py --ours       the same for stepfun_compat.legacy
    python tests/legacy/compare_with_028.py --record     writes expected_028.json, which the tests compare with

The calls are sent to a reference server on this machine. `group` is the comparison: `vendor` responses and requests must
be equal if `api_base` is another vendor's server; `objects` need no server.
"""

from __future__ import annotations

import asyncio
import copy
import io
import json
import logging
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __package__:
    from .reference_server import ReferenceServer
else:
    from reference_server import ReferenceServer

EXPECTED = Path(__file__).with_name("expected_028.json")
KEY = "sk-reference"
HELLO = [{"role": "user", "content": "Hello"}]


# ---------------------------------------------------------------- visible results


def seen(value: Any) -> Any:
    """Return a value as JSON, with an object's data outside its items."""
    if isinstance(value, BaseException):
        return seen_error(value)
    if hasattr(value, "to_dict_recursive"):
        beside = ("api_key", "api_version", "api_type", "organization", "engine", "response_ms")
        return {
            "class": type(value).__name__,
            "data": value.to_dict_recursive(),
            "beside": {name: getattr(value, name) for name in beside},
            "nested": nested_classes(value),
        }
    if type(value).__name__ == "OpenAIResponse":
        return {"class": "OpenAIResponse", "data": value.data, "response_ms": value.response_ms}
    if isinstance(value, bytes):
        return {"bytes": value.decode("latin-1")}
    if isinstance(value, (list, tuple)):
        return [seen(item) for item in value]
    if isinstance(value, dict):
        return {str(key): seen(item) for key, item in value.items()}
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return repr(value)


def nested_classes(value: Any) -> Any:
    if isinstance(value, dict):
        inner = {key: found for key, item in value.items() if (found := nested_classes(item)) is not None}
        return [type(value).__name__, inner]
    if isinstance(value, list):
        return [nested_classes(item) for item in value]
    return None


def seen_error(error: BaseException) -> Any:
    if not hasattr(error, "http_status"):
        return {"raised": type(error).__name__}
    message = str(error)
    for tail in ("Request timed out", "Error communicating with OpenAI"):
        if message.startswith(tail):
            message = tail  # the rest is the HTTP library's message
    if type(error).__name__ == "APIError" and error.json_body is not None and str(error.json_body) in message:
        message = message.split(str(error.json_body))[0]  # the rest lists all headers
    body = error.json_body
    says = error.user_message if message == str(error) else None
    if error.http_status is None:
        says = None  # 0.28's wording differs from ours
        message = message if message in ("Request timed out", "Error communicating with OpenAI") else None
    return {
        "raised": type(error).__name__,
        "classes": [cls.__name__ for cls in type(error).__mro__ if cls.__module__ != "builtins"],
        "message": message and message.replace("\n)", ")"),
        "says": says and says.replace("\n)", ")"),
        "http_status": error.http_status,
        "http_body": json.loads(error.http_body)
        if body is not None and "{" in str(error.http_body)
        else error.http_body and error.http_body.rstrip(),
        "json_body": body,
        "code": error.code,
        "param": getattr(error, "param", None),
        "request_id": error.request_id,
        "organization": error.organization,
        "retry_after": error.headers.get("retry-after"),
        "should_retry": getattr(error, "should_retry", None),
        "error": seen(error.error),
    }


# ---------------------------------------------------------------- calls


def calls(openai: Any, sync: bool) -> dict[str, Callable[[], Any]]:
    """Return every call, sync or async under the same name."""

    def method(cls: Any, name: str) -> Any:
        return getattr(cls, name if sync else f"a{name}")

    def chat(**kwargs: Any) -> Any:
        return method(openai.ChatCompletion, "create")(**{"model": "gpt-3.5-turbo", "messages": HELLO, **kwargs})

    def sound() -> io.BytesIO:
        file = io.BytesIO(b"RIFF....")
        file.name = "hello.wav"
        return file

    png = b"\x89PNG...."
    plain: dict[str, Callable[[], Any]] = {
        "chat": chat,
        "chat with everything": lambda: chat(
            temperature=0.5,
            stop=["x"],
            user="u",
            n=1,
            logit_bias={"1": 2},
            functions=[{"name": "f", "parameters": {}}],
            none=None,
        ),
        "chat unicode": lambda: chat(messages=[{"role": "user", "content": "Grüße, 世界 \U0001f600"}]),
        "chat by engine": lambda: chat(engine="my engine", model=None),
        "chat by deployment_id": lambda: chat(deployment_id="d"),
        "chat with timeout": lambda: chat(timeout=5),
        "chat with request_timeout": lambda: chat(request_timeout=5),
        "chat with two timeouts": lambda: chat(request_timeout=(5, 6)),
        "chat with headers": lambda: chat(headers={"X-Mine": "1"}),
        "chat with bad headers": lambda: chat(headers={"X-Mine": 1}),
        "chat with headers that are no dict": lambda: chat(headers=[("a", "b")]),
        "chat with own key": lambda: chat(api_key="sk-other"),
        "chat with organization": lambda: chat(organization="org-mine"),
        "chat with request_id": lambda: chat(request_id="mine-1"),
        "chat with api_version": lambda: chat(api_version="2020-11-07"),
        "chat with a bad api_type": lambda: chat(api_type="other"),
        "chat without a model": lambda: method(openai.ChatCompletion, "create")(messages=HELLO),
        "chat with an object as message": lambda: chat(
            messages=[openai.openai_object.OpenAIObject.construct_from({"role": "assistant", "content": ""})]
        ),
        "completion": lambda: method(openai.Completion, "create")(model="davinci", prompt="x", max_tokens=3),
        "completion by engine": lambda: method(openai.Completion, "create")(engine="davinci", prompt="x"),
        "embedding": lambda: method(openai.Embedding, "create")(model="ada", input=["a"]),
        "embedding as float": lambda: method(openai.Embedding, "create")(
            model="ada", input="a", encoding_format="float"
        ),
        "embedding as base64": lambda: method(openai.Embedding, "create")(
            model="ada", input="a", encoding_format="base64"
        ),
        "image": lambda: method(openai.Image, "create")(prompt="a cat", n=1, size="256x256"),
        "image variation": lambda: method(openai.Image, "create_variation")(image=png, n=2),
        "image edit": lambda: method(openai.Image, "create_edit")(image=png, mask=b"mask", prompt="p", size="256x256"),
        "transcribe": lambda: method(openai.Audio, "transcribe")("whisper-1", sound(), language="en"),
        "transcribe as text": lambda: method(openai.Audio, "transcribe")("whisper-1", sound(), response_format="text"),
        "transcribe_raw": lambda: method(openai.Audio, "transcribe_raw")("whisper-1", b"....", "a.mp3"),
        "translate": lambda: method(openai.Audio, "translate")("whisper-1", sound()),
        "translate_raw": lambda: method(openai.Audio, "translate_raw")("whisper-1", b"....", "a.mp3"),
        "models": lambda: method(openai.Model, "list")(),
        "model": lambda: method(openai.Model, "retrieve")("gpt 3.5"),
        "model deleted": lambda: method(openai.Model, "delete")("ft-x"),
        "engines": lambda: method(openai.Engine, "list")(),
        "files": lambda: method(openai.File, "list")(),
        "file": lambda: method(openai.File, "retrieve")("file-1"),
        "file created": lambda: method(openai.File, "create")(io.BytesIO(b"{}"), "fine-tune"),
        "file created with a name": lambda: method(openai.File, "create")(
            io.BytesIO(b"{}"), purpose="fine-tune", user_provided_filename="a.jsonl"
        ),
        "file deleted": lambda: method(openai.File, "delete")("file-1"),
        "files that match": lambda: method(openai.File, "find_matching_files")("/x/a.jsonl", 5, "fine-tune"),
        "moderation": lambda: method(openai.Moderation, "create")("a"),
        "moderation by model": lambda: method(openai.Moderation, "create")(["a", "b"], model="text-moderation-stable"),
        "moderation by a wrong model": lambda: method(openai.Moderation, "create")("a", model="gpt-4"),
        "edit": lambda: method(openai.Edit, "create")(model="edit", input="a", instruction="b"),
        "edit with azure": lambda: method(openai.Edit, "create")(engine="edit", input="a", api_type="azure"),
        "deployments without azure": lambda: method(openai.Deployment, "list")(),
        "job": lambda: method(openai.FineTuningJob, "create")(training_file="file-1", model="gpt-3.5-turbo"),
        "jobs": lambda: method(openai.FineTuningJob, "list")(limit=2),
        "job cancelled": lambda: method(openai.FineTuningJob, "cancel")("ftjob-1"),
        "customer": lambda: method(openai.Customer, "create")("c1", "things", a=1),
        "requestor": lambda: method(openai.api_requestor.APIRequestor(), "request")(
            "get", "/models", {"a": 1, "b": None}
        ),
        "requestor without content": lambda: method(openai.api_requestor.APIRequestor(), "request")("get", "/nothing"),
    }
    if sync:
        plain |= {
            "file downloaded": lambda: openai.File.download("file-1"),
            "job events": lambda: openai.FineTuningJob.list_events("ftjob-1", limit=3),
            "all jobs": lambda: list(openai.FineTuningJob.auto_paging_iter()),
            "fine-tune events": lambda: openai.FineTune.list_events("ft-1"),
            "file processed": lambda: openai.File.wait_for_processing("file-1"),
            "file not there": lambda: openai.File.download("file-9"),
        }
    kinds = ("400", "401", "403", "404", "415", "422", "429", "500", "502", "503", "internal", "request-id")
    for kind in (*kinds, "html", "html-200", "text", "detail", "empty", "bad-json", "again"):
        plain[f"error {kind}"] = lambda kind=kind: chat(model=f"error-{kind}")
    plain["error 429 on a stream"] = lambda: chat(model="error-429", stream=True)
    plain["error hang-up"] = lambda: chat(model="error-hang-up")
    plain["error slow"] = lambda: chat(model="error-slow", request_timeout=0.2)
    return plain


def streams(openai: Any, sync: bool) -> dict[str, Callable[[], Any]]:
    """Every streamed call."""

    def chat(**kwargs: Any) -> Any:
        cls = openai.ChatCompletion
        return (cls.create if sync else cls.acreate)(**{"messages": HELLO, "stream": True, **kwargs})

    cls = openai.Completion
    found: dict[str, Callable[[], Any]] = {
        "stream": lambda: chat(model="gpt-3.5-turbo"),
        "stream with a call": lambda: chat(model="stream-call"),
        "stream by engine": lambda: chat(engine="e"),
        "stream with odd lines": lambda: chat(model="stream-odd"),
        "stream with an error": lambda: chat(model="stream-error"),
        "stream with bad JSON": lambda: chat(model="stream-bad"),
        "stream of a completion": lambda: (cls.create if sync else cls.acreate)(model="ada", prompt="x", stream=True),
    }
    if sync:
        found["stream of events"] = lambda: openai.FineTune.stream_events("ft-1")
    return found


def objects(openai: Any) -> dict[str, Callable[[], Any]]:
    """Return the calls that need no server."""
    made = openai.openai_object.OpenAIObject
    data = {
        "id": "x",
        "object": "thing",
        "empty": "",
        "list": [{"a": 1}, [{"b": 2}]],
        "in": {"object": "model", "id": "m"},
    }

    def thing() -> Any:
        return made.construct_from(data, "sk-1", "v1", "org-1", "e", 5)

    def changed(change: Callable[[Any], Any]) -> Any:
        value = thing()
        change(value)
        return value

    def hierarchy() -> Any:
        names = sorted(name for name in vars(openai.error) if isinstance(vars(openai.error)[name], type))
        return {
            name: [cls.__name__ for cls in vars(openai.error)[name].__mro__]
            for name in names
            if issubclass(vars(openai.error)[name], openai.error.OpenAIError)
        }

    def urls(kind: str, version: Any) -> Any:
        found = {
            name: getattr(openai, name).class_url() for name in ("Model", "File", "Image", "Audio", "FineTuningJob")
        }
        for cls in (openai.ChatCompletion, openai.Completion, openai.Embedding):
            found[cls.__name__] = cls.class_url("my engine", kind, version)
        found["one"] = openai.File(id="a b", api_type=kind, api_version=version).instance_url()
        found["operation"] = openai.Model(id="a", api_type=kind, api_version=version).instance_url("cancel")
        return found

    def pickled_error(error: Any) -> Any:
        return pickle.loads(pickle.dumps(error))

    error = openai.error
    response = openai.openai_response.OpenAIResponse
    return {
        "version": lambda: [openai.__version__, openai.version.VERSION, openai.VERSION],
        "names": lambda: sorted(openai.__all__),
        "settings": lambda: {n: getattr(openai, n) for n in ("proxy", "log", "debug", "app_info", "requestssession")},
        "aiosession": lambda: [openai.aiosession.name, openai.aiosession.get()],
        "hierarchy": hierarchy,
        "object": thing,
        "object attributes": lambda: [thing().id, thing()["list"][0].a, thing().openai_id, thing().get("no", 1)],
        "object without attribute": lambda: thing().missing,
        "object without private attribute": lambda: thing()._missing,
        "object as string": lambda: str(thing()),
        "object as JSON": lambda: json.dumps(thing()),
        "object repr": lambda: repr(thing()).split(" at ")[0],
        "object equals dict": lambda: thing() == data,
        "object to_dict": lambda: {k: type(v).__name__ for k, v in thing().to_dict().items()},
        "object pickled": lambda: pickle.loads(pickle.dumps(thing())),
        "object copied": lambda: copy.copy(thing()),
        "object deep copied": lambda: copy.deepcopy(thing()),
        "object set by attribute": lambda: changed(lambda o: setattr(o, "new", {"a": 1})),
        "object set beside": lambda: changed(lambda o: setattr(o, "api_key", "sk-2")),
        "object set to an empty string": lambda: changed(lambda o: o.__setitem__("a", "")),
        "object deleted from": lambda: changed(lambda o: o.__delitem__("id")),
        "object attribute deleted": lambda: changed(lambda o: delattr(o, "id")),
        "object refreshed": lambda: changed(lambda o: o.refresh_from({"id": "y", "object": "thing"}, response_ms=9)),
        "object made": lambda: made("i", engine="e", response_ms=3, extra=1),
        "object made wrongly": lambda: made(response_ms="3"),
        "object types": lambda: [
            type(openai.util.convert_to_openai_object({"object": kind})).__name__
            for kind in ("engine", "file", "model", "fine-tune", "deployment", "fine_tuning.job", "x")
        ],
        "error object": lambda: openai.ErrorObject.construct_from({"code": 1}),
        "converted": lambda: openai.util.convert_to_openai_object([{"a": {"b": 1}}, 2, "x"], "sk-1"),
        "converted back": lambda: [type(v).__name__ for v in openai.util.convert_to_dict(thing()).values()],
        "plain old data": lambda: openai.util.convert_to_openai_object({"a": 1}, plain_old_data=True),
        "converted response": lambda: openai.util.convert_to_openai_object(
            response({"a": 1}, {"OpenAI-Organization": "o", "Openai-Processing-Ms": "6.5"})
        ),
        "response": lambda: [
            response(1, {}).retry_after,
            response(1, {"retry-after": "4"}).retry_after,
            response(1, {"request-id": "r"}).request_id,
            response(1, {}).response_ms,
            response(1, {"operation-location": "l"}).operation_location,
        ],
        "merged": lambda: openai.util.merge_dicts({"a": 1, "b": 1}, {"b": 2}),
        "logfmt": lambda: openai.util.logfmt({"b": "x y", "a": 1, "c d": b"bytes", "e": None}),
        "API types": lambda: [
            openai.util.ApiType.from_str(n).name for n in ("azure", "AZURE_AD", "azuread", "open_ai", "OpenAI")
        ],
        "bad API type": lambda: openai.util.ApiType.from_str("x"),
        "typed API type": lambda: [made(api_type="azure").typed_api_type.name, made().typed_api_type.name],
        "key headers": lambda: [openai.util.api_key_to_header(t, "k") for t in openai.util.ApiType],
        "URLs": lambda: urls("open_ai", None),
        "URLs of azure": lambda: urls("azure", "2023-05-15"),
        "URL without an id": lambda: openai.File().instance_url(),
        "plain error": lambda: (
            error.OpenAIError("m", b"\xff", 500, {"error": {"type": "t"}}, {"request-id": "r"}, "c").error
        ),
        "plain error as string": lambda: str(error.OpenAIError("m", headers={"request-id": "r"})),
        "plain error repr": lambda: repr(error.RateLimitError("m", http_status=429)),
        "empty error": lambda: str(error.APIError()),
        "invalid error repr": lambda: repr(error.InvalidRequestError("m", "p", code="c", http_status=400)),
        "invalid error pickled": lambda: pickled_error(error.InvalidRequestError("m", "p", code="c", http_status=400)),
        "rate error pickled": lambda: pickled_error(error.RateLimitError("m", http_status=429)),
        "signature error pickled": lambda: pickled_error(error.SignatureVerificationError("m", "h")).sig_header,
        "connection error": lambda: error.APIConnectionError("m", should_retry=True),
        "app info": lambda: [
            openai.api_requestor.APIRequestor.format_app_info(info)
            for info in ({"name": "a", "version": "1", "url": "u"}, {"name": "a", "version": None, "url": None})
        ],
        "stream lines": lambda: list(
            openai.api_requestor.parse_stream([b"", b": c", b"data: a", b"data:b", b"event: x", b"data: [DONE]"])
        ),
    }


# ---------------------------------------------------------------- running them


def attempt(call: Callable[[], Any]) -> Any:
    try:
        return seen(call())
    except Exception as error:
        return seen(error)


def streamed(call: Callable[[], Any]) -> Any:
    items: list[Any] = []
    try:
        for item in call():
            items.append(seen(item))
    except Exception as error:
        items.append(seen(error))
    return items


async def aattempt(call: Callable[[], Any]) -> Any:
    try:
        return seen(await call())
    except Exception as error:
        return seen(error)


async def astreamed(call: Callable[[], Any]) -> Any:
    items: list[Any] = []
    try:
        async for item in await call():
            items.append(seen(item))
    except Exception as error:
        items.append(seen(error))
    return items


def run(openai: Any, server: ReferenceServer) -> dict[str, Any]:
    """Return the visible result and the sent requests of each call by name."""
    openai.api_key, openai.api_base = KEY, server.url
    results: dict[str, Any] = {}

    def keep(name: str, got: Any, group: str = "vendor") -> None:
        wire = server.take()
        results[name] = {"group": group, "got": got, **({"wire": wire} if group == "vendor" else {})}

    for name, call in objects(openai).items():
        keep(name, attempt(call), "objects")
    for name, call in calls(openai, True).items():
        keep(f"sync: {name}", attempt(call))
    for name, call in streams(openai, True).items():
        keep(f"sync: {name}", streamed(call))

    async def all_async() -> None:
        for name, call in calls(openai, False).items():
            keep(f"async: {name}", await aattempt(call))
        for name, call in streams(openai, False).items():
            keep(f"async: {name}", await astreamed(call))

    asyncio.run(all_async())
    return json.loads(json.dumps(results))


def main(arguments: list[str]) -> None:
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # 0.28 leaves a session open when a stream breaks
    if "--ours" in arguments:
        import stepfun_compat.legacy as openai
    else:
        import openai  # type: ignore[no-redef]
        import openai.api_requestor
        import openai.version

        if openai.__version__ != "0.28.1":
            raise SystemExit(f"this environment has openai {openai.__version__}, not 0.28.1")
    with ReferenceServer() as server:
        results = run(openai, server)
    text = json.dumps(results, indent=1, ensure_ascii=False, sort_keys=True)
    if "--record" in arguments:
        EXPECTED.write_text(text + "\n", encoding="utf-8")
    else:
        sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
