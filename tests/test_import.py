"""The cost of `import stepfun_compat`, counted in modules, which needs no clock."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import openai
import pytest

import stepfun_compat

ROOT = str(Path(__file__).parents[1])


def added(statement: str) -> list[str]:
    """The modules a statement imports on top of `import openai`, in a separate process."""
    code = (
        f"import json, sys, openai; a = set(sys.modules); {statement}; print(json.dumps(sorted(set(sys.modules) - a)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names: list[str] = json.loads(done.stdout)
    return names


def test_import_adds_only_one_module() -> None:
    assert added("import stepfun_compat") == ["stepfun_compat"]


def test_import_does_not_import_openai_until_a_name_is_used() -> None:
    code = (
        "import sys, stepfun_compat; assert 'openai' not in sys.modules; "
        "assert stepfun_compat.max_retries == 2 and stepfun_compat.timeout.read == 600; "
        "assert stepfun_compat.stock.OpenAI is sys.modules['openai'].OpenAI"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_pytest_plugin_imports_nothing_heavy_until_a_fixture_is_used(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(
        "import sys\n"
        "def test_theirs():\n"
        "    heavy = ('openai', 'pydantic', 'httpx', 'httpx2', 'starlette', 'uvicorn')\n"
        "    assert [name for name in heavy if name in sys.modules] == []\n"
        "    ours = sorted(name for name in sys.modules if name.startswith('stepfun_compat'))\n"
        "    assert ours == ['stepfun_compat', 'stepfun_compat.emulator', 'stepfun_compat.emulator.pytest_plugin']\n",
        encoding="utf-8",
    )
    (tmp_path / "openai.py").write_text("raise RuntimeError('a broken openai')\n", encoding="utf-8")
    plugins = ["-p", "stepfun_compat.emulator.pytest_plugin", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins, str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": os.pathsep.join([str(tmp_path), ROOT])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_clients_are_imported_on_first_use_without_third_party_modules() -> None:
    names = added("from stepfun_compat import OpenAI, AsyncOpenAI, Settings, RateLimitError")
    assert "stepfun_compat.client" in names
    ours = ("stepfun_compat", "openai")
    assert {name.partition(".")[0] for name in names} - {*ours, *sys.stdlib_module_names} == set()
    facts = [
        name for name in names if name.startswith("stepfun_compat.catalog.") and name.endswith(("models", "voices"))
    ]
    assert facts == []  # the first request reads the catalog


def test_translation_is_imported_with_the_first_client() -> None:
    """A program that imports the class without creating a client does not import catalog, settings and translation."""
    code = (
        "import sys; from stepfun_compat import AsyncOpenAI, OpenAI;"
        "print(*sorted(n for n in sys.modules if n.startswith('stepfun_compat.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = {name.removeprefix("stepfun_compat.") for name in done.stdout.split()}
    parts = {"_client.classes", "_client.drivers", "_client.parts"}
    assert imported == {"_client", "client", "errors", "former_lookup", "http_objects", "stock"} | parts


def test_patch_imports_everything_before_it_rebinds_names() -> None:
    code = (
        "import sys, stepfun_compat; stepfun_compat.patch();"
        "assert {'stepfun_compat._client.flow', 'stepfun_compat._client.construction'} <= sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_resolves_to_one_object() -> None:
    for name in stepfun_compat.__all__:
        assert getattr(stepfun_compat, name) is getattr(stepfun_compat, name)
        assert name in dir(stepfun_compat)
    for module in ("client", "errors", "settings", "report"):
        assert getattr(stepfun_compat, module).__name__ == f"stepfun_compat.{module}"


def test_first_use_by_threads_gives_one_class_and_one_catalog() -> None:
    code = """
import threading, stepfun_compat
from concurrent.futures import ThreadPoolExecutor
gate = threading.Barrier(16)
def first(_):
    gate.wait()
    from stepfun_compat.catalog import default
    client = stepfun_compat.OpenAI(api_key="k")
    return stepfun_compat.OpenAI, default(), type(client.chat.completions)
with ThreadPoolExecutor(16) as pool:
    print(len(set(pool.map(first, range(16)))))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


def test_star_import_binds_openais_names_and_this_packages() -> None:
    theirs: dict[str, Any] = {}
    ours: dict[str, Any] = {}
    exec("from openai import *", theirs)
    exec("from stepfun_compat import *", ours)
    assert theirs.keys() <= ours.keys()
    assert ours["OpenAI"] is stepfun_compat.OpenAI
    assert ours["RateLimitError"] is theirs["RateLimitError"]
    assert {"Settings", "explain", "QuotaExceededError"} <= ours.keys()


OLD_NAMES = (
    "ChatCompletion",
    "Completion",
    "Edit",
    "Embedding",
    "Image",
    "Audio",
    "Moderation",
    "File",
    "FineTune",
    "FineTuningJob",
    "Model",
    "Engine",
    "Deployment",
    "Customer",
    "ErrorObject",
)


@pytest.mark.parametrize("name", OLD_NAMES)
def test_openai_0_name_raises_openais_error_with_two_fixes(name: str) -> None:
    with pytest.raises(openai.OpenAIError) as theirs:
        getattr(openai, name).create(model="x")
    with pytest.raises(type(theirs.value)) as ours:
        getattr(stepfun_compat, name).create(model="x")
    message = str(ours.value)
    assert message.startswith(str(theirs.value))
    assert "run --legacy" in message
    assert "import stepfun_compat.legacy as openai" in message


def test_openai_0_name_under_run_raises_the_same_error() -> None:
    program = (
        "import openai\ntry:\n    openai.ChatCompletion.create()\nexcept openai.OpenAIError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-m", "stepfun_compat", "run", "-c", program], capture_output=True, text=True, check=True
    )
    assert "You tried to access openai.ChatCompletion" in done.stdout
    assert done.stdout.count("run --legacy") == 1


def test_package_version_is_defined_once() -> None:
    from importlib.metadata import metadata

    ours = stepfun_compat.version.__version__
    assert stepfun_compat.__stepfun_version__ == ours == metadata("stepfun-compat")["Version"]
    assert stepfun_compat.__version__ == stepfun_compat.version.VERSION == openai.__version__  # openai's, as in openai
    holders = [
        str(path.relative_to(ROOT))
        for path in [
            *Path(ROOT, "stepfun_compat").rglob("*.py"),
            Path(ROOT, "pyproject.toml"),
            Path(ROOT, "CITATION.cff"),
        ]
        if re.search(rf"^.*version.*\b{re.escape(ours)}\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert holders == ["stepfun_compat/version.py"]
