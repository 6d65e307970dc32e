"""What the user configured: keyword, then environment, then file, then default. Also: whose key, whose host.

A file found in the working directory may only set what cannot send data elsewhere (models, aliases, effort,
policy). Key, base URL, headers, state and fallback need a file the user named in `STEPFUN_CONFIG`, because a
working directory may be a stranger's repository.
"""

from __future__ import annotations

import json
import logging
import os
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, Literal, cast
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from typing_extensions import override

from .errors import KeyRefusedError, SettingsError
from .toml_files import NotTOMLError, read_toml

log = logging.getLogger("stepfun_compat")

PLACEHOLDER_KEY: Final = "stepfun-compat-placeholder"
"""Set as `OPENAI_API_KEY` by `stepfun-compat run` for frameworks that insist on one. Never sent anywhere."""

_UNSET: Any = object()
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


# ---------------------------------------------------------------- values


def _bad(source: str, value: object, allowed: str) -> SettingsError:
    try:
        shown = repr(value)
    except Exception:  # whatever a program may have put there
        shown = f"<{type(value).__name__}>"
    shown = shown if len(shown) <= 200 else f"{shown[:200]}… ({len(shown):,} characters)"
    return SettingsError(f"{source}={shown} is not allowed: it takes {allowed}.")


def _text(value: Any, source: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise _bad(source, value, "a string")
    return value.strip() or None


def _key(value: Any, source: str) -> str | None:
    """A key is never repeated in an error: not by its value, nor by the HTTP library that could not send it."""
    if value is None:
        return None
    text = value.strip() if isinstance(value, str) else None
    if text is not None:
        check_key(text, source)
    if text is None or not all("!" <= sign <= "~" for sign in text):
        what = type(cast("object", value)).__name__ if text is None else "a text with blanks or letters no key has"
        raise SettingsError(f"{source} is {what}: it takes a key, plain letters, digits and signs without blanks.")
    return text or None


def check_key(key: str, source: str) -> None:
    """Refuse what no key can be, and servers only answer with 401.

    Raises:
        SettingsError: the key is in quotes, as some `.env` readers leave it, or has `Bearer` before it.
    """
    if len(key) > 1 and (key[0] in _QUOTES or key[-1] in _QUOTES):
        raise SettingsError(f"{source} is in quotes, which would be sent as a part of the key: write it without them.")
    if re.match(r"bearer\b", key, re.IGNORECASE):
        raise SettingsError(f"{source} starts with 'Bearer', which is sent by itself: give the key alone.")


_QUOTES: Final = "'\"`\u2018\u2019\u201c\u201d"


def _store(value: Any, source: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise SettingsError(f"{source} is {type(value).__name__}: it takes a URL such as sqlite:///path.")
    url = _text(value, source)
    if url is not None:
        from .state import StateError, check_url

        try:
            check_url(url)
        except StateError as error:  # which repeats nothing of the URL: it may hold a password
            raise SettingsError(f"{source}: {error}") from None
    return url


def _header(value: Any, source: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]*", value.strip()):
        raise _bad(source, value, "a header name, or an empty string for none")
    if value.strip().lower() in ("authorization", "host", "content-type", "content-length", "cookie"):
        raise _bad(source, value, "a header name that HTTP does not need itself")
    return value.strip()


def _choice(*allowed: str) -> Callable[[Any, str], Any]:
    def parse(value: Any, source: str) -> Any:
        if value is None:
            return None
        if isinstance(value, str) and value.strip().lower() in allowed:
            return value.strip().lower()
        raise _bad(source, value, "one of " + ", ".join(allowed))

    return parse


def _flag(value: Any, source: str) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _TRUE | _FALSE:
        return value.strip().lower() in _TRUE
    raise _bad(source, value, "true or false")


def _whole(least: int, most: int) -> Callable[[Any, str], int | None]:
    """A whole number within bounds, also as text; None stays None."""

    def parse(value: Any, source: str) -> int | None:
        if value is None:
            return None
        try:
            number = int(value) if isinstance(value, int | str) and not isinstance(value, bool) else least - 1
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise _bad(source, value, f"a whole number from {least} to {most}")
        return number

    return parse


def _seconds(least: float, most: float) -> Callable[[Any, str], float]:
    """A number of seconds within bounds, also as text; not a number is none."""

    def parse(value: Any, source: str) -> float:
        try:
            number = float(value) if not isinstance(value, bool) else -1.0
        except (TypeError, ValueError, OverflowError):
            number = -1.0
        if not least <= number <= most:
            raise _bad(source, value, f"a number of seconds from {least:g} to {most:.10g}")
        return number

    return parse


def _seconds_or_none(value: Any, source: str) -> float | None:
    return None if value is None else _seconds(0.001, 86_400)(value, source)


def _aliases(value: Any, source: str) -> Mapping[str, str]:
    if value is None or value == "":
        return MappingProxyType({})
    allowed = 'JSON like {"gpt-4o": "step-3.7-flash"} or pairs like gpt-4o=step-3.7-flash,o3*=step-5-preview'
    pairs: object = value
    if isinstance(value, str):
        text = value.strip()
        if text.startswith("{"):
            try:
                pairs = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise _bad(source, value, allowed) from error
        else:
            split = [part.partition("=") for part in text.split(",") if part.strip()]
            if any(not sep for _, sep, _ in split):
                raise _bad(source, value, allowed)
            pairs = {name.strip(): target.strip() for name, _, target in split}
    if not isinstance(pairs, Mapping):
        raise _bad(source, value, allowed)
    items = cast("Mapping[object, object]", pairs)
    clean: dict[str, str] = {}
    for name, target in items.items():
        if not (isinstance(name, str) and isinstance(target, str) and name and target):
            raise _bad(source, value, allowed)
        clean[name] = target
    return MappingProxyType(clean)


def _base_url(value: Any, source: str) -> str | None:
    if value is None:
        return None
    text = str(value).strip()
    if not text:
        return None
    text = with_scheme(text)
    parts = _split(text)
    if parts is None or parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        raise _bad(source, without_secrets(text), "a URL that starts with http:// or https://")
    if host_kind(text) == "openai":
        raise _bad(source, without_secrets(text), "the URL of StepFun or of a gateway to it, not one of OpenAI's")
    return normalise_base_url(text)


def _catalog_overlay(value: Any, source: str) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str | os.PathLike):
        raise _bad(source, type(value).__name__, "the path of a TOML file")
    from .catalog import load_overlay

    path = os.path.abspath(os.path.expanduser(os.fspath(cast("str", value)).strip()))
    try:
        load_overlay(path)
    except SettingsError as error:
        raise SettingsError(f"{source}: {error}") from error
    return path


def _folder(value: Any, source: str) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str | os.PathLike):
        raise _bad(source, type(value).__name__, "the path of a folder")
    return os.path.abspath(os.path.expanduser(os.fspath(cast("str", value)).strip()))


