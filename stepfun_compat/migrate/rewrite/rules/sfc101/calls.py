"""The calls of openai<1.0 in a file, and the client calls that replace them."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ...model import Edit
from .files import is_binary_file
from .flow import Flow
from .functions import Functions
from .interfaces import ENDPOINTS, Endpoint, Object, Pending, Shape, Stream
from .names import Reference
from .tree import Stop, Tree, literal
from .unpacked import Unpacked, parameters_in

_OPENING: Final = re.compile(rb"\s*\(\s*")
_COMMA: Final = re.compile(rb"\s*,\s*")
_MULTIPART: Final = frozenset({"prompt", "temperature", "language"})
"""Form parameters, which openai<1.0 omits if they are None."""


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A call of a method of a resource."""

    node: ast.Call
    endpoint: Endpoint
    is_async: bool
    streamed: bool
    answer: Object
    positional: tuple[str | None, ...]
    """The parameter names of the positional arguments."""

    @property
    def shape(self) -> Shape:
        """The shape of the call's result."""
        found: Object | Stream = self.answer
        if self.streamed and self.endpoint.chunk is not None:
            found = Stream(self.endpoint.chunk, self.is_async)
        return Pending(found) if self.is_async else found


def call_of(tree: Tree, flow: Flow, functions: Functions, reference: Reference) -> Call:
    """Return the call whose callee is a reference to a resource.

    Raises:
        Stop: the reference is not called, or a parameter is unknown.
    """
    node, path = reference.node, reference.path
    name = ".".join(("openai", *path))
    methods = ENDPOINTS.get(path[0])
    if methods is None:
        raise Stop(node.lineno, f"openai.{path[0]} is not translated")
    call = tree.parent(node)
    if not isinstance(call, ast.Call) or call.func is not node or len(path) != 2:
        raise Stop(node.lineno, f"{name} is used without being called: only direct calls are translated")
    is_async = path[1] not in methods
    endpoint = methods.get(path[1][1:] if is_async and path[1].startswith("a") else path[1])
    if endpoint is None:
        raise Stop(node.lineno, f"{name} is not translated")
    given = _Given(tree, flow, functions, call, endpoint, name)
    return Call(call, endpoint, is_async, given.streamed(is_async), given.answer(), given.positional)


