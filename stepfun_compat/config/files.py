"""Read a TOML file that may be untrusted: without blocking, and with limits on size and nesting."""

from __future__ import annotations

import logging
import os
import re
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final, cast

from ..errors import SettingsError

log = logging.getLogger("stepfun_compat")

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 24
# The parser needs quadratic time in the parts of a dotted key, and stack for each bracket.
_DOTTED: Final = re.compile(r"(?<![\w-])(?:(?:[\w-]+|\"[^\"\n]*\"|'[^'\n]*')[ \t]*\.[ \t]*){25}")


class NotTOMLError(SettingsError):
    """The whole file is invalid, so it cannot contain this package's settings."""


def read_toml(path: str) -> dict[str, Any]:
    """Return the tables of a regular TOML file of at most `MAX_BYTES`.

    Raises:
        NotTOMLError: it is a pipe or a device, too large, nested too deeply, or not TOML.
        OSError: it cannot be opened, or is a folder.
    """
    document: dict[str, Any]
    text = _text(path)
    toml: Any = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    deep = NotTOMLError(f"{path} is nested more than {MAX_DEPTH} deep: settings and catalog rows need three levels.")
    if _DOTTED.search(text):
        raise deep
    try:
        document = toml.loads(text)
    except toml.TOMLDecodeError as error:
        raise NotTOMLError(f"{path} is not valid TOML: {error}.") from error
    except RecursionError:
        raise deep from None
    if not _shallow(document):
        raise deep
    return document


def _text(path: str) -> str:
    try:
        # opening a pipe without a writer would block forever
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except ValueError as error:  # a NUL in the path
        raise OSError(22, "not a path") from error
    with os.fdopen(descriptor, "rb") as file:
        kind = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(kind):
            raise NotTOMLError(f"{path} is not a regular file: it must be the path of a TOML file.")
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise NotTOMLError(f"{path} is larger than {MAX_BYTES:,} bytes: a configuration or catalog file is small.")
    try:
        return data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise NotTOMLError(f"{path} is not valid TOML: {error}.") from error


def _shallow(document: dict[str, Any]) -> bool:
    level: list[Any] = [document]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner += cast("dict[str, Any]", value).values()
            elif isinstance(value, list):
                inner += cast("list[Any]", value)
        level = inner
        if not level:
            return True
    return False


@dataclass(frozen=True)
class FileRules:
    """The settings allowed in a file, those that only a file named by the user may set, and former names."""

    known: tuple[str, ...]
    trusted_file_only: frozenset[str]
    renamed: tuple[tuple[str, str], ...]


Place = tuple[str, Mapping[str, Any]]
"""A configuration file: its path for messages, and the values of its settings."""


def config_files(rules: FileRules) -> tuple[Place | None, Place | None]:
    """Return the file the user named in `STEPFUN_CONFIG` and the one found in the working directory.

    Raises:
        SettingsError: a file cannot be read, is not TOML or has an unknown setting.
    """
    named_path = os.environ.get("STEPFUN_CONFIG", "").strip()
    return (_named_file(named_path, rules), None) if named_path else (None, _found_file(rules))


def _named_file(named_path: str, rules: FileRules) -> Place:
    path = os.path.expanduser(named_path)
    try:
        stat = os.stat(path)
        return named_path, _read_file(path, stat.st_mtime_ns, stat.st_size, True, rules)
    except OSError as error:
        raise SettingsError(
            f"STEPFUN_CONFIG={named_path!r} cannot be read ({error.strerror}): it must be the path of a TOML file."
        ) from error


def _found_file(rules: FileRules) -> Place | None:
    """Return the file in the working directory; None if there is none with settings."""
    for file in ("stepfun.toml", "pyproject.toml"):
        try:
            stat = os.stat(file)
        except OSError:
            continue
        try:
            values = _read_file(os.path.abspath(file), stat.st_mtime_ns, stat.st_size, False, rules)
        except (NotTOMLError, OSError) as error:
            if file == "pyproject.toml":  # other tools report an invalid pyproject.toml
                continue
            if isinstance(error, NotTOMLError):
                raise
            raise SettingsError(f"{file} cannot be read ({error.strerror}): make it readable or remove it.") from error
        if values or file == "stepfun.toml":
            return file, values
    return None


def _own_table(path: str) -> dict[str, Any]:
    """Return this package's part of a configuration file.

    Raises:
        SettingsError: it is not a table, or the file is not TOML.
    """
    document = read_toml(path)
    if os.path.basename(path) != "pyproject.toml":
        return document
    tool: Any = document.get("tool")
    table: Any = cast("dict[str, Any]", tool).get("stepfun-compat", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise SettingsError(f"{path}: [tool.stepfun-compat] must be a table of settings.")
    return cast("dict[str, Any]", table)


def _check_known(values: Mapping[str, Any], path: str, rules: FileRules) -> None:
    unknown = sorted(set(values) - set(rules.known))
    if unknown:
        from difflib import get_close_matches

        close = get_close_matches(unknown[0], rules.known, 1)
        meant = f"did you mean {close[0]}? K" if close else "k"
        raise SettingsError(
            f"{path}: {unknown[0]!r} is not a setting; {meant}nown settings are {', '.join(rules.known)}."
        )


@lru_cache(maxsize=16)
def _read_file(path: str, mtime: int, size: int, named: bool, rules: FileRules) -> Mapping[str, Any]:  # noqa: ARG001 - part of the cache key
    values = {key.replace("-", "_"): value for key, value in _own_table(path).items()}
    for former, present in rules.renamed:
        if former in values:
            values.setdefault(present, values.pop(former))
    _check_known(values, path, rules)
    overlay = values.get("catalog_overlay")
    if isinstance(overlay, str) and overlay:  # a path in a file is relative to the file's folder
        values["catalog_overlay"] = os.path.join(os.path.dirname(path), os.path.expanduser(overlay))
    if not named:
        for name in [n for n in values if n in rules.trusted_file_only]:
            del values[name]
            log.warning(
                "%s: %r is ignored: a file found in the working directory may not set it. "
                "Name the file in STEPFUN_CONFIG to trust it.",
                path,
                name,
            )
    return MappingProxyType(values)