def _fallback(value: Any, source: str) -> Mapping[str, Any]:
    from difflib import get_close_matches

    from .catalog.absent import FALLBACK_NAMES

    if value is None:
        return MappingProxyType({})
    if not isinstance(value, Mapping):
        raise _bad(source, type(value).__name__, "a mapping from a resource to a client or URL of another provider")
    given = cast("Mapping[str, Any]", value)
    for name, target in given.items():
        if name not in FALLBACK_NAMES:
            close = get_close_matches(str(name).lower(), FALLBACK_NAMES, 1)
            meant = f"Did you mean {_resource(source, close[0])}? " if close else ""
            raise SettingsError(
                f"{_resource(source, name)} is no resource that can be sent to another provider. {meant}"
                f"There are {', '.join(FALLBACK_NAMES)}."
            )
        if not isinstance(target, str):
            continue
        parts = _split(target)
        if parts is None or parts.scheme.lower() not in ("http", "https") or not parts.hostname:
            raise _bad(_resource(source, name), without_secrets(target), "a URL that starts with http:// or https://")
        if host_kind(target) == "stepfun":
            raise _bad(
                _resource(source, name),
                without_secrets(target),
                "the URL of another provider: StepFun has no such endpoint",
            )
    return MappingProxyType(dict(given))


_FALLBACK: Final = "STEPFUN_FALLBACK_"


def _resource(source: str, name: object) -> str:
    """How a fallback is written where it was set: a variable of its own, or a key of the setting."""
    return f"{_FALLBACK}{str(name).upper()}" if source == _FALLBACK.rstrip("_") else f"{source}[{name!r}]"


def _fallback_from_environment() -> Mapping[str, str]:
    """`STEPFUN_FALLBACK_EMBEDDINGS=https://…` and its like, by resource; their keys are read when a client is made."""
    return {
        name[len(_FALLBACK) :].lower(): value.strip()
        for name, value in os.environ.items()
        if name.startswith(_FALLBACK) and not name.endswith("_API_KEY") and value.strip()
    }


# ---------------------------------------------------------------- the table of settings


