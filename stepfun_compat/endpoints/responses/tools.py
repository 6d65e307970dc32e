"""Tools of Responses that pack functions: unpacked into plain functions for StepFun, their calls packed again.

A `namespace` groups functions; `defer_loading` and `tool_search` control when a model sees one; `local_shell`, `shell`
and `apply_patch` are functions with a fixed schema that run on the caller's machine; a `custom` tool takes one text as
its argument. StepFun has plain functions only (stepfun-api 5.1), whose names must match its pattern (3.1; chat's
translation ensures that). Deferred functions are sent immediately, as if a search had found all of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ..context import Json, RequestContext, RequestRejected
from ..json_values import Dict, row_of, rows_of

_INSTEAD: Final[Mapping[str, str]] = {
    "file_search": "StepFun's own tool searches a vector store: {'type': 'retrieval', 'function': {'name': ..., "
    "'description': ..., 'options': {'vector_store_id': ...}}}.",
    "code_interpreter": "Run the code in your own sandbox and offer it as a function tool.",
    "computer_use_preview": "Offer the actions as function tools and the screenshot as an input_image.",
    "computer": "Offer the actions as function tools and the screenshot as an input_image.",
    "image_generation": "Offer a function tool that calls client.images.generate.",
    "mcp": "Connect to the MCP server in your program and offer its tools as function tools.",
    "shell": "A shell in a container runs at OpenAI. Use {'type': 'shell', 'environment': {'type': 'local'}} and run the "
    "commands yourself.",
}


def _schema(required: Sequence[str], **properties: Json) -> Dict:
    return {"type": "object", "properties": properties, "required": list(required)}


_STRINGS: Final = {"type": "array", "items": {"type": "string"}}
_MACHINE: Final[Mapping[str, tuple[str, Dict]]] = {
    "local_shell": (
        "Run a command on the user's machine and return its output.",
        _schema(
            ["command"],
            command={**_STRINGS, "description": 'The program and its arguments, such as ["bash", "-lc", "ls"].'},
            working_directory={"type": "string"},
            timeout_ms={"type": "integer"},
            env={"type": "object", "additionalProperties": {"type": "string"}},
        ),
    ),
    "shell": (
        "Run shell commands on the user's machine and return what they print.",
        _schema(
            ["commands"],
            commands={**_STRINGS, "description": "Shell commands, run one after another."},
            timeout_ms={"type": "integer"},
            max_output_length={"type": "integer"},
        ),
    ),
    "apply_patch": (
        "Create, update or delete one file. `diff` is a V4A diff: lines begin with '+', '-' or a space, and '@@' starts "
        "a section; a new file has '+' lines only.",
        _schema(
            ["type", "path"],
            type={"type": "string", "enum": ["create_file", "update_file", "delete_file"]},
            path={"type": "string"},
            diff={"type": "string"},
        ),
    ),
}
_PLAIN: Final = ("function", "custom")
_ITEM_PREFIXES: Final[Mapping[str, str]] = {
    "function": "fc",
    "custom": "ctc",
    "local_shell": "lsh",
    "shell": "sh",
    "apply_patch": "apc",
    "tool_search": "tsc",
}
PACKED_CALLS: Final[Mapping[str, str]] = {
    "local_shell_call": "local_shell",
    "shell_call": "shell",
    "apply_patch_call": "apply_patch",
    "tool_search_call": "tool_search",
}
"""The item types of packed tools' calls, with the type of the tool."""
PACKED_OUTPUTS: Final = frozenset(f"{kind}_output" for kind in PACKED_CALLS) - {"tool_search_call_output"} | {
    "tool_search_output"
}


@dataclass(frozen=True)
class Tool:
    """A tool under the caller's name. `kind` is its type, `function` or `custom` for plain ones."""

    kind: str
    name: str
    namespace: str | None = None


