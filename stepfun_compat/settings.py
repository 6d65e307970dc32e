"""Settings, in order of precedence: keyword argument, environment, file, default.

A file found in the working directory may only set what cannot send data elsewhere (models, aliases, effort, policy).
Key, base URL, headers, state and fallback need a file the user named in `STEPFUN_CONFIG`, because the working directory
may be an untrusted repository.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import wraps
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from typing_extensions import override

from .config import values as parse
from .config.files import FileRules, Place, config_files
from .credentials.urls import host_kind, redact_url
from .errors import SettingsError

if TYPE_CHECKING:
    from .catalog.schema import Model

_UNSET: Any = object()


# ---------------------------------------------------------------- the table of settings


@dataclass(frozen=True)
class SettingSpec:
    """One setting: its sources and allowed values. `trusted_file_only`: not read from a file found by default."""

    env: tuple[str, ...]
    parse: Callable[[Any, str], Any]
    default: Any = None
    trusted_file_only: bool = False
    secret: bool = False
    empty_is_value: bool = False
    help: str = ""


EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

SETTINGS: Final[Mapping[str, SettingSpec]] = {
    "api_key": SettingSpec(
        ("STEPFUN_API_KEY", "STEP_API_KEY"), parse.key, trusted_file_only=True, secret=True, help="the StepFun key"
    ),
    "base_url": SettingSpec(
        ("STEPFUN_BASE_URL",),
        parse.base_url,
        trusted_file_only=True,
        help="base URL; overrides region and plan, and marks your own gateway as StepFun's",
    ),
    "region": SettingSpec(
        ("STEPFUN_REGION",),
        parse.choice("global", "cn"),
        "global",
        trusted_file_only=True,
        help="`global` (api.stepfun.ai) or `cn` (api.stepfun.com); a key works in one region only",
    ),
    "plan": SettingSpec(
        ("STEPFUN_PLAN",),
        parse.choice("standard", "step_plan"),
        "standard",
        trusted_file_only=True,
        help="`standard` (pay as you go) or `step_plan` (subscription)",
    ),
    "model": SettingSpec(
        ("STEPFUN_MODEL",),
        parse.text,
        help="the StepFun model for OpenAI's chat names and Azure deployments, keeping the name's effort and headroom",
    ),
    "model_aliases": SettingSpec(
        ("STEPFUN_MODEL_ALIASES",),
        parse.aliases,
        MappingProxyType({}),
        help="names or globs mapped to StepFun ids, as JSON or `a=b,c=d`; they take precedence over the built-in aliases",
    ),
    "catalog_overlay": SettingSpec(
        ("STEPFUN_CATALOG",),
        parse.overlay_path,
        trusted_file_only=True,
        help="TOML file that adds models, aliases and parameters to the catalog, or corrects them",
    ),
    "reasoning_effort": SettingSpec(
        ("STEPFUN_REASONING_EFFORT",), parse.choice(*EFFORTS), help="effort for calls that set none"
    ),
    "on_unsupported": SettingSpec(
        ("STEPFUN_ON_UNSUPPORTED",),
        parse.choice("log", "warn", "error", "ignore"),
        "log",
        help="what happens to a parameter that StepFun does not support: `log` writes a line at WARNING, once per kind and parameter; `warn` gives a `StepfunCompatWarning`; `error` raises an error; `ignore` is silent",
    ),
    "prompt_cache_key": SettingSpec(
        ("STEPFUN_PROMPT_CACHE_KEY",), parse.text, trusted_file_only=True, help="cache key for calls that set none"
    ),
    "prompt_cache_header": SettingSpec(
        ("STEPFUN_PROMPT_CACHE_HEADER",),
        parse.header_name,
        "X-Session-Id",
        trusted_file_only=True,
        empty_is_value=True,
        help="header for the hashed key; empty for none; whether StepFun uses it is unverified",
    ),
    "token_headroom": SettingSpec(
        ("STEPFUN_TOKEN_HEADROOM",),
        parse.whole_number(0, 1_000_000),
        trusted_file_only=True,
        help="tokens added to the token limit of calls under names of non-reasoning models; 0 turns it off; default: the value of the alias",
    ),
    "openai_sampling_defaults": SettingSpec(
        ("STEPFUN_OPENAI_SAMPLING_DEFAULTS",),
        parse.flag,
        False,
        help="send OpenAI's temperature and top_p (1, 1) for calls that set none",
    ),
    "echo_requested_model": SettingSpec(
        ("STEPFUN_ECHO_REQUESTED_MODEL",), parse.flag, False, help="`response.model` is the model name you passed"
    ),
    "show_reasoning": SettingSpec(
        ("STEPFUN_SHOW_REASONING",),
        parse.choice("auto", "always", "never"),
        "auto",
        help="`always` shows reasoning fields in chat and reasoning text in streams of Responses, `never` hides them, and `auto` hides them under OpenAI's model names, because programs that use those names do not expect them",
    ),
    "raw": SettingSpec(
        ("STEPFUN_RAW",),
        parse.choice("openai", "wire"),
        "openai",
        help="format of raw responses and the bytes of raw streams: OpenAI's, or StepFun's (`wire`)",
    ),
    "list_openai_models": SettingSpec(
        ("STEPFUN_LIST_OPENAI_MODELS",),
        parse.flag,
        True,
        help="`models.list()` also lists OpenAI's names that calls may use, after StepFun's",
    ),
    "replay_reasoning": SettingSpec(
        ("STEPFUN_REPLAY_REASONING",),
        parse.choice("caller", "cache"),
        "caller",
        help="`caller` replays reasoning that you pass back; `cache` also stores it, for callers that drop it",
    ),
    "max_corrections": SettingSpec(
        ("STEPFUN_MAX_CORRECTIONS", "STEPFUN_MAX_REASKS"),
        parse.whole_number(0, 10),
        1,
        trusted_file_only=True,
        help="maximum number of extra requests per call that correct a missed tool call or schema; 0 turns corrections off",
    ),
    "web_search": SettingSpec(
        ("STEPFUN_WEB_SEARCH",),
        parse.flag,
        True,
        help="`web_search_options` becomes StepFun's search tool, billed per call",
    ),
    "parse_xml_tool_calls": SettingSpec(
        ("STEPFUN_PARSE_XML_TOOL_CALLS", "STEPFUN_RESCUE_TOOL_CALLS"),
        parse.flag,
        False,
        trusted_file_only=True,
        help="parse tool calls that arrive as XML text",
    ),
    "rate_limit_min_wait": SettingSpec(
        ("STEPFUN_RATE_LIMIT_MIN_WAIT",),
        parse.seconds(0, 600),
        0.0,
        trusted_file_only=True,
        help="shortest wait in seconds before a retry after a 429; 6 suits tier V0 of region `cn`, which allows 10 requests a minute",
    ),
    "stream_idle_timeout": SettingSpec(
        ("STEPFUN_STREAM_IDLE_TIMEOUT",),
        parse.seconds_or_none,
        trusted_file_only=True,
        help="seconds without data after which a stream ends with `APITimeoutError`; off by default, 120 is recommended",
    ),
    "responses_route": SettingSpec(
        ("STEPFUN_RESPONSES_ROUTE",),
        parse.choice("auto", "native", "chat"),
        "auto",
        help="route of `client.responses`: `auto`, `native` or `chat`",
    ),
    "image_size_order": SettingSpec(
        ("STEPFUN_IMAGE_SIZE_ORDER",),
        parse.choice("height_first", "width_first"),
        "height_first",
        help="order in the sizes of step-image-edit-2: its documentation says `height_first`, some clients use `width_first`; unverified",
    ),
    "state": SettingSpec(
        ("STEPFUN_STATE",),
        parse.store_url,
        "memory://",
        trusted_file_only=True,
        secret=True,
        help="where conversations are stored: `memory://`, `sqlite:///path`, `redis://…`",
    ),
    "state_namespace": SettingSpec(
        ("STEPFUN_STATE_NAMESPACE",),
        parse.text,
        trusted_file_only=True,
        help="namespace that shares or separates conversations; derived from key and host by default",
    ),
    "state_on_error": SettingSpec(
        ("STEPFUN_STATE_ON_ERROR",),
        parse.choice("error", "ignore", forget="ignore"),
        "error",
        trusted_file_only=True,
        help="what happens if the store is down: `error` raises an error; `ignore` continues without the conversation",
    ),
    "state_ttl": SettingSpec(
        ("STEPFUN_STATE_TTL",),
        parse.seconds(1, 3_153_600_000),
        2592000.0,
        trusted_file_only=True,
        help="lifetime of a stored response or conversation in seconds since its last use",
    ),
    "state_max_bytes": SettingSpec(
        ("STEPFUN_STATE_MAX_BYTES",),
        parse.whole_number(1, 10**15),
        trusted_file_only=True,
        help="maximum size of the store in bytes; if it is exceeded, the least recently used records are removed; default: 256 MB for `memory://`, 4 GB for `sqlite://`; Redis has its own `maxmemory`",
    ),
    "state_max_record_bytes": SettingSpec(
        ("STEPFUN_STATE_MAX_RECORD_BYTES",),
        parse.whole_number(1, 10**12),
        32000000,
        trusted_file_only=True,
        help="maximum size in bytes of a stored response with its input; a larger one raises an error",
    ),
    "state_timeout": SettingSpec(
        ("STEPFUN_STATE_TIMEOUT",),
        parse.seconds(0.001, 3600),
        5.0,
        trusted_file_only=True,
        help="time limit in seconds for one access to the store, or the timeout of the call if that is shorter",
    ),
    "batch_dir": SettingSpec(
        ("STEPFUN_BATCH_DIR",),
        parse.folder,
        trusted_file_only=True,
        help="folder for batches, their journal and files; default: `batches` beside the SQLite file of `STEPFUN_STATE`, else `$XDG_DATA_HOME/stepfun_compat/batches`",
    ),
    "batch_concurrency": SettingSpec(
        ("STEPFUN_BATCH_CONCURRENCY",),
        parse.whole_number(1, 10_000),
        help="maximum number of batch requests in flight; default: the tier's limit, or adaptive from 5 to 64",
    ),
    "tier": SettingSpec(
        ("STEPFUN_TIER",),
        parse.choice("v0", "v1", "v2", "v3", "v4", "v5"),
        help="the account's tier, `V0` to `V5`; batches stay within its limits",
    ),
    "fast_path": SettingSpec(
        ("STEPFUN_FAST_PATH",),
        parse.flag,
        True,
        help="build requests and stream objects on a shorter path with the same result; if off, openai's own code builds them",
    ),
    "fallback": SettingSpec(
        (),
        parse.fallback,
        MappingProxyType({}),
        trusted_file_only=True,
        secret=True,
        help="other providers for resources that StepFun lacks: a mapping of resource to client or URL; in the environment, `STEPFUN_FALLBACK_EMBEDDINGS=https://…` with `STEPFUN_FALLBACK_EMBEDDINGS_API_KEY`",
    ),
}

RENAMED: Final = MappingProxyType({"max_reasks": "max_corrections", "rescue_tool_calls": "parse_xml_tool_calls"})
"""Names of settings in 0.1.0 -> current names. The former names and their variables work for one release."""

_FILE_RULES: Final = FileRules(
    tuple(SETTINGS),
    frozenset(name for name, spec in SETTINGS.items() if spec.trusted_file_only),
    tuple(RENAMED.items()),
)


@dataclass(frozen=True, repr=False)
class Settings:
    """The options of a client beyond openai's own arguments. Frozen, and shared by copies of a client.

    A field that is not given is read from the environment, then from the configuration file, then gets its default;
    `source(name)` returns which. Values are checked here.

    Raises:
        SettingsError: a value is not allowed; names the variable or key, the value and what is allowed.
    """

    api_key: str | None = _UNSET
    base_url: str | None = _UNSET
    region: Literal["global", "cn"] = _UNSET
    plan: Literal["standard", "step_plan"] = _UNSET
    model: str | None = _UNSET
    model_aliases: Mapping[str, str] = _UNSET
    """Names or globs -> StepFun ids; take precedence over the catalog's own aliases."""
    catalog_overlay: str | None = _UNSET
    """Absolute path of a TOML file whose rows extend the catalog; see `stepfun_compat.catalog.overlay`."""
    reasoning_effort: str | None = _UNSET
    on_unsupported: Literal["log", "warn", "error", "ignore"] = _UNSET
    prompt_cache_key: str | None = _UNSET
    prompt_cache_header: str | None = _UNSET
    token_headroom: int | None = _UNSET
    """Tokens added to `max_tokens` for aliases of models without reasoning; None: the catalog's number, 0: off."""
    openai_sampling_defaults: bool = _UNSET
    echo_requested_model: bool = _UNSET
    """Put the caller's model name into `response.model` instead of StepFun's id."""
    show_reasoning: Literal["auto", "always", "never"] = _UNSET
    raw: Literal["openai", "wire"] = _UNSET
    list_openai_models: bool = _UNSET
    """Let `models.list()` and `models.retrieve()` show the OpenAI names that calls may use."""
    replay_reasoning: Literal["caller", "cache"] = _UNSET
    max_corrections: int = _UNSET
    web_search: bool = _UNSET
    """Whether `web_search_options` becomes StepFun's own search tool, which is billed per call."""
    parse_xml_tool_calls: bool = _UNSET
    rate_limit_min_wait: float = _UNSET
    """Minimum wait in seconds before a retry after HTTP 429."""
    stream_idle_timeout: float | None = _UNSET
    """Seconds without data after which a stream ends with `openai.APITimeoutError`; None: no limit."""
    responses_route: Literal["auto", "native", "chat"] = _UNSET
    image_size_order: Literal["height_first", "width_first"] = _UNSET
    """How step-image-edit-2 writes a size (stepfun-api 11.16)."""
    state: str = _UNSET
    state_namespace: str | None = _UNSET
    state_on_error: Literal["error", "ignore"] = _UNSET
    state_ttl: float = _UNSET
    """Lifetime of a stored record in seconds since its last use."""
    state_max_bytes: int | None = _UNSET
    """Maximum bytes of all records; None: the store's own default."""
    state_max_record_bytes: int = _UNSET
    state_timeout: float = _UNSET
    """Time limit in seconds of one operation on the store."""
    batch_dir: str | None = _UNSET
    """Absolute path of the folder for batches and their files; see `stepfun_compat.batches.workspace`."""
    batch_concurrency: int | None = _UNSET
    tier: str | None = _UNSET
    """The account's tier in lower case, `v0` to `v5`."""
    fast_path: bool = _UNSET
    """Whether plain messages skip the SDK's transform and streamed events its model construction, with equal results."""
    fallback: Mapping[str, Any] = _UNSET
    sources: Mapping[str, str] = field(default=_UNSET, init=False, compare=False)

    def __post_init__(self) -> None:
        named, found = config_files(_FILE_RULES)
        sources: dict[str, str] = {}
        for name, spec in SETTINGS.items():
            value, source = getattr(self, name), "argument"
            if value is _UNSET:
                value, source = _look_up(name, spec, named, found)
            else:
                value = spec.parse(value, name)
                if value is None and spec.default is not None:
                    value, source = spec.default, "default"
            object.__setattr__(self, name, value)
            sources[name] = source
        object.__setattr__(self, "sources", MappingProxyType(sources))
        if self.model is not None or self.model_aliases:
            _check_models(self)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name not in RENAMED:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            return getattr(self, _present_name(name, 3))

    def source(self, name: str) -> str:
        """Return a value's source: `argument`, the environment variable, the file, or `default`."""
        return self.sources[RENAMED.get(name, name)]

    def named(self, name: str) -> str:
        """Return the name of a setting for errors: its variable, its key in a file, or its argument."""
        source = self.sources[name]
        return source if source in SETTINGS[name].env else name if source == "argument" else f"{source}: {name}"

    def replace(self, **changes: Any) -> Settings:
        """Return a copy with some values changed; the others keep their values and sources."""
        for former in RENAMED.keys() & changes.keys():
            changes[_present_name(former, 3)] = changes.pop(former)
        values = {name: getattr(self, name) for name in SETTINGS if self.sources[name] != "default"}
        copy = Settings(**{**values, **changes})
        kept = {name: self.sources[name] for name in SETTINGS if name not in changes}
        object.__setattr__(copy, "sources", MappingProxyType({**copy.sources, **kept}))
        return copy

    @override
    def __repr__(self) -> str:
        shown: list[str] = []
        for item in fields(self):
            if item.name == "sources":
                continue
            value, source = getattr(self, item.name), self.sources[item.name]
            if source == "default":
                continue
            if isinstance(value, Mapping):
                value = dict(cast("Mapping[str, Any]", value))
            if item.name == "base_url" and value:
                value = redact_url(str(value))
            text = "'***'" if SETTINGS[item.name].secret and value else repr(value)
            shown.append(f"{item.name}={text} ({source})")
        return f"Settings({', '.join(shown)})"

    @override
    def __reduce__(self) -> tuple[Any, ...]:
        values: dict[str, Any] = {name: getattr(self, name) for name in SETTINGS if self.sources[name] != "default"}
        for name in values.keys() & {"model_aliases", "fallback"}:
            values[name] = dict(values[name])
        return (_restore, (values, dict(self.sources)))


