"""The answers of the emulated model, by the deterministic rules in the docstring of `stepfun_compat.emulator`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..json_values import Object, is_array, is_object, parse_object
from .prompt_values import PromptValues, json_objects, looks_like_schema, words_of
from .schema_values import fill


@dataclass(frozen=True)
class Call:
    """A function call; `arguments` is JSON text."""

    name: str
    arguments: str
    id: str = ""


@dataclass(frozen=True)
class Turn:
    """One message, independent of the endpoint. `call_id` is set on tool results."""

    role: str
    text: str
    calls: tuple[Call, ...] = ()
    call_id: str = ""


@dataclass(frozen=True)
class Function:
    name: str
    description: str
    parameters: Object


@dataclass(frozen=True)
class Conversation:
    """The model's input. `schema` is the JSON Schema to fill; `json_mode` requests any JSON object."""

    turns: tuple[Turn, ...]
    functions: tuple[Function, ...] = ()
    schema: Object | None = None
    json_mode: bool = False


@dataclass(frozen=True)
class Reply:
    """An answer, before an endpoint formats it. None selects the default."""

    content: str = ""
    calls: tuple[Call, ...] = ()
    reasoning: str | None = None
    finish_reason: str | None = None
    usage: Object | None = field(default=None)


_STOP_WORDS = frozenset(
    """
    a an the is are was were be been am do does did have has had i you he she it we they me him her us them my
    your his its our their this that these those what which who whom whose when where why how and or but if then
    else so of in on at to for from by with about as into like can could will would shall should may might must
    please tell give get set fetch make show let s t re ve ll d m not no yes there here now just also any some
    one all use call tool function invoke using run return returns given user assistant answer question current
    value string number
    """.split()  # noqa: SIM905 - one word per line would be too long
)
_FINAL_NAME = re.compile(r"final_?(result|answer|output|response)|^(submit|respond|final)(_|$)", re.IGNORECASE)
_FINAL_TEXT = re.compile(r"\bfinal (result|answer|output|response)\b|ends this conversation", re.IGNORECASE)
# An instruction to call a tool: "You must answer by calling one of the available tools."
_ORDER = re.compile(
    r"\b(?:call|calling|use|using|invoke|invoking|run|try)\b[^.\n]{0,60}\b(?:tool|function)s?\b"
    r"|\b(?:must|have to|has to|need to|required to|shall|always)\b[^.\n]{0,60}\b(?:call|calling|use|using|invoke)\b"
    r"|\b(?:function|tool) call\b|调用|使用工具",
    re.IGNORECASE,
)
_ALWAYS = re.compile(r"\b(?:must|have to|has to|need to|required to|shall|always)\b", re.IGNORECASE)
_REFUSED = re.compile(
    r"\b(?:do not|don't|don’t|never|without|no need to)\b[^.\n]{0,40}\b(?:call|calling|use|using|invoke|invoking|tool|function)\b"
    r"[^.\n]{0,30}\b(?:tool|function)s?\b|\bwithout (?:any )?tools\b|不要调用",
    re.IGNORECASE,
)
# Other sentences that a message may contain and still be only an instruction.
_ABOUT_TEXT = re.compile(r"\b(?:text|prose|words|instead|now|please)\b", re.IGNORECASE)
_ORDERED = re.compile(r"\b(?:then|afterwards|after that|one at a time|step by step)\b|然后|再", re.IGNORECASE)
_TWO_OF = re.compile(r"\b(?:and|or|vs|versus|,)\b|[,、和与及]", re.IGNORECASE)


