"""`openai.Engine`, the predecessor of `openai.Model`."""

from __future__ import annotations

import warnings
from typing import Any

from .._pairs import Flow, awaited, method, step
from .abstract import ListableAPIResource, UpdateableAPIResource


class Engine(ListableAPIResource, UpdateableAPIResource):
    """Engines: StepFun's models."""

    OBJECT_NAME = "engines"

    @method
    def generate(self, timeout: Any = None, **params: Any) -> Flow[Any]:  # noqa: ARG002
        """Return a completion as plain data. StepFun has no such endpoint."""
        url = f"{self.instance_url()}/generate"
        return (yield step(self, "request", "post", url, params, None, params.get("stream"), True))

    agenerate = awaited(generate)

    def embeddings(self, **params: Any) -> Any:
        """Create embeddings with this engine. Deprecated: use `Embedding.create`."""
        warnings.warn("Engine.embeddings is deprecated: use Embedding.create.", DeprecationWarning, stacklevel=2)
        return self.request("post", f"{self.instance_url()}/embeddings", params)
