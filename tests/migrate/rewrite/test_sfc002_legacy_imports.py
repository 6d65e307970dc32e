"""SFC002: imports of openai<1.0 and its modules."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from stepfun_compat import legacy
from stepfun_compat.catalog.legacy_modules import LEGACY_SUBMODULES
from stepfun_compat.migrate.moved_names import LEGACY_NAMES

from ..support import scanned, write
from .support import migrate, migrated, refused

CALL = "openai.ChatCompletion.create(model='gpt-4', messages=[])\n"

FORMS = {
    "a module": ("import openai\n" + CALL, "import stepfun_compat.legacy as openai\n" + CALL),
    "an alias": (
        "import openai as ai\nai.Completion.create()\n",
        "import stepfun_compat.legacy as ai\nai.Completion.create()\n",
    ),
    "several modules": ("import os, openai\n" + CALL, "import os, stepfun_compat.legacy as openai\n" + CALL),
    "names": (
        "from openai import ChatCompletion as C, Audio  # both\n",
        "from stepfun_compat.legacy import ChatCompletion as C, Audio  # both\n",
    ),
    "errors": (
        "from openai.error import (\n    RateLimitError,  # openai\n)\n",
        "from stepfun_compat.legacy.error import (\n    RateLimitError,  # openai\n)\n",
    ),
    "a module from the package": ("from openai import error, util\n", "from stepfun_compat.legacy import error, util\n"),
    "a module with an alias": ("import openai.error as e\n", "import stepfun_compat.legacy.error as e\n"),
    "a module by its path": (
        "import openai.embeddings_utils\nopenai.embeddings_utils.get_embedding('x')\n",
        "import stepfun_compat.legacy.embeddings_utils, stepfun_compat.legacy as openai\n"
        "openai.embeddings_utils.get_embedding('x')\n",
    ),
    "openai_object": (
        "from openai.openai_object import OpenAIObject\n",
        "from stepfun_compat.legacy.openai_object import OpenAIObject\n",
    ),
    "api_resources": (
        "from openai.api_resources.abstract.engine_api_resource import EngineAPIResource\n",
        "from stepfun_compat.legacy.api_resources.abstract.engine_api_resource import EngineAPIResource\n",
    ),
    "importlib": (
        "import importlib\nx = importlib.import_module('openai.error')\n",
        "import importlib\nx = importlib.import_module('stepfun_compat.legacy.error')\n",
    ),
    "settings": (
        "import openai\nopenai.api_base = 'http://localhost'\n",
        "import stepfun_compat.legacy as openai\nopenai.api_base = 'http://localhost'\n",
    ),
    "the version": ("import openai\nprint(openai.__version__)\n" + CALL, "import stepfun_compat.legacy as openai\nprint(openai.__version__)\n" + CALL),
    "a method that is replaced": (
        "import openai\nopenai.ChatCompletion.create = None\n",
        "import stepfun_compat.legacy as openai\nopenai.ChatCompletion.create = None\n",
    ),
    "a patched method": (
        "from unittest.mock import patch\nimport openai\n@patch('openai.ChatCompletion.create')\ndef f(x): ...\n" + CALL,
        "from unittest.mock import patch\nimport stepfun_compat.legacy as openai\n"
        "@patch('stepfun_compat.legacy.ChatCompletion.create')\ndef f(x): ...\n" + CALL,
    ),
    "an async call": (
        "async def f():\n    import openai\n    await openai.ChatCompletion.acreate()\n",
        "async def f():\n    import stepfun_compat.legacy as openai\n    await openai.ChatCompletion.acreate()\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_import_is_changed(tmp_path: Path, form: str) -> None:
    before, after = FORMS[form]
    assert migrated(tmp_path, before) == after


REFUSED = {
    "a module we lack": ("import openai.wandb_logger\n" + CALL, 1, "no openai.wandb_logger"),
    "a name we lack": ("from openai import ChatCompletion, Search\n", 1, "no Search"),
    "a name used": ("import openai\n" + CALL + "openai.Search.create()\n", 3, "no Search"),
    "__import__": ("openai = __import__('openai')\n" + CALL, 1, "__import__ of a submodule"),
}


@pytest.mark.parametrize("form", REFUSED)
def test_unsupported_import_is_refused(tmp_path: Path, form: str) -> None:
    source, line, why = REFUSED[form]
    found_line, found_why = refused(tmp_path, source)
    assert (found_line, why in found_why) == (line, True), found_why


def test_ignore_comment_excludes_a_line(tmp_path: Path) -> None:
    source = "import openai  # stepfun: ignore[SFC002]\n" + CALL
    assert migrated(tmp_path, source) == source
    assert "import" not in [one.kind for one in scanned(tmp_path).findings]


def test_file_that_only_sets_the_key_is_migrated_with_the_project(tmp_path: Path) -> None:
    write(tmp_path, {"config.py": "import openai\nopenai.api_key = 'x'\n", "bot.py": "import openai\n" + CALL})
    assert {one.rule for one in scanned(tmp_path).findings if one.file == "config.py"} == {"SFC002"}
    done = migrate(tmp_path)
    assert done["config.py"] == "import stepfun_compat.legacy as openai\nopenai.api_key = 'x'\n"


def test_configuration_file_is_migrated_with_a_migrated_project(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "config.py": "import openai\nopenai.api_key = 'x'\n",
            "bot.py": "import stepfun_compat.legacy as openai\n" + CALL,
        },
    )
    assert migrate(tmp_path)["config.py"].startswith("import stepfun_compat.legacy as openai\n")


def test_test_file_is_migrated_with_the_project(tmp_path: Path) -> None:
    tests = "from unittest.mock import patch\n\n\n@patch('openai.ChatCompletion.acreate')\ndef test(x): ...\n"
    write(tmp_path, {"test_bot.py": tests, "bot.py": "import openai\n" + CALL})
    done = migrate(tmp_path)
    assert (done.code, done["test_bot.py"]) == (0, tests.replace("openai.", "stepfun_compat.legacy."))


def test_names_match_the_legacy_module() -> None:
    for name in LEGACY_SUBMODULES:
        assert import_module(f"stepfun_compat.legacy.{name}")
    for name in LEGACY_NAMES - {"datalib", "embeddings_utils", "object_classes"}:  # these are there once imported
        assert hasattr(legacy, name), name


@pytest.mark.parametrize("form", FORMS)
def test_changed_import_runs(form: str) -> None:
    imports = [
        line for line in FORMS[form][1].splitlines() if line.startswith(("import ", "from ")) and "(" not in line
    ]
    exec("\n".join(imports), {"__name__": "moved"})
