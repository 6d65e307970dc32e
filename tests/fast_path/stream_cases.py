"""Random streams: recorded shapes (stepfun-api 4.5, 5.3) and hostile variations, as bytes in every framing, split into
reads in every way, with the request and the way each is read."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

_HOSTILE: list[Any] = [
    None, True, False, 0, -1, 1.5, 2**70, float("inf"), float("nan"), "", " ", "x", "\0", "\ud800", "assistant", "stop",
    [], {}, [1], [None], [[]], {"a": 1}, {"": {}}, "9" * 30, "2024-01-01", [{"index": 0}], {"index": 1},
    {"function": {}}, {"model_config": 1, "_fields_set": 2}, {"type": "web_search"},
]  # fmt: skip
_TEXTS = ["word ", "你好", "😀", "a\nb\r\n\tc", '"quoted" \\ back/slash', "\u2028\u2029\x7f\x85", "```json\n", "{", "}", "<tool_call>",
          "é" * 40, "\0", "data: x\n\n", "[DONE]", "x" * 500, "\ud83d", "e\u0301"]  # fmt: skip


def _chat_events(r: random.Random, long: bool) -> list[Any]:
    """One streamed chat response in one of the three recorded shapes."""
    shape = r.choice("ABCAB")
    created = r.choice([1710146871, 1772615012, 0])
    usage = {"prompt_tokens": 90, "completion_tokens": 0, "total_tokens": 90}
    tokens = 0

    def chunk(delta: dict[str, Any], reason: str | None = None, index: int = 0) -> dict[str, Any]:
        nonlocal tokens
        choice: dict[str, Any] = {"index": index, "delta": dict(delta)}
        if shape == "A":
            choice["delta"] = {"role": "", **delta}
            choice["finish_reason"] = reason or ""
        elif reason:
            choice["finish_reason"] = reason
        elif r.random() < 0.1:
            choice["finish_reason"] = None
        if shape == "B":
            choice["delta"] = {"role": "assistant", **delta}
        body = {"id": "d4.e5", "object": "chat.completion.chunk", "created": created, "model": "step-3.7-flash"}
        body["choices"] = [choice]
        tokens += r.choice([0, 1, 1, 1, 2, 30])
        if shape != "C" or r.random() < 0.3:
            body["usage"] = {**usage, "completion_tokens": tokens, "total_tokens": 90 + tokens}
        if shape == "B":
            body["agent"] = ""
        return body

    def text() -> str:
        return r.choice(_TEXTS) if r.random() < 0.3 else "".join(r.choices("abc é好\n", k=r.randint(0, 6)))

    events: list[Any] = []
    if r.random() < 0.9:
        first = chunk({"role": "assistant", "content": r.choice(["", "", None, "Hi"])})
        if r.random() < 0.4:
            first["created"] = 0
        events.append(first)
    choices = 2 if r.random() < 0.1 else 1
    for _ in range(r.randint(0, 100 if long else 12)):
        thought = text()
        both = r.random() < 0.4
        events.append(chunk({"content": "", "reasoning": thought, **({"reasoning_content": thought} if both else {})}))
    for _ in range(r.choice([0, 3, 20, 400 if long else 60])):
        events.append(chunk({"content": text()}, index=r.randrange(choices)))
        if r.random() < 0.03:
            events[-1]["choices"][0]["delta"].update({"refusal": None, "tool_calls": None})
    if r.random() < 0.35:
        events += _calls(r, chunk, 100 if long else 15)
    if r.random() < 0.85:
        for index in range(choices):
            events.append(
                chunk(
                    {"content": text() if shape == "B" else ""},
                    r.choice(["stop", "stop", "length", "tool_calls", "odd"]),
                    index,
                )
            )
    if r.random() < 0.1:
        events.append({**chunk({}), "choices": []})
    return events


def _calls(r: random.Random, chunk: Callable[[dict[str, Any]], Any], most: int) -> list[Any]:
    events: list[Any] = []
    for index in range(r.randint(1, 3)):
        kind: dict[str, Any] = {"type": r.choice(["function", "function", "", "web_search"])}
        head = {"index": index, "id": f"call_{index}", **kind, "function": {"name": "get_weather", "arguments": ""}}
        if r.random() < 0.2:
            del head["index"]
        events.append(chunk({"tool_calls": [head]}))
        for _ in range(r.randint(0, most)):
            part: dict[str, Any] = {
                "function": {"arguments": r.choice(['{"', "city", '": ', '"Paris"', "}", "", "\ud83d", "é"])}
            }
            if r.random() < 0.85:
                part["index"] = index
            if r.random() < 0.15:
                part.update(
                    r.choice([{"id": f"call_{index}"}, {"id": ""}, {"type": ""}, {"type": "function"}, {"x": 1}])
                )
            events.append(
                chunk({"tool_calls": [part]} if r.random() < 0.9 else {"content": None, "tool_calls": [part]})
            )
    return events


def _response_events(r: random.Random, long: bool) -> list[Any]:
    """One streamed Response as StepFun documents it (stepfun-api 5.3)."""
    out: list[dict[str, Any]] = []

    def add(kind: str, **fields: Any) -> None:
        out.append({"type": f"response.{kind}", "sequence_number": len(out), **fields})

    response: dict[str, Any] = {"id": "resp_x", "object": "response", "created_at": 1772624997, "model": "step-3.7-flash",
                                "status": "in_progress", "output": []}  # fmt: skip
    add("created", response=response)
    add("in_progress", response=response)
    items: list[Any] = []
    for place in range(r.randint(0, 3)):
        kind = r.choice(["reasoning", "message", "function_call"])
        at: dict[str, Any] = {"item_id": f"it_{place}", "output_index": place}
        text = ""
        item: dict[str, Any] = {"type": kind, "id": f"it_{place}", "status": "in_progress"}
        if kind == "function_call":
            item.update({"call_id": f"call_{place}", "name": "f", "arguments": ""})
        elif kind == "message":
            item.update({"role": "assistant", "content": []})
        else:
            item.update({"summary": [], "content": None})
        add("output_item.added", output_index=place, item=item)
        part_at = at if kind == "function_call" else {**at, "content_index": 0}
        if kind == "reasoning":
            add("reasoning_part.added", **part_at, part={"type": "reasoning_text", "text": ""})
        elif kind == "message":
            add("content_part.added", **part_at, part={"type": "output_text", "text": "", "annotations": []})
        name = {"reasoning": "reasoning_text", "message": "output_text", "function_call": "function_call_arguments"}[
            kind
        ]
        for _ in range(r.choice([0, 3, 200 if long else 20])):
            piece = r.choice(_TEXTS) if r.random() < 0.3 else "ab "
            text += piece
            add(f"{name}.delta", **part_at, delta=piece)
        if r.random() < 0.9:
            if kind == "function_call":
                add(f"{name}.done", **part_at, name="f", arguments=text)
                item = {**item, "arguments": text, "status": "completed"}
            else:
                add(f"{name}.done", **part_at, text=text)
                item = {**item, "status": "completed"}
                if kind == "message":
                    item["content"] = [{"type": "output_text", "text": text, "annotations": []}]
            add("output_item.done", output_index=place, item=item)
        items.append(item)
    end = r.choice(["completed", "completed", "incomplete", "failed", ""])
    if end:
        usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
        add(end, response={**response, "status": end, "output": items, "usage": usage})
    return out


def _vary(r: random.Random, event: Any) -> Any:
    """Return the event with one change: a value changed, removed or added."""
    event = json.loads(json.dumps(event))
    holders: list[Any] = [event]
    for holder in holders:
        if isinstance(holder, dict | list):
            holders += list(holder.values() if isinstance(holder, dict) else holder)
    holder = r.choice([h for h in holders if isinstance(h, dict | list)])
    value = r.choice(_HOSTILE)
    if isinstance(holder, list):
        holder[:] = r.choice([[*holder, value], holder[1:], [value] * len(holder)])
    elif holder and r.random() < 0.8:
        key = r.choice(list(holder))
        if r.random() < 0.3:
            del holder[key]
        else:
            holder[key] = value
    else:
        holder[
            r.choice(["x", "role", "index", "content", "audio", "error", "refusal", "logprobs", "annotations", "usage"])
        ] = value
    return event


def _text_of(r: random.Random, event: Any) -> str:
    """Return JSON for an event, in one of the valid spellings."""
    style = r.random()
    plain = style < 0.5 or (r.random() < 0.95 and '\\ud83d"' in json.dumps(event))  # half a pair has no bytes
    text = json.dumps(event, ensure_ascii=plain, separators=(",", ":") if style < 0.3 else None)
    odd = r.random()
    if odd < 0.002:
        text = r.choice(["[DONE]", "[DONE] and more", "", "nonsense", "[1]", "null", "1", '"text"', "{", '{"error": {"message": "m", "type": "t"}}',
                         '{"error": "down"}', '{"a":' * 400 + "1" + "}" * 400, "[" * 100000, '{"n": ' + "9" * 5000 + "}", "\ufeff{}"])  # fmt: skip
    elif odd < 0.004:
        text = text[:-1] + r.choice(
            [', "created": 5}', ', "choices": []}', ', "type": "x"}', ', "x": NaN, "y": -0.0}', ', "z": "\\ud800"}']
        )
    elif odd < 0.005:
        text = text[: r.randrange(len(text))]
    return text


def _body(r: random.Random, events: list[Any]) -> bytes:
    """Frame the events: plain, or with one or more optional parts of server-sent events."""
    end = r.choice(["\n", "\n", "\n", "\r\n", "\r"])
    decorated = r.random() < 0.3
    space = r.choice([" ", " ", " ", ""])
    body = "\ufeff" if r.random() < 0.02 else ""
    for event in events:
        text = _text_of(r, event)
        lines = [f"data:{space}{text}"]
        if isinstance(event, dict) and "type" in event and r.random() < 0.95:
            lines.insert(0, f"event: {event['type']}".replace("\n", " ").replace("\r", " "))
        if decorated and r.random() < 0.1:
            odd = r.randrange(8)
            if odd == 0:
                lines.insert(0, r.choice([": comment", ":", ": é"]))
            elif odd == 1:
                lines.append(f"id: {r.randint(0, 9)}")
            elif odd == 2:
                lines.insert(0, r.choice(["retry: 10", "retry: x", "other: y", "data", "event:"]))
            elif odd == 3 and ", " in text:
                left, _, right = text.partition(", ")
                lines[-1:] = [f"data: {left},", f"data: {right}"]
            elif odd == 4:
                body += ": ping" + end + end
            elif odd == 5:
                body += end
            elif odd == 6:
                body += f"event: ping{end}{end}" if r.random() < 0.1 else f"{end}{end}"
            else:
                lines.insert(0, r.choice(["event: é", "event: thread.x", "event:error"]))
        body += end.join(lines) + end + end
        if decorated and r.random() < 0.01:
            end = r.choice(["\n", "\r\n", "\r"])
    if r.random() < 0.85:
        body += f"data:{space}[DONE]{end}{end}" + r.choice(["", "", "", "data: {}\n\n", "junk"])
    elif r.random() < 0.3:
        body = body[: -r.randint(1, 30)]
    raw = body.encode("utf-8", "surrogatepass")
    if r.random() < 0.01:
        place = r.randrange(len(raw) + 1)
        raw = raw[:place] + b"\xff" + raw[place:]
    return raw


def _reads(r: random.Random, raw: bytes) -> list[bytes]:
    """Split the bytes into network reads."""
    way = r.randrange(6)
    if way == 0 and len(raw) < 5000:
        return [raw[i : i + 1] for i in range(len(raw))]
    if way == 1:
        return [part + b"\n\n" for part in raw.split(b"\n\n")[:-1]] + [raw.split(b"\n\n")[-1]]
    if way == 2:
        return [raw]
    most = {3: 7, 4: 300, 5: 65536}.get(way, 2000)
    out: list[bytes] = []
    while raw:
        size = r.randint(1, most)
        out.append(raw[:size])
        raw = raw[size:]
    return out


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A response body: these reads, then an error, the end, or silence."""

    def __init__(self, reads: list[bytes], error: type[Exception] | None, hangs: bool = False) -> None:
        self.reads, self.error, self.hangs = reads, error, hangs
        self.waits = False
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield from self.reads
        if self.error is not None:
            raise self.error("broken")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for data in self:
            yield data
        if self.hangs:
            self.waits = True
            await asyncio.Event().wait()

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


