"""Tools, names and tool_choice: what StepFun takes, and how a choice it ignores is enforced all the same (stepfun-api 3.2, 3.4)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from ..context import Json, RequestContext, RequestRejected
from ..json_values import Dict

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}\Z")
_OWN_TOOLS = ("web_search", "retrieval")  # StepFun's built-in tools, which travel as they are (stepfun-api 3.4)


@dataclass(slots=True)
class Tools:
    """What the way back needs to know of the tools that were sent.

    `originals` maps a name on the wire to the caller's; `custom` names the caller's free-text tools; `legacy` is set
    when the caller spoke `functions`; `searches` where the web may be searched; `forced` is None, or the names of which one call must be made (empty: any).
    """

    originals: dict[str, str] = field(default_factory=dict[str, str])
    renamed: dict[str, str] = field(default_factory=dict[str, str])
    custom: set[str] = field(default_factory=set[str])
    legacy: bool = False
    one_call: bool = False
    searches: bool = False
    forced: tuple[str, ...] | None = None

    def wire_name(self, name: str) -> str:
        """The name a tool has on the wire: its own, or one that fits StepFun's pattern."""
        if _NAME.match(name):
            return name
        sent = self.renamed.get(name)
        if sent is None:
            sent = re.sub(r"[^a-zA-Z0-9_-]", "_", name) or "_"
            if not re.match(r"[a-zA-Z_]", sent):
                sent = "_" + sent
            if len(sent) > 64 or sent in self.originals:
                sent = f"{sent[:55]}_{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
            self.renamed[name] = sent
            self.originals[sent] = name
        return sent

    def caller_name(self, name: str) -> str:
        """The caller's name for a name on the wire."""
        return self.originals.get(name, name)


def _mapping(value: Json) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def tool_name(tool: Json) -> str | None:
    """The name of a tool of any kind, None for one without."""
    row = _mapping(tool)
    name = _mapping(row.get(str(row.get("type")))).get("name") or _mapping(row.get("function")).get("name")
    return name if isinstance(name, str) else None


def translate_tools(body: Mapping[str, Any], context: RequestContext, tools: Tools) -> list[Any]:
    """The tools to send, from `tools`, `functions` and `web_search_options`.

    Raises:
        RequestRejected: a tool of a kind StepFun does not have.
    """
    given: list[Any] = []
    if isinstance(body.get("tools"), Sequence):
        given.extend(cast("Sequence[Any]", body["tools"]))
    functions = body.get("functions")
    if isinstance(functions, Sequence) and functions:
        tools.legacy = True
        listed = cast("Sequence[Any]", functions)
        given.extend({"type": "function", "function": function} for function in listed)
        context.record_change(
            "rename", "functions", f"{len(listed)} functions", "tools", "StepFun does not document functions"
        )
    for tool in given:  # names that fit are taken before others are bent to fit
        name = tool_name(tool)
        if name is not None and _NAME.match(name):
            tools.originals.setdefault(name, name)
    sent = [_translate_tool(tool, f"tools[{i}]", context, tools) for i, tool in enumerate(given)]
    options = body.get("web_search_options")
    name = str(body.get("model") or "")
    if options is not None or "-search" in name or any(_mapping(tool).get("type") == "web_search" for tool in sent):
        tools.searches = True
    if options is not None:
        if context.settings.web_search and (context.model is None or context.model.web_search):
            sent.append({"type": "web_search", "function": {"description": "Search the web for current information."}})
            context.record_change(
                "cost",
                "web_search_options",
                options,
                "the web_search tool",
                "StepFun's search is a tool, billed per call",
            )
        else:
            why = (
                "off by Settings.web_search"
                if not context.settings.web_search
                else f"{context.model_id} has no web search"
            )
            context.record_change("drop", "web_search_options", options, None, why, lossy=True)
    return sent


def _translate_tool(tool: Json, where: str, context: RequestContext, tools: Tools) -> Json:
    row = _mapping(tool)
    kind = row.get("type")
    if kind in _OWN_TOOLS:
        return tool
    if kind == "custom":
        custom = _mapping(row.get("custom"))
        name = str(custom.get("name") or "")
        format = _mapping(custom.get("format"))
        if format.get("type") == "grammar":
            context.record_change(
                "drop", f"{where}.custom.format", "grammar", None, "StepFun has no grammars for tool input", lossy=True
            )
        tools.custom.add(name)
        context.record_change(
            "reshape", where, "custom tool", "a function with one string", "StepFun supports function tools only"
        )
        return {
            "type": "function",
            "function": {
                "name": _wire(name, where, context, tools),
                "description": str(custom.get("description") or ""),
                "parameters": {
                    "type": "object",
                    "properties": {"input": {"type": "string"}},
                    "required": ["input"],
                },
            },
        }
    if kind not in (None, "function") or not isinstance(row.get("function"), Mapping):
        raise RequestRejected(
            f"{where}.type={kind!r} is not a tool StepFun's chat has. It takes function tools, web_search and retrieval.",
            code="invalid_value",
            param="tools",
        )
    function = _mapping(row["function"])
    name = function.get("name")
    wire = _wire(name, where, context, tools) if isinstance(name, str) else name
    drop_strict = "strict" in function
    fine = wire == name and not drop_strict and isinstance(function.get("parameters"), Mapping) and kind == "function"
    if fine:
        return tool
    kept = {key: value for key, value in function.items() if key != "strict"}
    if drop_strict and function["strict"] is not None:
        context.record_change(
            "drop", f"{where}.function.strict", function["strict"], None, "StepFun does not document it"
        )
    if not isinstance(kept.get("parameters"), Mapping):
        kept["parameters"] = {"type": "object", "properties": {}}
    return {**row, "type": "function", "function": {**kept, "name": wire}}


