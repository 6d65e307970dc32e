"""The strict side of what sources disagree about: what `EmulatorConfig.profile` and `refuses` answer with 400.

The wording of most of these refusals is not on record. Where one is (stepfun-api 9.1, 13), it is used; the others follow it.
"""

from __future__ import annotations

from .api import errors
from .catalog import Model
from .config import EmulatorConfig
from .json_values import Object, as_list, as_object, is_array, is_number, is_object

_SCHEMA_MODELS = ("step-3.5-flash", "step-3.5-flash-2603")
_ROLES = ("system", "user", "assistant", "tool")
_KEYS = frozenset({"role", "content", "tool_calls", "tool_call_id"})
_UNRECOGNISED = "Unrecognized chat message."


def check_chat(body: Object, model: Model, config: EmulatorConfig) -> None:
    """400 for what this StepFun does not take on chat."""
    if config.refused("chat"):
        raise errors.invalid("this model is not enabled for the Chat Completions API, please use the Messages API")
    kind = as_object(body.get("response_format")).get("type")
    if config.refused("json_schema") and kind == "json_schema" and model.id not in _SCHEMA_MODELS:
        raise errors.invalid(f"model {model.id} does not support response_format json_schema")
    penalty = body.get("frequency_penalty")
    if config.refused("penalties") and is_number(penalty) and not 0 <= penalty <= 1:
        raise errors.invalid_param("frequency_penalty", "[0.0,1.0]")
    effort = body.get("reasoning_effort")
    if config.refused("effort") and effort is not None and effort not in model.efforts:
        raise errors.invalid_param("reasoning_effort", ", ".join(model.efforts) or "absent")
    if config.refused("stream_options") and body.get("stream_options") is not None:
        raise errors.unknown_param("stream_options")
    _check_tool_choice(body, config)
    for place, item in enumerate(as_list(body.get("messages"))):
        if is_object(item):
            _check_message(as_object(item), place, config)


def _check_tool_choice(body: Object, config: EmulatorConfig) -> None:
    if config.refused("tool_choice") and body.get("tool_choice") not in (None, "auto"):
        raise errors.invalid_param("tool_choice", "auto")


def _check_message(message: Object, place: int, config: EmulatorConfig) -> None:
    role, content = message.get("role"), message.get("content")
    if config.refused("roles") and role not in _ROLES:
        raise errors.invalid_param(f"messages[{place}].role", ", ".join(_ROLES))
    if config.refused("null_content") and content is None:
        raise errors.ApiError(400, _UNRECOGNISED, "invalid_request_error")
    texts = is_array(content) and all(as_object(part).get("type") == "text" for part in as_list(content))
    if (config.refused("parts") and role != "user" and is_array(content)) or (config.refused("user_parts") and texts):
        raise errors.invalid_param(f"messages[{place}].content", "string")
    if config.refused("message_keys") and not set(message) <= _KEYS:
        raise errors.ApiError(400, _UNRECOGNISED, "invalid_request_error")
    if config.refused("system_messages") and role == "system" and place > 0:
        raise errors.invalid("system message must be the first and only one")


def check_responses(body: Object, model: Model, config: EmulatorConfig) -> None:
    """400 for what this StepFun does not take on Responses."""
    if config.refused("responses"):
        raise errors.invalid(f"model {model.id} is not enabled for the Responses API")
    kind = as_object(as_object(body.get("text")).get("format")).get("type")
    if config.refused("json_schema") and kind == "json_schema" and model.id not in _SCHEMA_MODELS:
        raise errors.invalid(f"model {model.id} does not support text.format json_schema")
    effort = as_object(body.get("reasoning")).get("effort")
    if config.refused("effort") and effort is not None and effort not in model.efforts:
        raise errors.invalid_param("reasoning.effort", ", ".join(model.efforts))
    _check_tool_choice(body, config)


def check_purpose(purpose: str, config: EmulatorConfig) -> None:
    """400 for a file purpose this StepFun does not take."""
    if config.refused("purposes") and purpose != "storage":
        raise errors.invalid_param("purpose", "storage")
    if config.refused("storage") and purpose == "storage":
        raise errors.invalid_param("purpose", "file-extract, retrieval-text, retrieval-image")
