"""`openai.Image`."""

from __future__ import annotations

from typing import Any

from .. import api_requestor, error, util
from .._pairs import Flow, awaited, method, step
from ..util import ApiType
from .abstract import APIResource

_FORM = "application/octet-stream"


class Image(APIResource):
    """Images: `create(prompt=…)`, `create_edit(image, …)`, `create_variation(image)`."""

    OBJECT_NAME = "images"

    @classmethod
    def _post(
        cls,
        action: str,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
        **params: Any,
    ) -> tuple[Any, tuple[str, str, Any], tuple[Any, Any]]:
        """Return (requestor, arguments of the request, arguments of the object created from the response)."""
        requestor = api_requestor.APIRequestor(api_key, api_base, api_type, api_version, organization)
        kind, version = cls._get_api_type_and_version(api_type, api_version)
        path = f"{cls.class_url()}/{action}"
        if kind is not ApiType.OPEN_AI and action == "generations":
            path = cls._azure_url(f"{path[1:]}:submit", version)
        return requestor, ("post", path, params), (api_version, organization)

    @classmethod
    @method
    def create(
        cls,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
        **params: Any,
    ) -> Flow[Any]:
        """Generate images."""
        requestor, request, made = cls._post(
            "generations", api_key, api_base, api_type, api_version, organization, **params
        )
        response, _, key = yield step(requestor, "request", *request)
        return util.convert_to_openai_object(response, key, *made)

    acreate = awaited(create)

    @classmethod
    def _form(cls, image: Any, mask: Any, api_type: Any, what: str, params: dict[str, Any]) -> list[tuple[str, Any]]:
        if cls._get_api_type_and_version(api_type)[0] is not ApiType.OPEN_AI:
            raise error.InvalidAPIType(f"api_type 'azure' has no {what}.")
        files: list[tuple[str, Any]] = [(name, (None, value)) for name, value in params.items()]
        files.append(("image", ("image", image, _FORM)))
        return files if mask is None else [*files, ("mask", ("mask", mask, _FORM))]

    @classmethod
    @method
    def create_variation(
        cls,
        image: Any,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
        **params: Any,
    ) -> Flow[Any]:
        """Create variations of an image."""
        files = cls._form(image, None, api_type, "variations", params)
        requestor, request, made = cls._post("variations", api_key, api_base, api_type, api_version, organization)
        response, _, key = yield step(requestor, "request", *request, files=files)
        return util.convert_to_openai_object(response, key, *made)

    acreate_variation = awaited(create_variation)

    @classmethod
    @method
    def create_edit(
        cls,
        image: Any,
        mask: Any = None,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
        **params: Any,
    ) -> Flow[Any]:
        """Edit an image."""
        files = cls._form(image, mask, api_type, "image edits", params)
        requestor, request, made = cls._post("edits", api_key, api_base, api_type, api_version, organization)
        response, _, key = yield step(requestor, "request", *request, files=files)
        return util.convert_to_openai_object(response, key, *made)

    acreate_edit = awaited(create_edit)
