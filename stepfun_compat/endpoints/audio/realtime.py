"""`realtime.connect`: resolve the model of a WebSocket connection. Events are passed through (stepfun-api 8.6)."""

from __future__ import annotations

from typing import Any

from ..context import RequestContext, RequestRejected
from ..json_values import Dict, as_dict
from ..model_resolution import resolve_model
from ..parameters import not_available

NAME = "realtime"


def connection(arguments: Dict, context: RequestContext) -> Dict:
    """Return the arguments of a connection, with StepFun's model where the caller put the model.

    Raises:
        RequestRejected: the model is missing or not served over realtime, or there is a `call_id`.
    """
    if isinstance(arguments.get("call_id"), str):
        raise not_available("calls to connect to", "Open a new session with client.realtime.connect(model=...).")
    query: Dict = as_dict(arguments.get("extra_query")) or {}
    place: Dict = query if isinstance(query.get("model"), str) else arguments
    model: Any = place.get("model")
    if not isinstance(model, str) or not model:
        raise RequestRejected(
            f"model is missing: it must be one of {', '.join(_able(context))}, or an OpenAI name for a realtime model.",
            code="missing_parameter",
            param="model",
        )
    id = resolve_model(context, model, default=context.catalog.default_realtime) or model
    if context.model is not None and NAME not in context.model.endpoints:
        raise RequestRejected(
            f"model={model!r} resolves to {context.model.id}, which does not support realtime. "
            f"Use one of {', '.join(_able(context))}, or an OpenAI name for a realtime model.",
            code="model_incompatible",
            param="model",
        )
    return {**arguments, "extra_query": {**query, "model": id}} if place is query else {**arguments, "model": id}


def _able(context: RequestContext) -> list[str]:
    return [row.id for row in context.catalog.models.values() if NAME in row.endpoints]
