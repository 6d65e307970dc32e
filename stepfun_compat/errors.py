"""Every class raised here is one that code written for OpenAI already catches.

    openai.OpenAIError
    ├── SettingsError (also ValueError)           a bad setting: names the variable, the value, what is allowed
    ├── KeyRefusedError                           a key that must not go where it was about to go, or none at all
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

Mapping and wording of StepFun's bodies: stepfun-api 9.
"""

from __future__ import annotations

import contextlib
import copyreg
import json
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import openai

# The wording of errors is imported where an error is read: the classes alone do not need the catalog.
from .http_objects import rebuild, redact_request


class SettingsError(openai.OpenAIError, ValueError):
    """A setting has a value that is not allowed."""


class KeyRefusedError(openai.OpenAIError):
    """No usable key, or a key that belongs to somebody else than the host it was about to be sent to."""


class ContentFilteredError(openai.BadRequestError):
    """StepFun's content review blocked the request or the answer. Never retried."""


class UnsupportedParameterError(openai.BadRequestError):
    """A parameter that cannot be carried over, refused before any connection was made."""


class ToolChoiceNotHonouredError(openai.BadRequestError):
    """The model did not make the tool call that `tool_choice` demanded. `body` holds its answer."""


class ModelNotFoundError(openai.NotFoundError):
    """The model does not exist, or the key may not use it."""


class EndpointNotAvailableError(openai.NotFoundError):
    """StepFun does not offer this endpoint: raised before any connection was made, or where a Step Plan lacks it."""


class NoSubscriptionError(openai.PermissionDeniedError):
    """The key has no active Step Plan subscription, yet the request went to a Step Plan URL."""


class QuotaExceededError(openai.RateLimitError):
    """Balance or plan is used up (HTTP 402). Never retried."""


class _Terms(NamedTuple):
    """What OpenAI would have answered with. `param` is the parameter to name where the body names none."""

    status: int
    code: str | None
    type: str | None
    param: str | None = None


def mapped_body(status: int, body: object) -> tuple[int, dict[str, Any]]:
    """StepFun's error body in OpenAI's terms: (status OpenAI would have used, `{message, type, param, code}`).

    StepFun sends `{"error": {"message", "type"}}` without `code` (stepfun-api 9.1); what it did not send is None. `body` is
    the inner error object as the SDK hands it over, or whatever else the server answered with.
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
    if terms.param is not None:
        inner.setdefault("param", terms.param)
    message = _in_openais_words(message, terms.code)
    mapped: dict[str, Any] = {
        **inner,
        "message": message,
        "type": terms.type,
        "param": inner.get("param"),
        "code": sent if terms.code == str(sent) else terms.code,
    }
    return terms.status, mapped


def _error_object(body: object) -> dict[str, Any]:
    """The error object of a body, as a new dict; text alone becomes its message."""
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
    """The terms of what StepFun tells by a status or type of its own: a used-up balance, its content review, a model
    that does not exist."""
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
    """The terms of what only the message tells, unless a code that is known here says something else."""
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
    """The terms of a code that was sent, as it is: who sends one speaks OpenAI's language already; else of the status."""
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


def _in_openais_words(message: str, code: str | None) -> str:
    """StepFun's message, after the words of OpenAI's that programs look for where it does not have them."""
    from .catalog.failures import PHRASES

    words, start = PHRASES.get(code or "", ("", ""))
    if words in message.lower():
        return message
    return f"{start}: {message}" if message else start


def _hint(message: str, code: object) -> str | None:
    """Our advice for an error, None where there is none."""
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
    """The class for a status and code, as OpenAI would have answered them."""
    own = _OWN_CLASSES.get(str(code))
    stock = _STOCK_CLASSES.get(status) or (openai.InternalServerError if status >= 500 else openai.APIStatusError)
    return own if own is not None and issubclass(own, stock) else stock


def _no_such_path(response: Any) -> dict[str, Any]:
    """A 404 that is no JSON, which is how StepFun says that it has no such path: OpenAI's words for it, and advice."""
    path = response.request.url.path
    code, advice = None, "Check the base URL, which ends in /v1."
    if "/step_plan/" in path:
        code = "endpoint_not_available"
        advice = "A Step Plan serves chat, pictures, speech and recognition; the rest needs STEPFUN_PLAN=standard."
    message = f"Invalid URL ({response.request.method} {path}): StepFun has no such path. {advice}"
    return {"message": message, "type": "invalid_request_error", "code": code}


