"""SFC004: the variable of the key, if only clients of this package use it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..support import write
from .support import migrate, migrated

HEAD = "import os\nfrom openai import OpenAI\n"
MOVED = "import os\nfrom stepfun_compat import OpenAI\n"

RENAMED = {
    "subscript": "OpenAI(api_key=os.environ['OPENAI_API_KEY'])\n",
    "get": 'OpenAI(api_key=os.environ.get("OPENAI_API_KEY"))\n',
    "getenv": "OpenAI(timeout=1, api_key=os.getenv('OPENAI_API_KEY', ''))\n",
    "from os": "from os import environ, getenv\nOpenAI(api_key=getenv('OPENAI_API_KEY'))\nOpenAI(api_key=environ['OPENAI_API_KEY'])\n",
    "checked for presence": "if 'OPENAI_API_KEY' not in os.environ:\n    raise SystemExit(1)\nclient = OpenAI()\n",
    "checked by value": "assert os.environ.get('OPENAI_API_KEY'), 'set OPENAI_API_KEY'\nif not os.getenv('OPENAI_API_KEY') or os.getenv('OPENAI_API_KEY') is None: exit()\nclient = OpenAI()\n",
    "under a name": "key = os.getenv('OPENAI_API_KEY')\nif not key:\n    raise SystemExit('no key')\nclient = OpenAI(api_key=key)\n",
    "under a name with a type": "def f():\n    key: str = os.environ['OPENAI_API_KEY']\n    return OpenAI(api_key=key)\n",
    "in a walrus": "if (key := os.getenv('OPENAI_API_KEY')) is None:\n    exit()\nclient = OpenAI(api_key=key)\n",
    "beside a function with an argument of that name": "key = os.getenv('OPENAI_API_KEY')\ndef f(key):\n    print(key)\nclient = OpenAI(api_key=key)\n",
    "in a function that sees the name": "key = os.environ['OPENAI_API_KEY']\ndef f():\n    return OpenAI(api_key=key)\n",
    "beside OpenAI's URL": "U = None\nOpenAI(api_key=os.environ['OPENAI_API_KEY'], base_url=None)\n",
}  # fmt: skip


@pytest.mark.parametrize("case", RENAMED)
def test_variable_is_renamed(tmp_path: Path, case: str) -> None:
    source = RENAMED[case]
    expected = source.replace("'OPENAI_API_KEY'", "'STEPFUN_API_KEY'").replace('"OPENAI_API_KEY"', '"STEPFUN_API_KEY"')
    assert migrated(tmp_path, HEAD + source) == MOVED + expected


MODULE = {
    "1+": ("openai.chat.completions.create()\n", "import stepfun_compat as openai, os\n"),
    "0.x": ("openai.ChatCompletion.create()\n", "import stepfun_compat.legacy as openai, os\n"),
}


@pytest.mark.parametrize("generation", MODULE)
def test_variable_of_the_module_setting_is_renamed(tmp_path: Path, generation: str) -> None:
    call, head = MODULE[generation]
    source = "import openai, os\nopenai.api_key = os.getenv('OPENAI_API_KEY')\n" + call
    assert migrated(tmp_path, source) == head + "openai.api_key = os.getenv('STEPFUN_API_KEY')\n" + call


LEFT = {
    "printed": "key = os.environ['OPENAI_API_KEY']\nprint(key)\nOpenAI(api_key=key)\n",
    "for another header": "headers = {'Authorization': os.environ['OPENAI_API_KEY']}\nOpenAI()\n",
    "set": "os.environ['OPENAI_API_KEY'] = 'sk-x'\nOpenAI()\n",
    "set for a test": "def test(monkeypatch):\n    monkeypatch.setenv('OPENAI_API_KEY', 'x')\nOpenAI()\n",
    "deleted": "os.environ.pop('OPENAI_API_KEY')\nOpenAI()\n",
    "a default": "OpenAI(api_key=os.getenv('OPENAI_API_KEY', 'sk-mine'))\n",
    "another vendor's client": "OpenAI(api_key=os.environ['OPENAI_API_KEY'], base_url='https://api.groq.com/openai/v1')\n",
    "a client with a URL known at run time": "def f(url):\n    OpenAI(api_key=os.environ['OPENAI_API_KEY'], base_url=url)\n",
    "a client with unseen arguments": "def f(**more):\n    OpenAI(api_key=os.environ['OPENAI_API_KEY'], **more)\n",
    "another client": "from groq import Groq\nGroq(api_key=os.environ['OPENAI_API_KEY'])\n",
    "returned": "def key():\n    return os.environ['OPENAI_API_KEY']\nOpenAI(api_key=key())\n",
    "an attribute": "class C:\n    def __init__(self):\n        self.key = os.environ['OPENAI_API_KEY']\n",
    "of a class": "class C:\n    key = os.environ['OPENAI_API_KEY']\n    client = OpenAI(api_key=key)\n",
    "global": "def f():\n    global key\n    key = os.environ['OPENAI_API_KEY']\n",
    "assigned anew": "key = os.environ['OPENAI_API_KEY']\nkey = input()\nOpenAI(api_key=key)\n",
    "compared with a value": "if os.environ['OPENAI_API_KEY'] == 'sk-x': exit()\n",
    "in a list": "NEEDED = ['OPENAI_API_KEY']\nOpenAI()\n",
    "in parts": "OpenAI(api_key=os.environ['OPENAI_' 'API_KEY'])\n",
    "exported": "__all__ = ['key']\nkey = os.environ['OPENAI_API_KEY']\nOpenAI(api_key=key)\n",
}  # fmt: skip


@pytest.mark.parametrize("case", LEFT)
def test_variable_with_other_uses_is_unchanged(tmp_path: Path, case: str) -> None:
    write(tmp_path, {"a.py": HEAD + LEFT[case]})
    done = migrate(tmp_path)
    assert (done.code, done["a.py"]) == (3, MOVED + LEFT[case])
    assert all(one["rule"] == "SFC004" for one in done.document["left"])


def test_one_other_use_in_the_project_keeps_every_name(tmp_path: Path) -> None:
    reading = "client = OpenAI(api_key=os.environ['OPENAI_API_KEY'])\n"
    write(tmp_path, {"a.py": HEAD + reading, "tests/test_a.py": "import os\nos.environ['OPENAI_API_KEY'] = 'x'\n"})
    done = migrate(tmp_path)
    assert (done.code, done["a.py"]) == (3, MOVED + reading)
    assert [(file, line) for file, line, _ in done.left] == [("a.py", 3), ("tests/test_a.py", 2)]
    assert "also used by other code, first in tests/test_a.py" in done.left[0][2]


def test_ignore_comment_excludes_a_use(tmp_path: Path) -> None:
    reading = "client = OpenAI(api_key=os.environ['OPENAI_API_KEY'])\n"
    setting = "os.environ['OPENAI_API_KEY'] = 'x'  # stepfun: ignore[SFC004]\n"
    after = migrated(tmp_path, HEAD + reading + setting)
    assert after == MOVED + reading.replace("OPENAI", "STEPFUN") + setting


def test_variable_imported_by_another_file_is_unchanged(tmp_path: Path) -> None:
    reading = "KEY = os.environ['OPENAI_API_KEY']\nclient = OpenAI(api_key=KEY)\n"
    write(tmp_path, {"a.py": HEAD + reading, "b.py": "from a import KEY\nprint(KEY)\n"})
    done = migrate(tmp_path)
    assert (done["a.py"], done.left[0][2]) == (
        MOVED + reading,
        "OPENAI_API_KEY is stored as KEY, which other files use",
    )


STOCK = {
    "ignored": "from openai import OpenAI  # stepfun: ignore[SFC001]\nclient = OpenAI()\n",
    "private": "from openai._client import OpenAI\nclient = OpenAI()\n",
}


@pytest.mark.parametrize("case", STOCK)
def test_variable_is_unchanged_while_openai_clients_remain(tmp_path: Path, case: str) -> None:
    reading = "client = OpenAI(api_key=os.environ['OPENAI_API_KEY'])\n"
    write(tmp_path, {"a.py": HEAD + reading, "b.py": STOCK[case]})
    done = migrate(tmp_path)
    assert done["a.py"] == MOVED + reading
    assert ("a.py", 3, "b.py still uses clients of openai, which need OPENAI_API_KEY") in done.left


def test_module_with_another_base_url_keeps_its_variable(tmp_path: Path) -> None:
    source = "import openai, os\nopenai.api_base = 'http://vendor'\nopenai.api_key = os.environ['OPENAI_API_KEY']\nopenai.ChatCompletion.create()\n"
    write(tmp_path, {"a.py": source})
    done = migrate(tmp_path)
    assert done["a.py"] == source.replace("import openai", "import stepfun_compat.legacy as openai")


def test_project_without_openai_keeps_the_variable(tmp_path: Path) -> None:
    source = "import os\nif not os.getenv('OPENAI_API_KEY'):\n    exit()\n"
    assert migrated(tmp_path, source) == source


def test_migrated_clients_count_as_this_packages(tmp_path: Path) -> None:
    source = MOVED + "OpenAI(api_key=os.environ['OPENAI_API_KEY'])\n"
    assert migrated(tmp_path, source) == source.replace("OPENAI_API", "STEPFUN_API")
