"""`upload`: send a file to StepFun, with a progress bar."""

from __future__ import annotations

from collections.abc import Callable
from io import BufferedReader, FileIO
from pathlib import Path
from stat import S_ISREG
from typing import Any, cast

import typer
from typing_extensions import override

from . import show


class _Counted(BufferedReader):
    """An open file that reports how much of it has been read."""

    def __init__(self, path: Path, tell: Callable[[int], None]) -> None:
        super().__init__(FileIO(str(path)))
        self._tell_progress = tell

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self._tell_progress(len(data))
        return data


def upload(
    file: Path = typer.Argument(help="The file to upload."),
    purpose: str = typer.Option("user_data", help="A purpose of OpenAI or StepFun."),
    wait: bool = typer.Option(True, help="Wait until StepFun has parsed it."),
) -> None:
    """Upload a file and print its id.

    Examples:

        stepfun-compat upload report.pdf

        stepfun-compat upload clip.mp4 --purpose storage --no-wait
    """
    from ..client import OpenAI

    try:
        status = file.stat()
        if not S_ISREG(status.st_mode):
            raise typer.BadParameter(f"{file} is not a regular file")
        with file.open("rb"):
            size = status.st_size
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be read: {error.strerror}") from None
    if size == 0:
        raise typer.BadParameter(f"{file} is empty")
    with OpenAI() as client:
        with show.progress("uploading", size) as advance, _Counted(file, advance) as body:
            made = client.files.create(file=(file.name, body), purpose=cast("Any", purpose))
        if wait:
            with show.working("StepFun is parsing the file"):
                made = client.files.wait_for_processing(made.id, poll_interval=0.5)
    typer.echo(f"{made.id}  {made.status}  {made.bytes} bytes")


def register(app: typer.Typer) -> None:
    app.command("upload")(upload)
