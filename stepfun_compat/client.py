"""The clients: every override of openai's hooks, and nothing else. `_client` implements the hooks.

Each override documents what it relies on in openai 1.66 to 3.x.
"""

from __future__ import annotations

import inspect
import time
from typing import TYPE_CHECKING, Any, cast

import openai
from openai._compat import cached_property
from typing_extensions import Self, override

from . import errors, stock
from ._client import CALL, DATA, EXTENSION, call_of, context_if_any, parts
from ._client.classes import Bases, Rebindable, copy_with_signature, describe
from ._client.drivers import drive, drive_async

if TYPE_CHECKING:
    from openai._base_client import BaseClient
    from typing_extensions import Unpack

    from ._client.argument_types import AsyncCopyOptions, AsyncOptions, SyncCopyOptions, SyncOptions
    from ._client.context import CallState, ClientContext
    from ._client.extras import ClientFamily, Extras
    from .settings import Settings

    _SDKClient = BaseClient[Any, Any]
else:
    _SDKClient = object

_MOST_URLS = 32
_TAKES_NO_CALLABLE_KEY = not hasattr(openai.OpenAI, "_refresh_api_key")
"""Whether the SDK accepts keys as text only. Then a callable key is called here, for each attempt."""


def _has(name: str) -> bool:
    """Return whether a resource is created on first use; older SDKs create all of them in the constructor."""
    return isinstance(getattr(openai.OpenAI, name, None), cached_property)


def _is_accelerated(client: Any) -> bool:
    """Return whether resources use the fast path; those of a client whose constructor a test has replaced do not."""
    context = context_if_any(client)
    return context is not None and context.settings.fast_path


