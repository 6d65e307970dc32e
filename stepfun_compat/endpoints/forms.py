"""Parts of multipart forms."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast


@dataclass(frozen=True)
class Part:
    """One file of a multipart request. `content` is bytes, text, or the caller's open file."""

    field: str
    filename: str
    content: Any
    mime: str | None = None

    @property
    def extension(self) -> str:
        """The extension of the file's name, lower case, without the dot."""
        return os.path.splitext(self.filename)[1].lower().lstrip(".")

    @property
    def size(self) -> int | None:
        """The size in bytes, None if it is unknown."""
        if isinstance(self.content, bytes | bytearray):
            return len(self.content)
        if isinstance(self.content, str):
            return len(self.content.encode())
        try:
            at = self.content.tell()
            end = self.content.seek(0, os.SEEK_END)
            self.content.seek(at)
        except (AttributeError, OSError, ValueError):
            return None
        return int(end)

    def read(self) -> bytes:
        """Read the complete content; an open file from its start if it is seekable, as the SDK sends it."""
        if isinstance(self.content, str):
            return self.content.encode()
        if isinstance(self.content, bytes | bytearray):
            return bytes(self.content)
        seekable = getattr(self.content, "seekable", None)
        if callable(seekable) and seekable():
            self.content.seek(0)
        data = self.content.read()
        return data.encode() if isinstance(data, str) else bytes(data)

    def head(self, size: int = 4096) -> bytes:
        """Read the first bytes and leave an open file at its position; empty if it is not seekable."""
        if isinstance(self.content, str | bytes | bytearray):
            return self.read()[:size]
        try:
            at = self.content.tell()
            self.content.seek(0)
            data = self.content.read(size)
            self.content.seek(at)
        except (AttributeError, OSError, ValueError):
            return b""
        return data if isinstance(data, bytes) else b""

    def as_upload(self, content: bytes | None = None) -> tuple[Any, ...]:
        """Return the part as the SDK's file tuple."""
        body = self.content if content is None else content
        return (self.filename, body, self.mime) if self.mime else (self.filename, body)


def file_part(files: Any) -> Part | None:
    """Return the first part of a form that is named `file`, None if there is none."""
    return next((part for part in file_parts(files) if part.field == "file"), None)


def file_parts(files: Any) -> list[Part]:
    """Return the files of a request in any form the SDK takes: a mapping or pairs, of contents or tuples."""
    if not files:
        return []
    pairs = cast("Mapping[str, Any]", files).items() if isinstance(files, Mapping) else cast("Sequence[Any]", files)
    parts: list[Part] = []
    for field, value in pairs:
        if isinstance(value, tuple):
            entry = cast("tuple[Any, ...]", value)
            name, content = entry[0], entry[1]
            mime = entry[2] if len(entry) > 2 and isinstance(entry[2], str) else None
        else:
            name, content, mime = getattr(value, "name", None), value, None
        filename = os.path.basename(name) if isinstance(name, str) and name else "upload"
        parts.append(Part(str(field), filename, content, mime))
    return parts
