"""Validate a chat request as StepFun does, and convert it to the emulated model's input (stepfun-api 3)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from .. import catalog as facts
from .. import contested
from ..catalog import Model
from ..config import EmulatorConfig
from ..json_values import (
    Object,
    as_list,
    as_object,
    as_text,
    dumps,
    is_array,
    is_integer,
    is_number,
    is_object,
    parse_object,
)
from ..model import tokens
from ..model.rules import Call as FunctionCall
from ..model.rules import Conversation, Function, Turn
from . import errors
from .calls import Call

# Documented request fields (stepfun-api 3.1); tool_choice is only in StepFun's samples.
DOCUMENTED = frozenset(
    [
        "model",
        "messages",
        "tools",
        "tool_choice",
        "max_tokens",
        "temperature",
        "top_p",
        "n",
        "stream",
        "stop",
        "frequency_penalty",
        "response_format",
        "reasoning_effort",
        "reasoning_format",
        "modalities",
        "audio",
    ]
)
_ROLES = frozenset({"system", "user", "assistant", "tool"})
_MESSAGE_KEYS: Mapping[str, frozenset[str]] = {
    "system": frozenset({"role", "content"}),
    "user": frozenset({"role", "content"}),
    "assistant": frozenset({"role", "content", "tool_calls", "reasoning_content", "reasoning"}),
    "tool": frozenset({"role", "content", "tool_call_id"}),
}
_TOOL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}")
_MAX_TOOLS = 128
_MAX_IMAGES = 60
_MAX_CLIPS = 30
_MAX_AUDIO_BYTES = 10 * 1024 * 1024
_FORMATS = ("text", "json_object", "json_schema")


@dataclass(frozen=True)
class ChatRequest:
    """The parts of a valid request that the answer depends on."""

    model: Model
    talk: Conversation
    prompt: tuple[str, ...]
    """The tokens of the prompt, tools first, for the prefix cache."""
    max_tokens: int | None = None
    n: int = 1
    stream: bool = False
    stop: tuple[str, ...] = ()
    effort: str | None = None
    reasoning_format: str = "general"
    speaks: bool = False
    """Whether the answer includes audio."""
    searches: Object | None = None
    retrievals: tuple[Object, ...] = field(default_factory=lambda: cast("tuple[Object, ...]", ()))


def find_model(value: object, call: Call) -> Model:
    """Return the model, or raise the error for one that this channel does not have (stepfun-api 2, 9.1)."""
    if not isinstance(value, str) or not value:
        raise errors.invalid_param("model", "not empty")
    model = facts.MODELS.get(value)
    if model is None or not (model.plan if call.channel == "plan" else model.standard):
        raise errors.unknown_model(value, call.config.unknown_model_status)
    return model


def read(body: Object, call: Call) -> ChatRequest:
    """Check the body in StepFun's order: model, parameters, tools, messages."""
    config = call.config
    model = find_model(body.get("model"), call)
    if not model.chats:
        raise errors.invalid(f"model {model.id} is not supported by chat completions")
    if config.strict:
        for name in body:
            if name not in DOCUMENTED:
                raise errors.unknown_param(name)
    contested.check_chat(body, model, config)
    _check_numbers(body)
    functions, search, retrievals = _read_tools(body.get("tools"), model, config)
    _check_tool_choice(body.get("tool_choice"), config)
    schema, json_mode = _read_format(body.get("response_format"), model)
    effort = _read_effort(body.get("reasoning_effort"), model, config)
    stream = body.get("stream") is True
    speaks = _read_audio(body, model, stream=stream)
    turns, parts = read_messages(body.get("messages"), model, call)
    talk = Conversation(tuple(turns), tuple(functions), schema, json_mode)
    prompt = prompt_tokens(parts, body.get("tools"))
    return ChatRequest(
        model=model,
        talk=talk,
        prompt=tuple(prompt),
        max_tokens=body.get("max_tokens"),
        n=body.get("n") or 1,
        stream=stream,
        stop=_read_stop(body.get("stop")),
        effort=effort,
        reasoning_format=as_text(body.get("reasoning_format")) or "general",
        speaks=speaks,
        searches=search,
        retrievals=tuple(retrievals),
    )


# -- parameters --------------------------------------------------------------------------------------------------


def check_number(body: Object, name: str, low: float, high: float, text: str, *, open_low: bool = False) -> None:
    """Raise a 400 for a value that is not a number or is out of range. Null counts as absent."""
    value = body.get(name)
    if value is None:
        return
    if not is_number(value) or value > high or value < low or (open_low and value == low):
        raise errors.invalid_param(name, text)


