"""Every rule has a page, and its examples show what the rule does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stepfun_compat.migrate.rewrite.rules import RULES

from ..support import write
from .support import migrate

OPT_IN = {rule.id for rule in RULES if not rule.default}
PAGES = Path(__file__).parents[3] / "docs" / "migrate"
_PAIR = re.compile(
    r"^Before(?:, `([^`]+)`)?:\n\n```\w+\n(.*?)^```\n\nAfter:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL
)


@pytest.mark.parametrize("rule", [rule.id for rule in RULES])
def test_page_examples_match_the_rule(rule: str, tmp_path: Path) -> None:
    text = (PAGES / f"{rule.lower()}.md").read_text("utf-8")
    pairs = _PAIR.findall(text)
    assert pairs
    assert len(pairs) == text.count("Before")
    for number, (name, before, after) in enumerate(pairs):
        folder = write(tmp_path / str(number), {name or "a.py": before.encode()})
        if name:
            write(folder, {"program.py": "from openai import OpenAI\n"})
        done = migrate(folder, select=(rule,) if rule in OPT_IN else ())
        assert (done.code, done[name or "a.py"]) == (0, after)


def test_index_lists_every_rule() -> None:
    index = (PAGES / "index.md").read_text("utf-8")
    assert re.findall(r"^\| \[(SFC\d+)\]\((\w+)\.md\)", index, re.MULTILINE) == [
        (r.id, r.id.lower()) for r in sorted(RULES, key=lambda r: r.id)
    ]
    for rule in RULES:
        assert (PAGES / f"{rule.id.lower()}.md").read_text("utf-8").startswith(f"# {rule.id}: {rule.title}\n")
