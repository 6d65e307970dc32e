"""Convert chunks of a chat stream to Anthropic's events. Pure: chunk in, events out, and `close` at the end.

Anthropic's blocks are sequential: each is started, filled and stopped. OpenAI's deltas may alternate between calls:
the deltas of the open call are relayed at once, those of other calls are buffered until the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from .blocks import Dict
from .response import MessageContext, head, matched_stop, stop_reason, text_block, tool_block, usage_of
from .thinking import sign

Kind = Literal["thinking", "text", "tool_use"]


@dataclass
class _Call:
    id: Any = None
    name: Any = None
    arguments: list[str] = field(default_factory=lambda: [])

    def identify(self, id: Any, name: Any) -> None:
        """Take the id and the name from the first delta that has them."""
        self.id = self.id or id
        self.name = self.name or name


class MessageStream:
    """The events of one message."""

    def __init__(self, context: MessageContext) -> None:
        self._context = context
        self._matched: str | None = None
        self._started = False
        self._kind: Kind | None = None
        self._index = -1
        self._thought: list[str] = []
        self._late_text: list[str] = []
        self._calls: dict[int, _Call] = {}
        self._open_call: int | None = None
        self._finish: Any = None
        self._usage: Any = None

    def feed(self, chunk: Mapping[str, Any]) -> list[Dict]:
        """Return the events for one chunk."""
        out: list[Dict] = [] if self._started else self._begin()
        if chunk.get("usage"):
            self._usage = chunk["usage"]
        for choice in cast("list[Dict]", chunk.get("choices") or ())[:1]:
            out += self._feed_delta(cast("Dict", choice.get("delta") or {}))
            if choice.get("finish_reason") is not None:
                self._finish = choice["finish_reason"]
                self._matched = matched_stop(choice, self._context)
        return out

    def _feed_delta(self, delta: Dict) -> list[Dict]:
        """Return the events for a delta's reasoning, text and calls, in this order."""
        out: list[Dict] = []
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(reasoning, str) and reasoning and self._context.shows_thinking:
            out += self._think(reasoning)
        text = delta.get("content") or delta.get("refusal")
        if isinstance(text, str) and text:
            out += self._emit_text(text)
        for call in cast("list[Dict]", delta.get("tool_calls") or ()):
            out += self._take(call)
        return out

    def close(self) -> list[Dict]:
        """Return the last events: buffered calls, the stop reason and the usage."""
        out: list[Dict] = [] if self._started else self._begin()
        for place in sorted(self._calls):
            call = self._calls[place]
            if place != self._open_call and call.arguments is not _SENT:
                out += self._open_tool(place, call)
        if self._late_text:
            out += self._close_block()
            out += self._open("text", text_block(""))
            out.append(self._delta({"type": "text_delta", "text": "".join(self._late_text)}))
        out += self._close_block()
        reason = "stop_sequence" if self._matched else stop_reason(self._finish, bool(self._calls))
        delta: Dict = {"stop_reason": reason, "stop_sequence": self._matched, "stop_details": None, "container": None}
        out.append({"type": "message_delta", "delta": delta, "usage": usage_of(self._usage)})
        out.append({"type": "message_stop"})
        return out

    # ------------------------------------------------------------ blocks

    def _begin(self) -> list[Dict]:
        self._started = True
        return [{"type": "message_start", "message": head(self._context)}, {"type": "ping"}]

    def _think(self, text: str) -> list[Dict]:
        if self._kind != "thinking":
            if self._kind == "tool_use":
                return []
            out = self._open("thinking", {"type": "thinking", "thinking": "", "signature": ""})
        else:
            out = []
        self._thought.append(text)
        return [*out, self._delta({"type": "thinking_delta", "thinking": text})]

    def _emit_text(self, text: str) -> list[Dict]:
        if self._kind == "tool_use":
            self._late_text.append(text)
            return []
        out = self._open("text", text_block("")) if self._kind != "text" else []
        return [*out, self._delta({"type": "text_delta", "text": text})]

    def _take(self, delta: Dict) -> list[Dict]:
        place = delta.get("index")
        place = place if isinstance(place, int) else max(self._calls, default=0)
        call = self._calls.setdefault(place, _Call())
        function = cast("Dict", delta.get("function") or {})
        call.identify(delta.get("id"), function.get("name"))
        arguments = function.get("arguments")
        if place == self._open_call:
            return [self._delta({"type": "input_json_delta", "partial_json": arguments})] if arguments else []
        if isinstance(arguments, str) and arguments:
            call.arguments.append(arguments)
        if self._open_call is None and call.name:
            return self._open_tool(place, call)
        return []

    def _open_tool(self, place: int, call: _Call) -> list[Dict]:
        out = self._open("tool_use", tool_block(call.id, call.name, {}))
        self._open_call = place
        out.append(self._delta({"type": "input_json_delta", "partial_json": "".join(call.arguments)}))
        call.arguments = _SENT
        return out

    def _open(self, kind: Kind, block: Dict) -> list[Dict]:
        out = self._close_block()
        self._kind = kind
        self._index += 1
        out.append({"type": "content_block_start", "index": self._index, "content_block": block})
        return out

    def _delta(self, delta: Dict) -> Dict:
        return {"type": "content_block_delta", "index": self._index, "delta": delta}

    def _close_block(self) -> list[Dict]:
        if self._kind is None:
            return []
        out: list[Dict] = []
        if self._kind == "thinking":
            out.append(self._delta({"type": "signature_delta", "signature": sign("".join(self._thought))}))
            self._thought = []
        self._kind = None
        out.append({"type": "content_block_stop", "index": self._index})
        return out


_SENT: list[str] = []
"""Marks the arguments of a call whose block was started."""
