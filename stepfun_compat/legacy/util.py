"""Logging, API types, keys, and conversion between plain data and `OpenAIObject`."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from enum import Enum
from typing import Any, cast

from ..credentials.keys import PLACEHOLDER_KEY
from ..errors import KeyRefusedError, SettingsError
from ..settings import Settings
from . import error
from ._config import config
from ._pairs import arelay, relay
from .openai_response import OpenAIResponse

__all__ = [
    "ApiType",
    "convert_to_dict",
    "convert_to_openai_object",
    "default_api_key",
    "log_debug",
    "log_info",
    "log_warn",
    "logfmt",
    "merge_dicts",
]

OPENAI_LOG = os.environ.get("OPENAI_LOG")

logger = logging.getLogger("openai")


class ApiType(Enum):
    """The API for which a program is written. Azure's is accepted, but its format is never sent."""

    AZURE = 1
    OPEN_AI = 2
    AZURE_AD = 3

    @staticmethod
    def from_str(label: str) -> ApiType:
        """Return the type for a name, case-insensitively.

        Raises:
            InvalidAPIType: there is no such type.
        """
        found = _TYPES.get(label.lower())
        if found is None:
            raise error.InvalidAPIType(f"api_type={label!r} is not one of 'azure', 'azure_ad', 'open_ai'.")
        return found


_TYPES = {
    "azure": ApiType.AZURE,
    "azure_ad": ApiType.AZURE_AD,
    "azuread": ApiType.AZURE_AD,
    "open_ai": ApiType.OPEN_AI,
    "openai": ApiType.OPEN_AI,
}


def api_key_to_header(api: ApiType, key: Any) -> dict[str, str]:
    """Return the header that carries the key for an API type."""
    return {"api-key": f"{key}"} if api is ApiType.AZURE else {"Authorization": f"Bearer {key}"}


# ---------------------------------------------------------------- logging


def _console_level() -> str | None:
    for level in (config().log, OPENAI_LOG):
        if level in ("debug", "info"):
            return level
    return None


def _write(text: str) -> None:
    sys.stderr.write(text + "\n")


def debugging() -> bool:
    """Whether `log_debug` has any effect."""
    return _console_level() == "debug" or logger.isEnabledFor(logging.DEBUG)


def log_debug(message: Any, **params: Any) -> None:
    """Log to the logger `openai`, and to stderr if `openai.log` is `debug`."""
    if debugging():
        text = logfmt({"message": message, **params})
        if _console_level() == "debug":
            _write(text)
        logger.debug("%s", text)


def log_info(message: Any, **params: Any) -> None:
    """Log to the logger `openai`, and to stderr if `openai.log` is `debug` or `info`."""
    if _console_level() is not None or logger.isEnabledFor(logging.INFO):
        text = logfmt({"message": message, **params})
        if _console_level() is not None:
            _write(text)
        logger.info("%s", text)


def log_warn(message: Any, **params: Any) -> None:
    """Log to the logger `openai` and to stderr."""
    text = logfmt({"message": message, **params})
    _write(text)
    logger.warning("%s", text)


def logfmt(props: Mapping[str, Any]) -> str:
    """Format `key=value` pairs sorted by key; values with whitespace are quoted."""

    def shown(part: Any) -> str:
        text: str = part.decode("utf-8") if isinstance(part, bytes | bytearray) else str(part)
        return repr(text) if re.search(r"\s", text) else text

    return " ".join(f"{shown(key)}={shown(value)}" for key, value in sorted(props.items()))


# ---------------------------------------------------------------- objects


def get_object_classes() -> Mapping[str, Any]:
    """Return the class for each value of `object` that has a specific class."""
    from .object_classes import OBJECT_CLASSES

    return OBJECT_CLASSES


def convert_to_openai_object(
    resp: Any,
    api_key: Any = None,
    api_version: Any = None,
    organization: Any = None,
    engine: Any = None,
    plain_old_data: bool = False,
) -> Any:
    """Convert dicts to `OpenAIObject`s, also inside lists; other values are unchanged. The input is not mutated."""
    from .openai_object import OpenAIObject

    response_ms: int | None = None
    if isinstance(resp, OpenAIResponse):
        organization, response_ms, resp = resp.organization, resp.response_ms, resp.data
    if plain_old_data:
        return resp
    if isinstance(resp, list):
        items = cast("list[Any]", resp)
        return [convert_to_openai_object(item, api_key, api_version, organization, engine) for item in items]
    if not isinstance(resp, dict) or isinstance(resp, OpenAIObject):
        return resp
    values = cast("dict[str, Any]", resp).copy()
    kind = values.get("object")
    cls: Any = get_object_classes().get(kind, OpenAIObject) if isinstance(kind, str) else OpenAIObject
    return cls.construct_from(
        values,
        api_key=api_key,
        api_version=api_version,
        organization=organization,
        response_ms=response_ms,
        engine=engine,
    )


def convert_stream(response: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
    """Convert a stream of `OpenAIResponse`s to a stream of objects; closing it closes the source."""
    return relay(response, _converter(args, kwargs), response)


def aconvert_stream(response: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
    """Async version of `convert_stream`."""
    return arelay(response, _converter(args, kwargs), response)


def _converter(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[Any], Any]:
    return lambda line: convert_to_openai_object(line, *args, **kwargs)


def convert_to_dict(obj: Any) -> Any:
    """Convert objects to plain dicts recursively."""
    if isinstance(obj, list):
        return [convert_to_dict(item) for item in cast("list[Any]", obj)]
    if isinstance(obj, dict):
        return {key: convert_to_dict(value) for key, value in cast("dict[Any, Any]", obj).items()}
    return obj


def merge_dicts(x: dict[Any, Any], y: Mapping[Any, Any]) -> dict[Any, Any]:
    """Merge two dicts; the second takes precedence."""
    return {**x, **y}


# ---------------------------------------------------------------- keys


def default_api_key() -> str:
    """Return the key for calls without one: from the file at `api_key_path`, read for each call, or `api_key`.

    If only StepFun's key is configured, this returns a placeholder, so that code that may send the key elsewhere never
    gets the real key.

    Raises:
        AuthenticationError: there is none.
        ValueError: the file is empty.
    """
    state = config()
    if state.api_key_path:
        with open(state.api_key_path, encoding="utf-8") as file:
            key = file.read().strip()
        if not key:
            raise ValueError(f"The file {state.api_key_path} contains no API key.")
        return key
    if state.api_key is not None:
        return state.api_key
    try:
        configured = (state.stepfun_settings or Settings()).api_key
    except (KeyRefusedError, SettingsError) as problem:
        raise error.AuthenticationError(str(problem)) from problem
    if configured:
        return PLACEHOLDER_KEY
    raise error.AuthenticationError(
        "No API key provided. Set the environment variable STEPFUN_API_KEY to your StepFun key, or assign it to "
        "openai.api_key, or assign the path of a file that contains it to openai.api_key_path."
    )
