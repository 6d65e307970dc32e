"""The `migrate` command, independent of the command-line parser."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TextIO

from ..command import write_text
from ..findings import NotRead
from ..scan import on_a_deep_stack, shown_root
from ..sources.discovery import NoSuchPath
from .plan import make_plan
from .project import read_files, vendors_named
from .report import Mode, Run, as_json, as_text
from .rules import RULES, Rule
from .uncommitted import uncommitted
from .writing import NotWritten, write_file


@dataclass(frozen=True)
class Options:
    """The parsed command-line options."""

    paths: tuple[str, ...]
    mode: Mode = "diff"
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    format: str = "text"


class BadOptions(Exception):
    """An option has an invalid value; the message lists the valid ones."""


def run(options: Options, out: TextIO, err: TextIO) -> int:
    """Plan the edits, write them in mode `write`, and report. Returns `Run.exit_code`."""
    try:
        rules = selected(options.select, options.ignore)
        if options.format not in ("text", "json"):
            raise BadOptions(f"invalid --format {options.format!r}: choose from text, json")
        done = on_a_deep_stack(lambda: _plan(options, rules))
    except (BadOptions, NoSuchPath, OSError) as error:
        err.write(f"stepfun-compat migrate: {error}\n")
        return 2
    if options.mode == "write":
        _write(options, done, err)
    write_text(out, as_json(done) if options.format == "json" else as_text(done))
    return done.exit_code()


def selected(select: Iterable[str], ignore: Iterable[str]) -> list[Rule]:
    """Return the selected rules; the default rules if none is selected.

    Raises:
        BadOptions: an id is not the id of a rule.
    """
    wanted, unwanted = _ids(select), _ids(ignore)
    known = {rule.id for rule in RULES}
    for one in (*wanted, *unwanted):
        if one not in known:
            raise BadOptions(f"unknown rule {one!r}: choose from {', '.join(sorted(known))}")
    return [rule for rule in RULES if (rule.id in wanted if wanted else rule.default) and rule.id not in unwanted]


def _ids(texts: Iterable[str]) -> list[str]:
    return [part.strip().upper() for text in texts for part in text.split(",") if part.strip()]


def _plan(options: Options, rules: list[Rule]) -> Run:
    reading = read_files(options.paths)
    plan = make_plan(reading, rules)
    unread = [
        NotRead(path, one.why, "needs a decision" if one.mentions else None)
        for path, found in reading.extracts.items()
        for one in found.unread
    ]
    not_read = sorted([*reading.not_read, *unread], key=lambda one: (one.file, one.why))
    done = Run(options.mode, shown_root(reading.root), reading.looked_at, plan, not_read, vendors_named(reading))
    done.uncommitted = uncommitted(reading.root, {one.path: one.file.data for one in done.changes})
    return done


def _write(options: Options, done: Run, err: TextIO) -> None:
    if done.uncommitted:
        number = len(done.uncommitted)
        what = "a file" if number == 1 else f"{number} files"
        err.write(f"stepfun-compat migrate: writing {what} with uncommitted changes, first {done.uncommitted[0]}\n")
    root = done.plan.project.root
    for change in done.changes:
        try:
            write_file(os.path.join(root, change.path), change.file.data, change.after, options.paths)
        except (NotWritten, OSError) as problem:
            done.not_written[change.path] = getattr(problem, "strerror", None) or str(problem)
        except KeyboardInterrupt:
            done.not_written[change.path] = "interrupted"
            done.interrupted = True
            break
        else:
            done.written.append(change.path)
