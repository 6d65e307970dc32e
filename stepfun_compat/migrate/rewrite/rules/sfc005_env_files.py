"""SFC005: add a line for StepFun's key before OpenAI's, in `.env` and compose files.

OpenAI's key stays in place and is never copied. The new line has an empty value, or in a compose file passes the
variable through from the environment of compose.
"""

from __future__ import annotations

import re
from typing import Final

from ...sources.marks import Mark
from ..model import Edit, File, Fix, Project, RuleOutcome

ID: Final = "SFC005"

_KEYS: Final = frozenset({"OPENAI_API_KEY", "OPENAI_KEY", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_KEY"})
_COMPOSE: Final = re.compile(r"(?:docker-)?compose(?:[-_.].*)?\.ya?ml", re.IGNORECASE)
_ENV_LINE: Final = re.compile(rb"([ \t]*(?:export[ \t]+)?)\w+[ \t]*([=:])")
_LIST_LINE: Final = re.compile(rb"([ \t]*-[ \t]+)([\"']?)\w+\2?(?:=|[ \t]*(?:#|\r|\n|$))")
_MAP_LINE: Final = re.compile(rb"([ \t]*)([\"']?)\w+\2[ \t]*:")
_OURS: Final = re.compile(rb"(?<![\w])(?:STEPFUN_API_KEY|STEP_API_KEY)(?!\w)")
_ENVIRONMENT: Final = re.compile(rb"[ \t]*[\"']?(?:[\w.-]*env[\w.-]*)[\"']?[ \t]*:", re.IGNORECASE)


def apply(file: File, project: Project) -> RuleOutcome:
    """Return the line to add before the first OpenAI key, in a compose file for each environment."""
    outcome = RuleOutcome()
    compose = file.kind == "yaml" and _COMPOSE.fullmatch(file.path.rpartition("/")[2]) is not None
    if not (file.kind == "env" or compose) or not (project.moves or file.path in project.named):
        return outcome
    for mark in file.extract.marks:
        if not _is_key(file, mark) or file.ignored(ID, mark.line):
            continue
        if compose:
            _in_compose(file, mark, outcome)
        elif _add_to_env(file, mark, outcome):
            break
    return outcome


def _is_key(file: File, mark: Mark) -> bool:
    """Whether a variable with an OpenAI key is set rather than referenced; `- OPENAI_API_KEY` passes it through."""
    if mark.kind != "env_var" or mark.target not in _KEYS:
        return False
    before = file.line_bytes(mark.line)[: mark.column]
    return mark.role == "key" or (not mark.role and file.kind == "yaml" and before.strip(b" \t\"'") == b"-")


def _add_to_env(file: File, mark: Mark, outcome: RuleOutcome) -> bool:
    """Add the line to a `.env` file. Returns whether the file is done."""
    lines = [file.line_bytes(number) for number in range(1, len(file.text.line_starts) + 1)]
    if any(_OURS.search(line.partition(b"#")[0]) for line in lines):
        return True
    found = _ENV_LINE.match(file.line_bytes(mark.line))
    if found is None or (mark.line > 1 and lines[mark.line - 2].rstrip(b"\r\n").endswith(b"\\")):
        outcome.refuse(ID, mark.line, "the line continues another one: add STEPFUN_API_KEY by hand")
        return False
    _insert(file, mark, found.group(1) + b"STEPFUN_API_KEY" + found.group(2), outcome)
    return True


def _in_compose(file: File, mark: Mark, outcome: RuleOutcome) -> None:
    line = file.line_bytes(mark.line)
    listed, mapped = _LIST_LINE.match(line), _MAP_LINE.match(line)
    found = listed or mapped
    if found is None or mark.column - len(found.group(1)) not in (0, 1):
        outcome.refuse(ID, mark.line, "the variable is not on its own line: add STEPFUN_API_KEY by hand")
        return
    parent = _parent(file, mark.line, listed is not None)
    if parent is None or not _ENVIRONMENT.match(file.line_bytes(parent)):
        outcome.refuse(ID, mark.line, "the variable is not in an environment section: add STEPFUN_API_KEY by hand")
        return
    if _OURS.search(_block(file, parent, mark.line)) or any(fix.line > parent for fix in outcome.fixes):
        return
    _insert(file, mark, found.group(1) + (b"STEPFUN_API_KEY" if listed else b"STEPFUN_API_KEY:"), outcome)


def _insert(file: File, mark: Mark, line: bytes, outcome: RuleOutcome) -> None:
    start = file.text.offset(mark.line, 0)
    edit = Edit(start, start, line + file.newline)
    outcome.fixes.append(Fix(ID, mark.line, "add a line for STEPFUN_API_KEY", (edit,)))


def _indent(line: bytes) -> int:
    return len(line) - len(line.lstrip(b" \t"))


def _parent(file: File, number: int, listed: bool) -> int | None:
    """Return the line of the parent key of a line."""
    indent = _indent(file.line_bytes(number))
    for above in range(number - 1, 0, -1):
        line = file.line_bytes(above)
        text = line.strip()
        if not text or text.startswith(b"#"):
            continue
        here = _indent(line)
        if here < indent or (listed and here == indent and not text.startswith(b"-")):
            return above
    return None


def _block(file: File, parent: int, number: int) -> bytes:
    """Return the lines below a key, up to the first one indented less than a given line."""
    indent = _indent(file.line_bytes(number))
    lines: list[bytes] = []
    for below in range(parent + 1, len(file.text.line_starts) + 1):
        line = file.line_bytes(below)
        text = line.strip()
        if text and not text.startswith(b"#"):
            if _indent(line) < indent:
                break
            lines.append(line)
    return b"".join(lines)
