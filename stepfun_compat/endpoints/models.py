"""`GET /models` and `GET /models/{id}`: resolve aliases, and keep the fields of StepFun's list (stepfun-api 7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from typing_extensions import override

from ..catalog.aliases import LISTED
from .base import Flow, PassThroughEndpoint, Send, WireRequest, WireResponse, replace
from .context import Json, RequestContext, RequestRejected
from .json_values import Dict, UnexpectedBody, as_dict, as_list
from .model_resolution import resolve_model
from .parameters import path_segment


def model_object(data: Json, id: str | None = None) -> Dict:
    """Translate one model to OpenAI's shape; other fields of StepFun's list stay.

    Raises:
        UnexpectedBody: the data is not an object with an id.
    """
    row = as_dict(data)
    if row is None or not (isinstance(row.get("id"), str) or id):
        raise UnexpectedBody("the response is not a model")
    row.setdefault("id", id)
    row["object"] = "model"
    if not isinstance(row.get("created"), int):
        row["created"] = 0
    if not isinstance(row.get("owned_by"), str):
        row["owned_by"] = "stepai"
    return row


def _listed(data: Json) -> list[Dict]:
    body = as_dict(data)
    if body is None or not isinstance(body.get("data"), list):
        raise UnexpectedBody("the response has no list of models")
    return [model_object(entry) for entry in as_list(body["data"]) if as_dict(entry) is not None]


def _openai_names(live: Sequence[Dict], context: RequestContext) -> list[Dict]:
    """Return the rows of the account's StepFun models under the OpenAI names that resolve to them."""
    by_id = {row["id"]: row for row in live}
    rows: list[Dict] = []
    for name in LISTED:
        probe = RequestContext(context.endpoint, context.settings, context.catalog)
        target = resolve_model(probe, name)
        if name not in by_id and target in by_id:
            rows.append({**by_id[target], "id": name})
    return rows


class ListModels(PassThroughEndpoint):
    """List the account's models. StepFun may still reject a listed id for the account (stepfun-api 7)."""

    name = "models.list"

    @override
    def transform_response(self, data: Json, context: RequestContext) -> Json:
        rows = _listed(data)
        if context.settings.list_openai_models:
            rows += _openai_names(rows, context)
        return {**(as_dict(data) or {}), "object": "list", "data": rows}


def _under_its_name(row: Dict, context: RequestContext) -> Dict:
    """Return the row under the requested OpenAI name, as in the list."""
    name = context.requested_model
    known = context.settings.list_openai_models and context.alias is not None and isinstance(name, str)
    return {**row, "id": name} if known else row


class RetrieveModel(PassThroughEndpoint):
    """Retrieve one model. An OpenAI name returns the StepFun model it resolves to."""

    name = "models.retrieve"

    @override
    def transform_request(self, request: WireRequest, context: RequestContext) -> WireRequest:
        id = resolve_model(context, path_segment(request, 1)) or path_segment(request, 1)
        return replace(request, path=f"/models/{quote(id, safe='')}")

    @override
    def transform_response(self, data: Json, context: RequestContext) -> Json:
        return _under_its_name(model_object(data, context.model_id), context)

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        """On Step Plan, find the model in the list: the single model is a 404 (stepfun-api 1)."""
        return self._from_the_list(request, context) if on_step_plan(context) else None

    def _from_the_list(self, request: WireRequest, context: RequestContext) -> Flow:
        name = path_segment(request, 1)
        id = resolve_model(context, name) or name
        context.record_change("route", "path", request.path, "/models", "Step Plan serves the list but no single model")
        reply = yield Send(replace(request, path="/models"), example={"data": [{"id": id}]})
        found = next((row for row in _listed(reply.body) if row["id"] == id), None)
        if found is None:
            raise RequestRejected(
                f"The model {id!r} does not exist or is not part of this Step Plan.",
                status=404,
                code="model_not_found",
                param="model",
            )
        return WireResponse(_under_its_name(found, context), reply.status, reply.headers)


def on_step_plan(context: RequestContext) -> bool:
    """Whether requests go to a Step Plan URL, by the client's base URL, else by the settings."""
    base = context.client.base_url or context.settings.base_url
    return "/step_plan" in str(base) if base else context.settings.plan == "step_plan"


if not TYPE_CHECKING:  # a type checker would accept any name of this module
    from ..former_lookup import former_names_of

    __getattr__ = former_names_of(__name__)