@dataclass(frozen=True)
class Spec:
    """One setting: where it is read from and what it may be. `named_file_only`: not from a file that was merely found."""

    env: tuple[str, ...]
    parse: Callable[[Any, str], Any]
    default: Any = None
    named_file_only: bool = False
    secret: bool = False
    empty_is_value: bool = False
    about: str = ""


EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

SETTINGS: Final[Mapping[str, Spec]] = {
    "api_key": Spec(
        ("STEPFUN_API_KEY", "STEP_API_KEY"), _key, named_file_only=True, secret=True, about="the StepFun key"
    ),
    "base_url": Spec(
        ("STEPFUN_BASE_URL",),
        _base_url,
        named_file_only=True,
        about="where requests go, ahead of region and plan; also names a gateway of yours as StepFun's",
    ),
    "region": Spec(
        ("STEPFUN_REGION",),
        _choice("global", "cn"),
        "global",
        named_file_only=True,
        about="`global` (api.stepfun.ai) or `cn` (api.stepfun.com); keys are bound to one",
    ),
    "plan": Spec(
        ("STEPFUN_PLAN",),
        _choice("standard", "step_plan"),
        "standard",
        named_file_only=True,
        about="`standard` (pay as you go) or `step_plan` (subscription)",
    ),
    "model": Spec(
        ("STEPFUN_MODEL",),
        _text,
        about="the StepFun model for OpenAI's chat names and Azure deployments, keeping the name's effort and headroom",
    ),
    "model_aliases": Spec(
        ("STEPFUN_MODEL_ALIASES",),
        _aliases,
        MappingProxyType({}),
        about="names or globs to StepFun ids, as JSON or `a=b,c=d`; ahead of the table below",
    ),
    "catalog_overlay": Spec(
        ("STEPFUN_CATALOG",),
        _catalog_overlay,
        named_file_only=True,
        about="TOML file that adds models, aliases and parameters to the catalog, or corrects them",
    ),
    "reasoning_effort": Spec(("STEPFUN_REASONING_EFFORT",), _choice(*EFFORTS), about="effort for calls that set none"),
    "on_unsupported": Spec(
        ("STEPFUN_ON_UNSUPPORTED",),
        _choice("log", "warn", "error", "ignore"),
        "log",
        about="`log` (at WARNING, once a kind and parameter), `warn` (a `StepfunCompatWarning`), `error` or `ignore` what cannot be carried over",
    ),
    "prompt_cache_key": Spec(
        ("STEPFUN_PROMPT_CACHE_KEY",), _text, named_file_only=True, about="key for calls that set none"
    ),
    "prompt_cache_header": Spec(
        ("STEPFUN_PROMPT_CACHE_HEADER",),
        _header,
        "X-Session-Id",
        named_file_only=True,
        empty_is_value=True,
        about="header that carries the hashed key, empty for none; that StepFun heeds any is unverified",
    ),
    "token_headroom": Spec(
        ("STEPFUN_TOKEN_HEADROOM",),
        _whole(0, 1_000_000),
        named_file_only=True,
        about="tokens added to a cap for models that did not reason; 0 is off, unset takes the number below",
    ),
    "openai_sampling_defaults": Spec(
        ("STEPFUN_OPENAI_SAMPLING_DEFAULTS",),
        _flag,
        False,
        about="send OpenAI's temperature and top_p (1, 1) where the call sent none",
    ),
    "echo_requested_model": Spec(
        ("STEPFUN_ECHO_REQUESTED_MODEL",), _flag, False, about="`response.model` is the name you asked for"
    ),
    "show_reasoning": Spec(
        ("STEPFUN_SHOW_REASONING",),
        _choice("auto", "always", "never"),
        "auto",
        about="`always` or `never` show reasoning fields in chat; `auto` hides them under OpenAI's model names, whose programs do not know them",
    ),
    "raw": Spec(
        ("STEPFUN_RAW",),
        _choice("openai", "wire"),
        "openai",
        about="raw responses and the bytes of raw streams: in OpenAI's shape, or as StepFun sent them (`wire`)",
    ),
    "list_openai_models": Spec(
        ("STEPFUN_LIST_OPENAI_MODELS",),
        _flag,
        True,
        about="`models.list()` names OpenAI's models that calls may ask for, after StepFun's",
    ),
    "replay_reasoning": Spec(
        ("STEPFUN_REPLAY_REASONING",),
        _choice("caller", "cache"),
        "caller",
        about="`caller` replays reasoning you pass back; `cache` also remembers it for callers that drop it",
    ),
    "max_reasks": Spec(
        ("STEPFUN_MAX_REASKS",),
        _whole(0, 10),
        1,
        named_file_only=True,
        about="how often one call may be asked again for a missed tool call or schema; 0 is off",
    ),
    "web_search": Spec(
        ("STEPFUN_WEB_SEARCH",),
        _flag,
        True,
        about="`web_search_options` becomes StepFun's search tool, billed per call",
    ),
    "rescue_tool_calls": Spec(
        ("STEPFUN_RESCUE_TOOL_CALLS",),
        _flag,
        False,
        named_file_only=True,
        about="read tool calls that arrive as XML text",
    ),
    "rate_limit_min_wait": Spec(
        ("STEPFUN_RATE_LIMIT_MIN_WAIT",),
        _seconds(0, 600),
        0.0,
        named_file_only=True,
        about="least seconds before a retry after 429; 6 suits the lowest tier",
    ),
    "stream_idle_timeout": Spec(
        ("STEPFUN_STREAM_IDLE_TIMEOUT",),
        _seconds_or_none,
        named_file_only=True,
        about="seconds without a byte after which a stream ends with `APITimeoutError`; off unless set, 120 is advised",
    ),
    "responses_route": Spec(
        ("STEPFUN_RESPONSES_ROUTE",),
        _choice("auto", "native", "chat"),
        "auto",
        about="how `client.responses` travels: `auto`, `native` or `chat`",
    ),
    "image_size_order": Spec(
        ("STEPFUN_IMAGE_SIZE_ORDER",),
        _choice("height_first", "width_first"),
        "height_first",
        about="how step-image-edit-2 writes a size: its page says `height_first`, some clients `width_first`; unverified",
    ),
    "state": Spec(
        ("STEPFUN_STATE",),
        _store,
        "memory://",
        named_file_only=True,
        secret=True,
        about="where conversations live: `memory://`, `sqlite:///path`, `redis://…`",
    ),
    "state_namespace": Spec(
        ("STEPFUN_STATE_NAMESPACE",),
        _text,
        named_file_only=True,
        about="shares or splits conversations; unset derives it from key and host",
    ),
    "state_on_error": Spec(
        ("STEPFUN_STATE_ON_ERROR",),
        _choice("error", "forget"),
        "error",
        named_file_only=True,
        about="`error` or `forget` when the store is down",
    ),
    "state_ttl": Spec(
        ("STEPFUN_STATE_TTL",),
        _seconds(1, 3_153_600_000),
        2592000.0,
        named_file_only=True,
        about="seconds a stored response or conversation lives after it was last used",
    ),
    "state_max_bytes": Spec(
        ("STEPFUN_STATE_MAX_BYTES",),
        _whole(1, 10**15),
        named_file_only=True,
        about="bytes the store may hold, beyond which the least used goes; unset is 256 MB for `memory://`, 4 GB for `sqlite://`; Redis keeps to its `maxmemory`",
    ),
    "state_max_record_bytes": Spec(
        ("STEPFUN_STATE_MAX_RECORD_BYTES",),
        _whole(1, 10**12),
        32000000,
        named_file_only=True,
        about="bytes one stored response may have with its input; a larger one is an error",
    ),
    "state_timeout": Spec(
        ("STEPFUN_STATE_TIMEOUT",),
        _seconds(0.001, 3600),
        5.0,
        named_file_only=True,
        about="seconds one look into the store may take, if the call's own timeout is not shorter",
    ),
    "batch_dir": Spec(
        ("STEPFUN_BATCH_DIR",),
        _folder,
        named_file_only=True,
        about="folder of batches, their journal and files; unset is `batches` beside the SQLite file of `STEPFUN_STATE`, else `$XDG_DATA_HOME/stepfun_compat/batches`",
    ),
    "batch_concurrency": Spec(
        ("STEPFUN_BATCH_CONCURRENCY",),
        _whole(1, 10_000),
        about="most requests of batches in flight; unset is the tier's, or adapts from 5 to 64",
    ),
    "tier": Spec(
        ("STEPFUN_TIER",),
        _choice("v0", "v1", "v2", "v3", "v4", "v5"),
        about="the account's tier, `V0` to `V5`, whose limits batches keep to",
    ),
    "fast_path": Spec(
        ("STEPFUN_FAST_PATH",),
        _flag,
        True,
        about="plain messages and streamed events take a shorter way to the same bytes and objects; off takes openai's own",
    ),
    "fallback": Spec(
        (),
        _fallback,
        MappingProxyType({}),
        named_file_only=True,
        secret=True,
        about="resource to client or URL of another provider, for what StepFun lacks; `STEPFUN_FALLBACK_EMBEDDINGS=https://…` with `STEPFUN_FALLBACK_EMBEDDINGS_API_KEY`",
    ),
}


