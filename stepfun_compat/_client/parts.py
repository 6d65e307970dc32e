"""The modules that the clients' hooks call, each imported on first use, which is when the first client is created: a
program that only imports the classes does not pay for them."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import construction as construction
    from . import credentials as credentials
    from . import extras as extras
    from . import flow as flow
    from . import redirects as redirects
    from . import requests as requests
    from . import responses as responses
    from . import stream_idle as stream_idle
    from . import websockets as websockets


def __getattr__(name: str) -> ModuleType:
    path = f"{__package__}.{name}"
    try:
        module = globals()[name] = import_module(path)
        return module
    except ModuleNotFoundError as error:
        if error.name != path:
            raise
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load() -> None:
    """Import all of them now, before openai's module or a name in it is replaced."""
    for name in ("construction", "flow"):  # these import the others
        __getattr__(name)
