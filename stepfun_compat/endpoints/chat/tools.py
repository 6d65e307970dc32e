"""Translate tools, tool names and `tool_choice`; enforce a choice that StepFun ignores (stepfun-api 3.2, 3.4)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from ..context import Json, RequestContext, RequestRejected
from ..json_values import Dict

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}\Z")
_OWN_TOOLS = ("web_search", "retrieval")  # StepFun's built-in tools, sent unchanged (stepfun-api 3.4)


@dataclass(slots=True)
class Tools:
    """The tools of a request, for the translation of the response.

    `originals` maps names on the wire to the caller's; `custom` contains the names of the caller's free-text tools;
    `legacy` is True if the request used `functions`, `searches` if the web may be searched. `forced` is None, or the
    names of the functions one of which must be called (empty: any).
    """

    originals: dict[str, str] = field(default_factory=dict[str, str])
    renamed: dict[str, str] = field(default_factory=dict[str, str])
    custom: set[str] = field(default_factory=set[str])
    legacy: bool = False
    one_call: bool = False
    searches: bool = False
    forced: tuple[str, ...] | None = None

    def wire_name(self, name: str) -> str:
        """Return the name a tool has on the wire: its own, or one that fits StepFun's pattern."""
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
        """Return the caller's name for a name on the wire."""
        return self.originals.get(name, name)


def _mapping(value: Json) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def tool_name(tool: Json) -> str | None:
    """Return the name of any kind of tool, None if it has none."""
    row = _mapping(tool)
    name = _mapping(row.get(str(row.get("type")))).get("name") or _mapping(row.get("function")).get("name")
    return name if isinstance(name, str) else None


def translate_tools(body: Mapping[str, Any], context: RequestContext, tools: Tools) -> list[Any]:
    """Translate `tools`, `functions` and `web_search_options` to the tools that are sent to StepFun.

    Raises:
        RequestRejected: StepFun does not have this kind of tool.
    """
    given: list[Any] = []
    if isinstance(body.get("tools"), Sequence):
        given.extend(cast("Sequence[Any]", body["tools"]))
    functions = body.get("functions")
    if isinstance(functions, Sequence) and functions:
        given += _tools_of_functions(cast("Sequence[Any]", functions), context, tools)
    if given:
        _reserve_valid_names(given, tools)
    sent = [_translate_tool(tool, f"tools[{i}]", context, tools) for i, tool in enumerate(given)]
    options = body.get("web_search_options")
    if options is not None or "-search" in str(body.get("model")):
        tools.searches = True
    if options is not None:
        sent += _web_search(options, context)
    return sent


def _reserve_valid_names(given: Sequence[Any], tools: Tools) -> None:
    """Reserve the names that StepFun accepts, before other names are changed to ones that are still free."""
    for tool in given:
        name = tool_name(tool)
        if name is not None and _NAME.match(name):
            tools.originals.setdefault(name, name)


def _tools_of_functions(functions: Sequence[Any], context: RequestContext, tools: Tools) -> list[Any]:
    """Wrap the legacy `functions` as function tools."""
    tools.legacy = True
    context.record_change(
        "rename", "functions", f"{len(functions)} functions", "tools", "StepFun does not document functions"
    )
    return [{"type": "function", "function": function} for function in functions]


def _web_search(options: Json, context: RequestContext) -> list[Any]:
    """Translate `web_search_options` to StepFun's web_search tool; empty if the settings or the model have no search."""
    if not context.settings.web_search:
        why = "off by Settings.web_search"
    elif context.model is not None and not context.model.web_search:
        why = f"{context.model_id} has no web search"
    else:
        context.record_change(
            "cost", "web_search_options", options, "the web_search tool", "StepFun's search is a tool, billed per call"
        )
        return [{"type": "web_search", "function": {"description": "Search the web for current information."}}]
    context.record_change("drop", "web_search_options", options, None, why, lossy=True)
    return []


