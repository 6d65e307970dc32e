"""Completion configs, which stayed experimental."""

from __future__ import annotations

from ..abstract import CreateableAPIResource, DeletableAPIResource, ListableAPIResource


class CompletionConfig(CreateableAPIResource, ListableAPIResource, DeletableAPIResource):
    """Completion configs. StepFun has none."""

    OBJECT_NAME = "experimental.completion_configs"
