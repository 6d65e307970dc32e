"""`APIRequestor`, which sends every request of this package's classes and of libraries that use it directly."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final, cast

import openai as _sdk

from . import _clients, _paths, _send, error, util
from . import _failures as failures
from ._config import config
from ._headers import Headers
from ._pairs import Flow, Step, awaited, is_awaited, method, relayed, step
from .openai_response import OpenAIResponse
from .util import ApiType
from .version import VERSION

TIMEOUT_SECS: Final = 600
MAX_SESSION_LIFETIME_SECS: Final = 180
MAX_CONNECTION_RETRIES: Final = _send.MAX_CONNECTION_RETRIES


def parse_stream_helper(line: bytes) -> str | None:
    """Return the data of one line of an event stream; None for other lines and for `[DONE]`."""
    if not line.startswith(b"data:"):
        return None
    data = line[len(b"data:") :].removeprefix(b" ")
    return None if data.strip() == b"[DONE]" else data.decode("utf-8")


def parse_stream(rbody: Any) -> Iterator[str]:
    """Yield the data of an event stream's lines."""
    return (data for data in map(parse_stream_helper, rbody) if data is not None)


async def parse_stream_async(rbody: Any) -> AsyncIterator[str]:
    """Async version of `parse_stream`."""
    async for line in rbody:
        data = parse_stream_helper(line)
        if data is not None:
            yield data


