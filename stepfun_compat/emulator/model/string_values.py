"""Choose strings for a JSON Schema that match `format` and `pattern`, from the prompt if possible."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from typing import Any

from ..json_values import Object, is_integer, is_number
from .prompt_values import PromptValues, words_of

_FREE_TEXT = frozenset(
    [
        "query",
        "question",
        "text",
        "input",
        "message",
        "prompt",
        "content",
        "body",
        "request",
        "expression",
        "formula",
        "answer",
        "response",
        "reasoning",
        "summary",
        "output",
        "result",
        "description",
        "instructions",
        "task",
    ]
)
_FORMATS = {
    "date-time": "2026-01-02T03:04:05Z",
    "date": "2026-01-02",
    "time": "03:04:05Z",
    "duration": "P1D",
    "email": "user@example.com",
    "idn-email": "user@example.com",
    "hostname": "example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "json-pointer": "/a",
    "regex": "a",
    "byte": "YQ==",
    "binary": "YQ==",
}


class StringValues:
    """Choose the strings for one schema. Each field gets the next name in the prompt."""

    def __init__(self, prompt: PromptValues, keys: frozenset[str]) -> None:
        """`keys`: the schema's property names, which are not used as values even if the prompt quotes them."""
        self._prompt = prompt
        self._keys = keys
        self._taken = 0

    def value(self, rule: Object, name: str, index: int) -> str:
        """Return a string for the field `name`. `index` is the position in an array, else 0."""
        candidates = self._candidates(rule, name, index)
        pattern = rule.get("pattern")
        text = _matching(pattern, candidates) if isinstance(pattern, str) else candidates[0]
        fewest = rule["minLength"] if is_integer(rule.get("minLength")) else 0
        most = rule.get("maxLength")
        if is_integer(most):
            text = text[:most]
        return text + "x" * (fewest - len(text))

    def _candidates(self, rule: Object, name: str, index: int) -> list[str]:
        """Return possible strings, best first; there is at least one."""
        given = self._given(name)
        kind = _text_kind(rule.get("format"), set(words_of(name)))
        if kind is None:
            return self._free_candidates(given, rule, name, index)
        offered = {"email": self._prompt.emails, "uri": self._prompt.urls, "date": self._prompt.dates}.get(kind)
        return [
            *(item for item in given if _fits(item, kind)),
            *(offered() if offered is not None else ()),
            _FORMATS[kind],
        ]

    def _given(self, name: str) -> list[str]:
        """Return the values that the prompt gives for the field."""
        if not name:
            return []
        known = self._prompt.named(name)
        assigned = self._prompt.assigned(name)
        candidates: list[str] = []
        if isinstance(known, str) and known:
            candidates.append(known)
        elif is_number(known):
            candidates.append(str(known))
        if assigned:
            candidates.append(assigned)
        return candidates

    def _free_candidates(self, given: list[str], rule: Object, name: str, index: int) -> list[str]:
        """Return possible strings for a field without a format, best first."""
        quotes = self._no_keys(self._prompt.quoted())
        things = quotes + self._no_keys(self._prompt.names())
        whole = self._prompt.text.strip()
        if set(words_of(name)) & _FREE_TEXT:
            candidates = [*given, *quotes[:1], whole]
        else:
            default = rule.get("default")
            defaults = [default] if isinstance(default, str) else []
            candidates = [*(given or self._next_thing(things, index)), *defaults, *things, whole]
        candidates = [item for item in candidates if item.strip()] or [name or "text"]
        return candidates if things or not index else [f"{candidates[0][:60]} {index + 1}"]

    def _no_keys(self, texts: list[str]) -> list[str]:
        """Return the texts that are not property names of the schema."""
        return [text for text in texts if text not in self._keys]

    def _next_thing(self, things: list[str], index: int) -> list[str]:
        """Return the next thing for a field, or the one at `index` for an array item."""
        taken = self._taken
        self._taken += 1
        if not things:
            return []
        chosen = things[(taken if index == 0 else index) % len(things)]
        return [f"{chosen} {index + 1}" if index >= len(things) else chosen]


def _text_kind(form: object, words: set[str]) -> str | None:
    """Return the key of `_FORMATS` for a field's `format` and the words of its name; None for free text."""
    if form in ("email", "idn-email") or "email" in words:
        return "email"
    if form in ("uri", "url") or {"url", "uri", "link"} & words:
        return "uri"
    if form == "date" or ("date" in words and not form):
        return "date"
    return str(form) if form in _FORMATS else None


