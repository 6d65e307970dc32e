"""The ASGI app: record requests, apply faults, check keys and limits, and call the endpoints."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket
from typing_extensions import override

from . import admin, faults
from .api import audio, chat, errors, files, images, messages, multipart, platform, realtime, responses
from .api.answers import Answer, Body, Event, Events, json_body, no_finish, text_body
from .api.calls import Call, Channel, Endpoint
from .api.errors import ApiError
from .config import EmulatorConfig
from .faults import Fault
from .state import Engine, RecordedRequest

_log = logging.getLogger("stepfun_compat.emulator")
_CALL = "stepfun_compat.call"
_FAULT = "stepfun_compat.fault"

ENDPOINTS: tuple[Endpoint, ...] = (
    *chat.ENDPOINTS,
    *responses.ENDPOINTS,
    *messages.ENDPOINTS,
    *platform.ENDPOINTS,
    *files.ENDPOINTS,
    *images.ENDPOINTS,
    *audio.ENDPOINTS,
)

_OPENAI_KEYS = ("sk-proj-", "sk-svcacct-", "sk-admin-")


class EmulatorApp(Starlette):
    """The ASGI app; its state is in `engine`. It records requests and applies faults before routing."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        sockets = [
            WebSocketRoute("/v1/realtime", _socket(engine, "standard")),
            WebSocketRoute("/step_plan/v1/realtime", _socket(engine, "plan")),
        ]
        super().__init__(
            routes=[*_routes(engine), *sockets],
            exception_handlers={404: _not_found, 405: _not_found},
        )
        self.router.redirect_slashes = False

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        body = await _read(receive)
        if body is None:
            return
        request = _recorded(scope, body)
        if request.path.startswith(admin.PREFIX):
            await _send_body(admin.answer(self.engine, request), send)
            return
        self.engine.record(request)
        sender = _Sender(self.engine, request, receive, send)
        try:
            fault = self.engine.next_fault(request.method, request.path, request.headers)
        except (ValueError, TypeError) as error:
            await sender.send(json_body(errors.invalid(f"X-Emulator-Fault: {error}").body(), 400), None)
            return
        sender.fault = fault
        if fault is not None:
            if not await sender.wait(fault.delay, hold=fault.hold):
                return
            if fault.replaces:
                await sender.replace(fault)
                return
        scope[_CALL] = request
        scope[_FAULT] = sender
        await super().__call__(scope, receive, sender.track)


def create_app(config: EmulatorConfig | None = None) -> EmulatorApp:
    """Return the emulator as an ASGI app, for any server or an in-process transport."""
    return EmulatorApp(Engine(config))


# -- routing -----------------------------------------------------------------------------------------------------


class _Response(Response):
    """A Starlette response that sends an `Answer` through a `_Sender`."""

    def __init__(self, answer: Answer, sender: _Sender, leave: Callable[[], None] | None) -> None:
        super().__init__(status_code=answer.status)
        self.answer = answer
        self.sender = sender
        self.leave = leave

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.sender.send(self.answer, self.sender.fault)
        finally:
            if self.leave is not None:
                self.leave()


def _routes(engine: Engine) -> list[Route]:
    routes: list[Route] = []
    by_path: dict[tuple[str, Channel], dict[str, Endpoint]] = {}
    for item in ENDPOINTS:
        channels: list[tuple[str, Channel]] = []
        if item.standard:
            channels.append((f"/v1{item.path}", "standard"))
        if item.plan:
            channels.append((f"/step_plan/v1{item.path}", "plan"))
        for path, channel in channels:
            by_path.setdefault((path, channel), {})[item.method] = item
    for (path, channel), methods in by_path.items():
        for method, item in methods.items():
            routes.append(Route(path, _handler(engine, item, channel), methods=[method]))
    return routes


def _handler(engine: Engine, item: Endpoint, channel: Channel) -> Callable[[Request], Awaitable[Any]]:
    async def handle(request: Request) -> _Response:
        recorded = cast("RecordedRequest", request.scope[_CALL])
        sender = cast("_Sender", request.scope[_FAULT])
        leave: Callable[[], None] | None = None
        try:
            key = _check_key(engine.config, recorded)
            if item.metered:
                leave = _enter(engine, channel)
            call = Call(engine, recorded, {k: str(v) for k, v in request.path_params.items()}, channel, key)
            with engine.lock:
                answer = item.handle(call)
        except ApiError as error:
            answer = json_body(error.body(), error.status)
        except RecursionError:
            error = errors.invalid("the JSON body is nested too deeply")
            answer = json_body(error.body(), error.status)
        except Exception as error:
            _log.exception("the emulator failed on %s %s", recorded.method, recorded.path)
            answer = json_body({"error": {"message": f"emulator: {error!r}", "type": "internal_error"}}, 500)
        return _Response(answer, sender, leave)

    return handle


