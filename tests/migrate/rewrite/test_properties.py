"""Generated sources: no crash, bytes outside the spans are unchanged, files parse afterwards, a second run changes nothing."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from stepfun_compat.migrate.rewrite.plan import make_plan
from stepfun_compat.migrate.rewrite.project import read_files
from stepfun_compat.migrate.rewrite.rules import RULES, Rule
from tests.support.properties import examples

from .support import check_folder

DEFAULT = [rule for rule in RULES if rule.default]
SOURCES = sorted(Path(__file__).parents[3].glob("examples/**/*.py")) + sorted(Path(__file__).parents[1].glob("*.py"))

IMPORTS = (
    "import openai", "import openai as o", "import os, openai", "from openai import OpenAI", "from openai import *",
    "from openai import (OpenAI,  # é\n    APIError as E)", "import openai.types.chat", "from openai import _x, OpenAI",
    "from openai.lib.azure import AzureOpenAI", "import importlib; x = importlib.import_module('openai')",
    "from openai.error import RateLimitError", "import openai.error as e", "from openai import ChatCompletion, Audio",
    "from openai._client import OpenAI", "import openai  # stepfun: ignore[SFC001]", "from openai import types",
)  # fmt: skip
USES = (
    "client = openai.OpenAI(base_url='https://api.openai.com/v1', api_key='é')",
    "client = OpenAI(api_key=os.environ['OPENAI_API_KEY'], base_url=\"https://api.openai.com/v1\",)",
    "openai.api_key = os.getenv('OPENAI_API_KEY')", "openai.ChatCompletion.create(model='gpt-4')",
    "key = os.environ.get('OPENAI_API_KEY'); c = OpenAI(api_key=key)",
    "if not os.getenv(\"OPENAI_API_KEY\"): raise SystemExit('no OPENAI_API_KEY')",
    "with patch('openai.OpenAI'): pass", "x = '日本'", "except_ = openai.APIError", "def f(): return client",
    "client.chat.completions.create(model='gpt-4o', messages=[])", "\f", "pass", "x = '''\n'''",
)  # fmt: skip
WRAPS = ("{}", "if True:\n    {}", "def f():\n\t{}", "try:\n    {}\nfinally:\n    pass", "class C:\n    {}")


@st.composite
def programs(draw: st.DrawFn) -> str:
    parts: list[str] = []
    for one in draw(st.lists(st.sampled_from(IMPORTS + USES), min_size=1, max_size=8)):
        wrap = draw(st.sampled_from(WRAPS))
        simple = "\n" not in one and not one.startswith(("if ", "with ", "def ", "\f")) and " import *" not in one
        parts.append(wrap.format(one) if simple else one)
    return draw(st.sampled_from(["\n", "\r\n", "\r"])).join("\n".join(parts).split("\n")) + draw(
        st.sampled_from(["", "\n"])
    )


def check(files: dict[str, bytes], rules: Sequence[Rule] = DEFAULT) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            (Path(folder) / name).write_bytes(data)
        check_folder(Path(folder), rules)


SLOW = examples(30)


LOCAL_IMPORTS = (
    "import openai as o\ndef f():\n\timport openai\nopenai.api_key = os.getenv('OPENAI_API_KEY')",
    "import openai\nclient = OpenAI(api_key=os.environ['OPENAI_API_KEY'])\ndef f():\n\tfrom openai import OpenAI",
    "class C:\n    import openai\n    def f(self): openai.api_key = os.getenv('OPENAI_API_KEY')",
)


@SLOW
@given(st.lists(programs(), min_size=1, max_size=3))
@example([LOCAL_IMPORTS[0]])
@example([LOCAL_IMPORTS[1]])
@example([LOCAL_IMPORTS[2]])
def test_generated_programs_keep_the_properties(sources: list[str]) -> None:
    check({f"{index}.py": source.encode() for index, source in enumerate(sources)})


@SLOW
@given(st.lists(programs(), min_size=1, max_size=3), st.booleans(), st.booleans())
def test_generated_notebooks_keep_the_properties(sources: list[str], lists: bool, escaped: bool) -> None:
    cells = [
        {"cell_type": "code", "source": source.splitlines(keepends=True) if lists else source} for source in sources
    ]
    check({"n.ipynb": json.dumps({"nbformat": 4, "cells": cells}, ensure_ascii=escaped).encode()})


@examples(35)
@given(
    st.binary(max_size=200),
    st.sampled_from(["a.py", "a.ipynb", "requirements.txt", ".env", "pyproject.toml", "compose.yml"]),
)
def test_any_bytes_keep_the_properties(data: bytes, name: str) -> None:
    check({name: b"openai " + data})
    check({name: data, "b.py": b"import openai\nopenai.OpenAI()\n"})


@examples(10)
@given(st.sampled_from(SOURCES), st.sampled_from(SOURCES))
def test_sources_of_this_project_keep_the_properties(one: Path, other: Path) -> None:
    check({"a.py": one.read_bytes(), "b.py": other.read_bytes()})


@SLOW
@given(st.lists(programs(), min_size=2, max_size=2))
def test_order_of_files_does_not_matter(sources: list[str]) -> None:
    results: list[list[bytes]] = []
    for names in (("a.py", "z.py"), ("z.py", "a.py")):
        with tempfile.TemporaryDirectory() as folder:
            for name, source in zip(names, sources, strict=True):
                Path(folder, name).write_bytes(source.encode())
            plan = make_plan(read_files([folder]), DEFAULT)
            results.append(
                [
                    plan.changes[name].after if name in plan.changes else Path(folder, name).read_bytes()
                    for name in names
                ]
            )
    assert results[0] == results[1]