def _check_numbers(body: Object) -> None:
    check_number(body, "temperature", 0, 2, "[0.0,2.0]")
    check_number(body, "top_p", 0, 1, "(0.0,1.0]", open_low=True)
    check_number(body, "frequency_penalty", -2, 2, "[-2.0,2.0]")
    for name in ("max_tokens", "n"):
        value = body.get(name)
        if value is not None and (not is_integer(value) or value < 1):
            raise errors.invalid_param(name, "greater than 0")
    if body.get("stream") is not None and not isinstance(body["stream"], bool):
        raise errors.invalid_param("stream", "true or false")
    if body.get("reasoning_format") not in (None, "general", "deepseek-style"):
        raise errors.invalid_param("reasoning_format", "general or deepseek-style")


def _read_stop(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    stops = [value] if isinstance(value, str) else as_list(value)
    if not isinstance(value, (str, list)) or not all(isinstance(item, str) for item in stops):
        raise errors.invalid_param("stop", "string or array of strings")
    return tuple(item for item in stops if item)


def _check_tool_choice(value: object, config: EmulatorConfig) -> None:
    """Check `tool_choice` in strict mode. Otherwise any value is accepted and ignored (stepfun-api 3.2)."""
    if value is None or not config.strict:
        return
    named = as_text(as_object(as_object(value).get("function")).get("name"))
    if value not in ("auto", "none", "required") and not named:
        raise errors.invalid_param("tool_choice", "auto")


def _read_format(value: object, model: Model) -> tuple[Object | None, bool]:
    """Return the schema and whether JSON mode is on. Models without json_schema ignore it (stepfun-api 3.5, 11.9)."""
    if value is None:
        return None, False
    given = as_object(value)
    kind = given.get("type")
    if not is_object(value) or kind not in _FORMATS:
        raise errors.ApiError(
            400,
            f"response_format.type must be one of {', '.join(_FORMATS)}",
            "invalid_request_error",
            "response_format",
        )
    if kind == "json_schema":
        wrapped = as_object(given.get("json_schema"))
        if not as_text(wrapped.get("name")) or not is_object(wrapped.get("schema")):
            raise errors.ApiError(
                400,
                "response_format.json_schema needs name and schema",
                "invalid_request_error",
                "response_format",
            )
        return (as_object(wrapped["schema"]), False) if model.json_schema else (None, False)
    return None, kind == "json_object"


def _read_effort(value: object, model: Model, config: EmulatorConfig) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise errors.invalid_param("reasoning_effort", ", ".join(model.efforts) or "absent")
    if config.strict and value not in model.efforts:
        raise errors.invalid_param("reasoning_effort", ", ".join(model.efforts) or "absent")
    return value


def _read_audio(body: Object, model: Model, *, stream: bool) -> bool:
    """Return whether audio output is requested, which requires audio.voice and audio.format (stepfun-api 3.1)."""
    value = body.get("modalities")
    if value is None:
        return False
    wanted = as_list(value)
    if not is_array(value) or not wanted or not all(item in ("text", "audio") for item in wanted):
        raise errors.invalid_param("modalities", "text, audio")
    if "audio" not in wanted:
        return False
    if not model.audio_out:
        raise errors.invalid_param("modalities", "text")
    _check_voice_and_format(as_object(body.get("audio")), "pcm" if stream else "wav")
    return True


def _check_voice_and_format(audio: Object, form: str) -> None:
    if audio.get("voice") not in facts.CHAT_VOICES and not as_text(audio.get("voice")).startswith("voice-tone-"):
        raise errors.invalid_param("audio.voice", ", ".join(sorted(facts.CHAT_VOICES)))
    if audio.get("format") != form:
        raise errors.invalid_param("audio.format", form)


# -- tools -------------------------------------------------------------------------------------------------------


def _read_tools(
    value: object, model: Model, config: EmulatorConfig
) -> tuple[list[Function], Object | None, list[Object]]:
    if value is None:
        return [], None, []
    if not is_array(value):
        raise errors.invalid_param("tools", "array")
    tools = as_list(value)
    if len(tools) > _MAX_TOOLS:
        raise errors.invalid_param("tools", f"at most {_MAX_TOOLS}")
    functions: list[Function] = []
    search: Object | None = None
    retrievals: list[Object] = []
    for item in tools:
        tool = as_object(item)
        function = as_object(tool.get("function"))
        kind = tool.get("type")
        if config.strict:
            errors.check_known(tool, ("type", "function"), "tools.")
        if kind == "function":
            functions.append(read_function(function, config))
        elif kind == "web_search":
            search = _read_web_search(function, model)
        elif kind == "retrieval":
            retrievals.append(_read_retrieval(function))
        else:
            raise errors.invalid_param("tools.type", "function, web_search, retrieval")
    if functions and not model.tools:
        raise errors.model_incompatible(model.id, "tools")
    return functions, search, retrievals


def _read_web_search(function: Object, model: Model) -> Object:
    if model.kind == "router":
        raise errors.ApiError(400, f"{model.id} does not support web_search", "unsupported_content_type")
    if not as_text(function.get("description")):
        raise errors.invalid_param("tools.function.description", "not empty")
    return function


def _read_retrieval(function: Object) -> Object:
    options = as_object(function.get("options"))
    if not as_text(options.get("vector_store_id")):
        raise errors.invalid_param("tools.function.options.vector_store_id", "not empty")
    return options


def read_function(
    function: Object,
    config: EmulatorConfig,
    place: str = "tools.function",
    known: frozenset[str] = frozenset({"name", "description", "parameters"}),
) -> Function:
    """Read one function tool. `place` is its path in errors; `known` are the keys that strict mode allows."""
    name = function.get("name")
    if not isinstance(name, str) or not name:
        raise errors.invalid_param(f"{place}.name", "not empty")
    if config.strict:
        if _TOOL_NAME.fullmatch(name) is None:
            raise errors.invalid_param(f"{place}.name", "^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$")
        errors.check_known(function, known, f"{place}.")
    parameters = function.get("parameters")
    if parameters is not None and not is_object(parameters):
        raise errors.invalid_param(f"{place}.parameters", "JSON Schema object")
    return Function(name, as_text(function.get("description")), as_object(parameters))


# -- messages ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """One part of the prompt: text, or an image, video or audio clip that costs `tokens`."""

    text: str
    tokens: int | None = None


def read_messages(value: object, model: Model, call: Call) -> tuple[list[Turn], list[list[Part]]]:
    """Return the turns for the model and, for each message, the parts whose tokens are counted."""
    if not is_array(value) or not value:
        raise errors.invalid_param("messages", "not empty")
    turns: list[Turn] = []
    costs: list[list[Part]] = []
    images = clips = 0
    for item in as_list(value):
        if not is_object(item):
            raise errors.invalid_param("messages", "array of objects")
        turn, parts = _read_message(as_object(item), model, call)
        images += sum(part.text.startswith("<image") for part in parts)
        clips += sum(part.text.startswith("<audio") for part in parts)
        if images > _MAX_IMAGES:
            raise errors.invalid(f"too many images: {images}, at most {_MAX_IMAGES}")
        if clips > _MAX_CLIPS:
            raise errors.invalid(f"too many audio clips: {clips}, at most {_MAX_CLIPS}")
        turns.append(turn)
        cost = [Part(f"<{turn.role}>", None), *parts]
        if turn.calls:
            cost.append(Part(dumps([[made.name, made.arguments] for made in turn.calls])))
        costs.append(cost)
    return turns, costs


def _read_message(message: Object, model: Model, call: Call) -> tuple[Turn, list[Part]]:
    """Return the turn of a message and the parts of its content."""
    role = message.get("role")
    if not isinstance(role, str) or not role:
        raise errors.invalid_param("messages.role", "system, user, assistant, tool")
    if call.config.strict:
        _check_message_keys(message, role)
    calls = _read_calls(message.get("tool_calls"))
    content = message.get("content")
    if content is None and role != "assistant":
        raise errors.invalid_param("messages.content", "not empty")
    parts = _read_content(content, role, model, call)
    return Turn(role, shown(parts), tuple(calls), as_text(message.get("tool_call_id"))), parts


def shown(parts: Iterable[Part]) -> str:
    """Join parts to the text of a turn, with placeholders for media."""
    return "".join(part.text if part.tokens is None else marker(part.text) for part in parts)


def marker(text: str) -> str:
    """Return the placeholder in the text for an image, a video or an audio clip."""
    return f" [{text[1:].partition(' ')[0]}]"


def _check_message_keys(message: Object, role: str) -> None:
    if role not in _ROLES:
        raise errors.invalid_param("messages.role", "system, user, assistant, tool")
    errors.check_known(message, _MESSAGE_KEYS[role], "messages.")
    if role != "user" and is_array(message.get("content")):
        raise errors.invalid_param("messages.content", f"string for role {role}")


def _read_calls(value: object) -> list[FunctionCall]:
    """Read the calls of an earlier message. Names and arguments are required, ids are not (stepfun-api 3.3)."""
    made: list[FunctionCall] = []
    if value is not None and not is_array(value):
        raise errors.invalid_param("messages.tool_calls", "array")
    for item in as_list(value):
        function = as_object(as_object(item).get("function"))
        name = as_text(function.get("name"))
        if not name:
            raise errors.invalid("tool_calls.function.name is required")
        arguments = function.get("arguments")
        if not isinstance(arguments, str) or parse_object(arguments) is None:
            raise errors.invalid("No filter named 'fromjson' found")
        made.append(FunctionCall(name, arguments, as_text(as_object(item).get("id"))))
    return made


def _read_content(content: object, role: str, model: Model, call: Call) -> list[Part]:
    if content is None:
        return []
    if isinstance(content, str):
        return [Part(content)]
    if not is_array(content):
        raise errors.invalid_param("messages.content", "string or array")
    return [_read_part(as_object(item), role, model, call) for item in as_list(content)]


def _read_part(part: Object, role: str, model: Model, call: Call) -> Part:
    kind = part.get("type")
    if kind == "text":
        if not isinstance(part.get("text"), str):
            raise errors.invalid_param("messages.content.text", "string")
        return Part(as_text(part["text"]))
    if role != "user":
        raise errors.invalid_param("messages.content.type", f"text for role {role}")
    if kind == "image_url":
        return read_image(as_object(part.get("image_url")), model, call)
    if kind == "video_url":
        return read_video(as_object(part.get("video_url")), model, call)
    if kind == "input_audio":
        return _read_clip(as_object(part.get("input_audio")), model, call)
    raise errors.ApiError(400, f"content type {kind} is not supported", "unsupported_content_type")


def _refuse_media(model: Model, what: str) -> None:
    if what not in model.inputs:
        raise errors.model_incompatible(model.id, what)


def read_image(image: Object, model: Model, call: Call) -> Part:
    """Read an image from a URL, a data URL or stepfile:// (stepfun-api 3.3)."""
    _refuse_media(model, "image")
    url = as_text(image.get("url"))
    detail = image.get("detail")
    if call.config.strict and detail not in (None, "low", "high"):
        raise errors.invalid_param("messages.content.image_url.detail", "low, high")
    _check_url(url, "image_url", ("image/",), call)
    low = detail == "low" or (detail != "high" and model.id == "step-1o-turbo-vision")
    return Part(f"<image {_digest(url)}", tokens.LOW_IMAGE_TOKENS if low else tokens.IMAGE_TOKENS)


def read_video(video: Object, model: Model, call: Call) -> Part:
    """Read a video from a URL, a data URL or stepfile:// (stepfun-api 3.3)."""
    _refuse_media(model, "video")
    url = as_text(video.get("url"))
    _check_url(url, "video_url", ("video/",), call)
    return Part(f"<video {_digest(url)}", tokens.MEDIA_TOKENS)


def _read_clip(audio: Object, model: Model, call: Call) -> Part:
    """Read an audio clip from a data URL. OpenAI's raw base64 with a `format` is not supported (stepfun-api 3.3)."""
    _refuse_media(model, "audio")
    data = as_text(audio.get("data"))
    if call.config.strict and set(audio) - {"data"}:
        raise errors.unknown_param(f"messages.content.input_audio.{min(set(audio) - {'data'})}")
    if not data.startswith("data:audio/"):
        raise errors.invalid_param("messages.content.input_audio.data", "data:audio/mpeg;base64,…")
    if len(data) > _MAX_AUDIO_BYTES:
        raise errors.invalid("audio is larger than 10 MB")
    _check_data_url(data, "input_audio")
    return Part(f"<audio {_digest(data)}", tokens.MEDIA_TOKENS)


def _check_url(url: str, name: str, kinds: tuple[str, ...], call: Call) -> None:
    if url.startswith("data:"):
        if not url.startswith(tuple(f"data:{kind}" for kind in kinds)):
            raise errors.invalid_param(f"messages.content.{name}.url", f"data:{kinds[0]}…;base64,…")
        _check_data_url(url, name)
    elif url.startswith("stepfile://"):
        stored = as_object(call.engine.table("files").get(url.removeprefix("stepfile://")))
        if stored.get("purpose") != "storage":
            raise errors.invalid(f"{name}: file {url} not found")
    elif not url.startswith(("http://", "https://")):
        raise errors.invalid_param(f"messages.content.{name}.url", "http, https, data or stepfile URL")


def _check_data_url(url: str, name: str) -> None:
    head, _, data = url.partition(",")
    try:
        good = head.endswith(";base64") and bool(base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError):
        good = False
    if not good:
        raise errors.invalid(f"{name}: invalid base64 data")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def prompt_tokens(messages: Sequence[Sequence[Part]], tools: Any = None) -> list[str]:
    """Return the tokens of the complete prompt, in this order: request, tools, messages."""
    made = ["<s>"] * tokens.REQUEST_TOKENS
    if tools:
        made += tokens.split(dumps(tools))
    for parts in messages:
        for place, part in enumerate(parts):
            if place == 0:
                made += [part.text] * tokens.MESSAGE_TOKENS
            elif part.tokens is None:
                made += tokens.split(part.text)
            else:
                made += [f"{part.text} {number}" for number in range(part.tokens)]
    return made
