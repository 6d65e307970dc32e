"""Rows from the user: a TOML file that adds to the catalog or corrects it (`Settings.catalog_overlay`).

    [[models]]                      # a known id: only the given fields change; a new one needs `kind`
    id = "step-6"
    kind = "chat"
    input = ["text", "image"]
    efforts = ["low", "high"]       # the model's levels; OpenAI's other levels map to the nearest
    usd = { input = 0.3, cached = 0.06, output = 1.5 }

    [[aliases]]                     # ahead of the shipped ones
    pattern = "gpt-4o*"
    model = "step-6"
    effort = "low"

    [[retired]]
    id = "step-3.5-flash"
    replacement = "step-6"
    since = "2027-01-01"

    [[parameters]]
    endpoint = "chat.completions"
    name = "seed"
    state = "supports"
    action = "send"

    [[settled]]                     # the outcome of a contested fact; `stepfun-compat probe --write` writes these
    fact = "chat.json_schema"
    outcome = "safe"                # "openai": always OpenAI's form; a refusal is raised to the caller
    model = "step-3.7-flash"        # globs; every model and every host by default
    host = "api.stepfun.com"

    [[contested]]                   # a contested fact, and how to recognize a refusal
    fact = "chat.frequency_penalty"
    high = 1.5
    refusal = ["penalty too high"]  # regular expressions over the error's lower-case text

A row without `source` or `as_of` gets the file's path and modification date.
"""

from __future__ import annotations

import datetime
import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, replace
from typing import Any, Final, NoReturn, TypeAlias, cast, get_args, get_type_hints

from .base import Catalog, default
from .schema import Alias, ContestedFact, Model, Parameter, Price, Rate, Retired, SettledFact

log = logging.getLogger("stepfun_compat")

_LEVELS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "models": ("id",),
    "aliases": ("pattern",),
    "retired": ("id",),
    "parameters": ("endpoint", "name"),
    "contested": ("fact",),
    "settled": ("fact", "model", "host"),
}
_ROWS: Final[Mapping[str, type[Any]]] = {
    "models": Model,
    "aliases": Alias,
    "retired": Retired,
    "parameters": Parameter,
    "contested": ContestedFact,
    "settled": SettledFact,
}
_CONTESTED_ENDPOINTS: Final = ("chat.completions", "responses", "files.create")
_MAX_FILES: Final = 64
_known: dict[str, tuple[tuple[int, int], Catalog]] = {}


def _fail(where: str, value: object, allowed: str) -> NoReturn:
    from ..errors import SettingsError

    raise SettingsError(f"{where}={value!r} is not allowed: it must be {allowed}.")


# ---------------------------------------------------------------- values


def _string(value: Any, where: str) -> str:
    if isinstance(value, datetime.date):  # TOML has a date type
        return value.isoformat()
    if not isinstance(value, str):
        _fail(where, value, "a string")
    return value


def _flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        _fail(where, value, "true or false")
    return value


def _count(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        _fail(where, value, "a whole number, 0 or more")
    return value


def _names(value: Any, where: str) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in cast("list[Any]", value)):
        _fail(where, cast("object", value), "a list of strings")
    return frozenset(cast("list[str]", value))


def _efforts(value: Any, where: str) -> Mapping[str, str]:
    """Map OpenAI's levels to the model's: from a table, or from a list of the model's levels."""
    allowed = f"a list of levels ({', '.join(_LEVELS)}), or a table from these to the levels the model takes"
    if isinstance(value, list):
        levels = cast("list[Any]", value)
        if not all(isinstance(level, str) and level in _LEVELS for level in levels):
            _fail(where, levels, allowed)
        return _nearest(sorted({_LEVELS.index(level) for level in levels}))
    table = dict(_texts(value, where, allowed))
    if not set(table) <= set(_LEVELS) or not all(table.values()):
        _fail(where, table, allowed)
    return table