def _wire(name: str, where: str, context: RequestContext, tools: Tools) -> str:
    sent = tools.wire_name(name)
    if sent != name:
        context.record_change(
            "rename",
            f"{where}.function.name",
            name,
            sent,
            "StepFun's names start with a letter or _ and have at most 64 characters",
        )
    return sent


def apply_tool_choice(
    choice: Json, sent: list[Any], context: RequestContext, tools: Tools
) -> tuple[list[Any], str | None]:
    """(the tools to send, the line to add after the last message). StepFun accepts `tool_choice` and ignores it (stepfun-api 3.2).

    Raises:
        RequestRejected: the choice names a tool that is not there, or demands a call without tools.
    """
    if choice is None or choice == "auto":
        return sent, None
    if choice == "none":
        if sent:
            context.record_change(
                "drop", "tools", f"{len(sent)} tools", None, 'StepFun ignores tool_choice="none", so no tools are sent'
            )
        return [], None
    row = _mapping(choice)
    functions = [tool for tool in sent if _mapping(tool).get("type") == "function"]
    if row.get("type") == "allowed_tools":
        allowed = _mapping(row.get("allowed_tools"))
        sent = _allowed(allowed, sent, context, tools)
        if allowed.get("mode") != "required":
            return sent, None
        choice, functions = "required", sent
    if choice == "required":
        return sent, _demand_any(functions, context, tools)
    return _demand_one(choice, functions, context, tools)


def _allowed(allowed: Mapping[str, Any], sent: list[Any], context: RequestContext, tools: Tools) -> list[Any]:
    """The tools that `allowed_tools` names."""
    listed = cast("Sequence[Any]", allowed.get("tools") or ())
    names = {tools.wire_name(name) for tool in listed if (name := tool_name(tool)) is not None}
    sent = [tool for tool in sent if tool_name(tool) in names]
    context.record_change(
        "reshape",
        "tool_choice",
        "allowed_tools",
        f"{len(sent)} tools",
        "StepFun ignores tool_choice, so only these are sent",
    )
    return sent


def _demand_any(functions: Sequence[Any], context: RequestContext, tools: Tools) -> str:
    """The line that demands a call of any function.

    Raises:
        RequestRejected: there is none.
    """
    if not functions:
        raise RequestRejected(
            "tool_choice='required' needs tools: pass at least one function in tools.",
            code="invalid_value",
            param="tool_choice",
        )
    tools.forced = ()
    context.record_change("inject", "tool_choice", "required", "an instruction", "StepFun ignores tool_choice")
    return "You must answer by calling one of the available tools. Do not answer in text."


def _demand_one(choice: Json, functions: Sequence[Any], context: RequestContext, tools: Tools) -> tuple[list[Any], str]:
    """(the one function the choice names, the line that demands a call of it).

    Raises:
        RequestRejected: the choice names none, or one that is not there.
    """
    row = _mapping(choice)
    name = tool_name(row) or (row.get("name") if isinstance(row.get("name"), str) else None)
    if name is None:
        raise RequestRejected(
            f"tool_choice={choice!r} is not a choice: it takes 'none', 'auto', 'required' or a named function.",
            code="invalid_value",
            param="tool_choice",
        )
    wire = tools.wire_name(name)
    only = [tool for tool in functions if tool_name(tool) == wire]
    if not only:
        raise RequestRejected(
            f"tool_choice names {name!r}, which is not among the tools.", code="invalid_value", param="tool_choice"
        )
    tools.forced = (wire,)
    context.record_change(
        "inject", "tool_choice", name, "sending that tool alone and an instruction", "StepFun ignores tool_choice"
    )
    return only, f"You must answer by calling the function {wire}. Do not answer in text."


def translate_tool_choice(given: Dict) -> Json:
    """`tool_choice`, or `function_call` in its words."""
    choice = given.get("tool_choice")
    if choice is None and "function_call" in given:
        choice = given["function_call"]
        if isinstance(choice, Mapping):
            return {"type": "function", "function": dict(cast("Mapping[str, Any]", choice))}
    return choice
