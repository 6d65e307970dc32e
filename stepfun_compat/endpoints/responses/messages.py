"""Translate input items of Responses to chat messages: every kind OpenAI documents (StepFun's: stepfun-api 5.1)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from ..context import Json, RequestContext, RequestRejected
from ..json_values import Dict, is_sequence, row_of, rows_of
from .input import input_items, reasoning_text
from .tools import PACKED_CALLS, PACKED_OUTPUTS, Packing, packed_call, packed_output

# Calls that OpenAI's servers ran: records of the past that a model does not need.
_PAST_CALLS: Final = frozenset(
    {
        "web_search_call",
        "file_search_call",
        "code_interpreter_call",
        "image_generation_call",
        "mcp_call",
        "mcp_list_tools",
        "mcp_approval_request",
        "mcp_approval_response",
    }
)
_OUTPUTS: Final = PACKED_OUTPUTS | {"function_call_output", "custom_tool_call_output"}


def _unsupported(where: str, what: str, instead: str) -> RequestRejected:
    return RequestRejected(f"{where} is {what}. {instead}", code="unsupported_content_type", param="input")


def _part(part: Json, where: str, context: RequestContext) -> Json:
    """Translate a content part to chat's."""
    row = row_of(part)
    kind = str(row.get("type"))
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if kind in ("image_url", "video_url"):  # already chat's
        return part
    if kind in _AS_CHAT:
        return _AS_CHAT[kind](row)
    if kind == "input_image":
        return _image(row, where, context)
    if kind in ("input_file", "file"):
        raise _unsupported(
            where,
            "a file, which StepFun's models do not take",
            "Upload it with client.files.create(file=..., purpose='user_data'), wait until it is processed, and put "
            "the text of client.files.content(id) into an input_text part. Send a picture of a page as an input_image "
            "part.",
        )
    raise _unsupported(
        where,
        f"a part of type {row.get('type')!r}, which StepFun's models do not take",
        "Put its content into an input_text part.",
    )


def _text(row: Mapping[str, Any]) -> Json:
    return {"type": "text", "text": str(row.get("text") or "")}


def _refusal(row: Mapping[str, Any]) -> Json:
    return {"type": "text", "text": str(row.get("refusal") or "")}


def _video(row: Mapping[str, Any]) -> Json:
    video = row.get("video_url")
    return {"type": "video_url", "video_url": dict(row_of(video)) or {"url": video}}


def _audio(row: Mapping[str, Any]) -> Json:
    return {"type": "input_audio", "input_audio": row.get("input_audio")}


_AS_CHAT: Final[Mapping[str, Callable[[Mapping[str, Any]], Json]]] = {
    **dict.fromkeys(("input_text", "output_text", "text", "summary_text", "reasoning_text"), _text),
    "refusal": _refusal,
    "input_video": _video,
    "input_audio": _audio,
}
"""The translation of a content part, by its type."""


def _image(row: Mapping[str, Any], where: str, context: RequestContext) -> Json:
    image = row.get("image_url")
    if image is None and isinstance(row.get("file_id"), str):
        # a file uploaded with purpose `storage` is reachable by this address (stepfun-api 3.3)
        image = f"stepfile://{row['file_id']}"
        context.record_change(
            "reshape",
            f"{where}.file_id",
            row["file_id"],
            "a stepfile:// address",
            "StepFun reads stored images by this address",
        )
    if image is None:
        raise _unsupported(
            where, "an input_image without image_url or file_id", "Give an https URL, a data URL or a file_id."
        )
    inner: Dict = dict(row_of(image)) or {"url": image}
    if row.get("detail") is not None:
        inner.setdefault("detail", row["detail"])
    return {"type": "image_url", "image_url": inner}


def _texts(content: Json, where: str, context: RequestContext) -> tuple[str, list[Json]]:
    """Return the text of the content, and its parts that are not text."""
    if isinstance(content, str):
        return content, []
    texts: list[str] = []
    others: list[Json] = []
    for i, part in enumerate(rows_of(content)):
        made = row_of(_part(part, f"{where}[{i}]", context))
        if made.get("type") == "text":
            texts.append(str(made.get("text") or ""))
        else:
            others.append(dict(made))
    return "".join(texts), others