def answer(talk: Conversation) -> Reply:
    """Return the answer to a conversation."""
    talk = replace(talk, turns=tuple(_read_as_calls(talk.turns)))
    calls = choose_calls(talk)
    if calls:
        return Reply(calls=tuple(calls))
    last = _last_user(talk.turns)
    question = _user_text(talk.turns)
    results = [turn.text for turn in talk.turns[last + 1 :] if turn.role == "tool"]
    prompt = PromptValues(*reversed(results), question)
    if talk.schema is not None:
        return Reply(content=json.dumps(fill(talk.schema, prompt), ensure_ascii=False))
    schema = _schema_in_prompt(talk.turns, last)
    if talk.json_mode:
        schema = schema or _sample_in_prompt(talk.turns, last)
        return Reply(content=_json_object(schema, prompt, results[-1] if results else question))
    if schema is not None:
        # Without JSON mode the model often fences its JSON (stepfun-api 3.5).
        return Reply(content=f"```json\n{json.dumps(fill(schema, prompt), ensure_ascii=False, indent=2)}\n```")
    if results:
        return Reply(content="Here is what I found: " + "\n".join(results))
    return Reply(content=_echo(talk.turns, last))


def _json_object(schema: Object | None, prompt: PromptValues, otherwise: str) -> str:
    """Return the object for JSON mode: a value for the schema, or `{"answer": otherwise}` without one."""
    value: Any = {"answer": otherwise} if schema is None else fill(schema, prompt)
    return json.dumps(value if is_object(value) else {"value": value}, ensure_ascii=False)


_OBSERVED = re.compile(r"\s*Observation:\s*", re.IGNORECASE)
_CALLED = re.compile(r"\s*Calling tools:\s*(\[.*\])\s*", re.DOTALL)


def _read_as_calls(turns: Sequence[Turn]) -> Iterator[Turn]:
    """Yield the turns, with parsed calls and results where a framework (smolagents) wrote them as text."""
    called = False
    for turn in turns:
        match = _CALLED.fullmatch(turn.text) if turn.role == "assistant" and not turn.calls else None
        observed = _OBSERVED.match(turn.text) if turn.role == "user" and called else None
        if match is not None:
            calls = tuple(_written_calls(match.group(1)))
            called = called or bool(calls)
            yield replace(turn, calls=calls)
        elif observed is not None:
            yield Turn("tool", turn.text[observed.end() :])
        else:
            yield turn


def _written_calls(text: str) -> Iterator[Call]:
    """Yield the calls in a list of OpenAI tool calls, written as a Python literal."""
    import ast

    try:
        items: object = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        items = None
    for item in items if is_array(items) else []:
        function = item.get("function") if is_object(item) else None
        if is_object(function) and isinstance(function.get("name"), str):
            yield Call(function["name"], json.dumps(function.get("arguments"), ensure_ascii=False, default=str))


def _echo(turns: Sequence[Turn], last: int) -> str:
    if 0 <= last < len(turns) and turns[last].text:
        return turns[last].text
    return next((turn.text for turn in reversed(turns) if turn.text), "OK")


def _sentences(text: str) -> list[str]:
    return [part for part in re.split(r"(?<=[.!?;。！？；])\s*(?=\S)|\n+", text) if part.strip(" .;")]


def _orders(text: str) -> list[str]:
    """Return the sentences that instruct the model to call a function."""
    return [part for part in _sentences(text) if _ORDER.search(part) and not _REFUSED.search(part)]


def _only_orders(text: str) -> bool:
    """Whether a message is only an instruction to call, and so belongs to the previous question."""
    parts = _sentences(text)
    return bool(_orders(text)) and all(_ORDER.search(part) or _ABOUT_TEXT.search(part) for part in parts)


def _last_user(turns: Sequence[Turn]) -> int:
    """Return the index of the last question: the last user message that is not only an instruction to call."""
    places = [place for place, turn in enumerate(turns) if turn.role == "user"]
    for place in reversed(places[1:]):
        if not _only_orders(turns[place].text):
            return place
    return places[0] if places else -1


def _fresh(turns: Sequence[Turn], last: int) -> str:
    """Return the system and user text after the question and the last result."""
    start = max([last, *(place for place, turn in enumerate(turns) if turn.role == "tool")])
    return "\n".join(turn.text for turn in turns[start + 1 :] if turn.role not in ("assistant", "tool"))


def _user_text(turns: Sequence[Turn]) -> str:
    last = _last_user(turns)
    if last < 0:
        return "\n".join(turn.text for turn in turns if turn.role not in ("assistant", "tool"))
    return turns[last].text


