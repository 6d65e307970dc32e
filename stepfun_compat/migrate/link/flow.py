"""Find the names that can refer to objects of openai, across all files.

This is a coarse pass before the exact evaluation: variables are merged by name and file, attributes and functions by
name. An expression without any of these names is unrelated to openai and is not evaluated. Every path that the linker
follows must be an edge here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from .. import surface
from ..facts import FileFacts
from ..facts import model as m
from .callees import called_names, last_name
from .shape import METHOD_NAMES, shape_of
from .vocabulary import imports, passes_through

Node = str | tuple[int, str]
"""An attribute, function or class by name; a variable by file and name."""

_OPENAI_ATTRIBUTES: Final = (
    frozenset(
        [
            "chat",
            "completions",
            "beta",
            "embeddings",
            "moderations",
            "audio",
            "speech",
            "transcriptions",
            "translations",
            "responses",
            "assistants",
            "threads",
            "runs",
            "vector_stores",
            "fine_tuning",
            "realtime",
            "conversations",
            "batches",
            "uploads",
        ]
    )
    | surface.WRAPPED
    | set(surface.LEGACY)
    | surface.CLIENT_CLASSES
)
"""Attributes of a client or of the module whose values are objects of openai."""
_CALLABLE: Final = surface.CLIENT_CLASSES | set(surface.LEGACY)
_PASSED_THROUGH: Final = frozenset({"get", "pop", "setdefault", "values", "items", "copy", "with_options"})
_SPREADING: Final = re.compile(
    r"openai|client|^chat$|complet|^embedding|^image|^audio|^moderation|^file$|^model$|^engine$|^fine",
    re.IGNORECASE,
)
"""Names of openai whose objects are passed between functions, unlike types and errors."""


@dataclass(slots=True)
class Relevance:
    """The names that may refer to objects of openai: attributes by name, variables by file."""

    attributes: frozenset[str]
    variables: dict[int, set[str]]

    def touches(self, file: int, expr: m.Expr | None) -> bool:
        """Whether a chain in a file contains a name that may refer to an object of openai."""
        while type(expr) is m.Attribute:
            if expr.attr in self.attributes:
                return True
            expr = expr.base
        if type(expr) is m.Name:
            return expr.name in self.variables.get(file, ())
        if expr is None or type(expr) in _EMPTY:
            return False
        if isinstance(expr, m.Call) and isinstance(expr.func, m.Name) and expr.func.name == "super":
            return True
        return any(
            (node in self.attributes) if isinstance(node, str) else (node[1] in self.variables.get(file, ()))
            for node in _nodes(file, expr)
        )


def relevance_of(files: Sequence[tuple[int, FileFacts]]) -> Relevance:
    """Return the names that may refer to objects of openai, in numbered files."""
    graph = _Graph()
    for number, facts in files:
        graph.add(number, facts)
    for number, facts in files:
        for call in facts.calls:
            if call.arguments:
                graph.arguments(number, facts, call)
    return graph.spread()


def _nodes(file: int, expr: m.Expr | None) -> list[Node]:
    """Return the nodes of an expression's value: an attribute or call by its own name, and also by the rest of the
    chain if it belongs to openai's client or a container."""
    found: list[Node] = []
    _collect(file, expr, found)
    return found


def _collect(file: int, expr: m.Expr | None, found: list[Node]) -> None:
    while type(expr) is m.Attribute:
        found.append(expr.attr)
        if expr.attr not in _OPENAI_ATTRIBUTES and (expr.attr not in METHOD_NAMES or shape_of(expr) is None):
            return
        expr = expr.base
    kind = type(expr)
    if kind is m.Name:
        found.append((file, expr.name))  # type: ignore[union-attr]
    elif expr is not None and kind not in _EMPTY:
        _collect_parts(file, expr, found)


_SILENT: Final = frozenset({m.Text, m.Opaque, m.ParameterValue})
"""Expressions that add no edge when bound to a name; parameters get their edges from calls."""
_EMPTY: Final = frozenset({m.Text, m.Opaque, m.ParameterValue, m.FunctionValue, m.ClassValue, m.Imported})