class APIRequestor:
    """Send requests with one configuration; arguments that are None come from the module.

    Raises:
        AuthenticationError: there is no key.
        InvalidAPIType: `api_type` is unknown.
    """

    def __init__(
        self,
        key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
    ) -> None:
        state = config()
        self.api_base = api_base or state.api_base
        self.api_key = key or util.default_api_key()
        self.api_type = ApiType.from_str(api_type or state.api_type)
        self.api_version = api_version or state.api_version
        self.organization = organization or state.organization

    @classmethod
    def format_app_info(cls, info: Mapping[str, Any]) -> str:
        """Return `openai.app_info` as text for the user agent."""
        version, url = info.get("version"), info.get("url")
        return f"{info['name']}{f'/{version}' if version else ''}{f' ({url})' if url else ''}"

    # ------------------------------------------------------------ requests

    @method
    def request(
        self,
        method: str,
        url: str,
        params: Any = None,
        headers: Any = None,
        files: Any = None,
        stream: Any = False,
        request_id: Any = None,
        request_timeout: Any = None,
    ) -> Flow[tuple[Any, bool, Any]]:
        """Send a request. Return (an `OpenAIResponse` or an iterator of them, whether it is a stream, the key).

        Raises:
            OpenAIError: an error status, an unreadable response, or no response.
        """
        result = yield step(
            self,
            "request_raw",
            method.lower(),
            url,
            params=params,
            supplied_headers=headers,
            files=files,
            stream=stream,
            request_id=request_id,
            request_timeout=request_timeout,
        )
        response, streamed = yield Step(self, "_interpret_response", "_interpret_async_response", (result, stream), {})
        return response, streamed, self.api_key

    arequest = awaited(request)

    @method
    def request_raw(
        self,
        method: str,
        url: str,
        session: Any = None,
        *,
        params: Any = None,
        supplied_headers: Any = None,
        files: Any = None,
        stream: Any = False,
        request_id: Any = None,
        request_timeout: Any = None,
    ) -> Flow[Any]:
        """Return the response with `status_code`, `headers`, `content` and `text`, even for an error status.

        `session` is a `requests.Session` for this call, an `aiohttp.ClientSession` for `arequest_raw`, or None.

        Raises:
            OpenAIError: there is no response.
            TypeError: `session` is not a session.
        """
        if session is not None and not hasattr(session, "request"):
            raise TypeError(f"session must be a session of requests or aiohttp, not {type(session).__name__}.")
        client = self.stepfun_client((yield is_awaited()), session)
        call = self._call(
            client, method, url, params, supplied_headers, files, bool(stream), request_id, request_timeout
        )
        return call if isinstance(call, _send.Answer) else (yield step(_send, "send", client, call))

    arequest_raw = awaited(request_raw)

    def stepfun_client(self, asynchronous: bool, session: Any = None) -> Any:
        return _clients.client_for(asynchronous, self.api_key, self.api_base, self.api_type, self.organization, session)

    def _call(
        self,
        client: Any,
        method: str,
        url: str,
        params: Any,
        supplied_headers: Any,
        files: Any,
        stream: bool,
        request_id: Any,
        request_timeout: Any,
    ) -> Any:
        """Return the call to send, or an error response if StepFun has no such endpoint."""
        if method not in ("get", "delete", "post", "put", "patch"):
            raise error.APIConnectionError(f"{method!r} is not a supported HTTP method.")
        headers = self._validate_headers(supplied_headers)
        ours: bool = client.stepfun.active
        path, query, model = _paths.plain(url) if ours else (*_paths.split(url), None)
        gone = _paths.gone(method, path) if ours else None
        if gone is not None:
            content = json.dumps(gone).encode()
            return _send.Answer(404, Headers([("Content-Type", "application/json")]), content)
        body: dict[str, Any] | None = util.convert_to_dict(params) or None
        if method in ("get", "delete"):
            query, body = _with_parameters(query, body), None
        else:
            body = _paths.with_model(body, model)
        body, files = _send.form(body, files)
        self._add_headers(headers, client, request_id)
        util.log_debug("request to the API", method=method, path=path)
        if util.debugging():
            util.log_debug("the body of the request", data=json.dumps(body, default=str), api_version=self.api_version)
        return _send.Call(method, path, query, headers, body, files, _timeout(request_timeout), stream)

    def _add_headers(self, headers: dict[str, str], client: Any, request_id: Any) -> None:
        """Add the request id, the API version and the application's name, unless `headers` has them."""
        if request_id is not None:
            headers.setdefault("X-Request-Id", str(request_id))
        if not client.stepfun.active and self.api_version is not None and self.api_type is ApiType.OPEN_AI:
            headers.setdefault("OpenAI-Version", self.api_version)
        if config().app_info:
            headers.setdefault("User-Agent", f"{client.user_agent} {self.format_app_info(config().app_info)}")

    def _validate_headers(self, supplied_headers: Any) -> dict[str, str]:
        if supplied_headers is None:
            return {}
        if not isinstance(supplied_headers, dict):
            raise TypeError("headers must be a dict.")
        return {_string(name): _string(value) for name, value in cast("Any", supplied_headers).items()}

    def request_headers(self, method: str, extra: Mapping[str, str], request_id: Any) -> dict[str, str]:  # noqa: ARG002
        """Return the request headers of openai 0.28, for libraries that call this. The client sends its own headers."""
        state = config()
        agent = f"OpenAI/v1 PythonBindings/{VERSION}"
        headers = {
            "User-Agent": f"{agent} {self.format_app_info(state.app_info)}" if state.app_info else agent,
            **util.api_key_to_header(self.api_type, self.api_key),
        }
        if self.organization:
            headers["OpenAI-Organization"] = self.organization
        if self.api_version is not None and self.api_type is ApiType.OPEN_AI:
            headers["OpenAI-Version"] = self.api_version
        if request_id is not None:
            headers["X-Request-Id"] = request_id
        return {**headers, **extra}

    # ------------------------------------------------------------ responses

    def handle_error_response(
        self, rbody: Any, rcode: int, resp: Any, rheaders: Any, stream_error: bool = False
    ) -> error.OpenAIError:
        """Return the error for a status and a parsed body."""
        return failures.from_answer(rbody, rcode, resp, rheaders, stream_error)

    @method
    def _interpret_response(self, result: Any, stream: Any) -> Flow[tuple[Any, bool]]:  # noqa: ARG002
        """Return (an `OpenAIResponse` or an iterator of them, whether it is a stream)."""
        if result.chunks is None:
            return OpenAIResponse(_send.interpret(result), result.headers), False
        return (yield relayed(result.chunks, lambda chunk: OpenAIResponse(chunk, result.headers), result.chunks)), True

    _interpret_async_response = awaited(_interpret_response, name="_interpret_async_response")

    def _interpret_response_line(self, rbody: str, rcode: int, rheaders: Any, stream: bool) -> OpenAIResponse:
        answer = _send.Answer(rcode, Headers(dict(rheaders).items()), rbody.encode())
        data = _send.interpret(answer)
        if stream and isinstance(data, dict) and "error" in data:
            raise self.handle_error_response(rbody, rcode, data, answer.headers, stream_error=True)
        return OpenAIResponse(data, answer.headers)


def _with_parameters(query: dict[str, Any], parameters: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the query with all parameters that are not None."""
    return query | {name: value for name, value in (parameters or {}).items() if value is not None}


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"the names and values of headers must be strings, not {type(value).__name__}.")
    return value


def _timeout(given: Any) -> Any:
    """Convert `request_timeout` for the client: seconds, or (seconds to connect, seconds to read)."""
    if not given:
        return float(TIMEOUT_SECS)
    if isinstance(given, tuple):
        connect, rest = cast("tuple[Any, Any]", given)
        return _sdk.Timeout(rest, connect=connect)
    return given
