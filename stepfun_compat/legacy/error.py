"""The errors of openai<1.0: same names, same order of classes, same fields.

    OpenAIError
    ├── APIError                      500 and the like, bodies that are no JSON, errors inside a stream
    ├── TryAgain                      409
    ├── Timeout
    ├── APIConnectionError
    ├── InvalidRequestError           400, 404, 415; also what StepFun does not offer
    ├── AuthenticationError           401, and no usable key
    ├── PermissionError               403
    ├── RateLimitError                429, and StepFun's 402
    ├── ServiceUnavailableError       503
    ├── InvalidAPIType
    └── SignatureVerificationError

`__cause__` is the error of the client underneath, where there was one.
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
    """The base of all. `json_body` is the parsed body, `error` its error member as an object."""

    partial: Any = None
    """What a call that took several requests had done before one of them failed."""

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
        """The message alone, without the request id that `str()` puts in front."""
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
        """The error member of the body as an object with `message` and `type`; None if the body has none."""
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
    """The server failed, or its answer cannot be read."""


class TryAgain(OpenAIError):
    """The server asks for the same request again."""


class Timeout(OpenAIError):
    """No answer within `request_timeout`."""


class APIConnectionError(OpenAIError):
    """No connection, or one that broke."""

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
    """The request is wrong, or asks for what is not there. `param` names the parameter."""

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
    """The key is missing, refused, or must not go where it would."""


class PermissionError(OpenAIError):
    """The key is good and may not do this."""


class RateLimitError(OpenAIError):
    """Too many requests, or the balance is used up."""


class ServiceUnavailableError(OpenAIError):
    """The server cannot take the request now."""


class InvalidAPIType(OpenAIError):
    """`api_type` is none of those that exist, or cannot do this."""


class SignatureVerificationError(OpenAIError):
    """A signature does not fit its body."""

    def __init__(self, message: Any, sig_header: Any, http_body: Any = None) -> None:
        super().__init__(message, http_body)
        self.sig_header = sig_header

    @override
    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._message, self.sig_header, self.http_body)