def _instructions(turns: Sequence[Turn], last: int) -> Iterator[str]:
    """Yield the texts that may specify the answer's format, newest first: system messages and the current question."""
    for place, turn in reversed(list(enumerate(turns))):
        if turn.role not in ("assistant", "tool") and not (turn.role == "user" and place < last):
            yield turn.text


def _schema_in_prompt(turns: Sequence[Turn], last: int) -> Object | None:
    """Return the JSON Schema in a system message or the current question."""
    for text in _instructions(turns, last):
        if "json" not in text.lower() and "schema" not in text.lower():
            continue
        for item in json_objects(text):
            if looks_like_schema(item):
                return item
            wrapped = item.get("schema")
            if is_object(wrapped) and looks_like_schema(wrapped):
                return wrapped
    return None


_KEYS = re.compile(
    r"\b(?:keys?|fields?|properties|attributes)\b[^\n:]{0,20}?:?\s*((?:[`\"']?\w+[`\"']?(?:\s*\([^)]*\))?(?:\s*,\s*(?:and\s+)?|\s+and\s+))*"
    r"[`\"']?\w+[`\"']?)",
    re.IGNORECASE,
)


def _sample_in_prompt(turns: Sequence[Turn], last: int) -> Object | None:
    """Derive a schema from an example object in the prompt, or from listed keys ("with the keys name and age")."""
    for text in _instructions(turns, last):
        for item in json_objects(text):
            if item:
                return _schema_of(item)
        match = _KEYS.search(text)
        if match is not None:
            keys = re.findall(r"\w+", re.sub(r"\([^)]*\)|\band\b", " ", match.group(1)))
            return {"type": "object", "properties": {key: {"type": "string"} for key in keys}}
    return None


def _schema_of(value: object) -> Object:
    if is_object(value):
        return {"type": "object", "properties": {key: _schema_of(item) for key, item in value.items()}}
    if is_array(value):
        return {"type": "array", "items": _schema_of(value[0]) if value else {"type": "string"}}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int):
        return {"type": "integer"}
    return {"type": "number"} if isinstance(value, float) else {"type": "string"}


# -- tools -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _CallState:
    """What determines the function calls of a conversation."""

    user_text: str
    question: str
    """`user_text` without sentences that require a call."""
    orders: list[str]
    """The instructions to call after the question and the last result."""
    standing_orders: list[str]
    """The instructions to call before the question that always apply."""
    refused: bool
    done: list[Call]
    before: PromptValues
    """Values of the question, then of the results."""
    after: PromptValues
    """Values of the results, then of the question."""


def _call_state(turns: Sequence[Turn]) -> _CallState:
    last = _last_user(turns)
    user_text = _user_text(turns)
    fresh = _fresh(turns, last)
    standing = "\n".join(turn.text for turn in turns[: max(0, last)] if turn.role not in ("user", "assistant", "tool"))
    results = [turn.text for turn in turns[last + 1 :] if turn.role == "tool"]
    question = _question(user_text)
    return _CallState(
        user_text=user_text,
        question=question,
        orders=_orders(fresh),
        standing_orders=[part for part in _orders(standing) if _ALWAYS.search(part)],
        refused=any(_REFUSED.search(text) for text in (user_text, fresh)),
        done=[call for turn in turns[last + 1 :] for call in turn.calls],
        before=PromptValues(question, *reversed(results)),
        after=PromptValues(*reversed(results), question),
    )


def choose_calls(talk: Conversation) -> list[Call]:
    """Return the function calls for the next answer; none if it is text."""
    if not talk.functions:
        return []
    state = _call_state(talk.turns)
    if state.refused and not state.orders:
        return []
    named = _named(talk.functions, "\n".join(state.orders))
    if named:
        return [call for item in named for call in _calls_of(item, state.before, state.question, len(named) == 1)]
    open_calls = _next_calls([item for item in talk.functions if not _is_final(item)], state)
    return open_calls or _last_calls(talk.functions, [item for item in talk.functions if _is_final(item)], state)


