"""SFC001: every form of an import of openai, and unchanged imports."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from ..support import write
from .support import migrate, migrated, refused

FORMS = {
    "a module": ("import openai\nopenai.OpenAI()\n", "import stepfun_compat as openai\nopenai.OpenAI()\n"),
    "an alias": ("import openai as oa\n", "import stepfun_compat as oa\n"),
    "several modules": (
        "import os, openai, sys  # all\n",
        "import os, stepfun_compat as openai, sys  # all\n",
    ),
    "several modules with an alias": (
        "import os as o, openai as oa\n",
        "import os as o, stepfun_compat as oa\n",
    ),
    "a backslash": ("import \\\n  openai\n", "import \\\n  stepfun_compat as openai\n"),
    "a semicolon": ("import os; import openai; x = 1\n", "import os; import stepfun_compat as openai; x = 1\n"),
    "a name": ("from openai import OpenAI\n", "from stepfun_compat import OpenAI\n"),
    "names with aliases": (
        "from openai import OpenAI as Client, AsyncOpenAI, NOT_GIVEN\n",
        "from stepfun_compat import OpenAI as Client, AsyncOpenAI, NOT_GIVEN\n",
    ),
    "parentheses with comments": (
        "from openai import (  # the client\n    OpenAI,  # openai\n    APIError,\n)\n",
        "from stepfun_compat import (  # the client\n    OpenAI,  # openai\n    APIError,\n)\n",
    ),
    "odd spacing": ("from  openai  import(OpenAI)\n", "from  stepfun_compat  import(OpenAI)\n"),
    "from with a backslash": ("from \\\n openai import OpenAI\n", "from \\\n stepfun_compat import OpenAI\n"),
    "a star": ("from openai import *\nOpenAI()\n", "from stepfun_compat import *\nOpenAI()\n"),
    "type checking": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from openai import OpenAI\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from stepfun_compat import OpenAI\n",
    ),
    "inside a function": (
        "def f():\n\timport openai\n\treturn openai.OpenAI()\n",
        "def f():\n\timport stepfun_compat as openai\n\treturn openai.OpenAI()\n",
    ),
    "inside try": (
        "try:\n    import openai\nexcept ImportError:\n    openai = None\n",
        "try:\n    import stepfun_compat as openai\nexcept ImportError:\n    openai = None\n",
    ),
    "importlib": (
        "import importlib\nopenai = importlib.import_module('openai')\n",
        "import importlib\nopenai = importlib.import_module('stepfun_compat')\n",
    ),
    "import_module by its name": (
        'from importlib import import_module\nx = import_module(r"openai")\n',
        'from importlib import import_module\nx = import_module(r"stepfun_compat")\n',
    ),
    "__import__": ("x = __import__('openai')\n", "x = __import__('stepfun_compat')\n"),
    "azure's module": (
        "from openai.lib.azure import AzureOpenAI, AsyncAzureOpenAI\n",
        "from stepfun_compat.azure import AzureOpenAI, AsyncAzureOpenAI\n",
    ),
    "types beside a module that moves": (
        "import openai\nimport openai.types.chat\nopenai.OpenAI()\n",
        "import stepfun_compat as openai\nimport openai.types.chat, stepfun_compat as openai\nopenai.OpenAI()\n",
    ),
    "a client through a submodule's import": (
        "import openai.types.chat\nopenai.OpenAI()\n",
        "import openai.types.chat, stepfun_compat as openai\nopenai.OpenAI()\n",
    ),
    "private names beside a client": (
        "from openai import _exceptions, OpenAI as O\n",
        "from openai import _exceptions; from stepfun_compat import OpenAI as O\n",
    ),
    "types beside a client": ("from openai import OpenAI, types\n", "from stepfun_compat import OpenAI, types\n"),
    "windows line ends": ("import openai\r\nopenai.OpenAI()\r\n", "import stepfun_compat as openai\r\nopenai.OpenAI()\r\n"),
    "no last newline": ("import openai", "import stepfun_compat as openai"),
    "a form feed": ("\x0cimport openai\n", "\x0cimport stepfun_compat as openai\n"),
    "a patched name": (
        "from openai import OpenAI\nfrom unittest import mock\nmock.patch('openai.OpenAI')\n",
        "from stepfun_compat import OpenAI\nfrom unittest import mock\nmock.patch('stepfun_compat.OpenAI')\n",
    ),
    "a patched name in a decorator": (
        'import openai\nfrom unittest.mock import patch\n@patch("openai.AsyncOpenAI")\ndef test(x): ...\n',
        "import stepfun_compat as openai\nfrom unittest.mock import patch\n"
        '@patch("stepfun_compat.AsyncOpenAI")\ndef test(x): ...\n',
    ),
    "monkeypatch": (
        "import openai\ndef test(monkeypatch):\n    monkeypatch.setattr('openai.api_key', 'x')\n",
        "import stepfun_compat as openai\ndef test(monkeypatch):\n    monkeypatch.setattr('stepfun_compat.api_key', 'x')\n",
    ),
    "a patched resource class": (
        "import openai\nfrom unittest.mock import patch\npatch('openai.resources.chat.Completions.create')\n",
        "import stepfun_compat as openai\nfrom unittest.mock import patch\npatch('openai.resources.chat.Completions.create')\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_import_is_changed(tmp_path: Path, form: str) -> None:
    before, after = FORMS[form]
    assert migrated(tmp_path, before) == after


STAYS = {
    "types": "from openai.types.chat import ChatCompletion\n",
    "the types module": "from openai import types\n",
    "types by their module": "import openai.types.chat\nx: openai.types.chat.ChatCompletion\n",
    "an alias of types": "import openai.types as t\n",
    "private parts": "from openai._utils import maybe_transform\nfrom openai import _base_client\n",
    "resources": "from openai.resources.chat import Completions\n",
    "a module of the project": "import openai\nopenai.OpenAI()\n",
    "a relative import": "from .openai import OpenAI\n",
    "a string": "x = 'import openai'\n# import openai\n",
    "an ignored line": "import openai  # stepfun: ignore[SFC001]\n",
    "a line with every rule ignored": "import openai  # stepfun: ignore\n",
    "an ignored last line": "from openai import (\n    OpenAI,\n)  # stepfun: ignore[SFC002, SFC001]\n",
    "openai 0.x": "import openai\nopenai.ChatCompletion.create()\n",
}


@pytest.mark.parametrize("form", STAYS)
def test_other_imports_are_unchanged(tmp_path: Path, form: str) -> None:
    if form == "a module of the project":
        write(tmp_path, {"openai.py": "class OpenAI: ...\n"})
    assert migrated(tmp_path, STAYS[form], select=("SFC001",)) == STAYS[form]


REFUSED = {
    "private names in several lines": ("from openai import (\n    _legacy,\n    OpenAI,\n)\n", 1, "_legacy stays in openai"),
    "a private module": ("import openai\nx = openai._client.OpenAI()\n", 2, "openai._client is private"),
    "a client from a private module": ("from openai._client import OpenAI\n", 1, "OpenAI is imported from a private module"),
    "a star over own names": ("from openai import *\ndef explain(): ...\n", 1, "would bind explain"),
    "a star with names of 0.x": ("from openai import *\nChatCompletion.create()\n", 1, "with names of openai<1.0"),
    "azure's module as a module": ("import openai.lib.azure\n", 1, "imported as a module"),
    "more of azure's module": ("from openai.lib.azure import AzureOpenAI, API_KEY_SENTINEL\n", 1, "stepfun_compat.azure only has"),
    "a name in parts": ("import importlib  # openai\nx = importlib.import_module('open' 'ai')\n", 2, "not a single string"),
    "a name in other letters": ("# openai\nimport ｏpenai\n", 2, "unusual form"),
    "a relative import_module": ("import importlib as i\nx = i.import_module('openai', 'pkg')\n", 2, "a package argument"),
}  # fmt: skip


@pytest.mark.parametrize("form", REFUSED)
def test_unsupported_import_is_refused(tmp_path: Path, form: str) -> None:
    source, line, why = REFUSED[form]
    found_line, found_why = refused(tmp_path, source)
    assert (found_line, why in found_why) == (line, True), found_why


def test_deeper_patched_name_is_reported_and_other_imports_change(tmp_path: Path) -> None:
    source = "import openai\nfrom unittest.mock import patch\npatch('openai.chat.completions.create')\n"
    write(tmp_path, {"a.py": source})
    done = migrate(tmp_path)
    assert done.code == 3
    assert done["a.py"] == source.replace("import openai", "import stepfun_compat as openai")
    assert [(line, "patched by name" in why) for _, line, why in done.left] == [(3, True)]


def test_file_with_one_refusal_keeps_all_imports(tmp_path: Path) -> None:
    refused(tmp_path, "import openai\nfrom openai import (\n    _x,\n    OpenAI,\n)\n")


def test_file_of_unknown_version_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"old.py": "import openai\nopenai.ChatCompletion.create()\n"})
    write(tmp_path, {"new.py": "from openai import OpenAI\n"})
    write(tmp_path, {"which.py": "import openai\nopenai.api_key = 'x'\n"})
    done = migrate(tmp_path, select=("SFC001",))
    assert done.left == [
        (
            "which.py",
            2,
            "the project uses openai<1.0 and openai>=1, and this file may be for either: change its import by hand",
        )
    ]
    assert done["new.py"] == "from stepfun_compat import OpenAI\n"


ENCODINGS = {
    "a BOM": b"\xef\xbb\xbfimport openai\nx = '\xc3\xa9'\n",
    "latin-1": b"# -*- coding: latin-1 -*-\nimport openai\nx = '\xe9'\n",
    "mixed line ends": b"import os\r\nimport openai\rx = 1\ny = '\xc3\xa9'",
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_bytes_around_an_edit_are_unchanged(tmp_path: Path, name: str) -> None:
    write(tmp_path, {"a.py": ENCODINGS[name]})
    assert migrate(tmp_path).code == 0
    expected = ENCODINGS[name].replace(b"import openai", b"import stepfun_compat as openai")
    assert (tmp_path / "a.py").read_bytes() == expected


def test_import_in_a_stub_file_is_changed(tmp_path: Path) -> None:
    assert migrated(tmp_path, "from openai import OpenAI\n", "a.pyi") == "from stepfun_compat import OpenAI\n"


def test_client_passed_to_another_file_changes_with_its_import(tmp_path: Path) -> None:
    write(tmp_path, {"b.py": "from a import client\nclient.chat.completions.create(model='gpt-4o', messages=[])\n"})
    after = migrated(tmp_path, "from openai import OpenAI\nclient = OpenAI()\n")
    assert after == "from stepfun_compat import OpenAI\nclient = OpenAI()\n"


def test_changed_imports_run(tmp_path: Path) -> None:
    """Every changed form with a name is a program that runs."""
    for before, after in FORMS.values():
        if "_exceptions" in before or "monkeypatch" in before or "OpenAI()" in after or "import (" in before:
            continue
        exec(compile(textwrap.dedent(after), "moved", "exec"), {"__name__": "moved"})