@dataclass(frozen=True, repr=False)
class Settings:
    """Everything a client can be told beyond openai's own arguments. Frozen; made once, shared by copies.

    A field that is not given is read from the environment, then from the configuration file, then has its default;
    `source(name)` says which it was. Values are checked here.

    Raises:
        SettingsError: a value is not allowed; names the variable or key, the value and what is allowed.
    """

    api_key: str | None = _UNSET
    base_url: str | None = _UNSET
    region: Literal["global", "cn"] = _UNSET
    plan: Literal["standard", "step_plan"] = _UNSET
    model: str | None = _UNSET
    model_aliases: Mapping[str, str] = _UNSET
    """Names or globs -> StepFun ids; ahead of the catalog's own aliases."""
    catalog_overlay: str | None = _UNSET
    """Absolute path of a TOML file whose rows stand on top of the catalog; see `stepfun_compat.catalog.overlay`."""
    reasoning_effort: str | None = _UNSET
    on_unsupported: Literal["log", "warn", "error", "ignore"] = _UNSET
    prompt_cache_key: str | None = _UNSET
    prompt_cache_header: str | None = _UNSET
    token_headroom: int | None = _UNSET
    """Tokens added to a cap for aliases of models that did not reason; None takes the catalog's number, 0 is off."""
    openai_sampling_defaults: bool = _UNSET
    echo_requested_model: bool = _UNSET
    """Put the caller's model name into `response.model` instead of StepFun's id."""
    show_reasoning: Literal["auto", "always", "never"] = _UNSET
    raw: Literal["openai", "wire"] = _UNSET
    list_openai_models: bool = _UNSET
    """Let `models.list()` and `models.retrieve()` show the OpenAI names that calls may ask for."""
    replay_reasoning: Literal["caller", "cache"] = _UNSET
    max_reasks: int = _UNSET
    web_search: bool = _UNSET
    """Whether `web_search_options` becomes StepFun's own search tool, which is billed per call."""
    rescue_tool_calls: bool = _UNSET
    rate_limit_min_wait: float = _UNSET
    """Least wait in seconds before a retry after HTTP 429."""
    stream_idle_timeout: float | None = _UNSET
    """Seconds without a byte after which a stream ends with `openai.APITimeoutError`; None never ends one."""
    responses_route: Literal["auto", "native", "chat"] = _UNSET
    image_size_order: Literal["height_first", "width_first"] = _UNSET
    """How step-image-edit-2 writes a size (api 11.16)."""
    state: str = _UNSET
    state_namespace: str | None = _UNSET
    state_on_error: Literal["error", "forget"] = _UNSET
    state_ttl: float = _UNSET
    """Seconds a stored record lives after it was last used."""
    state_max_bytes: int | None = _UNSET
    """Bytes of all records; None is the store's own default."""
    state_max_record_bytes: int = _UNSET
    state_timeout: float = _UNSET
    """Seconds one operation on the store may take."""
    batch_dir: str | None = _UNSET
    """Absolute path of the folder that holds batches and their files; see `stepfun_compat.batches.workspace`."""
    batch_concurrency: int | None = _UNSET
    tier: str | None = _UNSET
    """The account's tier in lower case, `v0` to `v5`."""
    fast_path: bool = _UNSET
    """Whether plain messages skip the SDK's transform and streamed events its construction; the results are the same."""
    fallback: Mapping[str, Any] = _UNSET
    sources: Mapping[str, str] = field(default=_UNSET, init=False, compare=False)

    def __post_init__(self) -> None:
        named, found = _config_values()
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

    def source(self, name: str) -> str:
        """Where a value came from: `argument`, the environment variable, the file, or `default`."""
        return self.sources[name]

    def named(self, name: str) -> str:
        """A setting as an error names it: its variable, its key in a file, or its argument."""
        source = self.sources[name]
        return source if source in SETTINGS[name].env else name if source == "argument" else f"{source}: {name}"

    def replace(self, **changes: Any) -> Settings:
        """A copy with some values changed; the others keep their values and sources."""
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
                value = without_secrets(str(value))
            text = "'***'" if SETTINGS[item.name].secret and value else repr(value)
            shown.append(f"{item.name}={text} ({source})")
        return f"Settings({', '.join(shown)})"

    @override
    def __reduce__(self) -> tuple[Any, ...]:
        values: dict[str, Any] = {name: getattr(self, name) for name in SETTINGS if self.sources[name] != "default"}
        for name in values.keys() & {"model_aliases", "fallback"}:
            values[name] = dict(values[name])
        return (_restore, (values, dict(self.sources)))


