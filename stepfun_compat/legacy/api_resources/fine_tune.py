"""`openai.FineTune`, the first of the two."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_plus

from .. import api_requestor, util
from .abstract import (
    CreateableAPIResource,
    DeletableAPIResource,
    ListableAPIResource,
    nested_resource_class_methods,
)
from .fine_tuning import Cancellable


@nested_resource_class_methods("event", operations=["list"])
class FineTune(Cancellable, ListableAPIResource, CreateableAPIResource, DeletableAPIResource):
    """Fine-tunes. StepFun has none."""

    OBJECT_NAME = "fine-tunes"

    @classmethod
    def stream_events(
        cls,
        id: str,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        request_id: Any = None,
        api_version: Any = None,
        organization: Any = None,
        **params: Any,
    ) -> Any:
        """The events of a fine-tune as they happen."""
        requestor = api_requestor.APIRequestor(api_key, api_base, api_type, api_version, organization)
        url = cls._url(api_type, api_version, f"/{quote_plus(id)}/events")
        response, _, key = requestor.request(
            "get", url, {**params, "stream": "true"}, stream=True, request_id=request_id
        )
        return util.convert_stream(response, key, api_version, organization)

    @classmethod
    async def astream_events(
        cls,
        id: str,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        request_id: Any = None,
        api_version: Any = None,
        organization: Any = None,
        **params: Any,
    ) -> Any:
        """As `stream_events`."""
        requestor = api_requestor.APIRequestor(api_key, api_base, api_type, api_version, organization)
        url = cls._url(api_type, api_version, f"/{quote_plus(id)}/events")
        response, _, key = await requestor.arequest(
            "get", url, {**params, "stream": "true"}, stream=True, request_id=request_id
        )
        return util.aconvert_stream(response, key, api_version, organization)
