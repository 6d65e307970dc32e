"""Read settings and dependency files: variables, hosts, models, and requirements on openai.

Values of variables are never stored: a mark has the name of a variable, a model id, a host or a requirement.
"""

from __future__ import annotations

import json
import re
import sys
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from ..facts.vocabulary import kind_of
from .kinds import FileKind
from .marks import Mark, TextFacts, Unread

_REQUIREMENT: Final = re.compile(
    r"openai(?![\w.-])\s*(?:\[[^\]]*\])?\s*(?:\(?\s*(?:[<>=!~^]=?=?|@)[^#;]*)?(?:;[^#]*)?", re.IGNORECASE
)
_LINE_REQUIREMENT: Final = re.compile(rf"\s*(?P<what>{_REQUIREMENT.pattern})\s*(?:\\|--hash.*|#.*)?", re.IGNORECASE)
_QUOTED: Final = re.compile(r"\"([^\"\\\n]*(?:\\.[^\"\\\n]*)*)\"|'([^'\n]*)'")
_AFTER_KEY: Final = re.compile(r"\s*[:=]")
_ASSIGNED: Final = re.compile(
    r"(?:^|[\s;&\"'-])(?:export\s+|ENV\s+|ARG\s+|set\s+)?((?:AZURE_)?OPENAI_[A-Z0-9_]+)\s*(?==)"
)
_REFERENCE: Final = re.compile(r"\$\{?((?:AZURE_)?OPENAI_[A-Z0-9_]+)")
_ENV_LINE: Final = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*[=:]\s*(.*?)\s*$")
_YAML_KEY: Final = re.compile(r"([\"']?)([\w./-]+)\1\s*:(?=\s|$)\s*")
_PIP: Final = re.compile(r"\bpip3?\s+install\b(.*)")
_PIP_WORD: Final = re.compile(r"(?<![\w/.-])[\"']?(openai(?:\[[^\]]*\])?(?:[=<>!~]=?[^\s\"';&|]*)?)[\"']?(?=[\s;&|]|$)")
_LONGEST: Final = 300
"""Longer strings are not names."""
_KINDS: Final = {"model": "model_literal", "env": "env_var", "host": "base_url"}


def read_text_file(kind: FileKind, data: bytes) -> TextFacts:
    """Return the marks of a file other than Python, and its unread parts."""
    facts = TextFacts()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        facts.unread.append(Unread(f"not UTF-8 at byte {error.start}"))
        return facts
    if "\0" in text:
        facts.unread.append(Unread("contains NUL bytes"))
        return facts
    problem = _broken(kind, text)
    if problem is not None:
        facts.unread.append(Unread(problem))
        return facts
    facts.marks += sorted(_MARKS[kind](lines_of(text)), key=lambda mark: (mark.line, mark.column))
    return facts


