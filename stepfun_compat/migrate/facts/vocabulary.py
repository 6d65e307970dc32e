"""Patterns for OpenAI's names: model ids, environment variables, hosts."""

from __future__ import annotations

import re
from typing import Final, Literal

_MODELS: Final = (
    r"gpt-3\.5-turbo(?:-[a-z0-9-]+)?",
    r"gpt-35-turbo(?:-[a-z0-9-]+)?",
    r"gpt-4(?:-(?:turbo|32k|vision|\d{4}|0314|0613|1106|0125)[a-z0-9-]*)?",
    r"gpt-4o(?:-[a-z0-9-]+)?",
    r"gpt-4\.\d(?:-[a-z0-9-]+)?",
    r"gpt-[5-9](?:\.\d+)?(?:-[a-z0-9.-]+)?",
    r"gpt-(?:audio|realtime|image|transcribe|oss|daybreak|rosalind)(?:-[a-z0-9.-]+)?",
    r"chatgpt-(?:4o|image)[a-z0-9.-]*",
    r"o[1-4](?:-(?:mini|preview|pro|deep-research)(?:-[a-z0-9-]+)?|-\d{4}-\d\d-\d\d)?",
    r"(?:text|code)-(?:davinci|curie|babbage|ada|cushman)-(?:edit-)?\d{3}",
    r"text-(?:similarity|search)-(?:davinci|curie|babbage|ada)-[a-z0-9-]+",
    r"text-embedding-(?:ada-002|3-small|3-large|ada-002-v2)",
    r"(?:davinci|babbage)-002",
    r"davinci|curie|babbage|text-davinci",
    r"(?:omni|text)-moderation-(?:latest|stable|\d{3}|\d{4}-\d\d-\d\d)",
    r"whisper-1",
    r"tts-1(?:-hd)?(?:-\d{4})?",
    r"dall-e-[23]",
    r"sora-2(?:-[a-z0-9-]+)?",
    r"codex-(?:mini|cushman|davinci)[a-z0-9.-]*",
    r"computer-use-preview(?:-[a-z0-9-]+)?",
    r"ft:(?:gpt|o\d|davinci|babbage)[A-Za-z0-9.:_-]+",
)
_ENV: Final = r"(?:AZURE_)?OPENAI_[A-Z0-9_]+"
_HOST: Final = (
    r"(?:(?:https?|wss?)://)?(?:[^\s/@]+@)?(?:[A-Za-z0-9-]+\.)*(?:openai\.com|openai\.azure\.com|"
    r"cognitiveservices\.azure\.com|services\.ai\.azure\.com)(?::\d+)?(?:/[^\s]*)?"
)
_API_HOST: Final = re.compile(
    r"(?<![A-Za-z0-9-])(?:[A-Za-z0-9-]*\.)*(?:api\.openai\.com|openai\.azure\.com)(?![A-Za-z0-9.-]*[A-Za-z0-9-]@)"
)

WHOLE: Final = re.compile(f"(?:(?P<model>{'|'.join(_MODELS)})|(?P<env>{_ENV})|(?P<host>{_HOST}))")
"""Matches a complete string; the matching group is the kind of the name."""

_WORDS: Final = frozenset({"o1", "o2", "o3", "o4", "davinci", "curie", "babbage"})
"""Model ids without a dash."""

LONGEST_TEXT: Final = 300
"""The maximum length of a name."""


def kind_of(text: str) -> Literal["model", "env", "host"] | None:
    """Return the kind of a string that is exactly a name of OpenAI; None for any other string."""
    if not (  # most strings
        "-" in text or "openai" in text or "OPENAI" in text or "azure" in text or text in _WORDS or text[:3] == "ft:"
    ):
        return None
    found = WHOLE.fullmatch(text)
    kind = None if found is None else found.lastgroup
    if kind is None:
        return None
    if kind == "host":
        return "host" if _API_HOST.search(text) else None
    return "model" if kind == "model" else "env"


def names_host(part: str) -> bool:
    """Whether one part of a concatenated URL contains the host of OpenAI's or Azure's API."""
    return _API_HOST.search(part) is not None
