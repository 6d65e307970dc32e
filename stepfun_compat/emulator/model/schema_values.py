"""Make a valid value for a JSON Schema, always the same one, from the prompt if possible."""

from __future__ import annotations

import itertools
import math
import re
from typing import Any

from ..json_values import Object, as_list, as_object, is_array, is_integer, is_number, is_object
from .prompt_values import PromptValues, words_of
from .string_values import StringValues

_MAX_DEPTH = 24
_MAX_STEPS = 5_000
_MOST_REPEATED = 200
"""How many duplicate items an array of unique items skips before it stays too short."""
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def fill(schema: object, prompt: PromptValues) -> Any:
    """Return a value for the schema. Only local `$ref`s are followed; recursion ends in null, [] or an omission."""
    try:
        return _Filler(as_object(schema), prompt).value(schema, "", (), 0)
    except RecursionError:  # a schema without a finite value, or a too complex one
        return {}


class _Filler:
    def __init__(self, root: Object, prompt: PromptValues) -> None:
        self.root = root
        self.prompt = prompt
        self._numbers = prompt.numbers()
        self._steps = 0
        self._strings = StringValues(prompt, _property_names(root))

    def value(self, schema: object, name: str, path: tuple[str, ...], index: int) -> Any:
        """Return a value for a field. `path` is the chain of `$ref`s to it, `index` the position in an array."""
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise RecursionError
        rule = as_object(schema)  # {} for a boolean
        if not rule:
            return self._strings.value({}, name, index)
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
                return self._branch(rule, key, name, path, index)
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
        """Return the value for a `$ref`, overridden by the keywords next to it; null at the depth limit."""
        if len(path) >= _MAX_DEPTH:
            return None
        ref = rule["$ref"]
        beside = {key: item for key, item in rule.items() if key not in ("$ref", "$defs", "definitions")}
        return self.value({**as_object(self._resolve(ref)), **beside}, name, (*path, ref), index)

    def _merged(self, rule: Object) -> Object:
        merged = {key: item for key, item in rule.items() if key != "allOf"}
        for part in as_list(rule["allOf"]):
            branch = self._dereferenced(as_object(part))
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

    def _dereferenced(self, rule: Object) -> Object:
        """Resolve the `$ref` at the top of a schema, up to the depth limit."""
        for _ in range(_MAX_DEPTH):
            if not isinstance(rule.get("$ref"), str):
                break
            beside = {key: item for key, item in rule.items() if key != "$ref"}
            rule = {**as_object(self._resolve(rule["$ref"])), **beside}
        return rule

    def _recurses(self, schema: object, path: tuple[str, ...]) -> bool:
        """Whether this branch refers to a definition that is being filled."""
        rule = as_object(schema)
        ref = rule.get("$ref")
        if isinstance(ref, str):
            return ref in path
        if is_object(rule.get("items")) and self._recurses(rule["items"], path):
            return True
        return any(self._recurses(item, path) for key in ("anyOf", "oneOf", "allOf") for item in as_list(rule.get(key)))

    def _branch(self, rule: Object, key: str, name: str, path: tuple[str, ...], index: int) -> Any:
        """Return a value for one of the alternatives below `key`, combined with the keywords next to them."""
        branches = as_list(rule[key])
        rest = {k: v for k, v in rule.items() if k not in (key, "default", "title", "description")}
        usable = [item for item in branches if as_object(item).get("type") != "null"]
        nullable = len(usable) < len(branches)
        straight = [item for item in usable if not self._recurses(item, path)]
        if not straight:
            if nullable or not usable:
                return None
            straight = usable
        chosen = straight[0] if len(straight) == 1 else next(filter(self._is_named, straight), straight[0])
        return self.value({**rest, **as_object(chosen)} if is_object(chosen) else chosen, name, path, index)

    def _is_named(self, schema: object) -> bool:
        """Whether the prompt contains every word of the schema's name."""
        rule = as_object(schema)
        text = self.prompt.text.lower()
        words = words_of(str(rule.get("$ref", rule.get("title", ""))).split("/")[-1])
        return bool(words) and all(word in text for word in words)

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
        further: object = extra if is_object(extra) else True
        for key in required - set(made):
            made[key] = self.value(further, key, path, index)
        fewest = _count(rule, "minProperties")
        if fewest is None:
            fewest = int(is_object(extra) and not made)
        number = 1
        while len(made) < fewest:
            made[f"key{number}"] = self.value(further, "", path, number)
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
        self._add_items(made, count, items, "" if scalars else name, path, unique=bool(rule.get("uniqueItems")))
        return made

    def _add_items(
        self, made: list[Any], count: int, items: object, name: str, path: tuple[str, ...], *, unique: bool
    ) -> None:
        """Fill an array up to `count` items, or fewer if unique items run out."""
        start = len(made)
        for place in range(start, start + count + _MOST_REPEATED):
            if len(made) >= count:
                return
            item = self.value(items, name, path, place)
            if not (unique and item in made):
                made.append(item)

    def _known_items(self, rule: Object, items: Object, name: str) -> list[Any] | None:
        """Return the array of that name in the prompt, if enough of its items have the right type."""
        known = self.prompt.named(name)
        if not is_array(known):
            return None
        kind = (str,) if items.get("type") == "string" else (int, float)
        values = [item for item in as_list(known) if isinstance(item, kind)]
        return values[: _count(rule, "maxItems")] if len(values) >= max(1, _count(rule, "minItems") or 0) else None

    def _item_count(
        self, rule: Object, items: object, path: tuple[str, ...], *, from_prompt: bool, otherwise: int
    ) -> int:
        """Return the length of an array: the number of values in the prompt if `from_prompt`, else `otherwise`."""
        fewest = _count(rule, "minItems") or 0
        most = _count(rule, "maxItems")
        count = max(fewest, otherwise)
        if self._recurses(items, path) or len(path) >= _MAX_DEPTH:
            count = fewest
        elif from_prompt:
            offered = self.prompt.names() if as_object(items).get("type") == "string" else self._numbers
            count = max(count, min(len(offered), 8))
        return count if most is None else min(count, most)

    def _enum(self, values: list[Any], name: str, index: int) -> Any:
        known = self.prompt.named(name) if name else None
        if known in values:
            return known
        if index:
            return values[index % len(values)]
        texts = [value for value in values if isinstance(value, str)]
        likely = itertools.chain(self._assigned(texts, name), filter(self._occurs, texts))
        return next(itertools.chain(likely, (value for value in values if value is not None)), None)

    def _assigned(self, texts: list[str], name: str) -> list[str]:
        """Return the texts that the prompt assigns to the field, ignoring case."""
        assigned = self.prompt.assigned(name) if name else None
        return [text for text in texts if assigned is not None and assigned.lower() == text.lower()]

    def _occurs(self, word: str) -> bool:
        """Whether the prompt contains this word, ignoring case."""
        pattern = rf"(?<![a-z0-9]){re.escape(word.lower())}(?![a-z0-9])"
        return re.search(pattern, self.prompt.text.lower()) is not None

    def _boolean(self, rule: Object, name: str) -> bool:
        known = self.prompt.named(name) if name else None
        if isinstance(known, bool):
            return known
        assigned = self.prompt.assigned(name) if name else None
        if assigned is not None and assigned.lower() in ("true", "false", "yes", "no"):
            return assigned.lower() in ("true", "yes")
        default = rule.get("default")
        return default if isinstance(default, bool) else True

    def _number(self, rule: Object, name: str, index: int, *, whole: bool) -> int | float:
        value = _on_step(_within_bounds(self._suggested_number(rule, name, index), rule), rule)
        if not whole:
            return value
        low = rule.get("minimum")
        return math.ceil(value) if is_number(low) and math.floor(value) < low else math.floor(value)

    def _suggested_number(self, rule: Object, name: str, index: int) -> float:
        """Return the number that the prompt gives for the field, else the next number in it, else the default."""
        known = self.prompt.named(name) if name else None
        assigned = _as_number(self.prompt.assigned(name) if name else None)
        if (value := _as_number(known)) is not None:
            return value
        if (value := assigned) is not None:
            if value in self._numbers:
                self._numbers.remove(value)
            return value
        if self._numbers:
            return self._numbers.pop(0)
        return float(rule["default"]) if is_number(rule.get("default")) else 1.0 + index


