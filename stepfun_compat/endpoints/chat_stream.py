"""StepFun's chat streams as OpenAI would have sent them: all three shapes on record come out the same (api 4.5)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..exchange import Exchange, Json
from ..structured import FenceFilter
from .chat_messages import audio_id
from .chat_response import (
    Dict,
    UnexpectedBody,
    as_dict,
    as_list,
    citations,
    custom_input,
    fill_usage,
    finish_reason,
    is_built_in,
    new_call_id,
)
from .chat_tools import Tools


@dataclass
class _Call:
    """One tool call of a stream: its place in the caller's list and what has been told of it."""

    index: int
    id: str
    name: str = ""
    custom: bool = False
    arguments: str = ""
    wire_id: str = ""


@dataclass
class _Choice:
    """What has been seen of one choice."""

    role_sent: bool = False
    finished: str | None = None
    calls: list[_Call] = field(default_factory=lambda: [])
    by_id: dict[str, _Call] = field(default_factory=lambda: {})
    by_wire_index: dict[int, _Call] = field(default_factory=lambda: {})
    built_in: list[Dict] = field(default_factory=lambda: [])
    length: int = 0
    before_text: int | None = None
    cut: bool = False
    transcript: str = ""
    fences: FenceFilter | None = None


class ChatStream:
    """One streamed answer (a `StreamTransform`)."""

    def __init__(self, x: Exchange) -> None:
        self._x = x
        self._tools: Tools = x.notes.get("tools") or Tools()
        self._choices: dict[int, _Choice] = {}
        self._usage: Dict | None = None
        self._tokens = 0
        self._include_usage = bool(x.notes.get("include_usage"))
        self._cap: int | None = x.notes.get("cap")
        self._json_text = bool(x.notes.get("json_text"))
        self._echo = x.requested_model if x.settings.echo_requested_model else None
        self._head: Dict | None = None
        self._held: list[Dict] = []
        self.truncated = False

    # ------------------------------------------------------------ in

    def feed(self, chunk: Json) -> Sequence[Json]:
        """One chunk of StepFun's in, zero or more of OpenAI's out.

        Raises:
            UnexpectedBody: the chunk is not an object.
        """
        body = as_dict(chunk)
        if body is None:
            raise UnexpectedBody("a chunk is not an object")
        usage = as_dict(body.get("usage"))
        if usage is not None:
            tokens = usage.get("completion_tokens")
            if isinstance(tokens, int):
                self._tokens = tokens
            if any(usage.values()):  # the first chunk may carry zeros (api 4.5, A)
                self._usage = usage
        head = self._envelope(body)
        out: list[Dict] = []
        for entry in as_list(body.get("choices")):
            choice = as_dict(entry)
            if choice is not None:
                self._choice(choice, head, out)
        if not out:
            return out
        if self._held:
            held, self._held = self._held, []
            for early in held:
                early["created"] = head["created"]
            out = held + out
        elif head["created"] == 0 and not any(_tells(row) for row in out):
            # the first chunk may say created:0; it waits for a chunk that knows (api 4.5)
            self._held = out
            return ()
        return out

    def close(self) -> Sequence[Json]:
        """What is owed at the end: usage, if it was asked for, in one chunk without choices."""
        out: list[Dict] = self._held
        self._held = []
        unfinished = [index for index, state in self._choices.items() if state.finished is None]
        self.truncated = not self._choices or bool(unfinished)
        if not self.truncated:
            self._check_forced()
        if self._include_usage and self._usage is not None and self._head is not None:
            out.append({**self._head, "choices": [], "usage": fill_usage(self._usage)})
        return out

    @property
    def usage(self) -> Json:
        """The last usage StepFun reported, in OpenAI's shape; None if it reported none."""
        return fill_usage(self._usage)

    # ------------------------------------------------------------ envelope

    def _envelope(self, body: Dict) -> Dict:
        """The fields around the choices, the same on every chunk of a stream as OpenAI sends them."""
        created = body.get("created")
        if self._head is None:
            id = body.get("id")
            self._head = {
                "id": id if isinstance(id, str) and id else new_call_id("chunk").replace("call_", "chatcmpl-"),
                "object": "chat.completion.chunk",
                "created": created if isinstance(created, int) else 0,
                "model": self._echo or body.get("model") or self._x.model_id or "",
            }
        elif not self._head["created"] and isinstance(created, int) and created:
            self._head = {**self._head, "created": created}
        return self._head

    def _emit(self, out: list[Dict], head: Dict, index: int, delta: Dict, reason: str | None = None) -> None:
        row: Dict = {
            **head,
            "choices": [{"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}],
        }
        if self._include_usage:
            row["usage"] = None
        out.append(row)

    # ------------------------------------------------------------ one choice

    def _choice(self, choice: Dict, head: Dict, out: list[Dict]) -> None:
        index = choice.get("index")
        if not isinstance(index, int):
            index = 0
        state = self._choices.get(index)
        if state is None:
            state = self._choices[index] = _Choice()
            if self._json_text:
                state.fences = FenceFilter()
        given = as_dict(choice.get("delta")) or as_dict(choice.get("message")) or {}
        delta: Dict = {}
        if not state.role_sent:
            delta["role"] = "assistant"
            state.role_sent = True
        reasoning = given.get("reasoning_content") or given.get("reasoning")
        content = given.get("content")
        fragments = [row for entry in as_list(given.get("tool_calls")) if (row := as_dict(entry)) is not None]
        reason = choice.get("finish_reason") or None
        if isinstance(content, str) and content:
            content = self._text(state, content)
        if isinstance(content, str) and content:
            delta["content"] = content
        elif "role" in delta and isinstance(content, str) and not reasoning:
            delta["content"] = ""
        if reasoning:
            delta.setdefault("content", None)
            delta["reasoning"] = delta["reasoning_content"] = reasoning
            if state.before_text is None or not state.length:
                state.before_text = self._tokens
        for key in given:
            if key not in _KNOWN:
                delta[key] = given[key]
        audio = as_dict(given.get("audio"))
        if audio:
            state.transcript += str(audio.get("transcript") or "")
            delta["audio"] = audio
        calls = [row for fragment in fragments if (row := self._call(state, fragment)) is not None]
        if calls:
            if self._tools.legacy:
                delta["function_call"] = calls[0]["function"]
            else:
                delta["tool_calls"] = calls
        if reason is None:
            if delta:
                self._emit(out, head, index, delta)
            return
        self._finish(state, reason, index, delta, head, out)

    def _finish(self, state: _Choice, reason: str, index: int, delta: Dict, head: Dict, out: list[Dict]) -> None:
        tail = state.fences.close() if state.fences is not None else ""
        if tail and not state.cut:
            delta["content"] = (delta.get("content") or "") + tail
        custom = [call for call in state.calls if call.custom]
        if custom and not self._tools.legacy:
            told = [
                {
                    "index": c.index,
                    "id": c.id,
                    "type": "custom",
                    "custom": {"name": c.name, "input": custom_input(c.arguments)},
                }
                for c in custom
            ]
            delta["tool_calls"] = as_list(delta.get("tool_calls")) + told
        if state.built_in:
            delta["annotations"] = citations(state.built_in, state.length)
        if state.transcript:
            delta["audio"] = {
                **(as_dict(delta.get("audio")) or {}),
                "id": audio_id(state.transcript),
                "expires_at": 4102444800,
            }
        if delta:
            self._emit(out, head, index, delta)
        final = finish_reason(reason, bool(state.calls), self._tools.legacy)
        if state.cut and final == "stop":
            final = "length"
        state.finished = final
        self._emit(out, head, index, {}, final)

    def _text(self, state: _Choice, text: str) -> str:
        """Visible text up to the caller's cap, without a code fence where JSON was asked for."""
        if state.before_text is None:
            state.before_text = 0 if not state.length else state.before_text
        if state.cut:
            return ""
        if self._cap is not None and self._tokens:
            # StepFun counts tokens up to and including this chunk; what came before the text was reasoning
            used = self._tokens - (state.before_text or 0)
            if used > self._cap:
                state.cut = True
                return ""
        if state.fences is not None:
            text = state.fences.feed(text)
        state.length += len(text)
        return text

    # ------------------------------------------------------------ tool calls

    def _call(self, state: _Choice, fragment: Dict) -> Dict | None:
        """One fragment with an honest index; id, type and name only on the call's first."""
        if is_built_in(fragment):
            state.built_in.append(fragment)
            return None
        function = as_dict(fragment.get("function")) or {}
        call, first = self._slot(state, fragment, function)
        arguments = function.get("arguments")
        if arguments is None:
            arguments = ""
        elif not isinstance(arguments, str):
            arguments = json.dumps(arguments, ensure_ascii=False)
        call.arguments += arguments
        if call.custom or (self._tools.one_call and call.index > 0) or (self._tools.legacy and call.index > 0):
            return None
        if not first:
            return {"index": call.index, "function": {"arguments": arguments}} if arguments else None
        if self._tools.legacy:
            return {"index": call.index, "function": {"name": call.name, "arguments": arguments}}
        return {
            "index": call.index,
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": arguments},
        }

    def _slot(self, state: _Choice, fragment: Dict, function: Dict) -> tuple[_Call, bool]:
        """(the call a fragment belongs to, whether this is its first). By id, else by index, else by position: an id
        decides, since indexes may be missing or all zero (api 4.5, lessons 21)."""
        wire_id = fragment.get("id")
        wire_id = wire_id if isinstance(wire_id, str) else ""
        wire_index = fragment.get("index")
        wire_index = wire_index if isinstance(wire_index, int) else None
        name = function.get("name")
        name = name if isinstance(name, str) else ""
        if wire_id and wire_id in state.by_id:
            return state.by_id[wire_id], False
        if not wire_id:
            known = state.by_wire_index.get(wire_index) if wire_index is not None else None
            if known is None and wire_index is None and state.calls:
                last = state.calls[-1]
                starts_anew = bool(name) and _complete(last.arguments)
                known = None if starts_anew else last
            if known is not None:
                return known, False
        caller_name = self._tools.caller_name(name)
        call = _Call(
            index=len(state.calls),
            id=wire_id or new_call_id(len(state.calls), caller_name, self._head and self._head["id"]),
            name=caller_name,
            custom=caller_name in self._tools.custom,
            wire_id=wire_id,
        )
        state.calls.append(call)
        if wire_id:
            state.by_id[wire_id] = call
        if wire_index is not None:
            state.by_wire_index[wire_index] = call
        return call, True

    def _check_forced(self) -> None:
        """A stream is never asked again: a forced call that did not come is said by the policy."""
        forced = self._tools.forced
        if forced is None or any(state.calls for state in self._choices.values()):
            return
        self._x.notes["forced_missed"] = True


_KNOWN = frozenset({"role", "content", "reasoning", "reasoning_content", "tool_calls", "audio"})


def _tells(row: Dict) -> bool:
    """Whether a chunk has anything to show yet."""
    delta = row["choices"][0]["delta"]
    return (
        bool(delta.keys() - {"role", "content"})
        or bool(delta.get("content"))
        or bool(row["choices"][0]["finish_reason"])
    )


def _complete(arguments: str) -> bool:
    try:
        json.loads(arguments)
    except ValueError:
        return False
    return True
