"""A server that redirects, and the text of a request in which a key could appear."""

from __future__ import annotations

from typing import Any

import httpx

from tests.support.key_places import readable
from tests.support.wire import completion


class Redirecting:
    """Answers the first requests with redirects, and records all requests."""

    def __init__(self, status: int, *targets: str) -> None:
        self.status = status
        self.targets = iter(targets)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        target = next(self.targets, None)
        if target is not None:
            return httpx.Response(self.status, headers=[(b"location", target.encode())])
        return httpx.Response(200, json=completion())

    def http_client(self, later: bool, **more: Any) -> Any:
        made = httpx.AsyncClient if later else httpx.Client
        return made(transport=httpx.MockTransport(self), follow_redirects=True, **more)


def visible_text(request: httpx.Request) -> str:
    """Return every part of a request in which a key could appear."""
    values = [value for _, value in request.headers.multi_items()]
    query = [text for pair in request.url.params.multi_items() for text in pair]
    return readable([str(request.url), request.url.userinfo.decode(), *values, *query])
