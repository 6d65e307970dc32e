"""Resources that can be updated by id."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_plus

from ..._pairs import Flow, awaited, method, step
from .api_resource import APIResource


class UpdateableAPIResource(APIResource):
    """Resources with `modify` and `amodify`."""

    @classmethod
    @method
    def modify(cls, sid: str, **params: Any) -> Flow[Any]:
        """Update the object with this id; `amodify` returns an `OpenAIResponse`."""
        return (yield step(cls, "_static_request", "post", f"{cls.class_url()}/{quote_plus(sid)}", **params))

    amodify = awaited(modify, coroutine_function=False)