@dataclass
class Case:
    """One stream, with its request and the way it is read."""

    api: str
    asked: dict[str, Any]
    settings: dict[str, Any]
    reads: list[bytes]
    error: type[Exception] | None
    take: int | None
    end: str
    is_async: bool

    @property
    def hangs(self) -> bool:
        """Whether the server stops sending and the caller's task is cancelled."""
        return self.is_async and self.end == "cancel" and self.error is None


def make_case(r: random.Random, *, long: bool = False) -> Case:
    """Return a random case; with `long`, a stream of several hundred events."""
    api = r.choice(["chat", "chat", "chat", "native", "bridged"])
    events = _response_events(r, long) if api == "native" else _chat_events(r, long)
    rate = r.choice([0, 0, 0, 0.02, 0.3])
    events = [_vary(r, event) if r.random() < rate else event for event in events]
    if r.random() < 0.05:
        r.shuffle(events)
    asked: dict[str, Any] = {"model": "step-3.7-flash"}
    settings: dict[str, Any] = {"on_unsupported": "ignore"}
    if api == "chat":
        asked.update(
            r.choice([
                {}, {}, {"stream_options": {"include_usage": True}}, {"model": "gpt-4o", "max_tokens": r.choice([1, 10, 1000])},
                {"n": 2}, {"response_format": {"type": "json_object"}}, {"tools": [TOOL], "parallel_tool_calls": False},
                {"functions": [TOOL["function"]]}, {"tools": [TOOL], "tool_choice": "required"},
            ])
        )  # fmt: skip
        settings["echo_requested_model"] = r.random() < 0.1
        settings["replay_reasoning"] = r.choice(["caller", "cache"])
    else:
        settings["responses_route"] = {"native": "native", "bridged": "chat"}[api]
    take = r.randint(1, 20) if r.random() < 0.2 else None
    error = r.choice(ERRORS) if r.random() < 0.1 else None
    end = r.choice(["break", "close", "with", "with", "next", "cancel"])
    case = Case(api, asked, settings, [], error, take, end, r.random() < 0.4)
    body = _body(r, events)
    if case.hangs:
        case.take = None
    if case.hangs or error is RuntimeError:  # after [DONE] an SDK keeps reading for only a tenth of a second
        body = body.replace(b"[DONE]", b"{}")
    case.reads = _reads(r, body)
    return case


ERRORS = [httpx.ReadError, httpx.ReadTimeout, httpx.RemoteProtocolError, RuntimeError]
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}},
}
