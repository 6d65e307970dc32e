"""Read, check and translate responses, and build the errors of a call."""

from __future__ import annotations

import functools
import inspect
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import openai

from .. import errors, http_objects
from ..endpoints.base import PassThroughEndpoint, WireResponse
from ..endpoints.context import RequestRejected
from ..endpoints.json_values import UnexpectedBody, json_bytes, type_of
from ..report import report
from . import BODY, DATA, EXTENSION
from .context import RAW, CallState, ClientContext, unsent_options

if TYPE_CHECKING:
    from ..endpoints.base import StreamTransform

_CUT_AFTER = 590.0  # seconds: StepFun cuts a request at ten minutes with 503 (stepfun-api 9.1)


def rejection(context: ClientContext, refusal: RequestRejected, request: Any) -> openai.APIStatusError:
    """Return a `RequestRejected` as the exception that OpenAI code catches, with a response created here."""
    body = {"message": refusal.message, "type": refusal.type, "param": refusal.param, "code": refusal.code}
    request = http_objects.redact_request(request)
    response = context.http_module().Response(refusal.status, json={"error": body}, request=request)
    return errors.error_class(refusal.status, refusal.code)(refusal.message, response=response, body=body)


def with_partial(call: CallState, error: Any) -> Any:
    """Attach to the error of a call of several requests what has been done and paid for so far."""
    error.partial = call.request_context.partial
    return error


def unsent_request(context: ClientContext, options: Any) -> Any:
    """Return a request that is never sent, for an error that needs one. It requires no key, nor OpenAI's admin key."""
    url = str(context.client._prepare_url(options.url))
    return context.http_module().Request(options.method.upper(), url)


def set_request_id(response: Any) -> None:
    """Copy StepFun's request id to the header that the SDK reads (stepfun-api 9.1)."""
    trace = response.headers.get("x-trace-id")
    if trace and "x-request-id" not in response.headers:
        response.headers["x-request-id"] = trace


def returns_wire(context: ClientContext, call: CallState) -> bool:
    """Return whether raw responses stay as StepFun sent them. Never for Responses, which may have been sent as chat."""
    return context.settings.raw == "wire" and not call.endpoint.name.startswith("responses")


def wants_body(call: CallState, response: Any, cast_to: Any) -> bool:
    """Return whether to read and translate the complete body before the SDK parses it."""
    if call.already_translated or call.is_step:
        return False
    if call.endpoint.answers_bytes:  # audio passes through unread; an HTML page or an error object is checked
        kind = _media_type(response)
        return kind == "text/html" or kind.endswith("json")
    changes = type(call.endpoint).transform_response is not PassThroughEndpoint.transform_response
    return changes or _expects_json(cast_to)


def translated(
    context: ClientContext, call: CallState, options: Any, response: Any, body: bytes, cast_to: Any
) -> tuple[Any, Any]:
    """Return the translated response, and the options to parse it with. A caller of raw responses always gets one; an
    invalid body raises when it is parsed."""
    raw: str | None = response.request.headers.get(RAW)
    streamed = raw == "stream"
    try:
        answer = _translated_body(context, call, response, body, cast_to, raw)
        return http_objects.unread(answer, context.http_module()) if streamed else answer, options
    except openai.APIResponseValidationError as error:
        if not raw:
            raise
        wrong = errors.redact(error)
    if streamed:
        response = http_objects.unread(response, context.http_module())

    def parse(*_: object, **__: object) -> Any:
        raise wrong

    if not isinstance(wrong.__cause__, UnexpectedBody):
        response.json = parse
    options = options.model_copy()
    options.post_parser = parse
    return response, options


