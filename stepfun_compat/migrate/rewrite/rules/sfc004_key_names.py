"""SFC004: read StepFun's key instead of OpenAI's where only a client uses the value.

`os.environ["OPENAI_API_KEY"]` and similar reads are renamed if the value, directly or under a name, is only passed to a
client of stepfun_compat or checked for presence. Any other use of the variable, such as setting it, disables the rule
for the entire project.
"""

from __future__ import annotations

from typing import Final

from ..key_reads import KeyRead, key_reads, redirects
from ..model import Edit, File, Fix, Project, RuleOutcome

ID: Final = "SFC004"
NEW: Final = b"STEPFUN_API_KEY"


def apply(file: File, project: Project) -> RuleOutcome:
    """Return the names to change in one file."""
    outcome = RuleOutcome()
    if not file.is_python or not project.moves:
        return outcome
    if ID not in project.memo:
        project.memo[ID] = _all_reads(project)
    reads: dict[str, list[KeyRead]] = project.memo[ID]
    stock = project.stock()
    stop = next((path for path, found in reads.items() if any(one.problem for one in found)), None)
    for read in reads.get(file.path, ()):
        if stock is not None:
            outcome.refuse(ID, read.line, f"{stock.path} still uses clients of openai, which need OPENAI_API_KEY")
        elif stop is None:
            edit = Edit(read.start, read.end, NEW)
            outcome.fixes.append(Fix(ID, read.line, "read STEPFUN_API_KEY", (edit,)))
        else:
            outcome.refuse(
                ID, read.line, f"OPENAI_API_KEY {read.problem or f'is also used by other code, first in {stop}'}"
            )
    return outcome


def _all_reads(project: Project) -> dict[str, list[KeyRead]]:
    """Return the reads of the key in all files, by path."""
    redirected = any(map(redirects, project.python()))
    found: dict[str, list[KeyRead]] = {}
    for file in project.python():
        if any(one.kind == "env" and one.value in _NAMES for one in file.facts.literals):
            found[file.path] = [one for one in key_reads(file, _NAMES, redirected) if not file.ignored(ID, one.line)]
            _check_kept(project, file, found[file.path])
    return found


def _check_kept(project: Project, file: File, reads: list[KeyRead]) -> None:
    """Set the problem of each read whose value is stored under a name that other files use."""
    for read in reads:
        if read.name and not read.problem and _used_elsewhere(project, file, read.name):
            read.problem = f"is stored as {read.name}, which other files use"


_NAMES: Final = frozenset({"OPENAI_API_KEY"})


def _used_elsewhere(project: Project, file: File, name: str) -> bool:
    return any(one is not file and name.encode() in one.text.utf8 for one in project.python())
