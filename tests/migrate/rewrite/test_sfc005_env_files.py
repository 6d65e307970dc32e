"""SFC005: a line for StepFun's key in `.env` and compose files; no value is copied or shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..support import write
from .support import migrate, refused_beside_a_program

PROGRAM = "from openai import OpenAI\nclient = OpenAI()\n"
SECRET = "sk-proj-0123456789abcdefT3BlbkFJ0123"
ODD = "correct horse battery"

CASES: dict[str, tuple[str, str, str]] = {
    "plain": (".env", f"A=1\nOPENAI_API_KEY={SECRET}\nB=2\n", f"A=1\nSTEPFUN_API_KEY=\nOPENAI_API_KEY={SECRET}\nB=2\n"),
    "an example": (".env.example", "OPENAI_API_KEY=", "STEPFUN_API_KEY=\nOPENAI_API_KEY="),
    "export": (".envrc", f"  export OPENAI_API_KEY='{ODD}' # mine\n", f"  export STEPFUN_API_KEY=\n  export OPENAI_API_KEY='{ODD}' # mine\n"),
    "a colon": ("prod.env", "OPENAI_API_KEY: x\n", "STEPFUN_API_KEY:\nOPENAI_API_KEY: x\n"),
    "windows": (".env", "OPENAI_API_KEY=x\r\n", "STEPFUN_API_KEY=\r\nOPENAI_API_KEY=x\r\n"),
    "several lines": (".env", f'OPENAI_API_KEY="{ODD}\n{ODD}"\n', f'STEPFUN_API_KEY=\nOPENAI_API_KEY="{ODD}\n{ODD}"\n'),
    "azure": (".env", f"AZURE_OPENAI_API_KEY={ODD}\nOPENAI_API_KEY={ODD}\n", f"STEPFUN_API_KEY=\nAZURE_OPENAI_API_KEY={ODD}\nOPENAI_API_KEY={ODD}\n"),
    "there already": (".env", "OPENAI_API_KEY=x\nSTEPFUN_API_KEY=y\n", "OPENAI_API_KEY=x\nSTEPFUN_API_KEY=y\n"),
    "in a comment": (".env", "# OPENAI_API_KEY=x\n# STEPFUN_API_KEY=\n", "# OPENAI_API_KEY=x\n# STEPFUN_API_KEY=\n"),
    "no key": (".env", "OPENAI_BASE_URL=https://api.openai.com/v1\n", "OPENAI_BASE_URL=https://api.openai.com/v1\n"),
    "ignored": (".env", "OPENAI_API_KEY=x # stepfun: ignore[SFC005]\n", "OPENAI_API_KEY=x # stepfun: ignore[SFC005]\n"),
    "a list of compose": (
        "compose.yaml",
        f"services:\n  app:\n    environment:\n      - A=1\n      - OPENAI_API_KEY={SECRET}\n      - \"B=2\"\n",
        f"services:\n  app:\n    environment:\n      - A=1\n      - STEPFUN_API_KEY\n      - OPENAI_API_KEY={SECRET}\n      - \"B=2\"\n",
    ),
    "a quoted item of compose": (
        "docker-compose.yml",
        f"services:\n  app:\n    environment:\n    - \"OPENAI_API_KEY={ODD}\"\n",
        f"services:\n  app:\n    environment:\n    - STEPFUN_API_KEY\n    - \"OPENAI_API_KEY={ODD}\"\n",
    ),
    "a name alone in compose": (
        "compose.yml",
        "services:\n  app:\n    environment:\n      - OPENAI_API_KEY\n",
        "services:\n  app:\n    environment:\n      - STEPFUN_API_KEY\n      - OPENAI_API_KEY\n",
    ),
    "a map of compose": (
        "docker-compose.prod.yml",
        f"services:\n  app:\n    environment: &env\n      OPENAI_API_KEY: {ODD}\n  other:\n    environment:\n      OPENAI_API_KEY: ${{OPENAI_API_KEY}}\n",
        f"services:\n  app:\n    environment: &env\n      STEPFUN_API_KEY:\n      OPENAI_API_KEY: {ODD}\n  other:\n    environment:\n      STEPFUN_API_KEY:\n      OPENAI_API_KEY: ${{OPENAI_API_KEY}}\n",
    ),
    "there already in compose": (
        "compose.yml",
        "services:\n  app:\n    environment:\n      OPENAI_API_KEY: x\n      STEPFUN_API_KEY: y\n",
        "services:\n  app:\n    environment:\n      OPENAI_API_KEY: x\n      STEPFUN_API_KEY: y\n",
    ),
    "other yaml": ("config.yml", "environment:\n  OPENAI_API_KEY: x\n", "environment:\n  OPENAI_API_KEY: x\n"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_line_is_added(tmp_path: Path, case: str) -> None:
    name, before, after = CASES[case]
    write(tmp_path, {"a.py": PROGRAM, name: before.encode()})
    shown = [
        migrate(tmp_path, mode=mode, format_=format_) for mode in ("diff", "check") for format_ in ("text", "json")
    ]
    done = migrate(tmp_path)
    assert (done.code, done[name]) == (0, after)
    for one in (*shown, done, migrate(tmp_path, format_="text")):
        assert SECRET not in one.out + one.err
        assert "horse" not in one.out + one.err
    assert migrate(tmp_path, mode="check").code == 0


def test_diff_shows_no_values(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": PROGRAM, ".env": f"PASSWORD={ODD}\nOPENAI_API_KEY={ODD}\nAFTER={ODD}\n"})
    out = migrate(tmp_path, mode="diff", format_="text", select=("SFC001", "SFC005")).out
    assert " PASSWORD=…\n+STEPFUN_API_KEY=\n OPENAI_API_KEY=…\n AFTER=…\n" in out


def test_diff_shows_no_line_of_a_multiline_value(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": PROGRAM, ".env": f'OPENAI_API_KEY="{ODD}\nsecond {ODD}"\n'})
    assert "horse" not in migrate(tmp_path, mode="diff", format_="text").out


REFUSED = {
    "in braces": ("compose.yml", "services:\n  app:\n    environment: {OPENAI_API_KEY: x}\n", 3, "its own line"),
    "of the build": ("compose.yml", "services:\n  app:\n    build:\n      args:\n        OPENAI_API_KEY: x\n", 5, "not in an environment section"),
    "after a backslash": (".env", "A=1\\\nOPENAI_API_KEY=x\n", 2, "continues another one"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_unsupported_line_is_refused(tmp_path: Path, case: str) -> None:
    name, text, line, why = REFUSED[case]
    file, found, reason = refused_beside_a_program(tmp_path, name, text)
    assert (file, found, why in reason) == (name, line, True), reason


def test_project_without_openai_keeps_its_files(tmp_path: Path) -> None:
    write(tmp_path, {"a.js": "", ".env": "OPENAI_API_KEY=x\n"})
    assert migrate(tmp_path)[".env"] == "OPENAI_API_KEY=x\n"
    assert migrate(tmp_path, ".env")[".env"] == "STEPFUN_API_KEY=\nOPENAI_API_KEY=x\n"
