"""`speak`: a text of any length as an audio file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import typer

from . import show


def _text(path: str) -> str:
    """Return the text to speak: of a file, or of standard input for `-`."""
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{path} is not text in UTF-8") from None


def _writable(output: Path) -> None:
    """Check that the file can be written, before anything is paid for. Existing content is kept."""
    there = output.exists()
    try:
        with output.open("ab"):
            pass
    except OSError as error:
        raise typer.BadParameter(f"{output} cannot be written: {error.strerror}") from None
    if not there:
        output.unlink(missing_ok=True)


def speak(
    text: str = typer.Argument(help="A text file, or - for standard input."),
    output: Path = typer.Option(
        Path("speech.mp3"), "--output", "-o", help="The file to write; its extension is the format."
    ),
    voice: str = typer.Option("alloy", help="A voice of OpenAI or StepFun."),
    model: str = typer.Option("tts-1", help="A speech model of OpenAI or StepFun."),
) -> None:
    """Turn a text into one audio file. A long text takes several requests, with a progress bar on a terminal.

    Examples:

        stepfun-compat speak story.txt -o story.mp3

        echo "Hello." | stepfun-compat speak - -o hello.wav --voice nova
    """
    from ..client import OpenAI
    from ..endpoints.audio.speech import split_text
    from ..endpoints.audio_containers import join

    words = _text(text)
    format = output.suffix.lstrip(".").lower() or "mp3"
    sent: Any = "wav" if format == "flac" else format  # flac is written here, from the samples
    if format not in ("mp3", "wav", "opus", "pcm", "flac"):
        raise typer.BadParameter(f"{output.name}: the formats are mp3, wav, opus, pcm and flac")
    pieces = split_text(words, 1000)
    if not pieces:
        raise typer.BadParameter("there is no text to speak")
    _writable(output)
    parts: list[bytes] = []

    def write() -> None:
        sound = parts[0] if len(parts) == 1 and format != "flac" else join(parts, format)
        output.write_bytes(sound)
        typer.echo(f"{output}: {len(sound)} bytes from {len(parts)} requests")

    try:
        with OpenAI() as client, show.progress("speaking", len(pieces)) as advance:
            for piece in pieces:
                made = client.audio.speech.create(model=model, voice=voice, input=piece, response_format=sent)
                parts.append(made.content)
                advance(1)
    except BaseException:
        if parts:  # the audio so far is paid for
            typer.echo(f"stopped after {len(parts)} of {len(pieces)} pieces", err=True)
            write()
        raise
    write()


def register(app: typer.Typer) -> None:
    app.command("speak")(speak)
