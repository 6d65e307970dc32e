"""`emulate`: StepFun's wire behaviour on loopback."""

from __future__ import annotations

from typing import Any

import typer

from ..signals import ended_by_signals


def emulate(
    port: int = typer.Option(8000, min=0, max=65535, help="Port to listen on; 0 picks a free one."),
    host: str = typer.Option("127.0.0.1", help="Address to listen on."),
    strict: bool = typer.Option(False, "--strict", help="Reject what StepFun does not document."),
    shape: str = typer.Option("b", help="Chat stream shape on the wire: a, b or c."),
    profile: str = typer.Option(
        "open", help="open accepts OpenAI's forms; june rejects the forms that StepFun's sources disagree about."
    ),
    tier: str | None = typer.Option(None, help="Rate tier to enforce, V0 to V5; none by default."),
    region: str = typer.Option("global", help="Platform to emulate: global or cn."),
) -> None:
    """Serve an emulator of StepFun on loopback.

    Examples:

        stepfun-compat emulate --port 8000 --strict

        STEPFUN_BASE_URL=http://127.0.0.1:8000/v1 STEPFUN_API_KEY=any stepfun-compat run app.py
    """
    try:
        from ..emulator import EmulatorConfig, serve
    except ImportError as error:
        typer.echo(f"stepfun-compat: emulate needs {error.name}: pip install 'stepfun-compat[emulator]'", err=True)
        raise typer.Exit(2) from None
    choices: dict[str, Any] = {"strict": strict, "stream_shape": shape, "profile": profile}
    choices |= {"tier": tier.upper() if tier else None, "region": region}
    try:
        config = EmulatorConfig(**choices)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    try:
        with ended_by_signals():
            serve(config, host, port, announce=_announce)
    except OSError as error:
        typer.echo(f"stepfun-compat: cannot listen on {host} port {port}: {error.strerror or error}", err=True)
        raise typer.Exit(1) from None


def register(app: typer.Typer) -> None:
    app.command("emulate")(emulate)


def _announce(base_url: str) -> None:
    typer.echo(f"emulating StepFun on {base_url} (any key works; Ctrl-C stops it)")
