"""A stream of chat chunks as OpenAI's Responses events, in OpenAI's order (stepfun-api 4.5, 5.3)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..chat.stream import ChatStream
from ..context import Json, RequestContext
from ..json_values import Dict, as_dict, as_list, row_of
from ..sse import error_in
from .records import kept
from .request import Asked, new_id, reasons_aloud
from .response import (
    FAILED_REASONS,
    annotations_of,
    built_in_calls,
    failed,
    finished,
    frame,
    message_item,
    reasoning_item,
    refusal_part,
    search_item,
    text_part,
    usage_of,
    with_thought,
)
from .tools import call_item, is_whole_only, item_prefix

ERROR_CODES = {"rate_limited": "rate_limit_exceeded", "rate_limit_exceeded": "rate_limit_exceeded"}


class Events:
    """Numbers the events of one stream and puts its Response together."""

    def __init__(self, asked: Asked, context: RequestContext) -> None:
        self.asked = asked
        self.context = context
        self.out: list[Json] = []
        self.number = 0
        self.frame: Dict | None = None
        self.items: list[Dict | None] = []
        self.thought = ""  # reasoning that is no item of its own

    def emit(self, kind: str, **fields: Any) -> None:
        self.out.append({"type": kind, "sequence_number": self.number, **fields})
        self.number += 1

    def take(self) -> list[Json]:
        out, self.out = self.out, []
        return out

    def begin(self, model: Json = None) -> None:
        """The two events every stream starts with; nothing if they were sent."""
        if self.frame is not None:
            return
        self.frame = frame(self.asked, self.context, model=model)
        self.emit("response.created", response=self.frame)
        self.emit("response.in_progress", response=self.frame)

    def add(self, item: Dict) -> int:
        """Announce an item; returns its place in the output."""
        place = len(self.items)
        self.items.append(None)
        self.emit("response.output_item.added", output_index=place, item=item)
        return place

    def done(self, place: int, item: Dict) -> None:
        if self.thought and not any(known and "reasoning_content" in known for known in self.items):
            (item,) = with_thought([item], self.thought)
        self.items[place] = item
        self.emit("response.output_item.done", output_index=place, item=item)

    def output(self) -> list[Dict]:
        return [item for item in self.items if item is not None]

    def finish(self, reason: str | None, usage: Dict | None) -> None:
        self.begin()
        assert self.frame is not None
        self.end(finished(self.frame, self.output(), reason, usage))

    def fail(self, code: str, message: str, usage: Dict | None = None) -> None:
        self.begin()
        assert self.frame is not None
        self.end(failed(self.frame, self.output(), code, message, usage))

    def end(self, response: Dict) -> None:
        """Tell the whole Response, once it is kept."""
        keep = kept(self.asked, response)
        if keep is not None:
            self.context.partial = response  # should the store be down, the error holds what was paid for
            self.out.append(keep)
        self.emit(f"response.{response['status']}", response=response)


@dataclass
class _Text:
    """An item whose text is told piece by piece: a message or reasoning."""

    id: str
    place: int
    text: str = ""
    annotations: list[Dict] = field(default_factory=lambda: [])
    refusal: bool = False


@dataclass
class _Call:
    id: str
    place: int
    call: Dict
    said: str = ""
    closed: bool = False

    @property
    def custom(self) -> bool:
        return self.call["type"] == "custom"


class ResponsesStream:
    """One streamed Response over chat (a `StreamTransform`)."""

    reads_chunks = True

    def __init__(self, asked: Asked, context: RequestContext) -> None:
        self._chat = ChatStream(context)
        self._asked = asked
        self._events = Events(asked, context)
        self._reasoning: _Text | None = None
        self._message: _Text | None = None
        self._calls: dict[int, _Call] = {}
        self._reason: str | None = None
        self._searched: set[str] = set()
        self._aloud = reasons_aloud(asked, context)
        self._over = False

    @property
    def truncated(self) -> bool:
        """Whether the stream ended without a finish reason."""
        return self._chat.truncated

    @property
    def usage(self) -> Json:
        """The last usage StepFun reported, in chat's words."""
        return self._chat.usage

    def feed(self, chunk: Json) -> Sequence[Json]:
        """One chunk of StepFun's chat in, zero or more events out."""
        body = as_dict(chunk) or {}
        if self._over:
            return ()
        error = body.get("error") or (error_in(body) if body and "choices" not in body else None)
        if error:
            self._error(error)
            return self._events.take()
        if self._events.frame is None and isinstance(body.get("created"), int) and body["created"]:
            self._asked.created = body["created"]
        self._events.begin(body.get("model"))
        searches = built_in_calls(body)
        rows = self._chat.feed(chunk)
        for call in searches:
            self._search(call)
        for row in rows:
            self._row(row)
        return self._events.take()

    def close(self) -> Sequence[Json]:
        """The end of the answer: what is open is closed, and the Response is whole."""
        if self._over:
            return ()
        for row in self._chat.close():
            self._row(row)
        self._over = True
        usage = usage_of(self._chat.usage)
        if self._chat.truncated:
            self._end("incomplete")
            self._events.fail("server_error", "StepFun's stream ended before the response was complete.", usage)
        else:
            cut = self._reason in ("length", "content_filter") or self._reason in FAILED_REASONS
            if not self._events.items and not (cut and self._aloud):
                self._open_message()
            self._end("incomplete" if cut else "completed")
            self._events.finish(self._reason, usage)
        return self._events.take()

    def _error(self, error: Json) -> None:
        """An error in the middle of an answer ends it as OpenAI ends it: `response.failed`."""
        row = row_of(error)
        kind = str(row.get("code") or row.get("type") or "server_error")
        self._over = True
        self._events.begin()
        self._end("incomplete")
        message = str(row.get("message") or error)
        self._events.fail(ERROR_CODES.get(kind, "server_error"), message, usage_of(self._chat.usage))

    # ------------------------------------------------------------ one chunk in OpenAI's shape

    def _row(self, row: Dict) -> None:
        for entry in as_list(row.get("choices")):
            choice = as_dict(entry) or {}
            if choice.get("index"):
                continue  # Responses has one answer
            delta = as_dict(choice.get("delta")) or {}
            if delta.get("reasoning_content"):
                self._think(str(delta["reasoning_content"]))
            if delta.get("content"):
                self._say(str(delta["content"]))
            if delta.get("refusal"):
                self._refuse(str(delta["refusal"]))
            for call in as_list(delta.get("tool_calls")):
                self._call(as_dict(call) or {})
            found = annotations_of(delta.get("annotations"))
            if found:
                self._annotate(found)
            if choice.get("finish_reason"):
                self._reason = str(choice["finish_reason"])

    def _think(self, text: str) -> None:
        if not self._aloud:
            self._events.thought += text
            return
        if self._reasoning is None:
            if self._message is not None:
                self._close_message("completed")
            id = new_id("rs")
            place = self._events.add(reasoning_item(id, "", "in_progress"))
            self._reasoning = _Text(id, place)
            part = {"type": "reasoning_text", "text": ""}
            self._events.emit("response.content_part.added", item_id=id, output_index=place, content_index=0, part=part)
        state = self._reasoning
        state.text += text
        self._events.emit("response.reasoning_text.delta", **_at(state), delta=text)

    def _close_reasoning(self, status: str) -> None:
        state, self._reasoning = self._reasoning, None
        if state is None:
            return
        self._events.emit("response.reasoning_text.done", **_at(state), text=state.text)
        part = {"type": "reasoning_text", "text": state.text}
        self._events.emit("response.content_part.done", **_at(state), part=part)
        self._events.done(state.place, reasoning_item(state.id, state.text, status))

    def _open_message(self) -> _Text:
        self._close_reasoning("completed")
        if self._message is None:
            id = new_id("msg")
            place = self._events.add(message_item(id, (), "in_progress"))
            self._message = _Text(id, place)
            self._events.emit("response.content_part.added", **_at(self._message), part=text_part(""))
        return self._message

    def _say(self, text: str) -> None:
        state = self._open_message()
        state.text += text
        self._events.emit("response.output_text.delta", **_at(state), delta=text, logprobs=[])

    def _refuse(self, text: str) -> None:
        if self._message is not None and not self._message.refusal:
            self._close_message("completed")
        if self._message is None:
            self._close_reasoning("completed")
            id = new_id("msg")
            self._message = _Text(id, self._events.add(message_item(id, (), "in_progress")), refusal=True)
            self._events.emit("response.content_part.added", **_at(self._message), part=refusal_part(""))
        self._message.text += text
        self._events.emit("response.refusal.delta", **_at(self._message), delta=text)

    def _annotate(self, found: Sequence[Dict]) -> None:
        state = self._open_message()
        for annotation in found:
            index = len(state.annotations)
            state.annotations.append(annotation)
            self._events.emit(
                "response.output_text.annotation.added", **_at(state), annotation_index=index, annotation=annotation
            )

    def _close_message(self, status: str) -> None:
        state, self._message = self._message, None
        if state is None:
            return
        if state.refusal:
            part = refusal_part(state.text)
            self._events.emit("response.refusal.done", **_at(state), refusal=state.text)
        else:
            part = text_part(state.text, state.annotations)
            self._events.emit("response.output_text.done", **_at(state), text=state.text, logprobs=[])
        self._events.emit("response.content_part.done", **_at(state), part=part)
        self._events.done(state.place, message_item(state.id, [part], status))

    def _search(self, call: Dict) -> None:
        name = str(call.get("id") or len(self._searched))
        if name in self._searched:
            return
        self._searched.add(name)
        self._close_reasoning("completed")
        id = new_id("ws")
        place = self._events.add(search_item(id, call, self._asked, "in_progress"))
        for state in ("in_progress", "searching", "completed"):
            self._events.emit(f"response.web_search_call.{state}", output_index=place, item_id=id)
        self._events.done(place, search_item(id, call, self._asked))

    # ------------------------------------------------------------ calls

    def _call(self, entry: Dict) -> None:
        index = entry.get("index")
        state = self._calls.get(index) if isinstance(index, int) else None
        if state is None:
            self._close_reasoning("completed")
            if not self._searched:  # citations come last and belong to the message
                self._close_message("completed")
            for earlier in self._calls.values():
                if earlier.custom or _whole(earlier.said):
                    self._close_call(earlier, "completed")
            kind = "custom" if entry.get("type") == "custom" else "function"
            call: Dict = {"id": entry.get("id"), "type": kind, kind: {"name": row_of(entry.get(kind)).get("name")}}
            packing = self._asked.packing
            id = new_id(item_prefix(call, packing))
            hidden = is_whole_only(call, packing)
            place = -1 if hidden else self._events.add(call_item(id, call, "in_progress", packing))
            state = self._calls[index if isinstance(index, int) else len(self._calls)] = _Call(id, place, call)
        text = (
            row_of(entry.get("custom")).get("input") if state.custom else row_of(entry.get("function")).get("arguments")
        )
        if isinstance(text, str) and text and not state.closed:
            state.said += text
            if state.place < 0:
                return
            name = "custom_tool_call_input" if state.custom else "function_call_arguments"
            self._events.emit(f"response.{name}.delta", output_index=state.place, item_id=state.id, delta=text)

    def _close_call(self, state: _Call, status: str) -> None:
        if state.closed:
            return
        state.closed = True
        packing = self._asked.packing
        if state.place < 0:
            call: Dict = {**state.call, "function": {**state.call["function"], "arguments": state.said}}
            item = call_item(state.id, call, status, packing)
            state.place = self._events.add({**item, "status": "in_progress"})
            self._events.done(state.place, item)
            return
        at: Dict = {"output_index": state.place, "item_id": state.id}
        if state.custom:
            inner: Dict = {**state.call["custom"], "input": state.said}
            self._events.emit("response.custom_tool_call_input.done", **at, input=state.said)
        else:
            inner = {**state.call["function"], "arguments": state.said}
            name = packing.behind(inner["name"]).name
            self._events.emit("response.function_call_arguments.done", **at, name=name, arguments=state.said)
        call = {**state.call, state.call["type"]: inner}
        self._events.done(state.place, call_item(state.id, call, status, packing))

    def _end(self, status: str) -> None:
        """Close what is open, in the order of the output; the last item has the status of the whole."""
        calls = [state for state in self._calls.values() if not state.closed]
        self._close_reasoning(status if not calls and self._message is None else "completed")
        self._close_message(status if not calls else "completed")
        for state in calls:
            self._close_call(state, status if state is calls[-1] else "completed")


def _at(state: _Text) -> Dict:
    return {"item_id": state.id, "output_index": state.place, "content_index": 0}


def _whole(arguments: str) -> bool:
    try:
        json.loads(arguments)
    except (ValueError, RecursionError):
        return False
    return True
