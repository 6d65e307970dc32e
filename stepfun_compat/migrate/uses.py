"""Collect the uses of openai in a project, without verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from . import surface
from .facts import FileFacts
from .facts import model as m
from .facts.trim import imported_names
from .link.against import from_other_distributions
from .link.components import components
from .link.linker import Linker, settle
from .link.modules import Modules, imports_openai
from .link.objects import inherits
from .link.shape import METHOD_NAMES, Shape, for_others, named_others, named_ours, root_of, shape_of, vendors_of
from .link.values import OPENAI_KINDS, Result, Value

UseKind = Literal[
    "import",
    "client_construction",
    "api_call",
    "module_config",
    "error_class",
    "model_literal",
    "base_url",
    "env_var",
    "dependency",
    "type_use",
]
Known = Literal["resolved", "inferred", "shape"]

_BY_NAME: Final = frozenset({"setattr", "getattr", "delattr", "hasattr"})
"""Functions that take the name of an attribute."""
_OF_CLASSES: Final = frozenset({"super", "object", "project_class"})
_RANK: Final = {
    kind: rank for rank, kind in enumerate(("method", "class", "setting", "error", "type", "module", "resource"))
}
"""The priority of values if an expression has several; the lowest number is chosen."""


@dataclass(slots=True, eq=False)
class Use:
    """One place that uses openai.

    `file` is an index into the project's files. The span covers the expression, for a call its callee; columns are in
    UTF-8 bytes. `how` is `call`, `value`, `write`, `argument`, `literal` or `statement`. `call` is the call whose callee
    this is, `value` the expression passed or assigned.
    """

    file: int
    kind: UseKind
    target: str
    generation: str | None
    known: Known
    line: int
    column: int
    end_line: int
    end_column: int
    how: str
    call: m.Call | None = None
    value: m.Expr | None = None
    statement: m.Import | None = None

    def release(self) -> None:
        """Release the references to facts, to free memory."""
        self.call = self.value = self.statement = None


def uses_of(paths: Sequence[str], facts: Sequence[FileFacts], linker: Linker | None = None) -> list[Use]:
    """Return every use in a project, ordered by file and position. Paths are relative, with `/` as separator.

    Files that do not mention OpenAI may be omitted. `linker`, if given, must cover all files.
    """
    project = Project(paths, facts)
    found = project.uses(linker) if linker else [one for group in project.groups() for one in project.uses(group)]
    return sorted(found, key=lambda use: use.file)


class Project:
    """Files that are linked group by group. Unresolved chains are judged with information from all files."""

    def __init__(self, paths: Sequence[str], facts: Sequence[FileFacts]) -> None:
        self.paths = paths
        self.facts = facts
        self.modules = Modules(paths, facts)
        self._uses_openai = any(imports_openai(one) for one in facts)
        self._vendors = any(vendors_of(one) for one in facts)

    def groups(self) -> Iterator[Linker]:
        """Yield a linker for each group of connected files."""
        for members in self.members():
            yield self.linker(members)

    def members(self) -> list[list[int]]:
        """Return the files of each group."""
        return components(self.modules, self.facts)

    def linker(self, members: Sequence[int]) -> Linker:
        """Return a linker for a group."""
        return Linker(self.paths, self.facts, self.modules, members)

    def uses(self, linker: Linker) -> list[Use]:
        """Return the uses in the files of a group, ordered by file and position."""
        matter = _settle(linker)
        found = [_FileUses(linker, file, matter).collect() for file in linker.members]
        for uses in found:
            self._shapes(uses)
        return [use for uses in found for use in sorted(uses.uses, key=_place)]

    def _shapes(self, uses: _FileUses) -> None:
        """Add the unresolved chains that look like a client's and have no evidence against them."""
        here = imports_openai(uses.facts)
        others = bool(vendors_of(uses.facts))
        roots = {shape.root for shape, _, _, _ in uses.shapes if shape.strong}
        for shape, expr, call, how in uses.shapes:
            functions, classes = uses.around(expr)
            if for_others(functions) or (not here and for_others(classes)):
                continue  # `def anthropic_request(client)`
            if self._accepted(shape, roots, here, others):
                uses.add("api_call", shape.target, expr, how, "shape", shape.generation, call)

    def _accepted(self, shape: Shape, roots: Iterable[str], here: bool, others: bool) -> bool:
        if named_others(shape.root):
            return False
        if named_ours(shape.root):
            return True
        if others and not here:
            return False
        if not self._uses_openai and self._vendors:
            return False
        return shape.strong or (shape.root in roots and shape.root != "")


