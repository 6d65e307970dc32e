"""Find requirements on openai in `setup.py`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from .marks import Mark
from .texts import requirement_in

_NO_REQUIREMENTS: Final = frozenset(
    {"keywords", "name", "description", "long_description", "url", "author", "classifiers"}
)


def requirements(data: bytes) -> list[Mark]:
    """Return the requirements on openai in a `setup.py`. Parses it again, because facts do not keep plain strings."""
    found: list[Mark] = []
    for node in _lists(ast.parse(data)):
        for one in node.elts:
            if isinstance(one, ast.Constant) and isinstance(one.value, str) and requirement_in(one.value):
                found.append(
                    Mark("dependency", one.value, one.lineno, one.col_offset, one.end_col_offset or one.col_offset)
                )
    return found


def _lists(tree: ast.Module) -> Iterator[ast.List | ast.Tuple | ast.Set]:
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.keyword) and node.arg in _NO_REQUIREMENTS:
            continue
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            yield node
        waiting.extend(ast.iter_child_nodes(node))
