"""A parser for multipart/form-data, as sent by OpenAI's SDK and StepFun's clients."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Upload:
    filename: str
    content_type: str
    content: bytes


def parse(content_type: str, body: bytes) -> tuple[dict[str, list[str]], dict[str, list[Upload]]]:
    """Return fields and files by name. Raises ValueError if the body does not match its content type."""
    match = re.search(r'boundary="?([^";,]+)"?', content_type)
    if match is None:
        raise ValueError("multipart body without a boundary")
    edge = b"--" + match.group(1).encode("latin-1")
    texts: dict[str, list[str]] = {}
    uploads: dict[str, list[Upload]] = {}
    parts = (b"\r\n" + body).split(b"\r\n" + edge)
    if len(parts) < 2 or not parts[-1].startswith(b"--"):
        raise ValueError("multipart body does not end with its boundary")
    for part in parts[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = _headers(head)
        disposition = headers.get("content-disposition", "")
        name = _parameter(disposition, "name")
        if name is None:
            raise ValueError("multipart part without a name")
        filename = _parameter(disposition, "filename")
        if filename is None:
            texts.setdefault(name, []).append(content.decode("utf-8", "replace"))
        else:
            kind = headers.get("content-type", "application/octet-stream")
            uploads.setdefault(name, []).append(Upload(filename, kind, content))
    return texts, uploads


def _headers(head: bytes) -> dict[str, str]:
    made: dict[str, str] = {}
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        made[name.strip().lower()] = value.strip()
    return made


def _parameter(text: str, name: str) -> str | None:
    match = re.search(rf'[;\s]{name}="((?:[^"\\]|\\.)*)"', text) or re.search(rf"[;\s]{name}=([^;\s]+)", text)
    if match is None:
        return None
    return re.sub(r"\\(.)", r"\1", match.group(1)).replace("%22", '"').replace("%0D%0A", "\r\n")
