"""Scanning files: read and skipped files, invalid input, the cache, processes, exit codes."""

from __future__ import annotations

import ast
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepfun_compat.migrate.command import Options, run
from stepfun_compat.migrate.extract import extract
from stepfun_compat.migrate.scan import bytes_of, scan
from stepfun_compat.migrate.sources.kinds import LARGEST

from .support import kinds, scanned, write

PROGRAM = "import openai\nclient = openai.OpenAI()\nclient.chat.completions.create(model='gpt-4o', messages=[])\n"


def report(root: Path, *options: str, format_: str = "json", **more: object) -> tuple[int, str, str]:
    out, err = StringIO(), StringIO()
    code = run(Options((str(root),), format_, cached=False, jobs=1, **more), out, err)  # type: ignore[arg-type]
    return code, out.getvalue(), err.getvalue()


def test_json_has_its_documented_form(tmp_path: Path) -> None:
    write(tmp_path, {"pkg/a.py": PROGRAM})
    code, out, err = report(tmp_path)
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert list(document) == ["version", "root", "totals", "findings", "not_read"]
    assert document["version"] == 1
    assert set(document["findings"][0]) == {
        "file", "line", "end_line", "column", "cell", "kind", "target", "generation", "known", "verdict", "parameters",
        "why", "do", "doc", "rule",
    }  # fmt: skip
    call = next(one for one in document["findings"] if one["kind"] == "api_call")
    assert (call["file"], call["line"], call["end_line"], call["column"]) == ("pkg/a.py", 3, 3, 1)
    assert (call["target"], call["generation"], call["known"]) == ("chat.completions.create", "1+", "resolved")
    assert call["parameters"] == ["messages", "model"]


