"""The clients. The only file that knows openai's hooks: one mixin, and thin sync and async classes.

Which hooks are stable from openai 1.66 to 3.x, and what each may rely on, is said where it is overridden.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import os
import time
from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs

import anyio
import openai
from openai._compat import cached_property
from typing_extensions import Self, override

from . import errors, http_objects, stock, stream_idle
from . import settings as settings_module
from ._client import flow
from ._client.flow import CALL, RAW
from .call import Call
from .catalog import for_settings as catalog_for
from .endpoints import table
from .endpoints.absent import fallback_name
from .endpoints.base import PLAIN, PlainEndpoint, Reply, Request, StoreOperation
from .endpoints.chat_response import UnexpectedBody
from .endpoints.realtime import connection as realtime_connection
from .exchange import NO_CLIENT, ClientFacts, Exchange, Refusal
from .extras import Extras, Shared
from .fallback import clients as fallback_clients
from .fast import messages
from .gate import Gate, within
from .rebound import Rebindable
from .redirects import GuardsRedirects
from .report import debug_body, log, report
from .settings import PLACEHOLDER_KEY, Settings, Target
from .sockets import guard, guard_beta, refuse
from .streaming import EXTENSION, AsyncStepfunStream, StepfunStream

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .endpoints.base import StreamTransform
    from .options import AsyncCopyOptions, AsyncOptions, SyncCopyOptions, SyncOptions

_DATA = "stepfun_compat.data"
_SHARED = "_stepfun_shared"
_KEY_WITH_EACH_REQUEST = "stepfun-key-comes-with-each-request"  # for SDKs before 1.107, which take no callable
_STREAMS: tuple[Any, Any] = (StepfunStream, openai.Stream)
_ASYNC_STREAMS: tuple[Any, Any] = (AsyncStepfunStream, openai.AsyncStream)
_MOST_URLS = 32
_CUT_AFTER = 590.0  # seconds: StepFun cuts a request at ten minutes with 503 (api 9.1)

# Credentials and places that only mean something at OpenAI; never read from the environment for a client of ours.
_OPENAI_ONLY = ("admin_api_key", "workload_identity", "data_residency")


class _ClientState:
    """What one client keeps beyond openai's own attributes."""

    def __init__(self, settings: Settings, target: Target, shared: Shared, explicit_settings: bool) -> None:
        self.settings = settings
        self.shared = shared
        self.explicit_settings = explicit_settings
        self.key_provider: Callable[[], Any] | None = None
        self.deployment: str | bool = False
        """The Azure deployment the client was made for, True where the calls name it, False for other clients."""
        self.fallback: Mapping[str, Any] = {}
        self.place = ""
        """The base URL as text, of the client's own at the last look."""
        self.urls: dict[str, Any] = {}
        """Paths joined to that base URL."""
        self.aim(target)

    @property
    def azure_key(self) -> str | None:
        """The one key a client configured for Azure sends: any other that turns up is Azure's. None for other clients."""
        return self.gate.only

    @azure_key.setter
    def azure_key(self, key: str | None) -> None:
        self.gate.only = key

    def aim(self, target: Target) -> None:
        """Say where this client sends."""
        self.target = target
        self.gate = Gate(self.settings, target.ours, target.base_url, target.named)
        self._seen: Any = None
        self._ours = target.ours
        self._facts = NO_CLIENT

    def facts(self) -> ClientFacts:
        """What a translation may know of this client."""
        facts = self._facts
        has_function = self.key_provider is not None
        if (facts.base_url, facts.deployment, facts.callable_key) != (self.place, self.deployment, has_function):
            facts = self._facts = ClientFacts(self.place, self.deployment, has_function, self.shared.reasoning)
        return facts

    def ours(self, base_url: Any) -> bool:
        """Whether requests to this base URL are translated: it may have been assigned since construction."""
        if base_url is not self._seen:
            self.place = str(base_url)
            self.urls = {}
            self._ours = self.target.ours and self.gate.trusts(self.place)
            self._seen = base_url
        return self._ours


def _given(value: Any) -> Any:
    """None for what openai calls not given."""
    return None if isinstance(value, openai.NotGiven) else value


def _media_type(response: Any) -> str:
    """The content type without its parameters."""
    return str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()


def _expects_json(cast_to: Any) -> bool:
    """Whether the SDK will parse the body as JSON for this cast."""
    try:
        return _json_cast(cast_to)
    except TypeError:  # a type that cannot be hashed
        return _json_cast.__wrapped__(cast_to)


@functools.lru_cache(maxsize=256)
def _json_cast(cast_to: Any) -> bool:
    origin = getattr(cast_to, "__origin__", None) or cast_to
    if not inspect.isclass(origin):
        return True
    if issubclass(origin, str | bytes | int | float | bool | type(None)):
        return False
    module = origin.__module__.partition(".")[0]
    return not (
        module in ("httpx", "httpx2")
        or origin.__name__ == "HttpxBinaryResponseContent"
        or any(base.__name__ in ("BaseAPIResponse", "LegacyAPIResponse") for base in origin.__mro__)
    )


