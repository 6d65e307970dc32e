"""Translate the events of StepFun's own Responses to OpenAI's: known types, renumbered, complete items (stepfun-api 5.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..chat.structured_output import FenceFilter
from ..context import Json, RequestContext
from ..json_values import Dict, as_dict, as_list, row_of
from .native import call_arguments, chat_usage, empty_answer, native_final, native_item, native_usage, wants_json
from .replay import item_events
from .request import ResponsesState, emits_reasoning_item
from .response import refusal_part, text_part
from .stream import ERROR_CODES, Events

Event = Mapping[str, Any]


@dataclass
class _Item:
    """One item of the output while it streams.

    `text` and `refusal` describe the open part (`part_open`); `parts` are the ended ones. `interrupted` marks a call
    whose arguments may be incomplete.
    """

    output_index: int
    id: str
    kind: str
    text: str = ""
    fences: FenceFilter | None = None
    row: Dict = field(default_factory=lambda: {})
    part_open: bool = False
    refusal: bool = False
    parts: list[Dict] = field(default_factory=lambda: [])
    text_done: bool = False
    done: bool = False
    interrupted: bool = False

    @property
    def place(self) -> Dict:
        """The fields that locate this item in OpenAI's events."""
        return {"item_id": self.id, "output_index": self.output_index}

    def part_place(self, event: Event) -> Dict:
        """The fields that locate a part of this item."""
        return {**self.place, "content_index": event.get("content_index") or 0}

    @property
    def part(self) -> Dict:
        """The open part, with its text so far."""
        if self.kind == "reasoning":
            return {"type": "reasoning_text", "text": self.text}
        return refusal_part(self.text) if self.refusal else text_part(self.text)