def _settle(linker: Linker) -> set[int]:
    """Evaluate every chain that may be a use. Returns the ids of their expressions."""
    wanted: list[tuple[int, m.Expr]] = []
    for file in linker.members:
        facts = linker.facts[file]
        imported = _imported_names(facts)
        chains = [(one.func, True) for one in facts.calls if one.func is not None]
        chains += [(one, False) for one in facts.reads]
        chains += [(one.target, False) for one in facts.writes]
        wanted += [(file, one) for one, called in chains if _may_matter(linker, file, one, called, imported)]
    settle(linker, wanted)
    return {id(expr) for _, expr in wanted}


def _imported_names(facts: FileFacts) -> frozenset[str] | None:
    """Return the names that imports bind in a file; None if they are unknown (`import *`)."""
    if any(scope.stars for scope in facts.scopes):
        return None
    return imported_names(facts)


_ENDS: Final = METHOD_NAMES.union(
    surface.VERBS,
    surface.RAW_VERBS,
    surface.SETTINGS,
    surface.LEGACY_FUNCTIONS,
    surface.ERRORS,
    surface.CLIENT_CLASSES,
)
"""Attributes that may be a use even if the chain does not start with an imported name."""


def _may_matter(linker: Linker, file: int, expr: m.Expr, called: bool, imported: frozenset[str] | None) -> bool:
    """Whether a chain can be a use of openai or looks like one."""
    if not linker.relevance.touches(file, expr):
        return shape_of(expr) is not None
    if called and (type(expr) is not m.Attribute or expr.attr in linker.relevance.attributes):
        return True
    here: m.Expr | None = expr
    while isinstance(here, m.CHAINED):
        if type(here) is m.Attribute and here.attr in _ENDS:
            return True
        here = here.base
    return type(here) is not m.Name or imported is None or here.name in imported


def _place(use: Use) -> tuple[int, int, int, int, str]:
    return (use.line, use.column, use.end_line, use.end_column, use.kind)


