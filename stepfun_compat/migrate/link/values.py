"""The possible values of an expression."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Kind = Literal[
    "module",  # openai or a submodule: name is the dotted path
    "class",  # a client class of openai: name
    "client",  # an instance of a client class: name is the class
    "resource",  # a resource of a client, or its class: name is the path, generation in `detail`
    "method",  # a method that sends a request: name is the target, generation in `detail`
    "copy",  # a method of a client that returns another client
    "error",  # an exception class of openai: generation in `detail`
    "setting",  # a module setting of openai
    "type",  # any other name of openai: dotted path
    "foreign",  # something of another distribution: name is its top-level module, `detail` the imported name
    "file",  # a module of the project: `file`
    "project_class",  # a class of the project: `file`, `number`
    "object",  # an instance of a class of the project
    "super",  # the result of super(): the bases of the class
    "function",  # a function of the project: `file`, `number`
    "bound",  # a method of the project with its object or class
    "box",  # a dictionary or list of the project: `file`, `number` into the linker's boxes
    "answer",  # the response of a request, or another object of openai other than a client
]


class Value(NamedTuple):
    """One possible value of an expression."""

    kind: Kind
    name: str = ""
    detail: str = ""
    file: int = -1
    number: int = -1


class Result(NamedTuple):
    """All possible values of an expression; empty if unknown. `linked`: the evaluation used other scopes or files."""

    values: frozenset[Value]
    linked: bool = False


_EMPTY: Final[frozenset[Value]] = frozenset()
NOTHING: Final = Result(_EMPTY)
ANSWER: Final = Value("answer")

OPENAI_KINDS: Final = frozenset({"module", "class", "client", "resource", "method", "copy", "error", "setting", "type"})


def union(results: list[Result]) -> Result:
    """Return the union of several results."""
    if not results:
        return NOTHING
    if len(results) == 1:
        return results[0]
    known = [one for one in results if one.values]
    if len(known) < 2:
        return known[0] if known else NOTHING
    return Result(_EMPTY.union(*[one.values for one in known]), True in [one.linked for one in known])
