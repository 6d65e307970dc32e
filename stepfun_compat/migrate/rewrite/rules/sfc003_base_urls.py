"""SFC003: remove hard-coded OpenAI URLs that are passed to clients. The clients ignore them and use StepFun's URL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ... import surface
from ...facts import model as m
from ...uses import Use
from ..model import Edit, File, Fix, Project, RuleOutcome
from ..urls import is_openai_url

ID: Final = "SFC003"

_CLIENTS: Final = frozenset({"openai.OpenAI", "openai.AsyncOpenAI", "openai.Client", "openai.AsyncClient"})
_OPENAI_OR_AZURE: Final = re.compile(
    r"(?:(?:https?|wss?)://)?(?:[\w-]+\.)*(?:openai\.com|azure\.com)(?=[:/?#]|$)", re.IGNORECASE
)
_ARGUMENT: Final = re.compile(rb"base_url\s*=\s*[rRuU]?(?:\"[^\"\\]*\"|'[^'\\]*')")
_SPACE: Final = b" \t\f"


def apply(file: File, project: Project) -> RuleOutcome:
    """Return the arguments to remove, and the URLs that require a manual check."""
    outcome = RuleOutcome()
    if not file.is_python or not project.moves:
        return outcome
    seen: set[tuple[int, int]] = set()
    for use, argument, value in _given(file):
        seen.add((value.line, value.column))
        if not _OPENAI_OR_AZURE.match(value.value) or file.ignored(ID, argument.line, argument.end_line):
            continue
        if use.target in _CLIENTS and argument.name == "base_url" and is_openai_url(value.value):
            _take_out(file, use, argument, outcome)
        elif file.moved:
            outcome.note(ID, value.line, "the client ignores the URL and uses StepFun's")
    _report_other_urls(file, seen, outcome)
    return outcome


def _given(file: File) -> Iterator[tuple[Use, m.Argument, m.Text]]:
    """Yield the literal URLs passed to clients and calls."""
    for use in file.uses:
        if use.call is None or use.kind not in ("client_construction", "api_call"):
            continue
        for argument in use.call.arguments:
            if argument.name in surface.BASE_URL_ARGUMENTS and isinstance(argument.value, m.Text):
                yield use, argument, argument.value


def _take_out(file: File, use: Use, argument: m.Argument, outcome: RuleOutcome) -> None:
    if not file.moved or use.known != "resolved":
        outcome.refuse(ID, argument.line, "the client stays openai's in this run, so it keeps its URL")
        return
    start = file.text.offset(argument.line, argument.column)
    end = file.text.offset(argument.end_line, argument.end_column)
    if not _ARGUMENT.fullmatch(file.text.utf8[start:end]):
        outcome.refuse(ID, argument.line, "the URL is in parentheses or not a single string: remove it by hand")
        return
    span = removal(file.text.utf8, start, end)
    if span is None:
        outcome.refuse(ID, argument.line, "the argument cannot be removed safely: remove it by hand")
        return
    outcome.fixes.append(Fix(ID, argument.line, "remove the OpenAI URL", (Edit(*span, b""),)))


def removal(text: bytes, start: int, end: int) -> tuple[int, int] | None:
    """Return the span to remove for an argument, with its comma, or its line if nothing else is on it; None if no comma
    or parenthesis is next to it."""
    after = _skip(text, end)
    if text[after : after + 1] == b",":
        return _with_comma(text, start, after + 1)
    if text[after : after + 1] not in (b")", b"\r", b"\n", b"#"):
        return None
    before = len(text[:start].rstrip(b" \t\f\r\n"))
    if text[before - 1 : before] == b",":
        return before - 1, end
    return (start, end) if text[before - 1 : before] == b"(" else None


def _with_comma(text: bytes, start: int, end: int) -> tuple[int, int]:
    """Return the span of an argument and the comma after it, or of its line if nothing else is on it."""
    line = text.rfind(b"\n", 0, start) + 1
    rest = _skip(text, end)
    if not text[line:start].strip(_SPACE) and text[rest : rest + 1] in (b"\r", b"\n"):
        return line, rest + (2 if text[rest : rest + 2] == b"\r\n" else 1)
    return start, rest if text[rest : rest + 1] not in (b"#", b"\r", b"\n", b"") else end


def _skip(text: bytes, position: int) -> int:
    while text[position : position + 1] in (b" ", b"\t", b"\f"):
        position += 1
    return position


def _report_other_urls(file: File, seen: set[tuple[int, int]], outcome: RuleOutcome) -> None:
    """Report URLs that are not passed to a client directly."""
    for use in file.uses:
        if use.kind != "base_url" or (use.line, use.column) in seen or file.ignored(ID, use.line, use.end_line):
            continue
        if use.how == "argument":
            if isinstance(use.value, m.Text) and _OPENAI_OR_AZURE.match(use.value.value):
                outcome.note(ID, use.line, "the client ignores the URL and uses StepFun's")
        elif _reaches_a_client(file, use):
            outcome.note(ID, use.line, "the URL is passed to a client, which ignores it")
        else:
            outcome.refuse(ID, use.line, "this OpenAI URL is not passed to a client: requests to it still go to OpenAI")


def _reaches_a_client(file: File, literal: Use) -> bool:
    """Whether a name bound to the literal is passed to a client."""
    for use in file.uses:
        value = use.value
        if use.kind != "base_url" or use.how != "argument" or not isinstance(value, m.Name):
            continue
        for scope in (value.scope, 0):
            for bound in file.facts.scopes[scope].bindings.get(value.name, ()):
                if isinstance(bound, m.Text) and (bound.line, bound.column) == (literal.line, literal.column):
                    return True
    return False