def _translated_body(
    context: ClientContext, call: CallState, response: Any, body: bytes, cast_to: Any, raw: str | None
) -> Any:
    """Check and translate a complete body, and return the response to continue with. `raw` is the header `RAW`.

    Raises:
        openai.APIResponseValidationError: the body is not what the endpoint returns.
    """
    kind = _media_type(response)
    is_json, wants_json = kind.endswith("json"), _expects_json(cast_to)
    if is_json and cast_to is type(None) and not body.strip():
        return response
    data: Any = _decoded(response, body, kind, is_json or wants_json)
    if type(call.endpoint).transform_response is not PassThroughEndpoint.transform_response:
        try:
            data = _transformed(context, call, response, data, wants_json)
        except UnexpectedBody:  # the caller parses the response, not the SDK
            return response
    elif is_json or not wants_json:
        return response
    if not (is_json and wants_json) or isinstance(data, bytes | str) or raw:
        return _rebuilt(context, call, response, body, data, raw, parsed=is_json and wants_json)
    response.extensions[DATA] = data
    return response


def _decoded(response: Any, body: bytes, kind: str, as_json: bool) -> Any:
    """Decode a body for an endpoint: JSON is parsed, text becomes a string, anything else stays bytes.

    Raises:
        openai.APIResponseValidationError: the body should be JSON and is not.
    """
    if not as_json:
        return response.text if kind.startswith("text/") else body
    try:
        return json.loads(body)
    except ValueError as error:
        shown = body.decode("utf-8", "replace")
        raise openai.APIResponseValidationError(
            response=response,
            body=shown,
            message=f"Expected JSON but received {kind or 'a body without a content type'}: {shown[:200]!r}",
        ) from error


def _transformed(context: ClientContext, call: CallState, response: Any, data: Any, wants_json: bool) -> Any:
    """Translate a body into OpenAI's shape, report the changes and record its usage.

    Raises:
        openai.APIError: the body is an error object, or not what the endpoint returns.
        UnexpectedBody: the body is not what the endpoint returns, and the SDK does not parse it.
    """
    if type_of(data) is dict and len(data) == 1 and isinstance(data.get("error"), Mapping):
        raise errors.from_stream(data["error"], request=response.request, response=response)
    try:
        data = call.endpoint.transform_response(data, call.request_context)
    except UnexpectedBody as error:
        if not wants_json and not call.endpoint.answers_bytes:
            raise
        raise openai.APIResponseValidationError(
            response=response, body=cast("object", data), message=str(error)
        ) from error
    except RequestRejected as refusal:
        raise rejection(context, refusal, response.request) from None
    call.reported = report(call.request_context, call.reported)
    context.family.record(call.request_context, data)
    return data


def _rebuilt(
    context: ClientContext, call: CallState, response: Any, body: bytes, data: Any, raw: str | None, *, parsed: bool
) -> Any:
    """Return the response with `data` as its body, encoded for callers who read raw responses or types other than JSON.
    `parsed` is True if the SDK builds the object from the data in the response's extensions."""
    if isinstance(data, bytes):
        kind = _media_type(response) or "application/octet-stream"
        return response if data == body else http_objects.rebuild(response, data, kind)
    if isinstance(data, str):
        return http_objects.rebuild(response, data.encode("utf-8"), "text/plain; charset=utf-8")
    if parsed and returns_wire(context, call):
        response.extensions[DATA] = data
        return response
    if parsed and context.family.encodes_bodies and raw == "true":
        response.extensions[BODY] = data
        return response
    return http_objects.rebuild(response, json_bytes(data), "application/json")


def local_response(context: ClientContext, call: CallState, options: Any, reply: WireResponse, last: Any) -> Any:
    """Return the response for a script's result: the last real response rebuilt, or a new one if there is none."""
    body = reply.body
    if isinstance(body, Path):
        return http_objects.file_response(
            context.http_module(), body, "application/octet-stream", _unsent_call(context, call, options)
        )
    if isinstance(body, bytes):
        content, kind = body, "application/octet-stream"
    elif isinstance(body, str):
        content, kind = body.encode("utf-8"), "text/plain; charset=utf-8"
    else:
        content, kind = json_bytes(body), "application/json"
    kind = next((v for k, v in reply.headers.items() if k.lower() == "content-type"), kind)
    if last is not None:
        return http_objects.rebuild(last, content, kind, status=reply.status)
    request = _unsent_call(context, call, options)
    headers = {**{k: v for k, v in reply.headers.items() if k.lower() != "content-type"}, "content-type": kind}
    return context.http_module().Response(reply.status, headers=headers, content=content, request=request)


