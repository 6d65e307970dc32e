"""`openai.ChatCompletion`."""

from __future__ import annotations

from .abstract.engine_api_resource import EngineAPIResource


class ChatCompletion(EngineAPIResource):
    """Chat: `create(model=…, messages=[…])`."""

    engine_required = False
    OBJECT_NAME = "chat.completions"
