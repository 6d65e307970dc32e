"""`openai.Customer`."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from ..openai_object import OpenAIObject


class Customer(OpenAIObject):
    """Requests on behalf of a customer of one's own. StepFun has none."""

    @classmethod
    def get_url(cls, customer: str, endpoint: str) -> str:
        """The URL below the base URL."""
        return f"/customer/{customer}/{endpoint}"

    @classmethod
    def create(cls, customer: str, endpoint: str, **params: Any) -> Any:
        """POST to one of the customer's endpoints."""
        return cls().request("post", cls.get_url(customer, endpoint), params)

    @classmethod
    def acreate(cls, customer: str, endpoint: str, **params: Any) -> Awaitable[Any]:
        """As `create`."""
        return cls().arequest("post", cls.get_url(customer, endpoint), params)
