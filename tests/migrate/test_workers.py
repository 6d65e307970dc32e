"""Reading files in several processes and with a cache gives the same result as one process without a cache."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from stepfun_compat.migrate import scan as scanner
from stepfun_compat.migrate import workers
from stepfun_compat.migrate.command import render
from stepfun_compat.migrate.scan import scan
from tests.support.properties import examples

from .support import write

PROGRAM = "import openai\nclient = openai.OpenAI()\nclient.chat.completions.create(model='gpt-4o')\n"
ROOT = Path(__file__).parents[2]


def many(root: Path) -> Path:
    return write(root, {f"p/m{number}.py": PROGRAM + f"x = {number}\n" for number in range(130)})


def test_script_without_a_main_guard_can_scan(tmp_path: Path) -> None:
    project = many(tmp_path / "project")
    script = f"from stepfun_compat.migrate.scan import scan\nprint(len(scan([{str(project)!r}], jobs=2).findings))\n"
    (tmp_path / "script.py").write_text(script)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    for command, text in (([sys.executable, "script.py"], None), ([sys.executable, "-"], script)):
        done = subprocess.run(command, cwd=tmp_path, env=env, input=text, capture_output=True, text=True, check=False)
        assert (done.stdout, done.stderr) == ("520\n", "")


def test_modules_of_the_scanned_project_are_not_run(tmp_path: Path) -> None:
    """The working directory may contain files named like modules a process needs."""
    project = many(tmp_path)
    for name in ("pickle", "ast", "re", "typing_extensions", "stepfun_compat"):
        (project / f"{name}.py").write_text(f"open({str(tmp_path / 'started')!r}, 'w')\n")
    code = (
        f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom stepfun_compat.migrate.workers import run\n"
        + textwrap.dedent(
            """
        import os
        os.chdir(sys.argv[1])
        files = [(f"p/m{number}.py", "python") for number in range(4)]
        print([len(chunk) for chunk in run(".", [files, files], 2)])
        """
        )
    )
    done = subprocess.run([sys.executable, "-c", code, str(project)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[4, 4]\n", "")
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize("executable", ["/nowhere/python", os.devnull, "/bin/true"])
def test_scan_works_without_child_processes(executable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = many(tmp_path)
    plain = scan([str(project)], jobs=1)
    monkeypatch.setattr(workers.sys, "executable", executable)
    assert scan([str(project)], jobs=2) == plain


def test_large_projects_give_the_same_findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        f"p/m{number}.py": f"from p.base import client\nclient.responses.create(x={number})\n" for number in range(20)
    }
    project = write(tmp_path, {"p/base.py": "import openai\nclient = openai.OpenAI()\n", **files})
    whole = scan([str(project)], jobs=1)
    assert sum(one.kind == "api_call" for one in whole.findings) == 20
    monkeypatch.setattr(scanner, "_HELD", 5)
    assert scan([str(project)], jobs=1) == whole


TEXTS = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [PROGRAM.encode(), b"from m0 import client\nclient.files.list()\n", b"import openai\n(", b"\xef\xbb\xbf"]
    ),
    st.text(max_size=200).map(lambda text: f"import openai\n{text}".encode("utf-8", "surrogatepass")),
)
NAMES = st.sampled_from(
    ["m0.py", "a/m1.py", "a/__init__.py", "b.ipynb", "c.json", "d.yaml", "e.toml", ".env", "setup.py"]
)


@examples(15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.dictionaries(NAMES, TEXTS, max_size=6))
def test_cache_and_format_do_not_change_the_findings(files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = write(Path(directory) / "project", dict(files))
        root.mkdir(exist_ok=True)
        plain = scan([str(root)], jobs=1)
        for _ in range(2):
            assert scan([str(root)], jobs=1, cache=Path(directory) / "cache") == plain
        for format_ in ("text", "json", "sarif", "html", "markdown"):
            assert render(plain, format_, verbose=True)