def _next_calls(workers: Sequence[Function], state: _CallState) -> list[Call]:
    """Return the requested calls that are not made yet: only the first if the question orders them ("then")."""
    wanted = _wanted(workers, state)
    alone = len(wanted) == 1
    calls = [call for item in wanted for call in _open_calls(item, state.question, state.before, state.done, alone)]
    return calls[:1] if len(wanted) > 1 and _ORDERED.search(state.user_text) else calls


def _wanted(workers: Sequence[Function], state: _CallState) -> list[Function]:
    """Return the functions, except final ones, that the question or a standing order requests."""
    wanted = _mentioned(workers, state.user_text) or _named(workers, "\n".join(state.standing_orders))
    if wanted or state.done:
        return wanted
    ordered = bool(state.orders or _orders(state.user_text))
    return _overlapping(workers, state.user_text) or (list(workers[:1]) if ordered else [])


def _last_calls(functions: Sequence[Function], finals: Sequence[Function], state: _CallState) -> list[Call]:
    """Return the call that delivers the final answer, when all other requested calls are made."""
    if finals:
        chosen = _mentioned(finals, state.user_text) or _overlapping(finals, state.user_text) or finals
        return [_call(chosen[0], state.after)]
    if state.orders:  # an instruction after the results requires another call: of a new function, if there is one
        called = {call.name for call in state.done}
        rest = [item for item in functions if item.name not in called] or functions
        return [_call((_overlapping(rest, state.user_text) or rest)[0], state.after)]
    return []


def _question(text: str) -> str:
    """Remove sentences that only require a call, because arguments must not come from them."""
    kept = " ".join(part for part in _sentences(text) if not (_ORDER.search(part) and _ALWAYS.search(part)))
    return kept if kept.strip() else text


def _named(functions: Sequence[Function], text: str) -> list[Function]:
    """Return the functions that an instruction names explicitly: "the function x", "call x", `x`."""
    found: list[tuple[int, Function]] = []
    for item in functions:
        name = re.escape(item.name)
        match = re.search(
            rf"\b(?:functions?|tools?|call|calling|use|using|invoke|invoking)\s+(?:the\s+)?[`\"']?{name}(?![\w-])"
            rf"|[`\"']{name}[`\"']|(?<![\w-]){name}\s+(?:function|tool)\b",
            text,
        )
        if match is not None:
            found.append((match.start(), item))
    return [item for _, item in sorted(found, key=lambda pair: pair[0])]


def _is_final(item: Function) -> bool:
    return _FINAL_NAME.search(item.name) is not None or _FINAL_TEXT.search(item.description) is not None


def _mentioned(functions: Sequence[Function], text: str) -> list[Function]:
    """Return the functions that a text names, in order of occurrence."""
    found: list[tuple[int, Function]] = []
    for item in functions:
        words = words_of(item.name)
        spelled = {re.escape(item.name)}
        if len(words) > 1:
            spelled.add(r"[\s_-]+".join(re.escape(word) for word in words))
        match = re.search(rf"(?<![\w-])(?:{'|'.join(sorted(spelled))})(?![\w-])", text, re.IGNORECASE)
        if match is not None:
            found.append((match.start(), item))
    return [item for _, item in sorted(found, key=lambda pair: pair[0])]


def _stem(word: str) -> str:
    for tail in ("ing", "ies", "es", "ed", "s"):
        if word.endswith(tail) and len(word) - len(tail) >= 3:
            return word[: -len(tail)] + ("y" if tail == "ies" else "")
    return word[:-1] if word.endswith("e") and len(word) > 4 else word


def _keywords(text: str) -> set[str]:
    words = {_stem(word.lower()) for word in re.findall(r"[A-Za-z]{2,}", text) if word.lower() not in _STOP_WORDS}
    han = re.findall(r"[\u4e00-\u9fff]+", text)
    return words | {run[place : place + 2] for run in han for place in range(len(run) - 1)}


