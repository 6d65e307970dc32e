"""The last look before a request leaves: which key goes to which host, whatever put it there.

OpenAI's key never leaves for StepFun, in whatever header, query or user part of the URL it stands; a StepFun key leaves
for nobody but StepFun and the one host the user configured. Requests of httpx and httpx2 are looked at alike.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import logging
import os
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from ..settings import Settings
from .keys import is_openai_key, looks_like_openai_key, missing_key, stepfun_key
from .urls import host_kind, origin

log = logging.getLogger("stepfun_compat")

_AUTHORIZATION = "authorization"
_SUSPICIOUS = re.compile(rb"sk-(?:proj|svcacct|admin)-|T3BlbkFJ|basic[\s+]|%", re.IGNORECASE)
_MIN_KEY_LENGTH = 12  # characters from which on a key is looked for inside of other text
# Credentials and places that only mean something at OpenAI (stepfun-api 1) and at Azure; a gateway of the user's own in front of
# StepFun may ask for the latter.
_OPENAI_HEADERS = ("openai-organization", "openai-project")
_AZURE_HEADERS = ("api-key", "ocp-apim-subscription-key")


@dataclass
class CredentialGuard:
    """What one client may send where. `base_url` is the one it was made for, `named` the one the caller wrote, `ours` is
    False for a client of another vendor's host, and `pinned_key` is the one key a client configured for Azure sends."""

    settings: Settings
    ours: bool
    base_url: str = field(repr=False)
    named: str = field(repr=False)
    pinned_key: str | None = field(default=None, repr=False)

    def trusts(self, url: str) -> bool:
        """Whether the StepFun key may go to this URL: StepFun's hosts, encrypted, and the one host the user configured."""
        place = origin(url)
        if self.ours and place == origin(self.base_url):
            return True
        return host_kind(url) == "stepfun" and place.startswith("https:")

    def headers_to_strip(self, url: str) -> tuple[str, ...]:
        """The headers, in lower case, that say nothing to the StepFun behind this URL."""
        azures = host_kind(url) == "stepfun" or self.pinned_key is not None
        return _OPENAI_HEADERS + _AZURE_HEADERS if azures else _OPENAI_HEADERS

    def contains_openai_key(self, text: str) -> bool:
        """Whether there is a key of OpenAI's in this text."""
        if looks_like_openai_key(text):
            return True
        known = os.environ.get("OPENAI_API_KEY", "").strip()
        return bool(known) and contains_any_key([known], text) and is_openai_key(known, self.settings, self.named)

    def safe_authorization(self, value: str, own: Iterable[object] = ()) -> str:
        """An Authorization value that may go to StepFun. Where OpenAI's key has to go, the configured StepFun key takes
        its place, else one of the client's `own`.

        Raises:
            KeyRefusedError: it holds OpenAI's key and there is no StepFun key to put in its place.
        """
        if self.pinned_key is not None:
            return value if value.split()[-1:] == [self.pinned_key] else f"Bearer {self.pinned_key}"
        if not self.contains_openai_key(_decoded(value)):
            return value
        spare = (key for key in own if isinstance(key, str) and key and not self.contains_openai_key(key))
        key = stepfun_key(self.settings, self.named) or next(spare, None)
        if key is None:
            raise missing_key("OpenAI")
        return f"Bearer {key}"

    def sanitize_request(self, request: Any, own: Collection[object]) -> None:
        """Take out of a request what must not go where it goes. `own` are the StepFun keys this client knows.

        Raises:
            KeyRefusedError: it would take OpenAI's key to StepFun and there is no StepFun key to put in its place.
        """
        url = str(request.url)
        trusted = self.trusts(url)
        if trusted or host_kind(url) == "stepfun":
            raw: list[tuple[bytes, bytes]] = request.headers.raw
            names = [name.lower() for name, _ in raw]
            for name in self.headers_to_strip(url):
                if name.encode() in names:
                    del request.headers[name]
            if self.pinned_key is not None or names.count(b"authorization") > 1 or _suspicious(raw, request.url):
                self._answer_for(request, own)
            if b"api-version" in request.url.query:
                request.url = request.url.copy_remove_param("api-version")  # Azure's
        if not trusted:
            strip_keys(request, own, "the StepFun key")

    def sanitize_redirect(
        self, request: Any, came_from: Any, own: Collection[object], theirs: Collection[object]
    ) -> None:
        """The same for a request that another one was redirected to. `theirs` are the keys of another vendor's client,
        which stay at the host they are for."""
        if theirs and origin(str(request.url)) != origin(str(came_from.url)):
            strip_keys(request, theirs, "this client's key")
        self.sanitize_request(request, own)

    def _answer_for(self, request: Any, own: Collection[object]) -> None:
        values: list[str] = request.headers.get_list(_AUTHORIZATION)
        safe = [self.safe_authorization(value, own) for value in values]
        if safe != values or len(set(safe)) < len(safe):
            request.headers[_AUTHORIZATION] = safe[-1]
        _strip_found(request, self.contains_openai_key, "OpenAI's key")


