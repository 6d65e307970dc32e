"""The names that a file imports from openai<1.0, all references to them, and the edits of the imports."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ....moved_names import is_openai
from ...model import Edit
from .interfaces import ENDPOINTS, ERRORS, NO_ERRORS, OTHER_RESOURCES
from .tree import Stop, Tree, Variable

Path = tuple[str, ...]
"""The object of a name: `()` for openai itself, `("error",)`, `("error", "Timeout")`, `("ChatCompletion",)`."""

_OURS: Final = "stepfun_compat.legacy"
ENDS_AT_TOP: Final = frozenset({"openai", _OURS})
"""The names of the package; SFC002 may already have moved its imports."""
_AT_TOP: Final = frozenset({"APIError", "InvalidRequestError", "OpenAIError"})
"""Error classes at the top level of the package."""
_RESOURCES: Final = OTHER_RESOURCES | ENDPOINTS.keys()


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A reference to a name of openai: `node` is the whole attribute chain, `path` the names after openai."""

    node: ast.expr
    path: Path
    root: ast.Name


class Names:
    """The imports of openai in a file, and the references that use them."""

    def __init__(self, tree: Tree) -> None:
        """Raises Stop for an import that is not translated."""
        self.tree = tree
        self.statements: list[ast.Import | ast.ImportFrom] = []
        self.meanings: dict[Variable, Path] = {}
        for node in tree.nodes:
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._statement(node)
        for variable in self.meanings:
            self._check(variable)
        self.references = list(self._references())

    def _statement(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.ImportFrom):
            if any(one.name == "*" for one in node.names):
                raise Stop(node.lineno, "`import *` binds unknown names: import each name explicitly")
            found = {} if node.level or not is_legacy(node.module or "") else _imported(node)
        else:
            found = {one: _module(one, node) for one in node.names if is_legacy(one.name)}
        if not found:
            return
        if not isinstance(self.tree.parent(node), ast.Module):
            raise Stop(node.lineno, "openai is imported in a function or under a condition: import it at module level")
        self.statements.append(node)
        for alias, path in found.items():
            variable = self.tree.variables[alias]
            assert variable is not None
            if self.meanings.setdefault(variable, path) != path:
                raise Stop(node.lineno, f"{variable.name} is the name of several imports: use separate names")

    def _check(self, variable: Variable) -> None:
        """Raise Stop if a name of openai is also assigned another value."""
        for node in variable.bindings:
            if not isinstance(node, ast.alias) or self.tree.parent(node) not in self.statements:
                why = f"the name {variable.name} is also used for something else: rename the other one"
                raise Stop(getattr(node, "lineno", 1), why)

    def _references(self) -> Iterator[Reference]:
        for node, variable in self.tree.variables.items():
            if isinstance(node, ast.Name) and variable is not None and variable in self.meanings:
                yield self._reference(node, self.meanings[variable])

    def _reference(self, root: ast.Name, path: Path) -> Reference:
        node: ast.expr = root
        parent = self.tree.parent(node)
        while isinstance(parent, ast.Attribute) and not _complete(path):
            path = (*path, parent.attr)
            node = parent
            parent = self.tree.parent(node)
        if path[:1] != ("error",) and path[:1] and path[0] in _AT_TOP:
            path = ("error", *path)
        return Reference(node, path, root)

    @property
    def module(self) -> str | None:
        """The file's name for openai itself."""
        return next((one.name for one, path in self.meanings.items() if not path), None)

    # Edits

    def new_name(self, reference: Reference, name: str) -> str:
        """Return the expression for a class of `stepfun_compat` at the position of a reference."""
        chain = reference.node is not reference.root
        return f"{reference.root.id}.{name}" if chain else name

    def renamed(self, reference: Reference) -> bool:
        """Whether an import gives a name an alias, which the edits keep."""
        return reference.node is reference.root and any(
            isinstance(one, ast.alias) and one.asname is not None for one in self._bindings(reference)
        )

    def _bindings(self, reference: Reference) -> Sequence[ast.AST]:
        variable = self.tree.variables[reference.root]
        return [] if variable is None else variable.bindings

    def import_edits(self, clients: Sequence[str]) -> list[Edit]:
        """Return the edits of the import statements. `clients` replace the resources of `from openai import`.

        Raises:
            Stop: a statement has an unsupported form.
        """
        edits: list[Edit] = []
        for node in self.statements:
            if isinstance(node, ast.Import):
                edits += self._modules(node)
            elif node.module in ENDS_AT_TOP:
                edits.append(self._rewritten_import(node, clients))
            else:
                edits += self._errors(node)
        return edits

    def _modules(self, node: ast.Import) -> list[Edit]:
        line = self.removed(node)
        if line is not None:
            return [Edit(*line, b"")]
        edits: list[Edit] = []
        for one in node.names:
            if is_legacy(one.name):
                start, end = self.tree.span(one)
                self._check_written(start, one.name, node)
                if one.asname is None:
                    edits.append(Edit(start, end, b"stepfun_compat as openai"))
                else:
                    edits.append(Edit(start, start + len(one.name), b"stepfun_compat"))
        return edits

    def _errors(self, node: ast.ImportFrom) -> list[Edit]:
        """Return the edits of `from openai.error import A, B`: the module, and the replaced names."""
        start, _ = self.tree.span(node)
        found = re.match(rb"from[ \t]+", self.tree.source(node))
        module = start + (found.end() if found else 0)
        self._check_written(module, node.module or "", node)
        edits = [Edit(module, module + len(node.module or ""), b"stepfun_compat")]
        for alias in node.names:
            new = ERRORS[alias.name]
            if new != (alias.name,):
                start, _ = self.tree.span(alias)
                edits.append(Edit(start, start + len(alias.name), ", ".join(new).encode()))
        return edits

    def _check_written(self, start: int, name: str, node: ast.stmt) -> None:
        if not self.tree.text.utf8.startswith(name.encode(), start):
            raise Stop(node.lineno, f"the import has an unusual form: write {name} in one piece, in ASCII")

    def removed(self, node: ast.stmt) -> tuple[int, int] | None:
        """Return the line of `import openai.error` if `import openai` makes it unnecessary; None for other imports."""
        if not isinstance(node, ast.Import) or [(one.name, one.asname) for one in node.names] != [
            ("openai.error", None)
        ]:
            return None
        text = self.tree.text
        first = text.offset(node.lineno, 0)
        starts = text.line_starts
        last = starts[node.end_lineno] if node.end_lineno and node.end_lineno < len(starts) else len(text.utf8)
        whole = text.utf8[first:last].strip() == self.tree.source(node)
        return (first, last) if self._plain_import() and whole and node.lineno == node.end_lineno else None

    def _plain_import(self) -> bool:
        """Whether there is an `import openai`."""
        names = [name for one in self.statements if isinstance(one, ast.Import) for name in one.names]
        return any(name.name == "openai" and name.asname is None for name in names)

    def _rewritten_import(self, node: ast.ImportFrom, clients: Sequence[str]) -> Edit:
        source = self.tree.source(node)
        if any(one in source for one in (b"(", b"#", b"\\", b"\n", b"\r")):
            raise Stop(node.lineno, "`from openai import` has several lines, parentheses or a comment: use one line")
        names = list(clients) if any(one.name in ENDPOINTS for one in node.names) else []
        for one in node.names:
            if one.name in _AT_TOP:
                written = f"{ERRORS[one.name][0]} as {one.asname}" if one.asname else ", ".join(ERRORS[one.name])
                names.append(written)
        return Edit(*self.tree.span(node), f"from stepfun_compat import {', '.join(names)}".encode())

    def from_imports(self) -> bool:
        """Whether resources are imported by name: `from openai import ChatCompletion`."""
        return any(path and path[0] in ENDPOINTS for path in self.meanings.values())


