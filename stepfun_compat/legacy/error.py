"""The errors of openai<1.0, with the same names, class hierarchy and fields.

    OpenAIError
    ├── APIError                      500 and similar, bodies that are not JSON, errors inside a stream
    ├── TryAgain                      409
    ├── Timeout
    ├── APIConnectionError
    ├── InvalidRequestError           400, 404, 415, and features that StepFun lacks
    ├── AuthenticationError           401, or no usable key
    ├── PermissionError               403
    ├── RateLimitError                429, and StepFun's 402
    ├── ServiceUnavailableError       503
    ├── InvalidAPIType
    └── SignatureVerificationError

`__cause__` is the underlying client's error, if there is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from typing_extensions import override

__all__ = [
    "APIConnectionError",
    "APIError",
    "AuthenticationError",
    "InvalidAPIType",
    "InvalidRequestError",
    "OpenAIError",
    "PermissionError",
    "RateLimitError",
    "ServiceUnavailableError",
    "SignatureVerificationError",
    "Timeout",
    "TryAgain",
]


class OpenAIError(Exception):
    """The base class. `json_body` is the parsed body, `error` its `error` field as an object."""

    partial: Any = None
    """The completed part of a call that sent several requests, if one of them failed."""

    def __init__(
        self,
        message: Any = None,
        http_body: Any = None,
        http_status: int | None = None,
        json_body: Any = None,
        headers: Mapping[str, str] | None = None,
        code: Any = None,
    ) -> None:
        super().__init__(message)
        if isinstance(http_body, bytes | bytearray):
            http_body = _text(http_body)
        self._message = message
        self.http_body = http_body
        self.http_status = http_status
        self.json_body: Any = json_body
        self.headers: Mapping[str, str] = headers or {}
        self.code = code
        self.request_id = self.headers.get("request-id")
        self.error = self.construct_error_object()
        self.organization = self.headers.get("openai-organization")

    @property
    def user_message(self) -> Any:
        """The message without the request id that `str()` prepends."""
        return self._message

    @override
    def __str__(self) -> str:
        message = self._message or "<empty message>"
        return f"Request {self.request_id}: {message}" if self.request_id is not None else str(message)

    @override
    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(message={self._message!r}, http_status={self.http_status!r}, "
            f"request_id={self.request_id!r})"
        )

    def construct_error_object(self) -> Any:
        """Return the body's `error` field as an object with `message` and `type`; None if the body has none."""
        from .api_resources.error_object import ErrorObject

        body: Any = self.json_body
        inner: Any = cast("dict[str, Any]", body).get("error") if isinstance(body, dict) else None
        return ErrorObject.construct_from(cast("dict[str, Any]", inner)) if isinstance(inner, dict) else None


def _text(body: bytes | bytearray) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return "<the body is not UTF-8>"


class APIError(OpenAIError):
    """The server failed, or its response cannot be read."""


class TryAgain(OpenAIError):
    """The server asks to retry the request."""


class Timeout(OpenAIError):
    """No response within `request_timeout`."""


class APIConnectionError(OpenAIError):
    """The connection failed or was lost."""

    def __init__(
        self,
        message: Any,
        http_body: Any = None,
        http_status: int | None = None,
        json_body: Any = None,
        headers: Mapping[str, str] | None = None,
        code: Any = None,
        should_retry: bool = False,
    ) -> None:
        super().__init__(message, http_body, http_status, json_body, headers, code)
        self.should_retry = should_retry


class InvalidRequestError(OpenAIError):
    """The request is invalid, or its object or endpoint does not exist. `param` names the parameter."""

    def __init__(
        self,
        message: Any,
        param: Any,
        code: Any = None,
        http_body: Any = None,
        http_status: int | None = None,
        json_body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, http_body, http_status, json_body, headers, code)
        self.param = param

    @override
    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(message={self._message!r}, param={self.param!r}, code={self.code!r}, "
            f"http_status={self.http_status!r}, request_id={self.request_id!r})"
        )

    @override
    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (
            self._message,
            self.param,
            self.code,
            self.http_body,
            self.http_status,
            self.json_body,
            self.headers,
        )


class AuthenticationError(OpenAIError):
    """The key is missing or refused, or must not be sent to the base URL."""


class PermissionError(OpenAIError):
    """The key is valid but lacks the permission."""


class RateLimitError(OpenAIError):
    """Too many requests, or the balance is used up."""


class ServiceUnavailableError(OpenAIError):
    """The server is temporarily unavailable."""


class InvalidAPIType(OpenAIError):
    """`api_type` is unknown, or does not support the operation."""


class SignatureVerificationError(OpenAIError):
    """A signature does not match its body."""

    def __init__(self, message: Any, sig_header: Any, http_body: Any = None) -> None:
        super().__init__(message, http_body)
        self.sig_header = sig_header

    @override
    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._message, self.sig_header, self.http_body)