def _nearest(places: Sequence[int]) -> Mapping[str, str]:
    """Map OpenAI's levels to the nearest of the levels at `places`; on a tie to the higher one, so that no response has
    less reasoning than requested."""
    return {
        name: _LEVELS[min(places, key=lambda place: (abs(place - i), -place))]
        for i, name in enumerate(_LEVELS)
        if places
    }


def _is_amount(value: Any) -> bool:
    """Whether a value is a valid price or count."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9


def _price(value: Any, where: str) -> Price:
    allowed = "a table with input, cached and output: prices per one million tokens"
    if not isinstance(value, dict):
        _fail(where, value, allowed)
    table = cast("dict[str, Any]", value)
    if set(table) != {"input", "cached", "output"} or not all(_is_amount(item) for item in table.values()):
        _fail(where, table, allowed)
    return Price(**{name: float(item) for name, item in table.items()})


def _rate(value: Any, where: str) -> Rate:
    allowed = "a table with amount, unit (characters, hours or images) and per"
    if not isinstance(value, dict):
        _fail(where, value, allowed)
    table = cast("dict[str, Any]", value)
    amount, unit, per = table.get("amount"), table.get("unit"), table.get("per", 1)
    if not set(table) <= {"amount", "unit", "per"} or unit not in ("characters", "hours", "images"):
        _fail(where, table, allowed)
    if not _is_amount(amount) or not _is_amount(per) or not isinstance(per, int) or per == 0:
        _fail(where, table, allowed)
    return Rate(float(cast("float", amount)), unit, per)


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9:
        _fail(where, value, "a number")
    return float(value)


def _globs(value: Any, where: str) -> tuple[str, ...]:
    _names(value, where)
    return tuple(cast("list[str]", value))


def _expressions(value: Any, where: str) -> tuple[str, ...]:
    for item in _globs(value, where):
        try:
            re.compile(item)
        except re.error:
            _fail(where, item, "regular expressions, over lower-case text")
    return tuple(value)


def _texts(value: Any, where: str, allowed: str = "a table of strings") -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in cast("dict[str, Any]", value).values()):
        _fail(where, cast("object", value), allowed)
    return dict(cast("dict[str, str]", value))


_BY_NAME: Final[Mapping[str, Callable[[Any, str], Any]]] = {
    "input": _names,
    "output": _names,
    "endpoints": _names,
    "plans": _names,
    "efforts": _efforts,
    "cny": _price,
    "usd": _price,
    "cny_rate": _rate,
    "usd_rate": _rate,
    "context": _count,
    "max_output": _count,
    "headroom": _count,
    "reasons": _flag,
    "json_schema": _flag,
    "tools": _flag,
    "web_search": _flag,
    "prompt_cache": _flag,
    "meaning": _flag,
    "lossy": _flag,
    "remembered": _flag,
    "low": _number,
    "high": _number,
    "models": _globs,
    "about": _expressions,
    "refusal": _expressions,
    "unless": _expressions,
    "values": _texts,
}


def _value(kind: str, name: str, value: Any, where: str) -> Any:
    parse = _BY_NAME.get(name)
    if parse is not None:
        return parse(value, where)
    text = _string(value, where)
    options = (
        _LEVELS
        if name == "effort"
        else ("send", "translate", "drop")
        if name == "action"
        else get_args(get_type_hints(_ROWS[kind])[name])
        if name in ("kind", "state", "rewrite", "outcome")
        else _CONTESTED_ENDPOINTS
        if (kind, name) == ("contested", "endpoint")
        else ()
    )
    if options and text not in options:
        _fail(where, text, f"one of {', '.join(options)}")
    if not text and name in (*_KEYS[kind], "model", "replacement"):
        _fail(where, text, "a name")
    return text


# ---------------------------------------------------------------- rows


def _merged(kind: str, place: str, row: Any, known: Mapping[Any, Any], stamp: Mapping[str, str]) -> Any:
    """Return a row of the file: a known row with the given fields changed, or a new one."""
    if not isinstance(row, dict):
        _fail(place, row, f"a table; write it as [[{kind}]]")
    given = _given(kind, place, cast("dict[str, Any]", row), stamp)
    old = known.get(tuple(given.get(name) for name in _KEYS[kind]))
    if old is None:
        missing = [name for name in _required(_ROWS[kind]) if name not in given]
        if missing:
            _incomplete(kind, place, given, missing)
        return _ROWS[kind](**given)
    if kind == "contested" and given.get("endpoint", old.endpoint) != old.endpoint:
        _fail(f"{place}.endpoint", given["endpoint"], f"{old.endpoint} for {old.fact}; a new fact needs a new name")
    return replace(old, **given)


def _given(kind: str, place: str, row: Mapping[str, Any], stamp: Mapping[str, str]) -> dict[str, Any]:
    """Return the checked fields of a row, plus the fields of `stamp` it lacks."""
    columns = [column.name for column in fields(_ROWS[kind])]
    given: dict[str, Any] = {name: value for name, value in stamp.items() if name in columns}
    for raw, value in row.items():
        name = raw.replace("-", "_")
        if name not in columns:
            _fail(place, raw, f"the fields {', '.join(columns)}")
        given[name] = _value(kind, name, value, f"{place}.{name}")
    return given


def _required(cls: type[Any]) -> list[str]:
    """Return the fields of a kind of row that have no default."""
    return [column.name for column in fields(cls) if column.default is MISSING and column.default_factory is MISSING]


def _incomplete(kind: str, place: str, given: Mapping[str, Any], missing: list[str]) -> NoReturn:
    from ..errors import SettingsError

    named = " ".join(repr(given[name]) for name in _KEYS[kind] if name in given)
    new = f"{named} is not in the catalog, and a new row" if named else "a row"
    options = [
        f"{name} is one of {', '.join(get_args(get_type_hints(_ROWS[kind])[name]))}"
        for name in missing
        if name in ("kind", "state", "rewrite", "outcome")
    ]
    advice = f" ({'; '.join(options)})" if options else ""
    raise SettingsError(f"{place}: {new} of [[{kind}]] needs {' and '.join(missing)}{advice}.")


def _by_key(kind: str, rows: Any) -> dict[Any, Any]:
    return {tuple(getattr(row, name) for name in _KEYS[kind]): row for row in rows}


def overlaid(base: Catalog, document: Mapping[str, Any], path: str, day: str) -> Catalog:
    """Return a catalog with the rows of a parsed file on top; `base` is not changed.

    Raises:
        SettingsError: a table, field or value is not allowed; names the file, the row and the field.
    """
    unknown = [name for name in document if name not in _ROWS]
    if unknown:
        _fail(path, unknown[0], f"the tables {', '.join(f'[[{name}]]' for name in _ROWS)}")
    tables = _tables(base, document)
    new = _new_rows(document, tables, path, {"source": path, "as_of": day})
    both = new["models"].keys() & new["retired"].keys()
    if both:
        _fail(f"{path}: retired", min(both)[0], "ids that are not also in [[models]]")
    models = _without({**tables["models"], **new["models"]}, new["retired"])
    retired = _without({**tables["retired"], **new["retired"]}, new["models"])
    _check_models(new, {row.id for row in models.values()}, path)
    facts = {**tables["contested"], **new["contested"]}
    _check_facts(new, facts, path)
    # new rows come first: the first row that matches a name wins
    aliases = {**new["aliases"], **_without(tables["aliases"], new["aliases"])}
    parameters = {**tables["parameters"], **new["parameters"]}
    # the last matching outcome wins
    settled = {**_without(tables["settled"], new["settled"]), **new["settled"]}
    return Catalog(
        models.values(),
        retired.values(),
        aliases.values(),
        parameters.values(),
        facts.values() if new["contested"] else None,
        settled.values(),
    )


_Table: TypeAlias = dict[Any, Any]
"""Rows of one kind by the values of their `_KEYS`."""


def _without(table: _Table, other: _Table) -> _Table:
    return {key: row for key, row in table.items() if key not in other}


def _tables(base: Catalog, document: Mapping[str, Any]) -> dict[str, _Table]:
    """Return the rows of a catalog by kind; contested facts, which are loaded lazily, only if the file mentions them."""
    return {
        "models": _by_key("models", base.models.values()),
        "aliases": _by_key("aliases", base.aliases),
        "retired": _by_key("retired", base.retired.values()),
        "parameters": _by_key("parameters", base.all_parameters),
        "contested": _by_key("contested", base.contested) if "contested" in document or "settled" in document else {},
        "settled": _by_key("settled", base.settled),
    }


def _new_rows(
    document: Mapping[str, Any], tables: Mapping[str, _Table], path: str, stamp: Mapping[str, str]
) -> dict[str, _Table]:
    """Return the file's rows by kind, merged with the known rows in `tables`."""
    new: dict[str, _Table] = {name: {} for name in _ROWS}
    for kind, rows in document.items():
        if not isinstance(rows, list):
            _fail(f"{path}: {kind}", cast("object", rows), f"tables written as [[{kind}]]")
        for i, row in enumerate(cast("list[Any]", rows)):
            made = _merged(kind, f"{path}: {kind}[{i}]", row, {**tables[kind], **new[kind]}, stamp)
            for key, value in _by_key(kind, [made]).items():
                new[kind].pop(key, None)  # of two rows with the same key the later one counts, at its own position
                new[kind][key] = value
    return new