@dataclass
class Packing:
    """The caller's tool for each name that is sent."""

    tools: dict[str, Tool] = field(default_factory=lambda: {})
    sent: dict[tuple[str, str | None, str], str] = field(default_factory=lambda: {})

    def add(self, tool: Tool, wanted: str) -> str:
        """Give a tool a unique name: `wanted`, numbered if another tool has that name."""
        key = ("" if tool.kind in _PLAIN else tool.kind, tool.namespace, tool.name)
        if key in self.sent:
            return self.sent[key]
        name, number = wanted, 2
        while name in self.tools:
            name, number = f"{wanted}_{number}", number + 1
        self.tools[name] = tool
        self.sent[key] = name
        return name

    def name_of(self, name: Json, namespace: Json = None) -> Json:
        """Return the name that is sent for one of the caller's tools; an unknown name unchanged."""
        if not isinstance(name, str):
            return name
        space = namespace if isinstance(namespace, str) else None
        known = self.sent.get(("", space, name))
        if known is None and space == name:  # deferred functions may repeat their name as the namespace
            space, known = None, self.sent.get(("", None, name))
        if known is None and space is None:
            known = self._only_name_of(name)
        return known or (f"{space}__{name}" if space else name)

    def _only_name_of(self, name: str) -> str | None:
        """Return the name sent for a function without its namespace (as in a choice); None if several share it."""
        found = [sent for (kind, _, own), sent in self.sent.items() if own == name and not kind]
        return found[0] if len(found) == 1 else None

    def name_of_kind(self, kind: str) -> str:
        """Return the name that is sent for a tool that runs on the caller's machine, or for the caller's tool search."""
        return self.sent.get((kind, None, kind), kind)

    def behind(self, name: Json) -> Tool:
        """Return the tool that was sent under a name; a plain function for an unknown name."""
        tool = self.tools.get(name) if isinstance(name, str) else None
        return tool or Tool("function", name)

    @property
    def packs(self) -> bool:
        """Whether any tool is neither a function nor a custom tool."""
        return any(tool.kind not in _PLAIN for tool in self.tools.values())


@dataclass
class Unpacked:
    """The tools of a request in chat's shape. `search` says whether web search is among them."""

    tools: list[Dict] = field(default_factory=lambda: [])
    search: bool = False
    packing: Packing = field(default_factory=Packing)
    reshaped: list[tuple[str, str]] = field(default_factory=lambda: [])

    def record(self, context: RequestContext) -> None:
        """Record the tools that were converted to plain functions."""
        for parameter, kind in self.reshaped:
            context.record_change(
                "reshape",
                parameter,
                kind,
                "functions",
                "StepFun has plain functions only; the client converts their calls back",
            )


def is_search(kind: Json) -> bool:
    """Whether a tool's type is OpenAI's web search, in any of its spellings."""
    return isinstance(kind, str) and kind.startswith("web_search")


def unpack(fields: Mapping[str, Any], items: Sequence[Dict] = ()) -> Unpacked:
    """Unpack a request's tools, and those in items of its input (`tool_search_output`, `additional_tools`).

    Raises:
        RequestRejected: a tool runs on OpenAI's servers, and StepFun does not offer it.
    """
    out = Unpacked()
    rows = _tool_rows(fields, items)
    for _, row in rows:  # plain functions keep their names; others are renamed on a clash
        if row.get("type", "function") in _PLAIN and isinstance(row.get("name"), str):
            out.packing.add(Tool(str(row.get("type", "function")), row["name"]), row["name"])
    seen: set[str] = set()
    for where, row in rows:
        for tool in _unpacked(row, where, out):
            name = _chat_name(tool)
            if name is None:
                out.tools.append(tool)
            elif name not in seen:  # a search may return tools that are already there
                seen.add(name)
                out.tools.append(tool)
    return out


def _tool_rows(fields: Mapping[str, Any], items: Sequence[Dict]) -> list[tuple[str, Mapping[str, Any]]]:
    """(the JSON path, the tool) of every tool of a request."""
    rows = [(f"tools[{place}]", row_of(tool)) for place, tool in enumerate(rows_of(fields.get("tools")))]
    for place, item in enumerate(items):
        if item["type"] in ("tool_search_output", "additional_tools"):
            rows += [(f"input[{place}].tools[{i}]", row_of(tool)) for i, tool in enumerate(rows_of(item.get("tools")))]
    return rows


def _chat_name(tool: Dict) -> str | None:
    name = row_of(tool.get(str(tool.get("type")))).get("name")
    return name if isinstance(name, str) else None


def _unpacked(row: Mapping[str, Any], where: str, out: Unpacked) -> list[Dict]:
    kind = row.get("type", "function")
    if not isinstance(kind, str):
        raise RequestRejected(f"{where}.type must be a string.", code="invalid_type", param=where)
    if "function" in row:  # chat's own shape, and StepFun's web_search and retrieval (stepfun-api 3.4)
        return [dict(row)]
    if kind in _PLAIN:
        return [_custom(row, row.get("name")) if kind == "custom" else _plain_function(row, row.get("name"))]
    if is_search(kind):
        out.search = True
        return []
    if kind == "namespace":
        out.reshaped.append((where, kind))
        return _namespace(row, where, out)
    if kind == "tool_search":
        out.reshaped.append((where, kind))
        return _client_search(row, out)
    if kind in _MACHINE and row_of(row.get("environment")).get("type", "local") == "local":
        out.reshaped.append((where, kind))
        return [_function(out.packing.add(Tool(kind, kind), kind), *_MACHINE[kind])]
    instead = _INSTEAD.get(kind, "Offer its feature as a function tool.")
    raise RequestRejected(
        f"{where}.type={kind!r} names a tool hosted by OpenAI, which StepFun does not offer. {instead}",
        code="unsupported_parameter",
        param=where,
    )


