"""Places a program can put a key, for the tables of requests, redirects and WebSockets, and the text a request shows."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

import httpx

MARKED = "sk-proj-theirs0123456789abcdef"
"""A key with OpenAI's prefix."""
PLAIN = "sk-plain0123456789abcdef"
"""A key without OpenAI's prefix; OpenAI's because it is in the environment as such."""
VENDOR = "vendor-key-0123456789"
"""The key of another vendor, or of a fallback."""
MESSAGES: Any = [{"role": "user", "content": "x"}]


def ask(client: Any, **more: Any) -> Any:
    """Make one chat call."""
    return client.chat.completions.create(model="gpt-4o", messages=MESSAGES, **more)


def basic(key: str) -> str:
    """A key as the password of Basic authorization."""
    return "Basic " + base64.b64encode(f"user:{key}".encode()).decode()


def basic_user(key: str) -> str:
    """A key as the user of Basic authorization, without a password, as some vendors require."""
    return "Basic " + base64.b64encode(f"{key}:".encode()).decode()


def basic_bare(key: str) -> str:
    """A key in URL-safe base64 without padding, with a lower-case scheme."""
    return "basic " + base64.urlsafe_b64encode(f"???>:{key}".encode()).decode().rstrip("=")


@dataclass(frozen=True)
class Given:
    """Arguments a program passes to the constructor, `with_options`, one call, and its own HTTP client."""

    made: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    call: Mapping[str, Any] = field(default_factory=dict)
    http: Mapping[str, Any] = field(default_factory=dict)


HEADERS: dict[str, Callable[[str], tuple[str, str]]] = {
    "Authorization": lambda key: ("Authorization", f"Bearer {key}"),
    "authorization": lambda key: ("authorization", f"bearer {key}"),
    "Authorization Basic": lambda key: ("Authorization", basic(key)),
    "Authorization Basic user": lambda key: ("AUTHORIZATION", basic_user(key)),
    "x-api-key": lambda key: ("x-api-key", key),
    "X-Auth": lambda key: ("X-Auth", f"Bearer {key}"),
    "x-auth Basic": lambda key: ("x-auth", basic(key)),
    "x-auth bare Basic": lambda key: ("x-auth", basic_bare(key)),
    "Proxy-Authorization": lambda key: ("Proxy-Authorization", f"Bearer {key}"),
    "Cookie": lambda key: ("Cookie", f"session={key}; kept=1"),
    "percent": lambda key: ("x-token", "k=" + key.replace("-", "%2D")),
}
"""Spellings of a key in a header: name and value."""
QUERIES: dict[str, Callable[[str], dict[str, str]]] = {
    "query": lambda key: {"key": key},
    "query Basic": lambda key: {"auth": basic(key)},
    "query name": lambda key: {key: "1"},
}


def _places() -> dict[str, Callable[[str], Given]]:
    found: dict[str, Callable[[str], Given]] = {"nowhere": lambda _: Given()}

    def of_header(make: Callable[[str], tuple[str, str]], where: str) -> Callable[[str], Given]:
        name = {"made": "default_headers", "options": "default_headers", "call": "extra_headers", "http": "headers"}
        return lambda key: Given(**{where: {name[where]: dict([make(key)])}})

    def of_query(make: Callable[[str], dict[str, str]], where: str) -> Callable[[str], Given]:
        name = {"made": "default_query", "options": "default_query", "call": "extra_query", "http": "params"}
        return lambda key: Given(**{where: {name[where]: make(key)}})

    for where in ("call", "made", "options", "http"):
        for header, make in HEADERS.items():
            found[f"{where} header {header}"] = of_header(make, where)
        for query, ask in QUERIES.items():
            found[f"{where} {query}"] = of_query(ask, where)
    found["http auth"] = lambda key: Given(http={"auth": ("user", key)})
    found["http cookies"] = lambda key: Given(http={"cookies": {"session": key}})
    return found


PLACES = _places()
"""Every place and spelling of a key, by name."""


ARGUMENTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "lower case": lambda key: {"extra_headers": {"authorization": f"Bearer {key}"}},
    "upper case": lambda key: {"extra_headers": {"AUTHORIZATION": f"bearer {key}"}},
    "two spaces": lambda key: {"extra_headers": {"Authorization": f"Bearer  {key}"}},
    "no scheme": lambda key: {"extra_headers": {"Authorization": key}},
    "basic": lambda key: {"extra_headers": {"Authorization": basic(key)}},
    "bytes": lambda key: {"extra_headers": {"Authorization": f"Bearer {key}".encode()}},
    "bytes for a name": lambda key: {"extra_headers": {b"authorization": f"Bearer {key}".encode()}},
    "another header": lambda key: {"extra_headers": {"api-key": key}},
    "inside of a header": lambda key: {"extra_headers": {"x-note": f"key={key};"}},
    "cookie": lambda key: {"extra_headers": {"Cookie": f"session={key}"}},
    "query": lambda key: {"extra_query": {"api_key": key, "kept": "1"}},
}
"""Arguments of one call that contain a key, by name."""


def readable(texts: list[str]) -> str:
    """Return the texts and everything decoded from them, in which a key could appear."""
    out = list(texts)
    for text in texts:
        for value in {text, unquote(text), unquote(text.replace("+", " "))}:
            out.append(value)
            for found in re.findall(r"\bbasic\s+([\w+/=-]+)", value, re.IGNORECASE):
                whole = found.translate(str.maketrans("-_", "+/")).rstrip("=")
                out.append(base64.b64decode(whole + "=" * (-len(whole) % 4)).decode("utf-8", "replace"))
    return " ".join(out)


def sent_text(request: httpx.Request) -> str:
    """Return every part of a request in which a key could appear, decoded."""
    values = [value for _, value in request.headers.multi_items()]
    values += [base64.b64decode(value[6:]).decode() for value in values if value.startswith("Basic ")]
    return " ".join([str(request.url), request.url.userinfo.decode(), *values, *request.url.params.values()])


def encoded(key: str) -> str:
    """A key as the user part of a URL."""
    return quote(key, safe="")
