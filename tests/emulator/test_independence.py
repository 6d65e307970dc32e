"""The emulator shares no code with the translator, and both describe each model alike."""

from __future__ import annotations

import ast
from pathlib import Path

import stepfun_compat.emulator
from stepfun_compat import catalog
from stepfun_compat.emulator import catalog as facts

PACKAGE = Path(stepfun_compat.emulator.__file__).parent


def imported(file: Path) -> set[str]:
    """The modules of the package outside the emulator that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            depth = len(
                file.relative_to(PACKAGE).parts
            )  # relative imports with at most this many dots stay inside the emulator
            if node.level > depth or node.level == 0:
                found.add("." * max(node.level, 2) * bool(node.level) + (node.module or ""))
    return {name for name in found if name.startswith(("stepfun_compat", "..")) and name != "stepfun_compat.emulator"}


def test_emulator_shares_no_code_with_the_translator() -> None:
    for file in PACKAGE.rglob("*.py"):
        # the fixtures create clients for the user; nothing else may import the package
        assert not imported(file) - ({"stepfun_compat"} if file.name == "pytest_plugin.py" else set()), file.name


def test_api_2_both_tables_agree_on_chat_models() -> None:
    ours = {id: row for id, row in catalog.default().models.items() if row.kind == "chat"}
    theirs = {row.id: row for row in facts.MODELS.values() if row.kind in ("chat", "router")}
    assert ours.keys() == theirs.keys()
    for id, row in ours.items():
        assert set(row.input) == set(theirs[id].inputs), id
        assert {row.efforts[effort] for effort in row.efforts} == set(theirs[id].efforts), id
        assert ("step_plan" in row.plans) == theirs[id].plan, id
        assert ("standard" in row.plans) == theirs[id].standard, id
