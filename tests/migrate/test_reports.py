"""SARIF, HTML and Markdown reports: their form, and that hostile source cannot affect them."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from stepfun_compat.migrate.command import render
from stepfun_compat.migrate.findings import ScanResult

from .support import scanned, write

HOSTILE = {
    "a.py": (
        "import openai  # </script><script>alert(1)</script>\n"
        "openai.embeddings.create(model='x')  # \u202e <img src=x onerror=alert(1)>\x1b[31m | `x`\n"
    ),
    "b.py": "import openai\nclient = openai.OpenAI(base_url=\"javascript:alert('</script>')\")\n",
    "<b>&\"'.py": "import openai\n",
    "old.py": "import openai\nprint '</script>'\n",
    "c.ipynb": json.dumps(
        {"cells": [{"cell_type": "code", "source": "import openai\nopenai.Embedding.create(input='</pre>')"}]}
    ),
}


@pytest.fixture
def result(tmp_path: Path) -> ScanResult:
    return scanned(write(tmp_path, dict(HOSTILE)))


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_html_report_loads_nothing_and_escapes_hostile_source(result: ScanResult) -> None:
    page = render(result, "html")
    parsed = _Page()
    parsed.feed(page)
    names = [tag for tag, _ in parsed.tags]
    assert names.count("script") == 1
    assert not set(names) & {"img", "link", "iframe", "object", "embed", "a", "form", "base"}
    for _, attributes in parsed.tags:
        assert not set(attributes) & {"src", "href", "style", "onload", "onerror", "onclick"}
    assert page.count("<script>") == page.count("</script>") == 1
    assert "\u202e" not in page
    assert "\\u202e" in page
    assert "\x1b" not in page
    assert "http:" not in page
    assert "https:" not in page
    assert "@import" not in page
    assert "url(" not in page


def test_html_report_policy_allows_only_its_own_script_and_style(result: ScanResult) -> None:
    import base64
    import hashlib

    page = render(result, "html")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    assert "default-src 'none'" in policy.group(1)
    for tag in ("script", "style"):
        text = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.S)
        assert text is not None
        digest = base64.b64encode(hashlib.sha256(text.group(1).encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy.group(1)


def test_html_report_is_complete_without_javascript(result: ScanResult) -> None:
    page = render(result, "html")
    assert page.count("<article") == len(result.findings)
    assert "hidden>" not in page
    assert ".filters{display:none" in page
    assert "viewport" in page
    assert "prefers-color-scheme:dark" in page


def test_sarif_has_rules_regions_relative_uris_and_fingerprints(result: ScanResult) -> None:
    document = json.loads(render(result, "sarif"))
    assert document["version"] == "2.1.0"
    (run,) = document["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len(run["results"]) == len(result.findings)
    for one in run["results"]:
        assert rules[one["ruleIndex"]]["id"] == one["ruleId"]
        physical = one["locations"][0]["physicalLocation"]
        uri = physical["artifactLocation"]["uri"]
        assert not uri.startswith(("/", "file:"))
        assert re.fullmatch(r"[A-Za-z0-9%._/-]+", uri)
        assert 1 <= physical["region"]["startLine"] <= physical["region"]["endLine"]
        assert one["partialFingerprints"]["stepfunCompat/v1"]
    assert len({one["partialFingerprints"]["stepfunCompat/v1"] for one in run["results"]}) == len(run["results"])


def test_fingerprints_survive_moved_lines(tmp_path: Path) -> None:
    def prints(text: str) -> list[str]:
        document = json.loads(render(scanned(write(tmp_path, {"a.py": text})), "sarif"))
        return [one["partialFingerprints"]["stepfunCompat/v1"] for one in document["runs"][0]["results"]]

    text = "import openai\nopenai.chat.completions.create()\nopenai.chat.completions.create()\n"
    before = prints(text)
    assert prints("# moved\n\n" + text) == before
    assert prints(text.replace("chat.completions", "embeddings")) != before


def test_markdown_escapes_hostile_source(result: ScanResult) -> None:
    text = render(result, "markdown")
    assert "<img" not in text.replace("\\<img", "")
    assert "</script>" not in text
    assert "\x1b" not in text
    for line in text.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) in (3, 6)
    assert len(text) < 65_536


def test_terminal_output_has_no_control_characters(result: ScanResult) -> None:
    text = render(result, "text", verbose=True)
    assert "\x1b" not in text
    assert "\u202e" not in text