def _overlapping(functions: Sequence[Function], text: str) -> list[Function]:
    """Return the functions that share words with the text; after the first, only for a further word of their name."""
    keywords = _keywords(text)
    scored: list[tuple[float, int, Function, set[str]]] = []
    for place, item in enumerate(functions):
        name = {_stem(word) for word in words_of(item.name) if word not in _STOP_WORDS} & keywords
        text_hits = (_keywords(item.description) & keywords) - name
        fields_hit = _field_words(item) & keywords - name
        score = 3.0 * len(name) + 2.0 * len(fields_hit) + 1.5 * len(text_hits)
        if score >= 3:
            scored.append((-score, place, item, name))
    scored.sort(key=lambda row: (row[0], row[1]))
    chosen: list[Function] = []
    matched: set[str] = set()
    for _, _, item, name in scored:
        if not chosen or name - matched:
            chosen.append(item)
            matched |= name
    return chosen


def _field_words(item: Function) -> set[str]:
    """Return the word stems of a function's parameter names and enum values."""
    return {_stem(word) for text in (*_properties(item), *_choices(item.parameters)) for word in words_of(text)}


def _choices(schema: object) -> list[str]:
    """Return the strings in all enums of a schema."""
    found: list[str] = []
    waiting: list[object] = [schema]
    while waiting:
        part = waiting.pop()
        if is_object(part):
            own = part.get("enum")
            found += [value for value in own if isinstance(value, str)] if is_array(own) else []
            waiting += part.values()
        elif is_array(part):
            waiting += part
    return found


def _properties(item: Function) -> Object:
    value = item.parameters.get("properties")
    return value if is_object(value) else {}


def _open_calls(item: Function, question: str, prompt: PromptValues, done: Sequence[Call], alone: bool) -> list[Call]:
    """Return the calls of one function that are not made yet. Each is made once, so that agent loops end."""
    planned = _calls_of(item, PromptValues(question), question, alone)
    made = [call for call in done if call.name == item.name]
    if not made:
        return _calls_of(item, prompt, question, alone)
    if len(made) >= len(planned):
        return []
    return [call for call in planned if not _is_done(call, made)]


def _call(item: Function, prompt: PromptValues) -> Call:
    prompt = prompt.ignoring(frozenset({*words_of(item.name), item.name.lower()}))
    value: Any = fill(item.parameters, prompt) if item.parameters else {}
    return Call(item.name, json.dumps(value if is_object(value) else {}, ensure_ascii=False))


def _calls_of(item: Function, prompt: PromptValues, question: str, alone: bool) -> list[Call]:
    """Return one call, or one per named thing if the function takes one string and the question names several."""
    field = _only_text_field(item)
    if alone and field is not None and _TWO_OF.search(question):
        own = frozenset({*words_of(item.name), item.name.lower()})
        things = prompt.ignoring(own).names()
        if len(things) > 1 and not prompt.quoted():
            first = parse_object(_call(item, prompt).arguments) or {}
            return [Call(item.name, json.dumps({**first, field: thing}, ensure_ascii=False)) for thing in things[:8]]
    return [_call(item, prompt)]


def _only_text_field(item: Function) -> str | None:
    """Return the only field that a function requires, if it is a plain string."""
    properties = _properties(item)
    required = item.parameters.get("required")
    needed = required if is_array(required) else list(properties)
    rule = properties.get(needed[0]) if len(needed) == 1 else None
    plain = is_object(rule) and rule.get("type") == "string" and not {"enum", "format", "pattern"} & set(rule)
    return str(needed[0]) if plain else None


def _is_done(call: Call, done: Sequence[Call]) -> bool:
    value = parse_object(call.arguments)
    return any(item.name == call.name and (parse_object(item.arguments) == value) for item in done)


def reasoning_text(talk: Conversation, reply: Reply) -> str:
    """Return a sentence of reasoning, which is repeated up to the effort's number of tokens."""
    user_text = " ".join(_user_text(talk.turns).split())[:80]
    if reply.calls:
        names = ", ".join(call.name for call in reply.calls)
        return f"The user asks: {user_text}. I need the result of {names}, so I call it. "
    if talk.schema is not None or talk.json_mode:
        return f"The user asks: {user_text}. The answer has to be JSON, so I fill in each field. "
    return f"The user asks: {user_text}. I can answer this at once. "
