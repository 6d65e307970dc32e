"""Resources that can be listed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ... import api_requestor, util
from ..._pairs import Flow, awaited, method, step
from .api_resource import APIResource


class ListableAPIResource(APIResource):
    """Resources with `list` and `alist`; all other keyword arguments form the query."""

    @classmethod
    def auto_paging_iter(cls, *args: Any, **params: Any) -> Iterator[Any]:
        """Iterate over the objects of the list."""
        yield from cls.list(*args, **params).data

    @classmethod
    @method
    def list(
        cls,
        api_key: Any = None,
        request_id: Any = None,
        api_version: Any = None,
        organization: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        **params: Any,
    ) -> Flow[Any]:
        """Return the list; its objects are in `data`."""
        requestor = api_requestor.APIRequestor(api_key, api_base or cls.api_base(), api_type, api_version, organization)
        url = cls._url(api_type, api_version)
        response, _, key = yield step(requestor, "request", "get", url, params, request_id=request_id)
        found = util.convert_to_openai_object(response, key, api_version, organization)
        found._retrieve_params = params
        return found

    alist = awaited(list)