def from_response(err_msg: str, *, body: object, response: Any) -> openai.APIStatusError:
    """The exception for an error answer of StepFun's, with `code`, `param`, `type` and `request_id` filled.

    `status_code` and `response` are those OpenAI would have answered with (402 -> 429, 451 -> 400, stepfun-api 9.2), the
    headers and the request those of the wire; `hint` is our advice or None, and stands in the text.
    """
    given = body
    status, mapped = mapped_body(response.status_code, body)
    if response.status_code == 404 and not isinstance(body, Mapping) and mapped["code"] is None:  # stepfun-api 1, 9.1
        body = mapped = {**mapped, **_no_such_path(response)}
    message, hint = mapped["message"], _hint(mapped["message"], mapped["code"])
    if message and (isinstance(body, Mapping) or status != response.status_code or mapped["code"] is not None):
        shown, response = _with_hint(message, hint), _answer(response, status, mapped)
        # up to 3.0 the SDK's text is the whole body, and programs look for a code in it; in later ones it is the message
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
    """The response OpenAI would have given for an error in its terms."""
    content = json.dumps({"error": mapped}, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return rebuild(response, content, "application/json", status, redact_request(response.request))


def _status_in(error: Mapping[str, Any]) -> int | None:
    """The HTTP status an error object stands for: that of its type, else the one its code names."""
    from .catalog.failures import ERROR_TYPES

    known = ERROR_TYPES.get(str(error.get("type")))
    if known is not None:
        return known.wire
    code = str(error.get("code") or "")
    return int(code) if code.isdecimal() and 400 <= int(code) < 600 else None


def from_stream(body: Any, *, request: Any, response: Any) -> openai.APIError:
    """The exception for an error object inside a stream: by its type, its words, or a status it carries as its code
    (stepfun-api 9.1), the class a plain answer would have raised (stepfun-api 9.2); a plain `openai.APIError`, as the stock client
    raises, where none says anything."""
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
    """What `copy` and `pickle` need, which go by the arguments of `__init__` otherwise and find some missing."""
    state = dict(vars(error))
    response: Any = state.get("response")
    if response is not None:
        state["response"] = _data_of(response)
    return _restored, (type(error), error.args, state)


def _data_of(response: Any) -> Any:
    """A response less what cannot leave the process: its connection, and functions put on it."""
    kept = {name: value for name, value in response.__getstate__().items() if not callable(value)}
    kept.setdefault("default_encoding", "utf-8")
    cls = cast("Any", type(response))
    made: Any = cls.__new__(cls)
    made.__setstate__(kept)
    return made


def _with_subclasses(cls: type[BaseException]) -> set[type[BaseException]]:
    return {cls}.union(*(_with_subclasses(sub) for sub in cls.__subclasses__()))


def _register_pickling() -> None:
    """Let errors of openai and of ours be copied and pickled, without a change to openai's classes."""
    for cls in _with_subclasses(openai.APIError):
        copyreg.pickle(cls, _reduced)


_register_pickling()


def redact(error: Any) -> Any:
    """Take user part and query values out of the URLs an error of openai's holds, and of what caused it."""
    holders: tuple[Any, ...] = (error, getattr(error, "response", None), error.__cause__)
    for holder in holders:
        request: Any = None
        with contextlib.suppress(RuntimeError):  # the HTTP library's, where there is none
            request = getattr(holder, "request", None)
        if request is not None and hasattr(request, "url"):
            shown = redact_request(request)
            if shown is not request:
                holder.request = shown
    return error


def without_keys(text: str) -> str:
    """A text with the keys of this process's environment left out, for what another library words."""
    import os

    for name in ("STEPFUN_API_KEY", "STEP_API_KEY", "OPENAI_API_KEY", "AZURE_OPENAI_API_KEY"):
        key = os.environ.get(name, "").strip()
        if len(key) >= 6:
            text = text.replace(key, "***")
    return text
