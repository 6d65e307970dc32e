"""A JSON Schema filled with one valid value, the same each time, preferring what the prompt offers."""

from __future__ import annotations

import math
import re
from typing import Any, cast

from ..json_values import Object, as_list, as_object, is_array, is_integer, is_number, is_object
from .prompt_values import Evidence, words_of
from .string_values import StringValues

_MAX_DEPTH = 24
_MAX_STEPS = 5_000
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def fill(schema: object, evidence: Evidence) -> Any:
    """A value for the schema. `$ref` is followed inside the document only; recursion ends in null, [] or an omission."""
    try:
        return _Filler(as_object(schema), evidence).value(schema, "", (), 0)
    except RecursionError:  # a schema that has no finite value, or hides it too well
        return {}


class _Filler:
    def __init__(self, root: Object, evidence: Evidence) -> None:
        self.root = root
        self.evidence = evidence
        self._numbers = evidence.numbers()
        self._steps = 0
        self._strings = StringValues(evidence, _property_names(root))

    def value(self, schema: object, name: str, path: tuple[str, ...], index: int) -> Any:
        """`path` holds the `$ref`s on the way here; `index` tells the items of one array apart."""
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise RecursionError
        if schema is True or schema == {} or not is_object(schema):
            return self._strings.value({}, name, index)
        rule = as_object(schema)
        if isinstance(rule.get("$ref"), str):
            return self._referenced(rule, name, path, index)
        if "const" in rule:
            return rule["const"]
        if as_list(rule.get("enum")):
            return self._enum(as_list(rule["enum"]), name, index)
        if as_list(rule.get("allOf")):
            return self.value(self._merged(rule), name, path, index)
        for key in ("anyOf", "oneOf"):
            if as_list(rule.get(key)):
                rest = {k: v for k, v in rule.items() if k not in (key, "default", "title", "description")}
                return self._branch(as_list(rule[key]), rest, name, path, index)
        return self._of_kind(_kind_of(rule, path), rule, name, path, index)

    def _of_kind(self, kind: str, rule: Object, name: str, path: tuple[str, ...], index: int) -> Any:
        if kind == "object":
            return self._object(rule, path, index)
        if kind == "array":
            return self._array(rule, name, path)
        if kind == "integer":
            return self._number(rule, name, index, whole=True)
        if kind == "number":
            return self._number(rule, name, index, whole=False)
        if kind == "boolean":
            return self._boolean(rule, name)
        if kind == "null":
            return None
        return self._strings.value(rule, name, index)

    # -- combining -----------------------------------------------------------------------------------------------

    def _resolve(self, ref: str) -> object:
        value: object = self.root
        if ref in ("#", "#/"):
            return value
        for part in ref.removeprefix("#/").split("/"):
            value = as_object(value).get(part.replace("~1", "/").replace("~0", "~").replace("%24", "$"), {})
        return value

    def _referenced(self, rule: Object, name: str, path: tuple[str, ...], index: int) -> Any:
        """The value of what `$ref` points at, with what stands beside the `$ref` put over it; null too deep inside."""
        if len(path) >= _MAX_DEPTH:
            return None
        ref = rule["$ref"]
        beside = {key: item for key, item in rule.items() if key not in ("$ref", "$defs", "definitions")}
        return self.value({**as_object(self._resolve(ref)), **beside}, name, (*path, ref), index)

    def _merged(self, rule: Object) -> Object:
        merged = {key: item for key, item in rule.items() if key != "allOf"}
        for part in as_list(rule["allOf"]):
            branch = as_object(part)
            for _ in range(_MAX_DEPTH):
                if not isinstance(branch.get("$ref"), str):
                    break
                extra = {key: item for key, item in branch.items() if key != "$ref"}
                branch = {**as_object(self._resolve(branch["$ref"])), **extra}
            if as_list(branch.get("allOf")):
                branch = self._merged(branch)
            for key, item in branch.items():
                if key == "properties":
                    merged[key] = {**as_object(merged.get(key)), **as_object(item)}
                elif key == "required":
                    merged[key] = list(dict.fromkeys([*as_list(merged.get(key)), *as_list(item)]))
                else:
                    merged.setdefault(key, item)
        return merged

    def _recurses(self, schema: object, path: tuple[str, ...]) -> bool:
        """Whether this branch leads back to a definition we are inside of."""
        rule = as_object(schema)
        ref = rule.get("$ref")
        if isinstance(ref, str):
            return ref in path
        if is_object(rule.get("items")) and self._recurses(rule["items"], path):
            return True
        return any(self._recurses(item, path) for key in ("anyOf", "oneOf", "allOf") for item in as_list(rule.get(key)))

    def _branch(self, branches: list[Any], rest: Object, name: str, path: tuple[str, ...], index: int) -> Any:
        usable = [item for item in branches if as_object(item).get("type") != "null"]
        nullable = len(usable) < len(branches)
        straight = [item for item in usable if not self._recurses(item, path)]
        if not straight:
            if nullable or not usable:
                return None
            straight = usable
        chosen = straight[0]
        if len(straight) > 1:  # take the branch the prompt speaks of, if it names one
            text = self.evidence.text.lower()
            for item in straight:
                words = words_of(str(as_object(item).get("$ref", as_object(item).get("title", ""))).split("/")[-1])
                if words and all(word in text for word in words):
                    chosen = item
                    break
        return self.value({**rest, **as_object(chosen)} if is_object(chosen) else chosen, name, path, index)

    # -- kinds ---------------------------------------------------------------------------------------------------

    def _object(self, rule: Object, path: tuple[str, ...], index: int) -> Object:
        required = {str(item) for item in as_list(rule.get("required"))}
        made: Object = {}
        deep = len(path) >= _MAX_DEPTH
        for key, item in as_object(rule.get("properties")).items():
            if key not in required and (deep or self._recurses(item, path)):
                continue
            made[key] = self.value(item, key, path, index)
        extra = rule.get("additionalProperties")
        for key in required - set(made):
            made[key] = self.value(extra if is_object(extra) else True, key, path, index)
        fewest = rule.get("minProperties")
        if is_object(extra) and not made and not is_integer(fewest):
            fewest = 1
        if is_integer(fewest):
            number = 1
            while len(made) < fewest:
                made[f"key{number}"] = self.value(extra if is_object(extra) else True, "", path, number)
                number += 1
        return made

    def _array(self, rule: Object, name: str, path: tuple[str, ...]) -> list[Any]:
        fixed = as_list(rule.get("prefixItems"))
        made = [self.value(item, name, path, place) for place, item in enumerate(fixed)]
        items = rule.get("items", True)
        if items is False:
            return made
        scalars = _is_scalar(items)
        if scalars and not fixed:
            known = self._known_items(rule, as_object(items), name)
            if known is not None:
                return known
        count = self._item_count(rule, items, path, from_prompt=scalars and not fixed, otherwise=0 if fixed else 1)
        place = len(made)
        tries = 0
        while len(made) < count and tries < count + 200:
            item = self.value(items, "" if scalars else name, path, place)
            tries += 1
            place += 1
            if rule.get("uniqueItems") and item in made:
                continue
            made.append(item)
        return made

    def _known_items(self, rule: Object, items: Object, name: str) -> list[Any] | None:
        """The array of that name in the prompt, when enough of it is of the wanted kind."""
        known = self.evidence.named(name)
        if not is_array(known):
            return None
        kind = (str,) if items.get("type") == "string" else (int, float)
        values = [item for item in as_list(known) if isinstance(item, kind)]
        return values[: _count(rule, "maxItems")] if len(values) >= max(1, _count(rule, "minItems") or 0) else None

    def _item_count(
        self, rule: Object, items: object, path: tuple[str, ...], *, from_prompt: bool, otherwise: int
    ) -> int:
        """How long an array is: as many items as the prompt has values for when `from_prompt`, else `otherwise`."""
        fewest = _count(rule, "minItems") or 0
        most = _count(rule, "maxItems")
        count = max(fewest, otherwise)
        if self._recurses(items, path) or len(path) >= _MAX_DEPTH:
            count = fewest
        elif from_prompt:
            offered = self.evidence.names() if as_object(items).get("type") == "string" else self._numbers
            count = max(count, min(len(offered), 8))
        return count if most is None else min(count, most)

    def _enum(self, values: list[Any], name: str, index: int) -> Any:
        known = self.evidence.named(name) if name else None
        if known in values:
            return known
        if index:
            return values[index % len(values)]
        said = self.evidence.assigned(name) if name else None
        for value in values:
            if isinstance(value, str) and said is not None and said.lower() == value.lower():
                return value
        for value in values:
            if isinstance(value, str) and re.search(
                rf"(?<![a-z0-9]){re.escape(value.lower())}(?![a-z0-9])", self.evidence.text.lower()
            ):
                return value
        return next((value for value in values if value is not None), None)

    def _boolean(self, rule: Object, name: str) -> bool:
        known = self.evidence.named(name) if name else None
        if isinstance(known, bool):
            return known
        said = self.evidence.assigned(name) if name else None
        if said is not None and said.lower() in ("true", "false", "yes", "no"):
            return said.lower() in ("true", "yes")
        default = rule.get("default")
        return default if isinstance(default, bool) else True

    def _number(self, rule: Object, name: str, index: int, *, whole: bool) -> int | float:
        value = _on_step(_within_bounds(self._suggested_number(rule, name, index), rule), rule)
        if not whole:
            return value
        low = rule.get("minimum")
        return math.ceil(value) if is_number(low) and math.floor(value) < low else math.floor(value)

    def _suggested_number(self, rule: Object, name: str, index: int) -> float:
        """What the prompt says the field is, else the next number in it, else the default."""
        known = self.evidence.named(name) if name else None
        said = self.evidence.assigned(name) if name else None
        if is_number(known) or (isinstance(known, str) and _NUMBER.fullmatch(known)):
            return float(known)
        if said is not None and _NUMBER.fullmatch(said):
            value = float(said)
            if value in self._numbers:
                self._numbers.remove(value)
            return value
        if self._numbers:
            return self._numbers.pop(0)
        return float(rule["default"]) if is_number(rule.get("default")) else 1.0 + index


