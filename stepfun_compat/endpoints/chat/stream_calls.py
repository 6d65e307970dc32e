"""Assemble the tool calls of a chat stream from their fragments (stepfun-api 4.5)."""

from __future__ import annotations

from collections.abc import Sequence

from ..context import Json
from ..json_values import Dict, as_dict, as_list, is_whole_json
from .response import custom_input, is_built_in, new_call_id
from .stream_state import ChoiceState, Fragment, StreamedCall, join_pieces, read_fragment
from .tools import Tools


class StreamedCalls:
    """Read fragments of tool calls, and write the entries of `delta.tool_calls` or the legacy `delta.function_call`.

    Only the first entry of a call has id, type and name; it is held back until the name is complete.
    """

    __slots__ = ("_tools", "response_id")

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self.response_id: Json = None

    def name(self, call: StreamedCall) -> str:
        """Return the caller's name for the tool of a call."""
        return self._tools.caller_name(call.wire_name)

    def is_custom(self, call: StreamedCall) -> bool:
        """Whether a call is of a free-text tool."""
        return self.name(call) in self._tools.custom and not self._tools.legacy

    def is_shown(self, call: StreamedCall) -> bool:
        """Whether the caller gets a call: every call, or only the first."""
        return call.index == 0 or not (self._tools.one_call or self._tools.legacy)

    # ------------------------------------------------------------ entries

    def merge(self, delta: Dict, entries: list[Dict]) -> None:
        """Add entries to a delta, one per call: the SDK's accumulator does not merge the first list of a stream."""
        if self._tools.legacy:
            _merge_function_call(delta, entries)
            return
        merged: dict[int, Dict] = {entry["index"]: entry for entry in as_list(delta.get("tool_calls"))}
        for entry in entries:
            known = merged.setdefault(entry["index"], entry)
            if known is entry:
                continue
            for key in ("function", "custom"):
                if key in entry:
                    known[key] = join_pieces([as_dict(known.get(key)), entry[key]])
        if merged:
            delta["tool_calls"] = [merged[index] for index in sorted(merged)]

    def start(self, call: StreamedCall) -> list[Dict]:
        """Return the first entry of a call, with its arguments so far; empty if it was emitted or is not shown."""
        if call.emitted:
            return []
        call.emitted = True
        if not self.is_shown(call):
            return []
        name = self.name(call)
        if self._tools.legacy:
            return [{"index": call.index, "function": {"name": name, "arguments": call.arguments}}]
        if self.is_custom(call):
            return [{"index": call.index, "id": call.id, "type": "custom", "custom": {"name": name, "input": ""}}]
        function = {"name": name, "arguments": call.arguments}
        return [{"index": call.index, "id": call.id, "type": "function", "function": function}]

    def add_empty_arguments(self, state: ChoiceState, delta: Dict) -> None:
        """Give calls without arguments the empty object that OpenAI sends."""
        for call in state.calls:
            if call.arguments.strip() or self.is_custom(call):
                continue
            entries = [] if call.emitted else self.start(call)
            call.arguments = "{}"
            if self.is_shown(call):
                self.merge(delta, [*entries, {"index": call.index, "function": {"arguments": "{}"}}])

    def pending(self, state: ChoiceState) -> list[Dict]:
        """Return the entries for the end of a choice: calls not emitted yet, and the input of free-text tools."""
        entries = [entry for call in state.calls for entry in self.start(call)]
        entries += [
            {"index": call.index, "custom": {"input": custom_input(call.arguments)}}
            for call in state.calls
            if self.is_custom(call) and self.is_shown(call) and call.arguments
        ]
        return entries

    # ------------------------------------------------------------ fragments

    def more_arguments(self, state: ChoiceState, fragments: Json) -> Dict | None:
        """Return the entry for more arguments of an emitted call, None for any other fragment.

        The hot path of a call. Other fragments change no state here; `add` reads them.
        """
        try:
            (fragment,) = fragments
            call = state.by_wire_index[fragment["index"]]
            function, id = fragment["function"], fragment.get("id")
            arguments, name = function["arguments"], function.get("name")
        except (AttributeError, KeyError, TypeError, ValueError):
            return None
        if id or name or type(fragment["index"]) is not int or not call.emitted or not arguments:
            return None
        if type(arguments) is not str:
            return None
        if state.in_built_in or is_built_in(fragment) or self._tools.legacy:
            return None
        if not self.is_shown(call) or self.is_custom(call) or not call.arguments or arguments == call.arguments:
            return None
        call.arguments += arguments
        return {"index": call.index, "function": {"arguments": arguments}}

    def add(self, state: ChoiceState, fragments: Sequence[Json], delta: Dict) -> None:
        """Read the fragments of one chunk, and add their entries to its delta."""
        rows = [row for entry in fragments if (row := as_dict(entry)) is not None]
        self.merge(delta, [entry for row in rows for entry in self._read(state, row)])

    def _read(self, state: ChoiceState, row: Dict) -> list[Dict]:
        """Read one fragment, and return the entries to emit."""
        function = as_dict(row.get("function")) or {}
        if self._is_built_in(state, row, function):
            state.built_in.append(row)
            return []
        fragment = read_fragment(state, row, function)
        call = self._call_of(state, fragment)
        if call is None:
            return []
        arguments = "" if _adds_nothing(call, fragment.arguments) else fragment.arguments
        call.arguments += arguments
        return self._entries(state, call, arguments)

    def _entries(self, state: ChoiceState, call: StreamedCall, arguments: str) -> list[Dict]:
        """Return the entries to emit after a fragment: its arguments, or the first entry once the name is complete."""
        if call.emitted:
            shown = arguments and self.is_shown(call) and not self.is_custom(call)
            return [{"index": call.index, "function": {"arguments": arguments}}] if shown else []
        if not call.wire_name or (not call.arguments and self._may_continue(call.wire_name)):
            return []
        # with those of earlier calls, so that the caller's list is in order
        return [entry for earlier in state.calls[: call.index + 1] for entry in self.start(earlier)]

    def _is_built_in(self, state: ChoiceState, row: Dict, function: Dict) -> bool:
        """Whether a fragment belongs to a search that StepFun runs. Later ones may have only its id, or nothing."""
        id = row.get("id")
        named = bool(function.get("name")) or bool(id)
        if is_built_in(row):
            state.in_built_in = True
            if isinstance(id, str) and id:
                state.built_in_ids[id] = None
            return True
        if (isinstance(id, str) and id in state.built_in_ids) or (state.in_built_in and not named):
            return True
        state.in_built_in = False
        return False

    # ------------------------------------------------------------ which call a fragment belongs to

    def _call_of(self, state: ChoiceState, fragment: Fragment) -> StreamedCall | None:
        """Find or create the call that a fragment belongs to; None for a fragment that has only an id.

        By id, else by index, else by position: the id comes first, since indexes may be missing or all zero
        (stepfun-api 4.5). One id with two indexes, or with two names, means two calls.
        """
        call = state.by_id.get(fragment.id) if fragment.id else None
        if call is None:
            return self._call_at(state, fragment)
        if self._is_another(call, fragment):
            at_index = state.by_wire_index.get(fragment.index)
            if at_index is None or at_index.wire_name != fragment.name:
                return self._new_call(state, "", fragment)  # the id stays the first call's
            call = at_index
        self._extend(state, call, fragment)
        return call

    def _call_at(self, state: ChoiceState, fragment: Fragment) -> StreamedCall | None:
        """Find the call by index or position, or create it."""
        call = state.by_wire_index.get(fragment.index) if fragment.index is not None else state.last_call
        if fragment.is_blank and (call is None or (fragment.id and call.wire_id)):
            if fragment.id:  # a name may follow
                state.pending_ids[fragment.index] = fragment.id
            return None
        if call is None or self._starts_another(call, fragment):
            return self._new_call(state, fragment.id, fragment)
        self._extend(state, call, fragment)
        return call

    def _new_call(self, state: ChoiceState, wire_id: str, fragment: Fragment) -> StreamedCall:
        id = wire_id or new_call_id(len(state.calls), self.response_id)
        call = StreamedCall(len(state.calls), id, wire_id, fragment.name, fragment.index)
        state.calls.append(call)
        if wire_id:
            state.by_id[wire_id] = call
        if fragment.index is not None:
            state.by_wire_index[fragment.index] = call
        return call

    def _extend(self, state: ChoiceState, call: StreamedCall, fragment: Fragment) -> None:
        """Add the name, id and index of a fragment to a known call."""
        if not call.wire_name:
            call.wire_name = fragment.name
        elif fragment.name and fragment.name != call.wire_name and self._continues(call, fragment.name):
            call.wire_name += fragment.name
        if fragment.id:
            if not call.wire_id and not call.emitted:
                call.id = fragment.id
            call.wire_id = call.wire_id or fragment.id
            state.by_id[fragment.id] = call
        if fragment.index is not None:
            state.by_wire_index[fragment.index] = call

    def _is_another(self, known: StreamedCall, fragment: Fragment) -> bool:
        """Whether a fragment with a known call's id is the first of another call, because of its index or its name."""
        if not fragment.name or not known.wire_name:
            return False
        if fragment.name != known.wire_name:
            return not self._continues(known, fragment.name)
        return fragment.index is not None and known.wire_index is not None and fragment.index != known.wire_index

    def _starts_another(self, known: StreamedCall, fragment: Fragment) -> bool:
        """Whether a fragment at the position of a known call is the first of another call.

        That is so if it has another id and a name, another name, or arguments although the known ones are complete.
        """
        if fragment.id and known.wire_id:
            return bool(fragment.name) or _has_more(known, fragment.arguments)
        if not fragment.name or not known.wire_name:
            return False
        if fragment.name != known.wire_name:
            return not self._continues(known, fragment.name)
        same_index = fragment.index is not None and fragment.index == known.wire_index
        repeated = same_index and fragment.arguments == known.arguments
        return not repeated and _has_more(known, fragment.arguments)

    def _may_continue(self, name: str) -> bool:
        """Whether a name may be the first part of a tool's name, continued in the next fragment."""
        return any(other != name and other.startswith(name) for other in self._tools.originals)

    def _continues(self, known: StreamedCall, name: str) -> bool:
        """Whether a name is the rest of a known call's name, according to the tool names in the request."""
        if known.emitted or known.arguments:
            return False
        names = self._tools.originals
        return known.wire_name + name in names or not names


def _merge_function_call(delta: Dict, entries: Sequence[Dict]) -> None:
    if entries:
        pieces = [as_dict(delta.get("function_call")), *(entry["function"] for entry in entries)]
        delta["function_call"] = join_pieces(pieces)


def _adds_nothing(call: StreamedCall, arguments: str) -> bool:
    """Whether a fragment's arguments are blank at the start of a call, or repeat its complete arguments."""
    if not call.arguments and not arguments.strip():
        return True
    return arguments == call.arguments and arguments.lstrip().startswith("{") and is_whole_json(arguments)


def _has_more(call: StreamedCall, arguments: str) -> bool:
    """Whether a fragment has arguments although those of its call are complete."""
    return bool(arguments.strip()) and is_whole_json(call.arguments)