def is_legacy(module: str) -> bool:
    """Whether a module is openai<1.0, one of its submodules, or the counterpart in stepfun_compat.legacy."""
    return is_openai(module) or module == _OURS or module.startswith(f"{_OURS}.")


def _imported(node: ast.ImportFrom) -> dict[ast.alias, Path]:
    """Return the paths of the names in `from openai… import`."""
    if node.module in ENDS_AT_TOP:
        return {one: _from_top(one, node.lineno) for one in node.names}
    if node.module in ("openai.error", f"{_OURS}.error"):
        return {one: _error(one, node.lineno) for one in node.names}
    raise Stop(node.lineno, f"{node.module} has no counterpart in the client API")


def _from_top(alias: ast.alias, line: int) -> Path:
    if alias.name in ENDPOINTS:
        return (alias.name,)
    if alias.name in _AT_TOP:
        return _error(alias, line)
    if alias.name in _RESOURCES:
        raise Stop(line, f"openai.{alias.name} is not translated")
    raise Stop(line, f"`from openai import {alias.name}` is not translated: import openai, use openai.{alias.name}")


def _error(alias: ast.alias, line: int) -> Path:
    check_error(alias.name, line)
    if alias.asname is not None and len(ERRORS[alias.name]) > 1:
        why = f"{alias.name} has an alias, but becomes {' and '.join(ERRORS[alias.name])}: import it without `as`"
        raise Stop(line, why)
    return ("error", alias.name)


def check_error(name: str, line: int) -> None:
    """Raise Stop for an error class without an exact replacement."""
    if name not in ERRORS:
        raise Stop(line, f"openai.error.{name}: {NO_ERRORS.get(name, 'openai<1.0 has no such error')}")


def _module(alias: ast.alias, node: ast.Import) -> Path:
    if alias.name == "openai" or (alias.name == _OURS and alias.asname):
        return ()
    if alias.name == "openai.error" or (alias.name == f"{_OURS}.error" and alias.asname):
        return ("error",) if alias.asname else ()
    raise Stop(node.lineno, f"{alias.name} has no counterpart in the client API")


def _complete(path: Path) -> bool:
    """Whether a path is complete: an error class, a method of a resource, or a setting."""
    if not path or path == ("error",):
        return False
    return len(path) == (2 if path[0] in _RESOURCES or path[0] == "error" else 1)
