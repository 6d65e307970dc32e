"""Group files that imports connect, directly or indirectly.

Values pass between files only through imports, so each group is linked separately. Then common names in one package do
not affect another, and only one group is in memory at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..facts import FileFacts
from ..facts import model as m
from .modules import Modules


def components(modules: Modules, facts: Sequence[FileFacts]) -> list[list[int]]:
    """Return the groups of files, ordered by their first file."""
    above = list(range(len(facts)))

    def top(file: int) -> int:
        while above[file] != file:
            above[file] = above[above[file]]
            file = above[file]
        return file

    for file, one in enumerate(facts):
        for other in _imported(modules, file, one):
            first, second = top(file), top(other)
            if first != second:
                above[max(first, second)] = min(first, second)
    groups: dict[int, list[int]] = {}
    for file in range(len(facts)):
        groups.setdefault(top(file), []).append(file)
    return list(groups.values())


def _imported(modules: Modules, file: int, facts: FileFacts) -> Iterator[int]:
    """Return the files of the project that a file imports from."""
    for statement in facts.imports:
        if statement.module is None:
            for name in statement.names:
                yield from _found(modules.absolute(file, name.name))
                if not name.alias:  # `import a.b` binds `a`
                    yield from _found(modules.absolute(file, name.name.partition(".")[0]))
        elif statement.level:
            base = modules.relative(file, statement.module, statement.level)
            if base is not None:
                yield from _found(modules.file_at(base))
                yield from _members(modules, base, statement)
        else:
            target = modules.absolute(file, statement.module)
            if target is not None:
                yield target
            if target is None or modules.is_package(target):  # the names may be submodules
                for name in statement.names:
                    yield from _found(modules.absolute(file, f"{statement.module}.{name.name}"))
    for name in facts.lazy:
        yield from _found(modules.absolute(file, name))


def _members(modules: Modules, base: str, statement: m.Import) -> Iterator[int]:
    for name in statement.names:
        yield from _found(modules.file_at(f"{base}/{name.name}".lstrip("/")))


def _found(file: int | None) -> tuple[int, ...]:
    return () if file is None else (file,)
