"""Convert the underlying client's errors to those of openai<1.0."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import openai

from .._client.streaming import transport_error
from . import error, util
from ._headers import Headers


def from_answer(
    rbody: Any, rcode: int, resp: Any, rheaders: Any, stream_error: bool = False, message: Any = None
) -> error.OpenAIError:
    """Return the error for a status and a parsed body. `message` overrides the body's message.

    Raises:
        APIError: the body has no `error` field.
    """
    data: Any = cast("Mapping[str, Any]", resp).get("error") if isinstance(resp, Mapping) else None
    if isinstance(data, str) and data:
        data = {"message": data}
    if not isinstance(data, Mapping):
        raise error.APIError(
            f"Invalid response object from API: {rbody!r} (HTTP response code was {rcode})", rbody, rcode, resp
        )
    fields = cast("Mapping[str, Any]", data)
    text: Any = message if message is not None else fields.get("message")
    if "internal_message" in fields:
        text = f"{text}\n\n{fields['internal_message']}"
        resp = {**cast("Mapping[str, Any]", resp), "error": {**fields, "message": text}}
    util.log_info(
        "the API returned an error",
        error_code=fields.get("code"),
        error_type=fields.get("type"),
        error_message=text,
        error_param=fields.get("param"),
        stream_error=stream_error,
    )
    if rcode in (400, 404, 415):
        return error.InvalidRequestError(text, fields.get("param"), fields.get("code"), rbody, rcode, resp, rheaders)
    cls = _CLASSES.get(rcode)
    if cls is not None:
        return cls(text, rbody, rcode, resp, rheaders)
    if stream_error:
        shown = " ".join(part for part in (text, "(Error occurred while streaming.)") if part is not None)
        return error.APIError(shown, rbody, rcode, resp, rheaders)
    return error.APIError(f"{text} {rbody} {rcode} {resp} {rheaders}", rbody, rcode, resp, rheaders)


_CLASSES: Mapping[int, type[error.OpenAIError]] = {
    401: error.AuthenticationError,
    403: error.PermissionError,
    409: error.TryAgain,
    429: error.RateLimitError,
}


def unreadable(rbody: Any, rcode: int, rheaders: Any) -> error.APIError:
    """Return the error for a body that is not JSON."""
    return error.APIError(f"HTTP code {rcode} from API ({rbody})", rbody, rcode, headers=rheaders)


def status_body(problem: openai.APIStatusError) -> tuple[Any, Any]:
    """Return (the body for the program, a message that overrides the body's or None).

    The body is the server's, with the translated `error` field if the client translated it; None if it is not JSON.
    """
    response: Any = problem.response
    try:
        parsed: Any = json.loads(response.content)
    except ValueError:
        parsed = None
    seen: Any = problem.body
    mapped: Any = None
    if isinstance(seen, Mapping) and isinstance(cast("Mapping[str, Any]", seen).get("message"), str):
        mapped = dict(cast("Mapping[str, Any]", seen))
    whole: dict[str, Any]
    if isinstance(parsed, dict) and "error" in parsed:
        whole = cast("dict[str, Any]", parsed)
        if mapped is not None:
            whole = {**whole, "error": mapped}
    elif mapped is not None and problem.status_code != response.status_code:
        whole = {"error": mapped}
    else:
        return cast("Any", parsed), None
    inner: Any = whole["error"]
    own = cast("dict[str, Any]", inner).get("message") if isinstance(inner, dict) else None
    hint = getattr(problem, "hint", None)
    return whole, f"{own} ({hint})" if own and hint else None


def from_sdk(problem: BaseException, response: Any = None) -> error.OpenAIError | None:
    """Return the error for an exception of the client other than a status error; None for any other exception."""
    if response is not None and not isinstance(problem, openai.OpenAIError):
        problem = transport_error(problem, response) or problem
    if isinstance(problem, openai.APITimeoutError):
        return error.Timeout(_with_cause("Request timed out", problem))
    if isinstance(problem, openai.APIConnectionError):
        return error.APIConnectionError(_with_cause("Error communicating with OpenAI", problem))
    if isinstance(problem, openai.APIResponseValidationError):
        answer: Any = problem.response
        headers = Headers.of(answer.headers)
        try:
            text = answer.text
        except Exception:  # the stream was not read
            text = str(problem.body or "")
        try:
            json.loads(text)
        except ValueError:
            return unreadable(text, answer.status_code, headers)
        return error.APIError(
            f"Invalid response object from API: {text!r} ({problem.message})", text, answer.status_code, headers=headers
        )
    if isinstance(problem, openai.APIError):
        return in_stream(problem, response)
    if isinstance(problem, ValueError) and response is not None:
        return unreadable(str(getattr(problem, "doc", "")), response.status_code, Headers.of(response.headers))
    return None


def in_stream(problem: openai.APIError, response: Any) -> error.OpenAIError:
    """Return the error for an error object in a stream."""
    status: int = getattr(problem, "status_code", None) or getattr(response, "status_code", 200)
    seen: Any = problem.body
    inner: Any = cast("Any", seen) if isinstance(seen, dict) else {"message": problem.message}
    body: Any = {"error": inner}
    headers = Headers.of(getattr(response, "headers", None))
    return from_answer(json.dumps(body, ensure_ascii=False, default=str), status, body, headers, stream_error=True)


def _with_cause(text: str, problem: BaseException) -> str:
    cause = str(problem.__cause__ or "")
    return f"{text}: {cause}" if cause else text


def never_connected(problem: BaseException) -> bool:
    """Whether a request failed before any of it was sent, so that a retry is safe."""
    cause = problem.__cause__
    names = {cls.__name__ for cls in type(cause).__mro__} if cause is not None else set[str]()
    return isinstance(problem, openai.APIConnectionError) and bool(names & {"ConnectError", "ConnectTimeout"})
