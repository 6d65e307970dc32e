"""The credential check before a request is sent: which key may go to which host, whatever put it into the request.

An OpenAI key is never sent to StepFun, in any header, query or user part of the URL; a StepFun key is sent only to
StepFun and the one host the user configured. The check handles requests of both httpx and httpx2.
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
# Lower-case bytes without which no text contains an OpenAI key, plain or encoded. Searching for each is ten times as
# fast as one regular expression.
_SUSPICIOUS = (b"sk-proj-", b"sk-svcacct-", b"sk-admin-", b"t3blbkfj", b"basic", b"%")
_MIN_KEY_LENGTH = 12  # the minimum length of a key that is searched for inside other text
# Headers that only have a meaning at OpenAI (stepfun-api 1) and at Azure; the user's own gateway to StepFun may need the
# latter.
_OPENAI_HEADERS = ("openai-organization", "openai-project")
_AZURE_HEADERS = ("api-key", "ocp-apim-subscription-key")


@dataclass
class CredentialGuard:
    """The rules for what one client may send where. `base_url` is the client's, `named` the one the caller passed, `ours` is False for a
    client of another vendor's host, and `pinned_key` is the only key a client configured for Azure sends."""

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
        """The lower-case headers that have no meaning for StepFun at this URL."""
        azures = host_kind(url) == "stepfun" or self.pinned_key is not None
        return _OPENAI_HEADERS + _AZURE_HEADERS if azures else _OPENAI_HEADERS

    def contains_openai_key(self, text: str) -> bool:
        """Whether this text contains an OpenAI key."""
        if looks_like_openai_key(text):
            return True
        known = os.environ.get("OPENAI_API_KEY", "").strip()
        return bool(known) and contains_any_key([known], text) and is_openai_key(known, self.settings, self.named)

    def safe_authorization(self, value: str, own: Iterable[object] = ()) -> str:
        """Return an Authorization value that may be sent to StepFun. An OpenAI key is replaced by the configured StepFun
        key, or else by one of the client's `own`.

        Raises:
            KeyRefusedError: it contains an OpenAI key and there is no StepFun key to replace it.
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
        """Remove credentials that must not be sent to the request's host. `own` are this client's StepFun keys.

        Raises:
            KeyRefusedError: it would send an OpenAI key to StepFun and there is no StepFun key to replace it.
        """
        url = str(request.url)
        trusted = self.trusts(url)
        if trusted or host_kind(url) == "stepfun":
            raw: list[tuple[bytes, bytes]] = request.headers.raw
            names = [name.lower() for name, _ in raw]
            for name in self.headers_to_strip(url):
                if name.encode() in names:
                    del request.headers[name]
            if self.pinned_key is not None or names.count(b"authorization") > 1 or _suspicious(raw, url):
                self._answer_for(request, own)
            if "api-version" in url and b"api-version" in request.url.query:
                request.url = request.url.copy_remove_param("api-version")  # Azure's
        if not trusted:
            strip_keys(request, own, "the StepFun key")

    def sanitize_redirect(
        self, request: Any, came_from: Any, own: Collection[object], theirs: Collection[object]
    ) -> None:
        """Check a request that follows a redirect. `theirs` are the keys of another vendor's client, which are sent only to
        their own host."""
        if theirs and origin(str(request.url)) != origin(str(came_from.url)):
            strip_keys(request, theirs, "this client's key")
        self.sanitize_request(request, own)

    def _answer_for(self, request: Any, own: Collection[object]) -> None:
        values: list[str] = request.headers.get_list(_AUTHORIZATION)
        safe = [self.safe_authorization(value, own) for value in values]
        if safe != values or len(set(safe)) < len(safe):
            request.headers[_AUTHORIZATION] = safe[-1]
        _strip_found(request, self.contains_openai_key, "OpenAI's key")


def _suspicious(headers: list[tuple[bytes, bytes]], url: str) -> bool:
    """A fast check for nearly every request: nothing in it can be an OpenAI key."""
    texts = [text for _, text in headers]
    texts.append(url.encode())
    whole = b"\n".join(texts)
    lowered = whole.lower()
    for text in _SUSPICIOUS:
        if text in lowered:
            return True
    known = os.environ.get("OPENAI_API_KEY", "").strip()
    return bool(known) and known.encode("utf-8", "surrogateescape") in whole


def contains_any_key(keys: Iterable[str], text: object) -> bool:
    """Whether a text contains one of these keys; a short key, as in tests, counts only as a whole word."""
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    if not isinstance(text, str):
        return False
    return any(key in text if len(key) >= _MIN_KEY_LENGTH else key in text.split() for key in keys)


def _decoded(value: str) -> str:
    """Return a header's or query's text with its decoded forms: a key may be in base64 or percent-encoded."""
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
    """Remove these keys from a request; `what` is their description for the log."""
    keys = [str(key) for key in own if key]
    _strip_found(request, lambda text: contains_any_key(keys, text), what)


def strip_openai_keys(request: Any) -> None:
    """Remove every OpenAI key from a request that a client without a guard redirects to StepFun."""
    known = [os.environ.get("OPENAI_API_KEY", "").strip() or "\0"]
    _strip_found(request, lambda text: looks_like_openai_key(text) or contains_any_key(known, text), "OpenAI's key")


def _strip_found(request: Any, found: Callable[[str], bool], what: str) -> None:
    """Remove every header, query parameter and user part that contains a key."""
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
    """Return the parameters of a URL without those that contain a key; None if none contains one."""
    if not url.query:
        return None
    pairs: list[tuple[str, str]] = url.params.multi_items()
    kept = [pair for pair in pairs if not any(found(_decoded(text)) for text in pair)]
    return kept if len(kept) < len(pairs) else None
