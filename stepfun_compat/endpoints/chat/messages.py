"""Translate chat messages to StepFun's form (stepfun-api 3.1, 3.3). Most messages are sent unchanged."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import is_not
from typing import Any, cast

from ..context import Json, RequestContext, RequestRejected
from ..model_resolution import replays_reasoning, shows_reasoning

# The fields of an assistant message that are sent (stepfun-api 4.1); other fields of a dumped ChatCompletionMessage are
# not. `name` is translated separately.
_REPLAYED = frozenset({"role", "content", "tool_calls", "reasoning_content", "name"})
_SAME = ("system", "user", "assistant")  # roles that StepFun has as well
_AUDIO_FORMATS = {"wav": "audio/wav", "mp3": "audio/mpeg"}
_INPUT_OF_PART = {"image_url": "image", "video_url": "video", "input_audio": "audio"}
AUDIO_ID = "audio_"


def _mapping(value: Json) -> Mapping[str, Any] | None:
    row: Any = value
    return row if type(value) is dict or isinstance(value, Mapping) else None


def _parts(content: Json) -> Sequence[Any] | None:
    parts: Any = content
    if type(content) is list:
        return parts
    return None if isinstance(content, str | bytes) or not isinstance(content, Sequence) else parts


def input_kinds(messages: Iterable[Json]) -> frozenset[str]:
    """Return the kinds of input beyond text in the messages: `image`, `video`, `audio`."""
    kinds: set[str] = set()
    for message in messages:
        row = _mapping(message)
        if row is not None and type(row.get("content")) is str:
            continue
        for part in (_parts(row.get("content")) or ()) if row is not None else ():
            kind = _INPUT_OF_PART.get(str((_mapping(part) or {}).get("type")))
            if kind:
                kinds.add(kind)
    return frozenset(kinds)


def audio_id(transcript: str) -> str:
    """Make an audio id that encodes its transcript.

    StepFun sends no audio id, and an audio turn is replayed by its transcript (stepfun-api 4.2).
    """
    packed = base64.urlsafe_b64encode(zlib.compress(transcript.encode("utf-8", "surrogatepass"), 9))
    return AUDIO_ID + packed.decode("ascii").rstrip("=")


def transcript_of(id: str) -> str | None:
    """Return the transcript in an id made by `audio_id`, None for any other id."""
    if not id.startswith(AUDIO_ID):
        return None
    packed = id[len(AUDIO_ID) :]
    try:
        raw = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
        return zlib.decompress(raw).decode("utf-8", "surrogatepass")
    except (binascii.Error, zlib.error, ValueError):
        return None


def translate_messages(messages: Json, context: RequestContext, rename: Callable[[str], str]) -> Json:
    """Translate the list of messages. `rename` returns the name a tool has on the wire.

    Raises:
        RequestRejected: a message has a part that StepFun does not support (`file`, images in a tool result).
    """
    rows = _parts(messages)
    if rows is None:
        return messages
    several_speakers = _has_several_speakers(rows)
    call_ids: list[str] = []
    out: list[Any] = []
    for position, message in enumerate(rows):
        row = _mapping(message)
        if row is None or (len(row) == 2 and row.get("role") in _SAME and type(row.get("content")) is str):
            out.append(message)  # plain text, as most of a long history
        else:
            out.append(_translate_message(row, position, context, rename, several_speakers, call_ids))
    changed = any(map(is_not, out, rows))
    return out if changed or not isinstance(messages, list) else cast("Json", messages)


def _has_several_speakers(rows: Sequence[Any]) -> bool:
    """Whether the user messages have more than one name."""
    names: set[str] = set()
    for message in rows:
        row = _mapping(message)
        if row is not None and "name" in row and row.get("role") == "user":
            name = row["name"]
            if isinstance(name, str) and name:
                names.add(name)
    return len(names) > 1


def _translate_message(
    message: Mapping[str, Any],
    position: int,
    context: RequestContext,
    rename: Callable[[str], str],
    several_speakers: bool,
    call_ids: list[str],
) -> Mapping[str, Any]:
    role = message.get("role")
    json_path = f"messages[{position}]"
    edits: dict[str, Any] = {}
    drops: set[str] = set()
    if role in ("developer", "function"):
        role = _translate_role(message, json_path, context, edits, call_ids)
    content = message.get("content")
    if role == "user":
        new = _user_content(content, json_path, context)
    else:
        new = _flat_content(content, json_path, str(role), context)
    if "name" in message:
        drops.add("name")
        new = _translate_name(message, role, new, json_path, context, several_speakers)
    if role == "assistant":
        new = _assistant(message, new, json_path, context, rename, edits, drops, call_ids)
    if new is not content or "content" not in message:
        edits["content"] = new
    if not edits and not drops:
        return message
    sent = {**message, **edits}
    for key in drops:
        sent.pop(key, None)
    return sent


def _translate_role(
    message: Mapping[str, Any], json_path: str, context: RequestContext, edits: dict[str, Any], call_ids: list[str]
) -> str:
    """Translate `developer` or `function`: put the role to send into `edits`, and return it."""
    if message.get("role") == "developer":
        # StepFun lists system, user, assistant and tool; it drops or rejects other roles (stepfun-api 3.1)
        edits["role"] = "system"
        context.record_change("rename", f"{json_path}.role", "developer", "system", "StepFun has no developer role")
        return "system"
    edits["role"] = "tool"
    if not message.get("tool_call_id"):
        edits["tool_call_id"] = call_ids[-1] if call_ids else _call_id(json_path, message.get("name"))
    context.record_change("rename", f"{json_path}.role", "function", "tool", "StepFun has no function role")
    return "tool"


def _translate_name(
    message: Mapping[str, Any],
    role: Json,
    content: Json,
    json_path: str,
    context: RequestContext,
    several_speakers: bool,
) -> Json:
    """Return the content of a message whose name is not sent: with several speakers it starts with the user's name."""
    name = message["name"]
    if role == "user" and several_speakers and isinstance(name, str) and name:
        context.record_change(
            "reshape", f"{json_path}.name", name, "the start of the text", "StepFun documents no name on messages"
        )
        return _with_speaker(name, content)
    if name is not None and role != "tool":
        context.record_change("drop", f"{json_path}.name", name, None, "StepFun documents no name on messages")
    return content


