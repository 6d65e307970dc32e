"""Find the positions of the expressions in an f-string. Python reports them since 3.12; with older versions, this
module searches the source."""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from typing import Final

from ....facts import SourceText, parse

Places = dict[ast.AST, "tuple[int, int] | None"]

_PREFIX: Final = re.compile(r"([A-Za-z]*)('''|\"\"\"|'|\")")


def places_in_fstrings(node: ast.JoinedStr, text: SourceText) -> Places:
    """Return the position in the UTF-8 text of each expression inside an f-string, or None if it is uncertain.

    Expressions in a format specification and in `f"{name=}"`, which prints its source, have none.
    """
    values = [one for one in node.values if isinstance(one, ast.FormattedValue)]
    places: Places = {inside: None for one in values for inside in ast.walk(one)}
    simple = [one for one in values if not any(isinstance(inside, ast.JoinedStr) for inside in ast.walk(one.value))]
    if sys.version_info >= (3, 12):
        for one in simple:
            _keep(one.value, text, places)
        return places
    start = text.offset(node.lineno, node.col_offset)
    end = text.offset(node.end_lineno or 1, node.end_col_offset or 0)
    try:
        found = list(_fields(text.utf8[start:end].decode("utf-8")))
    except (tokenize.TokenError, SyntaxError, IndexError, ValueError):
        return places
    if len(found) == len(values):
        for one, (position, source) in zip(values, found, strict=True):
            if one in simple:
                _find(one.value, start + position, source, places)
    return places


def _keep(value: ast.expr, text: SourceText, places: Places) -> None:
    """Use the positions that Python reports, unless the source is printed as well."""
    spans: Places = {node: _span(node, text) for node in _nodes(value)}
    start, end = _span(value, text)
    behind = text.utf8[end:].lstrip(b" \t\r\n)")
    if not behind.startswith(b"=") and _parsed(text.utf8[start:end].decode("utf-8", "replace"), value) is not None:
        places.update(spans)


def _find(value: ast.expr, start: int, source: str, places: Places) -> None:
    """Find the positions in an expression by parsing it alone; `start` is the position of its source."""
    again = _parsed(source, value)
    if again is not None:
        inside = SourceText(f"({source}\n)".encode(), "utf-8", 0)
        for node, other in zip(_nodes(value), _nodes(again), strict=True):
            first, last = _span(other, inside)
            places[node] = (start + first - 1, start + last - 1)


def _parsed(source: str, value: ast.expr) -> ast.expr | None:
    """Parse a source in parentheses; return None if it is not the expected expression."""
    try:
        body = parse(f"({source}\n)").body
    except (SyntaxError, ValueError):
        return None
    statement = body[0] if len(body) == 1 else None
    if not isinstance(statement, ast.Expr) or ast.dump(statement.value) != ast.dump(value):
        return None
    return statement.value


def _nodes(value: ast.expr) -> list[ast.expr | ast.keyword]:
    """Return the nodes of an expression that have a position."""
    return [one for one in ast.walk(value) if isinstance(one, ast.expr | ast.keyword)]


def _span(node: ast.expr | ast.keyword, text: SourceText) -> tuple[int, int]:
    start = text.offset(node.lineno, node.col_offset)
    return start, text.offset(node.end_lineno or node.lineno, node.end_col_offset or 0)


def _fields(source: str) -> Iterator[tuple[int, str]]:
    """Yield the position in UTF-8 and the source of each expression in an f-string, which may be several literals."""
    starts = [0, *(found.end() for found in re.finditer("\n", source))]
    wrapped = io.StringIO(f"({source}\n)")
    for token in tokenize.generate_tokens(wrapped.readline):
        if token.type != tokenize.STRING:
            continue
        line, column = token.start
        position = starts[line - 1] + column - (1 if line == 1 else 0)
        opening = _PREFIX.match(token.string)
        if opening is not None and "f" in opening.group(1).lower():
            quotes = len(opening.group(2))
            body = token.string[opening.end() : -quotes]
            for inner, text in _replaced(body, "r" in opening.group(1).lower()):
                yield len(source[: position + opening.end() + inner].encode()), text


def _replaced(body: str, raw: bool) -> Iterator[tuple[int, str]]:
    """Yield the position and source of each expression in the body of one literal."""
    at = 0
    while at < len(body):
        if body[at : at + 2] in ("{{", "}}"):
            at += 2
        elif not raw and body[at : at + 3] == "\\N{":
            at = body.index("}", at)
        elif body[at] == "{":
            end = _end(body, at + 1)
            yield at + 1, body[at + 1 : end]
            at = _closing(body, end)
        else:
            at += 1


def _end(body: str, at: int) -> int:
    """Return the end of an expression: at `}`, `!r` or `:`. With a final `=`, which is included, it does not parse."""
    depth = 0
    quote = ""
    while True:
        here = body[at]
        if quote:
            if body.startswith(quote, at):
                at += len(quote) - 1
                quote = ""
        elif here in "'\"":
            quote = here * 3 if body.startswith(here * 3, at) else here
            at += len(quote) - 1
        elif here in "([{":
            depth += 1
        elif here in ")]}" and depth:
            depth -= 1
        elif not depth and (here in "}:" or (here == "!" and body[at + 1] != "=")):
            return at
        at += 1


def _closing(body: str, at: int) -> int:
    """Return the position after the closing brace of a replacement field, which may contain nested fields."""
    depth = 0
    while True:
        if body[at] == "{":
            depth += 1
        elif body[at] == "}":
            if not depth:
                return at + 1
            depth -= 1
        at += 1
