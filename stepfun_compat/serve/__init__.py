"""`stepfun-compat serve`: OpenAI's and Anthropic's APIs in front of StepFun, for programs in any language.

`app(settings)` is the ASGI app, for any server. Each route passes its request to this package's async client and relays
the client's response, so a program over HTTP receives what a Python program receives in process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .options import ServeOptions

if TYPE_CHECKING:
    from ..settings import Settings
    from .app import ServeApp

__all__ = ["ServeOptions", "app"]


def app(settings: Settings | None = None, options: ServeOptions | None = None, **values: Any) -> ServeApp:
    """Create the ASGI app. `settings` are the client's; `values` are fields of `ServeOptions` that override `options`.

    Raises:
        KeyRefusedError: no StepFun key is configured.
        ValueError: an option has a value that is not allowed.
    """
    from dataclasses import replace

    from ..settings import Settings
    from .app import ServeApp

    options = ServeOptions.from_environment() if options is None else options
    if values:
        options = replace(options, **values)
    return ServeApp(Settings() if settings is None else settings, options)
