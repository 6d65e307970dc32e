"""`openai.Moderation`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from typing_extensions import Self

from .._pairs import Flow, awaited, method, step
from ..openai_object import OpenAIObject


class Moderation(OpenAIObject):
    """Moderation: `create(input=…)`. StepFun has no such endpoint; `Settings.fallback` sets another provider."""

    VALID_MODEL_NAMES: Sequence[str] = ["text-moderation-stable", "text-moderation-latest"]

    @classmethod
    def get_url(cls) -> str:
        """Return the URL, relative to the base URL."""
        return "/moderations"

    @classmethod
    def _prepare_create(cls, input: Any, model: Any, api_key: Any) -> tuple[Self, dict[str, Any]]:
        if model is not None and model not in cls.VALID_MODEL_NAMES:
            raise ValueError(f"model={model!r} is not one of {', '.join(cls.VALID_MODEL_NAMES)}.")
        params = {"input": input} if model is None else {"input": input, "model": model}
        return cls(api_key=api_key), params

    @classmethod
    @method
    def create(cls, input: Any, model: Any = None, api_key: Any = None) -> Flow[Any]:
        """Classify one or several texts.

        Raises:
            ValueError: the model is not a moderation model.
        """
        instance, params = cls._prepare_create(input, model, api_key)
        return (yield step(instance, "request", "post", cls.get_url(), params))

    acreate = awaited(create, coroutine_function=False)
