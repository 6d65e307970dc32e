"""Reading a TOML file somebody else may have put there: never a hang, nor more memory or depth than settings need."""

from __future__ import annotations

import os
import re
import stat
import sys
from importlib import import_module
from typing import Any, Final, cast

from ..errors import SettingsError

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 24
# The parser's work grows with the square of the parts of one dotted key, and its stack with each bracket.
_DOTTED: Final = re.compile(r"(?<![\w-])(?:(?:[\w-]+|\"[^\"\n]*\"|'[^'\n]*')[ \t]*\.[ \t]*){25}")


class NotTOMLError(SettingsError):
    """The file as a whole is broken, so that nothing in it can be ours."""


def read_toml(path: str) -> dict[str, Any]:
    """The tables of a regular TOML file of at most `MAX_BYTES`.

    Raises:
        NotTOMLError: it is a pipe or a device, too large, nested too deeply, or no TOML.
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
        # a pipe without a writer would keep a plain open() waiting for ever
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except ValueError as error:  # a NUL in the path
        raise OSError(22, "not a path") from error
    with os.fdopen(descriptor, "rb") as file:
        kind = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(kind):
            raise NotTOMLError(f"{path} is no regular file: a setting takes the path of a TOML file.")
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