def _translate_tool(tool: Json, json_path: str, context: RequestContext, tools: Tools) -> Json:
    row = _mapping(tool)
    kind = row.get("type")
    if kind in _OWN_TOOLS:
        tools.searches |= kind == "web_search"
        return tool
    if kind == "custom":
        return _translate_custom_tool(_mapping(row.get("custom")), json_path, context, tools)
    if kind not in (None, "function") or not isinstance(row.get("function"), Mapping):
        raise RequestRejected(
            f"{json_path}.type={kind!r} is not a kind of tool in StepFun's chat. Use function tools, web_search or "
            "retrieval.",
            code="invalid_value",
            param="tools",
        )
    function = _mapping(row["function"])
    name = function.get("name")
    wire_name = _wire_name(name, json_path, context, tools) if isinstance(name, str) else name
    unchanged = (
        kind == "function"
        and wire_name == name
        and "strict" not in function
        and isinstance(function.get("parameters"), Mapping)
    )
    return (
        tool
        if unchanged
        else {**row, "type": "function", "function": _function(function, wire_name, json_path, context)}
    )


def _translate_custom_tool(custom: Mapping[str, Any], json_path: str, context: RequestContext, tools: Tools) -> Dict:
    """Translate a free-text tool to a function with one string parameter."""
    name = str(custom.get("name") or "")
    if _mapping(custom.get("format")).get("type") == "grammar":
        context.record_change(
            "drop", f"{json_path}.custom.format", "grammar", None, "StepFun has no grammars for tool input", lossy=True
        )
    tools.custom.add(name)
    context.record_change(
        "reshape", json_path, "custom tool", "a function with one string", "StepFun supports function tools only"
    )
    return {
        "type": "function",
        "function": {
            "name": _wire_name(name, json_path, context, tools),
            "description": str(custom.get("description") or ""),
            "parameters": {
                "type": "object",
                "properties": {"input": {"type": "string"}},
                "required": ["input"],
            },
        },
    }


def _function(function: Mapping[str, Any], wire_name: Json, json_path: str, context: RequestContext) -> Dict:
    """Return a function without `strict`, with parameters and with its name on the wire."""
    sent = {key: value for key, value in function.items() if key != "strict"}
    if function.get("strict") is not None:
        context.record_change(
            "drop", f"{json_path}.function.strict", function["strict"], None, "StepFun does not document it"
        )
    if not isinstance(sent.get("parameters"), Mapping):
        sent["parameters"] = {"type": "object", "properties": {}}
    return {**sent, "name": wire_name}


def _wire_name(name: str, json_path: str, context: RequestContext, tools: Tools) -> str:
    sent = tools.wire_name(name)
    if sent != name:
        context.record_change(
            "rename",
            f"{json_path}.function.name",
            name,
            sent,
            "StepFun's names start with a letter or _ and have at most 64 characters",
        )
    return sent


def apply_tool_choice(
    choice: Json, sent: list[Any], context: RequestContext, tools: Tools
) -> tuple[list[Any], str | None]:
    """Return (the tools to send, the system line to add after the last message or None).

    StepFun accepts `tool_choice` and ignores it (stepfun-api 3.2).

    Raises:
        RequestRejected: the choice names a tool that is not in the request, or requires a call without tools.
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
        return sent, _require_any(functions, context, tools)
    return _require_one(choice, functions, context, tools)


def _allowed(allowed: Mapping[str, Any], sent: list[Any], context: RequestContext, tools: Tools) -> list[Any]:
    """Return the tools that `allowed_tools` names."""
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


def _require_any(functions: Sequence[Any], context: RequestContext, tools: Tools) -> str:
    """Return the system line that requires a call of any function.

    Raises:
        RequestRejected: there are no functions.
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


def _require_one(
    choice: Json, functions: Sequence[Any], context: RequestContext, tools: Tools
) -> tuple[list[Any], str]:
    """Return (the function that the choice names, the system line that requires a call of it).

    Raises:
        RequestRejected: the choice names no function, or one that is not in the request.
    """
    row = _mapping(choice)
    name = tool_name(row) or (row.get("name") if isinstance(row.get("name"), str) else None)
    if name is None:
        raise RequestRejected(
            f"tool_choice={choice!r} is not valid: it must be 'none', 'auto', 'required' or a named function.",
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
        "inject", "tool_choice", name, "sending only that tool, and an instruction", "StepFun ignores tool_choice"
    )
    return only, f"You must answer by calling the function {wire}. Do not answer in text."


def translate_tool_choice(given: Dict) -> Json:
    """Return `tool_choice`, or a `function_call` translated to one."""
    choice = given.get("tool_choice")
    if choice is None and "function_call" in given:
        choice = given["function_call"]
        if isinstance(choice, Mapping):
            return {"type": "function", "function": dict(cast("Mapping[str, Any]", choice))}
    return choice
