"""One flow for the sync and the async client.

A flow is a generator that runs a call and yields a function without arguments for each wait. `drivers.drive` calls the
function and `drivers.drive_async` awaits what it returns; both send the result, or throw the error, into the flow.
Everything between two waits is the same code for both clients.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from functools import partial
from typing import Any, TypeAlias, cast

import anyio
import openai

from .. import contested_memory as settled
from .. import errors
from ..endpoints.base import PLAIN, BatchOperation, BrokenOff, Flow, Send, StoreOperation, WireRequest, WireResponse
from ..endpoints.context import RequestRejected
from ..endpoints.json_values import UnexpectedBody
from ..report import debug_body, report
from . import CALL, EXTENSION, batch_operations, conversation_store, requests, responses
from .context import CAST, RAW, CallState, ClientContext
from .stream_idle import limit_silence
from .streaming import AsyncStepfunStream, StepfunStream, broken_off

_STREAMS: tuple[Any, Any] = (StepfunStream, openai.Stream)
_ASYNC_STREAMS: tuple[Any, Any] = (AsyncStepfunStream, openai.AsyncStream)

ClientFlow: TypeAlias = Generator[Callable[[], Any], Any, Any]
"""Yields functions without arguments, receives their results, and returns what the caller gets."""
Post: TypeAlias = Callable[..., Any]
"""The SDK's own `request`: the client's `super().request`."""


def request(
    context: ClientContext, post: Post, cast_to: Any, options: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> ClientFlow:
    """Run one call of a resource's method, with one request, several or none.

    Raises:
        openai.APIStatusError: the endpoint rejects the call.
    """
    try:
        return (yield from _request(context, post, cast_to, options, args, kwargs))
    except openai.APIError as error:
        errors.redact(error)
        raise


def _request(
    context: ClientContext, post: Post, cast_to: Any, options: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> ClientFlow:
    call: CallState | None = requests.begin(context, options, bool(kwargs.get("stream")))
    if call is None or call.endpoint is PLAIN:
        return (yield partial(post, cast_to, options, *args, **kwargs))
    options = options.model_copy()
    other = requests.fallback_client(context, options) if context.fallback else None
    if other is not None:
        return (yield partial(other.request, cast_to, options, *args, **kwargs))
    try:
        given = requests.plain_request(call, options)
        script = call.endpoint.script(given, call.request_context)
        if script is not None:
            return (yield from _run(context, call, script, post, cast_to, options, kwargs))
        requests.translate(context, call, given)
    except RequestRejected as refusal:
        error = responses.rejection(context, refusal, responses.unsent_request(context, options))
        raise responses.with_partial(call, error) from None
    return (yield from _send(context, call, post, cast_to, options, *args, **kwargs))


def _send(
    context: ClientContext, call: CallState, post: Post, cast_to: Any, options: Any, *args: Any, **kwargs: Any
) -> ClientFlow:
    """Send one HTTP request, `call.wire`, and return what the SDK makes of the response.

    Every request to StepFun passes through here: that of a simple call, each step of a script, and the final request of
    a script, streamed and raw ones included, before the caller sees any of the response. If StepFun refuses a contested
    form, the safe form is sent instead.
    """
    options.__dict__[CALL] = call
    spent, resent = 0, False
    while True:
        call.refused = None
        try:
            answer: Any = yield partial(post, cast_to, options, *args, **kwargs)
        except openai.APIStatusError:
            again = _again(context, call, options)
            if again is None:
                call.retries_taken += spent
                raise
            options, spent, resent = again, spent + call.retries_taken, True
            continue
        if resent:
            settled.after_success(call.request_context, context.base_url)
        call.retries_taken += spent
        return answer


def _again(context: ClientContext, call: CallState, options: Any) -> Any:
    """Return the SDK's options to repeat a refused request in its safe form; None if the error is raised to the caller.

    Raises:
        openai.APITimeoutError: the deadline has passed.
    """
    if call.refused is None or call.wire is None:
        return None
    wire = settled.after_refusal(call.endpoint, call.wire, *call.refused, call.request_context, context.base_url)
    if wire is None:
        return None
    again = _within_budget(context, call, options)
    call.wire = wire
    if not call.is_step:  # `_run` reports for the steps of a script
        call.reported = report(call.request_context, call.reported)
    debug_body(call.request_context, wire.method, wire.path, wire.json)
    again.__dict__[CALL] = call
    return again


def _run(
    context: ClientContext,
    call: CallState,
    script: Flow,
    post: Post,
    cast_to: Any,
    options: Any,
    kwargs: Mapping[str, Any],
) -> ClientFlow:
    """Run a script: execute the effects it yields, send it their results, and return its result."""
    response: Any = None
    try:
        effect = next(script)
        while True:
            if isinstance(effect, Send):
                wire = requests.in_safe_form(context, call, effect.request)
                call.reported = report(call.request_context, call.reported)
                debug_body(call.request_context, wire.method, wire.path, wire.json)
                step = call.step(wire)
                step_options = _step_options(context, call, options)
                try:
                    response = yield from _send(context, step, post, context.http_module().Response, step_options)
                finally:
                    call.follow(step)
                reply = responses.reply_of(call, response)
            elif isinstance(effect, StoreOperation | BatchOperation):
                if conversation_store.needs_credential(context, call):
                    conversation_store.note_credential(
                        context, call, (yield partial(context.client._prepare_options, options.model_copy()))
                    )
                perform = _performed if isinstance(effect, BatchOperation) else _stored
                reply = WireResponse((yield perform(context, call, cast("Any", effect))))
            else:
                yield _slept(context, call, effect.seconds)
                reply = WireResponse(None)
            effect = script.send(reply)
    except StopIteration as stop:
        returned: WireResponse | WireRequest = stop.value
    except openai.APIError as error:
        responses.with_partial(call, error)
        raise
    except BrokenOff as error:
        raise broken_off(error, response.request) from None
    except UnexpectedBody as error:
        raise openai.APIResponseValidationError(response=response, body=response.text, message=str(error)) from error
    if isinstance(returned, WireRequest):  # the script has prepared one last request, sent like that of a simple call
        call.wire = requests.in_safe_form(context, call, returned)
    call.reported = report(call.request_context, call.reported)
    if isinstance(returned, WireRequest):
        return (yield from _send(context, call, post, cast_to, options, **kwargs))
    call.already_translated = True
    context.family.record(call.request_context, returned.body)
    answer = responses.local_response(context, call, options, returned, response)
    answer.request.extensions[EXTENSION] = call
    raw = cast("Mapping[str, Any]", options.headers or {}).get(RAW)
    if raw:
        answer.request.headers[RAW] = raw
    responses.check_forced_tool_call(context, call, answer.request, returned.body)
    return (
        yield partial(
            context.client._process_response,
            cast_to=context.client._maybe_override_cast_to(cast_to, options),
            options=options,
            response=answer,
            stream=bool(kwargs.get("stream")),
            stream_cls=kwargs.get("stream_cls"),
            retries_taken=call.retries_taken,
        )
    )


def process_response(
    context: ClientContext,
    process: Callable[..., Any],
    call: CallState,
    *,
    cast_to: Any,
    options: Any,
    response: Any,
    stream: bool,
    stream_cls: Any,
    **kwargs: Any,
) -> ClientFlow:
    """Translate a call's response and have the SDK process it; `process` is the SDK's own `_process_response`."""
    responses.set_request_id(response)
    call.retries_taken = kwargs.get("retries_taken", 0)
    idle = context.settings.stream_idle_timeout
    if idle is not None and (stream or response.request.headers.get(RAW) == "stream"):
        limit_silence(response, idle, context.http_module(), later=context.is_async)
    if stream:
        call.wire = None  # no longer needed, and a stream may stay open for long
        response = _raw_stream(context, call, response)
        stream_cls = _stream_class(context, call, stream_cls, cast_to)
    elif responses.wants_body(call, response, cast_to):
        body: bytes = yield _read(context, response)
        response, options = responses.translated(context, call, options, response, body, cast_to)
        keep, call.request_context.save_operation = call.request_context.save_operation, None
        if keep is not None:
            with conversation_store.store_errors(context, call, response):
                yield _stored(context, call, keep)
    elif call.is_step:
        yield _read(context, response)
    return (
        yield partial(
            process,
            cast_to=cast_to,
            options=options,
            response=response,
            stream=stream,
            stream_cls=stream_cls,
            **kwargs,
        )
    )


# ---------------------------------------------------------------- waits, sync or async


def _read(context: ClientContext, response: Any) -> Callable[[], Any]:
    return response.aread if context.is_async else response.read


def _stored(context: ClientContext, call: CallState, operation: StoreOperation) -> Callable[[], Any]:
    """Return the wait for an operation on the conversation store."""
    run: Callable[..., Any] = conversation_store.run_store_operation
    if context.is_async:
        run = conversation_store.run_store_operation_async
    return partial(run, context, call, operation)


def _performed(context: ClientContext, call: CallState, operation: BatchOperation) -> Callable[[], Any]:
    """Return the wait for an operation on batches."""
    run: Callable[..., Any] = batch_operations.run_batch_operation
    if context.is_async:
        run = batch_operations.run_batch_operation_async
    return partial(run, context, call, operation)


def _slept(context: ClientContext, call: CallState, seconds: float) -> Callable[[], Any]:
    """Return the wait for a pause of a script.

    Raises:
        openai.APITimeoutError: the deadline would pass.
    """
    if call.deadline is not None and time.monotonic() + seconds >= call.deadline:
        raise _timed_out(context, "GET")
    return partial(anyio.sleep if context.is_async else time.sleep, seconds)


# ---------------------------------------------------------------- one deadline and one retry budget for a call


def _timed_out(context: ClientContext, method: str) -> openai.APITimeoutError:
    return openai.APITimeoutError(request=context.http_module().Request(method, str(context.client._base_url)))


def _within_budget(context: ClientContext, call: CallState, options: Any) -> Any:
    """Return a copy of the SDK's options for another request of a call, with its remaining time and retries.

    Raises:
        openai.APITimeoutError: the deadline has passed.
    """
    more = options.model_copy()
    if call.deadline is not None:
        left = call.deadline - time.monotonic()
        if left <= 0:
            raise _timed_out(context, options.method.upper())
        more.timeout = left
    retries = options.get_max_retries(context.client.max_retries)
    if retries is not None:
        more.max_retries = max(retries - call.retries_taken, 0)
    return more


def _step_options(context: ClientContext, call: CallState, options: Any) -> Any:
    """Return the SDK's options for a step of a script, which reads the response in any form the caller chose."""
    step = _within_budget(context, call, options)
    step.post_parser = openai.NOT_GIVEN
    headers: Any = options.headers
    if headers and not isinstance(headers, openai.NotGiven):
        step.headers = {k: v for k, v in headers.items() if k.lower() not in (RAW.lower(), CAST)}
    return step


# ---------------------------------------------------------------- streams


def _raw_stream(context: ClientContext, call: CallState, response: Any) -> Any:
    """Return the response for a caller of raw streams, with OpenAI's events as its body unless StepFun's are wanted."""
    if call.already_translated or not call.endpoint.rewrites_raw or not response.request.headers.get(RAW):
        return response
    if responses.returns_wire(context, call):
        return response
    from .raw_stream import translated

    return translated(context.client, response, context.http_module(), later=context.is_async)


def _stream_class(context: ClientContext, call: CallState, stream_cls: Any, cast_to: Any) -> Any:
    """Return our stream class in place of openai's; a caller's own subclass is kept."""
    ours, stock = _ASYNC_STREAMS if context.is_async else _STREAMS
    if stream_cls is None:
        stream_cls = stock[cast_to]
    origin = getattr(stream_cls, "__origin__", stream_cls)
    if origin is not stock or call.endpoint.transform_stream(call.request_context) is None:
        return stream_cls
    arguments = getattr(stream_cls, "__args__", None)
    return ours[arguments[0]] if arguments else ours
