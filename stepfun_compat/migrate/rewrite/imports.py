"""Move import statements from `openai` to a module of stepfun_compat; shared by SFC001 and SFC002.

A statement is moved completely or left alone. The forms, with `stepfun_compat` as destination:

    import openai                       import stepfun_compat as openai
    import os, openai as oa             import os, stepfun_compat as oa
    from openai import OpenAI           from stepfun_compat import OpenAI
    import_module("openai")             import_module("stepfun_compat")
    import openai.types                 stays; it also binds `openai`, so if a client is created through that name,
                                        it becomes `import openai.types, stepfun_compat as openai`
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ..facts import SourceText
from ..facts import model as m
from ..moved_names import is_openai
from .model import Edit

_SPACE: Final = rb"(?:[ \t\f]|\\(?:\r\n|\r|\n))*"
_FROM: Final = re.compile(rb"from" + _SPACE)
_TEXT: Final = re.compile(rb"[rRuU]?(\"\"\"|'''|\"|')([A-Za-z_][\w.]*)\1")
_PARTS: Final = re.compile(rb"[A-Za-z_]\w*(?:" + _SPACE + rb"\." + _SPACE + rb"[A-Za-z_]\w*)*")


@dataclass(frozen=True, slots=True)
class Destination:
    """The destination of names. Each function returns None for a name that stays."""

    module: str
    """The replacement of `openai` itself."""
    submodule: Callable[[str], str | None]
    """`openai.error` -> `stepfun_compat.legacy.error`."""
    name: Callable[[str], bool]
    """Whether a name of `from openai import name` moves."""


class CannotMove(Exception):
    """A statement cannot be moved safely; the message is the reason."""


def move_statement(statement: m.Import, text: SourceText, to: Destination, rebind: bool) -> list[Edit]:
    """Return the edits that move one import statement; none if it stays.

    `rebind`: a client is used through the name `openai`, which `import openai.types` also binds.

    Raises:
        CannotMove: the statement cannot be split without loss, or has an unusual form.
    """
    if statement.call is not None:
        return _move_call(statement, text, to)
    if statement.module is None:
        return _move_modules(statement, text, to, rebind)
    return _move_from(statement, text, to)


def _span(text: SourceText, one: m.Import | m.ImportName | m.Expr) -> tuple[int, int]:
    return text.offset(one.line, one.column), text.offset(one.end_line, one.end_column)


def _move_call(statement: m.Import, text: SourceText, to: Destination) -> list[Edit]:
    """Edit the name inside the quotes of `importlib.import_module("openai")`."""
    call = statement.call
    name = statement.names[0]
    target = _target(name.name, to)
    if target is None or call is None:
        return []
    if isinstance(call.func, m.Name) and call.func.name == "__import__" and "." in name.name + target:
        raise CannotMove("__import__ of a submodule returns the package: use importlib.import_module")
    if len(call.arguments) > 1 and not isinstance(call.func, m.Name):
        raise CannotMove("import_module has a package argument: write the full module name")
    start, end = _span(text, name)
    found = _TEXT.fullmatch(text.utf8[start:end])
    if found is None or found.group(2).decode() != name.name:
        raise CannotMove("the module name is not a single string: write it as one")
    return [Edit(start + found.start(2), start + found.end(2), target.encode())]


def _target(module: str, to: Destination) -> str | None:
    return to.module if module == "openai" else to.submodule(module)


def _move_modules(statement: m.Import, text: SourceText, to: Destination, rebind: bool) -> list[Edit]:
    """Return the edits of `import a, openai as b`."""
    rebind = rebind and not any(one.name == to.module and one.bound == "openai" for one in statement.names)
    edits = [_move_module(name, text, to, rebind) for name in statement.names if is_openai(name.name)]
    return [edit for edit in edits if edit is not None]


def _move_module(name: m.ImportName, text: SourceText, to: Destination, rebind: bool) -> Edit | None:
    start, end = _span(text, name)
    module = _module_span(text, start, end, name.name)
    target = _target(name.name, to)
    if target is None:
        return Edit(end, end, f", {to.module} as openai".encode()) if rebind and name.alias is None else None
    if name.alias is not None:
        return Edit(*module, target.encode())
    if name.name == "openai":
        return Edit(*module, f"{target} as openai".encode())
    return Edit(*module, f"{target}, {to.module} as openai".encode())  # binds `openai`, with the submodule loaded


def _module_span(text: SourceText, start: int, end: int, expected: str) -> tuple[int, int]:
    """Return the span of the dotted name at a position.

    Raises:
        CannotMove: the source is spelled differently, such as with a Unicode letter that Python normalizes to ASCII.
    """
    found = _PARTS.match(text.utf8, start, end)
    if found is None or re.sub(_SPACE, b"", found.group()).decode() != expected:
        raise CannotMove(f"the module name has an unusual form: write it as {expected}")
    return found.span()


def _move_from(statement: m.Import, text: SourceText, to: Destination) -> list[Edit]:
    """Return the edits of `from openai import a, b as c`."""
    module = statement.module or ""
    if module == "openai":
        target: str | None = to.module
        staying = [one for one in statement.names if one.name != "*" and not to.name(one.name)]
    else:
        target = to.submodule(module)
        staying = []
    if target is None or len(staying) == len(statement.names):
        return []
    start, end = _span(text, statement)
    source = text.utf8[start:end]
    opening = _FROM.match(source)
    if opening is None:
        raise CannotMove("the import statement has an unusual form")
    span = _module_span(text, start + opening.end(), end, module)
    if not staying:
        return [Edit(*span, target.encode())]
    return [_split(statement, text, source, (start, end), target, staying)]


def _split(
    statement: m.Import,
    text: SourceText,
    source: bytes,
    span: tuple[int, int],
    target: str,
    staying: list[m.ImportName],
) -> Edit:
    """Split a statement into two on one line: `from openai import _x; from stepfun_compat import OpenAI`."""
    if b"#" in source or b"\n" in source or b"\r" in source:
        names = ", ".join(one.name for one in staying)
        raise CannotMove(f"{names} stays in openai, but the import has several lines: import it separately")
    kept = ", ".join(_written(text, one) for one in staying)
    moved = ", ".join(_written(text, one) for one in statement.names if one not in staying)
    return Edit(*span, f"from {statement.module} import {kept}; from {target} import {moved}".encode())


def _written(text: SourceText, name: m.ImportName) -> str:
    start, end = _span(text, name)
    return text.utf8[start:end].decode("utf-8")
