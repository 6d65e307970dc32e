"""Notebooks: only the source of code cells changes, and no byte around it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ..support import write
from .support import migrate

FOUR = """{
    "nbformat_minor": 5,
  "metadata": {"note": "openai", "n": 1.50},
 "cells": [
  {"id": "a", "cell_type": "markdown", "source": ["import openai\\n"]},
  {"cell_type": "code", "execution_count": 2, "id": "b",
   "outputs": [{"output_type": "stream", "text": ["import openai\\n"]}],
   "source": ["%pip install openai\\n", "import os\\n", "import \\u006fpenai  # \\u00e9\\n", "x = '\\ud83d\\ude00 \\"'; from openai import OpenAI\\n", "!ls"],
   "metadata": {"source": ["import openai"]}},
  {"cell_type": "code", "source": "%%time\\r\\nfrom openai import APIError\\r\\n", "outputs": []},
  {"cell_type": "code", "source": "%time from openai import OpenAI", "outputs": []},
  {"cell_type": "raw", "source": "import openai"},
  {"cell_type": "code", "source": "%%bash\\nexport A='import openai'", "outputs": []}
 ],
 "nbformat": 4 }"""

CHANGES = {
    '"import \\u006fpenai  # \\u00e9\\n"': '"import stepfun_compat as openai  # \\u00e9\\n"',
    '\\"\'; from openai import OpenAI\\n"': '\\"\'; from stepfun_compat import OpenAI\\n"',
    '"%%time\\r\\nfrom openai import APIError\\r\\n"': '"%%time\\r\\nfrom stepfun_compat import APIError\\r\\n"',
    '"%time from openai import OpenAI"': '"%time from stepfun_compat import OpenAI"',
}

THREE = """{"metadata": {}, "nbformat": 3, "worksheets": [
 {"cells": [{"cell_type": "heading", "source": "openai"}, {"cell_type": "code", "input": ["import openai\\n", "openai.OpenAI()"], "outputs": []}]},
 {"cells": [{"cell_type": "code", "input": "from openai import OpenAI"}]}
]}
"""


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_only_the_source_of_code_cells_changes(tmp_path: Path, end: str, bom: bytes) -> None:
    before = FOUR + end
    after = before
    for old, new in CHANGES.items():
        assert before.count(old) == 1, old
        after = after.replace(old, new)
    write(tmp_path, {"n.ipynb": bom + before.encode()})
    done = migrate(tmp_path, select=("SFC001",))
    assert done.document["failed"] == []
    assert (tmp_path / "n.ipynb").read_bytes() == bom + after.encode()
    assert [(one["cell"], one["line"]) for one in done.document["changes"][0]["fixes"]] == [
        (1, 3), (1, 4), (2, 2), (3, 1),
    ]  # fmt: skip
    assert migrate(tmp_path, mode="check", select=("SFC001",)).document["changes"] == []


def test_notebooks_of_format_3_are_migrated(tmp_path: Path) -> None:
    write(tmp_path, {"n.ipynb": THREE.encode()})
    done = migrate(tmp_path)
    expected = THREE.replace('"import openai', '"import stepfun_compat as openai').replace(
        "from openai", "from stepfun_compat"
    )
    assert (done.code, done["n.ipynb"]) == (0, expected)


def test_refusal_names_cell_and_line(tmp_path: Path) -> None:
    cells: list[Any] = [
        {"cell_type": "code", "source": "x = 1"},
        {"cell_type": "code", "source": "y = 1\nfrom openai._client import OpenAI"},
    ]
    write(tmp_path, {"n.ipynb": json.dumps({"nbformat": 4, "cells": cells}).encode()})
    done = migrate(tmp_path)
    assert (done.code, done.document["left"][0]["cell"], done.document["left"][0]["line"]) == (3, 1, 2)
    assert "left alone n.ipynb:cell 1:2: SFC001" in migrate(tmp_path, format_="text").out


def test_split_statement_stays_in_one_source_string(tmp_path: Path) -> None:
    source = ["from openai import OpenAI, _utils\n", "OpenAI()"]
    write(
        tmp_path, {"n.ipynb": json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "source": source}]}).encode()}
    )
    done = migrate(tmp_path)
    cell = json.loads(done["n.ipynb"])["cells"][0]["source"]
    assert cell == ["from openai import _utils; from stepfun_compat import OpenAI\n", "OpenAI()"]


def test_statement_over_several_source_strings_changes_only_its_module_name(tmp_path: Path) -> None:
    source = ["from openai import (\n", "    OpenAI,\n", ")"]
    write(
        tmp_path, {"n.ipynb": json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "source": source}]}).encode()}
    )
    assert json.loads(migrate(tmp_path)["n.ipynb"])["cells"][0]["source"][0] == "from stepfun_compat import (\n"


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"cells": 1}', '{"nbformat": 4, "cells": [{"cell_type": "code", "source": 1}]}']
)
def test_invalid_notebooks_are_not_read(tmp_path: Path, text: str) -> None:
    write(tmp_path, {"openai.ipynb": text.encode() + b"\n", "a.py": "x = 'openai'\n"})
    done = migrate(tmp_path)
    assert done["openai.ipynb"] == text + "\n"
