"""Translate a Responses request to chat completions, and keep the fields the response repeats (stepfun-api 5.1)."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ..context import Json, RequestContext, RequestRejected
from ..json_values import Dict, row_of, rows_of
from ..parameters import apply_parameter_policy
from .messages import messages_of
from .tools import Packing, Unpacked, unpack

# Handled here, or only repeated in the response; the parameter table decides about the rest.
HANDLED: Final = frozenset(
    [
        "model",
        "input",
        "instructions",
        "tools",
        "tool_choice",
        "text",
        "reasoning",
        "max_output_tokens",
        "stream",
        "stream_options",
        "parallel_tool_calls",
        "max_tool_calls",
        "include",
        "truncation",
        "background",
        "previous_response_id",
        "conversation",
        "prompt",
        "prompt_cache_key",
        "store",
        "metadata",
        "user",
        "safety_identifier",
        "service_tier",
    ]
)
_INCLUDED_ANYWAY: Final = frozenset(
    {"reasoning.encrypted_content", "web_search_call.action.sources", "web_search_call.results"}
)


def new_id(prefix: str) -> str:
    """Generate an unguessable id."""
    return f"{prefix}_{secrets.token_hex(24)}"


@dataclass
class ResponsesState:
    """The parts of a request that building its response requires.

    `items` are the input with ids filled in, `history` the items before it from the store: those of the responses in
    `chain`, or of the turns `parts` of `conversation`. `too_large` marks input that exceeds the store's limits. `packing`
    maps calls back to the caller's tools. `sent` is the body that was sent.
    """

    fields: Dict
    id: str = field(default_factory=lambda: new_id("resp"))
    created: int = field(default_factory=lambda: int(time.time()))
    items: list[Dict] = field(default_factory=lambda: [])
    history: list[Dict] = field(default_factory=lambda: [])
    sent: Dict = field(default_factory=lambda: {})
    route: str = "chat"
    searches: list[Dict] = field(default_factory=lambda: [])
    chain: list[str] = field(default_factory=lambda: [])
    parts: list[str] = field(default_factory=lambda: [])
    conversation: str | None = None
    too_large: bool = False
    packing: Packing = field(default_factory=Packing)

    @property
    def stored(self) -> bool:
        """Whether the response is stored, the default without `store=False`."""
        return self.fields.get("store") is not False


def emits_reasoning_item(original: ResponsesState, context: RequestContext) -> bool:
    """Whether reasoning is an item of the output.

    Under the name of an OpenAI model that does not reason, it is not: programs written for such a model expect the
    message as the first item. The message then has the text as `reasoning_content`.
    """
    return context.alias is None or not context.alias.headroom or original.fields.get("reasoning") is not None


def streams_reasoning_text(original: ResponsesState, context: RequestContext) -> bool:
    """Whether a stream has events for the text of its reasoning items. The items contain the text either way.

    OpenAI's models stream only summaries, so under their names only a request for summaries gets such events;
    StepFun's models stream the text as `response.reasoning_text` (stepfun-api 5.3).
    """
    setting = context.settings.show_reasoning
    if setting != "auto":
        return setting == "always"
    reasoning = row_of(original.fields.get("reasoning"))
    wanted = reasoning.get("summary") or reasoning.get("generate_summary")
    return bool(wanted) or (context.alias is None and not context.client.deployment)


def check_references(fields: Mapping[str, Any]) -> None:
    """Check a request's references to an earlier response or a conversation.

    Raises:
        RequestRejected: the request names both, or an id of the wrong form.
    """
    previous, conversation = fields.get("previous_response_id"), fields.get("conversation")
    if previous is not None and conversation is not None:
        raise RequestRejected(
            "Mutually exclusive parameters: ['conversation', 'previous_response_id']. Pass one of them.",
            code="mutually_exclusive_parameters",
            param="conversation",
        )
    if previous is not None:
        check_id(previous, "previous_response_id", "resp")
    if conversation is not None:
        check_id(
            row_of(conversation).get("id") if isinstance(conversation, Mapping) else conversation,
            "conversation",
            "conv",
        )


def check_id(id: Json, param: str, prefix: str) -> None:
    """Check the form of an id.

    Raises:
        RequestRejected: the id is not a string that begins with `prefix`.
    """
    if not isinstance(id, str):
        raise RequestRejected(
            f"Invalid type for '{param}': expected an ID that begins with '{prefix}'.", code="invalid_type", param=param
        )
    if not id.startswith(f"{prefix}_"):
        raise RequestRejected(
            f"Invalid '{param}': {id!r}. Expected an ID that begins with '{prefix}'.", code="invalid_value", param=param
        )


def reject_unsupported(fields: Mapping[str, Any]) -> None:
    """Reject what neither route supports.

    Raises:
        RequestRejected: the request names a prompt stored at OpenAI, or contradicts itself.
    """
    if fields.get("background") and fields.get("store") is False:
        raise RequestRejected(
            "background=True needs store: a response that is not stored cannot be retrieved later. Remove one of them.",
            code="invalid_value",
            param="background",
        )
    if fields.get("prompt") is not None:
        raise RequestRejected(
            "prompt names a template stored at OpenAI, which StepFun cannot read. Put its text into instructions and input.",
            code="unsupported_parameter",
            param="prompt",
        )


def unpacked(original: ResponsesState) -> Unpacked:
    """Unpack the tools of a request, and set `original.packing`, which maps their calls back.

    Raises:
        RequestRejected: a tool runs on OpenAI's servers, and StepFun does not offer it.
    """
    tools = unpack(original.fields, [*original.history, *original.items])
    original.packing = tools.packing
    return tools


def chat_tool_choice(choice: Json, context: RequestContext, packing: Packing) -> Json:
    """Return `tool_choice` in chat's form; None if there is nothing to choose."""
    row = row_of(choice)
    kind = row.get("type")
    if not row:
        return choice
    if kind in ("function", "custom"):
        name = row.get("name") or row_of(row.get("function")).get("name")
        return {"type": "function", "function": {"name": packing.name_of(name, row.get("namespace"))}}
    if (str(kind), None, str(kind)) in packing.sent:
        return {"type": "function", "function": {"name": packing.name_of_kind(str(kind))}}
    if kind == "allowed_tools":
        named: list[Dict] = []
        for tool in rows_of(row.get("tools")):
            named += [{"type": "function", "function": {"name": name}} for name in _allowed(row_of(tool), packing)]
        return {"type": "allowed_tools", "allowed_tools": {"mode": row.get("mode", "auto"), "tools": named}}
    context.record_change("drop", "tool_choice", kind, "auto", "StepFun decides when its own tools run", lossy=True)
    return None