def _check_models(settings: Settings) -> None:
    """Refuse names of OpenAI's, and models that do not chat, where a StepFun model is to stand.

    A gateway may serve any model under any name, so that nothing is refused with one.

    Raises:
        SettingsError: names the variable, the name and what is allowed.
    """
    from .catalog import default, for_settings

    if settings.base_url is not None and host_kind(settings.base_url) != "stepfun":
        return
    known = for_settings(settings)
    aliases = settings.named("model_aliases")
    named = [(f"{aliases}[{name!r}]", target, False) for name, target in settings.model_aliases.items()]
    if settings.model is not None:
        named.append((settings.named("model"), settings.model, True))
    for where, name, chats in named:
        row, alias = known.model(name), default().alias(name)
        if row is None and name not in known.retired and alias is not None:
            raise _bad(where, name, f"a StepFun model, such as {alias.model}; OpenAI's names are translated without it")
        if chats and row is not None and "chat.completions" not in row.endpoints:
            raise _bad(where, name, f"a model for chat, and {name} is for {', '.join(row.endpoints)}")


def settings_or_default(given: object) -> Settings:
    """The settings a client was given, or those of the environment where it was given none.

    Raises:
        SettingsError: something else was given, such as a dict.
    """
    if given is None:
        return Settings()
    if not isinstance(given, Settings):
        kind = type(given).__name__
        advice = "; write settings=Settings(**…)" if isinstance(given, Mapping) else ""
        raise SettingsError(f"settings= takes a stepfun_compat.Settings, not {kind}{advice}.")
    return given


