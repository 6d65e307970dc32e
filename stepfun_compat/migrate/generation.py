"""Determine which version of openai the files of a project are written for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .facts import FileFacts
from .facts import model as m
from .uses import Use

_IN_BOTH: Final = frozenset({"openai.APIError", "openai.OpenAIError"})
"""Error classes at the top level of the package since 0.x."""


def legacy_files(uses: Sequence[Use], facts: Sequence[FileFacts]) -> tuple[frozenset[int], frozenset[int]]:
    """Return the files written for openai<1.0, and the undetermined files of a project that uses both versions.

    A file that imports openai without anything specific to one version, such as one that only sets `openai.api_key`, is
    assumed to have the version of the rest of the project, including already migrated files.
    """
    moved = [_moved_to(one) for one in facts]
    old = _written_for_old(uses, moved)
    new = _written_for_new(uses, moved)
    importing = {use.file for use in uses if use.kind == "import"}
    legacy = old - new
    neutral = importing - old - new
    if not legacy & importing and "0.x" not in moved:
        return frozenset(legacy), frozenset()
    if new & importing or "1+" in moved:
        return frozenset(legacy), frozenset(neutral)
    return frozenset(legacy | neutral), frozenset()


def _written_for_old(uses: Sequence[Use], moved: Sequence[str | None]) -> set[int]:
    """Return the files that use something that only openai<1.0 has, or import `stepfun_compat.legacy`."""
    return {use.file for use in uses if use.generation == "0.x"} | _files_moved_to("0.x", moved)


def _written_for_new(uses: Sequence[Use], moved: Sequence[str | None]) -> set[int]:
    """Return the files that use something that only openai>=1.0 has, or import clients of stepfun_compat."""
    return {use.file for use in uses if _is_new(use)} | _files_moved_to("1+", moved)


def _files_moved_to(generation: str, moved: Sequence[str | None]) -> set[int]:
    return {number for number, one in enumerate(moved) if one == generation}


def _is_new(use: Use) -> bool:
    if use.generation == "1+":
        return _is_evidence(use)
    return use.kind == "error_class" and use.generation is None and _only_new(use)


def _is_evidence(use: Use) -> bool:
    return use.kind in ("client_construction", "import") or (use.kind == "api_call" and use.known != "shape")


def _only_new(use: Use) -> bool:
    return use.known == "resolved" and use.target not in _IN_BOTH


def _moved_to(facts: FileFacts) -> str | None:
    """Return the version of openai whose replacement in stepfun_compat a file imports, or None."""
    return next((moved for moved in map(_moved_by, facts.imports) if moved is not None), None)


def _moved_by(statement: m.Import) -> str | None:
    """Return the version of openai whose replacement in stepfun_compat a statement imports, or None."""
    for module in [statement.module] if statement.module is not None else [one.name for one in statement.names]:
        if f"{module}.".startswith("stepfun_compat.legacy."):
            return "0.x"
        if module.partition(".")[0] == "stepfun_compat" and not statement.level:
            return "0.x" if any(one.name == "legacy" for one in statement.names) else "1+"
    return None
