"""`openai.Embedding`."""

from __future__ import annotations

import base64
import sys
from array import array
from typing import Any

from typing_extensions import override

from .abstract.engine_api_resource import EngineAPIResource


class Embedding(EngineAPIResource):
    """Embeddings: `create(model=…, input=…)`. StepFun has none; `Settings.fallback` names who has."""

    OBJECT_NAME = "embeddings"

    @override
    @classmethod
    def create(cls, *args: Any, **kwargs: Any) -> Any:
        """Embed texts. Vectors travel as base64 unless `encoding_format` says otherwise, and come back as floats."""
        asked = kwargs.get("encoding_format")
        response = super().create(*args, **{**kwargs, "encoding_format": asked or "base64"})
        return response if asked else _decoded(response)

    @override
    @classmethod
    async def acreate(cls, *args: Any, **kwargs: Any) -> Any:
        """As `create`."""
        asked = kwargs.get("encoding_format")
        response = await super().acreate(*args, **{**kwargs, "encoding_format": asked or "base64"})
        return response if asked else _decoded(response)


def _decoded(response: Any) -> Any:
    """The same answer with floats for base64; a server that ignored the format has sent floats already."""
    for row in response.data:
        if isinstance(row["embedding"], str):
            vector = array("f", base64.b64decode(row["embedding"]))
            if sys.byteorder == "big":
                vector.byteswap()
            row["embedding"] = vector.tolist()
    return response
