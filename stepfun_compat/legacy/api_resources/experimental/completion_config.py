"""Completion configs."""

from __future__ import annotations

from ..abstract import CreateableAPIResource, DeletableAPIResource, ListableAPIResource


class CompletionConfig(CreateableAPIResource, ListableAPIResource, DeletableAPIResource):
    """Completion configs. StepFun has no such endpoint."""

    OBJECT_NAME = "experimental.completion_configs"