def _unsent_call(context: ClientContext, call: CallState, options: Any) -> Any:
    """Return the request that a call would have sent, for the response of a call that sent none."""
    request: Any = context.client._build_request(unsent_options(call, options))
    request.extensions[EXTENSION] = call
    return request


def reply_of(call: CallState, response: Any) -> WireResponse:
    """Return a response that has been read as the reply for a script.

    Raises:
        openai.APIResponseValidationError: the body should be JSON and is not.
    """
    kind = _media_type(response)
    body: Any = response.content
    if kind.endswith("json") or (not kind.startswith(("audio/", "image/", "text/")) and body[:1] in (b"{", b"[")):
        try:
            body = json.loads(body)
        except ValueError as error:
            raise openai.APIResponseValidationError(response=response, body=response.text) from error
    elif kind.startswith("text/"):
        if call.endpoint.name == "chat.completions":
            raise openai.APIResponseValidationError(response=response, body=response.text)
        body = response.text
    return WireResponse(body, response.status_code, dict(response.headers))


def stream_done(context: ClientContext, call: CallState, transform: StreamTransform) -> None:
    """Finish a stream: record its usage, report the changes, and check for a missing forced tool call."""
    usage = getattr(transform, "usage", None)
    if usage:
        context.family.record(call.request_context, {"usage": usage})
    call.reported = report(call.request_context, call.reported)
    check_forced_tool_call(context, call, None)


def check_forced_tool_call(context: ClientContext, call: CallState, request: Any, body: Any = None) -> None:
    """Report a forced tool call that the model did not make: an error or a warning, as `on_unsupported` says."""
    request_context = call.request_context
    if not request_context.forced_call_missing:
        return
    text = f"{request_context.model_id} did not make the tool call that tool_choice requires"
    if request_context.settings.on_unsupported == "error":
        refusal = RequestRejected(text + ".", code="tool_choice_not_honoured", param="tool_choice")
        request = request or context.http_module().Request("POST", str(context.client._base_url))
        error = rejection(context, refusal, request)
        if body is not None:
            error.body = body
        raise error
    request_context.record_change("miss", "tool_choice", None, None, text, lossy=True)
    call.reported = report(request_context, call.reported)


def cut_by_stepfun(call: CallState, response: Any) -> bool:
    """Return whether StepFun cut the request at its limit of ten minutes (stepfun-api 9.1)."""
    return response.status_code == 503 and time.monotonic() - call.started >= _CUT_AFTER


def _media_type(response: Any) -> str:
    """Return the content type without its parameters."""
    return str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()


def _expects_json(cast_to: Any) -> bool:
    """Return whether the SDK parses the body as JSON for this cast."""
    try:
        return _json_cast(cast_to)
    except TypeError:  # an unhashable type
        return _json_cast.__wrapped__(cast_to)


@functools.lru_cache(maxsize=256)
def _json_cast(cast_to: Any) -> bool:
    origin = getattr(cast_to, "__origin__", None) or cast_to
    if not inspect.isclass(origin):
        return True
    if issubclass(origin, str | bytes | int | float | bool | type(None)):
        return False
    module = origin.__module__.partition(".")[0]
    return not (
        module in ("httpx", "httpx2")
        or origin.__name__ == "HttpxBinaryResponseContent"
        or any(base.__name__ in ("BaseAPIResponse", "LegacyAPIResponse") for base in origin.__mro__)
    )