def lines_of(text: str) -> list[str]:
    """Split a text at CR, LF or CRLF."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.split("\n")


def _broken(kind: FileKind, text: str) -> str | None:
    try:
        if kind == "json":
            _json_loads(text)
        elif kind in ("toml", "pyproject", "pipfile"):
            _toml_loads(text)
    except RecursionError:
        return "nested too deeply"
    except ValueError as error:
        return f"invalid {'JSON' if kind == 'json' else 'TOML'}: {error}"
    return None


def _json_loads(text: str) -> None:
    try:
        json.loads(text)
    except ValueError:
        json.loads(_without_comments(text))


def _toml_loads(text: str) -> None:
    from importlib import import_module

    import_module("tomllib" if sys.version_info >= (3, 11) else "tomli").loads(text)


def _without_comments(text: str) -> str:
    """Remove comments and trailing commas, which some tools allow in JSON."""
    if "//" not in text and "/*" not in text and not re.search(r",\s*[\]}]", text):
        return text
    text = re.sub(
        r"(\"(?:[^\"\\\n]|\\.)*\")|//[^\n\r]*|/\*.*?\*/", lambda found: found.group(1) or "", text, flags=re.S
    )
    return re.sub(r"(\"(?:[^\"\\\n]|\\.)*\")|,(?=\s*[\]}])", lambda found: found.group(1) or "", text)


def _mark(kind: str, target: str, number: int, line: str, start: int, end: int, role: str = "") -> Mark:
    column = len(line[:start].encode("utf-8", "replace"))
    return Mark(kind, target, number, column, column + len(line[start:end].encode("utf-8", "replace")), role)  # pyright: ignore[reportArgumentType]


def _whole(text: str, number: int, line: str, start: int, role: str = "") -> Iterator[Mark]:
    kind = kind_of(text) if len(text) < _LONGEST else None
    if kind is not None:
        yield _mark(_KINDS[kind], text, number, line, start, start + len(text), role)


_NAMED: Final = (
    "openai", "OPENAI", "azure.com", "gpt-", "davinci", "curie", "babbage", "cushman", "whisper-1", "tts-1", "dall-e-",
    "codex-", "sora-2", "text-", "moderation", "computer-use", "ft:", "o1", "o2", "o3", "o4",
)  # fmt: skip
"""Every string that names a model, variable or host of OpenAI contains one of these."""


def _candidate_lines(lines: list[str]) -> list[int]:
    """Return the numbers of the lines that may contain a name; a fast filter for long data files."""
    if len(lines) < 3:
        return list(range(1, len(lines) + 1))
    text = "\n".join(lines)
    places: list[int] = []
    for word in _NAMED:
        start = text.find(word)
        while start >= 0:
            places.append(start)
            start = text.find("\n", start)  # one match per line is enough
            start = -1 if start < 0 else text.find(word, start)
    ends = list(accumulate(len(line) + 1 for line in lines))
    return sorted({bisect_right(ends, place) + 1 for place in places})


def _quoted(lines: list[str]) -> Iterator[Mark]:
    """Yield the marks of JSON and TOML: in strings, which are keys before a colon or equals sign, and in bare keys."""
    for number in _candidate_lines(lines):
        line = lines[number - 1]
        if line.lstrip().startswith("#"):
            continue
        for found in _QUOTED.finditer(line):
            text = found[1] if found[1] is not None else found[2]
            if len(text) < _LONGEST and kind_of(text) is not None:
                key = _AFTER_KEY.match(line, found.end()) is not None
                yield from _whole(text, number, line, found.start() + 1, "key" if key else "")
        bare = re.match(r"\s*([\w.-]+)\s*=", line)
        if bare is not None:
            yield from _whole(bare.group(1), number, line, bare.start(1), "key")


def _env(lines: list[str]) -> Iterator[Mark]:
    for number, line in enumerate(lines, 1):
        found = _ENV_LINE.match(line)
        if found is None or line.lstrip().startswith("#"):
            continue
        yield from _whole(found.group(1), number, line, found.start(1), "key")
        yield from _value(found.group(2), number, line, found.start(2))


def _value(value: str, number: int, line: str, start: int) -> Iterator[Mark]:
    """Yield the marks of a scalar value, which may be quoted and followed by a comment."""
    quoted = _QUOTED.match(value)
    if quoted is not None:
        inner = quoted.group(1) if quoted.group(1) is not None else quoted.group(2)
        yield from _whole(inner, number, line, start + 1)
        value = inner
        start += 1
    else:
        plain = re.split(r"\s+#", value, maxsplit=1)[0].rstrip()
        yield from _whole(plain, number, line, start)
        value = plain
    for found in _REFERENCE.finditer(value):
        yield _mark("env_var", found.group(1), number, line, start + found.start(1), start + found.end(1), "reference")


_YAML_BLOCK: Final = re.compile(r"[|>][-+0-9]*\s*(?:#.*)?$")


def _yaml(lines: list[str]) -> Iterator[Mark]:
    block: int | None = None
    for number, line in enumerate(lines, 1):
        stripped = line.lstrip()
        indent = len(line) - len(stripped)
        if block is not None:
            if not stripped or indent > block:
                yield from _shell(number, line)
                continue
            block = None
        if not stripped or stripped.startswith("#"):
            continue
        position = _after_dashes(line, indent)
        key = _YAML_KEY.match(line, position)
        if key is not None:
            yield from _whole(key.group(2), number, line, key.start(2), "key")
            position = key.end()
        if _YAML_BLOCK.match(line, position):
            block = indent
        else:
            yield from _yaml_value(number, line, position, key is not None)


def _after_dashes(line: str, position: int) -> int:
    """Return the position after the dashes of list items in a line."""
    while line[position : position + 2] == "- ":
        position += 2
        position += len(line[position:]) - len(line[position:].lstrip())
    return position


def _yaml_value(number: int, line: str, position: int, named: bool) -> Iterator[Mark]:
    """Yield the marks of the value that starts at a position; `named`: it follows a key."""
    rest = line[position:]
    if rest[:1] in ("[", "{"):
        yield from _flow(rest, number, line, position)
    elif rest:
        assigned = None if named else _ASSIGNED.match(rest)
        if assigned is not None:
            start = position + assigned.start(1)
            yield _mark("env_var", assigned.group(1), number, line, start, start + len(assigned.group(1)), "key")
        yield from _value(rest, number, line, position)


def _flow(text: str, number: int, line: str, start: int) -> Iterator[Mark]:
    for found in re.finditer(r"\"([^\"]*)\"|'([^']*)'|[^\s,\[\]{}\"'#]+", text):
        quoted = found.lastindex is not None
        word = found.group(found.lastindex or 0)
        bare = word if quoted else word.rstrip(":")
        place = start + found.start(found.lastindex or 0)
        yield from _whole(bare, number, line, place, "key" if bare != word else "")


def _shell(number: int, line: str) -> Iterator[Mark]:
    """Yield the marks of a shell line: variables set and read, hosts, installed requirements."""
    if line.lstrip().startswith("#"):
        return
    for found in _ASSIGNED.finditer(line):
        yield _mark("env_var", found.group(1), number, line, found.start(1), found.end(1), "key")
    for found in _REFERENCE.finditer(line):
        yield _mark("env_var", found.group(1), number, line, found.start(1), found.end(1), "reference")
    for found in re.finditer(r"(?:https?|wss?)://[^\s\"'\\]+", line):
        if kind_of(found.group()) == "host":
            yield _mark("base_url", found.group(), number, line, found.start(), found.end())
    yield from _installed(number, line)


def _installed(number: int, line: str) -> Iterator[Mark]:
    command = _PIP.search(line)
    if command is not None:
        for found in _PIP_WORD.finditer(command.group(1)):
            start = command.start(1) + found.start(1)
            yield _mark("dependency", found.group(1), number, line, start, start + len(found.group(1)))


def _docker(lines: list[str]) -> Iterator[Mark]:
    for number, line in enumerate(lines, 1):
        yield from _shell(number, line)
        found = re.match(r"\s*(?:ENV|ARG)\s+([A-Za-z_]\w*)(?:[\s=]+(.*))?$", line, re.IGNORECASE)
        if found is None:
            continue
        if not _ASSIGNED.search(line):
            yield from _whole(found.group(1), number, line, found.start(1), "key")
        value = found.group(2)
        if value:
            yield from (mark for mark in _value(value, number, line, found.start(2)) if mark.role != "reference")


def _requirements(lines: list[str]) -> Iterator[Mark]:
    for number, line in enumerate(lines, 1):
        found = _LINE_REQUIREMENT.fullmatch(line)
        if found is not None:
            yield _requirement(found.group("what"), number, line, found.start("what"))


def _requirement(text: str, number: int, line: str, start: int) -> Mark:
    text = text.rstrip(" \t\\,")
    return _mark("dependency", text, number, line, start, start + len(text))


_DEPENDENCY_SECTION: Final = re.compile(r"dependenc|requires|packages|extras", re.IGNORECASE)


def _toml_dependencies(lines: list[str]) -> Iterator[Mark]:
    section, key = "", ""
    depth = 0
    for number, line in enumerate(lines, 1):
        header = _TOML_HEADER.match(line) if depth == 0 else None
        if header is not None:
            section, key = header.group(1).strip(), ""
            continue
        if line.lstrip().startswith("#"):
            continue
        named = _TOML_KEY.match(line) if depth == 0 else None
        key = key if named is None else named.group(2)
        listed = _DEPENDENCY_SECTION.search(section) is not None
        if named is not None and key.lower() == "openai" and listed:
            yield _requirement(line.strip(), number, line, len(line) - len(line.lstrip()))
            continue
        if listed or _DEPENDENCY_SECTION.search(key):
            yield from _quoted_requirements(number, line)
        plain = _QUOTED.sub("", line).partition("#")[0]
        depth = max(0, depth + plain.count("[") + plain.count("{") - plain.count("]") - plain.count("}"))
    yield from _quoted(lines)


_TOML_HEADER: Final = re.compile(r"\s*\[+([^\]\"']+)\]+\s*(?:#.*)?$")
_TOML_KEY: Final = re.compile(r"\s*([\"']?)([\w.-]+)\1\s*=")


def _quoted_requirements(number: int, line: str) -> Iterator[Mark]:
    """Yield the marks of the strings in a line that are requirements on openai."""
    for found in _QUOTED.finditer(line):
        text = found.group(1) if found.group(1) is not None else found.group(2)
        if _REQUIREMENT.fullmatch(text.strip()):
            yield _requirement(text, number, line, found.start() + 1)


def _setup_cfg(lines: list[str]) -> Iterator[Mark]:
    section, key = "", ""
    for number, line in enumerate(lines, 1):
        header = re.match(r"\[([^\]]+)\]", line)
        if header is not None:
            section, key = header.group(1), ""
            continue
        named = re.match(r"([\w.-]+)\s*=\s*", line)
        rest, start = line, 0
        if named is not None:
            key, rest, start = named.group(1), line[named.end() :], named.end()
        if section.startswith("options") and (key.endswith(("requires", "require")) or "extras" in section):
            found = _LINE_REQUIREMENT.fullmatch(rest)
            if found is not None:
                yield _requirement(found.group("what"), number, line, start + found.start("what"))


def _conda(lines: list[str]) -> Iterator[Mark]:
    for number, line in enumerate(lines, 1):
        found = re.match(r"\s*-\s*[\"']?(?:[\w-]+::)?(openai(?![\w.-])[^#\"']*)", line)
        if found is not None:
            yield _requirement(found.group(1), number, line, found.start(1))
    yield from _yaml(lines)


_MARKS: Final = {
    "requirements": _requirements,
    "pyproject": _toml_dependencies,
    "setup_cfg": _setup_cfg,
    "pipfile": _toml_dependencies,
    "conda": _conda,
    "env": _env,
    "yaml": _yaml,
    "toml": _quoted,
    "json": _quoted,
    "docker": _docker,
}


def requirement_in(text: str) -> bool:
    """Whether a string is exactly a requirement on openai."""
    return _REQUIREMENT.fullmatch(text.strip()) is not None


def shell_marks(number: int, line: str) -> list[Mark]:
    """Return the marks of a shell line."""
    return list(_shell(number, line))