def _collect_parts(file: int, expr: m.Expr, found: list[Node]) -> None:
    if isinstance(expr, m.Call):
        _collect_call(file, expr, found)
    elif isinstance(expr, m.Item):
        if isinstance(expr.key, str):
            found.append(expr.key)
        _collect(file, expr.base, found)
    elif isinstance(expr, m.Element | m.Entered):
        _collect(file, expr.of, found)
    elif isinstance(expr, m.Annotated):
        _collect(file, expr.type, found)
    else:
        for one in _parts(expr):
            _collect(file, one, found)


def _parts(expr: m.Expr) -> Sequence[m.Expr | None]:
    if isinstance(expr, m.Choice):
        return expr.options
    if isinstance(expr, m.Mapping):
        return expr.values
    return expr.items if isinstance(expr, m.Sequence) else ()


def _collect_call(file: int, expr: m.Call, found: list[Node]) -> None:
    name = last_name(expr.func)
    if name in METHOD_NAMES and shape_of(expr.func) is not None:
        return  # a response
    if isinstance(expr.func, m.Attribute):
        found.append(name)
        if name in _PASSED_THROUGH or name in _CALLABLE:
            _collect(file, expr.func.base, found)
    else:
        _collect(file, expr.func, found)
    if name == "getattr":
        for argument in expr.arguments:
            if isinstance(argument.value, m.Text):
                found.append(argument.value.value)
            else:
                _collect(file, argument.value, found)
    elif passes_through(name):
        for argument in expr.arguments[:3]:
            _collect(file, argument.value, found)
    elif imports(name) and any(_names_openai(argument.value) for argument in expr.arguments):
        found.append("openai")


def _names_openai(expr: m.Expr | None) -> bool:
    return isinstance(expr, m.Text) and expr.value.partition(".")[0] == "openai"