class _FileUses:
    """Collect the uses in one file."""

    def __init__(self, linker: Linker, file: int, matter: set[int]) -> None:
        self.matter = matter
        self.linker = linker
        self.file = file
        self.facts = linker.facts[file]
        self.uses: list[Use] = []
        self.shapes: list[tuple[Shape, m.Expr, m.Call | None, str]] = []
        """Unresolved chains that look like a client's."""
        self.seen: set[tuple[int, int, int, int, str]] = set()

    def collect(self) -> _FileUses:
        self.imports()
        matter = self.matter
        for call in self.facts.calls:
            func = call.func
            if func is not None and id(func) in matter:
                self.call(call, func)
            if type(func) is m.Name and func.name in _BY_NAME:
                self.by_name(call, func.name)
        for read in self.facts.reads:
            if id(read) in matter:
                self.chain(read, None, "value", None)
        for write in self.facts.writes:
            if id(write.target) in matter:
                self.chain(write.target, None, "write", write.value)
        self.literals()
        return self

    def add(self, kind: UseKind, target: str, span: m.Expr | m.Argument | m.Literal_ | m.Import, how: str,
            known: Known = "resolved", generation: str | None = None, call: m.Call | None = None,
            value: m.Expr | None = None, statement: m.Import | None = None) -> None:  # fmt: skip
        key = (span.line, span.column, span.end_line, span.end_column, kind)
        if key in self.seen:
            return
        self.seen.add(key)
        self.uses.append(
            Use(self.file, kind, target, generation, known, span.line, span.column, span.end_line, span.end_column,
                how, call, value, statement)
        )  # fmt: skip

    # Imports

    def imports(self) -> None:
        for statement in self.facts.imports:
            modules = [] if statement.level else [one for one in _modules(statement) if _is_openai(one)]
            if modules and self.linker.openai_here(self.file):
                old = _needs_old(statement, modules)
                generation = "0.x" if old else "1+" if _needs_one(statement) else None
                self.add("import", modules[0], statement, "call" if statement.call else "statement",
                         generation=generation, statement=statement)  # fmt: skip

    # Chains and calls

    def call(self, call: m.Call, func: m.Expr) -> None:
        self.chain(func, call, "call", None)
        for argument in call.arguments:
            if argument.name == "api_base" and argument.value is not None and self.is_request(call):
                self.add("base_url", _text(argument.value), argument.value, "argument", value=argument.value)

    def is_request(self, call: m.Call) -> bool:
        return any(one.kind in ("method", "class") for one in self.linker.values(self.file, call.func).values)

    def by_name(self, call: m.Call, how: str) -> None:
        """Add the use in `setattr(openai, "api_key", …)` and similar calls."""
        if len(call.arguments) < 2 or not isinstance(call.arguments[1].value, m.Text):
            return
        base = self.linker.values(self.file, call.arguments[0].value)
        found = self.linker.attribute(base, call.arguments[1].value.value)
        value = _best(found)
        if value is not None and value.kind == "setting":
            module = call.arguments[0].value
            if module is not None:  # the module is part of the setting, not a separate use
                self.seen.add((module.line, module.column, module.end_line, module.end_column, "type_use"))
            given = call.arguments[2].value if len(call.arguments) > 2 else None
            self.add("module_config", f"openai.{value.name}", call, "write" if how == "setattr" else "value",
                     _known(found), value.detail or None, value=given)  # fmt: skip

    def chain(self, expr: m.Expr, call: m.Call | None, how: str, given: m.Expr | None) -> None:
        """Add the longest part of a chain that belongs to openai."""
        here: m.Expr | None = expr
        while isinstance(here, m.Attribute | m.Name | m.Item):
            found = self.linker.values(self.file, here)
            value = _best(found)
            if value is not None:
                whole = here is expr
                self.found(value, found, here, call if whole else None, how if whole else "value", given)
                return
            if here is expr and not found.values and self.looks_like_one(here, call, how):
                return
            here = here.base if isinstance(here, m.CHAINED) else None

    def looks_like_one(self, expr: m.Expr, call: m.Call | None, how: str) -> bool:
        """Record an unresolved chain if it looks like a client's. Returns whether it does."""
        shape = shape_of(expr) if isinstance(expr, m.Attribute) else None
        if shape is None or not isinstance(expr, m.Attribute) or self.disproved(expr, shape):
            return False
        self.shapes.append((shape, expr, call, how))
        return True

    def disproved(self, expr: m.Attribute, shape: Shape) -> bool:
        """Whether any part of the chain is known to be something else."""
        base: m.Expr | None = expr.base
        steps = shape.target.count(".")
        while base is not None and steps >= 0:
            values = self.linker.values(self.file, base).values
            if values and all(one.kind in ("foreign", "answer", "box", "function", "bound") for one in values):
                return True
            base = base.base if isinstance(base, m.Attribute) else None
            steps -= 1
        return from_other_distributions(self.linker, self.file, root_of(expr, shape))

    def found(
        self, value: Value, result: Result, expr: m.Expr, call: m.Call | None, how: str, given: m.Expr | None
    ) -> None:
        """Add a use according to the kind of the value."""
        kind = value.kind
        if kind == "method":
            self.method(value, result, expr, call, how, given)
        elif kind == "class":
            self.client_class(value, _known(result), expr, call, how)
        elif kind == "setting":
            self.setting(value, _known(result), expr, how, given)
        elif kind == "error":
            if self.named(expr):
                self.add("error_class", f"openai.{value.name}", expr, how, _known(result), value.detail or None, call)
        elif kind in ("type", "module", "resource"):
            self.type_or_module(value, _known(result), expr, call, how)

    def method(
        self, value: Value, result: Result, expr: m.Expr, call: m.Call | None, how: str, given: m.Expr | None
    ) -> None:
        if value.name in surface.NO_REQUEST or not (self.spelled(expr) or self.calls_kept(expr, result, call, how)):
            return
        generation = "1+" if value.detail == "module" else value.detail
        self.add("api_call", value.name, expr, how, _known(result), generation or None, call, given)

    def client_class(self, value: Value, known: Known, expr: m.Expr, call: m.Call | None, how: str) -> None:
        if call is not None:
            self.construction(value, expr, call, known)
        elif self.named(expr):
            self.add("type_use", f"openai.{value.name}", expr, how, known, "1+")

    def setting(self, value: Value, known: Known, expr: m.Expr, how: str, given: m.Expr | None) -> None:
        if not (isinstance(expr, m.Attribute) or self.imported_root(expr)):
            return  # a name that holds the value of a setting that is read elsewhere
        generation = value.detail or None
        self.add("module_config", f"openai.{value.name}", expr, how, known, generation, value=given)
        if how == "write" and value.name in ("api_base", "base_url", "azure_endpoint") and given is not None:
            self.add("base_url", _text(given), given, "argument", known, generation, value=given)

    def type_or_module(self, value: Value, known: Known, expr: m.Expr, call: m.Call | None, how: str) -> None:
        if not self.named(expr) or (value.kind == "resource" and value.detail == "module"):
            return
        target = value.name if value.name.startswith("openai") else f"openai.{value.name}"
        self.add("type_use", target, expr, how, known, "0.x" if value.detail == "0.x" else None, call)

    def spelled(self, expr: m.Expr) -> bool:
        """Whether an expression is a method of an object of openai or of a subclass, not a variable that holds it."""
        if not isinstance(expr, m.Attribute):
            return False
        values = self.linker.values(self.file, expr.base).values
        return any(
            one.kind in OPENAI_KINDS or (one.kind in _OF_CLASSES and inherits(self.linker, one, expr.attr))
            for one in values
        )

    def calls_kept(self, expr: m.Expr, result: Result, call: m.Call | None, how: str) -> bool:
        """Whether an expression calls a method through a variable. Parameters, variables that may hold something else,
        and variables that are only passed on are not uses: the use is where the method is read."""
        if how == "write":
            return False
        if isinstance(expr, m.Name):
            bound = self.bound(expr)
            if any(isinstance(one, m.Imported) for one in bound):
                return True
            if any(isinstance(one, m.ParameterValue) for one in bound):
                return False
        return call is not None and all(one.kind == "method" for one in result.values)

    def bound(self, name: m.Name) -> list[m.Expr]:
        """Return the values bound to a name in the innermost scope that binds it."""
        scopes = self.facts.scopes
        here: int | None = name.scope
        while here is not None:
            bound = scopes[here].bindings.get(name.name)
            if bound is not None:
                return bound
            here = scopes[here].parent
        return []

    def around(self, expr: m.Expr) -> tuple[str, str]:
        """Return the names of the functions and classes around an expression."""
        while isinstance(expr, m.CHAINED) and expr.base is not None:
            expr = expr.base
        functions: list[str] = []
        classes: list[str] = []
        here = expr.scope if isinstance(expr, m.Name | m.Call) else None
        while here is not None:
            scope = self.facts.scopes[here]
            if scope.owner is not None and scope.kind == "function":
                function = self.facts.functions[scope.owner]
                functions.append(function.name)
                if function.owner is not None:
                    classes.append(self.facts.classes[function.owner].name)
            here = scope.parent
        return " ".join(functions), " ".join(classes)

    def named(self, expr: m.Expr) -> bool:
        """Whether a chain refers to openai by an imported name or as an attribute of the module, which may be any
        expression: `self._openai.APIError`, `cast(Any, openai).APIError`."""
        if self.imported_root(expr):
            return True
        base = expr.base if isinstance(expr, m.Attribute) else None
        return any(one.kind == "module" for one in self.linker.values(self.file, base).values)

    def imported_root(self, expr: m.Expr) -> bool:
        """Whether a chain starts with a name that an import binds."""
        while isinstance(expr, m.CHAINED) and expr.base is not None:
            expr = expr.base
        if not isinstance(expr, m.Name):
            return False
        bound = self.bound(expr)
        if bound:
            return any(isinstance(one, m.Imported) for one in bound)
        return bool(self.facts.scopes[0].stars)

    def construction(self, value: Value, expr: m.Expr, call: m.Call, known: Known) -> None:
        self.add("client_construction", f"openai.{value.name}", expr, "call", known, "1+", call)
        for argument in call.arguments:
            given = argument.value
            if argument.name not in surface.BASE_URL_ARGUMENTS or given is None:
                continue
            if not (isinstance(given, m.Opaque) and given.what == "none"):
                self.add("base_url", _text(given), given, "argument", known, "1+", value=given)

    # Literals

    def literals(self) -> None:
        kinds: dict[str, UseKind] = {"model": "model_literal", "env": "env_var", "host": "base_url"}
        for one in self.facts.literals:
            if one.kind == "model" and one.value in _BARE and not self.uses_openai():
                continue
            self.add(kinds[one.kind], one.value, one, "literal")

    def uses_openai(self) -> bool:
        return any(use.kind in ("import", "api_call", "client_construction", "module_config") for use in self.uses)