def _with_speaker(name: str, content: Json) -> Json:
    """Return the content with the speaker's name before its first text."""
    if isinstance(content, str):
        return f"{name}: {content}"
    parts = list(_parts(content) or ())
    for position, part in enumerate(parts):
        row = _mapping(part)
        if row is not None and row.get("type") == "text":
            parts[position] = {**row, "text": f"{name}: {row.get('text', '')}"}
            return parts
    return [{"type": "text", "text": f"{name}:"}, *parts]


# ---------------------------------------------------------------- content


def _flat_content(content: Json, json_path: str, role: str, context: RequestContext) -> Json:
    """Join parts to a string, the only documented form of system, tool and assistant content (stepfun-api 3.1)."""
    parts = _parts(content)
    if parts is None:
        return "" if content is None and role == "tool" else content
    texts: list[str] = []
    for part in parts:
        text = _text_of_part(part)
        if text is None:
            kind = (_mapping(part) or {}).get("type")
            raise RequestRejected(
                f"{json_path}.content has a part of type {kind!r}, but StepFun accepts only text in a {role} message. "
                "Put it into a user message.",
                code="unsupported_content_type",
                param="messages",
            )
        texts.append(text)
    context.record_change(
        "reshape",
        f"{json_path}.content",
        f"{len(parts)} text parts",
        "one string",
        f"StepFun takes {role} content as a string",
    )
    return "\n".join(texts)


def _text_of_part(part: Json) -> str | None:
    """Return the text of a text or refusal part, None for a part of another type."""
    if isinstance(part, str):
        return part
    row = _mapping(part) or {}
    kind = row.get("type")
    if kind in ("text", "input_text", "output_text"):
        return str(row.get("text") or "")
    return str(row.get("refusal") or "") if kind == "refusal" else None


def _user_content(content: Json, json_path: str, context: RequestContext) -> Json:
    parts = _parts(content)
    if parts is None:
        return content
    out = [_user_part(part, f"{json_path}.content[{i}]", context) for i, part in enumerate(parts)]
    return out if any(new is not old for new, old in zip(out, parts, strict=True)) else content


