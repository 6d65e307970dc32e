"""Every code block of the README, the guide and the reference runs, and every generated table is up to date."""

from __future__ import annotations

import contextlib
import doctest
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from tests.support.fork_server import ForkServer

from . import demo_picture
from .document_outputs import key, masked, recorded, shown_outputs
from .notebooks import executed, notebooks, stored

ROOT = Path(__file__).parents[2]
PAGES = tuple(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md")))
REFERENCE = tuple(name for name in PAGES if name.startswith("docs/reference/"))
_OWN_TEST = ("docs/migrate/sfc", "docs/stepfun-api.md")
"""Not run: the examples of the rules are migrated in `tests/migrate/rewrite/test_rule_pages.py`."""
DOCUMENTS = ("README.md", "migration_guide.md", *(name for name in PAGES if not name.startswith(_OWN_TEST)))
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SETUP = "python3 -m venv"
"""Blocks that start like this create an environment from a registry; `.ci/run` runs them unchanged."""


def code_blocks(language: str) -> Iterator[tuple[str, int, str]]:
    """Every block in a language: (document, line, code)."""
    for document in DOCUMENTS:
        text = (ROOT / document).read_text(encoding="utf-8")
        for match in _BLOCK.finditer(text):
            if match.group(1) == language:
                yield document, text.count("\n", 0, match.start()) + 2, match.group(2)


def blocks(language: str) -> list[object]:
    return [pytest.param(code, id=f"{document}:{line}") for document, line, code in code_blocks(language)]


@pytest.fixture(scope="module")
def stepfun() -> Iterator[dict[str, str]]:
    """Environment variables of a program that uses the emulator."""
    pytest.importorskip("uvicorn")
    pytest.importorskip("starlette")
    with emulated() as environment:
        yield environment


@pytest.fixture(scope="module")
def programs(stepfun: dict[str, str]) -> Iterator[ForkServer]:
    """Runs programs in that environment."""
    with ForkServer(stepfun) as server:
        yield server


@contextlib.contextmanager
def emulated() -> Iterator[dict[str, str]]:
    from stepfun_compat.emulator import EmulatorServer

    with EmulatorServer() as server, tempfile.TemporaryDirectory() as data:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI_", "STEPFUN_", "STEP_", "AZURE_"))}
        command = Path(data) / "bin" / "stepfun-compat"  # runs this checkout
        command.parent.mkdir()
        command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m stepfun_compat "$@"\n', encoding="utf-8")
        command.chmod(0o755)
        places = (str(command.parent), str(Path(sys.executable).parent), kept.get("PATH", ""))
        path = os.pathsep.join(filter(None, places))
        yield {
            **kept,
            "PATH": path,
            "PYTHONPATH": str(ROOT),
            "STEPFUN_BASE_URL": server.base_url,
            "STEPFUN_API_KEY": server.api_key,
            "XDG_DATA_HOME": data,
            "PYTHONWARNINGS": "error",
        }


@contextlib.contextmanager
def as_environment(values: dict[str, str]) -> Iterator[None]:
    """Set the environment of this process to these variables."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update({name: value for name, value in values.items() if name not in ("PYTHONPATH", "PYTHONWARNINGS")})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


REDIS = "redis://localhost:6379/0"
"""The Redis URL in the documents; the tests replace it with their own server."""


def with_test_redis(code: str, request: pytest.FixtureRequest) -> str:
    return code.replace(REDIS, request.getfixturevalue("redis_url")) if REDIS in code else code


@pytest.mark.parametrize("code", blocks("python"))
def test_python_block_runs(code: str, programs: ForkServer, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    named = key(code)
    code = with_test_redis(code, request)
    program = tmp_path / "block.py"
    program.write_text(code, encoding="utf-8")
    done = programs.run(program, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip(), "every block prints something"
    if done.stdout.startswith("this SDK has no "):  # a block's branch for older SDKs; the record is of the newest
        assert done.stdout.strip() in code
    elif named in recorded():  # outputs of the reader's own store are not recorded
        assert masked(done.stdout) == recorded()[named], (
            "run: python -m tests.docs.document_outputs, and read the difference"
        )


@pytest.mark.parametrize("command", blocks("sh"))
def test_shell_block_runs(command: str, stepfun: dict[str, str], request: pytest.FixtureRequest) -> None:
    command = with_test_redis(command, request)
    if command.startswith(SETUP):
        script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
        word = command.rpartition("/")[2].split()[1 if command.rstrip().endswith("demo") else 2]
        assert f"closing ordinary {word}" in script, "the block is not run by .ci/run"
        found = subprocess.run(
            ["bash", "-euc", f'root="{ROOT}"; . .ci/lib.sh; readme_command {word}'],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert found.stdout == command
        return
    pytest.importorskip("typer")
    done = subprocess.run(
        ["bash", "-euc", command], env=stepfun, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_block_is_recorded() -> None:
    wanted = {key(code) for _, _, code in code_blocks("python") if REDIS not in code}
    assert wanted == set(recorded()), "run: python -m tests.docs.document_outputs"
    assert not [text for text in recorded().values() if "NoneNone" in text]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_output_block_shows_what_its_code_prints(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    for code, output in shown_outputs(text):
        assert output == recorded()[key(code)] + "\n", "run: python -m tests.docs.document_outputs"
    assert text.count("\n```output\n") == len(shown_outputs(text)), "an output block must follow its code"


EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_prints_what_its_document_shows(name: str, stepfun: dict[str, str]) -> None:
    text = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    stated = re.search(rf"^## {re.escape(name)}\n.*?^```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert stated is not None
    command = [sys.executable, "-m", "stepfun_compat", "run", f"examples/{name}"]
    done = subprocess.run(command, env=stepfun, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert doctest.OutputChecker().check_output(stated.group(1), done.stdout, doctest.ELLIPSIS), done.stdout


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.name)
def test_notebook_prints_its_recorded_output(path: Path, stepfun: dict[str, str]) -> None:
    with as_environment(stepfun):
        for cell, text in executed(path):
            assert text == stored(cell), "run: python -m tests.docs.notebooks"


def test_demo_picture_shows_the_output() -> None:
    pytest.importorskip("typer")
    picture = demo_picture.PICTURE.read_text(encoding="utf-8")
    printed = demo_picture.words(demo_picture.drawn(demo_picture.demo_output()))
    assert demo_picture.words(picture) == printed, "run: python -m tests.docs.demo_picture"


def test_error_codes_of_the_troubleshooting_page_exist() -> None:
    page = (ROOT / "docs" / "guide" / "troubleshooting.md").read_text(encoding="utf-8")
    codes = set(re.findall(r'code="(\w+)"', page))
    package = [path.read_text(encoding="utf-8") for path in (ROOT / "stepfun_compat").rglob("*.py")]
    assert len(codes) > 5
    assert [code for code in codes if not any(f'"{code}"' in text for text in package)] == []


def test_every_block_has_a_tested_language() -> None:
    for document in DOCUMENTS:
        languages = {match.group(1) for match in _BLOCK.finditer((ROOT / document).read_text(encoding="utf-8"))}
        assert languages <= {"python", "sh", "toml", "text", "output"}, document


@pytest.mark.parametrize("text", blocks("toml"))
def test_toml_block_is_a_configuration_file(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stepfun_compat import Settings

    if text.startswith("[["):  # rows of a catalog file
        rows = tmp_path / "catalog.toml"
        rows.write_text(text, encoding="utf-8")
        assert Settings(catalog_overlay=str(rows)).catalog_overlay == str(rows)
        return
    file = tmp_path / ("pyproject.toml" if "[tool." in text else "stepfun.toml")
    file.write_text(text, encoding="utf-8")
    monkeypatch.setenv("STEPFUN_CONFIG", str(file))
    assert str(file) in Settings().sources.values()


def test_reference_tables_match_the_catalog() -> None:
    from tests.docs.readme_tables import TABLES, rendered

    found: list[str] = []
    for name in (*REFERENCE, "docs/serve.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        if (
            name != "docs/reference/fields.md" or f"openai {openai.__version__}." in text
        ):  # generated with one SDK version
            assert text == rendered(text), "run: python -m tests.docs.readme_tables"
        found += re.findall(r"^<!-- table: (\w+) -->$", text, re.MULTILINE)
    assert sorted(found) == sorted(TABLES), "each table must be on exactly one page"


def test_readme_has_at_most_900_words() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 900


def test_both_readmes_have_the_same_headings_code_and_tables() -> None:
    def shape(name: str) -> tuple[list[str], list[tuple[str, str]], list[int], list[str]]:
        text = (ROOT / name).read_text(encoding="utf-8")
        prose = _BLOCK.sub("", text)
        headings = [line.split()[0] for line in prose.splitlines() if line.startswith("#")]
        tables = [line.count("|") for line in prose.splitlines() if line.startswith("|")]
        targets = [link for link in re.findall(r"\]\(([^)]*)\)", prose) if not link.startswith("README")]
        return headings, _BLOCK.findall(text), tables, targets

    assert shape("README.md") == shape("README.zh-CN.md")


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_links_of_the_readmes_exist(name: str) -> None:
    links = re.findall(r"\]\(([^)#]*)[^)]*\)", (ROOT / name).read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if "://" not in link and not (ROOT / link).is_file()] == []


def test_navigation_contains_every_page() -> None:
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = [str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")]
    assert [page for page in pages if f": {page}\n" not in nav] == []
    named = re.findall(r": ([\w/-]+\.md)$", nav, re.MULTILINE)
    assert sorted(named) == sorted(pages), "each page must be in the navigation once"


def test_framework_table_of_the_guide_matches_the_record() -> None:
    from tests.frameworks.rows import FRAMEWORKS
    from tests.frameworks.table import recorded, rendered

    text = (ROOT / "migration_guide.md").read_text(encoding="utf-8")
    assert text == rendered(text), "run: .ci/frameworks --record"
    assert set(recorded()) == {framework.name for framework in FRAMEWORKS}


def test_every_framework_has_its_programs() -> None:
    from tests.frameworks.rows import FRAMEWORKS

    programs = ROOT / "tests" / "frameworks" / "programs"
    wanted = {f"{framework.program}_program.py" for framework in FRAMEWORKS}
    wanted |= {f"{framework.program}_handed.py" for framework in FRAMEWORKS if framework.handed is not None}
    assert {path.name for path in programs.glob("*.py")} == wanted
    for name in wanted:
        text = (programs / name).read_text(encoding="utf-8")
        ours = re.findall(r"^.*stepfun_compat.*$", text, re.MULTILINE)
        assert len(ours) == name.endswith("_handed.py"), "a program may mention this package only in one import"


def test_documents_mention_only_the_project_itself() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    words = re.compile(r"/" + r"root/|\.\./" + r"shared|\.lib" + r"rary")
    for name in listed.stdout.split():
        path = ROOT / name
        if path.suffix in (".py", ".md", ".toml", ".txt", ".yml", ".sh", "") and path.is_file():
            assert not words.search(path.read_text(encoding="utf-8")), name
