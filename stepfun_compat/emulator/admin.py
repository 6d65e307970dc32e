"""Control endpoints below /__emulator__/, for programs in another process. They need no key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import faults
from .api import images
from .api.answers import Body, json_body
from .config import EmulatorConfig
from .json_values import Object, as_list, as_object, is_array
from .state import Engine, RecordedRequest

PREFIX = "/__emulator__/"


def answer(engine: Engine, request: RecordedRequest) -> Body:
    """Answer a request below `PREFIX`: GET/DELETE requests, POST script, fault, reset, release, GET/PATCH config."""
    name = request.path.removeprefix(PREFIX).strip("/")
    try:
        return _answer(engine, request.method, name, request.json)
    except (ValueError, TypeError) as error:
        return json_body({"error": str(error)}, 400)


def _answer(engine: Engine, method: str, name: str, body: Any) -> Body:
    if method == "GET" and name.startswith("images/"):
        found = images.picture(engine, name.removeprefix("images/"))
        if found is not None:
            return found
    operation = _OPERATIONS.get((method, name))
    if operation is None:
        return json_body({"error": f"no {method} {PREFIX}{name}"}, 404)
    return json_body(operation(engine, body))


def _requests(engine: Engine, _body: Any) -> Object:
    return {"requests": [item.as_json() for item in engine.requests]}


def _clear_requests(engine: Engine, _body: Any) -> Object:
    engine.clear_requests()
    return {"ok": True}


def _script(engine: Engine, body: Any) -> Object:
    replies = body if is_array(body) else as_object(body).get("replies", [body])
    engine.script(*as_list(replies))
    return {"scripted": engine.scripted}


def _fault(engine: Engine, body: Any) -> Object:
    for item in as_list(body) if is_array(body) else [body]:
        options = dict(as_object(item))
        engine.fault(faults.make(options.pop("kind", None), **options))
    return {"ok": True}


def _reset(engine: Engine, _body: Any) -> Object:
    engine.reset()
    return {"ok": True}


def _release(engine: Engine, _body: Any) -> Object:
    return {"released": engine.release()}


def _config(engine: Engine, _body: Any) -> Object:
    return engine.describe()


def _configure(engine: Engine, body: Any) -> Object:
    engine.configure(EmulatorConfig.changes(as_object(body)))
    return engine.describe()


_OPERATIONS: dict[tuple[str, str], Callable[[Engine, Any], Object]] = {
    ("GET", "requests"): _requests,
    ("DELETE", "requests"): _clear_requests,
    ("POST", "script"): _script,
    ("POST", "fault"): _fault,
    ("POST", "reset"): _reset,
    ("POST", "release"): _release,
    ("GET", "config"): _config,
    ("PATCH", "config"): _configure,
    ("POST", "config"): _configure,
}