class NativeStream:
    """Translate one streamed Response of StepFun's (a `StreamTransform`)."""

    def __init__(self, original: ResponsesState, context: RequestContext) -> None:
        self._original = original
        self._context = context
        self._events = Events(original, context)
        self._items: dict[int, _Item] = {}
        self._pending_reasoning: tuple[int, Dict] | None = None
        self._usage: Json = None
        self._ended = False
        self.truncated = False

    @property
    def usage(self) -> Json:
        """The usage StepFun reported, in chat's form; None if it reported none."""
        return self._usage

    def feed(self, chunk: Json) -> Sequence[Json]:
        """Translate one of StepFun's events into zero or more of OpenAI's."""
        if self._ended:
            return ()
        event = row_of(chunk)
        kind = str(event.get("type") or ("error" if event.get("error") else ""))
        if self._pending_reasoning is not None:
            self._end_reasoning("incomplete" if kind in ("response.incomplete", "error") else "completed")
        if kind == "error":
            self._fail(event)
            return self._events.take()
        if self._events.frame is None:
            self._begin(event)
        if kind in ("response.completed", "response.incomplete", "response.failed"):
            self._finish(kind, row_of(event.get("response")))
        elif kind == "response.output_item.added":
            self._add(event)
        else:
            self._item_event(kind, event)
        return self._events.take()

    def close(self) -> Sequence[Json]:
        """End the stream; a Response that is not finished has failed."""
        if not self._ended:
            self.truncated = self._ended = True
            self._events.begin()
            self._end_reasoning("incomplete")
            self._close_open_items()
            self._events.fail("server_error", "StepFun's stream ended before the response was complete.")
        return self._events.take()

    # ------------------------------------------------------------ the Response

    def _begin(self, event: Event) -> None:
        response = row_of(event.get("response"))
        created = response.get("created_at")
        if isinstance(created, int) and created:
            self._original.created = created
        self._events.begin(response.get("model"))

    def _fail(self, event: Event) -> None:
        error = as_dict(event.get("error")) or event
        self._ended = True
        self._events.begin()
        self._close_open_items()
        kind = str(error.get("code") or error.get("type") or "")
        self._events.fail(
            ERROR_CODES.get(kind, "server_error"), str(error.get("message") or "StepFun's stream failed.")
        )

    def _finish(self, kind: str, response: Event) -> None:
        self._ended = True
        self._close_open_items()
        self._add_missing_items(response)
        output = self._events.output()
        status = kind.removeprefix("response.")
        if not output and self._events.thought and status == "incomplete":
            self._add_empty_message()
            output = self._events.output()
        self._usage = chat_usage(native_usage(response.get("usage")))
        self._events.end(native_final({**response, "status": status}, output, self._original, self._context))

    def _close_open_items(self) -> None:
        """End the items StepFun left open, with the content received so far."""
        for item in self._items.values():
            if item.done:
                continue
            self._end_part({}, item)
            row = {**item.row, "status": "incomplete"}
            if item.kind == "message":
                row["content"] = item.parts
            elif item.kind == "function_call":
                item.interrupted = True
                self._end_arguments({"name": row.get("name")}, item)
                row["arguments"] = item.text
            self._end_item({"item": row}, item)

    def _add_missing_items(self, response: Event) -> None:
        """Emit the items that only the final Response contains."""
        for index, entry in enumerate(as_list(response.get("output"))):
            row = as_dict(entry)
            if row is None or index in self._items or self._hides(row):
                continue
            item = native_item(row, self._context)
            output_index = len(self._events.items)
            self._events.items.append(item)
            for kind, fields in item_events(output_index, item):
                self._events.emit(kind, **fields)

    def _add_empty_message(self) -> None:
        answer, emit = empty_answer(), self._events.emit
        output_index = self._events.add({**answer, "content": [], "status": "in_progress"})
        at: Dict = {"item_id": answer["id"], "output_index": output_index, "content_index": 0}
        emit("response.content_part.added", **at, part=text_part(""))
        emit("response.output_text.done", **at, text="", logprobs=[])
        emit("response.content_part.done", **at, part=text_part(""))
        self._events.done(output_index, answer)

    def _hides(self, row: Event) -> bool:
        """Whether an item is reasoning that the output for the requested model leaves out."""
        return row.get("type") == "reasoning" and not emits_reasoning_item(self._original, self._context)

    # ------------------------------------------------------------ items

    def _add(self, event: Event) -> None:
        row = as_dict(event.get("item")) or {}
        if self._hides(row):
            self._items[_index(event)] = _Item(-1, "", "hidden_reasoning", done=True)
            return
        item = native_item({**row, "content": []}, self._context, status="in_progress")
        if row.get("type") == "function_call":
            item.pop("content", None)
            item.setdefault("arguments", "")
        known = _Item(self._events.add(item), item["id"], str(row.get("type")), row=row)
        if known.kind == "message" and wants_json(self._context):
            known.fences = FenceFilter()
        self._items[_index(event)] = known

    def _item_event(self, kind: str, event: Event) -> None:
        item = self._items.get(_index(event))
        if item is None:
            return
        if item.kind == "hidden_reasoning":
            self._events.thought += str(event.get("delta") or "")
            return
        translate = self._TRANSLATIONS.get(kind)
        if translate is not None:
            translate(self, event, item)

    def _end_item(self, event: Event, item: _Item) -> None:
        self._end_part({}, item)
        item.done = True
        row = row_of(event.get("item"))
        reasoning = "".join(part["text"] for part in item.parts) if item.kind == "reasoning" else ""
        if item.kind == "function_call":
            row = {**row, "arguments": row.get("arguments") or item.text}
        done = native_item({**row, "id": item.id}, self._context, reasoning=reasoning)
        if item.kind == "reasoning" and not row.get("status"):
            self._pending_reasoning = (item.output_index, done)
        else:
            self._events.done(item.output_index, done)

    def _end_reasoning(self, status: str) -> None:
        """Emit the end of a reasoning item. StepFun's has no status (stepfun-api 5.2): only the next event shows
        whether the response was cut there."""
        if self._pending_reasoning is not None:
            output_index, done = self._pending_reasoning
            self._pending_reasoning = None
            self._events.done(output_index, {**done, "status": status})

    # ------------------------------------------------------------ parts

    def _open_part(self, item: _Item, at: Dict, *, refusal: bool) -> None:
        item.part_open, item.refusal, item.text, item.text_done = True, refusal, "", False
        self._events.emit("response.content_part.added", **at, part=item.part)

    def _add_part(self, event: Event, item: _Item) -> None:
        if not item.part_open:  # the first delta may have opened it
            refusal = row_of(event.get("part")).get("type") == "refusal"
            self._open_part(item, item.part_place(event), refusal=refusal)

    def _end_part(self, event: Event, item: _Item) -> None:
        if not item.part_open:
            return
        if not item.text_done:
            self._TRANSLATIONS[_text_end(item)](self, {"content_index": event.get("content_index")}, item)
        item.part_open = False
        item.parts.append(item.part)
        self._events.emit("response.content_part.done", **item.part_place(event), part=item.parts[-1])

    def _output_text(self, event: Event, item: _Item) -> None:
        at = item.part_place(event)
        if not item.part_open:
            self._open_part(item, at, refusal=False)
        delta = str(event.get("delta") or "")
        self._emit_text(item, at, delta if item.fences is None else item.fences.feed(delta))

    def _end_output_text(self, event: Event, item: _Item) -> None:
        at = item.part_place(event)
        if not item.part_open:
            self._open_part(item, at, refusal=False)
        item.text_done = True
        if item.fences is not None:
            self._emit_text(item, at, item.fences.close())
        elif not item.text:
            self._emit_text(item, at, str(event.get("text") or ""))
        self._events.emit("response.output_text.done", **at, text=item.text, logprobs=[])

    def _emit_text(self, item: _Item, at: Dict, text: str) -> None:
        if text:
            item.text += text
            self._events.emit("response.output_text.delta", **at, delta=text, logprobs=[])

    def _piece(self, event: Event, item: _Item) -> None:
        """Emit a piece of a reasoning text or of a refusal."""
        at = item.part_place(event)
        if not item.part_open:
            self._open_part(item, at, refusal=event["type"] == "response.refusal.delta")
        delta = str(event.get("delta") or "")
        item.text += delta
        self._events.emit(event["type"], **at, delta=delta)

    def _end_reasoning_text(self, event: Event, item: _Item) -> None:
        item.text_done = True
        self._events.emit("response.reasoning_text.done", **item.part_place(event), text=item.text)

    def _end_refusal(self, event: Event, item: _Item) -> None:
        item.text_done = True
        self._events.emit("response.refusal.done", **item.part_place(event), refusal=item.text)

    # ------------------------------------------------------------ function calls

    def _arguments(self, event: Event, item: _Item) -> None:
        delta = str(event.get("delta") or "")
        item.text += delta
        self._events.emit("response.function_call_arguments.delta", **item.place, delta=delta)

    def _end_arguments(self, event: Event, item: _Item) -> None:
        arguments = event.get("arguments") or item.text
        if not item.interrupted:
            arguments = call_arguments(arguments, whole=True)
            if not item.text.strip():
                self._events.emit("response.function_call_arguments.delta", **item.place, delta=arguments)
        item.text = arguments
        name = self._original.packing.behind(event.get("name") or item.row.get("name")).name
        self._events.emit("response.function_call_arguments.done", **item.place, name=name, arguments=arguments)

    _TRANSLATIONS: ClassVar[Mapping[str, Callable[[Any, Event, _Item], None]]] = {
        "response.content_part.added": _add_part,
        "response.content_part.done": _end_part,
        "response.reasoning_part.added": _add_part,
        "response.reasoning_part.done": _end_part,
        "response.output_text.delta": _output_text,
        "response.output_text.done": _end_output_text,
        "response.reasoning_text.delta": _piece,
        "response.reasoning_text.done": _end_reasoning_text,
        "response.refusal.delta": _piece,
        "response.refusal.done": _end_refusal,
        "response.function_call_arguments.delta": _arguments,
        "response.function_call_arguments.done": _end_arguments,
        "response.output_item.done": _end_item,
    }
    """The translation of an item's event, by its type. StepFun's other types have no counterpart."""


def _text_end(item: _Item) -> str:
    """The type of the event that ends the text of an item's open part."""
    if item.kind == "reasoning":
        return "response.reasoning_text.done"
    return "response.refusal.done" if item.refusal else "response.output_text.done"


def _index(event: Event) -> int:
    index = event.get("output_index")
    return index if isinstance(index, int) else 0
