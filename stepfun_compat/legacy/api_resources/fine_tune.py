"""`openai.FineTune`, the first fine-tuning API."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_plus

from .. import api_requestor, util
from .._pairs import Flow, awaited, method, step
from .abstract import (
    CreateableAPIResource,
    DeletableAPIResource,
    ListableAPIResource,
    nested_resource_class_methods,
)
from .fine_tuning import Cancellable


@nested_resource_class_methods("event", operations=["list"])
class FineTune(Cancellable, ListableAPIResource, CreateableAPIResource, DeletableAPIResource):
    """Fine-tunes. StepFun has no such endpoint."""

    OBJECT_NAME = "fine-tunes"

    @classmethod
    @method
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
    ) -> Flow[Any]:
        """Stream the events of a fine-tune."""
        requestor = api_requestor.APIRequestor(api_key, api_base, api_type, api_version, organization)
        url = cls._url(api_type, api_version, f"/{quote_plus(id)}/events")
        response, _, key = yield step(
            requestor, "request", "get", url, {**params, "stream": "true"}, stream=True, request_id=request_id
        )
        return (yield step(util, "convert_stream", response, key, api_version, organization))

    astream_events = awaited(stream_events)
