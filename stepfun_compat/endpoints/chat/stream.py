"""StepFun's chat streams as OpenAI would have sent them: all three shapes on record come out the same (stepfun-api 4.5)."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence

from ..context import Json, RequestContext
from ..json_values import Dict, UnexpectedBody, as_dict, as_list, is_whole_json, whole_number
from ..model_resolution import shows_reasoning
from .messages import audio_id
from .response import (
    citations,
    custom_input,
    finish_reason,
    is_built_in,
    keep_answer_reasoning,
    new_call_id,
    remember_reasoning,
)
from .state import ChatState
from .stream_state import (
    CHUNK_FIELDS,
    DELTA_FIELDS,
    ChoiceState,
    StreamedCall,
    has_content,
    join_pieces,
    more_fields,
    more_of_delta,
    place_of,
)
from .structured_output import FenceFilter
from .usage import fill_usage

log = logging.getLogger("stepfun_compat")

STOPPED_WHILE_REASONING = (
    "the response has reasoning but no text: `stop` probably ended the reasoning. Call without stop, or without stream"
)


class ChatStream:
    """One streamed answer (a `StreamTransform`)."""

    reads_chunks = True

    def __init__(self, context: RequestContext) -> None:
        self._x = context
        state = context.state(ChatState)
        self._tools = state.tools
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

    # ------------------------------------------------------------ in

    def feed(self, chunk: Json) -> Sequence[Json]:
        """One chunk of StepFun's in, zero or more of OpenAI's out.

        Raises:
            UnexpectedBody: the chunk is not an object.
        """
        body: Dict | None = chunk if type(chunk) is dict else as_dict(chunk)  # pyright: ignore[reportUnknownVariableType]
        if body is None:
            raise UnexpectedBody("a chunk is not an object")
        usage = as_dict(body.get("usage"))
        self._grown = 0
        if usage is not None:
            tokens = usage.get("completion_tokens")
            if type(tokens) is not int:
                tokens = whole_number(tokens)
            if tokens is not None:
                self._tokens, self._grown = tokens, max(tokens - self._tokens, 0)
            if tokens or any(usage.values()):  # the first chunk may carry zeros (stepfun-api 4.5, A)
                self._usage = usage
        common = self._common(body)
        if common is not None:
            return common
        more = more_fields(body)
        head = {**self._envelope(body), **more}
        if not body.get("choices"):
            self._tail = more  # around the usage, which is told at the end
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
            # the first chunk may say created:0; it waits for a chunk that knows (stepfun-api 4.5)
            self._held = out
            return ()
        return out

    def close(self) -> Sequence[Json]:
        """What is owed at the end: usage, if it was asked for, in one chunk without choices."""
        out: list[Dict] = self._held
        self._held = []
        unfinished = {index: state for index, state in self._choices.items() if state.finished is None}
        self.truncated = not self._choices or bool(unfinished)
        for index, state in unfinished.items():
            # what was held back is the caller's, although the stream broke off: nothing but the end is missing
            delta: Dict = {}
            self._owed(state, delta)
            if delta and self._head is not None:
                self._emit(out, self._head, index, delta)
        if not self.truncated:
            self._check_forced()
        if self._include_usage and self._usage is not None and self._head is not None:
            out.append({**self._head, **self._tail, "choices": [], "usage": self.usage})
        return out

    @property
    def usage(self) -> Json:
        """The last usage StepFun reported, in OpenAI's shape; None if it reported none."""
        states = self._choices.values()
        text = sum(
            state.length + sum(len(call.wire_name) + len(call.arguments) for call in state.calls) for state in states
        )
        return fill_usage(self._usage, text, sum(len(piece) for state in states for piece in state.reasoning))

    def _common(self, body: Dict) -> Sequence[Json] | None:
        """What nearly every chunk comes to: one more piece of one choice's text or reasoning, or of a call's arguments.

        None for any other chunk, with nothing taken note of: the rest of `feed` says the same of these chunks, and
        knows all others.
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
        """The delta for one more piece of one kind, empty where the caller gets nothing of it; None for any other."""
        if reasoning:
            if content or fragments or type(reasoning) is not str:
                return None
            state.reasoning.append(reasoning)
            return {"reasoning": reasoning, "reasoning_content": reasoning} if self._shows_reasoning else {}
        if fragments:
            entry = None if content else self._more_arguments(state, fragments)
            return None if entry is None else {"tool_calls": [entry]}
        if content and type(content) is str:
            text = self._text(state, content, "")
            return {"content": text} if text else {}
        return None

    def _more_arguments(self, state: ChoiceState, fragments: Json) -> Dict | None:
        """The entry for one more piece of the arguments of a call that is being told; None for any other fragment."""
        try:
            (fragment,) = fragments
            call = state.by_wire_index[fragment["index"]]
            function, id = fragment["function"], fragment.get("id")
            arguments, name = function["arguments"], function.get("name")
        except (AttributeError, KeyError, TypeError, ValueError):
            return None
        if id or name or type(fragment["index"]) is not int or not call.told or not arguments:
            return None
        if type(arguments) is not str:
            return None
        if state.in_built_in or is_built_in(fragment) or self._tools.legacy:
            return None
        if not self._shown(call) or self._custom(call) or not call.arguments or arguments == call.arguments:
            return None
        call.arguments += arguments
        return {"index": call.index, "function": {"arguments": arguments}}

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
        index = choice.get("index")
        if not isinstance(index, int):
            index = 0
        state = self._choices.get(index)
        if state is None:
            state = self._choices[index] = ChoiceState(fences=FenceFilter() if self._json_text else None)
        given = as_dict(choice.get("delta")) or as_dict(choice.get("message")) or {}
        delta: Dict = {}
        if not state.role_sent:
            delta["role"] = "assistant"
            state.role_sent = True
        self._tell_text(state, given, delta)
        if not DELTA_FIELDS.issuperset(given):
            delta |= more_of_delta(given)
        audio = as_dict(given.get("audio"))
        if audio:
            state.transcript += str(audio.get("transcript") or "")
            delta["audio"] = audio
        fragments = given.get("tool_calls")
        if fragments:
            self._tell_calls(state, fragments, delta)
        reason = choice.get("finish_reason") or None
        logprobs = as_dict(choice.get("logprobs"))
        state.called = state.called or "function_call" in delta
        if reason is None or state.finished is not None:  # a reason said twice is told once
            if delta or logprobs:
                self._emit(out, head, index, delta, logprobs=logprobs)
            return
        self._finish(state, reason, index, delta, head, out, logprobs)

    def _tell_text(self, state: ChoiceState, given: Dict, delta: Dict) -> None:
        """Put the text and the reasoning of a chunk into the delta, as far as the caller gets them."""
        reasoning = given.get("reasoning_content") or given.get("reasoning")
        content = given.get("content")
        if isinstance(content, str) and content:
            content = self._text(state, content, reasoning if isinstance(reasoning, str) else "")
        if isinstance(content, str) and content:
            delta["content"] = content
        elif "role" in delta and (isinstance(content, str) or reasoning) and not given.get("tool_calls"):
            delta["content"] = ""
        if reasoning:
            state.reasoning.append(str(reasoning))
            if self._shows_reasoning:
                delta["reasoning"] = delta["reasoning_content"] = reasoning

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
        if reason != "length" and not self._cut_off(state):
            self._close_arguments(state, delta)
        self._owed(state, delta)
        if delta or logprobs:
            self._emit(out, head, index, delta, logprobs=logprobs)
        final = finish_reason(reason, bool(state.calls), self._tools)
        if state.called and not state.calls:
            final = reason  # a gateway that speaks of function_call itself
        if self._cut_off(state) or (state.cut and final == "stop"):
            final = "length"
        if final == "stop" and self._stopped_while_reasoning(state):
            log.warning("%s: %s", self._x.endpoint, STOPPED_WHILE_REASONING)
        state.finished = final
        self._emit(out, head, index, {}, final)
        self._remember(state)
        if state.reasoning and not self._shows_reasoning:
            keep_answer_reasoning(self._x, head["id"], "".join(state.reasoning))

    def _close_arguments(self, state: ChoiceState, delta: Dict) -> None:
        """Give calls without arguments the empty object that OpenAI sends."""
        for call in state.calls:
            if call.arguments.strip() or self._custom(call):
                continue
            entries = [] if call.told else self._start(call)
            call.arguments = "{}"
            if self._shown(call):
                self._tell(delta, [*entries, {"index": call.index, "function": {"arguments": "{}"}}])

    def _cut_off(self, state: ChoiceState) -> bool:
        """Whether StepFun's cap ended the answer inside the arguments of a call."""
        sent = self._x.state(ChatState).sent_cap
        if sent is None or not state.calls or self._tokens < sent:
            return False
        return any(call.arguments and not is_whole_json(call.arguments) for call in state.calls)

    def _stopped_while_reasoning(self, state: ChoiceState) -> bool:
        return bool(state.reasoning) and not state.length and not state.calls and bool(self._x.state(ChatState).stop)

    def _owed(self, state: ChoiceState, delta: Dict) -> None:
        """Put into the last delta of a choice what could not be told before."""
        tail = state.fences.close() if state.fences is not None else ""
        if tail and not state.cut:
            delta["content"] = (delta.get("content") or "") + tail
            state.length += len(tail)
        told = [entry for call in state.calls for entry in self._start(call)]
        told += [
            {"index": call.index, "custom": {"input": custom_input(call.arguments)}}
            for call in state.calls
            if self._custom(call) and self._shown(call) and call.arguments
        ]
        self._tell(delta, told)
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
        """Visible text up to the caller's cap, without a code fence where JSON was asked for."""
        if state.cut:
            return ""
        if state.fences is not None:
            text = state.fences.feed(text)
        elif self._cap is not None:
            text = self._capped(state, text, reasoning, self._cap)
        state.length += len(text)
        return text

    def _capped(self, state: ChoiceState, text: str, reasoning: str, cap: int) -> str:
        """The part of a piece of text that fits the cap, by the tokens StepFun reported for it: its usage counts up to
        and including this chunk, and what chunks without text added was reasoning."""
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
        state.cut = True
        fits = len(text) * max(cap - before, 0) // max(used - before, 1)
        return text[: fits if state.length else max(fits, 1)]

    def _remember(self, state: ChoiceState) -> None:
        if state.reasoning and not self._tools.legacy:
            calls = [
                (call.id, self._name(call), custom_input(call.arguments) if self._custom(call) else call.arguments)
                for call in state.calls
                if self._shown(call)
            ]
            remember_reasoning(self._x, calls, "".join(state.reasoning))

    # ------------------------------------------------------------ tool calls

    def _name(self, call: StreamedCall) -> str:
        return self._tools.caller_name(call.wire_name)

    def _custom(self, call: StreamedCall) -> bool:
        return self._name(call) in self._tools.custom and not self._tools.legacy

    def _shown(self, call: StreamedCall) -> bool:
        return call.index == 0 or not (self._tools.one_call or self._tools.legacy)

    def _tell(self, delta: Dict, entries: list[Dict]) -> None:
        """Add entries to a delta, one for a call: the SDK's accumulator takes the first list it meets as it is."""
        if self._tools.legacy:
            if entries:
                delta["function_call"] = join_pieces(
                    [as_dict(delta.get("function_call")), *(e["function"] for e in entries)]
                )
            return
        merged: dict[int, Dict] = {entry["index"]: entry for entry in as_list(delta.get("tool_calls"))}
        for entry in entries:
            known = merged.get(entry["index"])
            if known is None:
                merged[entry["index"]] = entry
                continue
            for key in ("function", "custom"):
                if key in entry:
                    known[key] = join_pieces([as_dict(known.get(key)), entry[key]])
        if merged:
            delta["tool_calls"] = [merged[index] for index in sorted(merged)]

    def _start(self, call: StreamedCall) -> list[Dict]:
        """The first entry of a call, with what has come of its arguments; nothing if it was told or is not shown."""
        if call.told:
            return []
        call.told = True
        if not self._shown(call):
            return []
        name = self._name(call)
        if self._tools.legacy:
            return [{"index": call.index, "function": {"name": name, "arguments": call.arguments}}]
        if self._custom(call):
            return [{"index": call.index, "id": call.id, "type": "custom", "custom": {"name": name, "input": ""}}]
        function = {"name": name, "arguments": call.arguments}
        return [{"index": call.index, "id": call.id, "type": "function", "function": function}]

    def _tell_calls(self, state: ChoiceState, fragments: Json, delta: Dict) -> None:
        rows = [row for entry in as_list(fragments) if (row := as_dict(entry)) is not None]
        self._tell(delta, [entry for row in rows for entry in self._call(state, row)])

    def _call(self, state: ChoiceState, fragment: Dict) -> list[Dict]:
        """One fragment with an honest index; id, type and name only on the call's first, which waits for the name."""
        function = as_dict(fragment.get("function")) or {}
        if self._is_built_in(state, fragment, function):
            state.built_in.append(fragment)
            return []
        arguments = function.get("arguments")
        if arguments is None:
            arguments = ""
        elif not isinstance(arguments, str):
            arguments = json.dumps(arguments, ensure_ascii=False)
        out: list[Dict] = []
        call = self._slot(state, fragment, function, arguments)
        if call is None:
            return []
        repeated = arguments == call.arguments and arguments.lstrip().startswith("{") and is_whole_json(arguments)
        if repeated or not (call.arguments or arguments.strip()):
            arguments = ""
        call.arguments += arguments
        if not call.told:
            if call.wire_name and (call.arguments or not self._may_continue(call.wire_name)):
                for earlier in state.calls[: call.index + 1]:  # in order, or the caller's list would be
                    out += self._start(earlier)
        elif arguments and self._shown(call) and not self._custom(call):
            out.append({"index": call.index, "function": {"arguments": arguments}})
        return out

    def _is_built_in(self, state: ChoiceState, fragment: Dict, function: Dict) -> bool:
        """Whether a fragment is of a search StepFun ran itself; a later one may say no more than its id, or nothing."""
        id = fragment.get("id")
        named = bool(function.get("name")) or bool(id)
        if is_built_in(fragment):
            state.in_built_in = True
            if isinstance(id, str) and id:
                state.built_in_ids[id] = None
            return True
        if (isinstance(id, str) and id in state.built_in_ids) or (state.in_built_in and not named):
            return True
        state.in_built_in = False
        return False

    def _may_continue(self, name: str) -> bool:
        """Whether a name may be the first part of a tool's name, whose rest comes in the next fragment."""
        return any(other != name and other.startswith(name) for other in self._tools.originals)

    def _slot(self, state: ChoiceState, fragment: Dict, function: Dict, arguments: str) -> StreamedCall | None:
        """Find or make the call a fragment belongs to; None for a fragment that holds nothing but an id.

        By id, else by index, else by position: an id decides, since indexes may be missing or all zero (stepfun-api 4.5). One
        id with two indexes, or with two names, is two calls.
        """
        wire_id, wire_name, wire_index = place_of(state, fragment, function)
        at_index = state.by_wire_index.get(wire_index) if wire_index is not None else None
        call = state.by_id.get(wire_id) if wire_id else None
        if call is not None and self._is_another(call, wire_index, wire_name):
            if at_index is None or at_index.wire_name != wire_name:
                return self._new_call(state, "", wire_name, wire_index)  # the id names the first of the two
            call = at_index
        blank = not wire_name and not arguments.strip()
        if call is None:
            place = at_index or (state.calls[-1] if wire_index is None and state.calls else None)
            if blank and (place is None or (wire_id and place.wire_id)):
                if wire_id:  # an id alone makes no call; a name may follow
                    state.pending_ids[wire_index] = wire_id
                return None
            if place is None or self._starts_anew(place, wire_id, wire_name, wire_index, arguments):
                return self._new_call(state, wire_id, wire_name, wire_index)
            call = place
        self._extend(state, call, wire_id, wire_name, wire_index)
        return call

    def _extend(
        self, state: ChoiceState, call: StreamedCall, wire_id: str, wire_name: str, wire_index: int | None
    ) -> None:
        """Note what one more fragment says of a known call."""
        if not call.wire_name:
            call.wire_name = wire_name
        elif wire_name and wire_name != call.wire_name and self._continues(call, wire_name):
            call.wire_name += wire_name
        if wire_id:
            if not call.wire_id and not call.told:
                call.id = wire_id
            call.wire_id = call.wire_id or wire_id
            state.by_id[wire_id] = call
        if wire_index is not None:
            state.by_wire_index[wire_index] = call

    def _new_call(self, state: ChoiceState, wire_id: str, wire_name: str, wire_index: int | None) -> StreamedCall:
        made = wire_id or new_call_id(len(state.calls), self._head and self._head["id"])
        call = StreamedCall(len(state.calls), made, wire_id, wire_name, wire_index)
        state.calls.append(call)
        if wire_id:
            state.by_id[wire_id] = call
        if wire_index is not None:
            state.by_wire_index[wire_index] = call
        return call

    def _is_another(self, known: StreamedCall, wire_index: int | None, wire_name: str) -> bool:
        """Whether a fragment with a known call's id is another call's first, because of its index or its name."""
        if not wire_name or not known.wire_name:
            return False
        if wire_name != known.wire_name:
            return not self._continues(known, wire_name)
        return wire_index is not None and known.wire_index is not None and wire_index != known.wire_index

    def _continues(self, known: StreamedCall, wire_name: str) -> bool:
        """Whether a name is the rest of a known call's name. The names of the tools that were sent decide."""
        if known.told or known.arguments:
            return False
        names = self._tools.originals
        return known.wire_name + wire_name in names or not names

    def _starts_anew(
        self, known: StreamedCall, wire_id: str, wire_name: str, wire_index: int | None, arguments: str
    ) -> bool:
        """Whether a fragment at a known call's place is another call's first: it brings its own id and name, or another
        name, or more arguments where the known ones are whole."""
        if wire_id and known.wire_id:
            return bool(wire_name) or (bool(arguments.strip()) and is_whole_json(known.arguments))
        if not wire_name or not known.wire_name:
            return False
        if wire_name != known.wire_name:
            return not self._continues(known, wire_name)
        if not arguments.strip() or not is_whole_json(known.arguments):
            return False
        return wire_index is None or wire_index != known.wire_index or arguments != known.arguments

    def _check_forced(self) -> None:
        """A stream is never asked again: a forced call that did not come is said by the policy."""
        forced = self._tools.forced
        if forced is None:
            return
        called = {call.wire_name for state in self._choices.values() for call in state.calls}
        if called & set(forced) if forced else called:
            return
        self._x.forced_call_missing = True
