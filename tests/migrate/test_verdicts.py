"""One use for each reason, its verdict, and its section of the guide."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stepfun_compat.migrate.facts import FileFacts
from stepfun_compat.migrate.reasons import REASONS, anchor
from stepfun_compat.migrate.uses import Use
from stepfun_compat.migrate.verdicts import excludes_ours, judge

from .support import scanned, write

GUIDE = (Path(__file__).parents[2] / "migration_guide.md").read_text(encoding="utf-8")
CLIENT = "import openai\nclient = openai.OpenAI()\n"
ASYNC = "import openai as oai\nclient = oai.AsyncOpenAI()\n"
OLD = "import openai\nopenai.ChatCompletion.create(model='gpt-4')\n"
CASES: dict[str, list[tuple[str, str]]] = {
    "import": [("a.py", "import openai\n"), ("b.pyi", "from openai import OpenAI as Client\n")],
    "part": [("a.py", "from openai.types.chat import ChatCompletion\n"), ("a.py", "import openai._utils as u\n")],
    "legacy": [("a.py", OLD), ("a.py", "import openai as ai\nasync def f(): await ai.Completion.acreate()\n"),
               ("a.py", "from openai.error import Timeout\n"), ("a.py", "import openai\nopenai.api_base = url\n")],
    "client": [("a.py", CLIENT), ("a.py", ASYNC)],
    "azure": [("a.py", "from openai import AzureOpenAI\nAzureOpenAI(api_version='1')\n"),
              ("a.py", "import openai as o\no.AsyncAzureOpenAI()\n")],
    "bedrock": [("a.py", "from openai import BedrockOpenAI\nBedrockOpenAI()\n")],
    "endpoint": [("a.py", CLIENT + "client.chat.completions.create(model='gpt-4o', messages=[])\n"),
                 ("a.py", ASYNC + "async def f(): await client.chat.completions.create(model='gpt-4o', messages=[])\n")],
    "limits": [("a.py", CLIENT + "client.audio.transcriptions.create(file=f, model='whisper-1')\n")],
    "fallback": [("a.py", CLIENT + "client.embeddings.create(input='x', model='text-embedding-3-small')\n")],
    "absent": [("a.py", CLIENT + "client.fine_tuning.jobs.create(model='x', training_file='y')\n")],
    "raw-request": [("a.py", CLIENT + "client.post('/x', cast_to=object)\n")],
    "dropped": [("a.py", CLIENT + "client.chat.completions.create(model='gpt-4o', messages=[], logit_bias={})\n"),
                ("a.py", CLIENT + "args = {'logit_bias': b}\nclient.chat.completions.create(**args)\n")],
    "parameters": [("a.py", CLIENT + "client.chat.completions.create(model='x', messages=[], tool_choice='required')\n")],
    "unseen": [("a.py", CLIENT + "def f(**kwargs): client.chat.completions.create(**kwargs)\n"),
               ("a.py", CLIENT + "client.chat.completions.create(**load())\n")],
    "built-model": [("a.py", CLIENT + "client.chat.completions.create(model=f'gpt-{n}', messages=[])\n"),
                    ("a.py", CLIENT + "client.chat.completions.create(model='gpt-{}'.format(n), messages=[])\n")],
    "store": [("a.py", CLIENT + "client.responses.create(model='gpt-4o', input='x', previous_response_id=last)\n")],
    "model": [("a.py", "MODEL = 'gpt-4o'\n"), ("a.yaml", "model: gpt-4o\n")],
    "no-model": [("a.py", "MODEL = 'sora-2'\n")],
    "key": [("a.py", "import os\nos.environ['OPENAI_API_KEY']\n"), (".env", "OPENAI_API_KEY=x\n")],
    "variable": [("a.py", "import os\nos.getenv('OPENAI_ORG_ID')\n")],
    "openai-url": [("a.py", "import openai\nopenai.OpenAI(base_url='https://api.openai.com/v1')\n")],
    "other-url": [("a.py", "import openai\nopenai.OpenAI(base_url='http://localhost:11434/v1')\n")],
    "built-url": [("a.py", "import openai\nopenai.OpenAI(base_url=config.url)\n")],
    "setting": [("a.py", "import openai\nopenai.organization = 'x'\n")],
    "error": [("a.py", "import openai\ntry: pass\nexcept openai.RateLimitError: pass\n")],
    "type": [("a.py", "import openai\ndef f(x=openai.NOT_GIVEN): pass\n")],
    "dependency": [("requirements.txt", "openai>=1\n")],
    "pin": [("requirements.txt", "openai==0.28.1\n"), ("pyproject.toml", "[tool.poetry.dependencies]\nopenai='^0.27'\n")],
}  # fmt: skip


@pytest.mark.parametrize(("reason", "name", "text"), [(r, n, t) for r, rows in CASES.items() for n, t in rows])
def test_reason_has_a_verdict_and_a_section(reason: str, name: str, text: str, tmp_path: Path) -> None:
    write(tmp_path, {name: text})
    found = scanned(tmp_path).findings
    deciding = [one for one in found if one.reason == reason]
    assert deciding, [(one.kind, one.reason) for one in found]
    row = REASONS[reason]
    for one in deciding:
        assert one.verdict == row.verdict
        assert one.doc == anchor(reason)
        assert one.why
        assert one.do
        assert "{detail" not in one.why + one.do


def test_every_reason_is_tested() -> None:
    assert set(CASES) == set(REASONS) - {"not-read", "unknown-method"}


def test_method_missing_from_the_catalog_needs_a_decision() -> None:
    use = Use(0, "api_call", "chat.newest", "1+", "resolved", 1, 0, 1, 5, "value")
    judgement = judge(use, FileFacts(), False)
    assert [reason.id for reason, _ in judgement.reasons] == ["unknown-method"]
    assert judgement.verdict == "needs a decision"


def test_guide_has_a_section_for_each_reason() -> None:
    sections = dict(re.findall(r'^<a id="scan-([\w-]+)"></a>\n\n#### (.+)\n\n\*', GUIDE, re.MULTILINE))
    assert sections == {row.id: row.title for row in REASONS.values()}
    for row in REASONS.values():
        body = GUIDE.split(f'<a id="scan-{row.id}"></a>')[1].split("<a id=")[0]
        assert f"\n*{row.verdict}.* " in body, row.id
        file, _, place = anchor(row.id).partition("#")
        assert file == "migration_guide.md"
        assert f'<a id="{place}"></a>' in GUIDE


def test_worst_reason_decides_and_all_are_reported(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": CLIENT + "client.embeddings.create(model=f'x{n}', input='', **more)\n"})
    one = next(one for one in scanned(tmp_path).findings if one.kind == "api_call")
    assert one.verdict == "needs a decision"
    assert "built at run time" in one.why
    assert "**more are unknown until run time" in one.why
    assert one.parameters == ("input", "model", "**more")


def test_0x_call_has_the_verdict_of_its_replacement(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": OLD + "openai.FineTune.create(training_file='x')\n"})
    verdicts = {
        one.target: (one.generation, one.verdict) for one in scanned(tmp_path).findings if one.kind == "api_call"
    }
    assert verdicts == {
        "chat.completions.create": ("0.x", "translated"),
        "fine_tuning.jobs.create": ("0.x", "will not work"),
    }


def test_unread_file_that_mentions_openai_needs_a_decision(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "import openai\nprint 'x'\n", "b.py": "print 'no word of it'\n"})
    result = scanned(tmp_path)
    assert [(one.file, one.verdict) for one in result.not_read] == [("a.py", "needs a decision")]
    assert result.worst() == "needs a decision"


@pytest.mark.parametrize(
    ("requirement", "excludes"),
    [
        ("openai", False),
        ("openai==0.28.1", True),
        ("openai==1.65.5", True),
        ("openai==1.66.0", False),
        ("openai==1.*", False),
        ("openai==4.0", True),
        ("openai<1", True),
        ("openai<1.66", True),
        ("openai<1.67", False),
        ("openai<=1.65", True),
        ("openai<=1.66", False),
        ("openai<2", False),
        ("openai>=1.0,<1.50", True),
        ("openai>=3", False),
        ("openai>=4", True),
        ("openai~=1.30", False),
        ("openai~=1.30.0", True),
        ("openai~=0.28", True),
        ('openai = "^1.30"', False),
        ('openai = "^0.28"', True),
        ('openai = "~1.30"', True),
    ],
)
def test_any_bound_of_a_requirement_may_exclude_supported_versions(requirement: str, excludes: bool) -> None:
    assert excludes_ours(requirement) is excludes
