"""The data model of the facts of one file.

An expression that a name can be bound to is a small tree of `Expr`. Irrelevant expressions (numbers, comparisons,
arithmetic) are None; only their parts are recorded.

Lines count from 1, and columns from 0 in UTF-8 bytes, as in `ast`; `SourceText.offset` converts both to an offset into
the UTF-8 text of the file. The span of an expression excludes enclosing parentheses.

Expressions compare by identity: none of these classes defines `==`.
"""

from __future__ import annotations

import copyreg
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Final, Literal, TypeVar

FORMAT = 3
"""The version of the serialized facts; cached facts of another version are discarded."""


T = TypeVar("T")


def _packed(cls: type[T]) -> type[T]:
    """Pickle instances of a dataclass as tuples of values. `attrgetter` avoids running Python code per object."""
    cls._values = property(attrgetter(*(one.name for one in fields(cls))))  # type: ignore[attr-defined,arg-type]
    copyreg.pickle(cls, attrgetter("__class__", "_values"))  # type: ignore[arg-type]
    return cls


@dataclass(slots=True, eq=False)
class Expr:
    """An expression and its span."""

    line: int
    column: int
    end_line: int
    end_column: int


@_packed
@dataclass(slots=True, eq=False)
class Name(Expr):
    """A name that is read, and the scope that reads it."""

    name: str
    scope: int


@_packed
@dataclass(slots=True, eq=False)
class Attribute(Expr):
    """`base.attr`. The span ends with the attribute's name. `base` is None if it is unknown."""

    base: Expr | None
    attr: str


def plain_name(expr: Expr | None) -> str:
    """Return a name, or the last attribute of a chain; empty for anything else."""
    if type(expr) is Name:
        return expr.name
    return expr.attr if type(expr) is Attribute else ""


@_packed
@dataclass(slots=True, eq=False)
class Argument:
    """One argument of a call; `name` is None for a positional one, `*` and `**` for unpacked ones.

    The span covers the keyword and its value: `base_url="…"`.
    """

    name: str | None
    value: Expr | None
    line: int
    column: int
    end_line: int
    end_column: int


@_packed
@dataclass(slots=True, eq=False)
class Call(Expr):
    """`func(arguments)`."""

    func: Expr | None
    arguments: tuple[Argument, ...]
    scope: int


@_packed
@dataclass(slots=True, eq=False)
class Text(Expr):
    """A string literal; adjacent literals are one. Literals longer than `LONGEST_TEXT` are `Opaque`."""

    value: str


@_packed
@dataclass(slots=True, eq=False)
class Opaque(Expr):
    """An expression of unknown value whose position or kind matters: `what` is `fstring`, `number`, `true`, `false`,
    `none`, `string` or `other`."""

    what: str


@_packed
@dataclass(slots=True, eq=False)
class Mapping(Expr):
    """`{key: value}` or `dict(key=value)`; a key is None for `**rest`. `keys` has one entry per value."""

    keys: tuple[Expr | None, ...]
    values: tuple[Expr | None, ...]


@_packed
@dataclass(slots=True, eq=False)
class Sequence(Expr):
    """A list, tuple or set."""

    items: tuple[Expr | None, ...]


@_packed
@dataclass(slots=True, eq=False)
class Item(Expr):
    """`base[key]`; `key` is None unless it is a literal string or number."""

    base: Expr | None
    key: str | int | None


CHAINED: Final = (Attribute, Item)
"""The links of a chain, as a tuple, because `isinstance` is several times slower with `Attribute | Item`."""
PLAIN: Final = (Text, Opaque)
"""Expressions that cannot be an object of openai."""


@_packed
@dataclass(slots=True, eq=False)
class Choice(Expr):
    """One of several expressions: `a if c else b`, `a or b`."""

    options: tuple[Expr, ...]


@_packed
@dataclass(slots=True, eq=False)
class Element(Expr):
    """An element of `of`, which is iterated."""

    of: Expr


@_packed
@dataclass(slots=True, eq=False)
class Entered(Expr):
    """The value bound by `with of as name`."""

    of: Expr


@_packed
@dataclass(slots=True, eq=False)
class FunctionValue(Expr):
    """A `def` or `lambda` of this file, by its index in `FileFacts.functions`."""

    function: int


@_packed
@dataclass(slots=True, eq=False)
class ClassValue(Expr):
    """A class of this file, by its index in `FileFacts.classes`."""

    cls: int


@_packed
@dataclass(slots=True, eq=False)
class ParameterValue(Expr):
    """A parameter of a function of this file."""

    function: int
    name: str


@_packed
@dataclass(slots=True, eq=False)
class Imported(Expr):
    """The value bound by an import: the module itself if `name` is None. `level` counts the leading dots."""

    module: str
    name: str | None
    level: int


@_packed
@dataclass(slots=True, eq=False)
class Annotated(Expr):
    """An instance of the annotated type."""

    type: Expr


