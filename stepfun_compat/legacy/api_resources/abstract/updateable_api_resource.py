"""Resources that can be changed by their id."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any
from urllib.parse import quote_plus

from .api_resource import APIResource


class UpdateableAPIResource(APIResource):
    """`modify` and `amodify`."""

    @classmethod
    def modify(cls, sid: str, **params: Any) -> Any:
        """Change the object with this id."""
        return cls._static_request("post", f"{cls.class_url()}/{quote_plus(sid)}", **params)

    @classmethod
    def amodify(cls, sid: str, **params: Any) -> Awaitable[Any]:
        """As `modify`, but an `OpenAIResponse`."""
        return cls._astatic_request("post", f"{cls.class_url()}/{quote_plus(sid)}", **params)
