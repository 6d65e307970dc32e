"""One flow for the sync and the async client.

A flow is a generator that does everything a call needs and yields whatever has to be waited for, as a function without
arguments. `drive` calls each function and `drive_async` awaits what it returns; both hand the result, or the error,
back to the flow. Everything between two waits is the same code for both clients.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from functools import partial
from typing import Any, TypeAlias, cast

import anyio
import openai

from .. import settled
from ..call import Call
from ..endpoints.base import PLAIN, Reply, Request, Script, Send, StoreOperation
from ..endpoints.chat_response import UnexpectedBody
from ..exchange import Refusal
from ..report import debug_body, report
from ..stream_idle import limit_silence
from ..streaming import EXTENSION

CALL = "stepfun_call"
"""The key in the SDK's options under which the record of the call travels."""
RAW = "X-Stainless-Raw-Response"
_CAST = "____stainless_override_cast_to"

Flow: TypeAlias = Generator[Callable[[], Any], Any, Any]
"""Yields functions without arguments, is sent what they return, and returns what the caller gets."""
Post: TypeAlias = Callable[..., Any]
"""The SDK's own `request`: the client's `super().request`."""


def drive(flow: Flow) -> Any:
    """Run a flow for the sync client: call what it yields."""
    try:
        step = next(flow)
        while True:
            try:
                result = step()
            except BaseException as error:
                step = flow.throw(error)
            else:
                step = flow.send(result)
    except StopIteration as stop:
        return stop.value


async def drive_async(flow: Flow) -> Any:
    """Run a flow for the async client: await what the functions it yields return."""
    try:
        step = next(flow)
        while True:
            try:
                result = await step()
            except BaseException as error:
                step = flow.throw(error)
            else:
                step = flow.send(result)
    except StopIteration as stop:
        return stop.value