_BARE: Final = frozenset({"davinci", "curie", "babbage", "ada"})
"""Model ids that are also words: they count only in files that use openai."""


def _modules(statement: m.Import) -> list[str]:
    """Return the modules that an import statement names."""
    return [one.name for one in statement.names] if statement.module is None else [statement.module]


def _needs_old(statement: m.Import, modules: Iterable[str]) -> bool:
    """Whether an import requires openai<1.0."""
    if any(one.partition(".")[2].partition(".")[0] in surface.LEGACY_MODULES for one in modules):
        return True
    return statement.module == "openai" and any(_is_old(one.name) for one in statement.names)


def _is_old(name: str) -> bool:
    return name in surface.LEGACY or name in surface.LEGACY_MODULES


def _is_openai(module: str) -> bool:
    return module == "openai" or module.startswith("openai.")


def _needs_one(statement: m.Import) -> bool:
    """Whether an import requires openai>=1."""
    if statement.module is not None and statement.module.startswith(("openai.types", "openai.resources", "openai.lib")):
        return True
    return statement.module == "openai" and any(one.name in surface.CLIENT_CLASSES for one in statement.names)


def _best(found: Result) -> Value | None:
    ours = [one for one in found.values if one.kind in _RANK and (one.kind != "resource" or one.detail != "1+")]
    return min(ours, key=lambda one: (_RANK[one.kind], one), default=None)


def _known(found: Result) -> Known:
    return "inferred" if found.linked else "resolved"


def _text(expr: m.Expr) -> str:
    return expr.value if isinstance(expr, m.Text) else ""
