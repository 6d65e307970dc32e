"""The events of StepFun's own Responses as OpenAI's: no unknown types, our own numbers, whole items (stepfun-api 5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..chat.structured_output import FenceFilter
from ..context import Json, RequestContext
from ..json_values import Dict, as_dict, as_list, row_of
from .native import call_arguments, chat_usage, empty_answer, native_final, native_item, native_usage, wants_json
from .replay import item_events
from .request import Asked, reasons_aloud
from .response import refusal_part, text_part
from .stream import ERROR_CODES, Events


@dataclass
class _Item:
    """One item on its way: its place with us, its id, and the text of its parts so far."""

    place: int
    id: str
    kind: str
    text: str = ""
    fences: FenceFilter | None = None
    row: Dict = field(default_factory=lambda: {})
    part: bool = False
    refusal: bool = False
    parts: list[Dict] = field(default_factory=lambda: [])
    told: bool = False
    done: bool = False
    cut: bool = False


class NativeStream:
    """One streamed Response of StepFun's (a `StreamTransform`)."""

    def __init__(self, asked: Asked, context: RequestContext) -> None:
        self._asked = asked
        self._x = context
        self._events = Events(asked, context)
        self._items: dict[int, _Item] = {}
        self._ended: tuple[int, Dict] | None = None
        self._usage: Json = None
        self._over = False
        self.truncated = False

    @property
    def usage(self) -> Json:
        """The usage StepFun reported, in chat's words; None if it reported none."""
        return self._usage

    def feed(self, chunk: Json) -> Sequence[Json]:
        """One event of StepFun's in, zero or more of OpenAI's out."""
        event = as_dict(chunk) or {}
        kind = str(event.get("type") or ("error" if event.get("error") else ""))
        if self._over:
            return ()
        self._end_reasoning("incomplete" if kind in ("response.incomplete", "error") else "completed")
        if kind == "error":
            self._fail(as_dict(event.get("error")) or event)
            return self._events.take()
        response = as_dict(event.get("response"))
        if self._events.frame is None:
            created = (response or {}).get("created_at")
            if isinstance(created, int) and created:
                self._asked.created = created
            self._events.begin((response or {}).get("model"))
        if kind in ("response.completed", "response.incomplete", "response.failed"):
            self._finish(kind, response or {})
        elif kind == "response.output_item.added":
            self._added(event)
        else:
            item = self._items.get(_index(event))
            if item is not None:
                self._of_item(kind.removeprefix("response."), event, item)
        return self._events.take()

    def close(self) -> Sequence[Json]:
        """The end of the stream; a Response that was not finished has failed."""
        if not self._over:
            self.truncated = self._over = True
            self._events.begin()
            self._end_reasoning("incomplete")
            self._close_open()
            self._events.fail("server_error", "StepFun's stream ended before the answer was complete.")
        return self._events.take()

    def _fail(self, error: Dict) -> None:
        self._over = True
        self._events.begin()
        self._close_open()
        kind = str(error.get("code") or error.get("type") or "")
        self._events.fail(
            ERROR_CODES.get(kind, "server_error"), str(error.get("message") or "StepFun's stream failed.")
        )

    def _finish(self, kind: str, response: Dict) -> None:
        self._over = True
        self._close_open()
        self._rest(response)
        output = self._events.output()
        status = kind.removeprefix("response.")
        if not output and self._events.thought and status == "incomplete":
            self._say_nothing()
            output = self._events.output()
        self._usage = chat_usage(native_usage(response.get("usage")))
        self._events.end(native_final({**response, "status": status}, output, self._asked, self._x))

    def _close_open(self) -> None:
        """End the items StepFun left open, with what has come of them."""
        for item in self._items.values():
            if item.done:
                continue
            at: Dict = {}
            if item.part:
                self._of_item("content_part.done", {}, item)
            row = {**item.row, "status": "incomplete"}
            if item.kind == "message":
                row["content"] = item.parts
            elif item.kind == "function_call":
                item.cut = True
                self._of_item("function_call_arguments.done", {"name": row.get("name")}, item)
                row["arguments"] = item.text
            self._of_item("output_item.done", {**at, "item": row}, item)

    def _open_part(self, item: _Item, part_at: Dict, refusal: bool) -> None:
        item.part, item.refusal, item.text, item.told = True, refusal, "", False
        self._events.emit("response.content_part.added", **part_at, part=_whole(item))

    def _rest(self, response: Dict) -> None:
        """Tell the items that only the whole Response holds."""
        for index, entry in enumerate(as_list(response.get("output"))):
            row = as_dict(entry)
            if row is None or index in self._items:
                continue
            if row.get("type") == "reasoning" and not reasons_aloud(self._asked, self._x):
                continue
            item = native_item(row, self._x)
            place = len(self._events.items)
            self._events.items.append(item)
            for kind, fields in item_events(place, item):
                self._events.emit(kind, **fields)

    # ------------------------------------------------------------ items

    def _added(self, event: Dict) -> None:
        row = as_dict(event.get("item")) or {}
        if row.get("type") == "reasoning" and not reasons_aloud(self._asked, self._x):
            self._items[_index(event)] = _Item(-1, "", "thought", done=True)
            return
        item = native_item({**row, "content": []}, self._x, status="in_progress")
        if row.get("type") == "function_call":
            item.pop("content", None)
            item.setdefault("arguments", "")
        place = self._events.add(item)
        known = _Item(place, item["id"], str(row.get("type")), row=row)
        if known.kind == "message" and wants_json(self._x):
            known.fences = FenceFilter()
        self._items[_index(event)] = known

    def _of_item(self, kind: str, event: Dict, item: _Item) -> None:
        if item.kind == "thought":
            self._events.thought += str(event.get("delta") or "")
            return
        at: Dict = {"item_id": item.id, "output_index": item.place}
        part_at: Dict = {**at, "content_index": event.get("content_index") or 0}
        emit = self._events.emit
        if kind in _TEXTS and not item.part:  # its beginning was not told, or is told again
            self._open_part(item, part_at, kind.startswith("refusal"))
        if kind in ("reasoning_part.added", "content_part.added"):
            if not item.part:
                self._open_part(item, part_at, row_of(event.get("part")).get("type") == "refusal")
        elif kind in ("reasoning_part.done", "content_part.done"):
            if item.part:
                if not item.told:
                    self._of_item(f"{_text_of(item)}.done", {"content_index": event.get("content_index")}, item)
                item.part = False
                item.parts.append(_whole(item))
                emit("response.content_part.done", **part_at, part=item.parts[-1])
        elif kind == "reasoning_text.delta":
            item.text += str(event.get("delta") or "")
            emit("response.reasoning_text.delta", **part_at, delta=event.get("delta") or "")
        elif kind == "reasoning_text.done":
            item.told = True
            emit("response.reasoning_text.done", **part_at, text=item.text)
        elif kind == "output_text.delta":
            delta = str(event.get("delta") or "")
            self._say(item, part_at, item.fences.feed(delta) if item.fences is not None else delta)
        elif kind == "output_text.done":
            item.told = True
            if not item.text and item.fences is None:
                self._say(item, part_at, str(event.get("text") or ""))
            if item.fences is not None:
                self._say(item, part_at, item.fences.close())
            emit("response.output_text.done", **part_at, text=item.text, logprobs=[])
        elif kind == "refusal.delta":
            item.text += str(event.get("delta") or "")
            emit("response.refusal.delta", **part_at, delta=event.get("delta") or "")
        elif kind == "refusal.done":
            item.told = True
            emit("response.refusal.done", **part_at, refusal=item.text)
        elif kind == "function_call_arguments.delta":
            item.text += str(event.get("delta") or "")
            emit("response.function_call_arguments.delta", **at, delta=event.get("delta") or "")
        elif kind == "function_call_arguments.done":
            arguments = event.get("arguments") or item.text
            if not item.cut:
                arguments = call_arguments(arguments, whole=True)
                if not item.text.strip():
                    emit("response.function_call_arguments.delta", **at, delta=arguments)
            item.text = arguments
            name = self._asked.packing.behind(event.get("name") or item.row.get("name")).name
            emit("response.function_call_arguments.done", **at, name=name, arguments=arguments)
        elif kind == "output_item.done":
            if item.part:
                self._of_item("content_part.done", {}, item)
            item.done = True
            row = row_of(event.get("item"))
            thought = "".join(part["text"] for part in item.parts) if item.kind == "reasoning" else ""
            if item.kind == "function_call":
                row = {**row, "arguments": row.get("arguments") or item.text}
            done = native_item({**row, "id": item.id}, self._x, reasoning=thought)
            if item.kind == "reasoning" and not row.get("status"):
                self._ended = (item.place, done)
            else:
                self._events.done(item.place, done)

    def _end_reasoning(self, status: str) -> None:
        """Tell the end of a reasoning item: StepFun's has no status (stepfun-api 5.2), and only what follows says whether the
        answer was cut there."""
        if self._ended is not None:
            place, done = self._ended
            self._ended = None
            self._events.done(place, {**done, "status": status})

    def _say_nothing(self) -> None:
        answer, emit = empty_answer(), self._events.emit
        place = self._events.add({**answer, "content": [], "status": "in_progress"})
        at: Dict = {"item_id": answer["id"], "output_index": place, "content_index": 0}
        emit("response.content_part.added", **at, part=text_part(""))
        emit("response.output_text.done", **at, text="", logprobs=[])
        emit("response.content_part.done", **at, part=text_part(""))
        self._events.done(place, answer)

    def _say(self, item: _Item, at: Dict, text: str) -> None:
        if text:
            item.text += text
            self._events.emit("response.output_text.delta", **at, delta=text, logprobs=[])


_TEXTS = frozenset({"reasoning_text.delta", "output_text.delta", "output_text.done", "refusal.delta"})


def _text_of(item: _Item) -> str:
    return "reasoning_text" if item.kind == "reasoning" else "refusal" if item.refusal else "output_text"


def _whole(item: _Item) -> Dict:
    if item.kind == "reasoning":
        return {"type": "reasoning_text", "text": item.text}
    return refusal_part(item.text) if item.refusal else text_part(item.text)


def _index(event: Dict) -> int:
    index = event.get("output_index")
    return index if isinstance(index, int) else 0