def _client_search(row: Mapping[str, Any], out: Unpacked) -> list[Dict]:
    """Return the tool search that the caller runs; nothing for OpenAI's, since the model has all functions already."""
    if row.get("execution") != "client":
        return []
    name = out.packing.add(Tool("tool_search", "tool_search"), "tool_search")
    description = row.get("description") or "Search for tools that are not loaded yet; they can be called afterwards."
    return [_function(name, description, row.get("parameters") or _schema(["query"], query={"type": "string"}))]


def _namespace(row: Mapping[str, Any], where: str, out: Unpacked) -> list[Dict]:
    tools: list[Dict] = []
    space = row.get("name")
    for place, entry in enumerate(rows_of(row.get("tools"))):
        inner = row_of(entry)
        kind = inner.get("type", "function")
        name = inner.get("name")
        if kind not in _PLAIN or not isinstance(name, str) or not isinstance(space, str):
            raise RequestRejected(
                f"{where}.tools[{place}]: a namespace needs a name and may contain only named function and custom tools.",
                code="invalid_value",
                param=where,
            )
        sent = out.packing.add(Tool(str(kind), name, space), f"{space}__{name}")
        description = " ".join(str(text) for text in (row.get("description"), inner.get("description")) if text)
        as_chat = _custom if kind == "custom" else _plain_function
        tools.append(as_chat({**inner, "description": description or None}, sent))
    return tools


def _custom(row: Mapping[str, Any], name: Json) -> Dict:
    """A custom tool in chat's shape. A grammar becomes part of the description."""
    inner = {key: row[key] for key in ("name", "description", "format") if row.get(key) is not None}
    form = row_of(inner.get("format"))
    if form.get("type") == "grammar":
        grammar = row_of(form.get("grammar")) or form
        inner.pop("format")
        inner["description"] = (
            f"{inner.get('description') or ''}\nThe input is text that matches this {grammar.get('syntax') or ''} "
            f"grammar:\n{grammar.get('definition') or ''}"
        ).strip()
    return {"type": "custom", "custom": {**inner, "name": name}}


def _plain_function(row: Mapping[str, Any], name: Json) -> Dict:
    """A function tool in chat's shape."""
    inner = {key: row[key] for key in ("description", "parameters", "strict") if row.get(key) is not None}
    return {"type": "function", "function": {"name": name, **inner}}


def _function(name: str, description: Json, parameters: Json) -> Dict:
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


# ---------------------------------------------------------------- calls: StepFun's to OpenAI's items


def item_prefix(call: Mapping[str, Any], packing: Packing) -> str:
    """The id prefix of the item that a call in chat's shape becomes."""
    kind = str(call.get("type") or "function")
    tool = packing.behind(row_of(call.get(kind)).get("name"))
    return _ITEM_PREFIXES[tool.kind if kind == "function" else "custom"]


def is_whole_only(call: Mapping[str, Any], packing: Packing) -> bool:
    """Whether a call is an item without deltas, added once it is complete."""
    return item_prefix(call, packing) not in ("fc", "ctc")


def call_item(id: str, call: Mapping[str, Any], status: str = "completed", packing: Packing | None = None) -> Dict:
    """Translate a call in chat's shape (`id`, `type`, `function` or `custom`) to the item of its tool."""
    packing = packing or Packing()
    kind = "custom" if call.get("type") == "custom" else "function"
    inner = row_of(call.get(kind))
    tool = packing.behind(inner.get("name"))
    space: Dict = {"namespace": tool.namespace} if tool.namespace is not None else {}
    head: Dict = {"id": id, "call_id": call.get("id"), "status": status}
    if kind == "custom":
        text = inner.get("input") or ""
        return {**head, "type": "custom_tool_call", "name": tool.name, "input": text, **space}
    arguments = inner.get("arguments") or ""
    if tool.kind in _PLAIN:
        return {**head, "type": "function_call", "name": tool.name, "arguments": arguments, **space}
    return {**head, **_PACK[tool.kind](_object(arguments), str(arguments))}