UNREADABLE: dict[str, tuple[bytes, str]] = {
    "python 2": (b"import openai\nprint 'x'\n", "cannot parse it"),
    "a newer python": (b"import openai\nlet x := 1\n", "cannot parse it"),
    "no utf-8": (b"import openai\nx = '\xff'\n", "not UTF-8 in line 2"),
    "an unknown encoding": (b"# coding: nothing\nimport openai\n", "unknown encoding"),
    "a wrong encoding": (b"# coding: ascii\nimport openai\nx = '\xc3\xa9'\n", "declared encoding"),
    "nul bytes": (b"import openai\0\n", "NUL bytes"),
    "nesting": (b"import openai\nx = " + b"(" * 5000 + b")" * 5000 + b"\n", ""),
    "a long tower": (b"import openai\nx = " + b"-" * 200_000 + b"1\n", ""),
    "a generated file": (b"# openai\n" + b"x = 1\n" * (LARGEST // 6 + 1), "larger than"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_file_is_listed_and_needs_a_decision(tmp_path: Path, name: str) -> None:
    data, reason = UNREADABLE[name]
    write(tmp_path, {"bad.py": data, "good.py": PROGRAM})
    result = scanned(tmp_path)
    assert [one.file for one in result.not_read] == ["bad.py"]
    assert reason in result.not_read[0].why
    assert result.not_read[0].verdict == "needs a decision"
    assert kinds(result.findings, "api_call") == ["chat.completions.create"]


READABLE: dict[str, bytes] = {
    "bom": b"\xef\xbb\xbf" + PROGRAM.encode(),
    "cr": PROGRAM.replace("\n", "\r").encode(),
    "mixed line ends": PROGRAM.replace("\n", "\r\n", 1).replace("\n", "\r\n", 1).encode(),
    "form feeds": b"\x0c\n" + PROGRAM.encode().replace(b"client =", b"\x0cclient ="),
    "latin-1": b"# -*- coding: latin-1 -*-\n# \xe9\n" + PROGRAM.encode(),
    "no last newline": PROGRAM.rstrip().encode(),
    "a long sum": PROGRAM.encode() + b"x = " + b"'a' + " * 3000 + b"'a'\n",
    "a long chain of elif": PROGRAM.encode() + b"if x: pass\n" + b"elif x: pass\n" * 1500,
}


def refused_by_the_parser(data: bytes) -> bool:
    """Whether this Python's parser fails: its nesting limits differ by version and build."""
    try:
        ast.parse(data)
    except (RecursionError, MemoryError):
        return True
    return False


@pytest.mark.parametrize("name", READABLE)
def test_unusual_text_is_read(tmp_path: Path, name: str) -> None:
    write(tmp_path, {"a.py": READABLE[name]})
    result = scanned(tmp_path)
    if result.not_read and refused_by_the_parser(READABLE[name]):
        assert "nested too deeply" in result.not_read[0].why
        return
    assert result.not_read == []
    assert kinds(result.findings, "api_call") == ["chat.completions.create"]


def test_columns_count_characters(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "import openai\nx = 'éé'; openai.chat.completions.create()\n"})
    call = next(one for one in scanned(tmp_path).findings if one.kind == "api_call")
    assert call.column == len("x = 'éé'; ") + 1


def test_circular_links_and_special_files_are_listed(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": PROGRAM, "sub/b.py": PROGRAM})
    (tmp_path / "loop.py").symlink_to("loop.py")
    (tmp_path / "gone.py").symlink_to("nowhere.py")
    (tmp_path / "sub" / "up").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.py")
    result = scanned(tmp_path)
    reasons = {one.file: one.why for one in result.not_read}
    assert reasons["loop.py"] == "a circular link"
    assert reasons["gone.py"] == "a broken link"
    assert "circular" in reasons["sub/up"]
    assert reasons["pipe.py"] == "not a regular file"
    assert len(kinds(result.findings, "api_call")) == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_files_without_permission_are_listed(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": PROGRAM})
    (tmp_path / "a.py").chmod(0)
    assert "cannot be read" in scanned(tmp_path).not_read[0].why


def test_file_with_an_os_error_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stepfun_compat.migrate import scan as module

    write(tmp_path, {"a.py": PROGRAM})

    def refuse(path: str) -> object:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(module.os, "stat", refuse)
    data, why = module.bytes_of(str(tmp_path / "a.py"))
    assert data is None
    assert why == "cannot be read: Permission denied"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has byte names")
def test_file_name_that_is_not_utf8_is_listed(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/\xff.py", "wb") as stream:
        stream.write(PROGRAM.encode())
    code, out, _ = report(tmp_path)
    assert code == 0
    assert json.loads(out)["not_read"] == [
        {"file": "\\xff.py", "why": "its name is not UTF-8", "verdict": "needs a decision"}
    ]


def notebook(*cells: object, **more: object) -> str:
    return json.dumps({"nbformat": 4, "cells": list(cells), **more})


def code(source: object) -> dict[str, object]:
    return {"cell_type": "code", "source": source, "outputs": [], "metadata": {}}


def test_notebook_findings_have_cell_and_line_numbers(tmp_path: Path) -> None:
    text = notebook(
        {"cell_type": "markdown", "source": ["openai.ChatCompletion.create()"]},
        code(["import openai\n", "client = openai.OpenAI()"]),
        code("%matplotlib inline\n!pip install openai==1.2\n\nclient.chat.completions.create(\n    model='gpt-4o')"),
    )
    write(tmp_path, {"a.ipynb": text})
    result = scanned(tmp_path)
    assert [(one.kind, one.cell, one.line) for one in result.findings] == [
        ("import", 1, 1),
        ("client_construction", 1, 2),
        ("dependency", 2, 2),
        ("api_call", 2, 4),
        ("model_literal", 2, 5),
    ]
    assert "%matplotlib" in result.not_read[0].why
    assert "!pip" in result.not_read[0].why


NOTEBOOKS = {
    "bash": (code("%%bash\ncurl https://api.openai.com/v1/models"), "%%bash is not Python"),
    "help": (code("client?"), "obj? is not Python"),
    "python 2": (code("print 'openai'"), "cell 0: "),
    "no text": (code(3), "its source is not text"),
}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_cell_that_is_not_python_does_not_hide_the_others(tmp_path: Path, name: str) -> None:
    cell, reason = NOTEBOOKS[name]
    write(tmp_path, {"a.ipynb": notebook(cell, code(PROGRAM))})
    result = scanned(tmp_path)
    assert reason in result.not_read[0].why
    calls = [(one.cell, one.line) for one in result.findings if one.kind == "api_call"]
    assert calls == [(1, 3)]


def test_magics_with_python_code_are_read(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "a.ipynb": notebook(
                code("%%time\nimport openai"), code("%time openai.chat.completions.create()"), code("await x")
            )
        },
    )
    result = scanned(tmp_path)
    assert [(one.kind, one.cell, one.line) for one in result.findings] == [("import", 0, 2), ("api_call", 1, 1)]


def test_pip_install_without_a_percent_sign_is_a_magic(tmp_path: Path) -> None:
    write(tmp_path, {"a.ipynb": notebook(code("pip install openai==1.2\nimport openai"))})
    result = scanned(tmp_path)
    assert [(one.kind, one.line) for one in result.findings] == [("dependency", 1), ("import", 2)]


def test_notebook_with_large_outputs_is_read(tmp_path: Path) -> None:
    cell = {**code(PROGRAM), "outputs": [{"output_type": "display_data", "data": {"image/png": "A" * LARGEST}}]}
    write(tmp_path, {"a.ipynb": notebook(cell)})
    result = scanned(tmp_path)
    assert result.not_read == []
    assert kinds(result.findings, "api_call") == ["chat.completions.create"]


def test_notebooks_of_format_3_are_read(tmp_path: Path) -> None:
    old = {"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": ["import openai\n"]}]}]}
    write(tmp_path, {"a.ipynb": json.dumps(old)})
    assert [(one.kind, one.cell) for one in scanned(tmp_path).findings] == [("import", 0)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"cells": [openai', "invalid JSON"),
        ('["openai"]', "not an object"),
        ('{"openai": 1}', "no cells"),
        ("[" * 100_000 + '"openai"', "nested too deeply"),
    ],
)
def test_broken_notebooks_are_listed(tmp_path: Path, text: str, reason: str) -> None:
    write(tmp_path, {"a.ipynb": text})
    (one,) = scanned(tmp_path).not_read
    assert reason in one.why
    assert one.verdict == "needs a decision"