class _Graph:
    def __init__(self) -> None:
        self.seeds: set[Node] = {"openai"}
        self.still: set[Node] = set()
        """Names that are only followed through imports: types, errors."""
        self.edges: dict[Node, set[Node]] = {}
        self.imports: dict[Node, set[Node]] = {}
        self.functions: dict[str, list[tuple[int, m.Function, int]]] = {}
        """Functions by the name that calls use: (file, function, number of parameters without an argument)."""
        self.parameters: dict[int, frozenset[str]] = {}
        self.fields: dict[str, set[str]] = {}
        """The annotated attributes of classes, which are parameters of generated constructors."""
        self.bases: dict[str, list[str]] = {}

    def link(self, sources: Iterable[Node], target: Node) -> None:
        edges = self.edges
        for source in sources:
            targets = edges.get(source)
            if targets is None:
                edges[source] = {target}
            else:
                targets.add(target)

    def add(self, file: int, facts: FileFacts) -> None:
        for scope in facts.scopes:
            for name, values in scope.bindings.items():
                for value in values:
                    if type(value) not in _SILENT:
                        self.bind(file, (file, name), value)
                if scope.kind != "function":
                    self.link(((file, name),), name)  # other files access it as an attribute
                    self.imports.setdefault((file, name), set()).add(name)
        for function in facts.functions:
            self.function(file, facts, function)
        for cls in facts.classes:
            self.cls(file, cls)
        for write in facts.writes:
            self.link(_nodes(file, write.value), write.target.attr)

    def bind(self, file: int, target: Node, value: m.Expr) -> None:
        if isinstance(value, m.Imported):
            self.imported(target, value)
            return
        if type(value) is m.FunctionValue or type(value) is m.ClassValue:
            self.link((target[1],) if isinstance(target, tuple) else (), target)
            return
        if isinstance(value, m.Mapping):
            for key, held in zip(value.keys, value.values, strict=True):
                if isinstance(key, m.Text):
                    self.link(_nodes(file, held), key.value)
        self.link(_nodes(file, value), target)

    def imported(self, target: Node, value: m.Imported) -> None:
        top = value.module.partition(".")[0]
        if value.level == 0 and (top == "openai" or value.module in surface.DROP_INS):
            typing = value.module.startswith("openai.types")
            spreads = not typing and _SPREADING.search(value.name or value.module) is not None
            (self.seeds if spreads else self.still).add(target)
        elif value.name is not None:
            self.link((value.name,), target)
            self.imports.setdefault(value.name, set()).add(target)

    def function(self, file: int, facts: FileFacts, function: m.Function) -> None:
        name = function.name
        if function.owner is not None and name in ("__init__", "__new__"):
            self.functions.setdefault(facts.classes[function.owner].name, []).append((file, function, 1))
        if function.owner is not None and name in ("__call__", "__enter__", "__aenter__", "__getitem__"):
            name = facts.classes[function.owner].name
        offset = 0 if function.owner is None else 1
        if name not in ("__init__", "__new__"):
            self.functions.setdefault(function.name, []).append((file, function, offset))
        for value in (*function.returns, *function.yields):
            self.link(_nodes(file, value), name)
        self.link(_nodes(file, function.result), name)
        for parameter in function.parameters:
            for value in (parameter.annotation, parameter.default):
                if value is not None and type(value) not in _SILENT:
                    self.link(_nodes(file, value), (file, parameter.name))

    def cls(self, file: int, cls: m.Class) -> None:
        for base in cls.bases:
            self.link(_nodes(file, base), cls.name)
            self.bases.setdefault(cls.name, []).append(last_name(base))
        for name, values in cls.attributes.items():
            for value in values:
                self.bind(file, name, value)
        for name, type_ in cls.annotations.items():
            self.link(_nodes(file, type_), name)
        self.fields.setdefault(cls.name, set()).update(cls.annotations)

    def called(self, name: str, depth: int = 0) -> Iterator[tuple[int, m.Function, int]]:
        """Yield the functions that a call of a name may call: those of that name, or the constructors of its bases."""
        found = self.functions.get(name)
        if found is not None:
            yield from found
        elif depth < 6:
            for base in self.bases.get(name, ()):
                yield from self.called(base, depth + 1)

    def arguments(self, file: int, facts: FileFacts, call: m.Call) -> None:
        for name in called_names(facts, call):
            if name in self.functions or name in self.fields:
                self.given(file, call, name)

    def given(self, file: int, call: m.Call, name: str) -> None:
        for position, argument in enumerate(call.arguments):
            value = argument.value
            if value is None or isinstance(value, m.PLAIN):
                continue
            nodes = _nodes(file, value)
            if not nodes:
                continue
            if argument.name is None:
                self.positional(nodes, name, position)
            elif argument.name not in ("*", "**"):
                self.keyword(nodes, name, argument.name)

    def positional(self, nodes: list[Node], called: str, position: int) -> None:
        for where, function, offset in self.called(called):
            for parameter in function.parameters[position : position + 1 + offset]:
                self.link(nodes, (where, parameter.name))

    def names_of(self, function: m.Function) -> frozenset[str]:
        found = self.parameters.get(id(function))
        if found is None:
            found = self.parameters[id(function)] = frozenset(one.name for one in function.parameters)
        return found

    def keyword(self, nodes: list[Node], called: str, name: str) -> None:
        for where, function, _ in self.called(called):
            if name in self.names_of(function):
                self.link(nodes, (where, name))
        if name in self.fields.get(called, ()):
            self.link(nodes, name)

    def spread(self) -> Relevance:
        hot = _reach(self.seeds, self.edges) | _reach(self.still, self.imports)
        variables: dict[int, set[str]] = {}
        for node in hot:
            if isinstance(node, tuple):
                variables.setdefault(node[0], set()).add(node[1])
        return Relevance(frozenset(node for node in hot if isinstance(node, str)), variables)


def _reach(seeds: set[Node], graph: dict[Node, set[Node]]) -> set[Node]:
    found = set(seeds)
    waiting = list(found)
    while waiting:
        for target in graph.get(waiting.pop(), ()):
            if target not in found:
                found.add(target)
                waiting.append(target)
    return found