class _Messages:
    """Collect chat messages: the items of one assistant turn become one message."""

    def __init__(self, context: RequestContext, packing: Packing) -> None:
        self.context = context
        self.packing = packing
        self.calls: dict[str, Json] = {}
        self.out: list[Dict] = []
        self.reasoning = ""
        self.images: list[Json] = []

    def add(self, item: Dict, where: str) -> None:
        kind = str(item["type"])
        if kind not in _OUTPUTS:
            self.flush()
        translate = self._ITEMS.get(kind)
        if translate is None:
            raise _unsupported(
                where,
                f"an item of type {kind!r}, which no StepFun model takes",
                "Messages, function_call, function_call_output, custom_tool_call, custom_tool_call_output, reasoning "
                "and item_reference can be sent.",
            )
        translate(self, item, where)

    def flush(self) -> None:
        """Add images returned by tools after all results of the turn: a tool message holds text only (stepfun-api 3.1)."""
        if self.images:
            self.out.append({"role": "user", "content": self.images})
            self.images = []

    def _reasoning(self, item: Dict, _where: str) -> None:
        self._keep_reasoning(reasoning_text(item))

    def _keep_reasoning(self, text: Json) -> None:
        if isinstance(text, str) and text:
            self.reasoning = "\n".join(filter(None, (self.reasoning, text)))

    def _take_reasoning(self, message: Dict) -> None:
        if self.reasoning:
            message["reasoning_content"] = self.reasoning
            self.reasoning = ""

    def _message(self, item: Dict, where: str) -> None:
        role = item.get("role")
        if role == "assistant":
            self._assistant_message(item, where)
            return
        self.reasoning = ""  # the turn it belongs to is not in the input
        if role == "developer":
            # StepFun's own endpoint silently drops messages of this role, and the model runs without its prompt
            self.context.record_change(
                "rename", f"{where}.role", "developer", "system", "StepFun has no developer role"
            )
            role = "system"
        if role == "system":
            content = self._text_only(item, where, "a system message")
        elif role == "user":
            content = self._user_content(item.get("content"), f"{where}.content")
        else:
            raise RequestRejected(
                f"{where}.role={role!r} is not a valid role: it must be user, assistant, system or developer.",
                code="invalid_value",
                param="input",
            )
        self.out.append({"role": role, "content": content})

    def _assistant_message(self, item: Dict, where: str) -> None:
        text = self._text_only(item, where, "an assistant message")
        self._keep_reasoning(item.get("reasoning_content"))
        message: Dict = {"role": "assistant", "content": text}
        self._take_reasoning(message)
        self.out.append(message)

    def _text_only(self, item: Dict, where: str, what: str) -> str:
        text, others = _texts(item.get("content"), f"{where}.content", self.context)
        if others:
            raise _unsupported(where, f"{what} with images, audio or video", "Put them into a user message.")
        return text

    def _user_content(self, content: Json, where: str) -> Json:
        if isinstance(content, str):
            return content
        parts = [_part(part, f"{where}[{i}]", self.context) for i, part in enumerate(rows_of(content))]
        only = row_of(parts[0] if len(parts) == 1 else None)
        return only["text"] if only.get("type") == "text" else parts

    def _call(self, item: Dict, call: Dict) -> None:
        call = {"id": item.get("call_id") or "", **call}
        self._keep_reasoning(item.get("reasoning_content"))
        last = self.out[-1] if self.out else None
        # a call joins the assistant message directly before it; a reasoning item in between starts a new turn
        if last is not None and last["role"] == "assistant" and not self.reasoning:
            last.setdefault("tool_calls", []).append(call)
            return
        message: Dict = {"role": "assistant", "content": None, "tool_calls": [call]}
        self._take_reasoning(message)
        self.out.append(message)

    def _function_call(self, item: Dict, _where: str) -> None:
        name = self.packing.name_of(item.get("name"), item.get("namespace"))
        self._call(item, {"type": "function", "function": {"name": name, "arguments": item.get("arguments")}})

    def _custom_call(self, item: Dict, _where: str) -> None:
        name = self.packing.name_of(item.get("name"), item.get("namespace"))
        self._call(item, {"type": "custom", "custom": {"name": name, "input": item.get("input") or ""}})

    def _call_output(self, item: Dict, where: str) -> None:
        self._output(item, item.get("output"), f"{where}.output")

    def _packed_call(self, item: Dict, where: str) -> None:
        """Translate a call of a packed tool."""
        call = packed_call(item, self.packing)
        if call is None:
            self._drop_search(item, where)
            return
        call_id = self._call_id(item)
        self.calls[str(item.get("id"))] = call_id
        self._call({**item, "call_id": call_id}, call)

    def _packed_output(self, item: Dict, where: str) -> None:
        """Translate the output of a packed tool."""
        ran_here = item.get("call_id") and item.get("execution") != "server"
        if item["type"] == "tool_search_output" and not ran_here:
            self._drop_search(item, where)
        else:
            self._output({**item, "call_id": self._call_id(item)}, packed_output(item), f"{where}.output")

    def _call_id(self, item: Dict) -> Json:
        return item.get("call_id") or self.calls.get(str(item.get("id"))) or item.get("id")

    def _drop_search(self, item: Dict, where: str) -> None:
        self.context.record_change(
            "drop", where, item["type"], None, "all functions are sent at once, so no search is needed"
        )

    def _additional_tools(self, item: Dict, where: str) -> None:
        self.context.record_change("reshape", where, item["type"], "tools", "its tools are sent with the others")

    def _past_call(self, item: Dict, where: str) -> None:
        # without the search, only its query is lost: its results are in the message that follows
        lossy = item["type"] != "web_search_call"
        self.context.record_change(
            "drop", where, item["type"], None, "StepFun does not accept calls of its own tools as input", lossy=lossy
        )

    def _output(self, item: Dict, output: Json, where: str) -> None:
        if output is not None and not isinstance(output, str) and not is_sequence(output):
            output = json.dumps(output, ensure_ascii=False, default=str)
        text, others = _texts(output, where, self.context)
        if others:
            self.context.record_change(
                "reshape", where, f"{len(others)} images", "a user message", "StepFun takes tool results as text"
            )
            note = {"type": "text", "text": f"Returned by the tool call {item.get('call_id')}:"}
            self.images += [note, *others]
            text = text or "The result follows in the next message."
        self.out.append({"role": "tool", "tool_call_id": item.get("call_id"), "content": text})

    _ITEMS: ClassVar[Mapping[str, Callable[[Any, Dict, str], None]]] = {
        "message": _message,
        "reasoning": _reasoning,
        "function_call": _function_call,
        "custom_tool_call": _custom_call,
        "function_call_output": _call_output,
        "custom_tool_call_output": _call_output,
        "additional_tools": _additional_tools,
        **dict.fromkeys(PACKED_CALLS, _packed_call),
        **dict.fromkeys(PACKED_OUTPUTS, _packed_output),
        **dict.fromkeys(_PAST_CALLS, _past_call),
    }
    """The translation of an item, by its type."""


def messages_of(
    items: Sequence[Dict], instructions: Json, context: RequestContext, packing: Packing | None = None
) -> list[Dict]:
    """Translate items to chat messages, with the instructions before them.

    Raises:
        RequestRejected: StepFun's models do not take an item or part.
    """
    made = _Messages(context, packing or Packing())
    if isinstance(instructions, str) and instructions:
        made.out.append({"role": "system", "content": instructions})
    elif is_sequence(instructions):
        for i, item in enumerate(input_items(instructions)):
            made.add(item, f"instructions[{i}]")
    for i, item in enumerate(items):
        made.add(item, f"input[{i}]")
    made.flush()
    return made.out
