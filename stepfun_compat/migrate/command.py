"""The `scan` command, independent of the command-line parser."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final, TextIO

from .cache import default_directory
from .findings import ScanResult
from .reasons import VERDICTS, Verdict
from .scan import Progress, scan
from .sources.discovery import NoSuchPath

_RENDERERS: Final = {
    "json": ("as_json", "as_json"),
    "sarif": ("sarif", "as_sarif"),
    "html": ("html", "as_html"),
    "markdown": ("markdown", "as_markdown"),
}


@dataclass(frozen=True)
class Options:
    """The parsed command-line options."""

    paths: tuple[str, ...]
    format: str = "text"
    verbose: bool = False
    fail_on: str | None = None
    jobs: int | None = None
    output: Path | None = None
    cache_directory: Path | None = None
    cached: bool = True


def run(options: Options, out: TextIO, err: TextIO) -> int:
    """Scan and write the report. Returns 0 on success, 1 for a finding at or above `fail_on`, 2 on an error."""
    problem = _problem(options)
    if problem is not None:
        err.write(f"stepfun-compat scan: {problem}\n")
        return 2
    directory = (options.cache_directory or default_directory()) if options.cached else None
    try:
        result = scan(options.paths, jobs=options.jobs, cache=directory, progress=_progress(err))
        verbose = options.verbose or all(Path(path).is_file() for path in options.paths)
        text = render(result, options.format, verbose)
        if options.output is not None:
            options.output.write_text(text, encoding="utf-8", newline="\n")
        else:
            write_text(out, text)
    except (NoSuchPath, OSError) as error:
        err.write(f"stepfun-compat scan: {error}\n")
        return 2
    return 1 if options.fail_on is not None and _reached(result, _verdict(options.fail_on)) else 0


def render(result: ScanResult, format_: str, verbose: bool = False) -> str:
    """Render a result in one of the formats."""
    if format_ == "text":
        from .report.terminal import as_text

        return as_text(result, verbose)
    module, function = _RENDERERS[format_]
    made: Callable[[ScanResult], str] = getattr(import_module(f".report.{module}", __package__), function)
    return made(result)


def _problem(options: Options) -> str | None:
    if options.format != "text" and options.format not in _RENDERERS:
        return f"invalid --format {options.format!r}: choose from text, {', '.join(_RENDERERS)}"
    if options.fail_on is not None and _verdict(options.fail_on) is None:
        return f"invalid --fail-on {options.fail_on!r}: choose from {', '.join(map(repr, VERDICTS))}"
    return None


def _verdict(text: str) -> Verdict | None:
    wanted = text.lower().replace("-", " ").replace("_", " ").strip()
    return next((verdict for verdict in VERDICTS if verdict == wanted), None)


def _reached(result: ScanResult, level: Verdict | None) -> bool:
    worst = result.worst()
    return level is not None and worst is not None and VERDICTS.index(worst) >= VERDICTS.index(level)


def write_text(out: TextIO, text: str) -> None:
    """Write to a stream, escaping characters that its encoding lacks."""
    encoding = out.encoding or "utf-8"
    out.write(text.encode(encoding, "backslashreplace").decode(encoding))
    out.flush()


def _progress(err: TextIO) -> Progress | None:
    """Return a progress display for a terminal; None for other streams."""
    if not err.isatty() or os.environ.get("TERM") == "dumb":
        return None

    def show(done: int, all_: int) -> None:
        end = "\r\x1b[K" if done == all_ else ""
        err.write(f"\rreading {done:,} of {all_:,} files{end}")
        err.flush()

    return show
