"""Convert content blocks of Anthropic's messages to OpenAI's content parts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from .invalid import Invalid

Dict = dict[str, Any]
_IMAGES: Final = ("image/jpeg", "image/png", "image/gif", "image/webp")


def blocks_of(content: Any, where: str) -> list[Mapping[str, Any]]:
    """A message's content as a list of blocks.

    Raises:
        Invalid: it is neither text nor a list of objects with a type.
    """
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    if not isinstance(content, list):
        raise Invalid(f"{where}: it must be a string or a list of content blocks.")
    rows = cast("list[Any]", content)
    for place, row in enumerate(rows):
        if not isinstance(row, Mapping) or not isinstance(cast("Mapping[str, Any]", row).get("type"), str):
            raise Invalid(f"{where}.{place}: it must be an object with a type.")
    return cast("list[Mapping[str, Any]]", rows)


def text_of(block: Mapping[str, Any], where: str) -> str:
    """The text of a text block.

    Raises:
        Invalid: it has none.
    """
    text = block.get("text")
    if not isinstance(text, str):
        raise Invalid(f"{where}.text: it must be a string.")
    return text


def part_of(block: Mapping[str, Any], where: str) -> list[Dict]:
    """A user's block as OpenAI's content parts.

    Raises:
        Invalid: OpenAI's API has no counterpart for the block.
    """
    kind = block["type"]
    if kind == "text":
        return [{"type": "text", "text": text_of(block, where)}]
    if kind == "image":
        return [_image(block, where)]
    if kind == "document":
        return _document(block, where)
    if kind == "search_result":
        inner = blocks_of(block.get("content"), f"{where}.content")
        text = "\n".join(text_of(row, where) for row in inner if row["type"] == "text")
        return [{"type": "text", "text": f"{block.get('title') or ''} ({block.get('source') or ''})\n{text}"}]
    raise Invalid(
        f"{where}: a block of type {kind!r} cannot be translated: it must be text, image, document or tool_result."
    )


def _source(block: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    source = block.get("source")
    if not isinstance(source, Mapping):
        raise Invalid(f"{where}.source: it must be an object.")
    return cast("Mapping[str, Any]", source)


def _image(block: Mapping[str, Any], where: str) -> Dict:
    source = _source(block, where)
    kind = source.get("type")
    if kind == "url" and isinstance(source.get("url"), str):
        url = str(source["url"])
    elif kind == "base64" and source.get("media_type") in _IMAGES and isinstance(source.get("data"), str):
        url = f"data:{source['media_type']};base64,{source['data']}"
    elif kind == "file":
        raise Invalid(
            f"{where}.source: Anthropic's files are not available here: send the image as base64 or by its URL."
        )
    else:
        raise Invalid(f"{where}.source: it must be a url, or base64 data with a media_type of {', '.join(_IMAGES)}.")
    return {"type": "image_url", "image_url": {"url": url}}


def _document(block: Mapping[str, Any], where: str) -> list[Dict]:
    source = _source(block, where)
    kind, data = source.get("type"), source.get("data")
    given = block.get("title")
    title = given if isinstance(given, str) else ""
    if kind == "text" and isinstance(data, str):
        return [{"type": "text", "text": f"{title}\n{data}" if title else data}]
    if kind == "base64" and source.get("media_type") == "application/pdf" and isinstance(data, str):
        file = {"filename": title or "document.pdf", "file_data": f"data:application/pdf;base64,{data}"}
        return [{"type": "file", "file": file}]
    if kind == "content":
        inner = blocks_of(source.get("content"), f"{where}.source.content")
        return [part for row in inner for part in part_of(row, where)]
    raise Invalid(f"{where}.source: it must be text, content, or base64 data with the media_type application/pdf.")
