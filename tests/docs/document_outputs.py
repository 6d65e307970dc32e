"""The recorded outputs of the documents' code blocks, in `document_outputs.json`.

`python -m tests.docs.document_outputs` runs the blocks and writes the record and every `output` block that follows a
`python` block; with names of documents it runs only those. Read the difference before committing it.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

RECORD = Path(__file__).parent / "document_outputs.json"

# Parts that differ from run to run: ids, times, ports, temporary paths, installed versions.
_MASKS = (
    (re.compile(r"\b[0-9a-f]{32}(?:\.[0-9a-f]{32})?\b"), "<id>"),
    (
        re.compile(r"\b(call|chatcmpl|resp|msg|rs|fc|file|vs|conv|audio|item|req|upload|batch)[-_][A-Za-z0-9_-]{8,}"),
        r"\1_<id>",
    ),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:<port>"),
    (re.compile(r"\b1[6-9]\d{8}(?:\.\d+)?\b"), "<time>"),
    (re.compile(r"/(?:tmp|var)/[^\s'\"]*"), "<path>"),
    (re.compile(r"\b\d+\.\d+ ?(?:ms|s|seconds)\b"), "<seconds>"),
)


def key(code: str) -> str:
    """Return the name of a block: a digest of its code, so that it may move between documents."""
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def masked(text: str) -> str:
    """Mask the parts of an output that differ from run to run."""
    for pattern, put in _MASKS:
        text = pattern.sub(put, text)
    return text.rstrip()


def recorded() -> dict[str, str]:
    """Return the recorded, masked output of each block."""
    return json.loads(RECORD.read_text(encoding="utf-8"))


def run_block(code: str, environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one block as a separate program."""
    program = folder / "block.py"
    program.write_text(code, encoding="utf-8")
    return subprocess.run(
        [sys.executable, str(program)],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


_SHOWN = re.compile(r"^```python\n((?:(?!^```$).*\n)*)^```\n\n```output\n((?:(?!^```$).*\n)*)^```$", re.MULTILINE)


def shown_outputs(text: str) -> list[tuple[str, str]]:
    """Return (code, output) of each `python` block followed by an `output` block."""
    return [(match.group(1), match.group(2)) for match in _SHOWN.finditer(text)]


def with_outputs(text: str, outputs: Mapping[str, str]) -> str:
    """Return a document with the recorded output in every `output` block."""

    def fill(match: re.Match[str]) -> str:
        code = match.group(1)
        return f"```python\n{code}```\n\n```output\n{outputs[key(code)]}\n```"

    return _SHOWN.sub(fill, text)


def main(names: Sequence[str]) -> None:
    from tests.docs import test_docs

    outputs: dict[str, str] = {}
    known = recorded() if names else {}
    with test_docs.emulated() as environment:
        for document, line, code in test_docs.code_blocks("python"):
            if test_docs.REDIS in code:
                continue
            if names and document not in names and key(code) in known:
                outputs[key(code)] = known[key(code)]
                continue
            with tempfile.TemporaryDirectory() as folder:
                done = run_block(code, environment, Path(folder))
            print(f"{document}:{line}", "" if done.returncode == 0 else done.stderr[-600:])  # noqa: T201
            outputs[key(code)] = masked(done.stdout)
    RECORD.write_text(json.dumps(outputs, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    for document in test_docs.DOCUMENTS:
        path = test_docs.ROOT / document
        path.write_text(with_outputs(path.read_text(encoding="utf-8"), outputs), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
