"""`openai.Edit`."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from .. import error
from .._pairs import Flow, awaited, method, step
from ..util import ApiType
from .abstract.engine_api_resource import EngineAPIResource


class Edit(EngineAPIResource):
    """Edits: `create(model=…, input=…, instruction=…)`. StepFun has no such endpoint."""

    OBJECT_NAME = "edits"

    @override
    @classmethod
    @method
    def create(cls, *args: Any, **kwargs: Any) -> Flow[Any]:
        """Edit a text.

        Raises:
            InvalidAPIType: the API type is Azure's, which has no edits.
        """
        cls._not_azure(kwargs)
        return (yield step(super(), "create", *args, **kwargs))

    acreate = awaited(create)

    @classmethod
    def _not_azure(cls, kwargs: dict[str, Any]) -> None:
        if cls._get_api_type_and_version(kwargs.get("api_type"))[0] is not ApiType.OPEN_AI:
            raise error.InvalidAPIType("api_type 'azure' has no edits.")
