"""`openai.Deployment`: Azure's deployments, which StepFun does not have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from .._pairs import Flow, awaited, method, step
from ..error import APIError, InvalidRequestError
from ..util import ApiType
from .abstract import CreateableAPIResource, DeletableAPIResource, ListableAPIResource


class Deployment(CreateableAPIResource, ListableAPIResource, DeletableAPIResource):
    """Deployments. Their names are passed as `engine` or `deployment_id` and used as model names."""

    OBJECT_NAME = "deployments"

    @classmethod
    def _only_azure(cls, kwargs: Mapping[str, Any]) -> None:
        if cls._get_api_type_and_version(kwargs.get("api_type"))[0] is ApiType.OPEN_AI:
            raise APIError("Only api_type 'azure' has deployments.")

    @classmethod
    def _check_create(cls, kwargs: Mapping[str, Any]) -> None:
        cls._only_azure(kwargs)
        for name in ("model", "scale_settings"):
            if kwargs.get(name) is None:
                raise InvalidRequestError(f"Deployment.create needs {name!r}.", param=name)
        scale: Mapping[str, Any] = kwargs["scale_settings"]
        kind = scale.get("scale_type")
        if kind is None or (kind.lower() == "manual" and "capacity" not in scale):
            raise InvalidRequestError(
                "scale_settings needs 'scale_type', and 'capacity' if that is 'manual'.", param="scale_settings"
            )

    @override
    @classmethod
    @method
    def create(cls, *args: Any, **kwargs: Any) -> Flow[Any]:
        """Deploy a model.

        Raises:
            APIError: the API type is not Azure's.
            InvalidRequestError: `model` or `scale_settings` is missing or incomplete, or the server has no deployments.
        """
        cls._check_create(kwargs)
        return (yield step(super(), "create", *args, **kwargs))

    acreate = awaited(create, coroutine_function=False)

    @override
    @classmethod
    @method
    def list(cls, *args: Any, **kwargs: Any) -> Flow[Any]:
        """List the deployments."""
        cls._only_azure(kwargs)
        return (yield step(super(), "list", *args, **kwargs))

    alist = awaited(list, coroutine_function=False)

    @override
    @classmethod
    @method
    def delete(cls, *args: Any, **kwargs: Any) -> Flow[Any]:
        """Delete a deployment."""
        cls._only_azure(kwargs)
        return (yield step(super(), "delete", *args, **kwargs))

    adelete = awaited(delete, coroutine_function=False)

    @override
    @classmethod
    @method
    def retrieve(cls, *args: Any, **kwargs: Any) -> Flow[Any]:
        """Return one deployment."""
        cls._only_azure(kwargs)
        return (yield step(super(), "retrieve", *args, **kwargs))

    aretrieve = awaited(retrieve, coroutine_function=False)