class StepFunHooks(_SDKClient):
    """The hooks that both clients share. Comes before openai's class in the bases."""

    _stepfun: ClientContext

    @property
    def stepfun(self) -> Extras:
        """Everything this client offers beyond openai's, such as `explain`, `prompt_cache` and `count_tokens`."""
        return parts.extras.Extras(self._stepfun)

    def copy(self, *, settings: Settings | None = None, **kwargs: Any) -> Self:
        """Copy the client. The copy keeps the settings and shares statistics, stores and the HTTP client.

        Raises:
            KeyRefusedError: `base_url` names another host and no key is given for it.
        """
        return parts.construction.copied(self._stepfun, cast("Any", super()).copy, settings, kwargs)

    with_options = copy

    # ------------------------------------------------------------ resources

    if not TYPE_CHECKING and _has("realtime"):

        @cached_property
        def realtime(self) -> Any:
            """openai's resource, with guarded credentials on its connections."""
            realtime = parts.websockets.guard(super().realtime, self)
            parts.websockets.refuse(getattr(realtime, "translations", None), self, "realtime.translations")
            return realtime

    if not TYPE_CHECKING and _has("chat"):

        @cached_property
        def chat(self) -> Any:
            """openai's resource; plain messages skip the SDK's transform."""
            chat = super().chat
            if not _is_accelerated(self):
                return chat
            from .fast_path.messages import accelerate_chat

            return accelerate_chat(chat)

    if not TYPE_CHECKING and _has("responses"):

        @cached_property
        def responses(self) -> Any:
            """openai's resource, without the WebSocket StepFun does not offer; plain input skips the transform."""
            responses = parts.websockets.refuse(super().responses, self, "responses")
            if not _is_accelerated(self):
                return responses
            from .fast_path.messages import accelerate_responses

            return accelerate_responses(responses)

    if not TYPE_CHECKING and _has("live"):

        @cached_property
        def live(self) -> Any:
            """openai's resource, without its WebSockets, which StepFun does not offer."""
            live = parts.websockets.refuse(super().live, self, "live")
            for name in ("forks", "sideband"):
                parts.websockets.refuse(getattr(live, name, None), self, f"live.{name}")
            return live

    if not TYPE_CHECKING and _has("beta"):

        @cached_property
        def beta(self) -> Any:
            """openai's resource, with guarded credentials on its connections."""
            return parts.websockets.guard_beta(super().beta, _is_accelerated(self))

    # ------------------------------------------------------------ credentials

    @property
    @override
    def auth_headers(self) -> dict[str, str]:
        """openai's headers without an OpenAI key. WebSocket connections send them as well."""
        headers: dict[str, str] = super().auth_headers
        context = getattr(self, "_stepfun", None)
        if context is None or not context.targets_stepfun():
            return headers
        return parts.credentials.safe_auth_headers(context, headers)

    @property
    @override
    def default_headers(self) -> dict[str, Any]:
        """openai's headers without OpenAI keys and headers that only apply to OpenAI (stepfun-api 1)."""
        headers: dict[str, Any] = super().default_headers
        context = getattr(self, "_stepfun", None)
        if context is None or not context.targets_stepfun():
            return headers
        return parts.credentials.safe_default_headers(context, headers)

    @property
    @override
    def custom_auth(self) -> Any:
        """Hook: the auth that signs a request after the SDK's hooks, and follows its redirects."""
        return parts.redirects.auth(self._stepfun, super().custom_auth)

    @override
    def _custom_auth(self, security: Any) -> Any:
        """Hook: the same auth, in SDKs with several kinds of keys."""
        return parts.redirects.auth(self._stepfun, super()._custom_auth(security))

    # ------------------------------------------------------------ requests

    @override
    def _build_request(self, options: Any, **kwargs: Any) -> Any:
        """Hook: called once per attempt, with a shallow copy of the options; `retries_taken` by keyword."""
        context = self._stepfun
        call: CallState | None = options.__dict__.get(CALL)
        if call is None:
            call = parts.requests.begin(context, options, False)
            if call is None:
                request: Any = super()._build_request(options, **kwargs)
                parts.redirects.mark(context, request, options)
                return request
            try:
                parts.requests.translate(context, call, parts.requests.plain_request(call, options))
            except parts.flow.RequestRejected as refusal:
                request = super()._build_request(options, **kwargs)
                raise parts.responses.rejection(context, refusal, request) from None
        sent = parts.requests.sent_options(call, options)
        call.started, call.retries_taken = time.monotonic(), kwargs.get("retries_taken", 0)
        builder, build = context.request_builder, super()._build_request
        request = build(sent, **kwargs) if builder is None else builder.build(build, self, sent, **kwargs)
        parts.redirects.mark(context, request, sent)
        request.extensions[EXTENSION] = call
        if call.pinned is not None:  # the store was read with this key; a callable key may return another one now
            request.headers["authorization"] = call.pinned
        if call.is_step and context.settings.stream_idle_timeout is not None:
            parts.stream_idle.limit_step(call.wire, request, context.settings.stream_idle_timeout)
        return request

    @override
    def _prepare_url(self, url: str) -> Any:
        """Hook: the URL of a request. Each of the few paths that calls use is joined to the base URL only once."""
        context = getattr(self, "_stepfun", None)
        if context is None or not context.targets_stepfun():
            return super()._prepare_url(url)
        known = context.urls.get(url)
        if known is None:
            known = super()._prepare_url(url)
            if len(context.urls) < _MOST_URLS and "?" not in url:
                context.urls[url] = known
        return known

    # ------------------------------------------------------------ responses

    @override
    def _process_response_data(self, *, data: Any, cast_to: Any, response: Any) -> Any:
        """Hook: called for every parsed object and every chunk. Uses the translated data of a complete body, if any."""
        if data is not None:
            data = response.extensions.get(DATA, data)
        return super()._process_response_data(data=data, cast_to=cast_to, response=response)

    @override
    def _make_status_error(self, err_msg: str, *, body: object, response: Any) -> Any:
        """Hook: build the error for a status. Errors inside a stream are raised by the stream itself."""
        call = call_of(response)
        if call is None:
            return super()._make_status_error(err_msg, body=body, response=response)
        parts.responses.set_request_id(response)
        call.refused = (response.status_code, body)
        if parts.responses.cut_by_stepfun(call, response):
            return openai.APITimeoutError(request=response.request)
        return errors.from_response(err_msg, body=body, response=response)

    @override
    def _should_retry(self, response: Any) -> bool:
        """Hook: a status error is about to be retried or raised."""
        call = call_of(response)
        if call is not None:
            call.last_status = response.status_code
            # a request that hit StepFun's limit of ten minutes would hit it again
            if response.status_code in (402, 451) or parts.responses.cut_by_stepfun(call, response):
                return False
        return super()._should_retry(response)

    @override
    def _calculate_retry_timeout(self, remaining_retries: int, options: Any, *args: Any, **kwargs: Any) -> float:
        """Hook: seconds to wait before the next attempt."""
        seconds: float = super()._calculate_retry_timeout(remaining_retries, options, *args, **kwargs)
        call: CallState | None = options.__dict__.get(CALL)
        if call is not None and call.last_status == 429:
            return max(seconds, self._stepfun.settings.rate_limit_min_wait)
        return seconds


if TYPE_CHECKING:

    class _SyncBases(stock.OpenAI, StepFunHooks): ...  # pyright: ignore[reportIncompatibleVariableOverride, reportIncompatibleMethodOverride]

    class _AsyncBases(stock.AsyncOpenAI, StepFunHooks): ...  # pyright: ignore[reportIncompatibleVariableOverride, reportIncompatibleMethodOverride]
else:
    _SyncBases = Bases(StepFunHooks, stock.OpenAI)
    _AsyncBases = Bases(StepFunHooks, stock.AsyncOpenAI)