def _restore(values: dict[str, Any], sources: dict[str, str]) -> Settings:
    settings = Settings(**values)
    object.__setattr__(settings, "sources", MappingProxyType(sources))
    return settings


def _look_up(
    name: str, spec: Spec, named: tuple[str, Mapping[str, Any]] | None, found: tuple[str, Mapping[str, Any]] | None
) -> tuple[Any, str]:
    for variable in spec.env:
        text = os.environ.get(variable)
        if text is not None and (text.strip() or spec.empty_is_value):
            value = spec.parse(text, variable)
            if value is not None:
                return value, variable
    if name == "fallback" and (urls := _fallback_from_environment()):
        return spec.parse(urls, _FALLBACK.rstrip("_")), _FALLBACK + "*"
    for place in (named, found):
        if place is not None and name in place[1]:
            path, values = place
            value = spec.parse(values[name], f"{path}: {name}")
            if value is not None:
                return value, path
    return spec.default, "default"


# ---------------------------------------------------------------- the configuration file


def _config_values() -> tuple[tuple[str, Mapping[str, Any]] | None, tuple[str, Mapping[str, Any]] | None]:
    """(the file the user named, the file found in the working directory), each as (path, values)."""
    named_path = os.environ.get("STEPFUN_CONFIG", "").strip()
    if named_path:
        path = os.path.expanduser(named_path)
        try:
            stat = os.stat(path)
            return (named_path, _read_file(path, stat.st_mtime_ns, stat.st_size, True)), None
        except OSError as error:
            raise SettingsError(
                f"STEPFUN_CONFIG={named_path!r} cannot be read ({error.strerror}): it takes the path of a TOML file."
            ) from error
    for file in ("stepfun.toml", "pyproject.toml"):
        try:
            stat = os.stat(file)
        except OSError:
            continue
        try:
            values = _read_file(os.path.abspath(file), stat.st_mtime_ns, stat.st_size, False)
        except NotTOMLError:
            if file == "pyproject.toml":  # a broken pyproject.toml is some other tool's business
                continue
            raise
        except OSError as error:
            if file == "pyproject.toml":
                continue
            raise SettingsError(f"{file} cannot be read ({error.strerror}): make it readable or remove it.") from error
        if values or file == "stepfun.toml":
            return None, (file, values)
    return None, None


