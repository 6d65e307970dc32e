"""The responses of openai<1.0: dicts whose items are also attributes."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any, cast

from typing_extensions import Self, override

from . import util
from ._config import config
from ._pairs import Flow, awaited, method, step

_OWN = ("api_key", "api_version", "api_type", "organization", "api_base_override", "engine")


class OpenAIObject(dict[str, Any]):
    """A dict; `obj.name` is `obj["name"]`. Data of the call (`api_key`, `engine`, `response_ms`, …) is kept outside the
    items."""

    api_base_override: Any = None

    def __init__(
        self,
        id: Any = None,
        api_key: Any = None,
        api_version: Any = None,
        api_type: Any = None,
        organization: Any = None,
        response_ms: Any = None,
        api_base: Any = None,
        engine: Any = None,
        **params: Any,
    ) -> None:
        super().__init__()
        if response_ms is not None and not isinstance(response_ms, int):
            raise TypeError(f"response_ms must be an int, not {type(response_ms).__name__}.")
        self._response_ms = response_ms
        self._retrieve_params = params
        for name, value in zip(_OWN, (api_key, api_version, api_type, organization, api_base, engine), strict=True):
            object.__setattr__(self, name, value)
        if id:
            self["id"] = id

    # ------------------------------------------------------------ items and attributes

    @property
    def response_ms(self) -> int | None:
        """The server's processing time in milliseconds, if it reported one."""
        return self._response_ms

    @override
    def __setattr__(self, name: str, value: Any) -> None:
        if name[0] == "_" or name in self.__dict__:
            super().__setattr__(name, value)
        else:
            self[name] = value

    def __getattr__(self, name: str) -> Any:
        if name[0] == "_":
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError as missing:
            raise AttributeError(*missing.args) from missing

    @override
    def __delattr__(self, name: str) -> None:
        if name[0] == "_" or name in self.__dict__:
            super().__delattr__(name)
        else:
            del self[name]

    @override
    def __setitem__(self, name: str, value: Any) -> None:
        if isinstance(value, str) and value == "":
            raise ValueError(
                f"{name!r} cannot be an empty string, which means None in requests. Set it to None instead."
            )
        super().__setitem__(name, value)

    @override
    def __delitem__(self, name: str) -> None:
        raise NotImplementedError("items cannot be deleted; set them to None")

    # ------------------------------------------------------------ construction

    @classmethod
    def construct_from(
        cls,
        values: Mapping[str, Any],
        api_key: Any = None,
        api_version: Any = None,
        organization: Any = None,
        engine: Any = None,
        response_ms: int | None = None,
    ) -> Self:
        """Create an object from parsed JSON; nested dicts become objects as well."""
        instance = cls(
            values.get("id"),
            api_key=api_key,
            api_version=api_version,
            organization=organization,
            engine=engine,
            response_ms=response_ms,
        )
        instance.refresh_from(
            values, api_key=api_key, api_version=api_version, organization=organization, response_ms=response_ms
        )
        return instance

    def refresh_from(
        self,
        values: Mapping[str, Any],
        api_key: Any = None,
        api_version: Any = None,
        api_type: Any = None,
        organization: Any = None,
        response_ms: int | None = None,
    ) -> None:
        """Replace all items."""
        self.api_key = api_key or getattr(values, "api_key", None)
        self.api_version = api_version or getattr(values, "api_version", None)
        self.api_type = api_type or getattr(values, "api_type", None)
        self.organization = organization or getattr(values, "organization", None)
        self._response_ms = response_ms or getattr(values, "_response_ms", None)
        self.clear()
        for name, value in values.items():
            super().__setitem__(name, util.convert_to_openai_object(value, api_key, api_version, organization))
        self._previous = values

    # ------------------------------------------------------------ requests

    @classmethod
    def api_base(cls) -> Any:
        """Return the base URL of this class, or None for the module's base URL."""
        return None

    def _requestor(self) -> Any:
        from .api_requestor import APIRequestor

        return APIRequestor(
            key=self.api_key,
            api_base=self.api_base_override or self.api_base(),
            api_type=self.api_type,
            api_version=self.api_version,
            organization=self.organization,
        )

    @method
    def request(
        self,
        method: str,
        url: str,
        params: Any = None,
        headers: Any = None,
        stream: Any = False,
        plain_old_data: bool = False,
        request_id: Any = None,
        request_timeout: Any = None,
    ) -> Flow[Any]:
        """Send a request with this object's key. Returns an object, or a generator of objects."""
        response, streamed, key = yield step(
            self._requestor(),
            "request",
            method,
            url,
            params=self._retrieve_params if params is None else params,
            headers=headers,
            stream=stream,
            request_id=request_id,
            request_timeout=request_timeout,
        )
        made_with = (key, self.api_version, self.organization)
        if streamed:
            return (yield step(util, "convert_stream", response, *made_with, plain_old_data=plain_old_data))
        return util.convert_to_openai_object(response, *made_with, plain_old_data=plain_old_data)

    arequest = awaited(request)

    # ------------------------------------------------------------ plain data, copies, pickles

    @override
    def __repr__(self) -> str:
        parts = [type(self).__name__]
        kind, id_ = self.get("object"), self.get("id")
        if isinstance(kind, str):
            parts.append(kind)
        if isinstance(id_, str):
            parts.append(f"id={id_}")
        return f"<{' '.join(parts)} at {hex(id(self))}> JSON: {self}"

    @override
    def __str__(self) -> str:
        return json.dumps(self.to_dict_recursive(), indent=2)

    def to_dict(self) -> dict[str, Any]:
        """Return a plain dict; nested objects stay objects."""
        return dict(self)

    def to_dict_recursive(self) -> dict[str, Any]:
        """Return a plain dict, converting nested objects as well."""

        def plain(value: Any) -> Any:
            if isinstance(value, OpenAIObject):
                return value.to_dict_recursive()
            if isinstance(value, list):
                items = cast("list[Any]", value)
                return [item.to_dict_recursive() if isinstance(item, OpenAIObject) else item for item in items]
            return value

        return {name: plain(value) for name, value in self.items()}

    @property
    def openai_id(self) -> Any:
        """The item `id`."""
        return self.id

    @property
    def typed_api_type(self) -> util.ApiType:
        """This object's API type, or the module's."""
        return util.ApiType.from_str(self.api_type or config().api_type)

    @override
    def __reduce__(self) -> tuple[Any, ...]:
        made_of = (self.get("id"), self.api_key, self.api_version, self.api_type, self.organization)
        return type(self), made_of, dict(self)

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.update(state)  # not item by item: responses may contain empty strings

    def __copy__(self) -> OpenAIObject:
        copied = OpenAIObject(
            self.get("id"),
            self.api_key,
            api_version=self.api_version,
            api_type=self.api_type,
            organization=self.organization,
        )
        copied._retrieve_params = self._retrieve_params
        copied.update(self)
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> OpenAIObject:
        copied = self.__copy__()
        memo[id(self)] = copied
        copied.update({name: copy.deepcopy(value, memo) for name, value in self.items()})
        return copied