def _socket(engine: Engine, channel: Channel) -> Callable[[WebSocket], Awaitable[None]]:
    """Return the handler of the realtime WebSocket, which refuses connections with an HTTP response."""

    async def handle(socket: WebSocket) -> None:
        request = _recorded({**socket.scope, "method": "GET"}, b"")
        engine.record(request)
        leave: Callable[[], None] | None = None
        try:
            fault = engine.next_fault("GET", request.path, request.headers)
            if fault is not None and fault.status is not None:
                body = faults.error_object(fault) if fault.error else errors.for_status(fault.status)
                await _deny(socket, request, fault.status, body)
                return
            call = Call(engine, request, {}, channel, _check_key(engine.config, request))
            model = realtime.check(call, request.query.get("model"), list(socket.scope.get("subprotocols", [])))
            leave = _enter(engine, channel)
            request.status = 101
            await realtime.talk(call, model, socket)
        except ApiError as error:
            await _deny(socket, request, error.status, error.body())
        finally:
            if leave is not None:
                leave()

    return handle


async def _deny(socket: WebSocket, request: RecordedRequest, status: int, body: object) -> None:
    request.status = status
    await socket.send_denial_response(JSONResponse(body, status))


def _enter(engine: Engine, channel: Channel) -> Callable[[], None]:
    config = engine.config
    if channel == "plan" and config.plan == "absent":
        raise errors.no_plan()
    if (config.plan if channel == "plan" else config.balance) == "exhausted":
        raise errors.quota_exceeded()
    broken = engine.enter(channel)
    if broken is not None:
        limit, current, most = broken
        raise (errors.concurrency_reached if limit == "concurrency" else errors.rate_reached)(current, most)
    return lambda: engine.leave(channel)


