"""`openai.Customer`."""

from __future__ import annotations

from typing import Any

from .._pairs import Flow, awaited, method, step
from ..openai_object import OpenAIObject


class Customer(OpenAIObject):
    """Requests on behalf of your own customers. StepFun has no such endpoint."""

    @classmethod
    def get_url(cls, customer: str, endpoint: str) -> str:
        """Return the URL, relative to the base URL."""
        return f"/customer/{customer}/{endpoint}"

    @classmethod
    @method
    def create(cls, customer: str, endpoint: str, **params: Any) -> Flow[Any]:
        """POST to one of the customer's endpoints."""
        return (yield step(cls(), "request", "post", cls.get_url(customer, endpoint), params))

    acreate = awaited(create, coroutine_function=False)
