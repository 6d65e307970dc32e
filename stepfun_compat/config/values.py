"""Parsers of setting values: each takes a value and the name of its source, and raises SettingsError."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, cast

from ..credentials.urls import host_kind, normalise_base_url, redact_url, split_url, with_scheme
from ..errors import SettingsError

_TRUE = {"1", "true", "yes", "on"}


_FALSE = {"0", "false", "no", "off"}


def bad_value(source: str, value: object, allowed: str) -> SettingsError:
    try:
        shown = repr(value)
    except Exception:  # a value of any type
        shown = f"<{type(value).__name__}>"
    shown = shown if len(shown) <= 200 else f"{shown[:200]}… ({len(shown):,} characters)"
    return SettingsError(f"{source}={shown} is not allowed: it must be {allowed}.")


def text(value: Any, source: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise bad_value(source, value, "a string")
    return value.strip() or None


def key(value: Any, source: str) -> str | None:
    """Parse a key. It never appears in an error of this package, nor in one of the HTTP library that cannot send it."""
    if value is None:
        return None
    text = value.strip() if isinstance(value, str) else None
    if text is not None:
        check_key(text, source)
    if text is None or not all("!" <= sign <= "~" for sign in text):
        what = (
            type(cast("object", value)).__name__ if text is None else "a text with blanks or characters that no key has"
        )
        raise SettingsError(f"{source} is {what}: it must be a key of plain letters, digits and signs, without blanks.")
    return text or None


def check_key(key: str, source: str) -> None:
    """Refuse common mistakes, for which servers only return a 401.

    Raises:
        SettingsError: the key is in quotes, as some `.env` readers leave it, or starts with `Bearer`.
    """
    if len(key) > 1 and (key[0] in _QUOTES or key[-1] in _QUOTES):
        raise SettingsError(f"{source} is in quotes, which would be sent as part of the key: remove them.")
    if re.match(r"bearer\b", key, re.IGNORECASE):
        raise SettingsError(f"{source} starts with 'Bearer', which the client adds itself: pass only the key.")


_QUOTES: Final = "'\"`\u2018\u2019\u201c\u201d"


def store_url(value: Any, source: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise SettingsError(f"{source} is {type(value).__name__}: it must be a URL such as sqlite:///path.")
    url = text(value, source)
    if url is not None:
        from ..state import StateError, check_url

        try:
            check_url(url)
        except StateError as error:  # without the URL, which may contain a password
            raise SettingsError(f"{source}: {error}") from None
    return url


def header_name(value: Any, source: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]*", value.strip()):
        raise bad_value(source, value, "a header name, or an empty string for none")
    if value.strip().lower() in ("authorization", "host", "content-type", "content-length", "cookie"):
        raise bad_value(source, value, "a header name that HTTP does not use itself")
    return value.strip()


def choice(*allowed: str, **former: str) -> Callable[[Any, str], Any]:
    """Parse one of the allowed words; a `former` word is replaced by its current one."""

    def parse(value: Any, source: str) -> Any:
        if value is None:
            return None
        word = value.strip().lower() if isinstance(value, str) else ""
        word = former.get(word, word)
        if word in allowed:
            return word
        raise bad_value(source, value, "one of " + ", ".join(allowed))

    return parse


def flag(value: Any, source: str) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _TRUE | _FALSE:
        return value.strip().lower() in _TRUE
    raise bad_value(source, value, "true or false")


def whole_number(least: int, most: int) -> Callable[[Any, str], int | None]:
    """Parse a whole number within bounds, also from text; None stays None."""

    def parse(value: Any, source: str) -> int | None:
        if value is None:
            return None
        try:
            number = int(value) if isinstance(value, int | str) and not isinstance(value, bool) else least - 1
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise bad_value(source, value, f"a whole number from {least} to {most}")
        return number

    return parse


def seconds(least: float, most: float) -> Callable[[Any, str], float]:
    """Parse a number of seconds within bounds, also from text; NaN is refused."""

    def parse(value: Any, source: str) -> float:
        try:
            number = float(value) if not isinstance(value, bool) else -1.0
        except (TypeError, ValueError, OverflowError):
            number = -1.0
        if not least <= number <= most:
            raise bad_value(source, value, f"a number of seconds from {least:g} to {most:.10g}")
        return number

    return parse


def seconds_or_none(value: Any, source: str) -> float | None:
    return None if value is None else seconds(0.001, 86_400)(value, source)


def aliases(value: Any, source: str) -> Mapping[str, str]:
    if value is None or value == "":
        return MappingProxyType({})
    allowed = 'JSON like {"gpt-4o": "step-3.7-flash"} or pairs like gpt-4o=step-3.7-flash,o3*=step-5-preview'
    try:
        pairs: object = _pairs(value.strip()) if isinstance(value, str) else value
    except (ValueError, RecursionError) as error:
        raise bad_value(source, value, allowed) from error
    if not isinstance(pairs, Mapping):
        raise bad_value(source, value, allowed)
    clean = dict(cast("Mapping[Any, Any]", pairs))
    if not all(isinstance(text, str) and text for pair in clean.items() for text in pair):
        raise bad_value(source, value, allowed)
    return MappingProxyType(clean)


def _pairs(text: str) -> object:
    """Parse a mapping written as JSON, or as `name=target,…`.

    Raises:
        ValueError: it is neither.
    """
    if text.startswith("{"):
        return json.loads(text)
    pairs: dict[str, str] = {}
    for part in text.split(","):
        name, equals, target = part.partition("=")
        if equals:
            pairs[name.strip()] = target.strip()
        elif part.strip():
            raise ValueError(part)
    return pairs


def _is_http(url: str) -> bool:
    """Whether a URL has a host and a supported scheme."""
    parts = split_url(url)
    return parts is not None and parts.scheme.lower() in ("http", "https") and bool(parts.hostname)


def base_url(value: Any, source: str) -> str | None:
    if value is None:
        return None
    text = str(value).strip()
    if not text:
        return None
    text = with_scheme(text)
    if not _is_http(text):
        raise bad_value(source, redact_url(text), "a URL that starts with http:// or https://")
    if host_kind(text) == "openai":
        raise bad_value(source, redact_url(text), "the URL of StepFun or of a gateway to it, not one of OpenAI's")
    return normalise_base_url(text)


def overlay_path(value: Any, source: str) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str | os.PathLike):
        raise bad_value(source, type(value).__name__, "the path of a TOML file")
    from ..catalog import load_overlay

    path = os.path.abspath(os.path.expanduser(os.fspath(cast("str", value)).strip()))
    try:
        load_overlay(path)
    except SettingsError as error:
        raise SettingsError(f"{source}: {error}") from error
    return path


def folder(value: Any, source: str) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str | os.PathLike):
        raise bad_value(source, type(value).__name__, "the path of a folder")
    return os.path.abspath(os.path.expanduser(os.fspath(cast("str", value)).strip()))


def fallback(value: Any, source: str) -> Mapping[str, Any]:
    from difflib import get_close_matches

    from ..catalog.absent import FALLBACK_NAMES

    if value is None:
        return MappingProxyType({})
    if not isinstance(value, Mapping):
        raise bad_value(
            source, type(value).__name__, "a mapping from a resource to a client or URL of another provider"
        )
    given = cast("Mapping[str, Any]", value)
    for name, target in given.items():
        if name not in FALLBACK_NAMES:
            close = get_close_matches(str(name).lower(), FALLBACK_NAMES, 1)
            meant = f"Did you mean {_resource(source, close[0])}? " if close else ""
            raise SettingsError(
                f"{_resource(source, name)} is not a resource that can be sent to another provider. {meant}"
                f"The resources are {', '.join(FALLBACK_NAMES)}."
            )
        if isinstance(target, str):
            _check_fallback_url(target, _resource(source, name))
    return MappingProxyType(dict(given))


def _check_fallback_url(url: str, source: str) -> None:
    if not _is_http(url):
        raise bad_value(source, redact_url(url), "a URL that starts with http:// or https://")
    if host_kind(url) == "stepfun":
        raise bad_value(source, redact_url(url), "the URL of another provider: StepFun has no such endpoint")


FALLBACK_PREFIX: Final = "STEPFUN_FALLBACK_"


def _resource(source: str, name: object) -> str:
    """Return the name of a fallback's source: its environment variable, or its key in the setting."""
    return f"{FALLBACK_PREFIX}{str(name).upper()}" if source == FALLBACK_PREFIX.rstrip("_") else f"{source}[{name!r}]"


def fallback_from_environment() -> Mapping[str, str]:
    """Read `STEPFUN_FALLBACK_EMBEDDINGS=https://…` and similar, by resource; keys are read when a client is created."""
    return {
        name[len(FALLBACK_PREFIX) :].lower(): value.strip()
        for name, value in os.environ.items()
        if name.startswith(FALLBACK_PREFIX) and not name.endswith("_API_KEY") and value.strip()
    }
