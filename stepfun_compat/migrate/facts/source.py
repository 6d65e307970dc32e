"""Decode the bytes of a file, and map positions in the text back to bytes."""

from __future__ import annotations

import codecs
import io
import re
import tokenize
from dataclasses import dataclass
from functools import cached_property

_LINE_END = re.compile(rb"\r\n|\r|\n")
_BOM = codecs.BOM_UTF8


class Undecodable(Exception):
    """The bytes are not text in the file's encoding; the message is the reason."""


@dataclass(eq=False)
class SourceText:
    """The text of a Python file.

    `utf8` is the text in UTF-8 without BOM, with unchanged line ends; `offset` returns offsets into it. In a UTF-8
    file, add `bom` for the offset into the file; for any other encoding, `encode` converts changed UTF-8 back.
    """

    utf8: bytes
    encoding: str
    bom: int

    @cached_property
    def line_starts(self) -> list[int]:
        """The offset of each line in `utf8`. A form feed does not end a line, unlike in `str.splitlines`."""
        return [0, *(found.end() for found in _LINE_END.finditer(self.utf8))]

    def offset(self, line: int, column: int) -> int:
        """Return the offset into `utf8` of an `ast` position: line from 1, column in UTF-8 bytes from 0."""
        return self.line_starts[line - 1] + column

    def slice(self, line: int, column: int, end_line: int, end_column: int) -> bytes:
        """Return the source of a span."""
        return self.utf8[self.offset(line, column) : self.offset(end_line, end_column)]

    def encode(self, utf8: bytes) -> bytes:
        """Encode a changed text in the original encoding, with the original BOM.

        Raises:
            UnicodeEncodeError: the file's encoding lacks a character.
        """
        prefix = _BOM if self.bom else b""
        if self.encoding in ("utf-8", "utf-8-sig"):
            return prefix + utf8
        return prefix + utf8.decode("utf-8").encode(self.encoding)


def decode(data: bytes) -> SourceText:
    """Decode a Python file as Python does: by its BOM, its coding line, or as UTF-8.

    Raises:
        Undecodable: the bytes are not text in that encoding.
    """
    bom = len(_BOM) if data.startswith(_BOM) else 0
    head = data[bom:512]
    if b"coding" not in head:
        body = data[bom:] if bom else data
        try:
            body.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise Undecodable(f"not UTF-8 in line {line}, and no encoding is declared") from None
        return SourceText(body, "utf-8", bom)
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as error:
        raise Undecodable(str(error.msg)) from None
    try:
        if encoding in ("utf-8", "utf-8-sig"):
            body = data[bom:]
            body.decode("utf-8")
            return SourceText(body, "utf-8", bom)
        return SourceText(data.decode(encoding).encode("utf-8"), encoding, bom)
    except (UnicodeError, LookupError) as error:
        raise Undecodable(f"not text in the declared encoding {encoding}: {error}") from None