def _with_former_names(init: Callable[..., None]) -> Callable[..., None]:
    @wraps(init)
    def renamed(self: Settings, *args: Any, **values: Any) -> None:
        for former in RENAMED.keys() & values.keys():
            values[_present_name(former, 3)] = values.pop(former)
        init(self, *args, **values)

    return renamed


Settings.__init__ = _with_former_names(Settings.__init__)


def _present_name(former: str, stacklevel: int) -> str:
    """Return the current name of a renamed setting, with a DeprecationWarning for the caller's line."""
    import warnings

    present = RENAMED[former]
    warnings.warn(f"The setting {former} is now called {present}.", DeprecationWarning, stacklevel=stacklevel)
    return present


def _check_models(settings: Settings) -> None:
    """Refuse OpenAI's names, and models other than chat models, in settings that need a StepFun chat model.

    With a gateway nothing is refused, since it may serve any model under any name.

    Raises:
        SettingsError: names the variable, the name and what is allowed.
    """
    from .catalog import default, for_settings

    if settings.base_url is not None and host_kind(settings.base_url) != "stepfun":
        return
    known = for_settings(settings)
    aliases = settings.named("model_aliases")
    named = [(f"{aliases}[{name!r}]", target) for name, target in settings.model_aliases.items()]
    if settings.model is not None:
        named.append((settings.named("model"), settings.model))
    for where, name in named:
        alias = default().alias(name)
        served_or_retired = known.model(name) is not None or name in known.retired
        if alias is not None and not served_or_retired:
            raise parse.bad_value(
                where, name, f"a StepFun model, such as {alias.model}; OpenAI's names are translated without it"
            )
    if settings.model is not None:
        _check_chats(settings.model, known.model(settings.model), settings.named("model"))


