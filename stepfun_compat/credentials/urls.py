"""Whose host a URL names, its origin, and the forms in which it is used and shown."""

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
    parts = split_url(url)
    host = _plain_host(parts.hostname or "" if parts is not None else "")
    for kind, domains in _HOSTS:
        if any(host == domain or host.endswith("." + domain) for domain in domains):
            return kind
    return "other"


def deployment_in(url: str) -> str | None:
    """The deployment an Azure URL names: `…/openai/deployments/NAME/…`."""
    path = (parts.path if (parts := split_url(url)) is not None else "").partition("/deployments/")[2]
    return unquote(path.partition("/")[0]) or None


@lru_cache(maxsize=256)
def origin(url: str) -> str:
    """Scheme, host and port of a URL, lower case, with the port always written."""
    parts = split_url(url)
    if parts is None:
        return url
    scheme = {"wss": "https", "ws": "http"}.get(parts.scheme.lower(), parts.scheme.lower())
    port = parts.port or {"https": 443, "http": 80}.get(scheme, 0)
    return f"{scheme}://{_plain_host(parts.hostname or '')}:{port}"


_USERINFO = re.compile(r"^([^/?#]*//)?[^/?#]*@")


def redact_url(url: str) -> str:
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

    A doubled path answers 404 with an empty body at StepFun (stepfun-api 1), which is hard to understand from outside.
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
