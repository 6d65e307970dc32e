"""The command: modes, exit codes, output, and unchanged files."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from stepfun_compat.migrate.rewrite import plan as planning
from stepfun_compat.migrate.rewrite.command import Options, run

from ..support import write
from .support import migrate

PROGRAM = "from openai import OpenAI\nclient = OpenAI(api_key='sk-very-secret-0123456789')\n"
MOVED = PROGRAM.replace("from openai", "from stepfun_compat")


def test_default_prints_a_diff_and_writes_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": PROGRAM})
    done = migrate(tmp_path, mode="diff", format_="text")
    assert Options(("a",)).mode == "diff"
    assert done.code == 0
    assert "--- a/a.py\n+++ b/a.py\n" in done.out
    assert "-from openai import OpenAI\n+from stepfun_compat import OpenAI\n" in done.out
    assert "secret" not in done.out
    assert (
        "1 change in 1 file; nothing was left alone. Nothing was written; use --write to apply the changes." in done.out
    )
    assert done["a.py"] == PROGRAM


def test_write_changes_files(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": PROGRAM})
    done = migrate(tmp_path, format_="text")
    assert (done.code, done["a.py"]) == (0, MOVED)
    assert done.out == "wrote a.py (SFC001 1)\nChanged 1 file; nothing was left alone.\n"


def test_check_writes_nothing_and_sets_the_exit_code(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": PROGRAM})
    done = migrate(tmp_path, mode="check", format_="text")
    assert (done.code, done["a.py"]) == (1, PROGRAM)
    assert done.out.startswith("would change a.py (SFC001 1)\n")
    migrate(tmp_path)
    assert migrate(tmp_path, mode="check").code == 0


def test_json_has_its_documented_form(tmp_path: Path) -> None:
    write(tmp_path, {"pkg/a.py": PROGRAM, "b.py": "from openai._client import OpenAI\n"})
    done = migrate(tmp_path, mode="diff")
    document = done.document
    assert list(document) == [
        "version", "root", "mode", "exit_code", "totals", "changes", "left", "failed", "uncommitted", "not_read", "reason",
    ]  # fmt: skip
    (change,) = document["changes"]
    assert change["fixes"] == [{"rule": "SFC001", "line": 1, "cell": None, "what": "import stepfun_compat"}]
    assert (change["file"], change["written"]) == ("pkg/a.py", False)
    assert "secret" not in done.out
    assert document["left"] == [
        {
            "file": "b.py",
            "line": 1,
            "cell": None,
            "rule": "SFC001",
            "severity": "refused",
            "why": "OpenAI is imported from a private module of openai: import it from openai",
        }
    ]
    assert (done.code, document["exit_code"]) == (3, 3)


def test_rules_can_be_selected_and_ignored(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": PROGRAM})
    assert migrate(tmp_path, mode="check", ignore=("sfc001",)).code == 0
    assert migrate(tmp_path, mode="check", select=("SFC001,SFC001",)).code == 1
    unknown = migrate(tmp_path, select=("SFC999",))
    assert (unknown.code, unknown.out) == (2, "")
    assert "unknown rule 'SFC999'" in unknown.err


def test_missing_path_and_unknown_format_are_errors(tmp_path: Path) -> None:
    assert migrate(tmp_path, "nothing.py").code == 2
    assert migrate(tmp_path, format_="yaml").code == 2


NOTHING = {
    "no openai": ({"a.py": "x = 1\n"}, "no openai in 1 file"),
    "another vendor": ({"a.py": "from groq import Groq\n"}, "only other vendors' packages (groq)"),
    "migrated": ({"a.py": "from stepfun_compat import OpenAI\n"}, "already migrated"),
    "types alone": ({"a.py": "from openai.types import Model\n"}, "no selected rule"),
}


@pytest.mark.parametrize("case", NOTHING)
def test_empty_result_has_a_reason(tmp_path: Path, case: str) -> None:
    files, reason = NOTHING[case]
    write(tmp_path, files)  # type: ignore[arg-type]
    done = migrate(tmp_path, format_="text")
    assert done.code == 0
    assert done.out.startswith("Nothing to change: ")
    assert reason in done.out


@pytest.mark.skipif(os.name == "nt", reason="POSIX")
def test_empty_result_counts_unread_files(tmp_path: Path) -> None:
    (tmp_path / "a.py").symlink_to("nowhere.py")
    done = migrate(tmp_path, format_="text")
    assert (done.code, done.out) == (0, "Nothing to change: no openai in 1 file; 1 file not read.\n")


def test_unread_file_that_mentions_openai_sets_the_exit_code(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "import openai\nprint 'two'\n", "b.py": PROGRAM})
    done = migrate(tmp_path, format_="text")
    assert (done.code, done["b.py"]) == (3, MOVED)
    assert "not read a.py: Python" in done.out


def git(root: Path, *arguments: str) -> None:
    names = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a"}
    subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True, env={**os.environ, **names})


def test_uncommitted_changes_are_reported_in_one_line(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": PROGRAM, "sub/b.py": PROGRAM})
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "x")
    assert migrate(tmp_path, mode="diff").document["uncommitted"] == []
    (tmp_path / "sub/b.py").write_text(PROGRAM + "x = 1\n")
    done = migrate(tmp_path)
    assert done.err == "stepfun-compat migrate: writing a file with uncommitted changes, first sub/b.py\n"
    assert done["sub/b.py"] == MOVED + "x = 1\n"


def test_paths_below_a_repository_are_migrated(tmp_path: Path) -> None:
    write(tmp_path, {"sub/b.py": PROGRAM})
    git(tmp_path, "init", "-q")
    assert migrate(tmp_path, "sub", mode="diff").document["uncommitted"] == ["b.py"]
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "x")
    assert migrate(tmp_path, "sub", mode="diff").document["uncommitted"] == []


def test_failed_edit_leaves_the_file_and_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"a.py": PROGRAM, "b.py": PROGRAM})

    def broken(file: object, edits: object) -> bytes:
        return b"from openai import (\n" if getattr(file, "path", "") == "a.py" else MOVED.encode()

    monkeypatch.setattr(planning, "new_bytes", broken)
    done = migrate(tmp_path)
    assert done.code == 2
    assert (done["a.py"], done["b.py"]) == (PROGRAM, MOVED)
    assert done.document["failed"] == [{"file": "a.py", "why": "the edited file cannot be parsed"}]


WRONG = {
    "more findings": MOVED + "import openai\nopenai.chat.completions.create()\n",
    "nothing gone": PROGRAM + "\n",
}


@pytest.mark.parametrize("case", WRONG)
def test_edits_that_fail_their_checks_are_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    write(tmp_path, {"a.py": PROGRAM})
    monkeypatch.setattr(planning, "new_bytes", lambda file, edits: WRONG[case].encode())
    done = migrate(tmp_path, format_="text")
    assert (done.code, done["a.py"]) == (2, PROGRAM)
    assert "This is a bug in stepfun-compat" in done.out


def test_command_line_runs_the_migration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from stepfun_compat.cli import main

    write(tmp_path, {"a.py": PROGRAM})
    monkeypatch.chdir(tmp_path)
    assert main(["migrate", ".", "--check"]) == 1
    assert main(["migrate", ".", "--check", "--write"]) == 2
    capsys.readouterr()
    assert main(["migrate", ".", "--format", "json", "--ignore", "SFC001"]) == 0
    assert json.loads(capsys.readouterr().out)["changes"] == []
    assert main(["migrate", ".", "--write", "--select", "SFC001"]) == 0
    assert capsys.readouterr() == ("wrote a.py (SFC001 1)\nChanged 1 file; nothing was left alone.\n", "")
    assert (tmp_path / "a.py").read_text() == MOVED


def test_migrated_files_are_not_imported_or_run(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "from openai import OpenAI\nraise SystemExit('ran')\n"})
    assert migrate(tmp_path).code == 0


def test_hostile_file_names_are_escaped(tmp_path: Path) -> None:
    write(tmp_path, {"a\x1b[31m.py": PROGRAM + "# \u202e\x1b[0m\n"})
    done = migrate(tmp_path, mode="diff", format_="text")
    assert "\x1b" not in done.out
    assert "\u202e" not in done.out


def test_output_is_escaped_for_limited_terminal_encodings(tmp_path: Path) -> None:
    from io import BytesIO, StringIO, TextIOWrapper

    write(tmp_path, {"a.py": "# é 日本\n" + PROGRAM})
    out = TextIOWrapper(BytesIO(), encoding="ascii")
    assert run(Options((str(tmp_path),)), out, StringIO()) == 0
