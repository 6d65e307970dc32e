"""Find the file of the project that an import refers to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from posixpath import dirname

from ..facts import FileFacts
from ..facts import model as m


class Modules:
    """The files of a project as modules. Paths are relative, with `/` as separator."""

    def __init__(self, paths: Sequence[str], facts: Sequence[FileFacts]) -> None:
        self.paths = paths
        self._facts = facts
        self._by_path = {path: number for number, path in enumerate(paths)}
        self._found: dict[tuple[str, str], int | None] = {}
        self._places: dict[str, list[str]] = {}

    @cached_property
    def _by_tail(self) -> dict[str, list[int]]:
        """Files by the last part of their module name."""
        found: dict[str, list[int]] = {}
        for number, path in enumerate(self.paths):
            found.setdefault(_last_part(path), []).append(number)
        return found

    @cached_property
    def tops(self) -> frozenset[str]:
        """The top-level names of the project's directories and files outside packages."""
        names: set[str] = set()
        for path in self.paths:
            above = ""
            for part in _without_suffix(path).split("/"):
                names.add(part)
                above = f"{above}/{part}".lstrip("/")
                if f"{above}/__init__.py" in self._by_path:
                    break
        return frozenset(names)

    def file_at(self, base: str) -> int | None:
        """Return the file of the module at a path without suffix, or None."""
        return self._by_base.get(base)

    @cached_property
    def _by_base(self) -> dict[str, int]:
        """Files by path without suffix, packages by their directory; `.py` before `.pyi`."""
        found: dict[str, int] = {}
        for ending in ("/__init__.pyi", ".pyi", "/__init__.py", ".py"):
            for number, path in enumerate(self.paths):
                if path.endswith(ending):
                    found[path[: -len(ending)]] = number
        return found

    @cached_property
    def _directory(self) -> list[str]:
        return [dirname(path) for path in self.paths]

    def relative(self, file: int, module: str, level: int) -> str | None:
        """Return the path without suffix of a relative import; None above the root."""
        base: str = self._directory[file]
        for _ in range(level - 1):
            if not base:
                return None
            base = dirname(base)
        tail = module.replace(".", "/")
        return f"{base}/{tail}".strip("/") if tail else base

    def of_statement(self, file: int, statement: m.Import) -> int | None:
        """Return the file that `from module import …` refers to; None for `import` and outside the project."""
        if statement.module is None:
            return None
        if not statement.level:
            return self.absolute(file, statement.module)
        base = self.relative(file, statement.module, statement.level)
        return None if base is None else self.file_at(base)

    def is_package(self, file: int) -> bool:
        """Whether a file is the `__init__` of a package."""
        return self.paths[file].rpartition("/")[2].startswith("__init__.")

    def absolute(self, file: int, module: str) -> int | None:
        """Return the file that `import module` refers to; None for a module outside the project."""
        key = (self._directory[file], module)
        if key in self._found:
            return self._found[key]
        found = self._absolute(key[0], module)
        self._found[key] = found
        return found

    def _absolute(self, directory: str, module: str) -> int | None:
        top = module.partition(".")[0]
        if top not in self.tops:
            return None
        tail = module.replace(".", "/")
        for place in self._searched(directory):
            found = self.file_at(place + tail)
            if found is not None:
                return found
        return self._by_suffix(tail)

    def _searched(self, directory: str) -> list[str]:
        """Return the directories where a file finds modules, nearest first, with a trailing slash: its own directory
        and the parents, except packages."""
        known = self._places.get(directory)
        if known is None:
            known = self._places[directory] = []
            above = directory
            while above:
                if self.file_at(f"{above}/__init__") is None:
                    known.append(f"{above}/")
                above = dirname(above)
            if self.file_at("__init__") is None:
                known.append("")
        return known

    def _by_suffix(self, tail: str) -> int | None:
        """Return a file elsewhere in the project, such as under `src/`, whose path ends with the module's path."""
        matches = [
            number
            for number in self._by_tail.get(tail.rpartition("/")[2], ())
            if ("/" + _without_suffix(self.paths[number])).endswith("/" + tail) and self._is_top(number, tail)
        ]
        return min(matches, key=lambda number: (self.paths[number].count("/"), self.paths[number]), default=None)

    def _is_top(self, number: int, tail: str) -> bool:
        """Whether the directory that contains a module is not itself a package."""
        above = _without_suffix(self.paths[number])[: -len(tail)].rstrip("/")
        return self.file_at(f"{above}/__init__".strip("/")) is None

    def shadows_openai(self, file: int) -> bool:
        """Whether `import openai` in a file refers to a module of the project with that name."""
        found = self.absolute(file, "openai")
        if found is None or found == file:
            return False
        path = self.paths[found]
        if not self.is_package(found):
            return not imports_openai(self._facts[found])
        directory = dirname(path)
        if self._is_sdk(directory) or self.paths[file].startswith(directory + "/"):
            return False
        return directory not in self._importing  # if files in the package import openai, they import the SDK

    @cached_property
    def _importing(self) -> frozenset[str]:
        """The directories that contain, at any depth, a file that imports openai."""
        found: set[str] = set()
        for path, facts in zip(self.paths, self._facts, strict=True):
            if imports_openai(facts):
                above = dirname(path)
                while above and above not in found:
                    found.add(above)
                    above = dirname(above)
        return frozenset(found)

    def _is_sdk(self, directory: str) -> bool:
        """Whether a directory is a copy of the SDK itself."""
        return (
            self.file_at(f"{directory}/_client") is not None or self.file_at(f"{directory}/api_requestor") is not None
        )


def imports_openai(facts: FileFacts) -> bool:
    """Whether a file imports `openai` by that name."""
    return any(
        (statement.level == 0 and _is_openai(statement.module))
        or (statement.module is None and _any_openai(one.name for one in statement.names))
        for statement in facts.imports
    )


def _any_openai(names: Iterable[str]) -> bool:
    return any(_is_openai(name) for name in names)


def _is_openai(module: str | None) -> bool:
    return module is not None and (module == "openai" or module.startswith("openai."))


def _without_suffix(path: str) -> str:
    base = path.rpartition(".")[0] or path
    return base.removesuffix("/__init__")


def _last_part(path: str) -> str:
    return _without_suffix(path).rpartition("/")[2]
