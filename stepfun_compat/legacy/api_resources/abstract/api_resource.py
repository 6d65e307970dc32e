"""Resources that can be retrieved by id."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_plus

from typing_extensions import Self

from ... import api_requestor, error, util
from ..._config import config
from ..._pairs import Flow, awaited, method, step
from ...openai_object import OpenAIObject
from ...util import ApiType


class APIResource(OpenAIObject):
    """The base class of the resources. `OBJECT_NAME` is the path below the base URL, with dots instead of slashes."""

    OBJECT_NAME: str
    api_prefix = ""
    azure_api_prefix = "openai"
    azure_deployments_prefix = "deployments"

    @classmethod
    @method
    def retrieve(
        cls, id: Any, api_key: Any = None, request_id: Any = None, request_timeout: Any = None, **params: Any
    ) -> Flow[Self]:
        """Return the object with this id."""
        instance = cls(id=id, api_key=api_key, **params)
        return (yield step(instance, "refresh", request_id=request_id, request_timeout=request_timeout))

    aretrieve = awaited(retrieve, coroutine_function=False)

    @method
    def refresh(self, request_id: Any = None, request_timeout: Any = None) -> Flow[Self]:
        """Request this object again and update it."""
        url = self.instance_url()
        fields = yield step(self, "request", "get", url, request_id=request_id, request_timeout=request_timeout)
        self.refresh_from(fields)
        return self

    arefresh = awaited(refresh)

    @classmethod
    def class_url(cls) -> str:
        """Return the URL of the class, relative to the base URL."""
        if cls is APIResource:
            raise NotImplementedError("APIResource has no URL: use one of its subclasses.")
        base = cls.OBJECT_NAME.replace(".", "/")
        return f"/{cls.api_prefix}/{base}" if cls.api_prefix else f"/{base}"

    def instance_url(self, operation: str | None = None) -> str:
        """Return the URL of this object, relative to the base URL.

        Raises:
            InvalidRequestError: its id is not a string.
        """
        id_ = self._id()
        if self.typed_api_type is ApiType.OPEN_AI:
            return f"{self.class_url()}/{id_}"
        path = f"{self.azure_deployments_prefix}/{id_}/{operation}" if operation else f"{self.class_url()[1:]}/{id_}"
        return self._azure_url(path, self.api_version or config().api_version)

    def _id(self) -> str:
        id_: Any = self.get("id")
        if not isinstance(id_, str):
            raise error.InvalidRequestError(
                f"{type(self).__name__} has the invalid id {id_!r}: an id must be a string.", "id"
            )
        return quote_plus(id_)

    @classmethod
    def _azure_url(cls, path: str, api_version: Any) -> str:
        url = f"/{cls.azure_api_prefix}/{path}"
        return f"{url}?api-version={api_version}" if api_version else url

    @classmethod
    def _url(cls, api_type: Any, api_version: Any, tail: str = "") -> str:
        """Return the URL of the class or of a subpath, in the format of the API type."""
        kind, version = cls._get_api_type_and_version(api_type, api_version)
        path = cls.class_url() + tail
        return path if kind is ApiType.OPEN_AI else cls._azure_url(path[1:], version)

    @classmethod
    def _get_api_type_and_version(cls, api_type: Any = None, api_version: Any = None) -> tuple[ApiType, Any]:
        return ApiType.from_str(api_type or config().api_type), api_version or config().api_version

    @classmethod
    @method
    def _static_request(
        cls,
        method_: str,
        url_: str,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        request_id: Any = None,
        api_version: Any = None,
        organization: Any = None,
        **params: Any,
    ) -> Flow[Any]:
        requestor = api_requestor.APIRequestor(api_key, api_base, api_type, api_version, organization)
        response, _, key = yield step(requestor, "request", method_, url_, params, request_id=request_id)
        return (yield step(_Result, "of", response, key, api_version, organization))

    _astatic_request = awaited(_static_request)


class _Result:
    @staticmethod
    def of(response: Any, *made_with: Any) -> Any:
        return util.convert_to_openai_object(response, *made_with)

    @staticmethod
    def aof(response: Any, *_: Any) -> Any:
        return response  # openai 0.28 returns a response here instead of an object, and programs read its `data`