@_packed
@dataclass(slots=True, eq=False)
class ImportName:
    """One name of an import statement: `module as alias`, with its span (which includes `as alias`).

    In `from m import n as a`, `name` is `n`. `bound` is the name bound in the scope; None for `*`.
    """

    name: str
    alias: str | None
    bound: str | None
    line: int
    column: int
    end_line: int
    end_column: int


@_packed
@dataclass(slots=True, eq=False)
class Import:
    """An import statement. `module` is None for `import a, b`, whose names are the modules.

    `importlib.import_module("m")` and `__import__("m")` with a literal are imports too: `call` is the call, the only
    name is the module, and nothing is bound. `conditional` is None for a statement that is executed unconditionally.
    """

    module: str | None
    level: int
    names: tuple[ImportName, ...]
    scope: int
    conditional: Literal["type_checking", "try", "if", "function"] | None
    call: Call | None
    line: int
    column: int
    end_line: int
    end_column: int


@_packed
@dataclass(slots=True, eq=False)
class AttributeWrite:
    """`target = value` with an attribute as target; `how` is `=`, `+=` or `del`."""

    target: Attribute
    value: Expr | None
    how: str


@_packed
@dataclass(slots=True, eq=False)
class Literal_:
    """A string that is a model id, environment variable or host of OpenAI.

    `whole` is False for a part of an f-string. `role` is `key` for the key of a dictionary or the name of a keyword
    argument.
    """

    kind: Literal["model", "env", "host"]
    value: str
    whole: bool
    role: str
    line: int
    column: int
    end_line: int
    end_column: int


@_packed
@dataclass(slots=True, eq=False)
class Parameter:
    """A parameter of a function; `kind` is `positional`, `keyword`, `*` or `**`."""

    name: str
    kind: str
    annotation: Expr | None
    default: Expr | None


@_packed
@dataclass(slots=True, eq=False)
class Function:
    """A function or lambda: parameters, returned and yielded values, decorators."""

    name: str
    scope: int
    """The scope of its body."""
    outer: int
    """The scope it is defined in."""
    owner: int | None
    """The class whose method it is."""
    parameters: tuple[Parameter, ...]
    decorators: tuple[Expr, ...]
    result: Expr | None
    """The return annotation."""
    is_async: bool
    line: int
    returns: list[Expr] = field(default_factory=lambda: [])
    yields: list[Expr] = field(default_factory=lambda: [])


@_packed
@dataclass(slots=True, eq=False)
class Class:
    """A class: its bases, and the values of its attributes from its body and from `self.x = …` in its methods."""

    name: str
    scope: int
    outer: int
    bases: tuple[Expr, ...]
    decorators: tuple[Expr, ...]
    line: int
    attributes: dict[str, list[Expr]] = field(default_factory=lambda: {})
    annotations: dict[str, Expr] = field(default_factory=lambda: {})


@_packed
@dataclass(slots=True, eq=False)
class Scope:
    """The names bound in a module, class or function, each with all its values in order.

    Control flow is ignored: a name that is bound twice may have either value.
    """

    kind: Literal["module", "class", "function"]
    parent: int | None
    owner: int | None
    """The index of the class or function it belongs to."""
    bindings: dict[str, list[Expr]] = field(default_factory=lambda: {})
    stars: list[Imported] = field(default_factory=lambda: [])
    """Modules imported with `*`."""
    elsewhere: dict[str, int] = field(default_factory=lambda: {})
    """Names declared `global` or `nonlocal`, with the scope they belong to."""


@dataclass(slots=True, eq=False)
class FileFacts:
    """All facts of one file. Scope 0 is the module."""

    scopes: list[Scope] = field(default_factory=lambda: [])
    functions: list[Function] = field(default_factory=lambda: [])
    classes: list[Class] = field(default_factory=lambda: [])
    imports: list[Import] = field(default_factory=lambda: [])
    calls: list[Call] = field(default_factory=lambda: [])
    """The relevant calls, inner calls before outer ones."""
    reads: list[Expr] = field(default_factory=lambda: [])
    """Names and complete chains of attributes that are read but not called."""
    writes: list[AttributeWrite] = field(default_factory=lambda: [])
    literals: list[Literal_] = field(default_factory=lambda: [])
    lazy: list[str] = field(default_factory=lambda: [])
    """Modules named in calls of lazy importers: `LazyImport("openai", globals(), "package.openai")`."""
    ignores: dict[int, tuple[str, ...]] = field(default_factory=lambda: {})
    """Lines with `# stepfun: ignore[…]` and their rule ids; an empty tuple means all rules."""

    def outline(self) -> FileFacts:
        """Return only the facts that connect files: imports, and ignored lines."""
        return FileFacts(
            scopes=[Scope("module", None, None)], imports=self.imports, lazy=self.lazy, ignores=self.ignores
        )