class _Given:
    """The arguments of a call, and the kind of response that they request."""

    def __init__(
        self, tree: Tree, flow: Flow, functions: Functions, call: ast.Call, endpoint: Endpoint, name: str
    ) -> None:
        """Raise Stop for an unknown parameter."""
        self.tree = tree
        self.flow = flow
        self.functions = functions
        self.call = call
        self.endpoint = endpoint
        self.name = name
        self.positional = self._positional()
        self.unseen = False
        """Whether known parameters may be passed by `**`."""
        self.values: dict[str, ast.expr] = {
            parameter: value for parameter, value in zip(self.positional, call.args, strict=False) if parameter
        }
        self._keywords()
        self._check_required()
        self._check_form()

    def _positional(self) -> tuple[str | None, ...]:
        names = self.endpoint.positional
        for number, one in enumerate(self.call.args):
            if isinstance(one, ast.Starred) or number >= len(names):
                raise Stop(one.lineno, f"positional arguments of {self.name} are not translated: pass them by name")
        return names[: len(self.call.args)]

    def _keywords(self) -> None:
        for one in self.call.keywords:
            if one.arg is None:
                self._unpacked(parameters_in(self.tree, self.functions, one.value, self.name), one)
            else:
                self._add(one.arg, one.value, one.lineno, self.endpoint.renamed.keys() | self.endpoint.dropped)

    def _unpacked(self, found: Unpacked, one: ast.keyword) -> None:
        for parameter, value in found.values:
            if parameter == "stream" or parameter in self.endpoint.choices or self.endpoint.positional:
                why = f"the parameter {parameter} of {self.name} is passed by **: write it in the call itself"
                raise Stop(one.value.lineno, why)
            self._add(parameter, value, one.value.lineno, frozenset[str]())
        self.unseen = self.unseen or found.maybe

    def _add(self, parameter: str, value: ast.expr, line: int, more: frozenset[str] | set[str]) -> None:
        if parameter not in self.endpoint.parameters | more:
            raise Stop(line, f"the parameter {parameter} of {self.name} is not translated")
        self.values[parameter] = value

    def _check_required(self) -> None:
        if {"model", "engine"} <= self.values.keys():
            raise Stop(self.values["engine"].lineno, f"{self.name} has both engine and model: remove engine")
        for names in self.endpoint.required:
            if not names & self.values.keys():
                raise Stop(self.call.lineno, f"{self.name} has no {max(names)} argument")
        value = self.values.get("timeout") if "timeout" in self.endpoint.dropped else None
        if value is not None and not isinstance(value, ast.Constant | ast.Name | ast.Attribute):
            why = f"the parameter timeout of {self.name} has no effect, but evaluating it may: remove it"
            raise Stop(value.lineno, why)

    def _check_form(self) -> None:
        """Raise Stop for values that the client may send differently in a form: None, and files that are not binary."""
        file = self.values.get("file")
        if file is None:
            return
        if not is_binary_file(self.tree, self.flow, file):
            raise Stop(file.lineno, f'the file of {self.name} may not be a binary file: pass open(…, "rb")')
        for name in _MULTIPART & self.values.keys():
            if not self.flow.is_constant(self.values[name]):
                raise Stop(self.values[name].lineno, f"the {name} of {self.name} may be None: pass a constant")

    def streamed(self, is_async: bool) -> bool:
        """Return whether the response is a stream."""
        self._check_timeout(is_async)
        value = self.values.get("stream")
        if value is None:
            return False
        if not isinstance(value, ast.Constant) or not isinstance(value.value, bool):
            raise Stop(value.lineno, "the value of stream is only known at run time: pass True or False")
        if value.value and {"functions", "function_call"} & self.values.keys():
            raise Stop(self.call.lineno, "a stream with functions is not translated")
        return value.value

    def _check_timeout(self, is_async: bool) -> None:
        one = self.values.get("request_timeout")
        if one is None:
            return
        if is_async:
            why = "request_timeout limits an entire async call, but timeout in the client API only each read: remove it"
            raise Stop(one.lineno, why)
        value = one.value if isinstance(one, ast.Constant) else None
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise Stop(one.lineno, "request_timeout is not a literal number")

    def answer(self) -> Object:
        """Return the shape of the response, which depends on parameters that must be constants."""
        found = self.endpoint.answer
        for parameter, choices in self.endpoint.choices.items():
            value = self.values.get(parameter)
            if value is None:
                continue
            known = literal(value)
            if known is None or known not in choices:
                allowed = " or ".join(map(repr, choices))
                raise Stop(value.lineno, f"{parameter} of {self.name} must be a literal: {allowed}")
            found = choices[known] or found
        return found


def call_edits(tree: Tree, call: Call, client: str) -> list[Edit]:
    """Return the edits of the callee and of renamed, named and removed parameters."""
    edits = [Edit(*tree.span(call.node.func), f"{client}.{call.endpoint.method}".encode())]
    before, opening = tree.span(call.node.func)[1], _OPENING
    for name, value in zip(call.positional, call.node.args, strict=False):
        start, end = tree.span(value)
        if not opening.fullmatch(tree.text.utf8[before:start]):
            raise Stop(value.lineno, "an argument has a comment or parentheses around it: remove them")
        edits.append(Edit(start, start, f"{name}=".encode()))
        before, opening = end, _COMMA
    for one in call.node.keywords:
        if one.arg is not None:
            edits += _keyword_edits(tree, call, one, call.endpoint.renamed)
    return edits


def _keyword_edits(tree: Tree, call: Call, one: ast.keyword, renamed: Mapping[str, str]) -> list[Edit]:
    assert one.arg is not None
    if one.arg in call.endpoint.dropped:
        return [_removed(tree, call.node, one)]
    if one.arg not in renamed:
        return []
    start, _ = tree.span(one)
    if not tree.text.utf8.startswith(one.arg.encode(), start):
        raise Stop(one.lineno, f"the parameter {one.arg} is not written in ASCII")
    return [Edit(start, start + len(one.arg), renamed[one.arg].encode())]


def _removed(tree: Tree, call: ast.Call, one: ast.keyword) -> Edit:
    """Return the edit that removes an argument, with the comma after it or else the one before it."""
    given = sorted(tree.span(each) for each in (*call.args, *call.keywords))
    number = given.index(tree.span(one))
    start, end = given[number]
    if number + 1 < len(given):
        between, end = (end, given[number + 1][0]), given[number + 1][0]
    else:
        between, start = (given[number - 1][1], start), given[number - 1][1]
    if not _COMMA.fullmatch(tree.text.utf8[slice(*between)]):
        raise Stop(one.lineno, f"the parameter {one.arg} has a comment or parentheses around it: remove them")
    return Edit(start, end, b"")
