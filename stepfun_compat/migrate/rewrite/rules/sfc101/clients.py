"""The clients that a file creates instead of setting attributes of the module."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ...model import Edit, File
from .calls import Call
from .made_before import neighbours
from .names import Names, Reference
from .placement import EARLY, Placement
from .tree import FUNCTIONS, Function, Stop, Tree

_SETTINGS: Final = {"api_key": "api_key", "organization": "organization", "api_base": "base_url"}
"""The module settings that are translated, with the client arguments that replace them."""
_NAMES: Final = {False: ("client", "openai_client"), True: ("async_client", "async_openai_client")}
_CLASSES: Final = {False: "OpenAI", True: "AsyncOpenAI"}
_RETRIES: Final = "max_retries=0"
"""openai<1.0 does not repeat a request that got a response; programs that need retries implement them."""
_LOADS: Final = frozenset({"load_dotenv"})
"""Functions that set environment variables, which a client reads when it is created."""


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """An assignment `openai.api_key = value`."""

    statement: ast.Assign
    name: str
    value: ast.expr


def setting_of(tree: Tree, reference: Reference) -> Setting:
    """Return the setting that a reference assigns.

    Raises:
        Stop: the reference is not a plain assignment of a translated setting.
    """
    node, name = reference.node, f"openai.{'.'.join(reference.path)}"
    if not reference.path:
        raise Stop(node.lineno, f"the module {reference.root.id} itself is used as a value: use its names directly")
    if len(reference.path) != 1 or reference.path[0] not in _SETTINGS:
        raise Stop(node.lineno, f"{name} is not translated")
    statement = tree.parent(node)
    if not isinstance(statement, ast.Assign) or statement.targets != [node]:
        raise Stop(node.lineno, f"only `{name} = value` is translated, not other uses of {name}")
    if not _plain_key(statement.value):
        raise Stop(node.lineno, f"{name} is set to something other than a string")
    return Setting(statement, reference.path[0], statement.value)


def _plain_key(value: ast.expr) -> bool:
    if isinstance(value, ast.Constant):
        return isinstance(value.value, str)
    plain = (ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.BoolOp, ast.IfExp, ast.JoinedStr, ast.BinOp)
    return isinstance(value, plain)


class Clients:
    """The clients of a file: where they are created, and their names."""

    def __init__(
        self,
        tree: Tree,
        names: Names,
        calls: Mapping[ast.AST, Call],
        settings: Sequence[Setting],
        others: Sequence[bytes],
        imported: bool,
    ) -> None:
        """Raise Stop if one client cannot serve all calls. See `Placement` for `others` and `imported`."""
        self.tree = tree
        self.names = names
        self.calls = calls
        self.groups = self._grouped(sorted(settings, key=lambda one: tree.span(one.statement)))
        kinds = {one.is_async for one in calls.values()}
        self.kinds = sorted(kinds)
        self.classes = [_CLASSES[one] for one in self.kinds]
        self.is_local = False
        self._check_settings(others, imported)
        self.name = {
            one: self._free(_NAMES[one] if one is False or len(kinds) > 1 else (*_NAMES[False][:1], *_NAMES[True]))
            for one in self.kinds
        }

    def _grouped(self, settings: Sequence[Setting]) -> list[list[Setting]]:
        """Return the settings in groups of adjacent statements."""
        groups: list[list[Setting]] = []
        last: ast.stmt | None = None
        for one in settings:
            if last is not None and self._follows(last, one.statement):
                groups[-1].append(one)
            else:
                groups.append([one])
            last = one.statement
        return groups

    def _follows(self, one: ast.stmt, other: ast.stmt) -> bool:
        return any(one is before and other is after for before, after in neighbours(self.tree.parent(one)))

    def _free(self, candidates: Sequence[str]) -> str:
        found = next((one for one in candidates if one not in self.tree.names), None)
        if found is None:
            why = f"the names {' and '.join(candidates)} are already used: rename one of them"
            raise Stop(self.names.statements[0].lineno, why)
        return found

    def _check_settings(self, others: Sequence[bytes], imported: bool) -> None:
        for group in self.groups:
            self._check_group(group)
        if self.groups and not self._is_at_top():
            firsts = [group[0].statement for group in self.groups]
            self.is_local = Placement(self.tree, firsts, self.calls, others, imported).is_local

    def _check_group(self, group: Sequence[Setting]) -> None:
        names = [one.name for one in group]
        for number, one in enumerate(group):
            if one.name in names[:number]:
                raise Stop(one.statement.lineno, f"openai.{one.name} is set more than once: remove one assignment")
        if set(names) != {one.name for one in self.groups[0]}:
            why = f"openai.{names[0]} is not set next to the other settings: set them on adjacent lines"
            raise Stop(group[0].statement.lineno, why)

    def _is_at_top(self) -> bool:
        return len(self.groups) == 1 and isinstance(self.tree.parent(self.groups[0][0].statement), ast.Module)

    def _made(self, is_async: bool) -> str:
        """Return the code that creates a client, up to its first argument."""
        name = _CLASSES[is_async]
        if not self.names.from_imports():
            name = f"{self.names.module}.{name}"
        elif name in self.tree.names:
            raise Stop(self.names.statements[0].lineno, f"the name {name} is already used: rename it")
        return f"{self.name[is_async]} = {name}("

    def edits(self, file: File) -> list[Edit]:
        """Return the edits that create the clients.

        Raises:
            Stop: code that uses a client may run before it exists.
        """
        if not self.groups:
            return self._behind_the_imports(file.newline)
        if self._is_at_top():
            body = self.tree.module.body
            self._check_before(body[: body.index(self.groups[0][0].statement)])
        edits: list[Edit] = []
        declared = set[ast.AST]()
        for group in self.groups:
            home = next((one for one in self.tree.above(group[0].statement) if isinstance(one, Function)), None)
            first = (
                "" if home is None or self.is_local or home in declared else f"global {', '.join(self.name.values())}"
            )
            edits += self._in_place_of(group, first, file.newline)
            if home is not None:
                declared.add(home)
        return edits

    # Replace the settings

    def _in_place_of(self, group: Sequence[Setting], first: str, newline: bytes) -> list[Edit]:
        """Return the edits that replace a group of settings by clients. `first` is a statement to insert before them."""
        text = self.tree.text
        position, _ = self.tree.span(group[0].statement)
        indent = text.utf8[text.offset(group[0].statement.lineno, 0) : position]
        if (first or len(self.kinds) > 1) and indent.strip():
            raise Stop(group[0].statement.lineno, "a setting shares its line with another statement: split the line")
        opening = self._made(self.kinds[0]).encode()
        if first:
            opening = first.encode() + newline + indent + opening
        edits: list[Edit] = []
        for one in group:
            start, end = self.tree.span(one.statement)
            if text.utf8[position:start].strip():
                raise Stop(one.statement.lineno, "a comment or semicolon separates two settings: remove it")
            found = re.match(rb"[\w.\s]+=\s*", text.utf8[start:end])
            if found is None:
                raise Stop(one.statement.lineno, "a setting is not written as `openai.api_key = value`")
            edits.append(Edit(position, start + found.end(), opening + f"{_SETTINGS[one.name]}=".encode()))
            opening, position = b", ", end
        made = [f", {_RETRIES})".encode()]
        for kind in self.kinds[1:]:
            given = [f"{_SETTINGS[one.name]}={self.name[self.kinds[0]]}.{_SETTINGS[one.name]}" for one in group]
            made.append(f"{self._made(kind)}{', '.join([*given, _RETRIES])})".encode())
        return [*edits, Edit(position, position, (newline + indent).join(made))]

    def _check_before(self, statements: Sequence[ast.stmt]) -> None:
        """Raise Stop if a statement before the client's creation may use the client."""
        for statement in statements:
            for node in _run(statement):
                variable = self.tree.variables.get(node) if isinstance(node, ast.Name) else None
                local = variable is not None and any(
                    isinstance(one, Function | ast.ClassDef) for one in variable.bindings
                )
                if node in self.calls or (local and isinstance(self.tree.parent(node), ast.Call)):
                    raise Stop(getattr(node, "lineno", 1), EARLY)

    # Insert after the imports

    def _behind_the_imports(self, newline: bytes) -> list[Edit]:
        """Create the clients after the block of imports that contains openai's, and after `load_dotenv()`."""
        body = self.tree.module.body
        at = body.index(self.names.statements[0])
        anchor: ast.stmt | None = None
        while at < len(body) and (isinstance(body[at], ast.Import | ast.ImportFrom) or _loads(body[at])):
            if self.names.removed(body[at]) is None:
                anchor = body[at]
            at += 1
        assert anchor is not None
        self._check_loads(anchor)
        line = anchor.end_lineno or anchor.lineno
        if any(line in (one.lineno, one.end_lineno) for one in body if one is not anchor):
            raise Stop(line, "an import shares its line with another statement: split the line")
        text = self.tree.text
        starts = text.line_starts
        end = starts[line] if line < len(starts) else len(text.utf8)
        position = len(text.utf8[:end].rstrip(b"\r\n"))
        made = [f"{self._made(one)}{_RETRIES})".encode() for one in self.kinds]
        return [Edit(position, position, newline + b"".join(newline + one for one in made))]

    def _check_loads(self, anchor: ast.stmt) -> None:
        """Raise Stop if environment variables are loaded after the clients are created."""
        for node in self.tree.nodes:
            if isinstance(node, ast.Name) and node.id in _LOADS and node.lineno > (anchor.end_lineno or 0):
                why = f"{node.id}() runs after the client is created: call it right after the imports"
                raise Stop(node.lineno, why)


def _loads(statement: ast.stmt) -> bool:
    """Whether a statement is `load_dotenv()`."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    func = call.func if isinstance(call, ast.Call) else None
    name = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
    return name in _LOADS


def _run(node: ast.AST) -> list[ast.AST]:
    """Return the nodes of a statement that run at import: everything except function bodies."""
    found: list[ast.AST] = [node]
    inside: list[ast.AST] = []
    if isinstance(node, FUNCTIONS):
        inside += [node.body] if isinstance(node, ast.Lambda) else node.body
    for child in ast.iter_child_nodes(node):
        if child not in inside:
            found += _run(child)
    return found
