"""Find values for fields in a prompt: assigned values, JSON values, quotes, numbers, proper names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import dropwhile
from typing import Any

from ..json_values import Object, as_list, as_object, is_array, is_object

_QUOTED = re.compile(
    r"\"([^\"\n]{1,200})\"|“([^”\n]{1,200})”|`([^`\n]{1,200})`|(?<![A-Za-z])'([^'\n]{1,200})'(?![A-Za-z])"
)
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?(?![\w])")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL = re.compile(r"https?://[^\s\"'<>)\]]+")
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_PROPER = re.compile(r"\b[A-Z][\w'’.-]*(?:[ \t]+(?:(?:of|de|la|the)[ \t]+)?[A-Z][\w'’-]*)*")
_PLACE = re.compile(
    r"\b(?:in|for|at|near|of|about|from|to|on)\s+(?:the\s+)?([\w' -]+?)"
    r"(?=\s*(?:[?.!,;:\n]|$|\b(?:and|or|in|on|at|today|tomorrow|right|now|please|using|with|is|are|by)\b))",
    re.IGNORECASE,
)
_HAN = re.compile(r"[\u4e00-\u9fff]{2,8}?(?=的|今天|明天|现在|天气|时间|[,，、和与?？。]|$)")
_NOT_NAMES = frozenset(
    [
        "a",
        "an",
        "and",
        "answer",
        "any",
        "are",
        "ask",
        "assistant",
        "be",
        "book",
        "by",
        "call",
        "can",
        "compare",
        "could",
        "create",
        "describe",
        "did",
        "do",
        "does",
        "explain",
        "extract",
        "fetch",
        "find",
        "finally",
        "first",
        "for",
        "from",
        "function",
        "functions",
        "generate",
        "get",
        "give",
        "hello",
        "help",
        "hi",
        "how",
        "i",
        "if",
        "in",
        "is",
        "it",
        "json",
        "just",
        "let",
        "list",
        "look",
        "make",
        "me",
        "must",
        "my",
        "no",
        "not",
        "now",
        "of",
        "ok",
        "one",
        "only",
        "or",
        "parse",
        "please",
        "plan",
        "reply",
        "respond",
        "return",
        "run",
        "say",
        "search",
        "send",
        "show",
        "solve",
        "sum",
        "summarize",
        "tell",
        "thanks",
        "that",
        "the",
        "then",
        "there",
        "these",
        "they",
        "this",
        "today",
        "tool",
        "tools",
        "translate",
        "two",
        "use",
        "using",
        "user",
        "using",
        "was",
        "we",
        "what",
        "what's",
        "whats",
        "when",
        "where",
        "where's",
        "which",
        "who",
        "who's",
        "why",
        "will",
        "with",
        "write",
        "yes",
        "you",
        "your",
        "add",
        "multiply",
        "i'm",
        "i'd",
        "i've",
        "let's",
        "calculate",
        "compute",
        "check",
        "describe",
    ]
)


def json_objects(text: str) -> Iterator[Object]:
    """Yield each outermost JSON object in a text."""
    decoder = json.JSONDecoder()
    position = text.find("{")
    while position != -1:
        try:
            value, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            end = position + 1
        else:
            if is_object(value):
                yield as_object(value)
        position = text.find("{", end)


def _without_json(text: str) -> str:
    """Remove the JSON objects from a text."""
    decoder = json.JSONDecoder()
    kept: list[str] = []
    start = 0
    position = text.find("{")
    while position != -1:
        try:
            _, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            end = position + 1
        else:
            kept.append(text[start:position])
            start = end
        position = text.find("{", end)
    return " ".join([*kept, text[start:]])


def looks_like_schema(value: Object) -> bool:
    return is_object(value.get("properties")) or (
        "$ref" in value and isinstance(value.get("$defs", value.get("definitions")), dict)
    )


def words_of(name: str) -> list[str]:
    """Split a name into words: `getWeather_by-city` into ["get", "weather", "by", "city"]."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]


