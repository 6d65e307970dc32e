"""Checks of the environment that `doctor` runs before anything is sent: keys, names, proxies and certificates."""

from __future__ import annotations

import os
from collections.abc import Iterator
from difflib import get_close_matches
from importlib.util import find_spec
from urllib.parse import urlsplit

from ..credentials.urls import redact_url
from ..settings import SETTINGS
from .finding import Finding

_KEYS = ("STEPFUN_API_KEY", "STEP_API_KEY")
_OTHERS = ("STEPFUN_CONFIG", "STEPFUN_COMPAT_LEGACY", "STEPFUN_RAW")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def findings() -> list[Finding]:
    """Return the problems of the environment variables; empty if there are none."""
    return [*_keys(), *_names(), *_model(), *_proxies(), *_certificates()]


def _keys() -> Iterator[Finding]:
    for name in _KEYS:
        key = os.environ.get(name, "").strip()
        if len(key) > 1 and (key[0] in "'\"" or key[-1] in "'\""):
            yield Finding(
                name, "fail", "the key is in quotes, which are sent as part of it", f"set {name} without quotes"
            )
        if key.lower().startswith("bearer"):
            yield Finding(name, "fail", "the key starts with `Bearer`", f"set {name} to the key alone")


def _names() -> Iterator[Finding]:
    known = [name for spec in SETTINGS.values() for name in spec.env] + list(_OTHERS)
    for name in sorted(os.environ):
        if not name.startswith(("STEPFUN_", "STEP_")) or name in known or name.startswith("STEPFUN_FALLBACK_"):
            continue
        close = get_close_matches(name, known, 1, 0.8)
        if close:
            yield Finding(name, "warn", "is not a setting", f"did you mean {close[0]}?")
        elif name.startswith("STEPFUN_"):
            yield Finding(name, "warn", "is not a setting", "remove it; docs/reference/settings.md lists the settings")


def _model() -> Iterator[Finding]:
    from ..catalog import default

    model, catalog = os.environ.get("STEPFUN_MODEL", "").strip(), default()
    if model and catalog.model(model) is None:
        alias = catalog.alias(model)
        if alias is not None:
            fix = f"set STEPFUN_MODEL={alias.model}, or unset it: OpenAI's names are translated automatically"
            yield Finding("STEPFUN_MODEL", "fail", f"{model} is a model of OpenAI's, not of StepFun's", fix)
        else:
            close = get_close_matches(model, catalog.models, 1)
            fix = f"did you mean {close[0]}?" if close else "stepfun-compat models --live lists the models of your key"
            yield Finding("STEPFUN_MODEL", "warn", f"{model} is not in the catalog", fix)


def _proxies() -> Iterator[Finding]:
    for name in sorted(os.environ):
        if name.lower() not in _PROXIES or not os.environ[name].strip():
            continue
        url = os.environ[name].strip()
        scheme, is_url = _proxy_scheme(url)
        if scheme.startswith("socks"):
            if find_spec("socksio") is None:
                yield Finding(name, "fail", "a SOCKS proxy needs the package socksio", "pip install socksio")
        elif scheme not in ("http", "https") or not is_url:
            fix = "set it to http://host:port, or unset it"
            yield Finding(name, "fail", f"{redact_url(url)!r} is not a proxy URL", fix)


def _proxy_scheme(url: str) -> tuple[str, bool]:
    """Return the scheme of a proxy URL, http if it has none, and whether a host and a valid port follow."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        return parts.scheme.lower(), bool(parts.hostname) and parts.port != 0 and " " not in url
    except ValueError:
        return "", False


def _certificates() -> Iterator[Finding]:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        place = os.environ.get(name)
        if place and not os.path.exists(place):
            yield Finding(name, "fail", f"{place} does not exist", f"set {name} to your CA store, or unset it")