def _user_part(part: Json, json_path: str, context: RequestContext) -> Json:
    row = _mapping(part)
    if row is None:
        return {"type": "text", "text": part} if isinstance(part, str) else part
    kind = row.get("type")
    if kind == "image_url":
        return _image_part(row, json_path, context)
    if kind == "input_audio":
        return _audio_part(row, json_path, context)
    if kind == "refusal":
        return {"type": "text", "text": str(row.get("refusal", ""))}
    if kind in ("file", "input_file"):
        raise RequestRejected(
            f"{json_path} is a file part, which StepFun's chat does not accept. Upload the file with "
            "client.files.create(file=..., purpose='user_data'), wait until it is processed, and put the text of "
            "client.files.content(id) into the message. To show a page as an image, pass an image_url part.",
            code="unsupported_content_type",
            param="messages",
        )
    return part


def _image_part(row: Mapping[str, Any], json_path: str, context: RequestContext) -> Json:
    image = row.get("image_url")
    if isinstance(image, str):
        context.record_change(
            "reshape", f"{json_path}.image_url", "a string", "an object with a url", "StepFun takes no string"
        )
        return {**row, "image_url": {"url": image}}
    inner = _mapping(image)
    if inner is None or "detail" not in inner or inner["detail"] in ("low", "high"):
        return row
    # StepFun does not have OpenAI's default `auto`; without `detail` the model's own default applies (stepfun-api 3.3)
    detail = inner["detail"]
    context.record_change(
        "drop", f"{json_path}.image_url.detail", detail, None, "StepFun takes low and high; its default applies"
    )
    return {**row, "image_url": {key: value for key, value in inner.items() if key != "detail"}}


def _audio_part(row: Mapping[str, Any], json_path: str, context: RequestContext) -> Json:
    audio = _mapping(row.get("input_audio"))
    if audio is None:
        return row
    data = audio.get("data")
    if not isinstance(data, str) or data.startswith(("data:", "http://", "https://", "stepfile://")):
        return _without_format(row, audio, json_path, context) if "format" in audio else row
    format = str(audio.get("format") or "wav")
    mime = _AUDIO_FORMATS.get(format)
    if mime is None:
        raise RequestRejected(
            f"{json_path}.input_audio.format={format!r} is not supported by StepFun, which documents "
            f"{' and '.join(_AUDIO_FORMATS)}. Convert the clip.",
            code="invalid_value",
            param="messages",
        )
    kept = {key: value for key, value in audio.items() if key not in ("data", "format")}
    context.record_change(
        "reshape", f"{json_path}.input_audio", f"base64 {format}", "a data URL", "StepFun takes audio as a data URL"
    )
    return {**row, "input_audio": {"data": f"data:{mime};base64,{data}", **kept}}


def _without_format(
    row: Mapping[str, Any], audio: Mapping[str, Any], json_path: str, context: RequestContext
) -> Mapping[str, Any]:
    """Return an audio part whose data is a URL without its `format`."""
    context.record_change(
        "drop", f"{json_path}.input_audio.format", audio["format"], None, "the data URL names the format"
    )
    return {**row, "input_audio": {key: value for key, value in audio.items() if key != "format"}}


# ---------------------------------------------------------------- assistant messages