def _allowed(tool: Mapping[str, Any], packing: Packing) -> list[Json]:
    """Return the names sent for one of `allowed_tools`: a namespace means all of its tools."""
    if tool.get("type") == "namespace":
        return [sent for sent, own in packing.tools.items() if own.namespace == tool.get("name")]
    name = tool.get("name")
    if name is None and tool.get("type") in ("shell", "local_shell", "apply_patch", "tool_search"):
        return [packing.name_of_kind(str(tool["type"]))]
    return [] if name is None else [packing.name_of(name, tool.get("namespace"))]


def response_format(text: Json) -> Json:
    """Return `text.format` as chat's `response_format`; None for plain text."""
    form = row_of(row_of(text).get("format"))
    kind = form.get("type")
    if kind == "json_object":
        return {"type": "json_object"}
    if kind == "json_schema":
        if not isinstance(form.get("schema"), Mapping):
            raise RequestRejected(
                "text.format needs type, name and schema at the same level.", code="invalid_value", param="text.format"
            )
        keys = ("name", "description", "strict", "schema")
        return {
            "type": "json_schema",
            "json_schema": {"name": "response", **{k: form[k] for k in keys if form.get(k) is not None}},
        }
    return None


def chat_fields(original: ResponsesState, context: RequestContext) -> Dict:
    """Build the body of the chat request, in OpenAI's form; chat's own translation follows.

    Raises:
        RequestRejected: no StepFun model supports something in the request.
    """
    fields = original.fields
    reject_unsupported(fields)
    items: Sequence[Dict] = [*original.history, *original.items]
    tools = unpacked(original)
    messages = messages_of(items, fields.get("instructions"), context, tools.packing)
    if not items:
        raise missing_input()
    chat: Dict = {"model": fields.get("model"), "messages": messages}
    apply_parameter_policy(fields, chat, context, "responses", HANDLED)
    tools.record(context)
    chat.update(_chat_tools(tools, fields, context))
    optional: Dict = {
        "response_format": response_format(fields.get("text")),
        "verbosity": _chat_verbosity(fields, context),
        "reasoning_effort": row_of(fields.get("reasoning")).get("effort"),
    }
    chat.update((name, value) for name, value in optional.items() if value is not None)
    if "max_output_tokens" in fields:
        chat["max_tokens"] = fields["max_output_tokens"]
    if "prompt_cache_key" in fields:
        chat["prompt_cache_key"] = fields["prompt_cache_key"]
    if fields.get("stream"):
        chat["stream"] = True
    record_ignored_parameters(fields, context)
    return chat


