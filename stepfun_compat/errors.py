"""The errors of this package. Each subclasses an openai error that existing code already catches.

    openai.OpenAIError
    ├── SettingsError (also ValueError)           an invalid setting: names the variable, the value, what is allowed
    ├── KeyRefusedError                           a key that must not be sent to this host, or no key at all
    └── openai.APIError
        └── openai.APIStatusError
            ├── openai.BadRequestError
            │   ├── ContentFilteredError          StepFun's 451, and images blocked with a 200
            │   ├── UnsupportedParameterError     refused here, before the network
            │   └── ToolChoiceNotHonouredError    the model did not make the call that tool_choice requires
            ├── openai.NotFoundError
            │   ├── ModelNotFoundError            an unknown model id (StepFun may answer 400 or 404)
            │   └── EndpointNotAvailableError     StepFun, or this plan, has no such endpoint
            ├── openai.PermissionDeniedError
            │   └── NoSubscriptionError           the key has no active Step Plan (StepFun answers 400)
            ├── openai.RateLimitError
            │   └── QuotaExceededError            StepFun's 402: never retried
            └── …                                 all other statuses: openai's own classes

For the mapping and wording of StepFun's error bodies, see stepfun-api 9.
"""

from __future__ import annotations

import contextlib
import copyreg
import json
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import openai

# The catalog is imported where an error body is read; the classes alone do not need it.
from .http_objects import rebuild, redact_request


class SettingsError(openai.OpenAIError, ValueError):
    """A setting has a value that is not allowed."""


class KeyRefusedError(openai.OpenAIError):
    """There is no usable key, or the key must not be sent to this host."""


class ContentFilteredError(openai.BadRequestError):
    """StepFun's content review blocked the request or the response. Never retried."""


class UnsupportedParameterError(openai.BadRequestError):
    """A parameter that StepFun does not support, refused before any connection is made."""


class ToolChoiceNotHonouredError(openai.BadRequestError):
    """The model did not make the tool call that `tool_choice` requires. `body` contains its response."""


class ModelNotFoundError(openai.NotFoundError):
    """The model does not exist, or the key may not use it."""


class EndpointNotAvailableError(openai.NotFoundError):
    """StepFun, or the Step Plan, does not offer this endpoint. Raised before any connection if that is known."""


class NoSubscriptionError(openai.PermissionDeniedError):
    """The request was sent to a Step Plan URL with a key that has no active Step Plan subscription."""


class QuotaExceededError(openai.RateLimitError):
    """The balance or the plan is used up (HTTP 402). Never retried."""


class _Terms(NamedTuple):
    """The status and code OpenAI would have returned. `param` is used if the body names no parameter."""

    status: int
    code: str | None
    type: str | None
    param: str | None = None


def mapped_body(status: int, body: object) -> tuple[int, dict[str, Any]]:
    """Convert StepFun's error body to OpenAI's form: (OpenAI's status, `{message, type, param, code}`).

    StepFun sends `{"error": {"message", "type"}}` without `code` (stepfun-api 9.1); missing fields become None. `body`
    is the inner error object as the SDK passes it, or any other response body.
    """
    inner = _error_object(body)
    message = inner.get("message")
    message = message if isinstance(message, str) else ("" if message is None else str(message))
    kind = inner.get("type")
    kind = kind if isinstance(kind, str) else None
    sent: Any = inner.get("code")
    code: str | None = str(sent) if isinstance(sent, str | int) else None  # some gateways send a number
    terms = (
        _terms_of_failure(status, code, kind)
        or _terms_of_wording(status, code, kind, message)
        or _terms_of_code_or_status(status, code, kind)
    )
    param = terms.param or _named_parameter(message)
    if param is not None:
        inner.setdefault("param", param)
    message = _with_openai_phrase(message, terms.code)
    mapped: dict[str, Any] = {
        **inner,
        "message": message,
        "type": terms.type,
        "param": inner.get("param"),
        "code": sent if terms.code == str(sent) else terms.code,
    }
    return terms.status, mapped


def _named_parameter(message: str) -> str | None:
    """Return the parameter that StepFun's message names, None if it names none."""
    from .catalog.failures import NAMED_PARAMETER

    found = NAMED_PARAMETER.match(message)
    return found[1] if found is not None else None


def _error_object(body: object) -> dict[str, Any]:
    """Return the error object of a body as a new dict; plain text becomes its message."""
    if isinstance(body, Mapping):
        outer = cast("Mapping[str, Any]", body)
        error = outer.get("error", outer)
        if isinstance(error, Mapping):
            return dict(cast("Mapping[str, Any]", error))
        if error:
            return {"message": str(error)}
    elif isinstance(body, str) and body.strip():
        return {"message": body.strip()}
    return {}


