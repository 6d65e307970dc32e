"""A StepFun that runs on this machine and answers on the wire as the real one does.

(manual follows in the next commits)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .app import create_app
    from .brain import Call, Reply
    from .config import EmulatorConfig
    from .engine import RecordedRequest
    from .faults import Fault
    from .server import EmulatorServer, serve

__all__ = ["Call", "EmulatorConfig", "EmulatorServer", "Fault", "RecordedRequest", "Reply", "create_app", "serve"]

_HOMES = {
    "Call": "brain",
    "EmulatorConfig": "config",
    "EmulatorServer": "server",
    "Fault": "faults",
    "RecordedRequest": "engine",
    "Reply": "brain",
    "create_app": "app",
    "serve": "server",
}


def __getattr__(name: str) -> Any:
    """Everything on first use: importing this package costs nothing and needs no extra."""
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