def _check_models(new: Mapping[str, _Table], ids: set[str], path: str) -> None:
    """Raise SettingsError if an alias or a replacement refers to a model that is not in `ids`."""
    for kind, field_name in (("aliases", "model"), ("retired", "replacement")):
        for i, row in enumerate(new[kind].values()):
            target = getattr(row, field_name)
            if target not in ids:
                _fail(f"{path}: {kind}[{i}].{field_name}", target, "the id of a model in the catalog or in [[models]]")


def _check_facts(new: Mapping[str, _Table], facts: _Table, path: str) -> None:
    """Raise SettingsError if an outcome refers to a fact that is not contested."""
    for i, row in enumerate(new["settled"].values()):
        if (row.fact,) not in facts:
            _fail(f"{path}: settled[{i}].fact", row.fact, f"one of {', '.join(fact.fact for fact in facts.values())}")


# ---------------------------------------------------------------- files


def _stamp(path: str) -> tuple[int, int]:
    stat = os.stat(path)
    return stat.st_mtime_ns, stat.st_size


def load(path: str | os.PathLike[str]) -> Catalog:
    """Implement `load_overlay` of the package."""
    from ..config.files import read_toml
    from ..errors import SettingsError

    place: str = os.path.abspath(os.path.expanduser(os.fspath(path)))
    try:
        stamp = _stamp(place)
        known = _known.get(place)
        if known is not None and known[0] == stamp:
            return known[1]
        document = read_toml(place)
    except OSError as error:
        raise SettingsError(
            f"{place} cannot be read ({error.strerror}): it must be the path of a TOML file."
        ) from error
    day = datetime.datetime.fromtimestamp(stamp[0] / 1e9, tz=datetime.timezone.utc).date().isoformat()
    made = overlaid(default(), document, place, day)
    if len(_known) >= _MAX_FILES:
        _known.clear()
    _known[place] = (stamp, made)
    return made


def in_force(path: str) -> Catalog:
    """Return the rows of a file, or the last readable rows if it cannot be read now."""
    try:
        return load(path)
    except ValueError as error:
        known = _known.get(path)
        if known is None:
            raise
        try:
            stamp = _stamp(path)
        except OSError:
            return known[1]
        _known[path] = (stamp, known[1])  # log once for each state of the file
        log.warning("%s The rows read last stay in effect.", error)
        return known[1]
