"""Reject with 400 the contested features that `EmulatorConfig.profile` and `refuses` select.

The messages are StepFun's where one was measured (stepfun-api 9.1, 13); the others are worded alike.
"""

from __future__ import annotations

from typing import Any

from .api import errors
from .catalog import Model
from .config import EmulatorConfig
from .json_values import Object, as_list, as_object, is_array, is_number, is_object

_SCHEMA_MODELS = ("step-3.5-flash", "step-3.5-flash-2603")
_ROLES = ("system", "user", "assistant", "tool")
_KEYS = frozenset({"role", "content", "tool_calls", "tool_call_id"})
_UNRECOGNISED = "Unrecognized chat message."


def check_chat(body: Object, model: Model, config: EmulatorConfig) -> None:
    """Reject the contested chat features that the configuration refuses."""
    if config.refused("chat"):
        raise errors.invalid("this model is not enabled for the Chat Completions API, please use the Messages API")
    _check_schema(body.get("response_format"), "response_format", model, config)
    penalty = body.get("frequency_penalty")
    if config.refused("penalties") and is_number(penalty) and not 0 <= penalty <= 1:
        raise errors.invalid_param("frequency_penalty", "[0.0,1.0]")
    _check_effort(body.get("reasoning_effort"), "reasoning_effort", model, config)
    if config.refused("stream_options") and body.get("stream_options") is not None:
        raise errors.unknown_param("stream_options")
    _check_tool_choice(body, config)
    for place, item in enumerate(as_list(body.get("messages"))):
        if is_object(item):
            _check_message(as_object(item), place, config)


def _check_schema(form: object, name: str, model: Model, config: EmulatorConfig) -> None:
    wanted = as_object(form).get("type") == "json_schema"
    if config.refused("json_schema") and wanted and model.id not in _SCHEMA_MODELS:
        raise errors.invalid(f"model {model.id} does not support {name} json_schema")


def _check_effort(effort: object, name: str, model: Model, config: EmulatorConfig) -> None:
    if config.refused("effort") and effort is not None and effort not in model.efforts:
        raise errors.invalid_param(name, ", ".join(model.efforts) or "absent")


def _check_tool_choice(body: Object, config: EmulatorConfig) -> None:
    if config.refused("tool_choice") and body.get("tool_choice") not in (None, "auto"):
        raise errors.invalid_param("tool_choice", "auto")


def _check_message(message: Object, place: int, config: EmulatorConfig) -> None:
    role, content = message.get("role"), message.get("content")
    if config.refused("roles") and role not in _ROLES:
        raise errors.invalid_param(f"messages[{place}].role", ", ".join(_ROLES))
    if config.refused("null_content") and content is None:
        raise errors.ApiError(400, _UNRECOGNISED, "invalid_request_error")
    if is_array(content):
        _check_parts(as_list(content), role, place, config)
    if config.refused("message_keys") and not set(message) <= _KEYS:
        raise errors.ApiError(400, _UNRECOGNISED, "invalid_request_error")
    if config.refused("system_messages") and (role, place > 0) == ("system", True):
        raise errors.invalid("system message must be the first and only one")


def _check_parts(parts: list[Any], role: object, place: int, config: EmulatorConfig) -> None:
    texts = all(as_object(part).get("type") == "text" for part in parts)
    if (config.refused("parts") and role != "user") or (config.refused("user_parts") and texts):
        raise errors.invalid_param(f"messages[{place}].content", "string")


def check_responses(body: Object, model: Model, config: EmulatorConfig) -> None:
    """Reject the contested Responses features that the configuration refuses."""
    if config.refused("responses"):
        raise errors.invalid(f"model {model.id} is not enabled for the Responses API")
    _check_schema(as_object(body.get("text")).get("format"), "text.format", model, config)
    _check_effort(as_object(body.get("reasoning")).get("effort"), "reasoning.effort", model, config)
    _check_tool_choice(body, config)


def check_purpose(purpose: str, config: EmulatorConfig) -> None:
    """Reject a file purpose that the configuration refuses."""
    if config.refused("purposes") and purpose != "storage":
        raise errors.invalid_param("purpose", "storage")
    if config.refused("storage") and purpose == "storage":
        raise errors.invalid_param("purpose", "file-extract, retrieval-text, retrieval-image")