def _fits(text: str, form: str) -> bool:
    shapes = {
        "email": r"(?s).*@.*",
        "uri": r"(?s).*://.*",
        "date": r"\d{4}-\d\d-\d\d",
        "date-time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)",
        "time": r"\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?",
        "uuid": r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
        "duration": r"P(?=.)(\d+[YMWD])*(T(\d+[HMS])+)?",
        "hostname": r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*",
        "ipv4": r"\d{1,3}(\.\d{1,3}){3}",
    }
    return form in shapes and re.fullmatch(shapes[form], text) is not None


def _matches(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return False


def _matching(pattern: str, candidates: list[str]) -> str:
    """Return the first candidate that matches, else a string made for the pattern."""
    for item in candidates:
        if _matches(pattern, item):
            return item
    made = from_pattern(pattern)
    return made if made is not None else candidates[0]


def from_pattern(pattern: str) -> str | None:
    """Return a short string that a regular expression matches, or None if none can be made."""
    # The standard library's parser was moved in Python 3.11.
    parser: Any = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")
    try:
        made = _from_nodes(parser.parse(pattern))
    except (re.error, ValueError, LookupError, TypeError, RecursionError):
        return None
    return made if _matches(pattern, made) else None


_CLASSES = {"CATEGORY_DIGIT": "1", "CATEGORY_WORD": "a", "CATEGORY_SPACE": " ", "CATEGORY_NOT_DIGIT": "a"}
_CANDIDATES = "a1A0-_ .xyzbcdefghijklmnopqrstuvw"


def _from_nodes(nodes: Any) -> str:
    """Return a matching text for the nodes of a parsed expression. Raises ValueError for an unsupported node."""
    made: list[str] = []
    groups: dict[int, str] = {}
    for code, argument in nodes:
        kind = str(code)
        if kind == "SUBPATTERN":
            inner = _from_nodes(argument[3])
            if argument[0] is not None:
                groups[argument[0]] = inner
            made.append(inner)
        elif kind == "GROUPREF":
            made.append(groups[argument])
        elif kind in _TEXT_OF_NODE:
            made.append(_TEXT_OF_NODE[kind](argument))
        else:
            raise ValueError(kind)
    return "".join(made)


def _repeated(argument: Any) -> str:
    fewest, most, nodes = argument
    return _from_nodes(nodes) * max(int(fewest), min(1, int(most)))


def _nothing(_argument: Any) -> str:
    return ""


def _from_class(items: Any) -> str:
    negated = bool(items) and str(items[0][0]) == "NEGATE"
    if negated:
        for candidate in _CANDIDATES:
            if not any(_in_class(item, candidate) for item in items[1:]):
                return candidate
        raise ValueError("NEGATE")
    code, argument = items[0]
    kind = str(code)
    if kind == "LITERAL":
        return chr(argument)
    if kind == "RANGE":
        return chr(argument[0])
    return _CLASSES[str(argument)]


_TEXT_OF_NODE: dict[str, Callable[[Any], str]] = {
    "LITERAL": chr,
    "NOT_LITERAL": lambda character: "a" if character != ord("a") else "b",
    "ANY": lambda _: "a",
    "IN": _from_class,
    "BRANCH": lambda branches: _from_nodes(branches[1][0]),
    "MAX_REPEAT": _repeated,
    "MIN_REPEAT": _repeated,
    "POSSESSIVE_REPEAT": _repeated,
    "AT": _nothing,
    "ASSERT": _nothing,
    "ASSERT_NOT": _nothing,
}


def _in_class(item: Any, candidate: str) -> bool:
    kind = str(item[0])
    if kind == "LITERAL":
        return ord(candidate) == item[1]
    if kind == "RANGE":
        return bool(item[1][0] <= ord(candidate) <= item[1][1])
    name = str(item[1])
    tests = {
        "CATEGORY_DIGIT": candidate.isdigit(),
        "CATEGORY_NOT_DIGIT": not candidate.isdigit(),
        "CATEGORY_WORD": candidate.isalnum() or candidate == "_",
        "CATEGORY_NOT_WORD": not (candidate.isalnum() or candidate == "_"),
        "CATEGORY_SPACE": candidate.isspace(),
        "CATEGORY_NOT_SPACE": not candidate.isspace(),
    }
    return tests[name]
