"""Extract the text of an uploaded document with the standard library (stepfun-api 8.1)."""

from __future__ import annotations

import html
import io
import re
import zipfile

_XML_PARTS = {
    "docx": re.compile(r"word/document\.xml"),
    "pptx": re.compile(r"ppt/slides/slide\d+\.xml"),
    "xlsx": re.compile(r"xl/(?:sharedStrings|worksheets/sheet\d+)\.xml"),
}


def extract(filename: str, content: bytes) -> str:
    """Return the plain text. Images and scans have none, as on StepFun."""
    kind = filename.rpartition(".")[2].lower()
    if kind in _XML_PARTS:
        return _from_zip(content, _XML_PARTS[kind])
    if kind == "pdf":
        return _from_pdf(content)
    if kind in ("doc", "xls", "ppt"):
        return " ".join(re.findall(r"[\x20-\x7e]{4,}", content.decode("latin-1")))
    text = content.decode("utf-8", "replace")
    return _without_tags(text) if kind in ("html", "htm", "xml") else text


def _without_tags(text: str) -> str:
    text = re.sub(r"(?s)<(script|style)\b.*?</\1>", " ", text)
    return "\n".join(filter(None, (line.strip() for line in html.unescape(re.sub(r"<[^>]+>", "\n", text)).split("\n"))))


def _from_zip(content: bytes, wanted: re.Pattern[str]) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = [archive.read(name) for name in sorted(archive.namelist()) if wanted.fullmatch(name)]
    except (zipfile.BadZipFile, KeyError):
        return ""
    return "\n".join(_without_tags(part.decode("utf-8", "replace")) for part in parts)


def _from_pdf(content: bytes) -> str:
    """Return the text of uncompressed `Tj` operators."""
    text = content.decode("latin-1")
    return "\n".join(re.sub(r"\\([()\\])", r"\1", item) for item in re.findall(r"\(((?:[^()\\]|\\.)*)\)\s*Tj", text))
