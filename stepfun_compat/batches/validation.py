"""Validate an input file as OpenAI does, line by line and in bounded memory. An invalid file sends no requests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..endpoints.json_values import as_dict
from .records import MAX_BYTES, MAX_LINES, LineError

_MAX_ERRORS = 1000


@dataclass(frozen=True)
class InputLine:
    """The position of one request in its file: `number` counts from 1 and includes blank lines; offsets are in bytes."""

    number: int
    custom_id: str
    offset: int
    length: int


class Validation:
    """Read the lines of one input file. Iterating `lines` fills `errors`; a file with errors must not be sent."""

    def __init__(self, endpoint: str, *, max_lines: int = MAX_LINES, max_bytes: int = MAX_BYTES) -> None:
        self.errors: list[LineError] = []
        self.model: str | None = None
        self._endpoint = endpoint
        self._max_lines = max_lines
        self._max_bytes = max_bytes

    def lines(self, raw: Iterable[bytes]) -> Iterator[InputLine]:
        """Yield the position of each valid request of a file, given its raw lines with line ends."""
        ids: set[bytes] = set()  # digests, to bound the memory of 50,000 long ids
        models: set[str] = set()
        offset = found = 0
        for number, line in enumerate(raw, 1):
            start, offset = offset, offset + len(line)
            if offset > self._max_bytes:
                self._fail(
                    "file_too_large", f"The input file is larger than the {self._max_bytes:,} bytes a batch may have."
                )
                return
            if not line.strip():
                continue
            found += 1
            if found > self._max_lines:
                self._fail(
                    "too_many_requests_in_file", f"The input file has more than {self._max_lines:,} requests.", number
                )
                return
            request = self._request(line, number, first=number == 1)
            if request is None:
                continue
            digest = hashlib.sha1(request["custom_id"].encode(), usedforsecurity=False).digest()
            if digest in ids:
                self._fail(
                    "duplicate_custom_id",
                    "The custom_id for this request is a duplicate of another request. The custom_id parameter must be "
                    "unique for each request in a batch.",
                    number,
                    "custom_id",
                )
                continue
            ids.add(digest)
            model = request["body"].get("model")
            if len(models) < 2 and isinstance(model, str):
                models.add(model)
            yield InputLine(number, request["custom_id"], start, len(line))
        self.model = models.pop() if len(models) == 1 else None
        if not found:
            self._fail(
                "empty_file", "The input file is empty. Please ensure that the batch contains at least one request."
            )

    def _request(self, line: bytes, number: int, *, first: bool) -> dict[str, Any] | None:
        try:
            value: Any = json.loads(line.decode("utf-8-sig" if first else "utf-8"))
        except (ValueError, RecursionError):
            self._fail("invalid_json_line", "This line is not parseable as valid JSON.", number)
            return None
        request = as_dict(value)
        if request is None:
            self._fail("invalid_json_line", "This line is not a JSON object.", number)
            return None
        problem = _type_problem(request) or _value_problem(request, self._endpoint)
        if problem is not None:
            self._fail(problem.code, problem.message, number, problem.param)
            return None
        return request

    def _fail(self, code: str, message: str, line: int | None = None, param: str | None = None) -> None:
        if len(self.errors) < _MAX_ERRORS:
            self.errors.append(LineError(code, message, line, param))


def _type_problem(request: dict[str, Any]) -> LineError | None:
    """The error of the first field that is missing or has the wrong type."""
    for name, kind in (("custom_id", str), ("method", str), ("url", str), ("body", dict)):
        value = request.get(name)
        if value is None or (name == "custom_id" and value == ""):
            return LineError("missing_required_parameter", f"Missing required parameter: '{name}'.", param=name)
        if not isinstance(value, kind):
            wanted = "a string" if kind is str else "an object"
            return LineError("invalid_type", f"Invalid type for '{name}': expected {wanted}.", param=name)
    return None


def _value_problem(request: dict[str, Any], endpoint: str) -> LineError | None:
    """The error of the first field with an invalid value."""
    try:
        request["custom_id"].encode()
    except UnicodeEncodeError:
        return LineError("invalid_type", "The custom_id contains a lone surrogate.", param="custom_id")
    if request["method"] != "POST":
        return LineError("invalid_method", "Invalid method for this request: only POST is supported.", param="method")
    if request["url"] != endpoint:
        message = f"The URL provided for this request does not match the batch endpoint {endpoint}."
        return LineError("mismatched_url", message, param="url")
    return None
