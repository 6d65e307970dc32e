"""A JSON Schema filled with one valid value, the same each time, preferring what the prompt offers."""

from __future__ import annotations

import importlib
import math
import re
import sys
from typing import Any, cast

from ..json_values import Object, as_list, as_object, is_array, is_integer, is_number, is_object
from .prompt_values import Evidence, words_of

_MAX_DEPTH = 24
_MAX_STEPS = 5_000
_FREE_TEXT = frozenset(
    [
        "query",
        "question",
        "text",
        "input",
        "message",
        "prompt",
        "content",
        "body",
        "request",
        "expression",
        "formula",
        "answer",
        "response",
        "reasoning",
        "summary",
        "output",
        "result",
        "description",
        "instructions",
        "task",
    ]
)
_FORMATS = {
    "date-time": "2026-01-02T03:04:05Z",
    "date": "2026-01-02",
    "time": "03:04:05Z",
    "duration": "P1D",
    "email": "user@example.com",
    "idn-email": "user@example.com",
    "hostname": "example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "json-pointer": "/a",
    "regex": "a",
    "byte": "YQ==",
    "binary": "YQ==",
}


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
        self._taken = 0
        self._steps = 0
        self._keys = _property_names(root)

    def value(self, schema: object, name: str, path: tuple[str, ...], index: int) -> Any:
        """`path` holds the `$ref`s on the way here; `index` tells the items of one array apart."""
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise RecursionError
        if schema is True or schema == {} or not is_object(schema):
            return self._string({}, name, index)
        rule = as_object(schema)
        ref = rule.get("$ref")
        if isinstance(ref, str):
            target = dict(as_object(self._resolve(ref)))
            target.update({key: item for key, item in rule.items() if key not in ("$ref", "$defs", "definitions")})
            return self.value(target, name, (*path, ref), index) if len(path) < _MAX_DEPTH else None
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
        kinds = rule.get("type")
        if is_array(kinds):
            choices = [str(kind) for kind in as_list(kinds)]
            kind = next((kind for kind in choices if kind != "null"), "null")
            if "null" in choices and kind in ("object", "array") and len(path) > 2:
                return None
        elif isinstance(kinds, str):
            kind = kinds
        else:
            kind = _guess(rule)
        return self._of_kind(kind, rule, name, path, index)

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
        return self._string(rule, name, index)

    # -- combining -----------------------------------------------------------------------------------------------

    def _resolve(self, ref: str) -> object:
        value: object = self.root
        if ref in ("#", "#/"):
            return value
        for part in ref.removeprefix("#/").split("/"):
            value = as_object(value).get(part.replace("~1", "/").replace("~0", "~").replace("%24", "$"), {})
        return value

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
        fewest = rule["minItems"] if is_integer(rule.get("minItems")) else 0
        most = rule["maxItems"] if is_integer(rule.get("maxItems")) else None
        if items is False:
            return made
        known = self.evidence.named(name)
        plain = as_object(items).get("type") in ("string", "integer", "number") and not as_object(items).get("enum")
        if is_array(known) and plain and not fixed:
            kind = (str,) if as_object(items).get("type") == "string" else (int, float)
            values = [item for item in as_list(known) if isinstance(item, kind)]
            if len(values) >= max(1, fewest):
                return values[:most]
        count = max(fewest, 0 if fixed else 1)
        if self._recurses(items, path) or len(path) >= _MAX_DEPTH:
            count = fewest
        elif plain and not fixed:
            spoken = len(self.evidence.names()) if as_object(items).get("type") == "string" else len(self._numbers)
            count = max(count, min(spoken, 8))
        if most is not None:
            count = min(count, most)
        place = len(made)
        tries = 0
        while len(made) < count and tries < count + 200:
            item = self.value(items, "" if plain else name, path, place)
            tries += 1
            place += 1
            if rule.get("uniqueItems") and item in made:
                continue
            made.append(item)
        return made

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
        known = self.evidence.named(name) if name else None
        said = self.evidence.assigned(name) if name else None
        value: float
        if is_number(known) or (isinstance(known, str) and re.fullmatch(r"-?\d+(\.\d+)?", known)):
            value = float(known)
        elif said is not None and re.fullmatch(r"-?\d+(\.\d+)?", said):
            value = float(said)
            if value in self._numbers:
                self._numbers.remove(value)
        elif self._numbers:
            value = self._numbers.pop(0)
        elif is_number(rule.get("default")):
            value = float(rule["default"])
        else:
            value = 1.0 + index
        low = rule.get("minimum")
        high = rule.get("maximum")
        above = rule.get("exclusiveMinimum")
        below = rule.get("exclusiveMaximum")
        step = rule.get("multipleOf")
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
        if is_number(step) and step > 0:
            unit = step
            value = math.floor(value / unit) * unit
            if is_number(low) and value < low:
                value += unit
        if whole:
            return math.ceil(value) if is_number(low) and math.floor(value) < low else math.floor(value)
        return value

    def _string(self, rule: Object, name: str, index: int) -> str:
        text = self._raw_string(rule, name, index)
        fewest = rule["minLength"] if is_integer(rule.get("minLength")) else 0
        most = rule.get("maxLength")
        if is_integer(most):
            text = text[:most]
        return text + "x" * (fewest - len(text))

    def _raw_string(self, rule: Object, name: str, index: int) -> str:
        evidence = self.evidence
        form = rule.get("format")
        pattern = rule.get("pattern")
        candidates: list[str] = []
        known = evidence.named(name) if name else None
        if isinstance(known, str) and known:
            candidates.append(known)
        elif is_number(known):
            candidates.append(str(known))
        said = evidence.assigned(name) if name else None
        if said:
            candidates.append(said)
        words = words_of(name)
        if form in ("email", "idn-email") or "email" in words:
            candidates = [item for item in candidates if "@" in item] + evidence.emails() + [_FORMATS["email"]]
        elif form in ("uri", "url") or {"url", "uri", "link"} & set(words):
            candidates = [item for item in candidates if "://" in item] + evidence.urls() + [_FORMATS["uri"]]
        elif form == "date" or ("date" in words and not form):
            candidates = (
                [item for item in candidates if re.fullmatch(r"\d{4}-\d\d-\d\d", item)]
                + evidence.dates()
                + [_FORMATS["date"]]
            )
        elif form in _FORMATS:
            candidates = [item for item in candidates if _fits(item, str(form))]
            candidates.append(_FORMATS[str(form)])
        else:
            things = [item for item in evidence.names() if item not in self._keys]
            quotes = [item for item in evidence.quoted() if item not in self._keys]
            whole = evidence.text.strip()
            default = rule.get("default")
            if set(words) & _FREE_TEXT:
                candidates += [*quotes[:1], whole]
            else:
                taken = self._taken
                self._taken += 0 if candidates else 1
                ordered = quotes + things
                if not candidates and ordered:
                    chosen = ordered[(taken if index == 0 else index) % len(ordered)]
                    candidates.append(f"{chosen} {index + 1}" if index >= len(ordered) else chosen)
                if isinstance(default, str):
                    candidates.append(default)
                candidates += [*ordered, whole]
            candidates = [item for item in candidates if item.strip()] or [name or "text"]
            if index and not things and not quotes:
                candidates = [f"{candidates[0][:60]} {index + 1}"]
        if isinstance(pattern, str):
            for item in candidates:
                if _matches(pattern, item):
                    return item
            made = from_pattern(pattern)
            return made if made is not None else candidates[0]
        return candidates[0]


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


