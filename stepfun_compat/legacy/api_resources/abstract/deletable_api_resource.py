"""Resources that can be deleted by their id."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any
from urllib.parse import quote_plus

from .api_resource import APIResource


class DeletableAPIResource(APIResource):
    """`delete` and `adelete`."""

    @classmethod
    def delete(cls, sid: str, api_type: Any = None, api_version: Any = None, **params: Any) -> Any:
        """Delete the object with this id."""
        url = cls._url(api_type, api_version, f"/{quote_plus(sid)}")
        return cls._static_request("delete", url, api_type=api_type, api_version=api_version, **params)

    @classmethod
    def adelete(cls, sid: str, api_type: Any = None, api_version: Any = None, **params: Any) -> Awaitable[Any]:
        """As `delete`, but an `OpenAIResponse`."""
        url = cls._url(api_type, api_version, f"/{quote_plus(sid)}")
        return cls._astatic_request("delete", url, api_type=api_type, api_version=api_version, **params)
