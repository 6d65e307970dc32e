"""Which files are read, and as what; which are skipped after a look at their bytes."""

from __future__ import annotations

import re
from typing import Final, Literal

FileKind = Literal["python", "notebook", "requirements", "pyproject", "setup_cfg", "pipfile", "conda", "env", "yaml", "toml", "json", "docker"]  # fmt: skip

LARGEST: Final = 8_000_000
"""Bytes. A larger file is generated; it is not read."""

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
    """Return what a path with `/` is read as; None for what is not read at all."""
    directory, _, name = path.rpartition("/")
    known = _NAMES.get(name)
    if known is not None:
        return known
    if _REQUIREMENTS.fullmatch(name) or (directory.rpartition("/")[2] == "requirements" and name.endswith((".txt", ".in"))):  # fmt: skip
        return "requirements"
    known = _SUFFIXES.get(name.rpartition(".")[2].lower()) if "." in name else None
    if known is not None:
        return known
    if _ENV.fullmatch(name):
        return "env"
    return "docker" if _DOCKER.fullmatch(name) else None


_NEEDLES: Final = (
    b"openai", b"open_ai", b"completion", b"gpt-", b"embeddings", b"moderations", b"images", b"audio.", b"responses",
    b"davinci", b"text-", b"azure.com", b".threads", b".assistants", b"vector_stores", b"with_raw_response",
    b"with_streaming_response", b"fine_tuning", b"conversations", b"client_secrets", b"realtime", b"curie", b"babbage",
    b"whisper-1", b"tts-1", b"dall-e-", b"codex-", b"sora-2", b"computer-use", b"'o1", b'"o1', b"'o3", b'"o3', b"'o4",
    b'"o4', b"'ada'", b'"ada"', b"'ft:", b'"ft:',
)  # fmt: skip
"""Looked for first: a search for plain bytes costs next to nothing."""
_INTEREST: Final = re.compile(
    rb"openai|open_ai|chatcompletion|completions\b|gpt-|davinci|azure\.com|with_raw_response|with_streaming_response|"
    rb"client_secrets|(?:embeddings|moderations|responses|conversations|images|audio|vector_stores|threads|assistants|"
    rb"fine_tuning|realtime)\s*\.\s*[a-z]|"
    rb"[\"'](?:o[134][\"'-]|curie|babbage|ada[\"']|whisper-1|tts-1|dall-e-|codex-|sora-2|ft:|computer-use)|"
    rb"text-(?:embedding|moderation|similarity|search|ada|babbage|curie|davinci)"
)
_TEXT_INTEREST: Final = re.compile(
    rb"[oO][pP][eE][nN]_?[aA][iI]|gpt-|\bo[1-4]\b|davinci|curie|babbage|whisper-1|tts-1|dall-e-|codex-|sora-2|"
    rb"text-embedding-|text-moderation-|text-ada|computer-use-preview|azure\.com|\bft:"
)
_SPEAKS: Final = re.compile(rb"openai", re.IGNORECASE)


def of_interest(kind: FileKind, data: bytes) -> bool:
    """Whether the bytes of a file name anything that could be a finding."""
    if kind not in ("python", "notebook"):
        return _TEXT_INTEREST.search(data) is not None
    lower = data.lower()
    if b"openai" in lower:
        return True
    return any(needle in lower for needle in _NEEDLES) and _INTEREST.search(lower) is not None


def speaks_of_openai(data: bytes) -> bool:
    """Whether the word stands in the bytes, in any case; in UTF-16 as well."""
    if _SPEAKS.search(data) is not None:
        return True
    return b"\0" in data and _SPEAKS.search(data.replace(b"\0", b"")) is not None
