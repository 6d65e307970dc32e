"""Determine the kind of a file, and whether its bytes are worth parsing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

FileKind = Literal["python", "notebook", "requirements", "pyproject", "setup_cfg", "pipfile", "conda", "env", "yaml", "toml", "json", "docker"]  # fmt: skip

LARGEST: Final = 8_000_000
"""The maximum size in bytes. A larger file is assumed to be generated and is not read."""
LARGEST_NOTEBOOK: Final = 64_000_000
"""The maximum size of a notebook in bytes. Most of a large notebook is output, such as images, and not code."""

_REQUIREMENTS: Final = re.compile(r"(?:.*[-_.])?(?:requirements|constraints)(?:[-_.].*)?\.(?:txt|in)", re.IGNORECASE)
_DOCKER: Final = re.compile(r"(?:.*\.)?(?:dockerfile|containerfile)(?:\..*)?", re.IGNORECASE)
_ENV: Final = re.compile(r"\.env(?:[-_.].*)?|.*\.env|\.envrc")
_NAMES: Final[dict[str, FileKind]] = {
    "pyproject.toml": "pyproject",
    "setup.cfg": "setup_cfg",
    "Pipfile": "pipfile",
    "environment.yml": "conda",
    "environment.yaml": "conda",
}
_SUFFIXES: Final[dict[str, FileKind]] = {
    "py": "python",
    "pyi": "python",
    "ipynb": "notebook",
    "yml": "yaml",
    "yaml": "yaml",
    "toml": "toml",
    "json": "json",
}


def kind_of_file(path: str) -> FileKind | None:
    """Return the kind of a file by its path with `/`; None for a file that is not read."""
    directory, _, name = path.rpartition("/")
    known = _NAMES.get(name)
    if known is not None:
        return known
    known = _SUFFIXES.get(name.rpartition(".")[2].lower()) if "." in name else None
    if known is not None:
        return known
    if _REQUIREMENTS.fullmatch(name) or (directory.rpartition("/")[2] == "requirements" and name.endswith((".txt", ".in"))):  # fmt: skip
        return "requirements"
    if _ENV.fullmatch(name):
        return "env"
    return "docker" if _DOCKER.fullmatch(name) else None


def _below(resource: bytes, methods: bytes) -> re.Pattern[bytes]:
    """Return a pattern for methods of a resource and their raw-response variants; its literal prefix makes it fast."""
    return re.compile(resource + rb"\s*\.\s*(?:" + methods + rb"|with_raw_response|with_streaming_response)\b")


_CRUD: Final = rb"create|retrieve|update|delete|list|cancel"
_NEEDLES: Final[Mapping[bytes, re.Pattern[bytes] | None]] = {
    b"openai": None,
    b"completions": re.compile(rb"completions\b"),
    b"chatcompletion": None,
    b"gpt-": None,
    b"davinci": None,
    b"text-": re.compile(rb"text-(?:embedding|moderation|similarity|search|ada|babbage|curie)"),
    b"with_raw_response": None,
    b"embedding": _below(b"embeddings?", b"a?create"),
    b"moderation": _below(b"moderations?", b"a?create"),
    b"image": _below(b"images?", rb"generate|edit|a?create\w*"),
    b"responses": _below(b"responses", _CRUD + b"|parse|stream|compact|connect|input_items|input_tokens"),
    b"conversations": _below(b"conversations", b"create|retrieve|update|delete|items"),
    b"audio": _below(b"audio", rb"speech|transcriptions|translations|a?transcribe\w*|a?translate\w*"),
    b"vector_stores": None,
    b"threads": _below(b"threads", _CRUD + rb"|create_and_run\w*|runs|messages"),
    b"assistants": _below(b"assistants", _CRUD),
    b"fine_tuning": _below(b"fine_tuning", b"jobs|checkpoints|alpha"),
    b"realtime": _below(b"realtime", b"connect|sessions|calls|client_secrets|transcription_sessions"),
    b"files": _below(b"files", b"create|retrieve|retrieve_content|delete|list|content|wait_for_processing"),
    b"batches": _below(b"batches", b"create|retrieve|list|cancel"),
    b"models.": _below(b"models", b"retrieve|list|delete"),
    b"whisper-1": None,
    b"tts-1": None,
    b"dall-e-": None,
    b"codex-": None,
    b"sora-2": None,
    b"computer-use": None,
    b"babbage-": None,
    b"o1": re.compile(rb"['\"]o1"),
    b"o3": re.compile(rb"['\"]o3"),
    b"o4": re.compile(rb"['\"]o4"),
    b"ft:": re.compile(rb"['\"]ft:"),
}
"""Lower-case bytes to search for in Python files and notebooks, with a pattern that must also match if the word is
common. Searching for plain bytes is much faster than for a pattern."""
_TEXT_NEEDLES: Final[Mapping[bytes, re.Pattern[bytes] | None]] = {
    b"gpt-": None,
    b"davinci": None,
    b"curie": None,
    b"babbage": None,
    b"whisper-1": None,
    b"tts-1": None,
    b"dall-e-": None,
    b"codex-": None,
    b"sora-2": None,
    b"text-": re.compile(rb"text-(?:embedding-|moderation-|ada)"),
    b"computer-use-preview": None,
    b"azure.com": None,
    b"o1": re.compile(rb"\bo1\b"),
    b"o2": re.compile(rb"\bo2\b"),
    b"o3": re.compile(rb"\bo3\b"),
    b"o4": re.compile(rb"\bo4\b"),
    b"ft:": re.compile(rb"\bft:"),
}
"""Bytes to search for in other files, besides the name of OpenAI, with a pattern that must also match if they are part
of common words."""


def of_interest(kind: FileKind, data: bytes) -> bool:
    """Whether the bytes of a file contain anything that could be a finding."""
    lower = data.lower()
    if kind in ("python", "notebook"):
        return _has_any(_NEEDLES, lower)
    return b"openai" in lower or b"open_ai" in lower or _has_any(_TEXT_NEEDLES, data)


def _has_any(needles: Mapping[bytes, re.Pattern[bytes] | None], data: bytes) -> bool:
    for needle, pattern in needles.items():
        if needle in data and (pattern is None or pattern.search(data) is not None):
            return True
    return False


def mentions_openai(data: bytes) -> bool:
    """Whether the bytes contain the word `openai` in any case, also in UTF-16."""
    return b"openai" in data.lower() or (b"\0" in data and b"openai" in data.replace(b"\0", b"").lower())
