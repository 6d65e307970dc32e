"""Models, token count, account and search (stepfun-api 7)."""

from __future__ import annotations

from .. import catalog as facts
from ..catalog import Model
from ..json_values import Object, as_text, is_integer
from ..model import tokens
from . import errors
from .answers import Answer, json_body
from .calls import Call, Endpoint
from .chat import search_results
from .chat_request import find_model, prompt_tokens, read_messages

_CREATED = 1_772_524_800
_CATEGORIES = (None, "programming", "research", "gov", "business")


def _described(model: Model) -> Object:
    """Return one entry of the model list, without the fields that this kind of model lacks."""
    entry: Object = {"id": model.id, "object": "model", "created": _CREATED, "owned_by": "stepai"}
    if model.kind in facts.MODEL_TYPES:
        entry["model_type"] = facts.MODEL_TYPES[model.kind]
        entry["max_input_tokens"] = model.context
        entry["enable_reason"] = model.reasons
        entry["enable_vision_input"] = "image" in model.inputs
    if model.efforts:
        entry["reasoning_effort_support_list"] = list(model.efforts)
    return entry


def list_models(call: Call) -> Answer:
    rows = [row for row in facts.MODELS.values() if (row.plan if call.channel == "plan" else row.standard)]
    return json_body({"object": "list", "data": [_described(row) for row in rows]})


def retrieve_model(call: Call) -> Answer:
    model = facts.MODELS.get(call.path["model"])
    if model is None or not model.standard:
        raise errors.unknown_model(call.path["model"], call.config.unknown_model_status)
    return json_body(_described(model))


def count_tokens(call: Call) -> Answer:
    body = call.object()
    if call.config.strict:
        for name in body:
            if name not in ("model", "messages"):
                raise errors.unknown_param(name)
    model = find_model(body.get("model"), call)
    _, parts = read_messages(body.get("messages"), model, call)
    return json_body({"data": {"total_tokens": len(prompt_tokens(parts))}})


def account(_: Call) -> Answer:
    """Return the account. `balance` is documented as a number, but was observed as a string (stepfun-api 7)."""
    return json_body(
        {
            "object": "account",
            "type": "prepaid",
            "balance": "26.00",
            "total_cash_balance": 0.0,
            "total_voucher_balance": 26.0,
        }
    )


def search(call: Call) -> Answer:
    body = call.object()
    query = as_text(body.get("query"))
    count = body.get("n", 10)
    if not query:
        raise errors.invalid_param("query", "not empty")
    if not is_integer(count) or not 1 <= count <= 20:
        raise errors.invalid_param("n", "[1,20]")
    if body.get("category") not in _CATEGORIES:
        raise errors.invalid_param("category", "programming, research, gov, business")
    results = [
        {
            "url": item["url"],
            "position": item["index"] + 1,
            "title": item["title"],
            "time": "2026-01-02",
            "snippet": item["summary"],
            "content": f"{item['summary']} {tokens.cut(query, 40)}",
        }
        for item in search_results(query, count)
    ]
    return json_body({"query": query, "n": count, "results": results})


ENDPOINTS = (
    Endpoint("GET", "/models", list_models, plan=True),
    # The plan channel answers 404 for a single model (stepfun-api 1).
    Endpoint("GET", "/models/{model}", retrieve_model),
    Endpoint("POST", "/token/count", count_tokens),
    Endpoint("GET", "/accounts", account),
    Endpoint("POST", "/search", search, metered=True),
)
