"""Translate a stream of chat chunks to OpenAI's Responses events, in OpenAI's order (stepfun-api 4.5, 5.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ..chat.stream import ChatStream
from ..context import Json, RequestContext
from ..json_values import Dict, as_dict, as_list, is_whole_json, row_of
from ..sse import error_in
from .records import kept
from .request import ResponsesState, emits_reasoning_item, new_id, streams_reasoning_text
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

_REASONING_TEXT: Final = frozenset({"response.reasoning_text.delta", "response.reasoning_text.done"})
_NO_PART: Final[Dict] = {"type": None}
ERROR_CODES = {"rate_limited": "rate_limit_exceeded", "rate_limit_exceeded": "rate_limit_exceeded"}


class Events:
    """Number the events of one stream and collect its Response."""

    def __init__(self, original: ResponsesState, context: RequestContext) -> None:
        self.original = original
        self.context = context
        self.out: list[Json] = []
        self.number = 0
        self.frame: Dict | None = None
        self.items: list[Dict | None] = []
        self.thought = ""  # reasoning that is not an item of the output
        self._streams_reasoning = streams_reasoning_text(original, context)

    def emit(self, kind: str, **fields: Any) -> None:
        if not self._streams_reasoning and (
            kind in _REASONING_TEXT or fields.get("part", _NO_PART)["type"] == "reasoning_text"
        ):
            return
        self.out.append({"type": kind, "sequence_number": self.number, **fields})
        self.number += 1

    def take(self) -> list[Json]:
        out, self.out = self.out, []
        return out

    def begin(self, model: Json = None) -> None:
        """Emit the two events every stream starts with, once."""
        if self.frame is not None:
            return
        self.frame = frame(self.original, self.context, model=model)
        self.emit("response.created", response=self.frame)
        self.emit("response.in_progress", response=self.frame)

    def add(self, item: Dict) -> int:
        """Emit the start of an item. Returns its index in the output."""
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
        """Emit the complete Response, after the operation that stores it."""
        keep = kept(self.original, response)
        if keep is not None:
            self.context.partial = response  # if the store fails, the error still holds the response
            self.out.append(keep)
        self.emit(f"response.{response['status']}", response=response)


@dataclass
class _Text:
    """An item whose text arrives in pieces: a message or reasoning."""

    id: str
    place: int
    text: str = ""
    annotations: list[Dict] = field(default_factory=lambda: [])
    refusal: bool = False


@dataclass
class _Call:
    """A call whose arguments arrive in pieces. `place` is -1 for a call that becomes an item only when complete."""

    id: str
    place: int
    call: Dict
    text: str = ""
    closed: bool = False

    @property
    def custom(self) -> bool:
        return self.call["type"] == "custom"


class ResponsesStream:
    """One streamed Response over chat (a `StreamTransform`)."""

    reads_chunks = True

    def __init__(self, original: ResponsesState, context: RequestContext) -> None:
        self._chat = ChatStream(context)
        self._original = original
        self._events = Events(original, context)
        self._reasoning: _Text | None = None
        self._message: _Text | None = None
        self._calls: dict[int, _Call] = {}
        self._reason: str | None = None
        self._searched: set[str] = set()
        self._emits_reasoning = emits_reasoning_item(original, context)
        self._ended = False

    @property
    def truncated(self) -> bool:
        """Whether the stream ended without a finish reason."""
        return self._chat.truncated

    @property
    def usage(self) -> Json:
        """The last usage StepFun reported, in chat's form."""
        return self._chat.usage

    def feed(self, chunk: Json) -> Sequence[Json]:
        """Translate one chunk of StepFun's chat into zero or more events."""
        if self._ended:
            return ()
        body = as_dict(chunk) or {}
        error = body.get("error") or (error_in(body) if body and "choices" not in body else None)
        if error:
            self._error(error)
            return self._events.take()
        if self._events.frame is None:
            self._begin(body)
        searches = built_in_calls(body)
        rows = self._chat.feed(chunk)
        for call in searches:
            self._add_search(call)
        for row in rows:
            self._translate(row)
        return self._events.take()

    def _begin(self, body: Dict) -> None:
        if isinstance(body.get("created"), int) and body["created"]:
            self._original.created = body["created"]
        self._events.begin(body.get("model"))

    def close(self) -> Sequence[Json]:
        """End the stream: close the open items, then emit the complete Response."""
        if self._ended:
            return ()
        for row in self._chat.close():
            self._translate(row)
        self._ended = True
        usage = usage_of(self._chat.usage)
        if self._chat.truncated:
            self._close_items("incomplete")
            self._events.fail("server_error", "StepFun's stream ended before the response was complete.", usage)
        else:
            cut = self._reason in ("length", "content_filter") or self._reason in FAILED_REASONS
            if not self._events.items and not (cut and self._emits_reasoning):
                self._open_message()
            self._close_items("incomplete" if cut else "completed")
            self._events.finish(self._reason, usage)
        return self._events.take()

    def _error(self, error: Json) -> None:
        """End the stream with `response.failed`, as OpenAI does after an error in the middle of a response."""
        row = row_of(error)
        kind = str(row.get("code") or row.get("type") or "server_error")
        self._ended = True
        self._events.begin()
        self._close_items("incomplete")
        message = str(row.get("message") or error)
        self._events.fail(ERROR_CODES.get(kind, "server_error"), message, usage_of(self._chat.usage))

    # ------------------------------------------------------------ one chunk in OpenAI's shape

    def _translate(self, row: Dict) -> None:
        for entry in as_list(row.get("choices")):
            choice = row_of(entry)
            if choice.get("index"):
                continue  # Responses has a single choice
            delta = row_of(choice.get("delta"))
            if delta.get("reasoning_content"):
                self._add_reasoning(str(delta["reasoning_content"]))
            if delta.get("content"):
                self._add_text(str(delta["content"]))
            if delta.get("refusal"):
                self._add_refusal(str(delta["refusal"]))
            for call in as_list(delta.get("tool_calls")):
                self._add_to_call(row_of(call))
            found = annotations_of(delta.get("annotations"))
            if found:
                self._add_annotations(found)
            if choice.get("finish_reason"):
                self._reason = str(choice["finish_reason"])

    def _add_reasoning(self, text: str) -> None:
        if not self._emits_reasoning:
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

    def _add_text(self, text: str) -> None:
        state = self._open_message()
        state.text += text
        self._events.emit("response.output_text.delta", **_at(state), delta=text, logprobs=[])

    def _add_refusal(self, text: str) -> None:
        if self._message is not None and not self._message.refusal:
            self._close_message("completed")
        if self._message is None:
            self._close_reasoning("completed")
            id = new_id("msg")
            self._message = _Text(id, self._events.add(message_item(id, (), "in_progress")), refusal=True)
            self._events.emit("response.content_part.added", **_at(self._message), part=refusal_part(""))
        self._message.text += text
        self._events.emit("response.refusal.delta", **_at(self._message), delta=text)

    def _add_annotations(self, found: Sequence[Dict]) -> None:
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

    def _add_search(self, call: Dict) -> None:
        name = str(call.get("id") or len(self._searched))
        if name in self._searched:
            return
        self._searched.add(name)
        self._close_reasoning("completed")
        id = new_id("ws")
        place = self._events.add(search_item(id, call, self._original, "in_progress"))
        for state in ("in_progress", "searching", "completed"):
            self._events.emit(f"response.web_search_call.{state}", output_index=place, item_id=id)
        self._events.done(place, search_item(id, call, self._original))

    # ------------------------------------------------------------ calls

    def _add_to_call(self, entry: Mapping[str, Any]) -> None:
        index = entry.get("index")
        call = self._calls.get(index) if isinstance(index, int) else None
        if call is None:
            call = self._start_call(entry)
            self._calls[index if isinstance(index, int) else len(self._calls)] = call
        kind, field = ("custom", "input") if call.custom else ("function", "arguments")
        text = row_of(entry.get(kind)).get(field)
        if not isinstance(text, str) or not text or call.closed:
            return
        call.text += text
        if call.place >= 0:
            name = "custom_tool_call_input" if call.custom else "function_call_arguments"
            self._events.emit(f"response.{name}.delta", output_index=call.place, item_id=call.id, delta=text)

    def _start_call(self, entry: Mapping[str, Any]) -> _Call:
        """Add a call to the output, after closing the items before it."""
        self._close_reasoning("completed")
        if not self._searched:  # citations come last and belong to the message
            self._close_message("completed")
        for earlier in self._calls.values():
            if earlier.custom or is_whole_json(earlier.text):
                self._close_call(earlier, "completed")
        kind = "custom" if entry.get("type") == "custom" else "function"
        call: Dict = {"id": entry.get("id"), "type": kind, kind: {"name": row_of(entry.get(kind)).get("name")}}
        packing = self._original.packing
        id = new_id(item_prefix(call, packing))
        hidden = is_whole_only(call, packing)
        return _Call(id, -1 if hidden else self._events.add(call_item(id, call, "in_progress", packing)), call)

    def _close_call(self, state: _Call, status: str) -> None:
        if state.closed:
            return
        state.closed = True
        packing = self._original.packing
        if state.place < 0:
            call: Dict = {**state.call, "function": {**state.call["function"], "arguments": state.text}}
            item = call_item(state.id, call, status, packing)
            state.place = self._events.add({**item, "status": "in_progress"})
            self._events.done(state.place, item)
            return
        at: Dict = {"output_index": state.place, "item_id": state.id}
        if state.custom:
            inner: Dict = {**state.call["custom"], "input": state.text}
            self._events.emit("response.custom_tool_call_input.done", **at, input=state.text)
        else:
            inner = {**state.call["function"], "arguments": state.text}
            name = packing.behind(inner["name"]).name
            self._events.emit("response.function_call_arguments.done", **at, name=name, arguments=state.text)
        call = {**state.call, state.call["type"]: inner}
        self._events.done(state.place, call_item(state.id, call, status, packing))

    def _close_items(self, status: str) -> None:
        """Close the open items in output order; the last one has the status of the response."""
        calls = [state for state in self._calls.values() if not state.closed]
        self._close_reasoning(status if not calls and self._message is None else "completed")
        self._close_message(status if not calls else "completed")
        for state in calls:
            self._close_call(state, status if state is calls[-1] else "completed")


def _at(state: _Text) -> Dict:
    return {"item_id": state.id, "output_index": state.place, "content_index": 0}