def _terms_of_failure(status: int, code: str | None, kind: str | None) -> _Terms | None:
    """Return the terms for StepFun's own statuses and types: a used-up balance, content review, a model that does not
    exist."""
    from .catalog.failures import ERROR_TYPES

    known = ERROR_TYPES.get(kind or "")
    if status == 402 or kind == "quota_exceeded":
        return _Terms(429, "insufficient_quota", "insufficient_quota")
    if status == 451 or (known is not None and known.code == "content_filter"):
        return _Terms(400, "content_filter", "invalid_request_error")
    if status in (400, 404) and "model_not_found" in (code, known and known.code):
        return _Terms(404, "model_not_found", "invalid_request_error", "model")
    return None


def _terms_of_wording(status: int, code: str | None, kind: str | None, message: str) -> _Terms | None:
    """Return the terms recognized by the message, unless a known code contradicts them."""
    from .catalog.failures import PHRASES, WORDINGS

    wording = next((row for row in WORDINGS if status in row.wire and row.pattern.search(message)), None)
    own = code if code in PHRASES or code in _OWN_CLASSES else None
    if wording is None or own not in (None, wording.code):
        return None
    limited = wording.status == 429
    return _Terms(
        wording.status, wording.code, (kind or "rate_limited") if limited else "invalid_request_error", wording.param
    )


def _terms_of_code_or_status(status: int, code: str | None, kind: str | None) -> _Terms:
    """Return the terms of a code in the body, unchanged, since such a server already uses OpenAI's form; else those of
    the status."""
    if status in (400, 413) and code == "context_length_exceeded":
        return _Terms(400, code, "invalid_request_error", "messages")
    if code is not None:
        return _Terms(status, code, kind)
    if status == 401:
        return _Terms(status, "invalid_api_key", "invalid_request_error")
    if status == 429:
        return _Terms(status, "rate_limit_exceeded", kind or "rate_limited")
    if status == 400:
        return _Terms(status, None if kind == "invalid_request_error" else kind, "invalid_request_error")
    return _Terms(status, None, kind)


def _with_openai_phrase(message: str, code: str | None) -> str:
    """Return StepFun's message, after the words of OpenAI's message that programs search for if it lacks them."""
    from .catalog.failures import PHRASES

    words, start = PHRASES.get(code or "", ("", ""))
    if words in message.lower():
        return message
    return f"{start}: {message}" if message else start


def _hint(message: str, code: object) -> str | None:
    """Return the advice for an error, or None."""
    from .catalog.failures import HINTS, MESSAGE_HINTS

    low = message.lower()
    return next((advice for words, advice in MESSAGE_HINTS if words in low), HINTS.get(str(code)))


_OWN_CLASSES: Mapping[str, type[openai.APIStatusError]] = {
    "insufficient_quota": QuotaExceededError,
    "content_filter": ContentFilteredError,
    "content_policy_violation": ContentFilteredError,
    "no_active_subscription": NoSubscriptionError,
    "model_not_found": ModelNotFoundError,
    "endpoint_not_available": EndpointNotAvailableError,
    "unsupported_parameter": UnsupportedParameterError,
    "tool_choice_not_honoured": ToolChoiceNotHonouredError,
}
_STOCK_CLASSES: Mapping[int, type[openai.APIStatusError]] = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
}


def error_class(status: int, code: object) -> type[openai.APIStatusError]:
    """Return the error class for OpenAI's status and code."""
    own = _OWN_CLASSES.get(str(code))
    stock = _STOCK_CLASSES.get(status) or (openai.InternalServerError if status >= 500 else openai.APIStatusError)
    return own if own is not None and issubclass(own, stock) else stock


def _no_such_path(response: Any) -> dict[str, Any]:
    """Return OpenAI's message for a 404 without JSON, StepFun's response to an unknown path, with advice."""
    path = response.request.url.path
    code, advice = None, "Check the base URL, which ends in /v1."
    if "/step_plan/" in path:
        code = "endpoint_not_available"
        advice = "A Step Plan serves chat, images, speech and transcription; the rest needs STEPFUN_PLAN=standard."
    message = f"Invalid URL ({response.request.method} {path}): StepFun has no such path. {advice}"
    return {"message": message, "type": "invalid_request_error", "code": code}


