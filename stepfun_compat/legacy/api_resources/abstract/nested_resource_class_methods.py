"""Class methods for nested resources, such as the events of a fine-tuning job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import quote_plus

from ... import api_requestor, util
from ..._pairs import Flow, awaited, method, step

_T = TypeVar("_T", bound=type)

_METHODS = {"create": "post", "retrieve": "get", "update": "post", "delete": "delete", "list": "get"}


def nested_resource_class_methods(
    resource: str,
    path: str | None = None,
    operations: Sequence[str] | None = None,
    resource_plural: str | None = None,
) -> Callable[[_T], _T]:
    """Return a class decorator that adds `create_…`, `retrieve_…`, `modify_…`, `delete_…` or `list_…` per operation."""
    return _decorator(resource, path, operations, resource_plural, False)


def anested_resource_class_methods(
    resource: str,
    path: str | None = None,
    operations: Sequence[str] | None = None,
    resource_plural: str | None = None,
) -> Callable[[_T], _T]:
    """Async version of `nested_resource_class_methods`."""
    return _decorator(resource, path, operations, resource_plural, True)


def _decorator(
    resource: str, path: str | None, operations: Sequence[str] | None, plural: str | None, asynchronous: bool
) -> Callable[[_T], _T]:
    if operations is None:
        raise ValueError("operations must be a list of operation names.")
    plural = plural or f"{resource}s"
    below = path or plural

    def url(cls: Any, id: str, nested_id: str | None = None) -> str:
        tail = f"/{quote_plus(nested_id)}" if nested_id is not None else ""
        return f"{cls.class_url()}/{quote_plus(id)}/{quote_plus(below)}{tail}"

    @method
    def request(
        _: Any,
        method: str,
        url: str,
        api_key: Any = None,
        api_base: Any = None,
        api_version: Any = None,
        organization: Any = None,
        request_id: Any = None,
        **params: Any,
    ) -> Flow[Any]:
        requestor = api_requestor.APIRequestor(
            api_key, api_base=api_base, api_version=api_version, organization=organization
        )
        response, _, key = yield step(requestor, "request", method, url, params, request_id=request_id)
        return util.convert_to_openai_object(response, key, api_version, organization)

    def operation(name: str) -> Any:
        verb, method = name.removeprefix("paginated_"), _METHODS[name.removeprefix("paginated_")]
        send = f"{resource}s_request"

        def of_all(cls: Any, id: str, **params: Any) -> Any:
            return getattr(cls, send)(method, url(cls, id), **params)

        def of_one(cls: Any, id: str, nested_id: str, **params: Any) -> Any:
            return getattr(cls, send)(method, url(cls, id, nested_id), **params)

        return of_all if verb in ("create", "list") else of_one

    def decorate(cls: _T) -> _T:
        setattr(cls, f"{resource}s_url", classmethod(url))
        setattr(cls, f"{resource}s_request", classmethod(awaited(request) if asynchronous else request))
        for name in operations:
            verb = name.removeprefix("paginated_")
            if verb not in _METHODS:
                raise ValueError(f"{name!r} is not one of {', '.join(_METHODS)}.")
            shown = {"update": "modify"}.get(verb, verb)
            setattr(cls, f"{shown}_{plural if verb == 'list' else resource}", classmethod(operation(name)))
        return cls

    return decorate
