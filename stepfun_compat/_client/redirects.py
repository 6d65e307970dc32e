"""Redirects: every hop is checked like a separate request.

The HTTP library follows redirects below the SDK's hooks and sends every header except `Authorization` to the other
host. Its `auth` runs above that: with redirects disabled, it receives each redirect together with the request to send
next, which is checked and sent from here. The settings of the caller's HTTP client are not changed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from functools import lru_cache, partial
from typing import Any

from openai._models import FinalRequestOptions

from .context import ClientContext
from .credentials import look_at_hop

_FOLLOW = "stepfun_compat.follow_redirects"
_LOOK = "stepfun_compat.look"
_SENDER = "stepfun_compat.sender"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HOLDS = "follow_redirects" in FinalRequestOptions.model_fields
"""Whether the SDK's options can disable redirects; otherwise an event hook checks each hop."""


def hold_back(options: Any) -> None:
    """Make the HTTP library return redirects, in the SDK's own copy of the options, once per attempt."""
    if _HOLDS and _FOLLOW not in options.__dict__:
        options.__dict__[_FOLLOW] = options.follow_redirects
        options.__dict__["follow_redirects"] = False


def mark(context: ClientContext, request: Any, options: Any) -> None:
    """Attach to a request what its auth, and a transport that adds to it, use to check what is sent."""
    request.extensions[_SENDER] = _Look(context)
    if _HOLDS:
        request.extensions[_FOLLOW] = options.__dict__.get(_FOLLOW)
    else:
        look_at_hops(request, context.client._client, partial(_look_at_hop_only, context))


class _Look:
    """Check a request that a transport is about to send. Unlike a `partial`, its repr hides the client."""

    __slots__ = ("context",)

    def __init__(self, context: ClientContext) -> None:
        self.context = context

    def __call__(self, made: Any) -> None:
        look_at_hop(self.context, made)


def _look_at_hop_only(context: ClientContext, request: Any, came_from: Any) -> None:
    """Check the request of a redirect; the SDK's hooks have checked the first request."""
    if came_from is not None:
        look_at_hop(context, request, came_from)


def check_replacement(request: Any, made: Any) -> None:
    """Check `made`, a request that a transport is about to send in place of the SDK's `request`."""
    look = request.extensions.get(_SENDER)
    if look is not None:
        look(made)


def auth(context: ClientContext, inner: Any) -> Any:
    """Return the auth that signs a request after the SDK's hooks and follows redirects; `inner` is the SDK's own."""
    return _auth_class(context.http_module())(context, inner)


def signs(auth: Any, request: Any) -> bool:
    """Whether an `auth` changes its request before it is sent; False only for one that follows redirects and does nothing else."""
    inner = getattr(auth, "inner", None)
    return inner is None or inner(request) is not None


@lru_cache(maxsize=4)
def _auth_class(family: Any) -> Any:
    class Redirecting(family.Auth):
        def __init__(self, context: ClientContext, inner: Any) -> None:
            self.context = context
            self.given = inner

        def inner(self, request: Any) -> Any:
            """Return what signs the request: the SDK's auth, the HTTP client's, or the user and password of the URL."""
            found = self.given or getattr(self.context.client._client, "auth", None)
            if found is None and request.url.userinfo:
                return family.BasicAuth(request.url.username, request.url.password)
            return found

        def hop(self, response: Any, follow: bool | None) -> Any:
            """Return the request to send next; None if the response is the last."""
            if response.status_code not in _REDIRECTS or not response.has_redirect_location:
                return None
            http_client: Any = self.context.client._client
            if not (http_client.follow_redirects if follow is None else follow):
                return None
            sent = response.request
            request = response.next_request
            if request is None:  # an invalid location: the HTTP library reports it
                request = http_client._build_redirect_request(sent, response)
            look_at_hop(self.context, request, sent)
            return request

        def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:
            inner, follow = self.inner(request), request.extensions.get(_FOLLOW)
            flow = None if inner is None else inner.sync_auth_flow(request)
            try:
                sent = request if flow is None else next(flow)
                while True:
                    if flow is not None:
                        look_at_hop(self.context, sent)
                    response = yield sent
                    while (hop := self.hop(response, follow)) is not None:
                        response = yield hop
                    if flow is None:
                        return
                    sent = flow.send(response)
            except StopIteration:
                return
            finally:
                if flow is not None:
                    flow.close()

        async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
            inner, follow = self.inner(request), request.extensions.get(_FOLLOW)
            flow = None if inner is None else inner.async_auth_flow(request)
            try:
                sent = request if flow is None else await flow.__anext__()
                while True:
                    if flow is not None:
                        look_at_hop(self.context, sent)
                    response = yield sent
                    while (hop := self.hop(response, follow)) is not None:
                        response = yield hop
                    if flow is None:
                        return
                    sent = await flow.asend(response)
            except StopAsyncIteration:
                return
            finally:
                if flow is not None:
                    await flow.aclose()

    return Redirecting


# ---------------------------------------------------------------- redirects by an event hook


class _First:
    """The URL of a request before its redirects, which its repr does not show, and whether it was sent."""

    __slots__ = ("sent", "url")

    def __init__(self, url: Any) -> None:
        self.url = url
        self.sent = False


def look_at_hops(request: Any, http_client: Any, look: Callable[[Any, Any], None]) -> None:
    """Call `look` with this request, and with each redirect of it and its origin, in an event hook of the HTTP client
    that sends it. The hook ignores other requests."""
    request.extensions[_LOOK] = look, _First(request.url)
    hooks: Any = http_client._event_hooks["request"]
    hook = _look_later if hasattr(http_client, "aclose") else _look
    if hook not in hooks:
        hooks.append(hook)


def _look(request: Any) -> None:
    look, first = request.extensions.get(_LOOK, (None, None))
    if look is not None:
        look(request, first if first.sent else None)
        first.sent = True


async def _look_later(request: Any) -> None:
    _look(request)
