"""The emulator's own endpoints below /__emulator__/, for programs in another process. No key needed."""

from __future__ import annotations

from typing import Any

from . import faults
from .api import images
from .api.answers import Body, json_body
from .config import EmulatorConfig
from .json_values import as_list, as_object, is_array
from .state import Engine, RecordedRequest

PREFIX = "/__emulator__/"


def answer(engine: Engine, request: RecordedRequest) -> Body:
    """GET/DELETE requests, POST script, fault, reset, release, GET/PATCH config."""
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
    if name == "requests" and method == "GET":
        return json_body({"requests": [item.as_json() for item in engine.requests]})
    if name == "requests" and method == "DELETE":
        engine.forget_requests()
        return json_body({"ok": True})
    if name == "script" and method == "POST":
        replies = body if is_array(body) else as_object(body).get("replies", [body])
        engine.script(*as_list(replies))
        return json_body({"scripted": engine.scripted})
    if name == "fault" and method == "POST":
        for item in as_list(body) if is_array(body) else [body]:
            options = dict(as_object(item))
            engine.fault(faults.make(options.pop("kind", None), **options))
        return json_body({"ok": True})
    if name == "reset" and method == "POST":
        engine.reset()
        return json_body({"ok": True})
    if name == "release" and method == "POST":
        return json_body({"released": engine.release()})
    if name == "config" and method == "GET":
        return json_body(engine.describe())
    if name == "config" and method in ("PATCH", "POST"):
        engine.configure(EmulatorConfig.changes(as_object(body)))
        return json_body(engine.describe())
    return json_body({"error": f"no {method} {PREFIX}{name}"}, 404)
