"""Judge each use of openai: how it works on StepFun, from the catalog."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ..catalog import default as catalog
from ..catalog.endpoints import outcome_of
from ..catalog.schema import Alias, EndpointOutcome
from .facts import FileFacts
from .facts import model as m
from .moved_names import stays
from .reasons import REASONS, Reason, Verdict, worse
from .sources.marks import Mark
from .uses import Use

BY_GENERATION: Final = frozenset({"import", "module_config", "error_class"})
"""Kinds of uses whose verdict depends on the openai version of the file."""
_ALWAYS: Final = frozenset(
    {"model", "messages", "input", "prompt", "file", "stream", "n", "size", "max_tokens", "voice"}
)
"""Common parameters, whose translation the row of the endpoint describes."""
_KEPT: Final = frozenset({"previous_response_id", "conversation"})
_KEYS: Final = frozenset({"OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_KEY", "OPENAI_KEY"})
_USERINFO: Final = re.compile(r"(?<=//)[^/@\s]+@")
_OPENAI_HOST: Final = re.compile(
    r"(?<![\w-])(?:[\w-]+\.)*(?:openai\.com|azure\.com)(?![\w.-]*@)(?=[:/?#]|$)", re.IGNORECASE
)
_FIRST_OURS: Final = (1, 66)
_AFTER_OURS: Final = 4
"""The first supported version of openai, and the first unsupported major version."""
_VERSION: Final = re.compile(r"(==|<=|>=|~=|<|>|\^|~|=)\s*[\"']?v?(\d+)(?:\.(\d+|\*))?")


@dataclass(slots=True)
class Judgement:
    """The verdict on one use: its reasons, most severe first, and the parameters found."""

    reasons: list[tuple[Reason, str]]
    parameters: tuple[str, ...] = ()
    rule: str | None = None

    @property
    def verdict(self) -> Verdict:
        found: Verdict = "unchanged"
        for reason, _ in self.reasons:
            found = worse(found, reason.verdict)
        return found


def _because(reason: str, detail: str = "") -> tuple[Reason, str]:
    return REASONS[reason], detail


def judge(use: Use, facts: FileFacts, legacy: bool) -> Judgement:
    """Return the verdict on a use in a Python file or notebook. `legacy`: the file is written for openai<1.0."""
    judgement = _JUDGES[use.kind](use, facts, legacy)
    order = sorted(judgement.reasons, key=lambda one: -_rank(one[0].verdict))
    judgement.reasons = order
    return judgement


def judge_mark(mark: Mark) -> Judgement:
    """Return the verdict on a mark in a file other than Python."""
    if mark.kind == "dependency":
        return _dependency(mark.target)
    if mark.kind == "env_var":
        found = _variable(mark.target)
        return Judgement(found.reasons, rule="SFC005")
    if mark.kind == "model_literal":
        return _model(mark.target)
    return _url_named(mark.target)


def _rank(verdict: Verdict) -> int:
    from .reasons import VERDICTS

    return VERDICTS.index(verdict)


def _import(use: Use, facts: FileFacts, legacy: bool) -> Judgement:
    del facts
    if use.generation == "0.x" or (legacy and use.target == "openai" and use.generation is None):
        return Judgement([_because("legacy", use.target)], rule="SFC002")
    if use.statement is not None and stays(use.statement):
        return Judgement([_because("part", use.target)])
    return Judgement([_because("import")], rule="SFC001")


def _construction(use: Use, facts: FileFacts, legacy: bool) -> Judgement:
    del facts, legacy
    name = use.target.rpartition(".")[2]
    if "Bedrock" in name:
        return Judgement([_because("bedrock", name)])
    reasons = [_because("azure", name)] if "Azure" in name else [_because("client")]
    given = use.call.arguments if use.call is not None else ()
    if any(one.name == "**" for one in given):
        reasons.append(_because("unseen", "**"))
    names = tuple(one.name or "" for one in given if one.name)
    return Judgement(reasons, names, "SFC001")


def _call(use: Use, facts: FileFacts, legacy: bool) -> Judgement:
    del legacy
    reasons = [_endpoint(use.target)]
    if use.generation == "0.x":
        reasons.append(_because("legacy", "the call"))
    names: tuple[str, ...] = ()
    if use.call is not None and use.how == "call":
        seen = _Parameters(use.call, facts)
        reasons += _parameters(use.target, seen)
        names = (*sorted(seen.given), *seen.unseen)
    return Judgement(reasons, names, "SFC002" if use.generation == "0.x" else None)


def _endpoint(target: str) -> tuple[Reason, str]:
    if "." not in target:
        return _because("raw-request", f"client.{target}")
    row: EndpointOutcome | None = outcome_of(target)
    if row is None and target.startswith("beta.vector_stores"):
        row = outcome_of(target.removeprefix("beta."))
    if row is None:
        return _without_endpoint(target)
    if row.outcome == "limits":
        return _because("limits", row.note)
    if row.outcome == "absent":
        fallback = "fallback" in row.note
        return _because("fallback" if fallback else "absent", row.note or "do it with another provider")
    note = "" if "above" in row.note else row.note  # some notes refer to other tables of the documentation
    return _because("endpoint", f": {note}" if note else "")


def _without_endpoint(target: str) -> tuple[Reason, str]:
    """Return the reason for a method that is not in the catalog."""
    if target.startswith(("fine_tunes.", "edits.", "deployments.")):
        return _because("absent", "put examples into the prompt" if "tune" in target else "use chat.completions.create")
    return _because("unknown-method", target)


def _table_of(target: str) -> str:
    """Return the name of the parameter table of a method."""
    target = target.removeprefix("beta.")
    tables = catalog().parameters
    for name in (target, target.rpartition(".")[0]):
        if tables(name):
            return name
    return ""


class _Parameters:
    """The keyword parameters of a call: those passed directly or in unpacked dict literals, and the unknown ones."""

    def __init__(self, call: m.Call, facts: FileFacts) -> None:
        self.given: dict[str, m.Expr | None] = {}
        self.unseen: list[str] = []
        self._facts = facts
        for one in call.arguments:
            if one.name == "**":
                self._unpacked(one.value)
            elif one.name is not None and one.name != "*":
                self.given[one.name] = one.value

    def _unpacked(self, value: m.Expr | None) -> None:
        if isinstance(value, m.Mapping):
            self._mapping(value)
            return
        if not isinstance(value, m.Name):
            self.unseen.append(f"**{_words(value)}")
            return
        scope = self._facts.scopes[value.scope]
        bound = scope.bindings.get(value.name, [])
        if scope.kind == "class" or not bound:
            self.unseen.append(f"**{value.name}")
            return
        whole = True
        for one in bound:
            if isinstance(one, m.Mapping):
                whole = self._mapping(one) and whole
            else:
                whole = False
        if not whole:
            self.unseen.append(f"**{value.name}")

    def _mapping(self, value: m.Mapping) -> bool:
        whole = True
        for key, item in zip(value.keys, value.values, strict=True):
            if isinstance(key, m.Text):
                self.given[key.value] = item
            elif key is None and isinstance(item, m.Mapping):
                whole = self._mapping(item) and whole
            else:
                whole = False
        return whole


def _words(expr: m.Expr | None) -> str:
    if isinstance(expr, m.Name):
        return expr.name
    if isinstance(expr, m.Attribute):
        return f"{_words(expr.base)}.{expr.attr}"
    if isinstance(expr, m.Call):
        return f"{_words(expr.func)}()"
    if isinstance(expr, m.Item):
        return f"{_words(expr.base)}[…]"
    return "…"


def _unset(value: m.Expr | None) -> bool:
    """Whether the value of a parameter means "not set"."""
    if isinstance(value, m.Opaque):
        return value.what in ("none", "false")
    return isinstance(value, m.Name | m.Attribute) and _words(value).rpartition(".")[2] in ("NOT_GIVEN", "omit")


def _parameters(target: str, seen: _Parameters) -> Iterator[tuple[Reason, str]]:
    dropped, translated = _changed(target, seen.given)
    kept = _KEPT & seen.given.keys() if target.startswith(("responses", "beta.responses")) else ()
    for reason, names in (
        ("dropped", sorted(dropped)),
        ("store", sorted(kept)),
        ("parameters", sorted(translated) if target.startswith(("chat.", "beta.")) else []),
        ("unseen", dict.fromkeys(seen.unseen)),
    ):
        if names:
            yield _because(reason, ", ".join(names))
    named = seen.given.get("model") or seen.given.get("engine") or seen.given.get("deployment_id")
    if _built(named):
        yield _because("built-model")


def _changed(target: str, given: Mapping[str, m.Expr | None]) -> tuple[list[str], list[str]]:
    """Return the parameters of a call that are dropped with a loss, and those that are translated."""
    table = catalog().parameters(_table_of(target))
    rows = {name: table[name] for name, value in given.items() if name in table and not _unset(value)}
    dropped = [name for name, row in rows.items() if row.action == "drop" and row.meaning]
    translated = [
        name
        for name, row in rows.items()
        if row.action == "translate" and row.state != "supports" and name not in _ALWAYS | _KEPT
    ]
    return dropped, translated


def _built(value: m.Expr | None) -> bool:
    if isinstance(value, m.Opaque):
        return value.what in ("fstring", "other")
    return isinstance(value, m.Call) and isinstance(value.func, m.Attribute) and value.func.attr in ("format", "join")


def _setting(use: Use, facts: FileFacts, legacy: bool) -> Judgement:
    del facts
    name = use.target.rpartition(".")[2]
    if use.generation == "0.x" or legacy:
        return Judgement([_because("legacy", use.target)], rule="SFC002")
    if name in ("api_key", "admin_api_key"):
        return Judgement([_because("key", use.target)], rule="SFC001")
    return Judgement([_because("setting", name)], rule="SFC001")


def _error(use: Use, facts: FileFacts, legacy: bool) -> Judgement:
    del facts
    if use.generation == "0.x":
        return Judgement([_because("legacy", use.target)], rule="SFC002")
    return Judgement([_because("error")], rule="SFC002" if legacy else None)


def _type(use: Use, facts: FileFacts, legacy: bool) -> Judgement:
    del facts, legacy
    if use.generation == "0.x":
        return Judgement([_because("legacy", use.target)], rule="SFC002")
    return Judgement([_because("type", use.target)])


def _model_literal(use: Use, facts: FileFacts, legacy: bool) -> Judgement:
    del facts, legacy
    return _model(use.target)


def _model(name: str) -> Judgement:
    row: Alias | None = catalog().alias(name)
    if row is None:
        return Judgement([_because("no-model", name)])
    effort = f" at effort {row.effort}" if row.effort else ""
    return Judgement([_because("model", f"{name} is an alias of {row.model}{effort}")])


def _env(use: Use, facts: FileFacts, legacy: bool) -> Judgement:
    del facts, legacy
    return _variable(use.target)


def _variable(name: str) -> Judgement:
    if name in _KEYS:
        return Judgement([_because("key", name)], rule="SFC004")
    return Judgement([_because("variable", name)])


def _base_url(use: Use, facts: FileFacts, legacy: bool) -> Judgement:
    del legacy
    if use.target:
        return _url_named(use.target)
    value = use.value
    if isinstance(value, m.Name):
        bound = facts.scopes[value.scope].bindings.get(value.name) or facts.scopes[0].bindings.get(value.name, [])
        texts = [one.value for one in bound if isinstance(one, m.Text)]
        if len(texts) == 1 and len(bound) == 1:
            return _url_named(texts[0])
    return Judgement([_because("built-url", "an expression" if value is None else _described(value))], rule="SFC003")


def _described(value: m.Expr) -> str:
    words = _words(value)
    return "an expression" if "…" in words else words


def _url_named(url: str) -> Judgement:
    shown = _USERINFO.sub("", url)
    if _OPENAI_HOST.search(url):
        return Judgement([_because("openai-url", shown)], rule="SFC003")
    return Judgement([_because("other-url", shown)])


def _dependency(requirement: str) -> Judgement:
    if excludes_ours(requirement):
        return Judgement([_because("pin", requirement)], rule="SFC006")
    return Judgement([_because("dependency")], rule="SFC006")


def excludes_ours(requirement: str) -> bool:
    """Whether the bounds of a requirement exclude every version in openai>=1.66,<4."""
    to_patch = requirement.count(".") > 1
    return any(
        _bound_excludes_ours(operator, int(major), int(minor) if minor.isdigit() else None, to_patch)
        for operator, major, minor in _VERSION.findall(requirement)
    )


def _bound_excludes_ours(operator: str, major: int, minor: int | None, to_patch: bool) -> bool:
    """Whether one bound alone excludes every version in openai>=1.66,<4; `minor` is None if it is open."""
    if operator in (">", ">="):
        return major >= _AFTER_OURS
    if operator in ("<", "<="):
        last = (major, minor or 0)
        return last < _FIRST_OURS or (operator == "<" and last == _FIRST_OURS)
    return _version_excludes_ours(operator, major, minor, to_patch)


def _version_excludes_ours(operator: str, major: int, minor: int | None, to_patch: bool) -> bool:
    """Whether a bound around one version excludes every version in openai>=1.66,<4: `==1.30.1`, `~=1.30`, `^1.30`."""
    older = major < 1 or (minor is not None and (major, minor) < _FIRST_OURS)
    if operator in ("==", "="):
        return older or major >= _AFTER_OURS
    if operator == "~" or (operator == "~=" and to_patch):
        return older
    return major < 1  # `^1.30` and `~=1.30` allow every later 1.x


_JUDGES: Final[Mapping[str, Callable[[Use, FileFacts, bool], Judgement]]] = {
    "import": _import,
    "client_construction": _construction,
    "api_call": _call,
    "module_config": _setting,
    "error_class": _error,
    "model_literal": _model_literal,
    "base_url": _base_url,
    "env_var": _env,
    "type_use": _type,
}
