"""Shared rules for request parameters."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Any, Literal, cast
from urllib.parse import unquote

from .base import WireRequest
from .changes import WHY_DROPPED
from .context import RequestContext, RequestRejected
from .json_values import Dict
from .model_resolution import resolve_model


def carry_cache_key(given: Mapping[str, Any], context: RequestContext, headers: Mapping[str, str]) -> None:
    """The cache key as a header, hashed. That StepFun heeds any is unverified (stepfun-api 6, 11.12)."""
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
    """The body's fields that hold something: None is how the SDK's callers leave a parameter out."""
    body = request.json
    if not isinstance(body, Mapping):
        return {}
    return {key: value for key, value in cast("Mapping[str, Any]", body).items() if value is not None}


def segment(request: WireRequest, position: int) -> str:
    """One segment of the path, decoded; position 0 is the first after the leading slash."""
    parts = request.path.strip("/").split("/")
    return unquote(parts[position]) if position < len(parts) else ""


def headers_for(request: WireRequest, **changed: str | None) -> dict[str, str]:
    """The request's headers with some set, or removed where the value is None. `content_type` means `Content-Type`."""
    names = {name.replace("_", "-").lower(): value for name, value in changed.items()}
    kept = {name: value for name, value in request.headers.items() if name.lower() not in names}
    return {**kept, **{name.title(): value for name, value in names.items() if value is not None}}


def drop_by_table(fields: Dict, wire: Dict, context: RequestContext, endpoint: str, handled: Collection[str]) -> None:
    """Hand on what the table does not drop, in `wire`; record what it does. Unknown fields pass: the caller wins."""
    table = context.catalog.parameters(endpoint)
    for name, value in fields.items():
        if name in handled:
            continue
        row = table.get(name)
        if row is None or row.action != "drop":
            wire[name] = value
            continue
        inert = not row.meaning or value in ("auto", [], {}, "")
        context.record_change("drop", name, value, None, WHY_DROPPED[row.state], lossy=not inert)


def kind_of_model(
    context: RequestContext, name: Any, kind: Literal["tts", "asr", "image"], default: str, endpoint: str | None = None
) -> str:
    """The model id to send for an endpoint that serves one kind of model only.

    Raises:
        RequestRejected: the name stands for a StepFun model of another kind, or for one this endpoint does not serve.
    """
    if not isinstance(name, str) or not name:
        context.model_id, context.model = default, context.catalog.model(default)
        return default
    id = resolve_model(context, name, default=default) or default
    row = context.model
    if row is not None and (row.kind != kind or (endpoint is not None and endpoint not in row.endpoints)):
        able = [m.id for m in context.catalog.models.values() if m.kind == kind]
        if endpoint is not None:
            able = [id for id in able if endpoint in cast("Any", context.catalog.model(id)).endpoints]
        raise RequestRejected(
            f"model={name!r} stands for {row.id}, which {context.endpoint} does not take. Use one of {', '.join(able)}, "
            "or an OpenAI name for the same task.",
            code="model_incompatible",
            param="model",
        )
    return id


def not_available(what: str, instead: str, resource: str | None = None) -> RequestRejected:
    """The refusal for what StepFun does not offer (stepfun-api 10)."""
    text = f"StepFun has no {what}. {instead}"
    if resource is not None:
        text += (
            f" To send these calls to another provider, configure Settings(fallback={{{resource!r}: client}}) "
            f"or STEPFUN_FALLBACK_{resource.upper()}."
        )
    return RequestRejected(text, status=404, code="endpoint_not_available", type="invalid_request_error")
