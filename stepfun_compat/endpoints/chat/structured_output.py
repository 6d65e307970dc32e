"""Emulate JSON Schema output with JSON mode: put the schema into the prompt, clean and validate the response.

Pure. Validation needs the extra `structured` (jsonschema); without it a response is only parsed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast

from ..context import Json
from ..json_values import compact_json

_FENCE = re.compile(r"\A\s*```[a-zA-Z0-9_-]*[ \t]*\r?\n(.*?)\r?\n?[ \t]*```\s*\Z", re.DOTALL)


def schema_of(response_format: Json) -> Mapping[str, Any] | None:
    """Return the schema of a `json_schema` response format, None for any other format."""
    if not isinstance(response_format, Mapping):
        return None
    row = cast("Mapping[str, Any]", response_format)
    if row.get("type") != "json_schema" or not isinstance(row.get("json_schema"), Mapping):
        return None
    schema = cast("Mapping[str, Any]", row["json_schema"]).get("schema")
    return cast("Mapping[str, Any]", schema) if isinstance(schema, Mapping) else {}


def instruction(schema: Mapping[str, Any]) -> str:
    """Return the instruction with a schema for the prompt; the same schema gives the same bytes."""
    text = compact_json(schema)
    return (
        "Answer with one JSON object and nothing else: no text around it, no code fences. "
        f"It must be valid under this JSON Schema: {text}"
    )


def strip_fences(text: str) -> str:
    """Remove a Markdown code fence around the complete text; return any other text unchanged (stepfun-api 3.5)."""
    match = _FENCE.match(text)
    return match.group(1) if match else text


def problem(text: str | None, schema: Mapping[str, Any]) -> str | None:
    """Return why a text is not valid under the schema, in one sentence; None if it is."""
    if not text:
        return "the answer is empty"
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"the answer is not JSON ({error})"
    try:
        jsonschema: Any = import_module("jsonschema")
    except ImportError:
        return (
            None
            if isinstance(value, dict) or schema.get("type") not in (None, "object")
            else "the answer is not a JSON object"
        )
    validator: Any = jsonschema.validators.validator_for(dict(schema))
    try:
        first: Any = jsonschema.exceptions.best_match(validator(dict(schema)).iter_errors(value))
    except Exception:
        return None  # the schema is invalid, not the response
    if first is None:
        return None
    where = "/".join(str(step) for step in first.absolute_path)
    return f"{where or 'the answer'}: {first.message[:200]}"


class FenceFilter:
    """Remove a Markdown code fence from text in pieces. Text that starts with anything else is returned at once."""

    def __init__(self) -> None:
        self._head: str | None = ""
        self._fenced = False
        self._tail = ""

    def feed(self, text: str) -> str:
        """Read one piece, and return the text that cannot belong to the fence."""
        if self._head is not None:
            self._head += text
            stripped = self._head.lstrip()
            if not stripped or ("```".startswith(stripped[:3]) and len(stripped) < 3):
                return ""
            if not stripped.startswith("```"):
                text, self._head = self._head, None
                return text
            line, newline, rest = stripped.partition("\n")
            if not newline:
                return ""
            del line
            self._fenced, self._head, text = True, None, rest
        if not self._fenced:
            return text
        text = self._tail + text
        match = re.search(r"\s*`{0,3}\s*\Z", text)
        at = match.start() if match else len(text)
        self._tail = text[at:]
        return text[:at]

    def close(self) -> str:
        """Return the text still held back, without the closing fence."""
        if self._head is not None:
            return self._head
        return "" if self._tail.strip() == "```" or not self._fenced else self._tail