def missing_input() -> RequestRejected:
    """Build the error for a request with neither input nor history."""
    return RequestRejected(
        "input is missing: it must be a string or a list of items.", code="missing_parameter", param="input"
    )


def _chat_tools(tools: Unpacked, fields: Mapping[str, Any], context: RequestContext) -> Dict:
    """Build the parameters of the chat request that concern tools."""
    chat: Dict = {}
    if tools.tools:
        chat["tools"] = tools.tools
    choice = chat_tool_choice(fields.get("tool_choice"), context, tools.packing)
    if choice == "required" and not tools.tools and tools.search:
        context.record_change("drop", "tool_choice", choice, "auto", "StepFun decides when it searches", lossy=True)
        choice = None
    if tools.search and choice != "none":
        chat["web_search_options"] = {}
    if choice is not None:
        chat["tool_choice"] = choice
    if "parallel_tool_calls" in fields:
        chat["parallel_tool_calls"] = fields["parallel_tool_calls"]
    return chat


def _chat_verbosity(fields: Mapping[str, Any], context: RequestContext) -> Json:
    """Return `text.verbosity` if chat's parameter table allows it; otherwise record the drop and return None. If it depends
    on the model, chat decides."""
    verbosity = row_of(fields.get("text")).get("verbosity")
    row = context.catalog.parameters("chat.completions").get("verbosity")
    if row is None or row.action != "drop" or row.models:
        return verbosity
    if verbosity not in (None, "medium"):
        context.record_change("drop", "text.verbosity", verbosity, None, "StepFun does not document it", lossy=True)
    return None


_ECHOED: Final = "StepFun does not document it; the response repeats it"
_IGNORED: Final[tuple[tuple[str, Callable[[Json], bool], Json, str], ...]] = (
    ("metadata", bool, None, _ECHOED),
    ("user", bool, None, _ECHOED),
    ("safety_identifier", bool, None, _ECHOED),
    (
        "truncation",
        lambda value: value == "auto",
        None,
        "StepFun rejects input that is too long and never truncates it",
    ),
    ("max_tool_calls", lambda value: value is not None, None, "it limits OpenAI's hosted tools only"),
    ("service_tier", lambda value: value not in (None, "auto", "default"), "default", "StepFun has one tier"),
    ("stream_options", lambda value: value is not None, None, "it only pads events"),
)
"""Parameters that are not sent: (name, which values are recorded, the value that applies instead, why)."""


def record_ignored_parameters(fields: Mapping[str, Any], context: RequestContext) -> None:
    """Record the parameters that are handled here or have no effect, and so are not in the request."""
    for name in rows_of(fields.get("include")):
        if str(name) not in _INCLUDED_ANYWAY:
            lossy = str(name).endswith("logprobs")
            context.record_change("drop", "include", name, None, "StepFun's responses do not contain it", lossy=lossy)
    if fields.get("background"):
        context.record_change(
            "reshape", "background", True, "a stored response", "the call waits until the response is complete"
        )
    reasoning = row_of(fields.get("reasoning"))
    summary = reasoning.get("summary") or reasoning.get("generate_summary")
    if summary:
        context.record_change("drop", "reasoning.summary", summary, None, "the response contains the reasoning itself")
    for name, is_recorded, instead, reason in _IGNORED:
        if name in fields and is_recorded(fields[name]):
            context.record_change("drop", name, fields[name], instead, reason)