def _suspicious(headers: list[tuple[bytes, bytes]], url: Any) -> bool:
    """A quick no for nearly every request: nothing in it can be OpenAI's key."""
    texts = [text for _, text in headers]
    whole = b"\n".join([*texts, url.query, url.userinfo])
    known = os.environ.get("OPENAI_API_KEY", "").strip()
    return _SUSPICIOUS.search(whole) is not None or (bool(known) and known.encode("utf-8", "surrogateescape") in whole)


def contains_any_key(keys: Iterable[str], text: object) -> bool:
    """Whether one of these keys stands in a text: a short one, as in tests, only as a word of its own."""
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    if not isinstance(text, str):
        return False
    return any(key in text if len(key) >= _MIN_KEY_LENGTH else key in text.split() for key in keys)


def _decoded(value: str) -> str:
    """A header's or a query's text with what is encoded in it: a key is one in base64 and with %2D as well."""
    if "%" in value:
        value = f"{value} {unquote(value)}"
    for encoded in _BASIC.findall(value):
        whole = encoded.translate(_URL_SAFE).rstrip("=")
        with contextlib.suppress(binascii.Error, ValueError):
            decoded = base64.b64decode(whole + "=" * (-len(whole) % 4)).decode("utf-8", "replace")
            value += " " + decoded.replace(":", " ")
    return value


_BASIC = re.compile(r"\bbasic\s+([\w+/=-]+)", re.IGNORECASE | re.ASCII)
_URL_SAFE = str.maketrans("-_", "+/")


def strip_keys(request: Any, own: Collection[object], what: str) -> None:
    """Remove these keys from a request, wherever they stand; `what` says in the log whose they are."""
    keys = [str(key) for key in own if key]
    _strip_found(request, lambda text: contains_any_key(keys, text), what)


def strip_openai_keys(request: Any) -> None:
    """Remove every key of OpenAI's from a request of a client that has no guard and was redirected to StepFun."""
    known = [os.environ.get("OPENAI_API_KEY", "").strip() or "\0"]
    _strip_found(request, lambda text: looks_like_openai_key(text) or contains_any_key(known, text), "OpenAI's key")


def _strip_found(request: Any, found: Callable[[str], bool], what: str) -> None:
    """Remove every header, query parameter and user part in which there is a key."""
    url = request.url
    taken: list[str] = []
    for name, value in request.headers.multi_items():
        if found(_decoded(value)) and name in request.headers:
            del request.headers[name]
            taken.append(name)
    query = _query_without(url, found)
    if query is not None:
        url = url.copy_with(params=query)
        taken.append("the query")
    if url.userinfo and found(unquote(url.userinfo.decode("ascii", "replace")).replace(":", " ")):
        url = url.copy_with(userinfo=b"")
        taken.append("the URL")
    if taken:
        request.url = url
        log.warning("%s was removed from a request to %s (%s)", what, url.host, ", ".join(taken))


def _query_without(url: Any, found: Callable[[str], bool]) -> list[tuple[str, str]] | None:
    """The parameters of a URL in which there is no key; None where there is none in any."""
    if not url.query:
        return None
    pairs: list[tuple[str, str]] = url.params.multi_items()
    kept = [pair for pair in pairs if not any(found(_decoded(text)) for text in pair)]
    return kept if len(kept) < len(pairs) else None
