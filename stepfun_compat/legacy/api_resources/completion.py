"""`openai.Completion`."""

from __future__ import annotations

from .abstract.engine_api_resource import EngineAPIResource


class Completion(EngineAPIResource):
    """Text: `create(model=…, prompt=…)`."""

    OBJECT_NAME = "completions"
