"""`POST /responses/input_tokens`, served by StepFun's token count, which takes only a model and messages (stepfun-api 7)."""

from __future__ import annotations

from typing_extensions import override

from ..base import Flow, PassThroughEndpoint, WireRequest, replace
from ..chat.endpoint import ENDPOINT as CHAT
from ..context import Json, RequestContext, RequestRejected
from ..json_values import Dict, UnexpectedBody, as_dict
from ..parameters import apply_parameter_policy, given
from .history import load_history, needs_history
from .input import input_items
from .messages import messages_of
from .request import ResponsesState, check_references, unpacked


class InputTokens(PassThroughEndpoint):
    """Count the tokens of an input."""

    name = "responses.input_tokens"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        return self._with_past(request, context) if needs_history(given(request)) else None

    def _with_past(self, request: WireRequest, context: RequestContext) -> Flow:
        original = _original(request)
        yield from load_history(original, context)
        return self._count(request, original, context)

    @override
    def transform_request(self, request: WireRequest, context: RequestContext) -> WireRequest:
        return self._count(request, _original(request), context)

    def _count(self, request: WireRequest, original: ResponsesState, context: RequestContext) -> WireRequest:
        fields, wire = original.fields, Dict()
        apply_parameter_policy(
            fields, wire, context, self.name, ("model", "input", "instructions", "previous_response_id", "conversation")
        )
        # reasoning is not counted as input: StepFun documents no such item (stepfun-api 5.1)
        items = [item for item in (*original.history, *original.items) if item["type"] != "reasoning"]
        if not items:
            raise RequestRejected(
                "input is missing: it must be text or a list of items.", code="missing_parameter", param="input"
            )
        messages = messages_of(items, fields.get("instructions"), context, unpacked(original).packing)
        chat = CHAT.transform_request(
            WireRequest("POST", "/chat/completions", json={"model": fields.get("model"), "messages": messages}), context
        )
        model = chat.json.get("model") or context.catalog.default_chat
        context.record_change("route", "path", request.path, "/token/count", "StepFun counts tokens there")
        return replace(request, path="/token/count", json={**wire, "model": model, "messages": chat.json["messages"]})

    @override
    def transform_response(self, data: Json, context: RequestContext) -> Json:
        total = (as_dict((as_dict(data) or {}).get("data")) or {}).get("total_tokens")
        if not isinstance(total, int):
            raise UnexpectedBody("the response has no token count")
        return {"object": "response.input_tokens", "input_tokens": total}


def _original(request: WireRequest) -> ResponsesState:
    fields = given(request)
    check_references(fields)
    return ResponsesState(fields, items=input_items(fields.get("input")))