class PromptValues:
    """The values in a prompt. Earlier texts have priority."""

    def __init__(self, *texts: str, ignore: frozenset[str] = frozenset()) -> None:
        self.ignore = ignore
        self.texts = [text for text in texts if text.strip()]
        self.text = "\n".join(self.texts)
        self._objects = [item for text in self.texts for item in json_objects(text) if not looks_like_schema(item)]
        self.plain_texts = [plain for plain in map(_without_json, self.texts) if plain.strip()]
        """The texts without their JSON objects, whose keys and quotes must not count as values."""

    def ignoring(self, words: frozenset[str]) -> PromptValues:
        """Return the same prompt with these lower-case words excluded from proper names."""
        return PromptValues(*self.texts, ignore=words)

    def named(self, name: str) -> Any:
        """Return the value of the key `name` in a JSON object of the prompt, or None."""
        for item in self._objects:
            found = _find_nested(item, name, 4)
            if found is not None:
                return found
        return None

    def assigned(self, name: str) -> str | None:
        """Return the value that the text assigns to the field: `a=2`, `city: Paris`, `the name is "Ann"`."""
        spelled = r"[\s_-]*".join(re.escape(word) for word in words_of(name)) or re.escape(name)
        match = re.search(
            rf"(?<![\w]){spelled}\s*(?:=|:|\bis\b|\bset to\b)\s*"
            r"(\"[^\"\n]*\"|'[^'\n]*'|`[^`\n]*`|-?\d+(?:\.\d+)?(?![\w-])|[^\s,;.()\n{}\[\]][^\s,;()\n{}\[\]]*)",
            self.text,
            re.IGNORECASE,
        )
        if match is None:
            return None
        value = match.group(1)
        return value[1:-1] if value[:1] in "\"'`" and len(value) > 1 else value.rstrip(".?!")

    def numbers(self) -> list[float]:
        return [
            float(item.replace(",", ""))
            for item in _NUMBER.findall(_DATE.sub(" ", _URL.sub(" ", "\n".join(self.plain_texts))))
        ]

    def quoted(self) -> list[str]:
        return [next(filter(None, item)) for item in _QUOTED.findall("\n".join(self.plain_texts))]

    def emails(self) -> list[str]:
        return _EMAIL.findall(self.text)

    def urls(self) -> list[str]:
        return [item.rstrip(".,") for item in _URL.findall(self.text)]

    def dates(self) -> list[str]:
        return _DATE.findall(self.text)

    def names(self) -> list[str]:
        """Return proper names: capitalized words, else words after a preposition, else leading Chinese words."""
        for names_in in (self._capitalised, _after_prepositions, _HAN.findall):
            for text in self.plain_texts:
                found = names_in(text)
                if found:
                    return list(dict.fromkeys(found))
        return []

    def _capitalised(self, text: str) -> list[str]:
        """Return the capitalized names of a text, without words that only start a sentence."""
        found: list[str] = []
        for match in _PROPER.finditer(_URL.sub(" ", text)):
            words = list(dropwhile(lambda word: word.lower().rstrip(".") in _NOT_NAMES, match.group().split()))
            name = re.sub(r"['’]s$", "", " ".join(words).rstrip("."))
            if name and name.lower() not in self.ignore and not re.fullmatch(r"[A-Z]?", name):
                found.append(name)
        return found


def _after_prepositions(text: str) -> list[str]:
    return [name for match in _PLACE.finditer(text) if (name := match.group(1).strip())]


def _find_nested(value: object, name: str, depth: int) -> Any:
    if depth < 0:
        return None
    if is_object(value):
        items = as_object(value)
        if name in items:
            return items[name]
        for item in items.values():
            found = _find_nested(item, name, depth - 1)
            if found is not None:
                return found
    elif is_array(value):
        for item in as_list(value):
            found = _find_nested(item, name, depth - 1)
            if found is not None:
                return found
    return None