@lru_cache(maxsize=16)
def _read_file(path: str, mtime: int, size: int, named: bool) -> Mapping[str, Any]:  # noqa: ARG001 - part of the cache key
    document = read_toml(path)
    table: Any = document
    if os.path.basename(path) == "pyproject.toml":
        tool: Any = document.get("tool")
        table = cast("dict[str, Any]", tool).get("stepfun-compat", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise SettingsError(f"{path}: [tool.stepfun-compat] takes a table of settings.")
    values = {key.replace("-", "_"): value for key, value in cast("dict[str, Any]", table).items()}
    unknown = sorted(set(values) - set(SETTINGS))
    if unknown:
        from difflib import get_close_matches

        close = get_close_matches(unknown[0], SETTINGS, 1)
        meant = f"did you mean {close[0]}? K" if close else "k"
        raise SettingsError(f"{path}: {unknown[0]!r} is not a setting; {meant}nown are {', '.join(SETTINGS)}.")
    overlay = values.get("catalog_overlay")
    if isinstance(overlay, str) and overlay:  # a path in a file is meant from where that file is
        values["catalog_overlay"] = os.path.join(os.path.dirname(path), os.path.expanduser(overlay))
    if not named:
        for name in [n for n in values if SETTINGS[n].named_file_only]:
            del values[name]
            log.warning(
                "%s: %r is ignored: a file found in the working directory may not set it. "
                "Name the file in STEPFUN_CONFIG to trust it.",
                path,
                name,
            )
    return MappingProxyType(values)


# ---------------------------------------------------------------- hosts

HostKind = Literal["stepfun", "openai", "azure", "other"]

_HOSTS: Final[tuple[tuple[HostKind, tuple[str, ...]], ...]] = (
    ("stepfun", ("stepfun.com", "stepfun.ai")),
    ("openai", ("openai.com",)),
    (
        "azure",
        (
            *("openai.azure.com", "cognitiveservices.azure.com", "services.ai.azure.com", "azure-api.net"),
            *("openai.azure.us", "cognitiveservices.azure.us", "services.ai.azure.us", "azure-api.us"),
            *("openai.azure.cn", "cognitiveservices.azure.cn", "azure-api.cn"),
        ),
    ),
)
_TAIL = re.compile(
    r"(/v1|/messages|/chat/completions|/chat|/completions|/responses|/models|/embeddings|/realtime|/images/generations"
    r"|/audio/speech|/files)/*$",
    re.IGNORECASE,
)
_PLACES: Final = {
    ("global", "standard"): "https://api.stepfun.ai/v1",
    ("global", "step_plan"): "https://api.stepfun.ai/step_plan/v1",
    ("cn", "standard"): "https://api.stepfun.com/v1",
    ("cn", "step_plan"): "https://api.stepfun.com/step_plan/v1",
}


def _split(url: str) -> SplitResult | None:
    """The parts of a URL, None for one that is none."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises for a port that is no number
    except ValueError:
        return None
    return parts


def _plain_host(host: str) -> str:
    """A host as it is looked up: in lower case, and ASCII whatever letters and dots it was written with."""
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            host = unicodedata.normalize("NFKC", host).replace("\u3002", ".")
    return host.lower().rstrip(".")


@lru_cache(maxsize=256)
def host_kind(url: str) -> HostKind:
    """Whose host a URL names."""
    parts = _split(url)
    host = _plain_host(parts.hostname or "" if parts is not None else "")
    for kind, domains in _HOSTS:
        if any(host == domain or host.endswith("." + domain) for domain in domains):
            return kind
    return "other"


def deployment_in(url: str) -> str | None:
    """The deployment an Azure URL names: `…/openai/deployments/NAME/…`."""
    path = (parts.path if (parts := _split(url)) is not None else "").partition("/deployments/")[2]
    return unquote(path.partition("/")[0]) or None


@lru_cache(maxsize=256)
def origin(url: str) -> str:
    """Scheme, host and port of a URL, lower case, with the port always written."""
    parts = _split(url)
    if parts is None:
        return url
    scheme = {"wss": "https", "ws": "http"}.get(parts.scheme.lower(), parts.scheme.lower())
    port = parts.port or {"https": 443, "http": 80}.get(scheme, 0)
    return f"{scheme}://{_plain_host(parts.hostname or '')}:{port}"


_USERINFO = re.compile(r"^([^/?#]*//)?[^/?#]*@")


def without_secrets(url: str) -> str:
    """A URL fit to be shown: less a user and password, and less what is in a query, where some gateways take a key."""
    start, mark, _ = _USERINFO.sub(r"\1", url).partition("?")
    return f"{start}?…" if mark else start


def with_scheme(url: str) -> str:
    """A pasted StepFun address with the scheme a person leaves out, or a WebSocket's, as HTTPS; others as they are."""
    if "://" not in url and host_kind("https://" + url) == "stepfun":
        return "https://" + url
    head, mark, rest = url.partition("://")
    return "https://" + rest if mark and head.lower() == "wss" and host_kind(url) == "stepfun" else url


def normalise_base_url(url: str) -> str:
    """A pasted URL as a base URL: endpoint tails and a doubled `/v1` are cut, StepFun's hosts get their `/v1`.

    A doubled path answers 404 with an empty body at StepFun (api 1), which is hard to understand from outside.
    """
    url = with_scheme(url.strip())
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    had_version = False
    while match := _TAIL.search(path):
        had_version = had_version or match.group(1).lower() == "/v1"
        path = path[: match.start()].rstrip("/")
    if had_version or not path or host_kind(url) == "stepfun":
        path += "/v1"
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


@dataclass(frozen=True)
class Target:
    """Where a client sends. `ours` is False for another vendor's host, whose client stays stock."""

    base_url: str = field(repr=False)
    ours: bool
    source: str

    @property
    def named(self) -> str:
        """The base URL where the caller wrote it, empty where it was chosen here: only the former says whose key
        `OPENAI_API_KEY` holds."""
        return self.base_url if self.source == "base_url argument" else ""


def resolve_target(argument: str | None, settings: Settings, *, explicit_settings: bool, api_key: object) -> Target:
    """Choose the base URL (the order is in the README) and say whether the client is ours or another vendor's."""
    if argument is not None:
        argument = with_scheme(argument)
        kind = host_kind(argument)
        if kind == "stepfun":
            return Target(normalise_base_url(argument), True, "base_url argument")
        if kind == "other":
            configured = settings.base_url is not None and origin(settings.base_url) == origin(argument)
            stepfun_key = isinstance(api_key, str) and bool(api_key) and api_key == settings.api_key
            if configured or explicit_settings or stepfun_key:
                return Target(normalise_base_url(argument), True, "base_url argument")
            return Target(argument, False, "base_url argument")
    if settings.base_url is not None:
        return Target(settings.base_url, True, settings.source("base_url"))
    from_openai = os.environ.get("OPENAI_BASE_URL", "").strip()
    if from_openai and host_kind(from_openai) == "stepfun":
        return Target(normalise_base_url(from_openai), True, "OPENAI_BASE_URL")
    return Target(_PLACES[settings.region, settings.plan], True, f"region {settings.region}, plan {settings.plan}")


# ---------------------------------------------------------------- keys

_OPENAI_KEY: Final = re.compile(r"(?<![A-Za-z0-9])sk-(?:proj|svcacct|admin)-[A-Za-z0-9]|T3BlbkFJ")


def looks_like_openai_key(key: str) -> bool:
    """Whether a key, or a text with one in it, carries a mark only OpenAI's keys have. A plain `sk-…` proves nothing."""
    return _OPENAI_KEY.search(key) is not None


def is_openai_key(key: str, settings: Settings, base_url: str | None = None) -> bool:
    """Whether a key must not go to StepFun: it carries OpenAI's marks, or it is the program's `OPENAI_API_KEY` while
    nothing says that this variable holds a StepFun key."""
    if looks_like_openai_key(key):
        return True
    key = key.strip()
    if key == PLACEHOLDER_KEY:
        return True
    if not key or key != os.environ.get("OPENAI_API_KEY", "").strip() or key == settings.api_key:
        return False
    named = (base_url or "", os.environ.get("OPENAI_BASE_URL", ""))
    return not any(host_kind(url) == "stepfun" for url in named)


def stepfun_key(settings: Settings, base_url: str | None = None) -> str | None:
    """The StepFun key as configured, None if there is none.

    Raises:
        KeyRefusedError: what is configured as the StepFun key is OpenAI's.
    """
    key = settings.api_key
    if key is not None:
        if looks_like_openai_key(key):
            raise KeyRefusedError(
                f"{settings.source('api_key')} holds a key of OpenAI's, which is never sent to StepFun. "
                "Put your StepFun key there (platform.stepfun.ai or platform.stepfun.com, API keys)."
            )
        return key
    fallback = os.environ.get("OPENAI_API_KEY", "").strip()
    if fallback and not is_openai_key(fallback, settings, base_url):
        check_key(fallback, "OPENAI_API_KEY")
        return fallback
    return None


def missing_key(whose: str | None = None) -> KeyRefusedError:
    """The error for a client without a key to send to StepFun; `whose` names the owner of the one that was given."""
    why = (
        f"The key that was given is {whose}'s and is never sent to StepFun, and there is no StepFun key to use instead."
        if whose
        else "The api_key client option must be set, either by passing api_key to the client "
        "or by setting the STEPFUN_API_KEY environment variable."
    )
    return KeyRefusedError(f"{why} Set STEPFUN_API_KEY (or STEP_API_KEY) to your StepFun key.")