def from_response(err_msg: str, *, body: object, response: Any) -> openai.APIStatusError:
    """Return the exception for an error response of StepFun, with `code`, `param`, `type` and `request_id` filled in.

    `status_code` and `response` are those OpenAI would have returned (402 -> 429, 451 -> 400, stepfun-api 9.2); headers
    and request are the original ones. `hint` is the advice or None, and is part of the text.
    """
    given = body
    status, mapped = mapped_body(response.status_code, body)
    if response.status_code == 404 and not isinstance(body, Mapping) and mapped["code"] is None:  # stepfun-api 1, 9.1
        body = mapped = {**mapped, **_no_such_path(response)}
    message, hint = mapped["message"], _hint(mapped["message"], mapped["code"])
    if message and (isinstance(body, Mapping) or status != response.status_code or mapped["code"] is not None):
        shown, response = _with_hint(message, hint), _answer(response, status, mapped)
        # Up to 3.0 the SDK's text is the complete body, in which programs search for a code; later it is the message.
        whole = err_msg.endswith(f" - {given}")
        text = f"Error code: {status} - " + (str({"error": {**mapped, "message": shown}}) if whole else shown)
        body = {"error": mapped}
    else:
        text = err_msg
        if response.request.url.userinfo or response.request.url.query:
            response.request = redact_request(response.request)
    error: Any = error_class(status, mapped["code"])(text, response=response, body=mapped)
    error.hint = hint
    error.body = cast("Mapping[str, Any]", body).get("error", body) if isinstance(body, Mapping) else body
    error.status_code = status
    if error.request_id is None:
        error.request_id = response.headers.get("x-trace-id")
    return error


def _with_hint(message: str, hint: str | None) -> str:
    return f"{message} ({hint})" if hint else message


def _answer(response: Any, status: int, mapped: Mapping[str, Any]) -> Any:
    """Return the response OpenAI would have sent for an error in its form."""
    content = json.dumps({"error": mapped}, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return rebuild(response, content, "application/json", status, redact_request(response.request))


def _status_in(error: Mapping[str, Any]) -> int | None:
    """Return the HTTP status of an error object: that of its type, else the one in its code."""
    from .catalog.failures import ERROR_TYPES

    known = ERROR_TYPES.get(str(error.get("type")))
    if known is not None:
        return known.wire
    code = str(error.get("code") or "")
    return int(code) if code.isdecimal() and 400 <= int(code) < 600 else None


def from_stream(body: Any, *, request: Any, response: Any) -> openai.APIError:
    """Return the exception for an error object inside a stream.

    The object's type, its message or a status as its code (stepfun-api 9.1) determine the class, which is that of the
    same error without a stream (stepfun-api 9.2). If none of them is known, it is a plain `openai.APIError`, as the
    stock client raises.
    """
    status = _status_in(cast("Mapping[str, Any]", body)) if isinstance(body, Mapping) else None
    seen, mapped = mapped_body(status or 0, cast("object", body))
    hint = _hint(mapped["message"], mapped["code"])
    text = _with_hint(mapped["message"] or "An error occurred during streaming", hint)
    cls = error_class(seen, mapped["code"])
    if (status is None and mapped["code"] is None) or cls is openai.APIStatusError:
        return openai.APIError(text, request=redact_request(request), body=cast("object", body))
    error: Any = cls(text, response=_answer(response, seen, mapped), body=mapped)
    error.hint = hint
    error.request_id = error.request_id or response.headers.get("x-trace-id")
    return error


# ---------------------------------------------------------------- copies and pickles


def _restored(cls: type[BaseException], args: tuple[Any, ...], state: dict[str, Any]) -> BaseException:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


def _reduced(error: BaseException) -> tuple[Any, ...]:
    """Return the values for `copy` and `pickle`, whose default uses the arguments of `__init__` and lacks some."""
    state = dict(vars(error))
    response: Any = state.get("response")
    if response is not None:
        state["response"] = _data_of(response)
    return _restored, (type(error), error.args, state)


def _data_of(response: Any) -> Any:
    """Return a response without what cannot be pickled: its connection, and functions set on it."""
    kept = {name: value for name, value in response.__getstate__().items() if not callable(value)}
    kept.setdefault("default_encoding", "utf-8")
    cls = cast("Any", type(response))
    made: Any = cls.__new__(cls)
    made.__setstate__(kept)
    return made


def _with_subclasses(cls: type[BaseException]) -> set[type[BaseException]]:
    return {cls}.union(*(_with_subclasses(sub) for sub in cls.__subclasses__()))


def _register_pickling() -> None:
    """Let errors of openai and of this package be copied and pickled, without changing openai's classes."""
    for cls in _with_subclasses(openai.APIError):
        copyreg.pickle(cls, _reduced)


_register_pickling()


def redact(error: Any) -> Any:
    """Remove the user part and query values from the URLs in an openai error and its causes."""
    holders: tuple[Any, ...] = (error, getattr(error, "response", None), error.__cause__)
    for holder in holders:
        request: Any = None
        with contextlib.suppress(RuntimeError):  # the HTTP library raises if there is none
            request = getattr(holder, "request", None)
        if request is not None and hasattr(request, "url"):
            shown = redact_request(request)
            if shown is not request:
                holder.request = shown
    return error


def without_keys(text: str) -> str:
    """Return another library's text without the keys of this process's environment."""
    import os

    for name in ("STEPFUN_API_KEY", "STEP_API_KEY", "OPENAI_API_KEY", "AZURE_OPENAI_API_KEY"):
        key = os.environ.get(name, "").strip()
        if len(key) >= 6:
            text = text.replace(key, "***")
    return text
