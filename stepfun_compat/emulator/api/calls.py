"""The types of an authorized request and of an endpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from ..config import EmulatorConfig
from ..json_values import Object, as_object, is_object
from ..state import Engine, RecordedRequest
from . import errors
from .answers import Answer

Channel = Literal["standard", "plan"]


@dataclass(frozen=True)
class Call:
    """One authorized request, as passed to an endpoint."""

    engine: Engine
    request: RecordedRequest
    path: Mapping[str, str]
    """The values of the path's placeholders."""
    channel: Channel
    key: str

    @property
    def config(self) -> EmulatorConfig:
        return self.engine.config

    def object(self) -> Object:
        """Return the JSON object in the body, or raise a 400."""
        if not is_object(self.request.json):
            raise errors.invalid("Request body is not a valid JSON object")
        return as_object(self.request.json)


@dataclass(frozen=True)
class Endpoint:
    """A method and a path below /v1. A `metered` endpoint costs money: plan, balance and limits apply."""

    method: str
    path: str
    handle: Callable[[Call], Answer]
    standard: bool = True
    plan: bool = False
    metered: bool = False
