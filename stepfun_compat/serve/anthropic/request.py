"""Convert `POST /v1/messages` to a chat completions body. Pure: sends nothing and does not mutate the caller's data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from ...endpoints.json_values import compact_json
from .blocks import Dict, blocks_of, part_of, text_of
from .client_tools import function_of
from .invalid import Invalid
from .thinking import effort_of, is_signed

_SAMPLING: Final = ("temperature", "top_p")


@dataclass
class ChatRequest:
    """The chat completions body, and descriptions of what was dropped from the request."""

    body: Dict
    left_out: list[str] = field(default_factory=lambda: [])


def to_chat(body: Mapping[str, Any], *, needs_max_tokens: bool = True) -> ChatRequest:
    """Return OpenAI's chat request for one of Anthropic's.

    Raises:
        Invalid: Anthropic's API would refuse it, or only Anthropic's servers can handle it.
    """
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise Invalid("model: Field required")
    made = ChatRequest({"model": model})
    chat = made.body
    most = _max_tokens(body.get("max_tokens"), needs_max_tokens)
    chat["messages"] = [*_system(body.get("system")), *_messages(body.get("messages"), made.left_out)]
    if most is not None:
        chat["max_tokens"] = most
    _tools(body, made)
    effort = effort_of(body)
    if effort is not None:
        chat["reasoning_effort"] = effort
    for name in _SAMPLING:
        if body.get(name) is not None:
            chat[name] = body[name]
    _stop_sequences(body, chat)
    _output_format(body, chat)
    _identity(body, chat)
    _only_at_anthropic(body, made.left_out)
    _stream(body, chat)
    return made


def _max_tokens(most: object, needed: bool) -> int | None:
    if most is None and needed:
        raise Invalid("max_tokens: Field required")
    if most is None:
        return None
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:
        raise Invalid("max_tokens: it must be a whole number of at least 1.")
    return most


def _stream(body: Mapping[str, Any], chat: Dict) -> None:
    if body.get("stream") is True:
        chat["stream"] = True
        chat["stream_options"] = {"include_usage": True}
    elif body.get("stream") not in (None, False):
        raise Invalid("stream: it must be true or false.")


# ---------------------------------------------------------------- messages


def _system(system: Any) -> list[Dict]:
    if system is None:
        return []
    texts = [text_of(block, f"system.{place}") for place, block in enumerate(blocks_of(system, "system"))]
    text = "\n\n".join(text for text in texts if text)
    return [{"role": "system", "content": text}] if text else []


def _messages(messages: Any, left_out: list[str]) -> list[Dict]:
    if not isinstance(messages, list) or not messages:
        raise Invalid("messages: it must be a list of at least one message.")
    rows: list[Dict] = []
    for place, message in enumerate(cast("list[Any]", messages)):
        where = f"messages.{place}"
        if not isinstance(message, Mapping):
            raise Invalid(f"{where}: it must be an object.")
        fields = cast("Mapping[str, Any]", message)
        blocks = blocks_of(fields.get("content"), f"{where}.content")
        role = fields.get("role")
        if role == "user":
            rows += _user(blocks, f"{where}.content")
        elif role == "assistant":
            rows += _assistant(blocks, f"{where}.content", left_out)
        elif role == "system":
            rows += _system(fields.get("content"))
        else:
            raise Invalid(f"{where}.role: it must be user or assistant.")
    return rows


def _user(blocks: list[Mapping[str, Any]], where: str) -> list[Dict]:
    """A user's turn: tool results become separate messages and come first; their images and files follow."""
    rows: list[Dict] = []
    parts: list[Dict] = []
    for place, block in enumerate(blocks):
        at = f"{where}.{place}"
        if block["type"] == "tool_result":
            row, shown = _tool_result(block, at)
            rows.append(row)
            parts += shown
        else:
            parts += part_of(block, at)
    if parts:
        only_text = all(part["type"] == "text" for part in parts)
        content: Any = "\n\n".join(part["text"] for part in parts) if only_text else parts
        rows.append({"role": "user", "content": content})
    return rows or [{"role": "user", "content": ""}]


