"""The ASGI app: reads a request, checks the caller, queues it and routes it to OpenAI's or Anthropic's API."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import anyio
import openai

from ..catalog import for_settings as catalog_for
from ..endpoints.json_values import json_bytes
from ..settings import Settings
from . import openai_wire, upstream
from .access import Access, Caller
from .anthropic import wire as anthropic
from .anthropic.response import MessageContext
from .clients import Clients
from .inbound import (
    Disconnected,
    Inbound,
    Receive,
    Scope,
    Send,
    check_encoding,
    names_anthropic,
    new_id,
    parse_json,
    read_body,
    read_head,
)
from .metering import Metrics, Sample, log_line
from .options import ServeOptions
from .outbound import Outbound
from .queueing import FairQueue
from .rejections import Rejected, anthropic_error, openai_error

log = logging.getLogger("stepfun_compat.serve")

_READ_ONLY: Final = ("GET", "HEAD")
_WATCH_AFTER: Final = 0.05
"""Seconds after which a request starts to watch for its caller's disconnect; shorter requests need no extra task."""


class ServeApp:
    """An ASGI app for one event loop. While `draining`, it refuses new requests and finishes the current ones."""

    def __init__(self, settings: Settings, options: ServeOptions) -> None:
        self.settings = settings
        self.options = options
        self.draining = False
        self.metrics = Metrics()
        self.clients = Clients(settings)
        self.queue = FairQueue(options.max_concurrency, options.max_queue)
        self._access = Access(options)
        self._catalog = catalog_for(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            with suppress(Exception):
                await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "This server has no WebSockets."})
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    @asynccontextmanager
    async def lifespan(self, _: object = None) -> AsyncGenerator[None, None]:
        """Close the connections to StepFun at shutdown, for a framework that mounts this app and sends it no lifespan events."""
        try:
            yield
        finally:
            await self.clients.aclose()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.clients.aclose()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        sample = Sample()
        sample.begin()
        out = Outbound(send, sample, head_only=scope["method"].upper() == "HEAD")
        inbound: Inbound | None = None
        self.metrics.active += 1
        try:
            inbound = read_head(scope, self.options.max_header_bytes, self.options.max_headers)
            out.of(inbound)
            await self._answer(inbound, receive, out, sample)
        except Rejected as error:
            if inbound is None:
                out.request_id, out.anthropic = new_id(), names_anthropic(scope)
            if not out.started:
                await _send_if_connected(out.rejection(error))
        except Disconnected:
            sample.status = 499
        finally:
            self.metrics.active -= 1
            if inbound is not None:
                if sample.status not in (400, 401, 403, 404, 405, 421):
                    sample.route = inbound.shown
                log_line(inbound, sample, out.request_id)
            self.metrics.count(sample)

    # ------------------------------------------------------------ checks before routing

    async def _answer(self, inbound: Inbound, receive: Receive, out: Outbound, sample: Sample) -> None:
        """Answer what needs no token, then check who calls.

        Raises:
            Rejected: the request is refused.
            Disconnected: the caller hung up.
        """
        self._access.check_host(inbound)
        if len(inbound.segments) <= 1 and inbound.method in _READ_ONLY and await self._own_page(inbound, out):
            return
        out.headers.update(self._access.cors(inbound))
        if inbound.method == "OPTIONS":
            if "origin" not in inbound.headers:
                raise Rejected(405, "OPTIONS is not allowed here.", headers={"allow": "GET, POST, DELETE"})
            await out.whole(204, b"", self._access.preflight(inbound))
            return
        caller = self._access.caller(inbound)
        if self.draining:
            raise Rejected(503, "The server is stopping.", headers={"retry-after": "1"}, close=True)
        if self.options.metrics and inbound.segments == ("metrics",) and inbound.method in _READ_ONLY:
            await out.whole(
                200,
                self.metrics.text(self.queue).encode(),
                {"content-type": "text/plain; version=0.0.4; charset=utf-8"},
            )
            return
        check_encoding(inbound)
        length = inbound.headers.get("content-length")
        body = await read_body(receive, self.options.max_body, self.options.body_timeout, length)
        if await self._cancellable(receive, lambda: self._queued(inbound, caller, body, out, sample), out, sample):
            await self._report_timeout(inbound, out)

    async def _own_page(self, inbound: Inbound, out: Outbound) -> bool:
        """Answer the health checks, which need no token."""
        name = inbound.segments[0] if inbound.segments else ""
        if name in ("", "healthz"):
            await out.whole(200, json_bytes({"status": "ok"}))
        elif name == "readyz":
            await out.whole(
                *((503, json_bytes({"status": "stopping"})) if self.draining else (200, json_bytes({"status": "ok"})))
            )
        else:
            return False
        return True

    async def _cancellable(
        self, receive: Receive, work: Callable[[], Awaitable[None]], out: Outbound, sample: Sample
    ) -> bool:
        """Run the work until it ends, the caller disconnects or the time limit passes; the last two cancel it and its request
        to StepFun. Return whether the time limit ended it.
        """
        loop = asyncio.get_running_loop()
        gone = False
        rejected: Rejected | None = None
        watching: asyncio.Task[None] | None = None
        with anyio.move_on_after(self.options.request_timeout) as limit:

            async def watch() -> None:
                nonlocal gone
                while (await receive())["type"] != "http.disconnect":
                    pass
                gone = True
                limit.cancel()

            def start_watching() -> None:
                nonlocal watching
                watching = loop.create_task(watch())

            timer = loop.call_later(_WATCH_AFTER, start_watching)
            try:
                await work()
            except Rejected as error:
                rejected = error
            except OSError:  # from the caller's connection
                gone = True
            finally:
                timer.cancel()
                if watching is not None:
                    watching.cancel()
        if gone and not out.finished:
            sample.status = 499
        elif rejected is not None:
            raise rejected
        return limit.cancelled_caught and not gone

    async def _report_timeout(self, inbound: Inbound, out: Outbound) -> None:
        """Report the timeout: as an error response, or as the last event of a stream.

        Raises:
            Rejected: nothing was sent back yet.
        """
        text = f"The request took longer than {self.options.request_timeout:g} seconds."
        if not out.started:
            raise Rejected(504, text, close=True)
        if not out.events:
            raise Rejected(504, text)  # the head was sent: close the connection before the end of the body
        if out.anthropic:
            await out.piece(anthropic.frame(anthropic_error(504, text, out.request_id)))
        else:
            await out.piece(openai_wire.error_event(openai_error(504, text, "timeout"), inbound.path, out.pieces))
        await out.end()

    async def _queued(self, inbound: Inbound, caller: Caller, body: bytes, out: Outbound, sample: Sample) -> None:
        """Wait for the caller's turn if the request uses a model."""
        metered = inbound.method == "POST" and inbound.segments[:1] and inbound.segments[0] in openai_wire.METERED
        if not metered:
            await self._carry_out(inbound, caller, body, out, sample)
            return
        async with self.queue.turn(caller.name or inbound.client):
            await self._carry_out(inbound, caller, body, out, sample)

    # ------------------------------------------------------------ routing

    async def _carry_out(self, inbound: Inbound, caller: Caller, body: bytes, out: Outbound, sample: Sample) -> None:
        """Route the request; an exception of the client becomes the error response of the caller's API."""
        try:
            await self._route(inbound, caller, body, out, sample)
        except Rejected:
            raise
        except RecursionError:
            raise Rejected(400, "The JSON body of the request is nested too deeply.") from None
        except Exception as error:
            if isinstance(error, OSError) and out.started:
                raise  # the caller's connection; before the head it is this server's own, such as a store's file
            if not isinstance(error, openai.OpenAIError):
                _log_fault(inbound, error)
            if out.started:  # close the connection before the end of the body: HTTP's sign of an incomplete response
                return
            failure = upstream.failure(error, self.clients.secrets)
            content = failure.content
            if out.anthropic:
                id = failure.headers.get("x-request-id", inbound.id)
                content = json_bytes(anthropic_error(failure.status, failure.message, id))
            await out.whole(failure.status, content, failure.headers)

    async def _route(self, inbound: Inbound, caller: Caller, body: bytes, out: Outbound, sample: Sample) -> None:
        if inbound.segments[:1] == ("messages",):
            await self._messages(inbound, caller, body, out, sample)
            return
        client = self.clients.of(caller, "openai")
        request = await openai_wire.read(inbound, body)
        sample.streamed = request.form == "stream"
        self._name_model(request.body, sample)
        if inbound.segments == ("models",) and inbound.method in _READ_ONLY:
            await openai_wire.models(client, inbound, self._catalog, out)
            return
        await openai_wire.relay(client, request, out, self.clients.secrets)

    async def _messages(self, inbound: Inbound, caller: Caller, body: bytes, out: Outbound, sample: Sample) -> None:
        """Answer a request of Anthropic's API."""
        counts = inbound.segments == ("messages", "count_tokens")
        if not (counts or inbound.segments == ("messages",)):
            raise Rejected(
                404,
                f"{inbound.method} {inbound.sent_path} is not served: this server has only messages and count_tokens of Anthropic's API.",
            )
        if inbound.method != "POST":
            raise Rejected(405, f"{inbound.method} is not allowed here.", headers={"allow": "POST"})
        message = parse_json(body)
        request, sample.left_out = anthropic.chat_request(message, counts=counts)
        self._name_model(request.body, sample)
        sample.streamed = request.form == "stream"
        context = MessageContext.of(message or {})
        client = self.clients.of(caller, "anthropic thinking" if context.shows_thinking else "anthropic")
        if counts:
            await anthropic.count(client, request, out)
        else:
            await anthropic.relay(client, context, request, out, self.clients.secrets)

    def _name_model(self, body: dict[str, object] | None, sample: Sample) -> None:
        """Return the catalog's model for the name in a request, for the metrics; empty for an unknown name."""
        name = body.get("model") if body else None
        if isinstance(name, str):
            alias = self._catalog.alias(name)
            sample.model = name if name in self._catalog.models else alias.model if alias is not None else ""


def _log_fault(inbound: Inbound, error: Exception) -> None:
    """Log where an unexpected exception was raised, without its text, which may contain a prompt."""
    trace = "".join(traceback.format_tb(error.__traceback__)).rstrip()
    log.error("%s: %s in %s\n%s", inbound.id, type(error).__name__, inbound.shown, trace)


async def _send_if_connected(sending: Awaitable[None]) -> None:
    """Send to a caller who may have hung up."""
    with suppress(OSError):
        await sending