def _as_number(value: object) -> float | None:
    """Convert a number, or a text with a number; return None for anything else."""
    return float(value) if is_number(value) or (isinstance(value, str) and _NUMBER.fullmatch(value)) else None


def _count(rule: Object, key: str) -> int | None:
    """Return a keyword that holds a count, such as `minItems`, or None."""
    return rule[key] if is_integer(rule.get(key)) else None


def _is_scalar(schema: object) -> bool:
    """Whether a schema accepts any string or number."""
    rule = as_object(schema)
    return rule.get("type") in ("string", "integer", "number") and not rule.get("enum")


def _within_bounds(value: float, rule: Object) -> float:
    """Return the nearest number within the bounds, at a distance of 1 from an exclusive bound if possible."""
    low = _bound(rule, "minimum", -math.inf)
    above = _bound(rule, "exclusiveMinimum", -math.inf)
    below = _bound(rule, "exclusiveMaximum", math.inf)
    value = max(value, low)
    if value <= above:
        value = above + 1
    value = min(value, _bound(rule, "maximum", math.inf))
    if value >= below:
        value = below - 1
        if value <= above or value < low:
            value = ((above if above > -math.inf else low) + below) / 2
    return value


def _bound(rule: Object, key: str, otherwise: float) -> float:
    return rule[key] if is_number(rule.get(key)) else otherwise


def _on_step(value: float, rule: Object) -> float:
    """Round down to a multiple of `multipleOf`, or up if that is below the minimum."""
    step = rule.get("multipleOf")
    if not is_number(step) or step <= 0:
        return value
    low = rule.get("minimum")
    value = math.floor(value / step) * step
    return value + step if is_number(low) and value < low else value


def _property_names(schema: object) -> frozenset[str]:
    """Return every property name of the schema. In a prompt, a quoted property name is a key, not a value."""
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
    """Return the type to make. Optional null is chosen only in place of deeply nested objects and arrays."""
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
