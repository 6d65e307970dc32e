"""Resources that can be deleted by id."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_plus

from ..._pairs import Flow, awaited, method, step
from .api_resource import APIResource


class DeletableAPIResource(APIResource):
    """Resources with `delete` and `adelete`."""

    @classmethod
    @method
    def delete(cls, sid: str, api_type: Any = None, api_version: Any = None, **params: Any) -> Flow[Any]:
        """Delete the object with this id; `adelete` returns an `OpenAIResponse`."""
        url = cls._url(api_type, api_version, f"/{quote_plus(sid)}")
        return (yield step(cls, "_static_request", "delete", url, api_type=api_type, api_version=api_version, **params))

    adelete = awaited(delete, coroutine_function=False)
