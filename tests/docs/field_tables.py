"""One table for each endpoint: the outcome of every field of OpenAI's API. `explain` translates a call with the field, and
the row shows the result. `python -m tests.docs.readme_tables` writes the tables."""

from __future__ import annotations

import functools
import inspect
import io
import re
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import openai

from stepfun_compat import Explanation, Settings, explain
from stepfun_compat.catalog import default
from stepfun_compat.endpoints.changes import SENT_AGAIN, Change

Outcome = Literal["honoured", "translated", "dropped", "refused", "passed on"]


@dataclass(frozen=True)
class Field:
    """The outcome of one field."""

    name: str
    outcome: Outcome
    note: str


def _recording() -> bytes:
    recording = io.BytesIO()
    with wave.open(recording, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes(b"\0\0" * 1_600)
    return recording.getvalue()


_PICTURE = ("kettle.png", b"\x89PNG\r\n\x1a\n")
_TOOL: Mapping[str, Any] = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
_FLAT_TOOL: Mapping[str, Any] = {"type": "function", "name": "get_weather", "parameters": {"type": "object"}}
_MESSAGES = [{"role": "user", "content": "Hello."}]
_REQUIRED: Mapping[str, Mapping[str, Any]] = {
    "chat.completions.create": {"model": "gpt-4o", "messages": _MESSAGES},
    "responses.create": {"model": "gpt-4o", "input": "Hello."},
    "completions.create": {"model": "gpt-3.5-turbo-instruct", "prompt": "Hello."},
    "images.generate": {"model": "gpt-image-1", "prompt": "A kettle"},
    "images.edit": {"model": "gpt-image-1", "prompt": "A kettle", "image": _PICTURE},
    "images.create_variation": {"image": _PICTURE},
    "audio.speech.create": {"model": "tts-1", "voice": "alloy", "input": "Hello."},
    "audio.transcriptions.create": {"model": "whisper-1", "file": ("hello.wav", _recording())},
    "files.create": {"file": ("note.txt", b"Hello."), "purpose": "user_data"},
    "vector_stores.create": {"name": "kettles"},
    "responses.input_tokens.count": {"model": "gpt-4o", "input": "Hello."},
}
"""The smallest call of each endpoint."""

_SAMPLES: Mapping[str, Any] = {
    "audio": {"voice": "alloy", "format": "wav"},
    "background_options": {},
    "chunking_strategy": {"type": "static", "static": {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400}},
    "context_management": [{"type": "compaction"}],
    "conversation": "conv_1",
    "detail": "high",
    "expires_after": {"anchor": "created_at", "seconds": 3600},
    "file_ids": ["file-1"],
    "frequency_penalty": 0.5,
    "function_call": "auto",
    "functions": [_TOOL["function"]],
    "include": ["reasoning.encrypted_content"],
    "known_speaker_names": ["Ann"],
    "known_speaker_references": ["data:audio/wav;base64,AA=="],
    "logit_bias": {"50256": -100},
    "markup": _PICTURE,
    "mask": _PICTURE,
    "metadata": {"topic": "kettles"},
    "modalities": ["text"],
    "moderation": {"model": "omni-moderation-latest"},
    "presence_penalty": 0.5,
    "prediction": {"type": "content", "content": "Hello."},
    "previous_response_id": "resp_1",
    "prompt": {"id": "pmpt_1"},
    "prompt_cache_options": {"mode": "auto"},
    "reasoning": {"effort": "low"},
    "reasoning_effort": "minimal",
    "response_format": {"type": "json_object"},
    "parallel_tool_calls": False,
    "seed": 7,
    "size": "1792x1024",
    "speed": 1.5,
    "stop": ["END"],
    "stream_options": {"include_usage": True},
    "svg": {},
    "temperature": 0.5,
    "text": {"format": {"type": "json_object"}},
    "timestamp_granularities": ["word"],
    "tool_choice": "required",
    "tools": [_TOOL],
    "top_logprobs": 2,
    "top_p": 0.5,
    "web_search_options": {},
}
_SAMPLES_OF: Mapping[tuple[str, str], Any] = {
    ("responses.create", "tools"): [_FLAT_TOOL],
    ("responses.create", "stream_options"): {"include_obfuscation": False},
    ("responses.input_tokens.count", "tools"): [_FLAT_TOOL],
    ("completions.create", "logprobs"): 2,
    ("completions.create", "best_of"): 2,
    ("images.generate", "response_format"): "b64_json",
    ("images.edit", "response_format"): "b64_json",
    ("images.create_variation", "response_format"): "b64_json",
    ("images.generate", "moderation"): "low",
    ("audio.speech.create", "response_format"): "wav",
    ("audio.transcriptions.create", "response_format"): "verbose_json",
    ("audio.transcriptions.create", "prompt"): "Kettles.",
    ("audio.transcriptions.create", "include"): ["logprobs"],
    ("audio.transcriptions.create", "language"): "en",
    ("images.generate", "prompt"): "A kettle",
    ("images.edit", "prompt"): "A kettle",
    ("completions.create", "prompt"): "Hello.",
}
_WITH: Mapping[str, Mapping[str, Any]] = {
    "tool_choice": {"tools": [_TOOL]},
    "parallel_tool_calls": {"tools": [_TOOL]},
    "stream_options": {"stream": True},
    "function_call": {"functions": [_TOOL["function"]]},
    "top_logprobs": {"logprobs": True},
    "timestamp_granularities": {"response_format": "verbose_json"},
    "partial_images": {"stream": True},
}
"""Other fields a field needs."""
_SAME_AS_TEXT = ("model", "messages", "input", "voice", "file", "image", "purpose", "name")
_NOTES_OF: Mapping[tuple[str, str], str] = {
    ("chat.completions.create", "stream_options"): "the client sends usage in one last chunk, if requested",
    ("completions.create", "stream_options"): "the client sends usage in one last chunk, if requested",
    ("chat.completions.create", "response_format"): "a schema as in [structured output](../guide/structured-output.md)",
    ("chat.completions.create", "tools"): "other kinds of tools as in [tools](../guide/tools.md#other-kinds-of-tools)",
    ("chat.completions.create", "parallel_tool_calls"): "with false, the client returns the first call only",
    ("responses.create", "parallel_tool_calls"): "with false, the client returns the first call only",
    ("responses.create", "stream"): "events in OpenAI's shape",
    ("responses.create", "include"): "the parts StepFun has; others are dropped (WARNING)",
    ("responses.create", "max_output_tokens"): "with headroom for reasoning",
    ("responses.create", "store"): "kept by the client, in `Settings.state`",
    ("responses.create", "previous_response_id"): "looked up in `Settings.state`",
    ("responses.input_tokens.count", "previous_response_id"): "looked up in `Settings.state`",
    ("responses.create", "conversation"): "looked up in `Settings.state`",
    ("responses.input_tokens.count", "conversation"): "looked up in `Settings.state`",
    ("responses.create", "background"): "the call waits until the response is complete, and stores it",
    ("audio.speech.create", "input"): "split at sentence ends after 1,000 characters",
    ("audio.transcriptions.create", "timestamp_granularities"): "`segment`; `word` is dropped (WARNING)",
    ("audio.transcriptions.create", "response_format"): "all of OpenAI's, converted by the client",
    ("audio.transcriptions.create", "language"): "sent in StepFun's form",
    ("completions.create", "prompt"): "sent as a chat message; a list takes one request for each prompt",
    ("completions.create", "echo"): "done by the client",
    ("completions.create", "suffix"): "part of the instruction",
    ("images.edit", "image"): "one image",
    ("images.create_variation", "image"): "one image",
    ("audio.speech.create", "instructions"): "StepFun's `instruction`, for models that have it",
    ("responses.create", "instructions"): "StepFun's own field, or a system message over chat",
    ("responses.input_tokens.count", "instructions"): "a system message",
    ("files.create", "purpose"): "StepFun's purpose for the kind of file",
    ("vector_stores.create", "file_ids"): "added with a second request",
}
_NOTES: Mapping[str, str] = {
    "function_call": "becomes `tool_choice`",
    "functions": "become `tools`",
    "file": "checked, and sent in StepFun's form",
    "voice": "the most similar of StepFun's voices",
    "model": "an [alias](models.md) of a StepFun model, or a StepFun id",
    "messages": "converted to roles and content parts that StepFun accepts",
    "stream": "events in OpenAI's shape",
}


def _sample(endpoint: str, name: str, annotation: str) -> Any:
    """Return a value for a field other than OpenAI's default."""
    if (endpoint, name) in _SAMPLES_OF:
        return _SAMPLES_OF[endpoint, name]
    if name in _REQUIRED[endpoint]:
        return _REQUIRED[endpoint][name]
    if name in _SAMPLES:
        return _SAMPLES[name]
    named = re.search(r"Literal\['(\w+)'", annotation)
    if named is not None and "Literal[False]" not in annotation:
        return named.group(1)
    for word, value in (("bool", True), ("Literal[False]", True), ("int", 2), ("float", 0.5), ("Sequence", ["x"])):
        if word in annotation:
            return value
    return "x" if "str" in annotation else {}


def _call(endpoint: str, **fields: Any) -> Explanation:
    resource = endpoint if endpoint.startswith("images.") else endpoint.rpartition(".")[0]
    return explain(resource, settings=Settings(on_unsupported="log"), **fields)


def _about(name: str, explained: Explanation, plain: Explanation) -> Change | None:
    """Return the change that concerns the field, or None."""
    before = {(change.parameter, change.why) for change in plain.changes}
    for change in explained.changes:
        parameter = change.parameter.partition("[")[0].partition(".")[0]
        if change.after == SENT_AGAIN or (change.parameter, change.why) in before:
            continue
        if parameter == name:
            return change
    return None


def field_row(endpoint: str, name: str, annotation: str) -> Field:
    """Return the outcome of one field of an endpoint."""
    value = _sample(endpoint, name, annotation)
    required = dict(_REQUIRED[endpoint])
    beside: Mapping[str, Any] = {} if endpoint == "responses.input_tokens.count" else _WITH.get(name, {})
    if endpoint == "responses.create" and "tools" in beside:
        beside = {"tools": [_FLAT_TOOL]}
    plain = _call(endpoint, **{**beside, **required})
    placed = {"extra_body": {name: value}} if (endpoint, name) == ("responses.create", "image") else {name: value}
    explained = _call(endpoint, **{**beside, **required, **placed})
    note = _NOTES_OF.get((endpoint, name)) or _NOTES.get(name, "")
    if explained.refusal is not None and plain.refusal is None:
        return Field(name, "refused", explained.refusal.partition(". ")[0].rstrip("."))
    change = _about(name, explained, plain)
    body: Mapping[str, Any] = explained.body or {}
    known = {
        row.name: row for row in default().all_parameters if row.endpoint in (endpoint, endpoint.rpartition(".")[0])
    }
    if change is not None and change.kind == "drop" and not note:
        return Field(name, "dropped", f"{change.why} ({'WARNING' if change.lossy else 'log line'})")
    if change is None and name not in known and name not in required:
        return Field(name, "passed on", "sent unchanged; StepFun does not document it")
    if change is None and body.get(name) == value and name not in _SAME_AS_TEXT:
        return Field(name, "honoured", note)
    return Field(name, "translated", note or (change.why.removeprefix("it is ") if change is not None else ""))


def fields_of(endpoint: str) -> list[Field]:
    """Return a row for every field that the installed SDK has for an endpoint."""
    method: Any = openai.OpenAI(api_key="none")
    for part in endpoint.split("."):
        method = getattr(method, part)
    skipped = ("extra_headers", "extra_query", "extra_body", "timeout")
    names = {p.name: str(p.annotation) for p in inspect.signature(method).parameters.values() if p.name not in skipped}
    return [field_row(endpoint, name, names[name]) for name in sorted(names)]


def fields_table(endpoint: str) -> str:
    """Return the rows of an endpoint as a Markdown table."""
    lines = ["| field | outcome | note |", "|---|---|---|"]
    lines += [f"| `{row.name}` | {row.outcome} | {row.note} |" for row in fields_of(endpoint)]
    return "\n".join(lines)


TABLES: dict[str, Callable[[], str]] = {
    f"fields_{endpoint.replace('.', '_')}": functools.partial(fields_table, endpoint) for endpoint in _REQUIRED
}


def version_table() -> str:
    """Return the SDK version of the tables."""
    return f"The fields are those of openai {openai.__version__}."


TABLES["fields_version"] = version_table