class OpenAI(_SyncBases, metaclass=Rebindable):
    """`openai.OpenAI` on StepFun: the same arguments, plus `settings`."""

    def __init__(
        self,
        *,
        settings: Settings | None = None,
        _stepfun_shared: ClientFamily | None = None,
        **kwargs: Unpack[SyncOptions],
    ) -> None:
        parts.construction.construct(self, super().__init__, cast("dict[str, Any]", kwargs), settings, _stepfun_shared)

    if TYPE_CHECKING:

        @override
        def copy(self, **kwargs: Unpack[SyncCopyOptions]) -> Self: ...  # pyright: ignore[reportIncompatibleMethodOverride]

        with_options = copy

    @override
    def request(self, cast_to: Any, options: Any, *args: Any, **kwargs: Any) -> Any:
        """Hook: one call of a resource method. Sends one request, several or none."""
        if CALL in options.__dict__:
            return cast("Any", super().request(cast_to, options, *args, **kwargs))
        return drive(parts.flow.request(self._stepfun, super().request, cast_to, options, args, kwargs))

    @override
    def _prepare_options(self, options: Any) -> Any:
        """Hook: called once per attempt. Calls a callable key for SDKs that accept none."""
        provider = self._stepfun.key_provider
        if provider is not None and _TAKES_NO_CALLABLE_KEY:
            self.api_key = provider()
        parts.redirects.hold_back(options)
        options = super()._prepare_options(options)
        return options if provider is None else parts.credentials.signed_options(self._stepfun, options)

    @override
    def _prepare_request(self, request: Any) -> None:
        """Hook: the last one before the request is sent."""
        super()._prepare_request(request)
        parts.credentials.sanitize_request(self._stepfun, request)

    @override
    def _process_response(self, *, response: Any, **kwargs: Any) -> Any:
        """Hook: called for raw and parsed responses; may replace the options, the response and the stream class."""
        call, process = call_of(response), super()._process_response
        if call is None:
            return process(response=response, **kwargs)
        return drive(parts.flow.process_response(self._stepfun, process, call, response=response, **kwargs))


class AsyncOpenAI(_AsyncBases, metaclass=Rebindable):
    """`openai.AsyncOpenAI` on StepFun: the same arguments, plus `settings`."""

    def __init__(
        self,
        *,
        settings: Settings | None = None,
        _stepfun_shared: ClientFamily | None = None,
        **kwargs: Unpack[AsyncOptions],
    ) -> None:
        parts.construction.construct(self, super().__init__, cast("dict[str, Any]", kwargs), settings, _stepfun_shared)

    if TYPE_CHECKING:

        @override
        def copy(self, **kwargs: Unpack[AsyncCopyOptions]) -> Self: ...  # pyright: ignore[reportIncompatibleMethodOverride]

        with_options = copy

    @override
    async def request(self, cast_to: Any, options: Any, *args: Any, **kwargs: Any) -> Any:
        """Hook: one call of a resource method. Sends one request, several or none."""
        if CALL in options.__dict__:
            return await super().request(cast_to, options, *args, **kwargs)
        return await drive_async(parts.flow.request(self._stepfun, super().request, cast_to, options, args, kwargs))

    @override
    async def _prepare_options(self, options: Any) -> Any:
        """Hook: called once per attempt. Calls a callable key for SDKs that accept none."""
        provider = self._stepfun.key_provider
        if provider is not None and _TAKES_NO_CALLABLE_KEY:
            key = provider()
            self.api_key = await key if inspect.isawaitable(key) else key
        parts.redirects.hold_back(options)
        options = await super()._prepare_options(options)
        return options if provider is None else parts.credentials.signed_options(self._stepfun, options)

    @override
    async def _prepare_request(self, request: Any) -> None:
        """Hook: the last one before the request is sent."""
        await super()._prepare_request(request)
        parts.credentials.sanitize_request(self._stepfun, request)

    @override
    async def _process_response(self, *, response: Any, **kwargs: Any) -> Any:
        """Hook: called for raw and parsed responses; may replace the options, the response and the stream class."""
        call, process = call_of(response), super()._process_response
        if call is None:
            return await process(response=response, **kwargs)
        return await drive_async(parts.flow.process_response(self._stepfun, process, call, response=response, **kwargs))


for _ours, _stock in ((OpenAI, stock.OpenAI), (AsyncOpenAI, stock.AsyncOpenAI)):
    describe(_ours.__init__, _stock.__init__)
    _ours.copy = _ours.with_options = copy_with_signature(_ours.copy, _stock.copy)

Client = OpenAI
AsyncClient = AsyncOpenAI


if not TYPE_CHECKING:  # a type checker would accept any name of this module
    from .former_lookup import former_names_of

    __getattr__ = former_names_of(__name__)
