"""Parse multipart forms into the fields and files that the SDK's methods take."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from typing import Any, Final, cast

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from .rejections import Rejected

_FLAGS: Final = frozenset({"stream"})
_WHOLE: Final = frozenset({"n", "partial_images", "output_compression", "seconds", "bytes"})
_NUMBERS: Final = frozenset({"temperature", "threshold", "prefix_padding_ms", "silence_duration_ms"})
_KEY: Final = re.compile(r"\[([^\[\]]*)\]")


def is_form(content_type: str) -> bool:
    """Whether a body is a multipart form."""
    return content_type.partition(";")[0].strip().lower() == "multipart/form-data"


async def parse_form(
    body: bytes, content_type: str, most_parts: int = 256
) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    """Return (fields, files) of a form; `content_type` is its header, with the boundary.

    Raises:
        Rejected: it is not a valid form.
    """

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(
        Headers({"content-type": content_type}),
        stream(),
        max_files=most_parts,
        max_fields=most_parts,
        max_part_size=max(len(body), 1),
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise Rejected(400, f"The body is not a valid multipart form: {str(error).rstrip('.')}.") from None
    files: list[tuple[str, Any]] = []
    fields: dict[str, Any] = {}
    try:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                files.append((name, _file(value, await value.read())))
            else:
                put(fields, name, value)
    finally:
        await form.close()
    return fields, files


def _file(value: UploadFile, content: bytes) -> tuple[Any, ...]:
    name = value.filename or "upload"
    return (name, content, value.content_type) if value.content_type else (name, content)


def put(fields: dict[str, Any], name: str, value: str) -> None:
    """Add a field: `a[b]` is a member of an object; `a[]`, or a repeated name, is an item of a list."""
    first, _, rest = name.partition("[")
    keys = [first, *_KEY.findall("[" + rest)] if rest else [first]
    as_list = len(keys) > 1 and keys[-1] == ""
    if as_list:
        keys.pop()
    place = fields
    for key in keys[:-1]:
        inner = place.setdefault(key, {})
        if not isinstance(inner, dict):
            raise Rejected(400, f"The form's field {name!r} contradicts another.", param=first)
        place = cast("dict[str, Any]", inner)
    key, typed = keys[-1], _typed(keys[-1], value)
    known = place.get(key)
    if as_list or known is not None:
        rows: list[Any] = cast("list[Any]", known) if isinstance(known, list) else [] if known is None else [known]
        place[key] = [*rows, typed]
    else:
        place[key] = typed


def _typed(name: str, value: str) -> Any:
    """Convert the text of a field that OpenAI's API reads as a number or a flag."""
    text = value.strip().lower()
    if name in _FLAGS and text in ("true", "false"):
        return text == "true"
    try:
        if name in _WHOLE:
            return int(text)
        if name in _NUMBERS:
            return float(text)
    except ValueError:
        pass
    return value