def _check_key(config: EmulatorConfig, request: RecordedRequest) -> str:
    """Return the API key, or raise a 401 (stepfun-api 1)."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        raise errors.bad_key()
    if config.api_keys is not None:
        if key not in config.api_keys and key not in config.region_keys:
            raise errors.bad_key()
    elif key.startswith(_OPENAI_KEYS) or "T3BlbkFJ" in key:
        raise errors.bad_key()
    if config.region_keys.get(key, config.region) != config.region:
        raise errors.bad_key()
    return key


async def _not_found(request: Request, _: Exception) -> _Response:
    """Answer an unknown path with plain text, not JSON (stepfun-api 1, 9.1)."""
    return _Response(text_body("404 page not found", 404), cast("_Sender", request.scope[_FAULT]), None)


# -- the wire ----------------------------------------------------------------------------------------------------


async def _read(receive: Receive) -> bytes | None:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _recorded(scope: Scope, body: bytes) -> RecordedRequest:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    request = RecordedRequest(
        method=scope["method"],
        path=scope["path"],
        headers=headers,
        query=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
        body=body,
    )
    content_type = headers.get("content-type", "")
    if content_type.startswith("multipart/form-data"):
        try:
            request.form, request.files = multipart.parse(content_type, body)
        except ValueError:
            request.form, request.files = {}, {}
    elif body:
        try:
            request.json = json.loads(body)
        except ValueError:
            request.json = None
    return request


async def _send_body(answer: Body, send: Send) -> None:
    await send(
        {"type": "http.response.start", "status": answer.status, "headers": _headers(answer, len(answer.content))}
    )
    await send({"type": "http.response.body", "body": answer.content})


def _headers(answer: Answer, length: int | None) -> list[tuple[bytes, bytes]]:
    headers = {"content-type": answer.content_type}
    if length is not None:
        headers["content-length"] = str(length)
    headers.update({name.lower(): value for name, value in answer.headers.items()})
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


class _Sender:
    """Send one response with one fault applied."""

    def __init__(self, engine: Engine, request: RecordedRequest, receive: Receive, send: Send) -> None:
        self.engine = engine
        self.request = request
        self.fault: Fault | None = None
        self._receive = receive
        self._send = send

    async def track(self, message: Message) -> None:
        """Send a message, and record the status and add X-Trace-Id (stepfun-api 9.1) at the start of a response."""
        if message["type"] == "http.response.start":
            self.request.status = message["status"]
            headers: list[tuple[bytes, bytes]] = list(message.get("headers", []))
            if not any(name.lower() == b"x-trace-id" for name, _ in headers):
                # The ASR file API returns the trace id of the request (stepfun-api 9.2).
                own = self.request.headers.get("x-trace-id") if "/audio/asr/file/" in self.request.path else None
                headers.append((b"x-trace-id", (own or self.engine.new_id()).encode("latin-1")))
            message = {**message, "headers": headers}
        await self._send(message)

    async def wait(self, seconds: float = 0, *, hold: bool = False) -> bool:
        """Wait some seconds, or until `release()` with `hold`. Return False if the client disconnects meanwhile."""
        if not seconds and not hold:
            return True
        event = self.engine.hold()
        released = asyncio.ensure_future(event.wait())
        gone = asyncio.ensure_future(self._gone())
        try:
            await asyncio.wait({released, gone}, timeout=None if hold else seconds, return_when=asyncio.FIRST_COMPLETED)
            return not gone.done()
        finally:
            released.cancel()
            gone.cancel()
            await asyncio.gather(released, gone, return_exceptions=True)
            self.engine.end_hold(event)

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def _abort(self) -> None:
        """Abort the connection: through uvicorn's transport, or with an exception for another server."""
        transport = getattr(getattr(self._send, "__self__", None), "transport", None)
        if transport is None:
            raise ConnectionAbortedError("an emulator fault closes this connection")
        transport.abort()

    async def replace(self, fault: Fault) -> None:
        """Send the fault's response in place of the endpoint's."""
        if fault.disconnect:
            self._abort()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            return
        status = fault.status or 200
        if fault.html:
            page = f"<html><head><title>{status}</title></head><body><h1>{status}</h1><hr>nginx</body></html>"
            answer = Body(page.encode(), status, "text/html")
        elif fault.empty:
            answer = Body(b"", status)
        elif isinstance(fault.body, str):
            answer = Body(fault.body.encode(), status)
        else:
            answer = json_body(errors.for_status(status) if fault.body is None else fault.body, status)
        await self.send(answer, fault)

    async def send(self, answer: Answer, fault: Fault | None) -> None:
        fault = fault or Fault()
        if fault.content_type is not None or fault.headers:
            kind = fault.content_type or answer.content_type
            headers = {**answer.headers, **fault.headers}
            if isinstance(answer, Body):
                answer = Body(answer.content, answer.status, kind, headers)
            else:
                answer = Events(answer.events, answer.status, kind, headers)
        if isinstance(answer, Body):
            await self._send_whole(answer, fault)
        else:
            await self._send_events(answer, fault)

    async def _send_whole(self, answer: Body, fault: Fault) -> None:
        content = answer.content
        keep = len(content)
        if fault.malformed_after is not None:
            content = content[: max(1, len(content) // 2)]
            keep = len(content)
        if fault.half_close:
            keep = len(content) // 2
        elif fault.cut_after is not None:
            keep = min(fault.cut_after, max(0, len(content) - 1))
        await self.track(
            {"type": "http.response.start", "status": answer.status, "headers": _headers(answer, len(content))}
        )
        if keep < len(content):
            await self.track({"type": "http.response.body", "body": content[:keep], "more_body": True})
            return  # the server closes a connection with an incomplete response
        await self.track({"type": "http.response.body", "body": content})

    async def _send_events(self, answer: Events, fault: Fault) -> None:
        await self.track({"type": "http.response.start", "status": answer.status, "headers": _headers(answer, None)})
        for place, event in enumerate(_with_faults(answer.events, fault)):
            if fault.hold_after == place and not await self.wait(hold=True):
                return
            if fault.chunk_delay and not await self.wait(fault.chunk_delay):
                return
            if fault.cut_after == place or (fault.half_close and place == 1):
                return
            await self.track({"type": "http.response.body", "body": event.encode(), "more_body": True})
        await self.track({"type": "http.response.body", "body": b""})


def _with_faults(events: Sequence[Event], fault: Fault) -> list[Event]:
    """Return the events with the faults that change their data applied."""
    made = list(events)
    if fault.no_finish:
        made = [item for item in map(no_finish, made) if item is not None]
    if fault.no_done:
        made = [item for item in made if not item.is_done]
    if fault.malformed_after is not None:
        made.insert(min(fault.malformed_after, len(made)), Event('{"id":"broken","choices":[{"index":0,"del'))
    if fault.error_after is not None:
        error = faults.error_object(fault)
        made = [*made[: fault.error_after], Event(error, "error" if error.get("type") == "error" else None)]
    return made