def _call_id(*seed: object) -> str:
    import hashlib

    return "call_" + hashlib.sha256(repr(seed).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _assistant(
    message: Mapping[str, Any],
    content: Json,
    json_path: str,
    context: RequestContext,
    rename: Callable[[str], str],
    edits: dict[str, Any],
    drops: set[str],
    call_ids: list[str],
) -> Json:
    """Put changed fields into `edits` and the names of fields not to send into `drops`; return the content to send."""
    drops.update(message.keys() - _REPLAYED)
    if "reasoning_content" in message or "reasoning" in message or context.client.reasoning_cache is not None:
        _replayed_reasoning(message, json_path, context, edits, drops)
    if message.get("tool_calls") or message.get("function_call") is not None:
        _replayed_calls(message, json_path, context, rename, edits, call_ids)
    if content is None and not edits.get("tool_calls", message.get("tool_calls")):
        content = _text_instead(message, json_path)
    drops.difference_update(edits)
    if not edits.get("tool_calls", message.get("tool_calls", True)):
        drops.add("tool_calls")  # none are left, or the field is null
        edits.pop("tool_calls", None)
    # StepFun itself sends "" beside calls; it has rejected a missing key, and reportedly null (stepfun-api 13.5)
    return "" if content is None else content


def _text_instead(message: Mapping[str, Any], json_path: str) -> str:
    """Return the text of a message without content and calls: the transcript of its audio, its refusal, or ""."""
    audio = _mapping(message.get("audio"))
    transcript = transcript_of(str(audio.get("id"))) if audio else None
    if audio and transcript is None:
        raise RequestRejected(
            f"{json_path}.audio names {audio.get('id')!r}, but StepFun keeps no audio: "
            "put the transcript of that response into content.",
            code="invalid_value",
            param="messages",
        )
    if transcript is not None:
        return transcript
    refusal = message.get("refusal")
    return refusal if isinstance(refusal, str) else ""


def _replayed_reasoning(
    message: Mapping[str, Any], json_path: str, context: RequestContext, edits: dict[str, Any], drops: set[str]
) -> None:
    """Send a message's reasoning under one name, or the cached reasoning of its calls; drop a null."""
    reasoning = message.get("reasoning_content")
    if not isinstance(reasoning, str):
        reasoning = message.get("reasoning")
    if isinstance(reasoning, str) and message.get("reasoning_content") != reasoning:
        # both names have the same text; sent twice it would be billed twice (stepfun-api 4.1)
        edits["reasoning_content"] = reasoning
        return
    if not reasoning and message.get("tool_calls"):
        found = _remembered(message, context)
        if found is not None:
            edits["reasoning_content"] = found
            why = "Settings.replay_reasoning is cache" if shows_reasoning(context) else "the caller does not see it"
            context.record_change("inject", f"{json_path}.reasoning_content", None, "the cached reasoning", why)
            return
    if message.get("reasoning_content", True) is None:
        drops.add("reasoning_content")


def _replayed_calls(
    message: Mapping[str, Any],
    json_path: str,
    context: RequestContext,
    rename: Callable[[str], str],
    edits: dict[str, Any],
    call_ids: list[str],
) -> None:
    """Translate a message's tool calls, or its `function_call` if it has none, and add their ids to `call_ids`."""
    calls = _parts(message.get("tool_calls"))
    if calls:
        new = [_tool_call(call, f"{json_path}.tool_calls[{i}]", context, rename) for i, call in enumerate(calls)]
        new = [call for call in new if call is not None]
        if len(new) != len(calls) or any(map(is_not, new, calls)):
            edits["tool_calls"] = new
        call_ids.extend(str(row.get("id")) for call in new if (row := _mapping(call)) is not None)
    elif (legacy := _mapping(message.get("function_call"))) is not None:
        call_ids.append(_replayed_function_call(legacy, json_path, context, rename, edits))


def _replayed_function_call(
    legacy: Mapping[str, Any],
    json_path: str,
    context: RequestContext,
    rename: Callable[[str], str],
    edits: dict[str, Any],
) -> str:
    """Translate a `function_call` to the one entry of `tool_calls`, and return its id."""
    id = _call_id(json_path, legacy)
    call = {"id": id, "type": "function", "function": dict(legacy)}
    edits["tool_calls"] = [_tool_call(call, f"{json_path}.function_call", context, rename)]
    context.record_change(
        "rename", f"{json_path}.function_call", legacy.get("name"), "tool_calls", "StepFun has no function_call"
    )
    return id


def _tool_call(call: Json, json_path: str, context: RequestContext, rename: Callable[[str], str]) -> Json | None:
    """Translate one tool call; None for StepFun's own search, which it does not accept as input (stepfun-api 3.4)."""
    row = _mapping(call)
    if row is None:
        return call
    if row.get("type") not in (None, "", "function", "custom"):
        return None
    custom = _mapping(row.get("custom"))
    function = (_mapping(row.get("function")) or {}) if custom is None else _function_of_custom(custom)
    name = function.get("name")
    if isinstance(name, str) and name:
        sent_name = rename(name)
    else:
        sent_name = _placeholder_name(name, json_path, context)
    arguments = repair_arguments(function.get("arguments"), f"{json_path}.function.arguments", context)
    sent = {
        "id": row.get("id") or _call_id(json_path, name),
        "type": "function",
        "function": {"name": sent_name, "arguments": arguments},
    }
    return row if sent == row else sent


def _function_of_custom(custom: Mapping[str, Any]) -> Mapping[str, Any]:
    """Translate a call of a free-text tool: its input is the function's only argument."""
    input = json.dumps({"input": custom.get("input", "")}, ensure_ascii=False)
    return {"name": custom.get("name"), "arguments": input}


def _placeholder_name(name: Json, json_path: str, context: RequestContext) -> str:
    """Return a name for a call without one, which StepFun rejects ("tool_calls.function.name is required", stepfun-api
    3.3)."""
    sent = "unknown_function"
    if not name:
        context.record_change("repair", f"{json_path}.function.name", name, sent, "StepFun rejects an empty name")
    return sent


def same_arguments(arguments: str) -> str:
    """Return arguments in a canonical form, the same after a caller has parsed and dumped them."""
    try:
        return json.dumps(json.loads(arguments), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return arguments


def call_key(call: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return (id, name, arguments) of a tool call in OpenAI's shape, or a custom tool's input in place of arguments."""
    custom = _mapping(call.get("custom"))
    function = custom if custom is not None else (_mapping(call.get("function")) or {})
    arguments = function.get("input" if custom is not None else "arguments")
    if not isinstance(arguments, str):
        arguments = "" if arguments is None else json.dumps(arguments, ensure_ascii=False, default=str)
    return str(call.get("id") or ""), str(function.get("name") or ""), arguments


def _remembered(message: Mapping[str, Any], context: RequestContext) -> str | None:
    """Return the cached reasoning of a message's calls, None if a call is not cached or their reasoning differs."""
    cache = context.client.reasoning_cache
    if cache is None or not replays_reasoning(context):
        return None
    found: set[str | None] = set()
    for call in _parts(message.get("tool_calls")) or ():
        row = _mapping(call)
        if row is None:
            return None
        id, name, arguments = call_key(row)
        found.add(cache.get(id, name, same_arguments(arguments)))
    return found.pop() if len(found) == 1 else None


def repair_arguments(arguments: Json, json_path: str, context: RequestContext) -> str:
    """Return arguments as a JSON object in a string; StepFun rejects anything else ("No filter named 'fromjson' found",
    stepfun-api 3.3)."""
    if arguments is not None and not isinstance(arguments, str):
        return _dumped(arguments, json_path, context)
    if arguments is None or not arguments.strip():
        context.record_change("repair", json_path, arguments, "{}", "StepFun takes only a JSON object")
        return "{}"
    try:
        value: Json = json.loads(arguments)
        encoded_twice = isinstance(value, str)
        if isinstance(value, str) and value.lstrip().startswith("{"):
            value = json.loads(value)
    except (ValueError, RecursionError):
        context.record_change(
            "repair", json_path, arguments, "{}", "StepFun rejects arguments that are not valid JSON", lossy=True
        )
        return "{}"
    if isinstance(value, dict):
        if not encoded_twice:
            return arguments
        fixed = json.dumps(value, ensure_ascii=False)
    else:
        fixed = json.dumps({"value": value}, ensure_ascii=False)
    context.record_change("repair", json_path, arguments, fixed, "StepFun takes only a JSON object")
    return fixed


def _dumped(arguments: Json, json_path: str, context: RequestContext) -> str:
    """Dump arguments that are not a string; wrap a value that is not an object in `{"value": …}`."""
    if isinstance(arguments, Mapping):
        fixed = json.dumps(cast("Json", arguments), ensure_ascii=False, default=str)
        context.record_change("repair", json_path, "object", fixed, "arguments are a string")
        return fixed
    fixed = json.dumps({"value": arguments}, ensure_ascii=False, default=str)
    context.record_change("repair", json_path, arguments, fixed, "StepFun takes only a JSON object")
    return fixed
