"""The calls of openai<1.0 in a file, and the client calls that replace them."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ...model import Edit
from .interfaces import ENDPOINTS, RENAMED, Endpoint, Object, Pending, Shape, Stream
from .names import Reference
from .tree import Stop, Tree


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A call of `create` or `acreate`."""

    node: ast.Call
    resource: str
    endpoint: Endpoint
    is_async: bool
    streamed: bool

    @property
    def shape(self) -> Shape:
        """The shape of the call's result."""
        found: Object | Stream = self.endpoint.answer
        if self.streamed and self.endpoint.chunk is not None:
            found = Stream(self.endpoint.chunk, self.is_async)
        return Pending(found) if self.is_async else found


def call_of(tree: Tree, reference: Reference) -> Call:
    """Return the call whose callee is a reference to a resource.

    Raises:
        Stop: the reference is not called, or a parameter is unknown.
    """
    node, path = reference.node, reference.path
    name = ".".join(("openai", *path))
    endpoint = ENDPOINTS.get(path[0])
    if endpoint is None:
        raise Stop(node.lineno, f"openai.{path[0]} is not translated")
    call = tree.parent(node)
    if not isinstance(call, ast.Call) or call.func is not node or len(path) != 2:
        raise Stop(node.lineno, f"{name} is used otherwise than called")
    if path[1] not in ("create", "acreate"):
        raise Stop(node.lineno, f"{name} is not translated")
    given = _keywords(call, name)
    _check_parameters(given, endpoint, name)
    streamed = _streamed(given)
    if streamed and {"functions", "function_call"} & given.keys():
        raise Stop(call.lineno, "the deltas of a stream with functions may lack what others have")
    _check_model(given, call, name)
    _check_timeout(given.get("request_timeout"), path[1])
    return Call(call, path[0], endpoint, path[1] == "acreate", streamed)


def _keywords(call: ast.Call, name: str) -> dict[str, ast.keyword]:
    if call.args:
        raise Stop(call.args[0].lineno, f"positional arguments of {name} are not translated")
    found: dict[str, ast.keyword] = {}
    for one in call.keywords:
        if one.arg is None:
            raise Stop(one.value.lineno, f"the parameters in ** of {name} cannot be seen")
        found[one.arg] = one
    return found


def _check_parameters(given: dict[str, ast.keyword], endpoint: Endpoint, name: str) -> None:
    for parameter, one in given.items():
        if parameter not in endpoint.parameters | RENAMED.keys():
            raise Stop(one.lineno, f"the parameter {parameter} of {name} is not translated")


def _streamed(given: dict[str, ast.keyword]) -> bool:
    one = given.get("stream")
    if one is None:
        return False
    if not isinstance(one.value, ast.Constant) or not isinstance(one.value.value, bool):
        raise Stop(one.lineno, "whether the answer is a stream is decided at run time")
    return one.value.value


def _check_model(given: dict[str, ast.keyword], call: ast.Call, name: str) -> None:
    if "model" in given and "engine" in given:
        raise Stop(given["engine"].lineno, f"{name} has both engine and model")
    if "model" not in given and "engine" not in given:
        raise Stop(call.lineno, f"{name} names no model")


def _check_timeout(one: ast.keyword | None, method: str) -> None:
    if one is None:
        return
    if method == "acreate":
        raise Stop(one.lineno, "request_timeout limits the whole of an async call; timeout limits each read")
    value = one.value.value if isinstance(one.value, ast.Constant) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise Stop(one.lineno, "request_timeout is not a number written out")


def call_edits(tree: Tree, call: Call, client: str) -> list[Edit]:
    """Return the edits of the callee and of renamed parameters."""
    edits = [Edit(*tree.span(call.node.func), f"{client}.{call.endpoint.method}".encode())]
    for one in call.node.keywords:
        if one.arg is not None and one.arg in RENAMED:
            start, _ = tree.span(one)
            if not tree.text.utf8.startswith(one.arg.encode(), start):
                raise Stop(one.lineno, f"{one.arg} is written in an unusual way")
            edits.append(Edit(start, start + len(one.arg), RENAMED[one.arg].encode()))
    return edits
