"""Small pieces the endpoints share: bodies, paths, files, models, parameters that are dropped by the table."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast
from urllib.parse import unquote

from .base import Request
from .chat.response import Dict, as_dict, as_list
from .context import Exchange, Refusal
from .model_resolution import resolve_model

__all__ = [
    "Dict",
    "Part",
    "as_dict",
    "as_list",
    "drop_by_table",
    "file_parts",
    "given",
    "headers_for",
    "kind_of_model",
    "not_available",
    "segment",
]


def given(request: Request) -> Dict:
    """The body's fields that hold something: None is how the SDK's callers leave a parameter out."""
    body = request.json
    if not isinstance(body, Mapping):
        return {}
    return {key: value for key, value in cast("Mapping[str, Any]", body).items() if value is not None}


def segment(request: Request, position: int) -> str:
    """One segment of the path, decoded; position 0 is the first after the leading slash."""
    parts = request.path.strip("/").split("/")
    return unquote(parts[position]) if position < len(parts) else ""


def headers_for(request: Request, **changed: str | None) -> dict[str, str]:
    """The request's headers with some set, or removed where the value is None. `content_type` means `Content-Type`."""
    names = {name.replace("_", "-").lower(): value for name, value in changed.items()}
    kept = {name: value for name, value in request.headers.items() if name.lower() not in names}
    return {**kept, **{name.title(): value for name, value in names.items() if value is not None}}


def drop_by_table(fields: Dict, wire: Dict, x: Exchange, endpoint: str, handled: Collection[str]) -> None:
    """Hand on what the table does not drop, in `wire`; record what it does. Unknown fields pass: the caller wins."""
    table = x.catalog.parameters(endpoint)
    for name, value in fields.items():
        if name in handled:
            continue
        row = table.get(name)
        if row is None or row.action != "drop":
            wire[name] = value
            continue
        inert = not row.meaning or value in ("auto", [], {}, "")
        x.change("drop", name, value, None, f"not documented by StepFun ({row.state})", loses=not inert)


def kind_of_model(
    x: Exchange, name: Any, kind: Literal["tts", "asr", "image"], default: str, endpoint: str | None = None
) -> str:
    """The model id to send for an endpoint that serves one kind of model only.

    Raises:
        Refusal: the name stands for a StepFun model of another kind, or for one this endpoint does not serve.
    """
    if not isinstance(name, str) or not name:
        x.model_id, x.model = default, x.catalog.model(default)
        return default
    id = resolve_model(x, name, default=default) or default
    row = x.model
    if row is not None and (row.kind != kind or (endpoint is not None and endpoint not in row.endpoints)):
        able = [m.id for m in x.catalog.models.values() if m.kind == kind]
        if endpoint is not None:
            able = [id for id in able if endpoint in cast("Any", x.catalog.model(id)).endpoints]
        raise Refusal(
            f"model={name!r} stands for {row.id}, which {x.endpoint} does not take. Use one of {', '.join(able)}, "
            "or an OpenAI name for the same task.",
            code="model_incompatible",
            param="model",
        )
    return id


def not_available(what: str, instead: str, resource: str | None = None) -> Refusal:
    """The refusal for what StepFun does not offer (api 10)."""
    text = f"StepFun has no {what}. {instead}"
    if resource is not None:
        text += (
            f" To send these calls to another provider, configure Settings(fallback={{{resource!r}: client}}) "
            f"or STEPFUN_FALLBACK_{resource.upper()}."
        )
    return Refusal(text, status=404, code="endpoint_not_available", type="invalid_request_error")


# ---------------------------------------------------------------- files


@dataclass(frozen=True)
class Part:
    """One file of a multipart request. `content` is bytes, text, or the caller's open file."""

    field: str
    filename: str
    content: Any
    mime: str | None = None

    @property
    def extension(self) -> str:
        """The end of the file's name, lower case, without the dot."""
        return os.path.splitext(self.filename)[1].lower().lstrip(".")

    @property
    def size(self) -> int | None:
        """Bytes, None for a file that cannot tell."""
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
        """The whole content; an open file is read from its beginning where it can be, as the SDK would send it."""
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
        """The first bytes, with an open file left where it was; empty where it cannot be."""
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
        """The part as the SDK's own file tuple."""
        body = self.content if content is None else content
        return (self.filename, body, self.mime) if self.mime else (self.filename, body)


def file_parts(files: Any) -> list[Part]:
    """The files of a request, whatever form the SDK gave them: a mapping or pairs, bare contents or tuples."""
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
