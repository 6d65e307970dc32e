"""Access control: hosts, origins and tokens. Checks use only the headers, before the body is read."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from .inbound import Inbound
from .options import ServeOptions
from .rejections import Rejected

_ALLOWED_HEADERS: Final = (
    "authorization, content-type, x-api-key, api-key, anthropic-version, anthropic-beta, openai-beta"
)
_LONGEST_ADDRESS: Final = 128  # with the zone of an IPv6 address
_EXPOSED: Final = "x-request-id, retry-after"


@dataclass(frozen=True)
class Caller:
    """The sender of a request: `name` is a digest of the token, the same for all callers that share one."""

    name: str = field(repr=False)


def host_name(value: str) -> str:
    """The name in a `Host` header, without its port and brackets, in lower case."""
    value = value.strip().lower()
    if value.startswith("["):
        return value[1:].partition("]")[0]
    return value.rpartition(":")[0] if value.count(":") == 1 else value


def is_loopback(host: str) -> bool:
    """Whether a listening address is reachable only from this machine."""
    if host.strip("[]").lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    return len(name) <= _LONGEST_ADDRESS and _parses_as_address(name)


@lru_cache(maxsize=64)
def _parses_as_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Access:
    """The access rules of one server."""

    def __init__(self, options: ServeOptions) -> None:
        self._hosts = frozenset(name.lower() for name in options.allowed_hosts)
        self._origins = frozenset(origin.rstrip("/").lower() for origin in options.allowed_origins)
        self._tokens = tuple(_digest(token) for token in options.tokens)

    def check_host(self, inbound: Inbound) -> None:
        """Refuse host names that are not this server's, as DNS rebinding attacks send them. IP addresses cannot be rebound.

        Raises:
            Rejected: the `Host` header is missing or names another host.
        """
        if "*" in self._hosts:
            return
        name = host_name(inbound.headers.get("host", "")).rstrip(".")
        if name == "localhost" or name.endswith(".localhost") or _is_address(name) or name in self._hosts:
            return
        raise Rejected(421, "This server does not serve that host name. Allow it with --allow-host.")

    def cors(self, inbound: Inbound) -> dict[str, str]:
        """The headers that let a page of an allowed origin read the response; none for a request without `Origin`.

        Raises:
            Rejected: the page belongs to another origin.
        """
        origin = inbound.headers.get("origin")
        if origin is None or self._is_own(origin, inbound):
            return {}
        if "*" in self._origins or origin.lower() in self._origins:
            return {
                "access-control-allow-origin": origin,
                "access-control-expose-headers": _EXPOSED,
                "vary": "Origin",
            }
        raise Rejected(403, "Pages of this origin may not call this server. Allow it with --allow-origin.")

    def preflight(self, inbound: Inbound) -> dict[str, str]:
        """The response headers for a CORS preflight request."""
        requested = inbound.headers.get("access-control-request-headers", "")
        plain = all(sign.isalnum() or sign in "-_, " for sign in requested)
        return {
            "access-control-allow-methods": "GET, POST, DELETE",
            "access-control-allow-headers": requested if requested and plain else _ALLOWED_HEADERS,
            "access-control-max-age": "600",
        }

    @staticmethod
    def _is_own(origin: str, inbound: Inbound) -> bool:
        scheme, _, rest = origin.partition("://")
        return scheme in ("http", "https") and rest.lower() == inbound.headers.get("host", "").lower()

    def caller(self, inbound: Inbound) -> Caller:
        """Return the sender of the request. Compares every configured token with every given one, in constant time.

        Raises:
            Rejected: no token was sent, or not one of this server's.
        """
        given = [_digest(text) for text in _credentials(inbound)]
        if not self._tokens:
            return Caller(given[0].hex() if given else "")
        found = [own for own in self._tokens for one in given if hmac.compare_digest(own, one)]
        if found:
            return Caller(found[0].hex())
        if not given:
            message = "You didn't provide a token. Send this server's token (STEPFUN_SERVE_TOKEN) as a Bearer token, x-api-key or api-key."
        else:
            message = "Incorrect API key provided. Send this server's token (STEPFUN_SERVE_TOKEN), not a key of OpenAI or StepFun."
        raise Rejected(401, message, code="invalid_api_key" if given else None, headers={"www-authenticate": "Bearer"})


def _credentials(inbound: Inbound) -> Iterable[str]:
    scheme, _, value = inbound.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        yield value.strip()
    for name in ("x-api-key", "api-key"):
        text = inbound.headers.get(name, "").strip()
        if text:
            yield text


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