def test_broken_json_and_toml_are_listed(tmp_path: Path) -> None:
    write(tmp_path, {"a.json": '{"openai": ', "pyproject.toml": "openai = = 1\n"})
    assert [one.file for one in scanned(tmp_path).not_read] == ["a.json", "pyproject.toml"]


SETTINGS = {
    ".env": "OPENAI_API_KEY=sk-secret0123456789abcdef\nexport AZURE_OPENAI_ENDPOINT='https://x.openai.azure.com/'\n# OPENAI_ORG=1\n",
    "compose.yml": "services:\n  web:\n    environment:\n      - OPENAI_API_KEY=${OPENAI_API_KEY}\n      MODEL: gpt-4o  # best\n    about: use gpt-4o for this\n",
    "config.toml": '[llm]\nmodel = "gpt-4o"\nOPENAI_ORGANIZATION = "x"\n',
    "config.json": '{"model": "gpt-4o", "OPENAI_API_KEY": "x", "text": "a gpt-4o text"}\n',
    "Dockerfile": "FROM python\nENV OPENAI_BASE_URL=https://api.openai.com/v1\nRUN pip install 'openai>=1' x\n",
}


def test_settings_files_are_scanned(tmp_path: Path) -> None:
    write(tmp_path, dict(SETTINGS))
    found = {(one.file, one.line, one.kind, one.target) for one in scanned(tmp_path).findings}
    assert found == {
        (".env", 1, "env_var", "OPENAI_API_KEY"),
        (".env", 2, "env_var", "AZURE_OPENAI_ENDPOINT"),
        (".env", 2, "base_url", "https://x.openai.azure.com/"),
        ("compose.yml", 4, "env_var", "OPENAI_API_KEY"),
        ("compose.yml", 5, "model_literal", "gpt-4o"),
        ("config.toml", 2, "model_literal", "gpt-4o"),
        ("config.toml", 3, "env_var", "OPENAI_ORGANIZATION"),
        ("config.json", 1, "model_literal", "gpt-4o"),
        ("config.json", 1, "env_var", "OPENAI_API_KEY"),
        ("Dockerfile", 2, "env_var", "OPENAI_BASE_URL"),
        ("Dockerfile", 2, "base_url", "https://api.openai.com/v1"),
        ("Dockerfile", 3, "dependency", "openai>=1"),
    }


