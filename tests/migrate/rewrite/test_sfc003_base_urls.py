"""SFC003: OpenAI base URLs passed to clients."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..support import write
from .support import migrate, migrated

HEAD = "from openai import AsyncOpenAI, AzureOpenAI, OpenAI\n"
MOVED = HEAD.replace("from openai", "from stepfun_compat")
URL = '"https://api.openai.com/v1"'

TAKEN_OUT = {
    "alone": (f"OpenAI(base_url={URL})\n", "OpenAI()\n"),
    "alone with a comma": (f"OpenAI(base_url={URL},)\n", "OpenAI()\n"),
    "first": (f"OpenAI(base_url={URL}, api_key='k')\n", "OpenAI(api_key='k')\n"),
    "in the middle": (f"OpenAI(api_key='k', base_url={URL}, timeout=1)\n", "OpenAI(api_key='k', timeout=1)\n"),
    "last": (f"OpenAI(api_key='k', base_url = {URL})\n", "OpenAI(api_key='k')\n"),
    "on its line": (
        f"OpenAI(\n    api_key='k',\n    base_url={URL},\n    timeout=1,\n)\n",
        "OpenAI(\n    api_key='k',\n    timeout=1,\n)\n",
    ),
    "on the last line": (f"OpenAI(\n    api_key='k',\n    base_url={URL}\n)\n", "OpenAI(\n    api_key='k'\n)\n"),
    "beside a comment": (
        f"OpenAI(\n    base_url={URL},  # the default\n    timeout=1,\n)\n",
        "OpenAI(\n      # the default\n    timeout=1,\n)\n",
    ),
    "windows line ends": (
        f"OpenAI(\r\n    base_url={URL},\r\n    timeout=1,\r\n)\r\n",
        "OpenAI(\r\n    timeout=1,\r\n)\r\n",
    ),
    "single quotes": ("OpenAI(base_url='https://api.openai.com')\n", "OpenAI()\n"),
    "a slash at the end": ('OpenAI(base_url="https://api.openai.com/v1/")\n', "OpenAI()\n"),
    "async": (f"AsyncOpenAI(base_url={URL})\n", "AsyncOpenAI()\n"),
    "another vendor's": (
        'OpenAI(base_url="https://api.groq.com/openai/v1")\n', 'OpenAI(base_url="https://api.groq.com/openai/v1")\n',
    ),
    "an ignored line": (
        f"OpenAI(base_url={URL})  # stepfun: ignore[SFC003]\n", f"OpenAI(base_url={URL})  # stepfun: ignore[SFC003]\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TAKEN_OUT)
def test_url_is_removed(tmp_path: Path, case: str) -> None:
    before, after = TAKEN_OUT[case]
    assert migrated(tmp_path, HEAD + before) == MOVED + after


def test_url_of_an_alias_and_of_the_module_is_removed(tmp_path: Path) -> None:
    before = f"import openai as ai\nx = ai.OpenAI(base_url={URL})\n"
    assert migrated(tmp_path, before) == "import stepfun_compat as ai\nx = ai.OpenAI()\n"


REPORTED = {
    "in parentheses": (f"OpenAI(base_url=({URL}))\n", "refused", "in parentheses or not a single string"),
    "in parts": ("OpenAI(base_url='https://api.openai.com' '/v1')\n", "refused", "not a single string"),
    "for a request of its own": (f"import requests\nrequests.post({URL})\n", "refused", "not passed to a client"),
    "a route of a test": (f"import respx\nrespx.post({URL})\n", "refused", "not passed to a client"),
    "Azure's": (
        "AzureOpenAI(azure_endpoint='https://x.openai.azure.com', api_version='1')\n", "note", "the client ignores the URL",
    ),
    "under a name": (f"U = {URL}\nOpenAI(base_url=U)\n", "note", "passed to a client, which ignores it"),
    "of another path": ("OpenAI(base_url='https://api.openai.com/v2')\n", "note", "ignores the URL"),
}  # fmt: skip


@pytest.mark.parametrize("case", REPORTED)
def test_url_is_reported_and_unchanged(tmp_path: Path, case: str) -> None:
    source, severity, why = REPORTED[case]
    write(tmp_path, {"a.py": HEAD + source})
    done = migrate(tmp_path)
    assert done.code == (3 if severity == "refused" else 0)
    assert done["a.py"] == MOVED + source
    ((found, reason),) = [(one["severity"], one["why"]) for one in done.document["left"]]
    assert (found, why in reason) == (severity, True), reason


def test_module_setting_is_reported(tmp_path: Path) -> None:
    source = f"import openai\nopenai.api_base = {URL}\nopenai.ChatCompletion.create()\n"
    write(tmp_path, {"a.py": source})
    done = migrate(tmp_path)
    assert done.code == 0
    assert [(one["line"], one["severity"]) for one in done.document["left"]] == [(2, "note")]


STAYS = {
    "a client that is not moved": f"from openai import OpenAI  # stepfun: ignore[SFC001]\nOpenAI(base_url={URL})\n",
    "a client of another rule's choice": HEAD + f"OpenAI(base_url={URL})\n",
}


@pytest.mark.parametrize("case", STAYS)
def test_url_of_an_unchanged_client_is_unchanged(tmp_path: Path, case: str) -> None:
    write(tmp_path, {"a.py": STAYS[case], "b.py": "from openai import OpenAI\n"})
    options = {"select": ("SFC003",)} if "choice" in case else {}
    done = migrate(tmp_path, **options)
    assert done["a.py"] == STAYS[case]
    assert done.code == (0 if options else 3)


def test_url_of_a_client_from_an_unchanged_file_is_unchanged(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"base.py": "from openai import OpenAI\n", "a.py": f"from base import OpenAI\nOpenAI(base_url={URL})\n"},
    )
    done = migrate(tmp_path)
    assert done.left == [("a.py", 2, "the client stays openai's in this run, so it keeps its URL")]
