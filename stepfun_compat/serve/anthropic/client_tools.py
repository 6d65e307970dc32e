"""Convert Anthropic's tools to functions, including tools with a schema of Anthropic's that the caller runs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .blocks import Dict
from .invalid import Invalid

_PATH: Final = {"type": "string", "description": "Absolute path to a file or directory."}
_RANGE: Final = {"type": "array", "items": {"type": "integer"}, "description": "First and last line, for view."}


def _object(required: tuple[str, ...] = (), **properties: Any) -> Dict:
    return {"type": "object", "properties": properties, "required": list(required)}


def _text(description: str) -> Dict:
    return {"type": "string", "description": description}


def _commands(*names: str) -> Dict:
    return {"type": "string", "enum": list(names), "description": "What to do."}


# (prefix of the type, description, schema): the caller's program runs these as it would under Anthropic's models
_CLIENT_TOOLS: Final[tuple[tuple[str, str, Dict], ...]] = (
    (
        "bash_",
        "Run a command in a bash shell that persists between calls.",
        _object(
            command=_text("The command to run."),
            restart={"type": "boolean", "description": "Restart the shell instead."},
        ),
    ),
    (
        "text_editor_",
        "View, create and edit text files.",
        _object(
            ("command", "path"),
            command=_commands("view", "create", "str_replace", "insert"),
            path=_PATH,
            file_text=_text("The file's content, for create."),
            old_str=_text("The text to replace, for str_replace; it must occur once."),
            new_str=_text("The new text, for str_replace."),
            insert_line={"type": "integer", "description": "The line after which to insert."},
            insert_text=_text("The text to insert."),
            view_range=_RANGE,
        ),
    ),
    (
        "memory_",
        "Keep notes in files below /memories.",
        _object(
            ("command",),
            command=_commands("view", "create", "str_replace", "insert", "delete", "rename"),
            path=_PATH,
            file_text=_text("The file's content, for create."),
            old_str=_text("The text to replace."),
            new_str=_text("The new text."),
            insert_line={"type": "integer", "description": "The line after which to insert."},
            insert_text=_text("The text to insert."),
            old_path=_text("The path to rename."),
            new_path=_text("Its new name."),
            view_range=_RANGE,
        ),
    ),
)


def function_of(tool: Mapping[str, Any], where: str) -> Dict | None:
    """Return OpenAI's function for a tool; None for a tool search, since here the model gets all tools at once.

    Raises:
        Invalid: only Anthropic's servers can run it.
    """
    kind = tool.get("type") or "custom"
    name = tool.get("name")
    if isinstance(kind, str) and kind.startswith("tool_search_tool"):
        return None
    known = next((row for row in _CLIENT_TOOLS if str(kind).startswith(row[0])), None)
    if kind != "custom" and known is None:
        raise Invalid(
            f"{where}: {kind} is a tool of Anthropic's that is not available on StepFun. Remove it, or define your own."
        )
    if not isinstance(name, str) or not name:
        raise Invalid(f"{where}.name: Field required")
    if known is None:
        return _custom_function(tool, name, where)
    _, description, schema = known
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


def _custom_function(tool: Mapping[str, Any], name: str, where: str) -> Dict:
    """Return the function for a tool the caller defines."""
    schema = tool.get("input_schema")
    if not isinstance(schema, Mapping):
        raise Invalid(f"{where}.custom.input_schema: Field required")
    function: Dict = {"name": name, "parameters": schema}
    if tool.get("description"):
        function["description"] = tool["description"]
    if isinstance(tool.get("strict"), bool):
        function["strict"] = tool["strict"]
    return {"type": "function", "function": function}