DEPENDENCIES = {
    "requirements.txt": ("openai==0.28.1  # old\nopenai-whisper\n# openai\n", ["openai==0.28.1"]),
    "requirements/dev.txt": ("openai[datalib]>=1,<2 ; python_version > '3.8' \\\n", ["openai[datalib]>=1,<2 ; python_version > '3.8'"]),
    "pyproject.toml": (
        '[project]\nkeywords = ["openai"]\ndependencies = [\n  "openai>=1.0",\n]\n[tool.poetry.dependencies]\nopenai = "^1.0"\n',
        ["openai>=1.0", 'openai = "^1.0"'],
    ),
    "setup.cfg": ("[metadata]\nkeywords = openai\n[options]\ninstall_requires =\n    openai>=1\n", ["openai>=1"]),
    "setup.py": ("from setuptools import setup\nsetup(keywords=['openai'], install_requires=['openai>=1', 'x'])\n", ["openai>=1"]),
    "Pipfile": ('[packages]\nopenai = "*"\n', ['openai = "*"']),
    "environment.yml": ("dependencies:\n  - python=3.11\n  - pip:\n    - openai==1.2.3\n", ["openai==1.2.3"]),
}  # fmt: skip


@pytest.mark.parametrize("name", DEPENDENCIES)
def test_dependencies_are_found(tmp_path: Path, name: str) -> None:
    text, expected = DEPENDENCIES[name]
    write(tmp_path, {name: text})
    assert kinds(scanned(tmp_path).findings, "dependency") == expected


def test_no_secret_is_in_any_output(tmp_path: Path) -> None:
    key = "sk-proj-0123456789abcdefABCDEF"
    write(
        tmp_path,
        {
            "a.py": f"import openai\nopenai.api_key = '{key}'\nc = openai.OpenAI(base_url='https://user:{key}@api.openai.com')\n",
            ".env": f"OPENAI_API_KEY={key}\nOPENAI_BASE_URL=https://user:hunter2@api.openai.com/v1\n",
        },
    )
    for format_ in ("text", "json"):
        _, out, _ = report(tmp_path, format_=format_, verbose=True)
        assert "openai.api_key" in out
        assert key not in out
        assert "hunter2" not in out


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True)


def test_ignored_files_are_read_only_if_named(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": PROGRAM, "build/b.py": PROGRAM, ".gitignore": "build\n", "c.py": PROGRAM})
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "a.py")
    assert {one.file for one in scanned(tmp_path).findings} == {"a.py", "c.py"}
    assert {one.file for one in scanned(tmp_path, "build").findings} == {"b.py"}
    assert {one.file for one in scanned(tmp_path, "build/b.py").findings} == {"b.py"}


