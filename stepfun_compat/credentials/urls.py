"""Determine the owner of a URL's host, its origin, and the forms for use and for display."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final, Literal
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

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


def split_url(url: str) -> SplitResult | None:
    """Return the parts of a URL; None for an invalid one."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises for a port that is no number
    except ValueError:
        return None
    return parts


def _plain_host(host: str) -> str:
    """Return a host as resolvers look it up: in lower case and ASCII, whatever letters and dots it contains."""
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            host = unicodedata.normalize("NFKC", host).replace("\u3002", ".")
    return host.lower().rstrip(".")


@lru_cache(maxsize=256)
def host_kind(url: str) -> HostKind:
    """Return the kind of a URL's host."""
    parts = split_url(url)
    host = _plain_host(parts.hostname or "" if parts is not None else "")
    for kind, domains in _HOSTS:
        if any(host == domain or host.endswith("." + domain) for domain in domains):
            return kind
    return "other"


def deployment_in(url: str) -> str | None:
    """Return the deployment in an Azure URL: `…/openai/deployments/NAME/…`."""
    path = (parts.path if (parts := split_url(url)) is not None else "").partition("/deployments/")[2]
    return unquote(path.partition("/")[0]) or None


@lru_cache(maxsize=256)
def origin(url: str) -> str:
    """Return scheme, host and port of a URL in lower case, always with the port."""
    parts = split_url(url)
    if parts is None:
        return url
    scheme = {"wss": "https", "ws": "http"}.get(parts.scheme.lower(), parts.scheme.lower())
    port = parts.port or {"https": 443, "http": 80}.get(scheme, 0)
    return f"{scheme}://{_plain_host(parts.hostname or '')}:{port}"


_USERINFO = re.compile(r"^([^/?#]*//)?[^/?#]*@")


def redact_url(url: str) -> str:
    """Return a URL for display: without user and password, and without the query, in which some gateways take a key."""
    start, mark, _ = _USERINFO.sub(r"\1", url).partition("?")
    return f"{start}?…" if mark else start


def with_scheme(url: str) -> str:
    """Return a StepFun address without a scheme, or with a WebSocket's, as HTTPS; others unchanged."""
    if "://" not in url and host_kind("https://" + url) == "stepfun":
        return "https://" + url
    head, mark, rest = url.partition("://")
    return "https://" + rest if mark and head.lower() == "wss" and host_kind(url) == "stepfun" else url


def normalise_base_url(url: str) -> str:
    """Convert a pasted URL to a base URL: removes endpoint paths and a doubled `/v1`, adds `/v1` to StepFun's hosts.

    StepFun responds to a doubled path with 404 and an empty body (stepfun-api 1), which is hard to diagnose.
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