def _object(text: Json) -> Mapping[str, Any]:
    try:
        value: Json = json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return {}
    return row_of(value)


def _words(value: Json, raw: str, *shell: str) -> list[str]:
    """Commands as a list of strings; text that is not a list is passed to a shell."""
    if isinstance(value, list | tuple):
        return [str(entry) for entry in rows_of(value)]
    return [*shell, value if isinstance(value, str) else raw]


def _fields_of_type(arguments: Mapping[str, Any], **kinds: type) -> Dict:
    return {
        key: value
        for key, kind in kinds.items()
        if isinstance(value := arguments.get(key), kind) and not isinstance(value, bool)
    }


def _local_shell(arguments: Mapping[str, Any], raw: str) -> Dict:
    env = {str(key): str(value) for key, value in row_of(arguments.get("env")).items()}
    command = _words(arguments.get("command"), raw, "bash", "-lc")
    more = _fields_of_type(arguments, timeout_ms=int, working_directory=str, user=str)
    return {"type": "local_shell_call", "action": {"type": "exec", "command": command, "env": env, **more}}


def _shell(arguments: Mapping[str, Any], raw: str) -> Dict:
    action: Dict = {"timeout_ms": None, "max_output_length": None}
    action.update(_fields_of_type(arguments, timeout_ms=int, max_output_length=int))
    action["commands"] = _words(arguments.get("commands", arguments.get("command")), raw)
    return {"type": "shell_call", "action": action, "environment": {"type": "local"}}


def _apply_patch(arguments: Mapping[str, Any], raw: str) -> Dict:
    given = row_of(arguments.get("operation")) or arguments
    kind = given.get("type")
    operation: Dict = {
        "type": kind if kind in ("create_file", "update_file", "delete_file") else "update_file",
        "path": str(given.get("path") or ""),
    }
    if operation["type"] != "delete_file":
        diff = given.get("diff")
        operation["diff"] = diff if isinstance(diff, str) else "" if given else raw
    return {"type": "apply_patch_call", "operation": operation}


def _tool_search(arguments: Mapping[str, Any], raw: str) -> Dict:
    return {
        "type": "tool_search_call",
        "execution": "client",
        "arguments": dict(arguments) if arguments else {"query": raw} if raw.strip(" {}") else {},
    }


_PACK: Final = {"local_shell": _local_shell, "shell": _shell, "apply_patch": _apply_patch, "tool_search": _tool_search}


def packed_native(item: Dict, packing: Packing) -> Dict:
    """Give a function call of StepFun's own Responses the name the caller uses."""
    tool = packing.behind(item.get("name"))
    named = {**item, "name": tool.name} if "name" in item else item
    return named if tool.namespace is None else {**named, "namespace": tool.namespace}


# ---------------------------------------------------------------- calls: the caller's items to chat's


def packed_call(item: Mapping[str, Any], packing: Packing) -> Dict | None:
    """Translate the call of a packed tool to chat's function call; None for a search OpenAI's servers ran."""
    kind = PACKED_CALLS[str(item["type"])]
    if kind == "tool_search":
        if item.get("execution") == "server" or not item.get("call_id"):
            return None
        arguments: Json = item.get("arguments")
    elif kind == "apply_patch":
        arguments = dict(row_of(item.get("operation")))
    else:
        action = row_of(item.get("action"))
        arguments = {
            key: value for key, value in action.items() if value is not None and (key, value) != ("type", "exec")
        }
    text = arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False, default=str)
    return {"type": "function", "function": {"name": packing.name_of_kind(kind), "arguments": text}}


def packed_output(item: Mapping[str, Any]) -> Json:
    """Return a packed tool's output as text for the model."""
    kind = item["type"]
    if kind == "tool_search_output":
        names = [name for tool in rows_of(item.get("tools")) for name in _names(row_of(tool))]
        return f"Loaded: {', '.join(names)}." if names else "No tool was found."
    if kind == "apply_patch_call_output":
        status = str(item.get("status") or "completed")
        return f"{status}: {item['output']}" if item.get("output") else status
    output = item.get("output")
    return output if isinstance(output, str) else json.dumps(output, ensure_ascii=False, default=str)


def _names(tool: Mapping[str, Any]) -> list[str]:
    if tool.get("type") == "namespace":
        return [f"{tool.get('name')}__{row_of(inner).get('name')}" for inner in rows_of(tool.get("tools"))]
    return [str(tool.get("name") or row_of(tool.get("function")).get("name"))]