def _tool_result(block: Mapping[str, Any], where: str) -> tuple[Dict, list[Dict]]:
    """Return (the tool message, the non-text parts of its result)."""
    id = block.get("tool_use_id")
    if not isinstance(id, str) or not id:
        raise Invalid(f"{where}.tool_use_id: Field required")
    parts = _result_parts(block.get("content"), f"{where}.content")
    shown = [part for part in parts if part["type"] != "text"]
    text = "\n".join(part["text"] for part in parts if part["type"] == "text")
    if block.get("is_error") is True:
        text = f"Error: {text}" if text else "Error"
    if shown:
        note = _attachment_note(id, len(shown))
        text = f"{text}\n{note}" if text else note
        shown = [{"type": "text", "text": f"Attachment of the result of tool call {id}:"}, *shown]
    return {"role": "tool", "tool_call_id": id, "content": text}, shown


def _attachment_note(id: str, number: int) -> str:
    return (
        f"The result of tool call {id} has {number} attachment(s), which follow{'s' if number == 1 else ''} "
        "in the next user message."
    )


def _result_parts(content: Any, where: str) -> list[Dict]:
    """A tool's result as OpenAI's content parts."""
    parts: list[Dict] = []
    for place, row in enumerate([] if content is None else blocks_of(content, where)):
        if row["type"] == "tool_reference":
            parts.append({"type": "text", "text": f"Tool {row.get('tool_name')} is available."})
        else:
            parts += part_of(row, f"{where}.{place}")
    return parts


def _assistant(blocks: list[Mapping[str, Any]], where: str, left_out: list[str]) -> list[Dict]:
    texts: list[str] = []
    reasoning: list[str] = []
    calls: list[Dict] = []
    for place, block in enumerate(blocks):
        at, kind = f"{where}.{place}", block["type"]
        if kind == "text":
            texts.append(text_of(block, at))
        elif kind in ("thinking", "redacted_thinking"):
            reasoning += _thinking(block, left_out)
        elif kind == "tool_use":
            calls.append(_call(block, at))
        else:
            raise Invalid(
                f"{at}: a block of type {kind!r} comes from a tool on Anthropic's servers and cannot be translated."
            )
    row: Dict = {"role": "assistant", "content": "".join(texts)}
    if reasoning:
        row["reasoning_content"] = "\n".join(reasoning)
    if calls:
        row["tool_calls"] = calls
        row["content"] = row["content"] or None
    elif not row["content"] and not reasoning:
        return []
    return [row]


def _thinking(block: Mapping[str, Any], left_out: list[str]) -> list[str]:
    """The reasoning of a returned thinking block, if this server signed it."""
    thinking = block.get("thinking")
    if block["type"] == "redacted_thinking":
        left_out.append("a redacted thinking block, which only Anthropic can read")
    elif isinstance(thinking, str) and is_signed(thinking, block.get("signature")):
        return [thinking]
    else:
        left_out.append("a thinking block without a signature of this server")
    return []


def _call(block: Mapping[str, Any], where: str) -> Dict:
    id, name, given = block.get("id"), block.get("name"), block.get("input")
    if not isinstance(id, str) or not isinstance(name, str):
        raise Invalid(f"{where}: a tool_use has an id and a name.")
    if not isinstance(given, Mapping):
        raise Invalid(f"{where}.input: it must be an object.")
    arguments = compact_json(given)
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


# ---------------------------------------------------------------- tools


_CHOICES: Final[Mapping[str, str]] = {"auto": "auto", "any": "required", "none": "none"}


def _tools(body: Mapping[str, Any], made: ChatRequest) -> None:
    functions = _functions(body.get("tools"))
    if functions:
        made.body["tools"] = functions
    choice = body.get("tool_choice")
    if choice is None:
        return
    if not isinstance(choice, Mapping):
        raise Invalid("tool_choice: it must be an object with a type.")
    fields = cast("Mapping[str, Any]", choice)
    named = _tool_choice(fields, [row["function"]["name"] for row in functions])
    if functions:
        made.body["tool_choice"] = named
        if fields.get("disable_parallel_tool_use") is True:
            made.body["parallel_tool_calls"] = False


