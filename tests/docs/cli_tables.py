"""The command line's reference, generated from the commands themselves. `python -m tests.docs.readme_tables` writes it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any


def _options(command: Any) -> Iterator[str]:
    shown = [one for one in command.params if one.name != "help"]
    if not shown:
        return
    yield "| argument or option | default | what it does |"
    yield "|---|---|---|"
    for one in shown:
        names = ", ".join(f"`{name}`" for name in (*one.opts, *one.secondary_opts) if name.startswith("-"))
        value = getattr(one.default, "value", one.default)  # for an Enum, which Python 3.10 formats as its name
        default = "" if value in (None, False, True, "", ()) or callable(value) else f"`{value}`"
        text = " ".join(str(getattr(one, "help", None) or "").split()).replace("|", "\\|")
        yield f"| {names or f'`{one.name.upper()}`'} | {default} | {text} |"
    yield ""


def _help(command: Any) -> Iterator[str]:
    text, mark, examples = inspect.cleandoc(command.help or "").replace("\b\n", "").partition("Examples:\n")
    yield " ".join(text.split())
    yield ""
    if mark:
        yield "```text"
        yield from (line.strip() for line in examples.splitlines() if line.strip())
        yield "```"
        yield ""


def _command(name: str, command: Any, level: int) -> Iterator[str]:
    yield f"{'#' * level} `{name}`"
    yield ""
    yield from _help(command)
    commands: dict[str, Any] = getattr(command, "commands", {})
    yield from _options(command) if not commands else ()
    for inner, each in commands.items():
        yield from _command(f"{name} {inner}", each, level + 1)


def command_line() -> str:
    """Return every command with its options, as Markdown."""
    from typer.main import get_command

    from stepfun_compat.cli import app
    from stepfun_compat.launch.run import USAGE

    commands: dict[str, Any] = getattr(get_command(app), "commands", {})
    lines: list[str] = []
    for name, command in commands.items():
        if name == "run":  # it has its own parser: arguments after the program belong to the program
            lines += [f"## `{name}`", "", "```text", USAGE.strip(), "```", ""]
        else:
            lines += _command(name, command, 2)
    return "\n".join(lines).strip()
