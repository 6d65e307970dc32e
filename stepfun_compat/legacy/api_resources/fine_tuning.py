"""`openai.FineTuningJob`, the successor of `openai.FineTune`."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_plus

from .._pairs import Flow, awaited, method, step
from .abstract import (
    APIResource,
    CreateableAPIResource,
    DeletableAPIResource,
    PaginatableAPIResource,
    nested_resource_class_methods,
)


class Cancellable(APIResource):
    """Resources with `cancel` and `acancel`."""

    @classmethod
    @method
    def cancel(
        cls,
        id: str,
        api_key: Any = None,
        api_type: Any = None,
        request_id: Any = None,
        api_version: Any = None,
        **params: Any,
    ) -> Flow[Any]:
        """Stop a job."""
        url = cls._url(api_type, api_version, f"/{quote_plus(id)}/cancel")
        return (yield step(cls(id, api_key, **params), "request", "post", url, request_id=request_id))

    acancel = awaited(cancel, coroutine_function=False)


@nested_resource_class_methods("event", operations=["paginated_list"])
class FineTuningJob(Cancellable, PaginatableAPIResource, CreateableAPIResource, DeletableAPIResource):
    """Fine-tuning jobs. StepFun has no such endpoint; `Settings.fallback` sets another provider."""

    OBJECT_NAME = "fine_tuning.jobs"
