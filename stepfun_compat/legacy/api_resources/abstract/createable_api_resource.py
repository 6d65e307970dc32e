"""Resources that are created by a POST to their class's URL."""

from __future__ import annotations

from typing import Any

from ... import api_requestor, util
from .api_resource import APIResource


class CreateableAPIResource(APIResource):
    """`create` and `acreate`; what is not configuration is the body."""

    plain_old_data = False

    @classmethod
    def create(
        cls,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        request_id: Any = None,
        api_version: Any = None,
        organization: Any = None,
        **params: Any,
    ) -> Any:
        """Make one."""
        requestor = api_requestor.APIRequestor(api_key, api_base, api_type, api_version, organization)
        response, _, key = requestor.request("post", cls._url(api_type, api_version), params, request_id=request_id)
        return util.convert_to_openai_object(
            response, key, api_version, organization, plain_old_data=cls.plain_old_data
        )

    @classmethod
    async def acreate(
        cls,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        request_id: Any = None,
        api_version: Any = None,
        organization: Any = None,
        **params: Any,
    ) -> Any:
        """As `create`."""
        requestor = api_requestor.APIRequestor(api_key, api_base, api_type, api_version, organization)
        response, _, key = await requestor.arequest(
            "post", cls._url(api_type, api_version), params, request_id=request_id
        )
        return util.convert_to_openai_object(
            response, key, api_version, organization, plain_old_data=cls.plain_old_data
        )
