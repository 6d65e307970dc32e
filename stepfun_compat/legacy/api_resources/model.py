"""`openai.Model`."""

from __future__ import annotations

from .abstract import DeletableAPIResource, ListableAPIResource


class Model(ListableAPIResource, DeletableAPIResource):
    """Models: `list()`, `retrieve(id)`."""

    OBJECT_NAME = "models"
