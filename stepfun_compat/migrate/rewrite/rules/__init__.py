"""The rules, in order of precedence for overlapping edits. SFC002 handles the files that SFC101 leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ..model import File, Project, RuleOutcome
from . import (
    sfc001_imports,
    sfc002_legacy_imports,
    sfc003_base_urls,
    sfc004_key_names,
    sfc005_env_files,
    sfc006_dependencies,
    sfc101,
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its id, its one-line description, and the function that applies it to one file."""

    id: str
    title: str
    apply: Callable[[File, Project], RuleOutcome]
    default: bool = True


RULES: Final[tuple[Rule, ...]] = (
    Rule("SFC001", "import stepfun_compat instead of openai", sfc001_imports.apply),
    Rule("SFC101", "replace openai<1.0 with the client API", sfc101.apply, default=False),
    Rule("SFC002", "import stepfun_compat.legacy instead of openai<1.0", sfc002_legacy_imports.apply),
    Rule("SFC003", "remove hard-coded OpenAI URLs from clients", sfc003_base_urls.apply),
    Rule("SFC004", "read STEPFUN_API_KEY where only a client uses the key", sfc004_key_names.apply),
    Rule("SFC005", "add STEPFUN_API_KEY to .env and compose files", sfc005_env_files.apply),
    Rule("SFC006", "require stepfun-compat next to openai", sfc006_dependencies.apply),
)
