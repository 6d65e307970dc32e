"""Evaluate expressions over all files of a project.

`Linker.values` evaluates one expression. A name evaluates to its bindings, a parameter to the arguments of calls, an
attribute of an object to the values that the class, its bases and other files assign. A cycle evaluates to the result
of the previous round; `settle` repeats rounds until nothing changes, at most `ROUNDS` times.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ..facts import FileFacts
from ..facts import model as m
from ..surface import DROP_INS, VENDORS
from . import calls, objects, openai_names
from .callees import called_names, last_name
from .flow import relevance_of
from .modules import Modules
from .values import ANSWER, NOTHING, Result, Value, union

ROUNDS: Final = 3
DEEPEST: Final = 60
"""The maximum depth of evaluation."""
MOST_SITES: Final = 100
"""The maximum number of calls of one name that are evaluated for a parameter."""

_TYPING: Final = frozenset(
    {"typing", "typing_extensions", "collections", "abc", "types", "__future__", "dataclasses", "enum"}
)
"""Modules whose types do not identify an object."""


_NOT_OURS: Final = frozenset(sys.stdlib_module_names) | VENDORS


@dataclass(slots=True, eq=False)
class _Owners:
    """The values assigned to one attribute, with their files: `settled` by object, and `open` with the expression of an
    object whose evaluation was a cycle."""

    open: list[tuple[int, m.Expr | None, m.Expr]]
    settled: dict[Value, list[tuple[int, m.Expr]]] = field(default_factory=lambda: {})


class Linker:
    """Evaluate the expressions of files.

    `members` are the files to link, all by default. Only the imports of other files are used.
    """

    def __init__(
        self,
        paths: Sequence[str],
        facts: Sequence[FileFacts],
        modules: Modules | None = None,
        members: Sequence[int] | None = None,
    ) -> None:
        self.paths = paths
        self.facts = facts
        self.members = range(len(facts)) if members is None else members
        self.modules = modules or Modules(paths, facts)
        self.relevance = relevance_of([(file, facts[file]) for file in self.members])
        self.validated: dict[tuple[int, int], list[tuple[str, m.Expr | None]]] = {}
        """By class: the fields that pydantic validators set, with their values."""
        self.boxes: list[m.Mapping | m.Sequence] = []
        self._box_numbers: dict[int, int] = {}
        self._memo: dict[int, Result] = {}
        self._names: dict[tuple[int, int, str], Result] = {}
        self._previous: dict[int, Result] = {}
        self._previous_names: dict[tuple[int, int, str], Result] = {}
        self._busy: set[object] = set()
        self._depth = 0
        self.cuts = 0
        """The number of cycles found: results that depend on one may grow in the next round."""
        self._open: set[int] = set()
        self._open_names: set[tuple[int, int, str]] = set()
        """The keys of results that depend on a cycle."""
        self.sites: dict[str, list[tuple[int, m.Call]]] = {}
        self.other_sites: dict[str, list[tuple[int, m.Call]]] = {}
        """Calls without an argument that may be an object of openai."""
        self.writes: dict[str, list[tuple[int, m.AttributeWrite]]] = {}
        self.subclasses: dict[str, list[tuple[int, int]]] = {}
        """Subclasses by the last name of a base."""
        self._owners: dict[str, _Owners] = {}
        """By attribute: the values that other code assigns."""
        self._attributes: dict[tuple[Value, str], Result] = {}
        """The values of attributes whose evaluation is complete."""
        self._shadowed: dict[int, bool] = {}
        self._index()

    def _index(self) -> None:
        for file in self.members:
            facts = self.facts[file]
            for call in facts.calls:
                if call.arguments:
                    self._index_call(file, facts, call)
            for write in facts.writes:
                self.writes.setdefault(write.target.attr, []).append((file, write))
            for number, cls in enumerate(facts.classes):
                for base in cls.bases:
                    name = last_name(base)
                    if name:
                        self.subclasses.setdefault(name, []).append((file, number))

    def _index_call(self, file: int, facts: FileFacts, call: m.Call) -> None:
        names = called_names(facts, call)
        if any(self.relevance.touches(file, one.value) for one in call.arguments):
            for name in names:
                self.sites.setdefault(name, []).append((file, call))
        elif names:
            self.other_sites.setdefault(names[0], []).append((file, call))

    def next_round(self) -> None:
        """Discard the results that depend on a cycle, except as the values of cycles in the next round."""
        self._previous = {key: self._memo.pop(key) for key in self._open}
        self._previous_names = {key: self._names.pop(key) for key in self._open_names}
        self._open.clear()
        self._open_names.clear()
        self.cuts = 0

    def values(self, file: int, expr: m.Expr | None) -> Result:
        """Return all possible values of an expression of a file."""
        if type(expr) is m.Name:
            return self.name_read(file, expr)
        key = id(expr)
        known = self._memo.get(key)
        if known is not None:
            if key in self._open:
                self.cuts += 1
            return known
        rule = _RULES.get(type(expr))
        if expr is None or rule is None:
            return NOTHING
        if type(expr) in _LEAVES:
            found = self._memo[key] = rule(self, file, expr)
            return found
        if key in self._busy or self._depth > DEEPEST:
            self.cuts += 1
            return self._previous.get(key, NOTHING)
        before = self.cuts
        self._busy.add(key)
        self._depth += 1
        try:
            found = rule(self, file, expr)
        finally:
            self._depth -= 1
            self._busy.discard(key)
        self._memo[key] = found
        if self.cuts != before:
            self._open.add(key)
        return found

    def name_read(self, file: int, expr: m.Name) -> Result:
        name = (file, expr.scope, expr.name)
        known = self._names.get(name)
        if known is None:
            return self.name(*name)
        if name in self._open_names:
            self.cuts += 1
        return known

    def attribute_read(self, file: int, expr: m.Attribute) -> Result:
        return NOTHING if expr.attr == "modules" else self.attribute(self.values(file, expr.base), expr.attr)

    def function_value(self, file: int, expr: m.FunctionValue) -> Result:
        """Return a function of the project; decorators are assumed to return it unchanged."""
        return _one(Value("function", file=file, number=expr.function))

    def class_value(self, file: int, expr: m.ClassValue) -> Result:
        return _one(Value("project_class", file=file, number=expr.cls))

    def annotated(self, file: int, expr: m.Annotated) -> Result:
        return self.instances(self.values(file, expr.type))

    def choice(self, file: int, expr: m.Choice) -> Result:
        return union([self.values(file, one) for one in expr.options])

    def element(self, file: int, expr: m.Element) -> Result:
        return objects.elements(self, self.values(file, expr.of))

    def entered(self, file: int, expr: m.Entered) -> Result:
        return objects.entered(self, self.values(file, expr.of))

    def box(self, file: int, expr: m.Mapping | m.Sequence) -> Result:
        """Return a dictionary or list of the project if an item may be relevant."""
        parts = expr.values if isinstance(expr, m.Mapping) else expr.items
        if not any(part is not None and not isinstance(part, m.PLAIN) for part in parts):
            return NOTHING
        number = self._box_numbers.get(id(expr))
        if number is None:
            number = self._box_numbers[id(expr)] = len(self.boxes)
            self.boxes.append(expr)
        return _one(Value("box", file=file, number=number))

    # Names

    def name(self, file: int, scope: int, name: str) -> Result:
        """Return the values of a name in the scope that reads it."""
        scopes = self.facts[file].scopes
        here: int | None = scope
        while here is not None:
            current = scopes[here]
            if name in current.bindings and (current.kind != "class" or here == scope):
                return self._bound(file, here, name)
            here = current.parent
        for star in scopes[0].stars:
            found = self._from_module(file, star, name)
            if found.values:
                return found
        return NOTHING

    def _bound(self, file: int, scope: int, name: str) -> Result:
        key = (file, scope, name)
        known = self._names.get(key)
        if known is not None:
            if key in self._open_names:
                self.cuts += 1
            return known
        if key in self._busy or self._depth > DEEPEST:
            self.cuts += 1
            return self._previous_names.get(key, NOTHING)
        before = self.cuts
        self._busy.add(key)
        self._depth += 1
        try:
            found = union([self.values(file, one) for one in self.facts[file].scopes[scope].bindings[name]])
        finally:
            self._depth -= 1
            self._busy.discard(key)
        self._names[key] = found
        if self.cuts != before:
            self._open_names.add(key)
        return found

    def exported(self, file: int, name: str) -> Result:
        """Return the values of a name that other files import from a module of the project."""
        scope = self.facts[file].scopes[0]
        results: list[Result] = []
        if name in scope.bindings:
            results.append(self._bound(file, 0, name))
        else:
            results += [self._from_module(file, star, name) for star in scope.stars]
        results += self.written(name, Value("file", file=file))
        # An imported copy of a setting of openai is not a setting.
        values = frozenset([one for one in union(results).values if one.kind != "setting"])
        if not values and self.modules.is_package(file):
            return self._sibling_module(file, name)
        return Result(values, bool(values))

    def _sibling_module(self, file: int, name: str) -> Result:
        """Return another module in the directory of a file."""
        found = self.modules.file_at(f"{self.paths[file].rpartition('/')[0]}/{name}".lstrip("/"))
        return NOTHING if found is None or found == file else _one(Value("file", file=found), True)

    def written(self, attribute: str, owner: Value) -> list[Result]:
        """Return the values that other code assigns to an attribute of a module or object: `config.client = …`."""
        writes = self.writes.get(attribute)
        if writes is None:
            return []
        known = self._owners.get(attribute)
        if known is None:
            values = [(file, one.target.base, one.value) for file, one in writes[:MOST_SITES] if one.value is not None]
            known = self._owners[attribute] = _Owners([one for one in values if not isinstance(one[2], m.PLAIN)])
        found = self._settle_owners(known, owner) if known.open else []
        found += known.settled.get(owner, ())
        return [self.values(file, value) for file, value in found]

    def _settle_owners(self, owners: _Owners, owner: Value) -> list[tuple[int, m.Expr]]:
        """Evaluate the objects of open assignments, and return the values assigned to the attribute of `owner`."""
        found: list[tuple[int, m.Expr]] = []
        still: list[tuple[int, m.Expr | None, m.Expr]] = []
        for one in owners.open:
            file, base, value = one
            before = self.cuts
            values = self.values(file, base).values
            if self.cuts != before:
                still.append(one)
                if owner in values:
                    found.append((file, value))
            else:
                for settled in values:
                    owners.settled.setdefault(settled, []).append((file, value))
        owners.open = still
        return found

    # Imports

    def openai_here(self, file: int) -> bool:
        """Whether `openai` in a file is the SDK and not a module of the project."""
        known = self._shadowed.get(file)
        if known is None:
            known = self._shadowed[file] = self.modules.shadows_openai(file)
        return not known

    def imported(self, file: int, expr: m.Imported) -> Result:
        """Return the value an import binds."""
        if expr.name is None:
            return self.module(file, expr.module, expr.level)
        return self._from_module(file, expr, expr.name)

    def module(self, file: int, module: str, level: int) -> Result:
        """Return a module by its name."""
        if level:
            base = self.modules.relative(file, module, level)
            found = None if base is None else self.modules.file_at(base)
            return NOTHING if found is None else _one(Value("file", file=found), True)
        top = module.partition(".")[0]
        if top == "openai" and self.openai_here(file):
            return _one(Value("module", module))
        if module in DROP_INS:
            return _one(Value("module", DROP_INS[module]), True)
        found = self.modules.absolute(file, module)
        if found is not None and found != file:
            return _one(Value("file", file=found), True)
        return _one(Value("foreign", top, ""))

    def _from_module(self, file: int, source: m.Imported, name: str) -> Result:
        module, level = source.module, source.level
        if level:
            base = self.modules.relative(file, module, level)
            target = None if base is None else self.modules.file_at(base)
            if target is None:
                below = None if base is None else self.modules.file_at(f"{base}/{name}".lstrip("/"))
                return NOTHING if below is None else _one(Value("file", file=below), True)
        else:
            known = self._from_openai(file, module, name)
            if known is not None:
                return known
            target = self.modules.absolute(file, module)
            if target is None:
                return self._from_outside(file, module, name)
        return self._sibling_module(file, name) if target == file else self._exported_by(target, name)

    def _from_openai(self, file: int, module: str, name: str) -> Result | None:
        """Return a name of openai or of a package that replaces it; None for any other module."""
        if module.partition(".")[0] == "openai" and self.openai_here(file):
            return openai_names.attribute_of_module(module, name)
        if module in DROP_INS:
            return Result(openai_names.attribute_of_module(DROP_INS[module], name).values, True)
        whole = DROP_INS.get(f"{module}.{name}")
        return None if whole is None else _one(Value("module", whole), True)

    def _from_outside(self, file: int, module: str, name: str) -> Result:
        """Return a name of a module without a file in the project; the name may itself be a module of the project."""
        below = self.modules.absolute(file, f"{module}.{name}")
        if below is not None:
            return _one(Value("file", file=below), True)
        top = module.partition(".")[0]
        if top in _TYPING or (top in self.modules.tops and top not in _NOT_OURS):
            return NOTHING  # a typing construct, or a part of the project that was not read
        return _one(Value("foreign", top, name))

    def _exported_by(self, target: int, name: str) -> Result:
        key = (target, -1, name)
        if key in self._busy:
            self.cuts += 1
            return NOTHING
        self._busy.add(key)
        try:
            return self.exported(target, name)
        finally:
            self._busy.discard(key)

    # Attributes

    def attribute(self, base: Result, name: str) -> Result:
        """Return the values of an attribute of a result."""
        if not base.values:
            return NOTHING
        results = [self.attribute_of(value, name) for value in base.values]
        found = union(results)
        if any(not one.values for one in results):  # an unknown value may be anything, so "foreign" proves nothing
            found = Result(frozenset(one for one in found.values if one.kind != "foreign"), found.linked)
        return Result(found.values, found.linked or base.linked)

    def attribute_of(self, value: Value, name: str) -> Result:
        """Return the values of an attribute of one value."""
        key = (value, name)
        known = self._attributes.get(key)
        if known is None:
            before = self.cuts
            known = self._attribute_of(value, name)
            if self.cuts == before:
                self._attributes[key] = known
        return known

    def _attribute_of(self, value: Value, name: str) -> Result:
        kind = value.kind
        if kind == "foreign":
            put = union(self.written(name, value))  # `g.client = …`, `st.session_state["client"] = …`
            return Result(put.values, True) if put.values else _one(value)
        if kind == "file":
            return self.exported(value.file, name)
        if kind in ("object", "project_class", "super"):
            return objects.attribute(self, value, name)
        if kind in ("box", "bound", "function"):
            return NOTHING
        return openai_names.attribute(value, name)

    def instances(self, types: Result) -> Result:
        """Return instances of the given types, for an annotation."""
        results: list[Result] = []
        for value in types.values:
            kind = value.kind
            if kind == "class":
                results.append(_one(Value("client", value.name)))
            elif kind == "project_class":
                results.append(_one(value._replace(kind="object")))
            elif kind in ("resource", "client"):
                results.append(_one(value))
            elif kind == "foreign":
                if value.name not in _TYPING:
                    results.append(_one(value))
            elif kind == "box":
                results.append(_one(value._replace(name="types")))
            elif kind in ("error", "type"):
                results.append(_one(ANSWER))
        return Result(union(results).values, types.linked)


_RULES: Final[dict[type, Callable[[Linker, int, Any], Result]]] = {
    m.Attribute: Linker.attribute_read,
    m.Call: calls.call,
    m.FunctionValue: Linker.function_value,
    m.ClassValue: Linker.class_value,
    m.ParameterValue: calls.parameter,
    m.Imported: Linker.imported,
    m.Annotated: Linker.annotated,
    m.Choice: Linker.choice,
    m.Mapping: Linker.box,
    m.Sequence: Linker.box,
    m.Item: objects.item,
    m.Element: Linker.element,
    m.Entered: Linker.entered,
}
"""The evaluation of each class of expression. Other expressions have no known value."""
_LEAVES: Final = frozenset({m.FunctionValue, m.ClassValue})
"""Expressions that need no further evaluation."""


def _one(value: Value, linked: bool = False) -> Result:
    return Result(frozenset((value,)), linked)


def settle(linker: Linker, wanted: Iterable[tuple[int, m.Expr]]) -> int:
    """Evaluate expressions until nothing changes, and return the number of rounds. Expressions without a cycle are
    final after the first round."""
    pairs = list(wanted)
    before: list[Result] = []
    for number in range(1, ROUNDS + 1):
        now: list[Result] = []
        open_pairs: list[tuple[int, m.Expr]] = []
        for pair in pairs:
            cuts = linker.cuts
            found = linker.values(*pair)
            if linker.cuts != cuts:
                open_pairs.append(pair)
                now.append(found)
        if not open_pairs or now == before:
            return number
        if number < ROUNDS:
            pairs, before = open_pairs, now
            linker.next_round()
    return ROUNDS
