"""Helpers to migrate a project in a temporary folder."""

from __future__ import annotations

import ast
import json
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from stepfun_compat.migrate.facts import decode
from stepfun_compat.migrate.rewrite.command import Options, run
from stepfun_compat.migrate.rewrite.model import Edit
from stepfun_compat.migrate.rewrite.plan import make_plan
from stepfun_compat.migrate.rewrite.project import link, read_files
from stepfun_compat.migrate.rewrite.rules import Rule

from ..support import write


@dataclass
class Done:
    """The output and exit code of a run, and the files afterwards."""

    code: int
    out: str
    err: str
    root: Path

    def __getitem__(self, name: str) -> str:
        return (self.root / name).read_bytes().decode()

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def left(self) -> list[tuple[str, int, str]]:
        return [(one["file"], one["line"], one["why"]) for one in self.document["left"] if one["severity"] == "refused"]


def migrate(root: Path, *paths: str, mode: str = "write", format_: str = "json", **more: Any) -> Done:
    """Run the command over a folder."""
    out, err = StringIO(), StringIO()
    given = tuple(str(root / path) for path in paths) or (str(root),)
    code = run(Options(given, mode, format=format_, **more), out, err)  # type: ignore[arg-type]
    return Done(code, out.getvalue(), err.getvalue(), root)


def migrated(root: Path, source: str, name: str = "a.py", **more: Any) -> str:
    """Migrate one file and return its text; check that nothing is refused and a second run has nothing to do."""
    write(root, {name: source})
    done = migrate(root, **more)
    assert (done.code, done.err, done.document["failed"]) == (0, "", []), done.out
    again = migrate(root, mode="check", **more)
    assert again.code == 0, again.out
    return done[name]


def refused(root: Path, source: str, name: str = "a.py", **more: Any) -> tuple[int, str]:
    """Migrate one file; return line and reason of the only refusal, and check that the file is unchanged."""
    write(root, {name: source})
    done = migrate(root, **more)
    assert done.code == 3, done.out
    assert done[name] == textwrap.dedent(source)
    ((_, line, why),) = done.left
    return line, why


def refused_beside_a_program(root: Path, name: str, text: str) -> tuple[str, int, str]:
    """Migrate a file beside a program; return the only refusal, and check that the file is unchanged."""
    write(root, {"a.py": "from openai import OpenAI\nclient = OpenAI()\n", name: text.encode()})
    done = migrate(root)
    assert (done.code, done[name]) == (3, text)
    (only,) = done.left
    return only


def check_folder(folder: Path, rules: Sequence[Rule]) -> int:
    """Migrate a folder and check the properties of the edits: the bytes outside them stay, files parse afterwards, and a
    second run has nothing to do. Return the number of changed files."""
    reading = read_files([str(folder)])
    plan = make_plan(reading, rules)
    assert plan.failed == {}
    numbers = {file.path: number for number, file in enumerate(plan.project.files)}
    for path, change in plan.changes.items():
        before, edits = change.file.text.utf8, change.edits
        after = link(reading, {path: change.after}).files[numbers[path]].text.utf8
        assert _outside(before, [(one.start, one.end) for one in edits]) == _outside(after, _spans_after(edits)), path
        if path.endswith(".py"):
            ast.parse(decode(change.after).utf8)
        (folder / path).write_bytes(change.after)
    assert make_plan(read_files([str(folder)]), rules).changes == {}
    return len(plan.changes)


def _outside(text: bytes, spans: Sequence[tuple[int, int]]) -> list[bytes]:
    """The parts of a text outside of spans."""
    parts: list[bytes] = []
    position = 0
    for start, end in spans:
        parts.append(text[position:start])
        position = end
    return [*parts, text[position:]]


def _spans_after(edits: Sequence[Edit]) -> list[tuple[int, int]]:
    """The spans of the new texts of edits."""
    shift = 0
    spans: list[tuple[int, int]] = []
    for one in edits:
        start = one.start + shift
        spans.append((start, start + len(one.new)))
        shift += len(one.new) - (one.end - one.start)
    return spans