def _guess(rule: Object) -> str:
    if "properties" in rule or "additionalProperties" in rule or "required" in rule:
        return "object"
    if "items" in rule or "prefixItems" in rule:
        return "array"
    if "minimum" in rule or "maximum" in rule or "multipleOf" in rule:
        return "number"
    return "string"


def _fits(text: str, form: str) -> bool:
    shapes = {
        "date-time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)",
        "time": r"\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?",
        "uuid": r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
        "duration": r"P(?=.)(\d+[YMWD])*(T(\d+[HMS])+)?",
        "hostname": r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*",
        "ipv4": r"\d{1,3}(\.\d{1,3}){3}",
    }
    return form in shapes and re.fullmatch(shapes[form], text) is not None


def _matches(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return False


def from_pattern(pattern: str) -> str | None:
    """The shortest plain string of a regular expression, or None when it is too clever for us."""
    # The standard library's own parser, whose module moved in 3.11.
    parser: Any = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")
    try:
        made = _from_nodes(parser.parse(pattern))
    except (re.error, ValueError, LookupError, TypeError, RecursionError):
        return None
    return made if _matches(pattern, made) else None


_CLASSES = {"CATEGORY_DIGIT": "1", "CATEGORY_WORD": "a", "CATEGORY_SPACE": " ", "CATEGORY_NOT_DIGIT": "a"}
_CANDIDATES = "a1A0-_ .xyzbcdefghijklmnopqrstuvw"


def _from_nodes(nodes: Any) -> str:
    made: list[str] = []
    groups: dict[int, str] = {}
    for code, argument in nodes:
        kind = str(code)
        if kind == "LITERAL":
            made.append(chr(argument))
        elif kind == "NOT_LITERAL":
            made.append("a" if argument != ord("a") else "b")
        elif kind == "ANY":
            made.append("a")
        elif kind == "IN":
            made.append(_from_class(argument))
        elif kind == "BRANCH":
            made.append(_from_nodes(argument[1][0]))
        elif kind == "SUBPATTERN":
            inner = _from_nodes(argument[3])
            if argument[0] is not None:
                groups[argument[0]] = inner
            made.append(inner)
        elif kind in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            fewest, most, inner_nodes = argument
            made.append(_from_nodes(inner_nodes) * max(int(fewest), min(1, int(most))))
        elif kind == "GROUPREF":
            made.append(groups[argument])
        elif kind not in ("AT", "ASSERT", "ASSERT_NOT"):
            raise ValueError(kind)
    return "".join(made)


def _from_class(items: Any) -> str:
    negated = bool(items) and str(items[0][0]) == "NEGATE"
    if negated:
        for candidate in _CANDIDATES:
            if not any(_in_class(item, candidate) for item in items[1:]):
                return candidate
        raise ValueError("NEGATE")
    code, argument = items[0]
    kind = str(code)
    if kind == "LITERAL":
        return chr(argument)
    if kind == "RANGE":
        return chr(argument[0])
    return _CLASSES[str(argument)]


def _in_class(item: Any, candidate: str) -> bool:
    kind = str(item[0])
    if kind == "LITERAL":
        return ord(candidate) == item[1]
    if kind == "RANGE":
        return bool(item[1][0] <= ord(candidate) <= item[1][1])
    name = str(item[1])
    tests = {
        "CATEGORY_DIGIT": candidate.isdigit(),
        "CATEGORY_NOT_DIGIT": not candidate.isdigit(),
        "CATEGORY_WORD": candidate.isalnum() or candidate == "_",
        "CATEGORY_NOT_WORD": not (candidate.isalnum() or candidate == "_"),
        "CATEGORY_SPACE": candidate.isspace(),
        "CATEGORY_NOT_SPACE": not candidate.isspace(),
    }
    return tests[name]
