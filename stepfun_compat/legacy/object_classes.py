"""The class for an object in a response, by its `object` field."""

from __future__ import annotations

from typing import Any

from . import api_resources
from .api_resources.experimental import CompletionConfig

OBJECT_CLASSES: dict[str, Any] = {
    "engine": api_resources.Engine,
    "experimental.completion_config": CompletionConfig,
    "file": api_resources.File,
    "fine-tune": api_resources.FineTune,
    "model": api_resources.Model,
    "deployment": api_resources.Deployment,
    "fine_tuning.job": api_resources.FineTuningJob,
}
