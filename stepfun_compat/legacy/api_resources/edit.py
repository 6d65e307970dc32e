"""`openai.Edit`."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from .. import error
from ..util import ApiType
from .abstract.engine_api_resource import EngineAPIResource


class Edit(EngineAPIResource):
    """Edits: `create(model=…, input=…, instruction=…)`. StepFun has none."""

    OBJECT_NAME = "edits"

    @override
    @classmethod
    def create(cls, *args: Any, **kwargs: Any) -> Any:
        """Change a text.

        Raises:
            InvalidAPIType: Azure never had this.
        """
        cls._not_azure(kwargs)
        return super().create(*args, **kwargs)

    @override
    @classmethod
    async def acreate(cls, *args: Any, **kwargs: Any) -> Any:
        """As `create`."""
        cls._not_azure(kwargs)
        return await super().acreate(*args, **kwargs)

    @classmethod
    def _not_azure(cls, kwargs: dict[str, Any]) -> None:
        if cls._get_api_type_and_version(kwargs.get("api_type"))[0] is not ApiType.OPEN_AI:
            raise error.InvalidAPIType("api_type 'azure' has no edits.")