def request(client: Any, post: Post, cast_to: Any, options: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Flow:
    """One call of a resource's method: sent once, answered without a request, or carried out in several.

    Raises:
        openai.APIStatusError: the endpoint rejects the call.
    """
    call: Call | None = client._stepfun_begin(options, bool(kwargs.get("stream")))
    if call is None or call.endpoint is PLAIN:
        return (yield partial(post, cast_to, options, *args, **kwargs))
    options = options.model_copy()
    other = client._stepfun_elsewhere(options)
    if other is not None:
        return (yield partial(other.request, cast_to, options, *args, **kwargs))
    call.deadline = _deadline(client, options)
    try:
        given = client._stepfun_request(options)
        script = call.endpoint.script(given, call.x)
        if script is not None:
            return (yield from _run(client, call, script, post, cast_to, options, kwargs))
        client._stepfun_translate(call, given)
    except Refusal as refusal:
        error = client._stepfun_refused(refusal, client._stepfun_bare_request(options))
        raise client._stepfun_partial(call, error) from None
    return (yield from _send(client, call, post, cast_to, options, *args, **kwargs))


def _send(client: Any, call: Call, post: Post, cast_to: Any, options: Any, *args: Any, **kwargs: Any) -> Flow:
    """Send one HTTP request, `call.wire`, and return what the SDK makes of the response.

    Every request to StepFun passes here: that of a simple call, each step of a script, and the one a script ends with;
    streamed and raw ones too, before anything of their response reaches the caller. Where StepFun refuses a contested
    form of it, the safe form goes out in its place.
    """
    options.__dict__[CALL] = call
    spent, resent = 0, False
    while True:
        call.refused = None
        try:
            answer: Any = yield partial(post, cast_to, options, *args, **kwargs)
        except openai.APIStatusError:
            again = _again(client, call, options)
            if again is None:
                call.retries_taken += spent
                raise
            options, spent, resent = again, spent + call.retries_taken, True
            continue
        if resent:
            settled.after_success(call.x, client._stepfun.place)
        call.retries_taken += spent
        return answer


def in_safe_form(client: Any, call: Call, wire: Request) -> Request:
    """StepFun's request with what this host is known to refuse in its safe form.

    Raises:
        Refusal: the safe form loses something, and the policy says error.
    """
    if settled.SETTLED or call.x.catalog.settled or call.x.safe_forms:
        return settled.in_safe_form(call.endpoint, wire, call.x, client._stepfun.place)
    return wire


def _again(client: Any, call: Call, options: Any) -> Any:
    """The SDK's options to send a refused request once more in its safe form; None where the refusal is the caller's.

    Raises:
        openai.APITimeoutError: the deadline has passed.
    """
    if call.refused is None or call.wire is None:
        return None
    wire = settled.after_refusal(call.endpoint, call.wire, *call.refused, call.x, client._stepfun.place)
    if wire is None:
        return None
    again = _within_budget(client, call, options)
    call.wire = wire
    if not call.bare:  # the driver of a script tells for its steps
        call.reported = report(call.x, call.reported)
    debug_body(call.x, wire.method, wire.path, wire.json)
    again.__dict__[CALL] = call
    return again


def _run(
    client: Any, call: Call, script: Script, post: Post, cast_to: Any, options: Any, kwargs: Mapping[str, Any]
) -> Flow:
    """Carry out a script: send what it yields, hand it the replies, answer with what it returns."""
    response: Any = None
    try:
        effect = next(script)
        while True:
            if isinstance(effect, Send):
                wire = in_safe_form(client, call, effect.request)
                call.reported = report(call.x, call.reported)
                debug_body(call.x, wire.method, wire.path, wire.json)
                step = call.step(wire)
                step_options = _step_options(client, call, options)
                try:
                    response = yield from _send(client, step, post, client._stepfun_family().Response, step_options)
                finally:
                    call.follow(step)
                reply = client._stepfun_reply(call, response)
            elif isinstance(effect, StoreOperation):
                if client._stepfun_needs_credential(call):
                    client._stepfun_credential(call, (yield partial(client._prepare_options, options.model_copy())))
                reply = Reply((yield _stored(client, call, effect)))
            else:
                yield _slept(client, call, effect.seconds)
                reply = Reply(None)
            effect = script.send(reply)
    except StopIteration as stop:
        returned: Reply | Request = stop.value
    except openai.APIError as error:
        client._stepfun_partial(call, error)
        raise
    except UnexpectedBody as error:
        raise openai.APIResponseValidationError(response=response, body=response.text, message=str(error)) from error
    if isinstance(returned, Request):  # what was needed for it is known now: it goes the ordinary way
        call.wire = in_safe_form(client, call, returned)
    call.reported = report(call.x, call.reported)
    if isinstance(returned, Request):
        return (yield from _send(client, call, post, cast_to, options, **kwargs))
    call.done = True
    client._stepfun.shared.record(call.x, returned.body)
    answer = client._stepfun_local(call, options, returned, response)
    answer.request.extensions[EXTENSION] = call
    raw = cast("Mapping[str, Any]", options.headers or {}).get(RAW)
    if raw:
        answer.request.headers[RAW] = raw
    client._stepfun_forced(call, answer.request, returned.body)
    return (
        yield partial(
            client._process_response,
            cast_to=client._maybe_override_cast_to(cast_to, options),
            options=options,
            response=answer,
            stream=bool(kwargs.get("stream")),
            stream_cls=kwargs.get("stream_cls"),
            retries_taken=call.retries_taken,
        )
    )


def process_response(
    client: Any,
    process: Callable[..., Any],
    call: Call,
    *,
    cast_to: Any,
    options: Any,
    response: Any,
    stream: bool,
    stream_cls: Any,
    **kwargs: Any,
) -> Flow:
    """What becomes of a call's response; `process` is the SDK's own `_process_response`."""
    client._stepfun_headers(response)
    call.retries_taken = kwargs.get("retries_taken", 0)
    idle = client._stepfun.settings.stream_idle_timeout
    if idle is not None and (stream or response.request.headers.get(RAW) == "stream"):
        limit_silence(response, idle, client._stepfun_family(), later=_is_async(client))
    if stream:
        call.wire = None  # it has been sent, and a stream may be open for long
        response = client._stepfun_raw_stream(call, response)
        stream_cls = client._stepfun_stream_class(call, stream_cls, cast_to)
    elif client._stepfun_wants_body(call, response, cast_to):
        body: bytes = yield _read(client, response)
        response, options = client._stepfun_answered(call, options, response, body, cast_to)
        keep, call.x.save_operation = call.x.save_operation, None
        if keep is not None:
            with client._stepfun_keeping(call, response):
                yield _stored(client, call, keep)
    elif call.bare:
        yield _read(client, response)
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


# ---------------------------------------------------------------- waits, in the client's own way


def _is_async(client: Any) -> bool:
    return isinstance(client, openai.AsyncOpenAI)


def _read(client: Any, response: Any) -> Callable[[], Any]:
    return response.aread if _is_async(client) else response.read


def _stored(client: Any, call: Call, operation: StoreOperation) -> Callable[[], Any]:
    """An operation on the conversation store."""
    return partial(client._stepfun_keep_later if _is_async(client) else client._stepfun_keep, call, operation)


def _slept(client: Any, call: Call, seconds: float) -> Callable[[], Any]:
    """A pause of a script.

    Raises:
        openai.APITimeoutError: the deadline would pass.
    """
    if call.deadline is not None and time.monotonic() + seconds >= call.deadline:
        raise _timed_out(client, "GET")
    return partial(anyio.sleep if _is_async(client) else time.sleep, seconds)


# ---------------------------------------------------------------- one deadline and one retry budget for a call


def _deadline(client: Any, options: Any) -> float | None:
    """When the caller stops waiting, as `time.monotonic` counts; None for a timeout that is not one number."""
    timeout = client.timeout if isinstance(options.timeout, openai.NotGiven) else options.timeout
    return time.monotonic() + timeout if isinstance(timeout, int | float) and not isinstance(timeout, bool) else None


def _timed_out(client: Any, method: str) -> openai.APITimeoutError:
    return openai.APITimeoutError(request=client._stepfun_family().Request(method, str(client._base_url)))


def _within_budget(client: Any, call: Call, options: Any) -> Any:
    """A copy of the SDK's options for one more request of a call, with what is left of its time and retries.

    Raises:
        openai.APITimeoutError: the deadline has passed.
    """
    more = options.model_copy()
    if call.deadline is not None:
        left = call.deadline - time.monotonic()
        if left <= 0:
            raise _timed_out(client, options.method.upper())
        more.timeout = left
    retries = options.get_max_retries(client.max_retries)
    if retries is not None:
        more.max_retries = max(retries - call.retries_taken, 0)
    return more


def _step_options(client: Any, call: Call, options: Any) -> Any:
    """The SDK's options for one step of a script, whose response is ours to read whatever the caller wants in the end."""
    step = _within_budget(client, call, options)
    step.post_parser = openai.NOT_GIVEN
    headers: Any = options.headers
    if headers and not isinstance(headers, openai.NotGiven):
        step.headers = {k: v for k, v in headers.items() if k.lower() not in (RAW.lower(), _CAST)}
    return step
