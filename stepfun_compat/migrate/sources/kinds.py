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


_INTEREST: Final = re.compile(
    rb"[oO][pP][eE][nN]_?[aA][iI]|ChatCompletion|completions\b|embeddings\s*\.|images\s*\.\s*(?:generate|create_var)|"
    rb"audio\s*\.\s*(?:speech|tran)|moderations\s*\.|responses\s*\.\s*(?:create|parse|stream|input_|with_)|"
    rb"beta\s*\.\s*(?:threads|assist|vector|realtime)|fine_tuning\s*\.\s*jobs|vector_stores\s*\.|with_raw_response|"
    rb"with_streaming_response|conversations\s*\.|client_secrets|"
    rb"gpt-|chatgpt-|davinci|[\"'](?:o[1-4][\"'-]|curie|babbage|ada[\"']|whisper-1|tts-1|dall-e-|codex-|sora-2|ft:)|"
    rb"text-embedding-|text-moderation-|text-similarity-|text-search-|text-ada|text-babbage|text-curie|"
    rb"computer-use-preview|azure\.com"
)
_TEXT_INTEREST: Final = re.compile(
    rb"[oO][pP][eE][nN]_?[aA][iI]|gpt-|\bo[1-4]\b|davinci|curie|babbage|whisper-1|tts-1|dall-e-|codex-|sora-2|"
    rb"text-embedding-|text-moderation-|text-ada|computer-use-preview|azure\.com|\bft:"
)
_SPEAKS: Final = re.compile(rb"openai", re.IGNORECASE)


def of_interest(kind: FileKind, data: bytes) -> bool:
    """Whether the bytes of a file name anything that could be a finding."""
    pattern = _INTEREST if kind in ("python", "notebook") else _TEXT_INTEREST
    return pattern.search(data) is not None


def speaks_of_openai(data: bytes) -> bool:
    """Whether the word stands in the bytes, in any case; in UTF-16 as well."""
    if _SPEAKS.search(data) is not None:
        return True
    return b"\0" in data and _SPEAKS.search(data.replace(b"\0", b"")) is not None
