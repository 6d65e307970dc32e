"""Helpers of the probes: a small chat request, and the text of an error."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import openai

ASK: Final[list[Any]] = [{"role": "user", "content": "Answer with the word yes."}]
SHORT: Final = {"max_tokens": 1500}  # includes reasoning (stepfun-api 4.6); with fewer there may be no text
TOOL: Final[dict[str, Any]] = {
    "type": "function",
    "function": {
        "name": "note",
        "description": "Writes a note down.",
        "parameters": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    },
}
USE_TOOL: Final[list[Any]] = [{"role": "user", "content": "Use the note tool to write down: tea."}]
# a red square, 16 pixels wide
PIXELS: Final = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAFklEQVR42mP4z8BAEmIY1TCqYfhqAACQ+f8B8u7oVwAAAABJRU5ErkJggg=="

Json = Mapping[str, Any]


def rejection(error: openai.APIStatusError) -> str:
    """Return the status and message of an error."""
    body: Any = error.body
    words = cast("dict[str, Any]", body).get("message") if isinstance(body, dict) else None
    return f"{error.status_code}: {words or error.message}"


def post(client: Any, path: str, body: Json, **options: Any) -> Json:
    """Send one JSON request, untranslated."""
    return cast("Json", client.post(path, body=body, cast_to=object, **options))


def chat(client: Any, model: str, **more: Any) -> Json:
    """Send one small chat request."""
    return post(client, "/chat/completions", {"model": model, "messages": ASK, **SHORT, **more})


def message(answer: Json) -> Json:
    """Return the message of a response."""
    return answer["choices"][0]["message"]


def events(client: Any, body: Json) -> list[Json]:
    """Return the events of one streamed chat request."""
    raw = client.chat.completions.with_raw_response.create(**body, stream=True)
    found: list[Json] = []
    for line in raw.http_response.iter_lines():
        if line.startswith("data:") and "[DONE]" not in line:
            found.append(json.loads(line[5:]))
    return found


def each(cases: Mapping[str, Callable[[], object]]) -> str:
    """Send several requests and report which are accepted. A refused one does not end the list."""
    outcomes: list[str] = []
    for name, ask in cases.items():
        try:
            answer = ask()
            outcomes.append(f"{name} accepted" + (f" ({answer})" if answer else ""))
        except openai.APIStatusError as error:
            outcomes.append(f"{name} rejected with {rejection(error)}")
    return "; ".join(outcomes)
