"""Shared rules for request parameters."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import unquote

from .base import WireRequest
from .changes import WHY_DROPPED
from .context import RequestContext, RequestRejected
from .json_values import Dict, row_of
from .model_resolution import resolve_model

if TYPE_CHECKING:
    from ..catalog.schema import Parameter


def apply_prompt_cache_key(given: Mapping[str, Any], context: RequestContext, headers: Mapping[str, str]) -> None:
    """Send the cache key as a header, hashed. Whether StepFun uses it is unverified (stepfun-api 6, 11.12)."""
    per_call = given.get("prompt_cache_key")
    key = per_call or context.settings.prompt_cache_key
    name = context.settings.prompt_cache_header
    if not isinstance(key, str) or not key:
        return
    if not name:
        if per_call:
            context.record_change("drop", "prompt_cache_key", "…", None, "no header is configured for it")
    elif not any(given_name.lower() == name.lower() for given_name in headers):
        context.headers[name] = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        context.record_change(
            "reshape", "prompt_cache_key", "…", f"header {name}", "StepFun documents no cache key in the body"
        )


def given(request: WireRequest) -> Dict:
    """Return the fields of the body that are not None; None means that the parameter is not set."""
    return {key: value for key, value in row_of(request.json).items() if value is not None}


def path_segment(request: WireRequest, position: int) -> str:
    """Return one segment of the path, decoded; position 0 is the first after the leading slash."""
    parts = request.path.strip("/").split("/")
    return unquote(parts[position]) if position < len(parts) else ""


def headers_for(request: WireRequest, **changed: str | None) -> dict[str, str]:
    """Return the request's headers with some set, or removed where the value is None; `content_type` is Content-Type."""
    names = {name.replace("_", "-").lower(): value for name, value in changed.items()}
    kept = {name: value for name, value in request.headers.items() if name.lower() not in names}
    return {**kept, **{name.title(): value for name, value in names.items() if value is not None}}


_EMPTY: Final[tuple[Any, ...]] = ("auto", [], {}, "")


def _is_for(row: Parameter, model: str) -> bool:
    return any(fnmatchcase(model, glob) for glob in row.models)


def apply_parameter_policy(
    fields: Dict,
    wire: Dict,
    context: RequestContext,
    endpoint: str,
    handled: Collection[str],
    inert_values: Mapping[str, Collection[Any]] | None = None,
) -> None:
    """Copy to `wire` the fields that the catalog's table does not drop, and record those it drops.

    Fields that are not in the table are sent unchanged. A field is not dropped for the models its row names. Dropping a
    value is lossy unless the value requests the default behaviour: one of `inert_values` of its field, or without that
    argument an empty one or `auto`.
    """
    table = context.catalog.parameters(endpoint)
    for name, value in fields.items():
        if name in handled:
            continue
        row = table.get(name)
        if row is None or row.action != "drop" or _is_for(row, context.model_id or ""):
            wire[name] = value
            continue
        inert = not row.meaning or value in (_EMPTY if inert_values is None else inert_values.get(name, ()))
        context.record_change("drop", name, value, None, WHY_DROPPED[row.state], lossy=not inert)


def resolve_model_of_kind(
    context: RequestContext, name: Any, kind: Literal["tts", "asr", "image"], default: str, endpoint: str | None = None
) -> str:
    """Resolve the model for an endpoint that serves one kind of model only.

    Raises:
        RequestRejected: the name resolves to a StepFun model of another kind, or to one this endpoint does not serve.
    """
    if not isinstance(name, str) or not name:
        context.model_id, context.model = default, context.catalog.model(default)
        return default
    id = resolve_model(context, name, default=default) or default
    row = context.model
    if row is not None and (row.kind != kind or (endpoint is not None and endpoint not in row.endpoints)):
        raise _wrong_kind(context, name, row.id, kind, endpoint)
    return id


def _wrong_kind(context: RequestContext, name: str, id: str, kind: str, endpoint: str | None) -> RequestRejected:
    able = [
        model.id
        for model in context.catalog.models.values()
        if model.kind == kind and (endpoint is None or endpoint in model.endpoints)
    ]
    return RequestRejected(
        f"model={name!r} resolves to {id}, which {context.endpoint} does not support. Use one of {', '.join(able)}, "
        "or an OpenAI name for the same task.",
        code="model_incompatible",
        param="model",
    )


def not_available(what: str, instead: str, resource: str | None = None) -> RequestRejected:
    """Build the error for what StepFun does not offer (stepfun-api 10)."""
    text = f"StepFun has no {what}. {instead}"
    if resource is not None:
        text += (
            f" To send these calls to another provider, configure Settings(fallback={{{resource!r}: client}}) "
            f"or STEPFUN_FALLBACK_{resource.upper()}."
        )
    return RequestRejected(text, status=404, code="endpoint_not_available", type="invalid_request_error")