def _count(rule: Object, key: str) -> int | None:
    """A keyword that holds a count, such as `minItems`; None without it."""
    return rule[key] if is_integer(rule.get(key)) else None


def _is_scalar(schema: object) -> bool:
    """Whether a schema takes any string or number."""
    rule = as_object(schema)
    return rule.get("type") in ("string", "integer", "number") and not rule.get("enum")


def _within_bounds(value: float, rule: Object) -> float:
    low = rule.get("minimum")
    high = rule.get("maximum")
    above = rule.get("exclusiveMinimum")
    below = rule.get("exclusiveMaximum")
    if is_number(low):
        value = max(value, low)
    if is_number(above) and value <= above:
        value = above + 1
    if is_number(high):
        value = min(value, high)
    if is_number(below) and value >= below:
        value = below - 1
        if (is_number(above) and value <= above) or (is_number(low) and value < low):
            floor = cast("float", above if is_number(above) else low)
            value = (floor + below) / 2
    return value


def _on_step(value: float, rule: Object) -> float:
    """The nearest multiple of `multipleOf` that is not over the value and not under the minimum."""
    step = rule.get("multipleOf")
    if not is_number(step) or step <= 0:
        return value
    low = rule.get("minimum")
    value = math.floor(value / step) * step
    return value + step if is_number(low) and value < low else value


def _property_names(schema: object) -> frozenset[str]:
    """Every key the schema speaks of: quoted in a prompt it is a key, not a value."""
    found: set[str] = set()
    waiting: list[object] = [schema]
    while waiting:
        item = waiting.pop()
        if is_object(item):
            found |= set(as_object(item.get("properties")))
            waiting += item.values()
        elif is_array(item):
            waiting += item
    return frozenset(found)


def _kind_of(rule: Object, path: tuple[str, ...]) -> str:
    """The type to make. Where null is a choice it is taken only in place of objects and arrays deep inside."""
    kinds = rule.get("type")
    if isinstance(kinds, str):
        return kinds
    if not is_array(kinds):
        return _guess(rule)
    choices = [str(kind) for kind in as_list(kinds)]
    kind = next((kind for kind in choices if kind != "null"), "null")
    return "null" if "null" in choices and kind in ("object", "array") and len(path) > 2 else kind


def _guess(rule: Object) -> str:
    if "properties" in rule or "additionalProperties" in rule or "required" in rule:
        return "object"
    if "items" in rule or "prefixItems" in rule:
        return "array"
    if "minimum" in rule or "maximum" in rule or "multipleOf" in rule:
        return "number"
    return "string"
