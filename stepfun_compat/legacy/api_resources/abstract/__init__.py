"""Base classes of the resources."""

from __future__ import annotations

from .api_resource import APIResource
from .createable_api_resource import CreateableAPIResource
from .deletable_api_resource import DeletableAPIResource
from .listable_api_resource import ListableAPIResource
from .nested_resource_class_methods import nested_resource_class_methods
from .paginatable_api_resource import PaginatableAPIResource
from .updateable_api_resource import UpdateableAPIResource

__all__ = [
    "APIResource",
    "CreateableAPIResource",
    "DeletableAPIResource",
    "ListableAPIResource",
    "PaginatableAPIResource",
    "UpdateableAPIResource",
    "nested_resource_class_methods",
]
