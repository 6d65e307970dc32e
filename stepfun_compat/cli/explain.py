"""`explain`: the translation of a request, without sending it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, cast

import typer

from . import show


def explain(
    request: str = typer.Argument(help="A JSON file with the call's arguments, or - for standard input."),
    endpoint: str = typer.Option("chat.completions", help="The resource, or 'POST /path'."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Show the translated request and every change. Exit code: 1 if the call would be rejected, else 0.

    Examples:

        echo '{"model": "gpt-4o", "messages": [], "max_tokens": 9}' | stepfun-compat explain -

        stepfun-compat explain request.json --json
    """
    from ..diagnostics.explain import explain as explanation_of

    try:
        text = sys.stdin.read() if request == "-" else Path(request).read_text(encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(f"{request} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{request} is not text in UTF-8") from None
    try:
        arguments: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(f"{request} is not JSON: {error}") from None
    if not isinstance(arguments, dict):
        raise typer.BadParameter("the request is not a JSON object")
    given = cast("dict[str, Any]", arguments)
    try:
        answer = explanation_of(endpoint, **given)
    except (ValueError, TypeError, OSError) as error:
        raise typer.BadParameter(str(error)) from None
    if as_json:
        show.as_json(answer.to_dict())
    else:
        typer.echo(str(answer))
    if answer.refusal is not None:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    app.command("explain")(explain)
