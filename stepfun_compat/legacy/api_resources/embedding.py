"""`openai.Embedding`."""

from __future__ import annotations

import base64
import sys
from array import array
from typing import Any

from typing_extensions import override

from .._pairs import Flow, awaited, method, step
from .abstract.engine_api_resource import EngineAPIResource


class Embedding(EngineAPIResource):
    """Embeddings: `create(model=…, input=…)`. StepFun has none; `Settings.fallback` sets another provider."""

    OBJECT_NAME = "embeddings"

    @override
    @classmethod
    @method
    def create(cls, *args: Any, **kwargs: Any) -> Flow[Any]:
        """Embed texts. Vectors are sent as base64 unless `encoding_format` is given, and returned as floats."""
        wanted = kwargs.get("encoding_format")
        response = yield step(super(), "create", *args, **{**kwargs, "encoding_format": wanted or "base64"})
        return response if wanted else _decoded(response)

    acreate = awaited(create)


def _decoded(response: Any) -> Any:
    """Decode base64 vectors to floats; a server that ignores the format already sends floats."""
    for row in response.data:
        if isinstance(row["embedding"], str):
            vector = array("f", base64.b64decode(row["embedding"]))
            if sys.byteorder == "big":
                vector.byteswap()
            row["embedding"] = vector.tolist()
    return response