def _functions(tools: Any) -> list[Dict]:
    if tools is not None and not isinstance(tools, list):
        raise Invalid("tools: it must be a list.")
    functions: list[Dict] = []
    for place, tool in enumerate(cast("list[Any]", tools or [])):
        if not isinstance(tool, Mapping):
            raise Invalid(f"tools.{place}: it must be an object.")
        function = function_of(cast("Mapping[str, Any]", tool), f"tools.{place}")
        if function is not None:
            functions.append(function)
    return functions


def _tool_choice(choice: Mapping[str, Any], names: list[str]) -> Any:
    """OpenAI's `tool_choice` for one of Anthropic's; `names` are the names of its tools."""
    kind = choice.get("type")
    if kind in ("any", "tool") and not names:
        raise Invalid("tool_choice: it is allowed only with tools.")
    if kind == "tool":
        name = choice.get("name")
        if name not in names:
            raise Invalid(f"tool_choice: tool {name!r} is not among tools.")
        return {"type": "function", "function": {"name": name}}
    if not isinstance(kind, str) or kind not in _CHOICES:
        raise Invalid("tool_choice.type: it must be auto, any, tool or none.")
    return _CHOICES[kind]


# ---------------------------------------------------------------- the rest


def _stop_sequences(body: Mapping[str, Any], chat: Dict) -> None:
    stops = body.get("stop_sequences")
    if stops is not None:
        if not isinstance(stops, list) or not all(isinstance(text, str) and text for text in cast("list[Any]", stops)):
            raise Invalid("stop_sequences: it must be a list of strings that are not empty.")
        if stops:
            chat["stop"] = list(cast("list[str]", stops))


def _output_format(body: Mapping[str, Any], chat: Dict) -> None:
    output: Any = body.get("output_config")
    wanted: Any = cast("Mapping[str, Any]", output).get("format") if isinstance(output, Mapping) else None
    wanted = wanted if wanted is not None else body.get("output_format")
    if wanted is None:
        return
    format: Mapping[str, Any] = cast("Mapping[str, Any]", wanted) if isinstance(wanted, Mapping) else Dict()
    if format.get("type") != "json_schema" or not isinstance(format.get("schema"), Mapping):
        raise Invalid("output_config.format: it must be a json_schema with its schema.")
    chat["response_format"] = {
        "type": "json_schema",
        "json_schema": {"name": "output", "schema": format["schema"], "strict": True},
    }


def _identity(body: Mapping[str, Any], chat: Dict) -> None:
    """Use the caller's `user_id` as the prompt cache key: clients put their session id into it."""
    metadata = body.get("metadata")
    user = cast("Mapping[str, Any]", metadata).get("user_id") if isinstance(metadata, Mapping) else None
    if isinstance(user, str) and user:
        chat["prompt_cache_key"] = user


# dropping one of these would change the response, so they are refused
_REFUSED: Final[Mapping[str, str]] = {
    "mcp_servers": "only Anthropic's servers connect to them. Connect from your program and pass tools.",
    "container": "only Anthropic's servers have containers.",
    "thread": "only Anthropic's servers store threads. Send the whole conversation in messages.",
    "compaction": "only Anthropic's servers compact conversations. Summarize the conversation with a separate request.",
}
_LEFT_OUT: Final[Mapping[str, str]] = {
    "top_k": "StepFun's chat completions do not document it",
    "context_management": "the whole conversation is sent",
    "fallbacks": "StepFun documents no substitute models",
    "diagnostics": "StepFun documents none",
    "speed": "StepFun documents no choice of speed",
    "inference_geo": "StepFun's platforms are chosen by STEPFUN_REGION",
}


def _only_at_anthropic(body: Mapping[str, Any], left_out: list[str]) -> None:
    for name, why in _REFUSED.items():
        if body.get(name):
            raise Invalid(f"{name}: {why}")
    left_out += [f"{name}: {why}" for name, why in _LEFT_OUT.items() if body.get(name) is not None]