def _without_placeholder(kwargs: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """A client's arguments with the placeholder of `run` left out, and whether openai would read it from the environment
    if it was not told otherwise: it is no credential of another vendor's. The environment itself stays as it is, since
    other threads read it."""
    if kwargs.get("api_key") == PLACEHOLDER_KEY:
        kwargs = {**kwargs, "api_key": None}
    others = (kwargs.get("workload_identity"), _given(kwargs.get("provider")))
    if kwargs.get("api_key") is not None or any(other is not None for other in others):
        return kwargs, False
    held = os.environ.get("OPENAI_API_KEY") == PLACEHOLDER_KEY
    return ({**kwargs, "api_key": ""} if held else kwargs), held


class StepfunMixin(GuardsRedirects):
    """Everything both clients do alike; it stands before openai's class in the order of bases."""

    if TYPE_CHECKING:
        api_key: Any
        organization: Any
        project: Any
        timeout: Any
        max_retries: Any
        _client: Any
        _base_url: Any
        base_url: Any
        _strict_response_validation: bool

    _stepfun: _ClientState

    # ------------------------------------------------------------ construction

    def _stepfun_init(
        self,
        start: Callable[..., None],
        kwargs: dict[str, Any],
        settings: Settings | None,
        shared: Shared | None,
        owner: str | None = None,
    ) -> None:
        """Resolve key and host, start openai's client with both explicit, and drop what it took from `OPENAI_*`."""
        explicit = settings is not None
        settings = settings_module.settings_or_default(settings)
        base_url, given_key = _given(kwargs.get("base_url")), kwargs.get("api_key")
        if given_key == PLACEHOLDER_KEY:
            given_key = None
        target = settings_module.resolve_target(
            None if base_url is None else str(base_url), settings, explicit_settings=explicit, api_key=given_key
        )
        if kwargs.get("provider") is not None and not isinstance(kwargs.get("provider"), openai.NotGiven):
            target = Target(str(base_url or ""), False, "provider argument")  # another vendor's credentials and host
        self._stepfun = _ClientState(settings, target, shared or Shared(settings), explicit)
        if not target.ours:
            kwargs, keyless = _without_placeholder(kwargs)
            try:
                self._stepfun_start(start, kwargs)
                if (
                    keyless
                    and kwargs.get("_enforce_credentials", True)
                    and not self.api_key
                    and getattr(self, "admin_api_key", None) is None
                ):
                    raise openai.OpenAIError(  # as SDKs say it that take an empty key for one
                        "The api_key client option must be set either by passing api_key to the client or by setting "
                        "the OPENAI_API_KEY environment variable"
                    )
            except openai.OpenAIError as error:
                if base_url is None or not settings.api_key or "api_key" not in str(error):
                    raise
                raise errors.KeyRefusedError(
                    f"{error} ({settings_module.without_secrets(str(base_url))!r} is another vendor's host, which never "
                    "gets the StepFun key. If it is a gateway to StepFun, set STEPFUN_BASE_URL or pass "
                    "settings=Settings().)"
                ) from error
            return
        kwargs = dict(kwargs)
        kwargs["base_url"] = target.base_url
        for name in _OPENAI_ONLY:
            if kwargs.pop(name, None) is not None:
                log.info("%s is OpenAI's and is not used for StepFun", name)
        socket = kwargs.get("websocket_base_url")
        if socket is not None and settings_module.host_kind(str(socket)) in ("openai", "azure"):
            kwargs["websocket_base_url"] = None
        place = str(base_url or os.environ.get("OPENAI_BASE_URL", ""))
        azure = settings_module.host_kind(place) == "azure"
        if azure and given_key is not None and given_key != settings.api_key:
            given_key, owner = None, "Azure"
        kwargs["api_key"] = key = self._stepfun_key(given_key, target, owner)
        if azure:
            self._stepfun.azure_key = kwargs["api_key"]
            self._stepfun.deployment = settings_module.deployment_in(place) or True
        if settings.fallback:
            self._stepfun.fallback = fallback_clients(
                settings, isinstance(self, openai.AsyncOpenAI), target, key, self._stepfun.shared.fallbacks
            )
        self._stepfun_start(start, kwargs)
        if kwargs.get("organization") is None:
            self.organization = None
        if kwargs.get("project") is None:
            self.project = None
        if hasattr(self, "admin_api_key"):
            self.admin_api_key = None
        headers = kwargs.get("default_headers")
        self._custom_headers: Any = headers if headers is not None else {}

    def _stepfun_start(self, start: Callable[..., None], kwargs: dict[str, Any]) -> None:
        start(**kwargs)
        if "beta" in vars(self):  # SDKs that make their resources at once
            made, fast = vars(self), self._stepfun.target.ours and self._stepfun.settings.fast_path
            guard_beta(made["beta"], fast)
            if fast:
                messages.shorten_chat(made["chat"])
                messages.shorten_responses(made["responses"])

    def _stepfun_key(self, given: Any, target: Target, owner: str | None = None) -> Any:
        """The key to start with: what the caller gave unless it is OpenAI's, else what is configured. `owner` is whose
        the caller's key was where it has been set aside already."""
        state = self._stepfun
        if callable(given):
            state.key_provider = given
            if not hasattr(openai.OpenAI, "_refresh_api_key"):
                return _KEY_WITH_EACH_REQUEST
            return given
        given = given or None
        refused = given is not None and settings_module.is_openai_key(str(given), state.settings, target.named)
        if given is not None and not refused:
            return given
        key = settings_module.stepfun_key(state.settings, target.named)
        if key is None:
            raise settings_module.missing_key("OpenAI" if refused else owner)
        if refused:
            log.info("the key that was given is OpenAI's; the StepFun key is used instead")
        return key

    def copy(self, *, settings: Settings | None = None, **kwargs: Any) -> Self:
        """openai's `copy`, keeping our settings and sharing statistics, stores and the HTTP client.

        Raises:
            KeyRefusedError: `base_url` names another host and no key for it was given.
        """
        state = self._stepfun
        base_url, key = _given(kwargs.get("base_url")), kwargs.get("api_key")
        if state.azure_key is not None and base_url is None:
            key = kwargs["api_key"] = None  # Azure's, as at construction
        if base_url is not None and key is None:
            url = str(base_url)
            kind = settings_module.host_kind(url)
            leaves = (
                not state.gate.trusts(url)
                if state.target.ours
                else (settings_module.origin(url) != settings_module.origin(str(self._base_url)) and kind == "stepfun")
            )
            if leaves:
                raise errors.KeyRefusedError(
                    f"with_options(base_url={settings_module.without_secrets(url)!r}) would send this client's key to another host. "
                    "Pass the api_key of that host as well, or make a client of its own for it."
                )
        extra = dict(kwargs.pop("_extra_kwargs", None) or {})
        keep = settings_module.settings_or_default(settings) if settings is not None else state.settings
        stays = state.target.ours and (base_url is None or state.gate.trusts(str(base_url)))
        if settings is not None or stays:
            extra.setdefault("settings", keep)
        extra.setdefault(_SHARED, state.shared)
        copied: Self = cast("Any", super()).copy(_extra_kwargs=extra, **kwargs)
        if stays and base_url is None:
            copied._stepfun.aim(state.target)  # the SDK hands the URL on as if the caller had written it
            copied._stepfun.azure_key = state.azure_key
            copied._stepfun.deployment = state.deployment
        copied._stepfun.explicit_settings = state.explicit_settings or settings is not None
        if state.key_provider is not None and key is None and copied._stepfun.target.ours:
            copied._stepfun.key_provider = state.key_provider
        return copied

    with_options = copy

    def _stepfun_is_fast(self) -> bool:
        """Whether resources may be shortened: not those of a client whose constructor a test has replaced."""
        state: _ClientState | None = vars(self).get("_stepfun")
        return state is not None and state.settings.fast_path

    if not TYPE_CHECKING and isinstance(getattr(openai.OpenAI, "realtime", None), cached_property):

        @cached_property
        def realtime(self) -> Any:
            """openai's, with the key gate before its connections."""
            realtime = guard(cast("Any", super()).realtime, self)
            refuse(getattr(realtime, "translations", None), self, "realtime.translations")
            return realtime

    if not TYPE_CHECKING and isinstance(getattr(openai.OpenAI, "chat", None), cached_property):

        @cached_property
        def chat(self) -> Any:
            """openai's, whose plain messages skip the SDK's transform."""
            chat = cast("Any", super()).chat
            return messages.shorten_chat(chat) if self._stepfun_is_fast() else chat

    if not TYPE_CHECKING and isinstance(getattr(openai.OpenAI, "responses", None), cached_property):

        @cached_property
        def responses(self) -> Any:
            """openai's, without the socket StepFun does not offer; plain input skips the SDK's transform."""
            responses = refuse(cast("Any", super()).responses, self, "responses")
            return messages.shorten_responses(responses) if self._stepfun_is_fast() else responses

    if not TYPE_CHECKING and isinstance(getattr(openai.OpenAI, "live", None), cached_property):

        @cached_property
        def live(self) -> Any:
            """openai's, without the sockets StepFun does not offer."""
            live = refuse(cast("Any", super()).live, self, "live")
            for name in ("forks", "sideband"):
                refuse(getattr(live, name, None), self, f"live.{name}")
            return live

    if not TYPE_CHECKING and isinstance(getattr(openai.OpenAI, "beta", None), cached_property):

        @cached_property
        def beta(self) -> Any:
            """openai's, with the key gate before its connections."""
            return guard_beta(cast("Any", super()).beta, self._stepfun_is_fast())

    # ------------------------------------------------------------ what we add

    @property
    def stepfun(self) -> Extras:
        """What this client has beyond openai's: `explain`, `prompt_cache`, `count_tokens`, `settings`."""
        return Extras(self)

    # ------------------------------------------------------------ keys at the gate

    @property
    @override
    def auth_headers(self) -> dict[str, str]:
        """openai's, less a key of OpenAI's: this is also what the WebSocket connections send."""
        headers: dict[str, str] = super().auth_headers
        state = getattr(self, "_stepfun", None)
        if state is not None and state.ours(self._base_url):
            value = headers.get("Authorization")
            if value is not None:
                return {**headers, "Authorization": state.gate.authorization(value)}
        return headers

    @property
    @override
    def default_headers(self) -> dict[str, Any]:
        """openai's, less what means something at OpenAI only (api 1), and less a key of OpenAI's."""
        headers: dict[str, Any] = super().default_headers
        state = getattr(self, "_stepfun", None)
        if state is None or not state.ours(self._base_url):
            return headers
        safe: dict[str, Any] = {}
        foreign = state.gate.foreign(str(self._base_url))
        together = "\n".join([value for value in headers.values() if isinstance(value, str)])
        holds_key = settings_module.looks_like_openai_key(together)
        for name, value in headers.items():
            if name.lower() in foreign:
                continue
            if holds_key and isinstance(value, str) and settings_module.looks_like_openai_key(value):
                if name.lower() != "authorization":
                    continue
                value = state.gate.authorization(value, (self.api_key,))
            safe[name] = value
        return safe

    def _stepfun_signed(self, options: Any) -> Any:
        """Options in which newer SDKs have put what a callable key gave; WebSocket connections send them as they are."""
        headers: Any = _given(options.headers)
        state = self._stepfun
        if not headers or not state.ours(self._base_url):
            return options
        safe = {
            name: state.gate.authorization(value)
            if name.lower() == "authorization" and isinstance(value, str)
            else value
            for name, value in headers.items()
        }
        if safe != headers:
            options = options.model_copy()
            options.headers = safe
        return options

    def _stepfun_socket(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments of a WebSocket connection: StepFun's model, and a key only for a host that may have it.

        Raises:
            KeyRefusedError: the connection would take this client's key to another host.
            openai.BadRequestError: StepFun's socket serves no such model.
        """
        state = self._stepfun
        place = str(getattr(self, "websocket_base_url", None) or self._base_url)
        given: dict[str, Any] = dict(_given(kwargs.get("extra_headers")) or {})
        provider = state.key_provider
        if provider is not None and not hasattr(openai.OpenAI, "_refresh_api_key"):
            if inspect.iscoroutinefunction(provider):
                raise errors.KeyRefusedError(
                    "Before openai 1.107 a WebSocket connection cannot wait for an async api_key function: "
                    "pass the key as a string, or upgrade openai."
                )
            self.api_key = provider()
        sent: Any = self._stepfun_family().Request(
            "GET",
            place,
            headers={k: v for k, v in {**self.auth_headers, **given}.items() if isinstance(v, str)},
            params=_given(kwargs.get("extra_query")) or None,
        )
        before: dict[str, str] = dict(sent.headers)
        query: Any = dict(sent.url.params)
        self._stepfun_gate(sent)
        own = any(name.lower() == "authorization" for name in given)
        leaves = state.target.ours and not own and not state.gate.trusts(place)
        if leaves or ("authorization" in before and "authorization" not in sent.headers):
            raise errors.KeyRefusedError(
                f"{settings_module.without_secrets(place)} is another host, to which this connection would take the StepFun "
                "key. Pass that host's Authorization in extra_headers, or leave websocket_base_url out."
            )
        headers = {k: v for k, v in given.items() if not isinstance(v, str) or k.lower() in sent.headers}
        if sent.headers.get("authorization") != before.get("authorization"):
            headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
            headers["Authorization"] = sent.headers["authorization"]
        if _given(kwargs.get("extra_query")) and dict(sent.url.params) != query:
            kwargs = {**kwargs, "extra_query": dict(sent.url.params)}
        if headers != given:
            kwargs = {**kwargs, "extra_headers": headers}
        if not state.ours(self._base_url):
            return kwargs
        x = Exchange("realtime", state.settings, catalog_for(state.settings), client=state.facts())
        try:
            kwargs = realtime_connection(kwargs, x)
        except Refusal as refusal:
            raise self._stepfun_refused(refusal, self._stepfun_family().Request("GET", str(self._base_url))) from None
        report(x)
        return kwargs

    def _stepfun_not_served(self, name: str) -> None:
        """Refuse what StepFun does not offer and no request would tell; a client of another vendor's host goes on as stock.

        Raises:
            EndpointNotAvailableError: the client is ours.
        """
        if not self._stepfun.ours(self._base_url):
            return
        from .catalog.endpoints import outcome_of

        outcome = outcome_of(name)
        refusal = Refusal(
            f"{name} is not available on StepFun: {outcome.note if outcome else 'use a request instead'}.",
            status=404,
            code="endpoint_not_available",
        )
        request = self._stepfun_family().Request("GET", str(self._base_url))
        raise self._stepfun_refused(refusal, request)

    def _stepfun_gate(self, request: Any) -> None:
        """The last look before a request leaves: which key to which host, whatever set them."""
        state = self._stepfun
        state.gate.look(request, (state.settings.api_key, self.api_key if state.target.ours else None))
        call: Call | None = request.extensions.get(EXTENSION)
        if call is not None and call.credential is None:
            call.credential = credential_of(request)

    @override
    def _stepfun_look(self, request: Any, came_from: Any = None) -> None:
        """The last look at a request that is sent after the SDK's hooks: signed by the HTTP client, or redirected."""
        if came_from is None:
            self._stepfun_gate(request)
            return
        state = self._stepfun
        ours = (state.settings.api_key, self.api_key if state.target.ours else None)
        theirs = () if state.target.ours else (self.api_key,)
        state.gate.look_at_hop(request, came_from, ours, theirs)

    @override
    def _stepfun_http_module(self) -> Any:
        return self._stepfun_family()

    # ------------------------------------------------------------ the request

    def _stepfun_begin(self, options: Any, stream: bool) -> Call | None:
        """The call for a request that is ours to translate, None for any other."""
        state = self._stepfun
        if not state.ours(self._base_url):
            return None
        path = self._stepfun_path(options.url)
        endpoint = table.find(options.method, path) if path is not None else None
        if endpoint is None:
            if path is None:
                return None
            endpoint = PLAIN
        catalog, facts = catalog_for(state.settings), state.facts()
        x = Exchange(endpoint.name or str(path), state.settings, catalog, stream=stream, client=facts)
        return Call(
            x, endpoint, timeout=_patience(self.timeout if _given(options.timeout) is None else options.timeout)
        )

    def _stepfun_elsewhere(self, options: Any) -> Any:
        """The other provider's client for a request StepFun cannot serve and the user routed; None for any other."""
        fallback = self._stepfun.fallback
        path = self._stepfun_path(options.url) if fallback else None
        name = fallback_name(options.method, path) if path is not None else None
        client = fallback.get(name) if name is not None else None
        if client is None:
            return None
        log.info("%s %s goes to %s, as Settings.fallback says", options.method.upper(), path, client.base_url.host)
        options.url = path  # an absolute URL would take the other provider's key to StepFun
        own = [str(key) for key in (self._stepfun.settings.api_key, self.api_key) if key]
        headers: Any = _given(options.headers)
        if headers:
            options.headers = {k: v for k, v in headers.items() if not within(own, v)}
        if options.params:
            options.params = {k: v for k, v in options.params.items() if not within(own, v)}
        return client

    def _stepfun_path(self, url: str) -> str | None:
        """The path below the base URL; None for an absolute URL that lies elsewhere."""
        if "://" in url:
            base = str(self._base_url).rstrip("/")
            if not url.startswith(base + "/"):
                return None
            url = url[len(base) :]
        return "/" + url.partition("?")[0].strip("/")

    def _stepfun_request(self, options: Any) -> Request:
        """The request as plain data; `extra_body` is merged as the SDK merges it."""
        body: Any = options.json_data
        extra = options.extra_json
        if extra is not None:
            if body is None:
                body = extra
            elif isinstance(body, Mapping):
                body = {**cast("Mapping[str, Any]", body), **extra}
        headers: Any = _given(options.headers) or {}
        return Request(
            method=options.method.upper(),
            path=self._stepfun_path(options.url) or options.url,
            query={**_query_of(options.url), **cast("Mapping[str, Any]", options.params or {})},
            headers={k: v for k, v in headers.items() if isinstance(v, str)},
            json=body,
            files=options.files,
        )

    def _stepfun_translate(self, call: Call, request: Request) -> None:
        """Fill `call.wire` from OpenAI's request and tell what was changed.

        Raises:
            Refusal: the endpoint says no.
        """
        call.wire = flow.in_safe_form(self, call, call.endpoint.transform_request(request, call.x))
        call.reported = report(call.x)
        debug_body(call.x, call.wire.method, call.wire.path, call.wire.json)

    @override
    def _build_request(self, options: Any, **kwargs: Any) -> Any:
        """Hook: called once per attempt, with a shallow copy of the options; `retries_taken` by keyword."""
        call: Call | None = options.__dict__.get(CALL)
        if call is None:
            if not self._stepfun.ours(self._base_url):
                return super()._build_request(options, **kwargs)
            call = self._stepfun_begin(options, False)
            if call is None:
                return super()._build_request(options, **kwargs)
            try:
                self._stepfun_translate(call, self._stepfun_request(options))
            except Refusal as refusal:
                raise self._stepfun_refused(refusal, super()._build_request(options, **kwargs)) from None
        wire = call.wire
        if wire is not None and call.endpoint is not PLAIN:
            options = options.model_copy()
            # the endpoint's headers are the whole truth: one that turns a form into JSON also changes Content-Type.
            # What the SDK marks as left out (Omit) is no text and is kept.
            own: Any = _given(options.headers) or {}
            sent = {**call.x.headers, **wire.headers}
            if call.bare:  # a step's answer is ours to read, whatever form the caller wants in the end
                sent = {
                    k: v for k, v in sent.items() if k.lower() not in (RAW.lower(), "____stainless_override_cast_to")
                }
            cast("dict[str, Any]", vars(options)).update(
                method=wire.method.lower(),
                url=wire.path,
                params=wire.query,
                json_data=wire.json,
                extra_json=None,
                files=wire.files,
                headers={**{k: v for k, v in own.items() if not isinstance(v, str)}, **sent},
            )
        call.started, call.retries_taken = time.monotonic(), kwargs.get("retries_taken", 0)
        request: Any = super()._build_request(options, **kwargs)
        request.extensions[EXTENSION] = call
        if call.pinned is not None:  # the store was read under this key; a callable may give another by now
            request.headers["authorization"] = call.pinned
        if call.bare and self._stepfun.settings.stream_idle_timeout is not None:
            stream_idle.limit_step(call.wire, request, self._stepfun.settings.stream_idle_timeout)
        return request

    @override
    def _prepare_url(self, url: str) -> Any:
        """Hook: the URL of a request. The few paths that calls are made of are joined to the base URL once."""
        state = getattr(self, "_stepfun", None)
        if state is None or not state.ours(self._base_url):
            return super()._prepare_url(url)
        known = state.urls.get(url)
        if known is None:
            known = super()._prepare_url(url)
            if len(state.urls) < _MOST_URLS and "?" not in url:
                state.urls[url] = known
        return known

    # ------------------------------------------------------------ the answer

    def _stepfun_family(self) -> Any:
        """The HTTP library behind this client, httpx or httpx2: the SDK's choice, or that of an injected client."""
        return http_objects.http_module(self._client)

    def _stepfun_refused(self, refusal: Refusal, request: Any) -> openai.APIStatusError:
        """A `Refusal` as the exception OpenAI code catches, with a response that never crossed a network."""
        body = {"message": refusal.message, "type": refusal.type, "param": refusal.param, "code": refusal.code}
        request = http_objects.without_secrets(request)
        response = self._stepfun_family().Response(refusal.status, json={"error": body}, request=request)
        return errors.error_class(refusal.status, refusal.code)(refusal.message, response=response, body=body)

    def _stepfun_local(self, call: Call, options: Any, reply: Reply, last: Any) -> Any:
        """The response for a script's answer: the last real one rebuilt, or one made without a network."""
        body = reply.body
        if isinstance(body, bytes):
            content, kind = body, "application/octet-stream"
        elif isinstance(body, str):
            content, kind = body.encode("utf-8"), "text/plain; charset=utf-8"
        else:
            content, kind = _dump(body), "application/json"
        kind = next((v for k, v in reply.headers.items() if k.lower() == "content-type"), kind)
        if last is not None:
            return self._stepfun_rebuild(last, content, kind, status=reply.status)
        probe = options.model_copy()
        probe.__dict__[CALL] = Call(call.x, PLAIN)
        request: Any = self._build_request(probe)
        request.extensions[EXTENSION] = call
        headers = {**{k: v for k, v in reply.headers.items() if k.lower() != "content-type"}, "content-type": kind}
        return self._stepfun_family().Response(reply.status, headers=headers, content=content, request=request)

    def _stepfun_rebuild(self, response: Any, content: bytes, kind: str, status: int | None = None) -> Any:
        """The same response with another body; its class, status, headers and request are kept."""
        return http_objects.rebuild(response, content, kind, status)

    def _stepfun_headers(self, response: Any) -> None:
        """StepFun's request id where the SDK looks for one (api 9.1)."""
        trace = response.headers.get("x-trace-id")
        if trace and "x-request-id" not in response.headers:
            response.headers["x-request-id"] = trace

    def _stepfun_wants_body(self, call: Call, response: Any, cast_to: Any) -> bool:
        if call.done or call.bare:
            return False
        if call.endpoint.answers_bytes:  # sound goes through as it comes; a page or an error object is looked at
            kind = _media_type(response)
            return kind == "text/html" or kind.endswith("json")
        changes = type(call.endpoint).transform_response is not PlainEndpoint.transform_response
        return changes or _expects_json(cast_to)

    def _stepfun_answered(self, call: Call, options: Any, response: Any, body: bytes, cast_to: Any) -> tuple[Any, Any]:
        """The response and options to go on with. Whoever asked for a raw response gets it in any case; what is wrong
        with it is raised when it is parsed."""
        streamed = response.request.headers.get(RAW) == "stream"
        try:
            answer = self._stepfun_answer(call, response, body, cast_to)
            return http_objects.unread(answer, self._stepfun_family()) if streamed else answer, options
        except openai.APIResponseValidationError as error:
            if not response.request.headers.get(RAW):
                raise
            wrong = error
        if streamed:
            response = http_objects.unread(response, self._stepfun_family())

        def parse(*_: object, **__: object) -> Any:
            raise wrong

        if not isinstance(wrong.__cause__, UnexpectedBody):
            response.json = parse
        options = options.model_copy()
        options.post_parser = parse
        return response, options

    def _stepfun_answer(self, call: Call, response: Any, body: bytes, cast_to: Any) -> Any:
        """Check and translate a whole answer; returns the response to go on with.

        Raises:
            openai.APIResponseValidationError: the body is not what the endpoint answers with.
        """
        kind = _media_type(response)
        is_json = kind.endswith("json")
        wants_json = _expects_json(cast_to)
        data: Any = body
        if is_json or wants_json:
            if not body.strip() and cast_to is type(None):
                return response
            try:
                data = json.loads(body)
            except ValueError as error:
                shown = body.decode("utf-8", "replace")
                raise openai.APIResponseValidationError(
                    response=response,
                    body=shown,
                    message=f"Expected JSON but received {kind or 'a body without content type'}: {shown[:200]!r}",
                ) from error
        elif kind.startswith("text/"):
            data = response.text
        changes = type(call.endpoint).transform_response is not PlainEndpoint.transform_response
        if changes:
            bare = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
            if isinstance(bare.get("error"), Mapping) and len(bare) == 1:
                raise errors.from_stream(bare["error"], request=response.request, response=response)
            try:
                data = call.endpoint.transform_response(data, call.x)
            except UnexpectedBody as error:
                if not wants_json and not call.endpoint.answers_bytes:  # the caller reads the answer by its own means
                    return response
                raise openai.APIResponseValidationError(
                    response=response, body=cast("object", data), message=str(error)
                ) from error
            except Refusal as refusal:
                raise self._stepfun_refused(refusal, response.request) from None
            call.reported = report(call.x, call.reported)
            self._stepfun.shared.record(call.x, data)
        elif is_json or not wants_json:
            return response
        if isinstance(data, bytes):
            return (
                response if data == body else self._stepfun_rebuild(response, data, kind or "application/octet-stream")
            )
        if isinstance(data, str):
            return self._stepfun_rebuild(response, data.encode("utf-8"), "text/plain; charset=utf-8")
        seen_by_caller = response.request.headers.get(RAW) or not is_json or not wants_json
        if seen_by_caller:
            return self._stepfun_rebuild(response, _dump(data), "application/json")
        response.extensions[_DATA] = data
        return response

    def _stepfun_raw_stream(self, call: Call, response: Any) -> Any:
        """The response a caller of raw streams gets: one of Responses has OpenAI's events for its bytes."""
        if call.done or not call.endpoint.rewrites_raw or not response.request.headers.get(RAW):
            return response
        from .raw_stream import translated

        return translated(self, response, self._stepfun_family(), later=isinstance(self, openai.AsyncOpenAI))

    def _stepfun_stream_class(self, call: Call, stream_cls: Any, cast_to: Any) -> Any:
        """Our stream class in place of openai's; a caller's own subclass stays what it is."""
        ours, stock = _ASYNC_STREAMS if isinstance(self, openai.AsyncOpenAI) else _STREAMS
        if stream_cls is None:
            stream_cls = stock[cast_to]
        origin = getattr(stream_cls, "__origin__", stream_cls)
        if origin is not stock or call.endpoint.transform_stream(call.x) is None:
            return stream_cls
        arguments = getattr(stream_cls, "__args__", None)
        return ours[arguments[0]] if arguments else ours

    def _stepfun_stream_done(self, call: Call, transform: StreamTransform) -> None:
        """The end of a stream: statistics, and what the policy says of a forced call that did not come."""
        usage = getattr(transform, "usage", None)
        if usage:
            self._stepfun.shared.record(call.x, {"usage": usage})
        call.reported = report(call.x, call.reported)
        self._stepfun_forced(call, None)

    def _stepfun_forced(self, call: Call, request: Any, body: Any = None) -> None:
        """A forced tool call that the model did not make: an error or a warning, by the policy."""
        x = call.x
        if not x.notes.pop("forced_missed", False):
            return
        text = f"{x.model_id} did not make the tool call that tool_choice demanded"
        if x.settings.on_unsupported == "error":
            refusal = Refusal(text + ".", code="tool_choice_not_honoured", param="tool_choice")
            request = request or self._stepfun_family().Request("POST", str(self._base_url))
            error = self._stepfun_refused(refusal, request)
            if body is not None:
                error.body = body
            raise error
        x.change("drop", "tool_choice", "forced", None, text, loses=True)
        call.reported = report(x, call.reported)

    @override
    def _process_response_data(self, *, data: Any, cast_to: Any, response: Any) -> Any:
        """Hook: called for every parsed object and every chunk. Picks up what was translated from the whole body."""
        if data is not None:
            data = response.extensions.get(_DATA, data)
        return super()._process_response_data(data=data, cast_to=cast_to, response=response)

    @override
    def _make_status_error(self, err_msg: str, *, body: object, response: Any) -> Any:
        """Hook: not used for errors inside a stream, which the stream raises itself."""
        call = _call_of(response)
        if call is None:
            return super()._make_status_error(err_msg, body=body, response=response)
        self._stepfun_headers(response)
        call.refused = (response.status_code, body)
        if response.status_code == 503 and time.monotonic() - call.started >= _CUT_AFTER:
            return openai.APITimeoutError(request=response.request)
        return errors.from_response(err_msg, body=body, response=response)

    # ------------------------------------------------------------ retries

    @override
    def _should_retry(self, response: Any) -> bool:
        """Hook: a status error is about to be retried or raised."""
        call = _call_of(response)
        if call is not None:
            call.last_status = response.status_code
            if response.status_code in (402, 451):
                return False
            if response.status_code == 503 and time.monotonic() - call.started >= _CUT_AFTER:
                return False  # a request that ran into StepFun's ten minutes would run into them again
        return super()._should_retry(response)

    @override
    def _calculate_retry_timeout(self, remaining_retries: int, options: Any, *args: Any, **kwargs: Any) -> float:
        """Hook: seconds to wait before the next attempt."""
        seconds: float = super()._calculate_retry_timeout(remaining_retries, options, *args, **kwargs)
        call: Call | None = options.__dict__.get(CALL)
        if call is not None and call.last_status == 429:
            return max(seconds, self._stepfun.settings.rate_limit_min_wait)
        return seconds

    # ------------------------------------------------------------ scripts

    def _stepfun_partial(self, call: Call, error: Any) -> Any:
        """An error of a call that takes several requests, with what is done and paid for."""
        error.partial = call.x.partial
        return error

    def _stepfun_reply(self, call: Call, response: Any) -> Reply:
        """A script's reply out of a response that has been read.

        Raises:
            openai.APIResponseValidationError: it says JSON and is not.
        """
        kind = _media_type(response)
        body: Any = response.content
        if kind.endswith("json") or (not kind.startswith(("audio/", "image/", "text/")) and body[:1] in (b"{", b"[")):
            try:
                body = json.loads(body)
            except ValueError as error:
                raise openai.APIResponseValidationError(response=response, body=response.text) from error
        elif kind.startswith("text/"):
            if call.endpoint.name == "chat.completions":
                raise openai.APIResponseValidationError(response=response, body=response.text)
            body = response.text
        return Reply(body, response.status_code, dict(response.headers))

    # ------------------------------------------------------------ what is kept

    def _stepfun_keep(self, call: Call, operation: StoreOperation) -> Any:
        """Carry out an operation on the store; None where it is down and that is to be forgotten.

        Raises:
            Refusal: the store is down, or takes no record as large as this.
        """
        from . import state

        settings = self._stepfun.settings
        space = state.namespace(settings.state_namespace, call.credential or str(self.api_key), str(self._base_url))
        wait = settings.state_timeout if call.timeout is None else min(settings.state_timeout, call.timeout)
        limits = state.Limits(settings.state_ttl, settings.state_max_bytes, settings.state_max_record_bytes, wait)
        try:
            return state.execute(state.open_store(settings.state), space, operation, limits)
        except state.StateError as error:
            place = settings.state.partition("://")[0]
            if settings.state_on_error == "forget":
                log.warning("the conversation store (%s) failed and is passed over: %s", place, error)
                return None
            if operation.optional:
                log.warning(
                    "the answer is handed out and not kept, so that no later call can refer to it: %s (pass store=False "
                    "to keep nothing, or store=True to have this fail)",
                    error,
                )
                return None
            if isinstance(error, state.RecordTooLarge):
                raise Refusal(
                    f"The answer is not kept: {error}. Pass store=False, raise STEPFUN_STATE_MAX_RECORD_BYTES or "
                    "STEPFUN_STATE_MAX_BYTES, or set STEPFUN_STATE_ON_ERROR=forget.",
                    code="state_record_too_large",
                    param="store",
                ) from error
            raise Refusal(
                f"The conversation store ({place}) failed: {error}. Check STEPFUN_STATE, or set "
                "STEPFUN_STATE_ON_ERROR=forget to go on without what it keeps.",
                status=503,
                code="state_unavailable",
                type="server_error",
            ) from error

    @contextlib.contextmanager
    def _stepfun_keeping(self, call: Call, response: Any) -> Generator[None, None, None]:
        """What keeping an answer may be refused for, as the error of its call."""
        try:
            yield
        except Refusal as refusal:
            raise self._stepfun_partial(call, self._stepfun_refused(refusal, response.request)) from None

    async def _stepfun_keep_later(self, call: Call, operation: StoreOperation) -> Any:
        """The same for the async client: what waits for a disk or a network does so in a thread, which a cancelled
        call does not wait for."""
        from .state import in_this_process

        if in_this_process(self._stepfun.settings.state):
            return self._stepfun_keep(call, operation)
        return await anyio.to_thread.run_sync(self._stepfun_keep, call, operation, **_abandoned_if_cancelled())

    def _stepfun_needs_credential(self, call: Call) -> bool:
        """Whether an operation on the store still has to find out which credential its request sends."""
        return call.credential is None and self._stepfun.settings.state_namespace is None

    def _stepfun_credential(self, call: Call, options: Any) -> None:
        """Note the credential that a request with these prepared options sends: its records are found under it."""
        probe = options.model_copy()
        probe.__dict__[CALL] = Call(call.x, PLAIN)
        request: Any = self._build_request(probe)
        self._stepfun_gate(request)
        call.credential = credential_of(request) or str(self.api_key)
        call.pinned = request.headers.get("authorization") if self._stepfun.key_provider is not None else None

    def _stepfun_bare_request(self, options: Any) -> Any:
        """A request that is never sent, for an error that needs one: it asks for no key, not even OpenAI's admin key."""
        url = str(cast("Any", self)._prepare_url(options.url))
        return self._stepfun_family().Request(options.method.upper(), url)


def _call_of(response: Any) -> Call | None:
    """The call behind a response; None for one that is not ours, or was made without a request."""
    request = getattr(response, "_request", None)
    return None if request is None else request.extensions.get(EXTENSION)


def credential_of(request: Any) -> str | None:
    """The key a request sends, without its scheme; None for a request without one."""
    value: str = request.headers.get("authorization") or request.headers.get("api-key") or ""
    scheme, _, key = value.partition(" ")
    return (key.strip() if scheme.lower() == "bearer" else value) or None


def _patience(timeout: Any) -> float | None:
    """Seconds a caller waits for an answer, None for one who waits without end."""
    seconds = getattr(timeout, "read", timeout)
    return float(seconds) if isinstance(seconds, int | float) and not isinstance(seconds, bool) else None


@functools.cache
def _abandoned_if_cancelled() -> Mapping[str, Any]:
    """What tells anyio to leave a thread alone when its caller is cancelled; the word changed with anyio 4.1."""
    known = inspect.signature(anyio.to_thread.run_sync).parameters
    return {"abandon_on_cancel" if "abandon_on_cancel" in known else "cancellable": True}


def _query_of(url: str) -> dict[str, Any]:
    """The parameters written into a URL, those written several times as lists."""
    text = url.partition("?")[2].partition("#")[0]
    found = parse_qs(text, keep_blank_values=True) if text else {}
    return {name: values if len(values) > 1 else values[0] for name, values in found.items()}


def _dump(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def signature_with_settings(stock: Any) -> inspect.Signature:
    """openai's own signature plus `settings`: tools and tests compare them."""
    signature = inspect.signature(stock)
    ours = inspect.Parameter("settings", inspect.Parameter.KEYWORD_ONLY, default=None, annotation="Settings | None")
    return signature.replace(parameters=[*signature.parameters.values(), ours])


def copy_with_signature(copy: Any, stock: Any) -> Any:
    """A `copy` of ours that says openai's signature; sync and async differ in it, so each class gets its own."""

    @functools.wraps(copy)
    def wrapped(self: Any, **kwargs: Any) -> Any:
        return copy(self, **kwargs)

    cast("Any", wrapped).__signature__ = signature_with_settings(stock)
    return wrapped


class _Bases:
    """Bases that a type checker sees in another order than Python: to it openai's attributes come first, so that they
    keep the types which the installed SDK gives them."""

    def __init__(self, *bases: type) -> None:
        self._bases = bases

    def __mro_entries__(self, _: tuple[Any, ...]) -> tuple[type, ...]:
        return self._bases


if TYPE_CHECKING:

    class _SyncBases(stock.OpenAI, StepfunMixin): ...  # pyright: ignore[reportIncompatibleVariableOverride, reportIncompatibleMethodOverride]

    class _AsyncBases(stock.AsyncOpenAI, StepfunMixin): ...  # pyright: ignore[reportIncompatibleVariableOverride, reportIncompatibleMethodOverride]
else:
    _SyncBases = _Bases(StepfunMixin, stock.OpenAI)
    _AsyncBases = _Bases(StepfunMixin, stock.AsyncOpenAI)


class OpenAI(_SyncBases, metaclass=Rebindable):
    """`openai.OpenAI` on StepFun: the same arguments, plus `settings`."""

    def __init__(
        self, *, settings: Settings | None = None, _stepfun_shared: Shared | None = None, **kwargs: Unpack[SyncOptions]
    ) -> None:
        self._stepfun_init(super().__init__, cast("dict[str, Any]", kwargs), settings, _stepfun_shared)

    if TYPE_CHECKING:

        @override
        def copy(self, **kwargs: Unpack[SyncCopyOptions]) -> Self: ...  # pyright: ignore[reportIncompatibleMethodOverride]

        with_options = copy

    @override
    def request(self, cast_to: Any, options: Any, *args: Any, **kwargs: Any) -> Any:
        """Hook: one call of a resource method. Sends once, answers locally, or sends several requests."""
        if CALL in options.__dict__:
            return cast("Any", super().request(cast_to, options, *args, **kwargs))
        return flow.drive(flow.request(self, super().request, cast_to, options, args, kwargs))

    @override
    def _prepare_options(self, options: Any) -> Any:
        """Hook: once per attempt. A callable key for SDKs that take none."""
        provider = self._stepfun.key_provider
        if provider is not None and not hasattr(openai.OpenAI, "_refresh_api_key"):
            self.api_key = provider()
        options = super()._prepare_options(options)
        return options if provider is None else self._stepfun_signed(options)

    @override
    def _prepare_request(self, request: Any) -> None:
        """Hook: the last before the network."""
        super()._prepare_request(request)
        self._stepfun_gate(request)

    @override
    def _process_response(self, *, response: Any, **kwargs: Any) -> Any:
        """Hook: sees options and response before raw and parsed part ways; may replace both response and stream class."""
        call, process = _call_of(response), super()._process_response
        if call is None:
            return process(response=response, **kwargs)
        return flow.drive(flow.process_response(self, process, call, response=response, **kwargs))


class AsyncOpenAI(_AsyncBases, metaclass=Rebindable):
    """`openai.AsyncOpenAI` on StepFun: the same arguments, plus `settings`."""

    def __init__(
        self, *, settings: Settings | None = None, _stepfun_shared: Shared | None = None, **kwargs: Unpack[AsyncOptions]
    ) -> None:
        self._stepfun_init(super().__init__, cast("dict[str, Any]", kwargs), settings, _stepfun_shared)

    if TYPE_CHECKING:

        @override
        def copy(self, **kwargs: Unpack[AsyncCopyOptions]) -> Self: ...  # pyright: ignore[reportIncompatibleMethodOverride]

        with_options = copy

    @override
    async def request(self, cast_to: Any, options: Any, *args: Any, **kwargs: Any) -> Any:
        """Hook: one call of a resource method. Sends once, answers locally, or sends several requests."""
        if CALL in options.__dict__:
            return await super().request(cast_to, options, *args, **kwargs)
        return await flow.drive_async(flow.request(self, super().request, cast_to, options, args, kwargs))

    @override
    async def _prepare_options(self, options: Any) -> Any:
        """Hook: once per attempt. A callable key for SDKs that take none."""
        provider = self._stepfun.key_provider
        if provider is not None and not hasattr(openai.AsyncOpenAI, "_refresh_api_key"):
            key = provider()
            self.api_key = await key if inspect.isawaitable(key) else key
        options = await super()._prepare_options(options)
        return options if provider is None else self._stepfun_signed(options)

    @override
    async def _prepare_request(self, request: Any) -> None:
        """Hook: the last before the network."""
        await super()._prepare_request(request)
        self._stepfun_gate(request)

    @override
    async def _process_response(self, *, response: Any, **kwargs: Any) -> Any:
        """Hook: sees options and response before raw and parsed part ways; may replace both response and stream class."""
        call, process = _call_of(response), super()._process_response
        if call is None:
            return await process(response=response, **kwargs)
        return await flow.drive_async(flow.process_response(self, process, call, response=response, **kwargs))


for _ours, _stock in ((OpenAI, stock.OpenAI), (AsyncOpenAI, stock.AsyncOpenAI)):
    cast("Any", _ours.__init__).__signature__ = signature_with_settings(_stock.__init__)
    _ours.copy = _ours.with_options = copy_with_signature(_ours.copy, _stock.copy)

Client = OpenAI
AsyncClient = AsyncOpenAI
