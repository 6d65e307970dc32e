"""SFC004: read StepFun's key where OpenAI's was read, if nothing but a client ever gets it.

`os.environ["OPENAI_API_KEY"]` and its like are renamed where the value is handed to a client of ours or only checked
for presence, by itself or under a name that nothing else is done with. One place in the project that does something
else with the name, such as setting it, keeps every place as it is: they belong together.
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
            outcome.refuse(ID, read.line, f"clients of openai's own are left in {stock.path}")
        elif stop is None:
            edit = Edit(read.start, read.end, NEW)
            outcome.fixes.append(Fix(ID, read.line, "read STEPFUN_API_KEY", (edit,)))
        else:
            outcome.refuse(
                ID, read.line, f"OPENAI_API_KEY {read.problem or f'is used in another way too, first in {stop}'}"
            )
    return outcome


def _all_reads(project: Project) -> dict[str, list[KeyRead]]:
    """The places of the name in all files, by path."""
    redirected = any(map(redirects, project.python()))
    found: dict[str, list[KeyRead]] = {}
    for file in project.python():
        if any(one.kind == "env" and one.value in _NAMES for one in file.facts.literals):
            found[file.path] = [one for one in key_reads(file, _NAMES, redirected) if not file.ignored(ID, one.line)]
            _check_kept(project, file, found[file.path])
    return found


def _check_kept(project: Project, file: File, reads: list[KeyRead]) -> None:
    """Say of a place whose value is kept under a name that other files name it."""
    for read in reads:
        if read.name and not read.problem and _used_elsewhere(project, file, read.name):
            read.problem = f"is kept as {read.name}, which other files name"


_NAMES: Final = frozenset({"OPENAI_API_KEY"})


def _used_elsewhere(project: Project, file: File, name: str) -> bool:
    return any(one is not file and name.encode() in one.text.utf8 for one in project.python())
