"""Resources that are created with a POST to the URL of their class."""

from __future__ import annotations

from typing import Any

from ... import api_requestor, util
from ..._pairs import Flow, awaited, method, step
from .api_resource import APIResource


class CreateableAPIResource(APIResource):
    """Resources with `create` and `acreate`; all other keyword arguments form the body."""

    plain_old_data = False

    @classmethod
    @method
    def create(
        cls,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        request_id: Any = None,
        api_version: Any = None,
        organization: Any = None,
        **params: Any,
    ) -> Flow[Any]:
        """Create an object."""
        requestor = api_requestor.APIRequestor(api_key, api_base, api_type, api_version, organization)
        url = cls._url(api_type, api_version)
        response, _, key = yield step(requestor, "request", "post", url, params, request_id=request_id)
        return util.convert_to_openai_object(
            response, key, api_version, organization, plain_old_data=cls.plain_old_data
        )

    acreate = awaited(create)