def _check_chats(name: str, model: Model | None, where: str) -> None:
    if model is not None and "chat.completions" not in model.endpoints:
        raise parse.bad_value(where, name, f"a model for chat, and {name} is for {', '.join(model.endpoints)}")


def settings_or_default(given: object) -> Settings:
    """Return the settings passed to a client, or those of the environment if none were passed.

    Raises:
        SettingsError: the value is not a Settings, such as a dict.
    """
    if given is None:
        return Settings()
    if not isinstance(given, Settings):
        kind = type(given).__name__
        advice = "; write settings=Settings(**…)" if isinstance(given, Mapping) else ""
        raise SettingsError(f"settings= must be a stepfun_compat.Settings, not {kind}{advice}.")
    return given


def _restore(values: dict[str, Any], sources: dict[str, str]) -> Settings:
    settings = Settings(**{RENAMED.get(name, name): value for name, value in values.items()})
    given = {RENAMED.get(name, name): source for name, source in sources.items()}
    object.__setattr__(settings, "sources", MappingProxyType(given))
    return settings


def _look_up(name: str, spec: SettingSpec, named: Place | None, found: Place | None) -> tuple[Any, str]:
    for variable in spec.env:
        text = os.environ.get(variable)
        if text is not None and (text.strip() or spec.empty_is_value):
            value = spec.parse(text, variable)
            if value is not None:
                return value, variable
    if name == "fallback" and (urls := parse.fallback_from_environment()):
        return spec.parse(urls, parse.FALLBACK_PREFIX.rstrip("_")), parse.FALLBACK_PREFIX + "*"
    for place in (named, found):
        if place is not None and name in place[1]:
            path, values = place
            value = spec.parse(values[name], f"{path}: {name}")
            if value is not None:
                return value, path
    return spec.default, "default"


if not TYPE_CHECKING:  # a type checker would accept any name of this module
    from .former_lookup import former_names_of

    __getattr__ = former_names_of(__name__)