def test_git_configuration_starts_no_program(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": PROGRAM})
    git(tmp_path, "init", "-q")
    hook = tmp_path / "hook.sh"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    hook.chmod(0o755)
    git(tmp_path, "config", "core.fsmonitor", str(hook))
    assert kinds(scanned(tmp_path).findings, "import") == ["openai"]
    assert not (tmp_path / "started").exists()


def test_virtual_environments_are_skipped(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": PROGRAM, "env/pyvenv.cfg": "", "env/lib/b.py": PROGRAM, ".git/c.py": PROGRAM})
    assert {one.file for one in scanned(tmp_path).findings} == {"a.py"}


def test_cache_and_processes_change_nothing(tmp_path: Path) -> None:
    files = {f"pkg/m{number}.py": PROGRAM + f"x = {number}\n" for number in range(150)}
    files["pkg/bad.py"] = "import openai\n("
    root = write(tmp_path / "project", dict(files))
    cache = tmp_path / "cache"
    plain = scan([str(root)], jobs=1)
    assert len(plain.findings) == 600
    for jobs in (1, 3, 1):
        assert scan([str(root)], jobs=jobs, cache=cache) == plain
    (root / "pkg" / "m0.py").write_text("x = 1\n")
    assert scan([str(root)], jobs=1, cache=cache) == scan([str(root)], jobs=1)
    assert scan([str(root)], jobs=2) == scan([str(root)], jobs=1)


def test_broken_cache_is_ignored(tmp_path: Path) -> None:
    root = write(tmp_path / "project", {"a.py": PROGRAM})
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "scan.sqlite").write_bytes(b"nonsense" * 1000)
    assert scan([str(root)], jobs=1, cache=cache) == scan([str(root)], jobs=1)
    (tmp_path / "file").write_text("")
    assert scan([str(root)], jobs=1, cache=tmp_path / "file") == scan([str(root)], jobs=1)


def test_cache_in_use_by_another_process_is_not_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepfun_compat.migrate.cache._TIMEOUT", 0.01)
    root = write(tmp_path / "project", {"a.py": PROGRAM})
    cache = tmp_path / "cache"
    cache.mkdir()
    with closing(sqlite3.connect(cache / "scan.sqlite", isolation_level=None)) as other:
        other.execute("CREATE TABLE other (x)")
        other.execute("BEGIN EXCLUSIVE")
        assert scan([str(root)], jobs=1, cache=cache) == scan([str(root)], jobs=1)
        other.execute("COMMIT")
    with closing(sqlite3.connect(cache / "scan.sqlite")) as again:
        assert again.execute("SELECT name FROM sqlite_master").fetchall() == [("other",)]


def test_cache_loads_no_foreign_class(tmp_path: Path) -> None:
    import pickle

    from stepfun_compat.migrate.cache import loads

    with pytest.raises(pickle.UnpicklingError):
        loads(pickle.dumps(Path("x")))


def test_only_the_report_is_written_to_a_pipe(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": PROGRAM})
    assert report(tmp_path, format_="text")[2] == ""


@pytest.mark.parametrize(
    ("level", "expected"),
    [("unchanged", 1), ("translated", 1), ("needs-a-decision", 0), ("will not work", 0), (None, 0)],
)
def test_exit_codes(tmp_path: Path, level: str | None, expected: int) -> None:
    write(tmp_path, {"a.py": PROGRAM})
    assert report(tmp_path, fail_on=level)[0] == expected


def test_usage_errors_exit_with_2(tmp_path: Path) -> None:
    assert report(tmp_path / "nowhere")[0] == 2
    assert report(tmp_path, fail_on="nonsense")[0] == 2
    assert report(tmp_path, format_="nonsense")[0] == 2
    assert report(tmp_path, output=tmp_path / "no" / "such" / "directory")[0] == 2


def test_summary_fits_ten_lines(tmp_path: Path) -> None:
    write(tmp_path, {f"m{number}.py": PROGRAM for number in range(5)} | {"bad.py": "import openai\n("})
    _, out, _ = report(tmp_path, format_="text")
    assert len(out.splitlines()) <= 10
    assert "5 API calls" in out
    assert "bad.py" in out


def test_project_without_openai_is_reported(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "x = 1\n"})
    _, out, _ = report(tmp_path, format_="text")
    assert out.startswith("No use of openai in 1 file below")


def test_ignore_comment_excludes_a_line(tmp_path: Path) -> None:
    write(
        tmp_path, {"a.py": "import openai  # stepfun: ignore[SFC001]\nimport openai as o  # stepfun: ignore[SFC004]\n"}
    )
    assert [one.line for one in scanned(tmp_path).findings] == [2]


@given(st.binary(max_size=400))
def test_any_bytes_are_accepted(data: bytes) -> None:
    for path, kind in (("a.py", "python"), ("setup.py", "python"), ("a.ipynb", "notebook")):
        extract(path, kind, b"# openai\n" + data)  # type: ignore[arg-type]
    for kind in ("requirements", "pyproject", "setup_cfg", "pipfile", "conda", "env", "yaml", "toml", "json", "docker"):
        extract("x", kind, data)  # type: ignore[arg-type]


def test_ignore_comment_excludes_a_line_of_a_text_file(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"requirements.txt": "openai>=2  # stepfun: ignore[SFC006]\nopenai>=1.66  # stepfun: ignore[SFC001]\n"},
    )
    assert [one.line for one in scanned(tmp_path).findings] == [2]
    write(tmp_path, {".env": "OPENAI_API_KEY=x  # stepfun: ignore\n", "requirements.txt": ""})
    assert scanned(tmp_path).findings == []


@pytest.mark.parametrize("end", ["", "\n", "\r", "\r\n"])
def test_lines_of_settings_files_are_counted_with_any_line_end(tmp_path: Path, end: str) -> None:
    text = f'{{"models":{end} ["gpt-4o", "other", "say \\"gpt-4\\" twice"],{end} "OPENAI_API_KEY": "x"}}{end}'
    found = scanned(write(tmp_path, {"a.json": text.encode()})).findings
    lines = [2, 3] if end else [1, 1]
    assert [(one.target, one.line) for one in found] == list(zip(["gpt-4o", "OPENAI_API_KEY"], lines, strict=True))


def test_growing_file_is_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"import openai\n" + b"#\n" * 1_000_000)
    real = os.stat(path)
    shorter = os.stat_result((*real[:6], 3, *real[7:]))
    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", lambda *_: shorter)
        data, why = bytes_of(str(path))
    assert (data, why) == (path.read_bytes(), "")
