"""Translate StepFun's chat streams, which have one of three known shapes, to OpenAI's (stepfun-api 4.5)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from ..context import Json, RequestContext
from ..json_values import Dict, UnexpectedBody, as_dict, as_list, is_whole_json, type_of, whole_number
from ..model_resolution import shows_reasoning
from .messages import audio_id
from .response import (
    citations,
    custom_input,
    finish_reason,
    keep_answer_reasoning,
    new_call_id,
    remember_reasoning,
)
from .state import ChatState
from .stream_calls import StreamedCalls
from .stream_state import CHUNK_FIELDS, DELTA_FIELDS, ChoiceState, has_content, more_fields, more_of_delta
from .structured_output import FenceFilter
from .usage import fill_usage

log = logging.getLogger("stepfun_compat")

STOPPED_WHILE_REASONING = (
    "the response has reasoning but no text: `stop` probably ended the reasoning. Call without stop, or without stream"
)


class ChatStream:
    """Translate one stream of chat completion chunks (a `StreamTransform`)."""

    reads_chunks = True

    def __init__(self, context: RequestContext) -> None:
        self._context = context
        state = context.state(ChatState)
        self._tools = state.tools
        self._calls = StreamedCalls(state.tools)
        self._choices: dict[int, ChoiceState] = {}
        self._usage: Dict | None = None
        self._tokens = 0
        self._grown = 0
        self._include_usage = state.include_usage
        self._cap = state.cap
        self._json_text = state.json_text
        self._shows_reasoning = shows_reasoning(context)
        self._echo = context.requested_model if context.settings.echo_requested_model else None
        self._head: Dict | None = None
        self._tail: Dict = {}
        self._held: list[Dict] = []
        self.truncated = False

    # ------------------------------------------------------------ chunks

    def feed(self, chunk: Json) -> Sequence[Json]:
        """Translate one chunk, to any number of chunks.

        Raises:
            UnexpectedBody: the chunk is not an object.
        """
        body: Dict | None = chunk if type_of(chunk) is dict else as_dict(chunk)
        if body is None:
            raise UnexpectedBody("a chunk is not an object")
        usage: Any = body.get("usage")
        self._grown = 0
        if type_of(usage) is dict:
            tokens = usage.get("completion_tokens")
            if type(tokens) is not int:
                tokens = whole_number(tokens)
            if tokens is not None:
                self._tokens, self._grown = tokens, max(tokens - self._tokens, 0)
            if tokens or any(usage.values()):  # the first chunk may carry zeros (stepfun-api 4.5, A)
                self._usage = usage
        common = self._common(body)
        return self._translate(body) if common is None else common

    def _translate(self, body: Dict) -> Sequence[Json]:
        """Translate a chunk that `_common` does not."""
        more = more_fields(body)
        head = {**self._envelope(body), **more}
        if not body.get("choices"):
            self._tail = more  # beside the usage, which is emitted at the end
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
        elif head["created"] == 0 and not any(has_content(row) for row in out):
            # the first chunk may have created:0; it is held back until a chunk has the time (stepfun-api 4.5)
            self._held = out
            return ()
        return out

    def close(self) -> Sequence[Json]:
        """Return the chunks pending at the end: text and calls held back, and the usage chunk if it was requested."""
        out: list[Dict] = self._held
        self._held = []
        self.truncated = not self._choices or any(state.finished is None for state in self._choices.values())
        if self.truncated:
            self._close_unfinished(out)
        else:
            self._check_forced()
        if self._include_usage and self._usage is not None and self._head is not None:
            out.append({**self._head, **self._tail, "choices": [], "usage": self.usage})
        return out

    def _close_unfinished(self, out: list[Dict]) -> None:
        """Emit what was held back of choices that the stream did not finish; only their finish reason is missing."""
        for index, state in self._choices.items():
            delta: Dict = {}
            if state.finished is None:
                self._add_pending(state, delta)
            if delta and self._head is not None:
                self._emit(out, self._head, index, delta)

    @property
    def usage(self) -> Json:
        """The last usage StepFun reported, in OpenAI's shape; None if it reported none."""
        states = self._choices.values()
        text = sum(
            state.length + sum(len(call.wire_name) + len(call.arguments) for call in state.calls) for state in states
        )
        return fill_usage(self._usage, text, sum(len(piece) for state in states for piece in state.reasoning))

    def _common(self, body: Dict) -> Sequence[Json] | None:
        """Translate a chunk with more text or reasoning of one choice, or more arguments of one call: nearly every chunk.

        Returns None for any other chunk, without changing any state. `_translate` gives the same result, only slower.
        """
        head = self._head
        if head is None or self._held or (not head["created"] and body.get("created")):
            return None
        try:
            (choice,) = body["choices"]
            index, given = choice["index"], choice["delta"]
            state = self._choices[index]
            content, fragments = given.get("content"), given.get("tool_calls")
            reasoning = given.get("reasoning_content") or given.get("reasoning")
        except (AttributeError, KeyError, TypeError, ValueError):
            return None
        if type(index) is not int or state.finished is not None or choice.get("finish_reason"):
            return None
        if given.get("audio") or choice.get("logprobs") is not None or not DELTA_FIELDS.issuperset(given):
            return None
        delta = self._one_more(state, reasoning, content, fragments)
        if not delta:
            return None if delta is None else ()
        row: Dict = {**head, "choices": [{"index": index, "delta": delta, "logprobs": None, "finish_reason": None}]}
        if self._include_usage:
            row["usage"] = None
        if not CHUNK_FIELDS.issuperset(body):
            row |= more_fields(body)
        return (row,)

    def _one_more(self, state: ChoiceState, reasoning: Json, content: Json, fragments: Json) -> Dict | None:
        """Return the delta for content of a single kind, empty if the caller gets none of it; None otherwise."""
        if reasoning:
            if content or fragments or type(reasoning) is not str:
                return None
            state.reasoning.append(reasoning)
            return {"reasoning": reasoning, "reasoning_content": reasoning} if self._shows_reasoning else {}
        if fragments:
            entry = None if content else self._calls.more_arguments(state, fragments)
            return None if entry is None else {"tool_calls": [entry]}
        if content and type(content) is str:
            text = self._text(state, content, "")
            return {"content": text} if text else {}
        return None

    # ------------------------------------------------------------ envelope

    def _envelope(self, body: Dict) -> Dict:
        """Return the fields beside the choices, which are the same on every chunk of a stream, as with OpenAI."""
        created = body.get("created")
        if self._head is None:
            self._head = self._first_envelope(body)
            self._calls.response_id = self._head["id"]
        elif not self._head["created"] and isinstance(created, int) and created:
            self._head = {**self._head, "created": created}
        return self._head

    def _first_envelope(self, body: Dict) -> Dict:
        id, created = body.get("id"), body.get("created")
        return {
            "id": id if isinstance(id, str) and id else new_call_id("chunk").replace("call_", "chatcmpl-"),
            "object": "chat.completion.chunk",
            "created": created if isinstance(created, int) else 0,
            "model": self._echo or body.get("model") or self._context.model_id or "",
        }

    def _emit(
        self,
        out: list[Dict],
        head: Dict,
        index: int,
        delta: Dict,
        reason: str | None = None,
        logprobs: Json = None,
    ) -> None:
        row: Dict = {
            **head,
            "choices": [{"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}],
        }
        if self._include_usage:
            row["usage"] = None
        out.append(row)

    # ------------------------------------------------------------ one choice

    def _choice(self, choice: Dict, head: Dict, out: list[Dict]) -> None:
        """Translate one choice of a chunk."""
        index = choice.get("index")
        if not isinstance(index, int):
            index = 0
        state = self._choices.get(index)
        if state is None:
            state = self._choices[index] = ChoiceState(fences=FenceFilter() if self._json_text else None)
        delta = self._delta(state, choice)
        reason = choice.get("finish_reason") or None
        logprobs = as_dict(choice.get("logprobs"))
        if reason is not None and state.finished is None:  # a second finish reason is ignored
            self._finish(state, reason, index, delta, head, out, logprobs)
        elif delta or logprobs:
            self._emit(out, head, index, delta, logprobs=logprobs)

    def _delta(self, state: ChoiceState, choice: Dict) -> Dict:
        """Translate the delta of a choice, or its message, which some gateways send instead."""
        given = as_dict(choice.get("delta")) or as_dict(choice.get("message")) or {}
        delta: Dict = {}
        if not state.role_sent:
            delta["role"] = "assistant"
            state.role_sent = True
        self._add_text(state, given, delta)
        if not DELTA_FIELDS.issuperset(given):
            delta |= more_of_delta(given)
        audio = as_dict(given.get("audio"))
        if audio:
            state.transcript += str(audio.get("transcript") or "")
            delta["audio"] = audio
        fragments = given.get("tool_calls")
        if fragments:
            self._calls.add(state, as_list(fragments), delta)
        state.called = state.called or "function_call" in delta
        return delta

    def _add_text(self, state: ChoiceState, given: Dict, delta: Dict) -> None:
        """Add the text and the reasoning that the caller gets to the delta."""
        content = given.get("content")
        reasoning = given.get("reasoning_content") or given.get("reasoning")
        text = self._new_text(state, content, reasoning)
        if text:
            delta["content"] = text
        elif "role" in delta and (isinstance(content, str) or reasoning) and not given.get("tool_calls"):
            delta["content"] = ""
        if reasoning:
            state.reasoning.append(str(reasoning))
            if self._shows_reasoning:
                delta["reasoning"] = delta["reasoning_content"] = reasoning

    def _new_text(self, state: ChoiceState, content: Json, reasoning: Json) -> str:
        if not isinstance(content, str) or not content:
            return ""
        return self._text(state, content, reasoning if isinstance(reasoning, str) else "")

    def _finish(
        self,
        state: ChoiceState,
        reason: str,
        index: int,
        delta: Dict,
        head: Dict,
        out: list[Dict],
        logprobs: Dict | None,
    ) -> None:
        """Emit the last delta of a choice, then its finish reason."""
        if reason != "length" and not self._is_call_truncated(state):
            self._calls.add_empty_arguments(state, delta)
        self._add_pending(state, delta)
        if delta or logprobs:
            self._emit(out, head, index, delta, logprobs=logprobs)
        state.finished = self._finish_reason(state, reason)
        self._emit(out, head, index, {}, state.finished)
        self._remember(state)
        if state.reasoning and not self._shows_reasoning:
            keep_answer_reasoning(self._context, head["id"], "".join(state.reasoning))

    def _finish_reason(self, state: ChoiceState, reason: str) -> str:
        final = finish_reason(reason, bool(state.calls), self._tools)
        if state.called and not state.calls:
            final = reason  # a gateway sent function_call itself
        if self._is_call_truncated(state) or (state.truncated and final == "stop"):
            final = "length"
        if final == "stop" and self._stopped_while_reasoning(state):
            log.warning("%s: %s", self._context.endpoint, STOPPED_WHILE_REASONING)
        return final

    def _is_call_truncated(self, state: ChoiceState) -> bool:
        """Whether StepFun's cap ended the response inside the arguments of a call."""
        sent = self._context.state(ChatState).sent_cap
        if sent is None or not state.calls or self._tokens < sent:
            return False
        return any(call.arguments and not is_whole_json(call.arguments) for call in state.calls)

    def _stopped_while_reasoning(self, state: ChoiceState) -> bool:
        return (
            bool(state.reasoning) and not state.length and not state.calls and bool(self._context.state(ChatState).stop)
        )

    def _add_pending(self, state: ChoiceState, delta: Dict) -> None:
        """Add what was held back to the last delta of a choice: text, calls, citations and the audio id."""
        tail = state.fences.close() if state.fences is not None else ""
        if tail and not state.truncated:
            delta["content"] = (delta.get("content") or "") + tail
            state.length += len(tail)
        self._calls.merge(delta, self._calls.pending(state))
        found = citations(state.built_in, state.length)
        if found:
            delta["annotations"] = found
        if state.transcript:
            delta["audio"] = {
                **(as_dict(delta.get("audio")) or {}),
                "id": audio_id(state.transcript),
                "expires_at": 4102444800,
            }

    def _text(self, state: ChoiceState, text: str, reasoning: str) -> str:
        """Return the visible text up to the caller's cap, without a code fence if JSON was requested."""
        if state.truncated:
            return ""
        if state.fences is not None:
            text = state.fences.feed(text)
        elif self._cap is not None:
            text = self._capped(state, text, reasoning, self._cap)
        state.length += len(text)
        return text

    def _capped(self, state: ChoiceState, text: str, reasoning: str, cap: int) -> str:
        """Return the part of a piece of text that fits the cap, by the tokens StepFun reports.

        Its usage includes this chunk; tokens added by chunks without text are reasoning.
        """
        before = state.text_tokens
        state.size += len(text.encode("utf-8", "surrogatepass"))
        used = before + round(self._grown * len(text) / (len(text) + len(reasoning)))
        details = as_dict((self._usage or {}).get("completion_tokens_details")) or {}
        reported = details.get("reasoning_tokens")
        if isinstance(reported, int) and reported and self._grown:
            used = min(used, max(self._tokens - reported, before))
        state.text_tokens = used = min(used, state.size)  # a token is at least a byte of text
        if used <= cap:
            return text
        state.truncated = True
        fits = len(text) * max(cap - before, 0) // max(used - before, 1)
        return text[: fits if state.length else max(fits, 1)]

    def _remember(self, state: ChoiceState) -> None:
        if state.reasoning and not self._tools.legacy:
            calls = [
                (
                    call.id,
                    self._calls.name(call),
                    custom_input(call.arguments) if self._calls.is_custom(call) else call.arguments,
                )
                for call in state.calls
                if self._calls.is_shown(call)
            ]
            remember_reasoning(self._context, calls, "".join(state.reasoning))

    def _check_forced(self) -> None:
        """Note a missing forced call. A stream gets no correction, so `Settings.on_unsupported` decides the outcome."""
        forced = self._tools.forced
        if forced is None:
            return
        called = {call.wire_name for state in self._choices.values() for call in state.calls}
        if called & set(forced) if forced else called:
            return
        self._context.forced_call_missing = True
