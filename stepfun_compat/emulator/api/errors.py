"""StepFun's error responses, verbatim where one was measured (stepfun-api 9.1)."""

from __future__ import annotations

from collections.abc import Container, Iterable

from ..json_values import Object


class ApiError(Exception):
    """An error response: its status and the fields of `error`, which never include a `code`."""

    def __init__(self, status: int, message: str, type: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type
        self.param = param

    def body(self) -> Object:
        error: Object = {"message": self.message, "type": self.type}
        if self.param is not None:
            error["param"] = self.param
        return {"error": error}


def invalid(message: str) -> ApiError:
    return ApiError(400, message, "request_params_invalid")


def invalid_param(name: str, recommended: str) -> ApiError:
    """Return the error for an invalid value, worded as measured for an empty model (stepfun-api 9.1)."""
    return invalid(f"Request param: {name} is invalid, recommended val is: {recommended}")


def unknown_param(name: str) -> ApiError:
    """Return the error of strict mode. StepFun's treatment of unknown fields is not documented (stepfun-api 3.2)."""
    return invalid(f"Request param: {name} is not supported")


def check_known(names: Iterable[str], known: Container[str], prefix: str = "") -> None:
    """Raise ApiError for the first name that is not in `known`. The error shows it after `prefix`."""
    for name in names:
        if name not in known:
            raise unknown_param(f"{prefix}{name}")


def unknown_model(model: str, status: int) -> ApiError:
    return ApiError(
        status, f"The model `{model}` does not exist or you do not have access to it", "request_params_invalid"
    )


def model_incompatible(model: str, what: str) -> ApiError:
    return ApiError(400, f"model {model} does not support {what}", "model_incompatible")


def bad_key() -> ApiError:
    return ApiError(401, "Incorrect API key provided", "invalid_api_key")


def no_plan() -> ApiError:
    return invalid("you have no active step plan subscription")


def quota_exceeded() -> ApiError:
    return ApiError(
        402, "You exceeded your current quota, please check your plan and billing details", "quota_exceeded"
    )


def concurrency_reached(current: int, limit: int) -> ApiError:
    return ApiError(429, f"concurrency reached, current: {current}, limit: {limit}", "rate_limited")


def rate_reached(current: int, limit: int) -> ApiError:
    """Return the error for the request rate, worded as measured for concurrency (stepfun-api 11.17)."""
    return ApiError(429, f"requests per minute reached, current: {current}, limit: {limit}", "rate_limited")


def blocked() -> ApiError:
    return ApiError(451, "The content you provided or machine outputted is blocked.", "censorship_blocked")


# Errors for faults that set only a status.
BY_STATUS: dict[int, tuple[str, str]] = {
    400: ("Request param: request is invalid", "request_params_invalid"),
    401: ("Incorrect API key provided", "invalid_api_key"),
    402: ("You exceeded your current quota, please check your plan and billing details", "quota_exceeded"),
    429: ("concurrency reached, current: 11, limit: 10", "rate_limited"),
    451: ("The content you provided or machine outputted is blocked.", "censorship_blocked"),
    500: ("internal error", "server_error"),
    503: ("The engine is currently overloaded, please try again later", "server_error"),
    504: ("gateway timeout", "server_error"),
}


def for_status(status: int) -> Object:
    message, type = BY_STATUS.get(status, (f"status {status}", "server_error" if status >= 500 else "invalid_request"))
    return {"error": {"message": message, "type": type}}
