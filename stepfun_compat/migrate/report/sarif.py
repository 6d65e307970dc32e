"""The SARIF 2.1.0 output, for code scanning, with one rule per reason."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any, Final
from urllib.parse import quote

from ..findings import Finding, ScanResult
from ..reasons import REASONS, Reason, Verdict, anchor

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final[dict[Verdict, str]] = {
    "unchanged": "none",
    "translated": "note",
    "needs a decision": "warning",
    "will not work": "error",
}


def as_sarif(result: ScanResult) -> str:
    """Return the result as SARIF. URIs are relative to the root. A fingerprint depends on the text of a line, not on
    its number."""
    from ... import __stepfun_version__

    used = sorted({one.reason for one in result.findings})
    numbers = {reason: number for number, reason in enumerate(used)}
    seen: Counter[str] = Counter()
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "stepfun-compat",
                "version": __stepfun_version__,
                "semanticVersion": __stepfun_version__,
                "rules": [_rule(REASONS[reason]) for reason in used],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"ROOT": {"description": {"text": "The scanned directory."}}},
        "results": [_result(one, numbers[one.reason], seen) for one in result.findings],
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [
                    {
                        "level": "warning" if one.verdict else "note",
                        "message": {"text": f"not read: {one.why}"},
                        "locations": [{"physicalLocation": {"artifactLocation": _artifact(one.file)}}],
                    }
                    for one in result.not_read
                ],
            }
        ],
    }
    document = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _rule(reason: Reason) -> dict[str, Any]:
    return {
        "id": reason.id,
        "name": "".join(part.capitalize() for part in reason.id.split("-")),
        "shortDescription": {"text": reason.title},
        "fullDescription": {"text": reason.why.format(detail="it")},
        "help": {"text": f"{reason.do.format(detail='see the guide')}. Guide: {anchor(reason.id)}"},
        "defaultConfiguration": {"level": _LEVELS[reason.verdict]},
        "properties": {"verdict": reason.verdict},
    }


def _artifact(path: str) -> dict[str, str]:
    return {"uri": quote(path), "uriBaseId": "ROOT"}


def _result(one: Finding, rule: int, seen: Counter[str]) -> dict[str, Any]:
    region: dict[str, Any] = {"startLine": one.line, "startColumn": one.column, "endLine": one.end_line}
    if one.excerpt and one.cell is None:
        region["snippet"] = {"text": one.excerpt}
    location: dict[str, Any] = {"physicalLocation": {"artifactLocation": _artifact(one.file), "region": region}}
    if one.cell is not None:
        location["logicalLocations"] = [{"name": f"cell {one.cell}", "kind": "module"}]
    return {
        "ruleId": one.reason,
        "ruleIndex": rule,
        "level": _LEVELS[one.verdict],
        "kind": "informational" if one.verdict == "unchanged" else "fail",
        "message": {"text": f"{one.target}: {one.why}. {one.do[:1].upper()}{one.do[1:]}."},
        "locations": [location],
        "partialFingerprints": {"stepfunCompat/v1": _fingerprint(one, seen)},
        "properties": {
            "verdict": one.verdict,
            "kind": one.kind,
            "target": one.target,
            "known": one.known,
            "generation": one.generation,
            "rule": one.rule,
        },
    }


def _fingerprint(one: Finding, seen: Counter[str]) -> str:
    """Return a fingerprint that stays the same when the line moves. The order distinguishes equal lines."""
    text = "\0".join((one.file, one.kind, one.target, one.reason, "".join(one.excerpt.split())))
    seen[text] += 1
    return hashlib.sha256(f"{text}\0{seen[text]}".encode()).hexdigest()[:32]
