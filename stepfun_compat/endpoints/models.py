"""`GET /models` and `GET /models/{id}`: aliases resolve, the live list's own fields stay (api 7)."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from typing_extensions import override

from ..catalog.aliases import LISTED
from .base import PlainEndpoint, Reply, Request, Script, Send, replace
from .context import Exchange, Json, Refusal
from .json_values import Dict, UnexpectedBody, as_dict, as_list
from .model_resolution import resolve_model
from .parameters import segment


def model_object(data: Json, id: str | None = None) -> Dict:
    """One model in OpenAI's shape; fields the live list has beyond it stay as extras.

    Raises:
        UnexpectedBody: it is not an object with an id.
    """
    row = as_dict(data)
    if row is None or not (isinstance(row.get("id"), str) or id):
        raise UnexpectedBody("the answer is not a model")
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
        raise UnexpectedBody("the answer has no list of models")
    return [model_object(entry) for entry in as_list(body["data"]) if as_dict(entry) is not None]


def _openai_names(live: Sequence[Dict], x: Exchange) -> list[Dict]:
    """Build rows for the OpenAI names whose StepFun model the account has: what the model says, under the name."""
    by_id = {row["id"]: row for row in live}
    rows: list[Dict] = []
    for name in LISTED:
        probe = Exchange(x.endpoint, x.settings, x.catalog)
        target = resolve_model(probe, name)
        if name not in by_id and target in by_id:
            rows.append({**by_id[target], "id": name})
    return rows


class ListModels(PlainEndpoint):
    """The account's models. A listed id may still be refused for the account (api 7)."""

    name = "models.list"

    @override
    def transform_response(self, data: Json, x: Exchange) -> Json:
        rows = _listed(data)
        if x.settings.list_openai_models:
            rows += _openai_names(rows, x)
        return {**(as_dict(data) or {}), "object": "list", "data": rows}


def _under_its_name(row: Dict, x: Exchange) -> Dict:
    """The row under the OpenAI name that was asked for, as the list shows it."""
    name = x.requested_model
    known = x.settings.list_openai_models and x.alias is not None and isinstance(name, str)
    return {**row, "id": name} if known else row


class RetrieveModel(PlainEndpoint):
    """One model. An OpenAI name describes the StepFun model it stands for."""

    name = "models.retrieve"

    @override
    def transform_request(self, request: Request, x: Exchange) -> Request:
        id = resolve_model(x, segment(request, 1)) or segment(request, 1)
        return replace(request, path=f"/models/{quote(id, safe='')}")

    @override
    def transform_response(self, data: Json, x: Exchange) -> Json:
        return _under_its_name(model_object(data, x.model_id), x)

    @override
    def script(self, request: Request, x: Exchange) -> Script | None:
        """Step Plan serves the list and not the single model, which it answers with 404 (api 1)."""
        return self._from_the_list(request, x) if on_step_plan(x) else None

    def _from_the_list(self, request: Request, x: Exchange) -> Script:
        name = segment(request, 1)
        id = resolve_model(x, name) or name
        x.change("route", "path", request.path, "/models", "Step Plan serves the list and no single model")
        reply = yield Send(replace(request, path="/models"), example={"data": [{"id": id}]})
        found = next((row for row in _listed(reply.body) if row["id"] == id), None)
        if found is None:
            raise Refusal(
                f"The model {id!r} does not exist or this Step Plan does not hold it.",
                status=404,
                code="model_not_found",
                param="model",
            )
        return Reply(_under_its_name(found, x), reply.status, reply.headers)


def on_step_plan(x: Exchange) -> bool:
    """Whether requests go to a Step Plan URL: the client's base URL says so, else the settings do."""
    base = x.client.base_url or x.settings.base_url
    return "/step_plan" in str(base) if base else x.settings.plan == "step_plan"


LIST = ListModels()
RETRIEVE = RetrieveModel()
