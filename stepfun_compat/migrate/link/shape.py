"""Recognize calls that look like an openai client's when the object is unknown.

`client.chat.completions.create` on an unknown object counts as a use of openai unless there is evidence against it: a
name of another vendor, or a file or project that uses other vendors but not openai.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from .. import surface
from ..facts import model as m

_STRONG: Final = (
    "chat.completions",
    "beta.chat.completions",
    "embeddings.create",
    "images.generate",
    "images.create_variation",
    "audio.speech",
    "audio.transcriptions",
    "audio.translations",
    "moderations.create",
    "beta.threads",
    "beta.assistants",
    "fine_tuning.jobs",
    "responses.create",
    "responses.parse",
    "responses.stream",
    "responses.input_items",
    "responses.input_tokens",
    "vector_stores.file_batches",
    "beta.vector_stores",
    "beta.realtime",
    "realtime.client_secrets",
)
"""Prefixes of unambiguous targets."""
_MAIN_METHODS: Final = frozenset({"create", "parse", "stream", "connect"})
_LEGACY_STRONG: Final = frozenset({"ChatCompletion"})
_OURS: Final = re.compile(r"open_?ai|(?:^|_)oai(?:_|$)|(?:^|_)gpt", re.IGNORECASE)
_WORDS: Final = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_OTHERS: Final = (
    "groq", "together", "anthropic", "claude", "mistral", "zhipu", "chatglm", "cohere", "cerebras", "litellm",
    "fireworks", "replicate", "ai21", "dashscope", "qwen", "qianfan", "gemini", "vertex", "ollama", "hugging",
    "watson", "portkey", "reka", "sambanova", "deepseek", "moonshot", "kimi", "minimax", "stepfun", "perplexity",
    "volc", "hunyuan", "llama",
)  # fmt: skip
_SHORT: Final = frozenset({"ark", "hf", "glm", "xai", "zai"})
_INFERENCE: Final = re.compile(r"inference_?client", re.IGNORECASE)
_VERBS: Final = ("together", "replicate")
"""Vendor names that are also common words in function names."""


METHOD_NAMES: Final = frozenset(name for names in surface.METHODS.values() for name in names) | frozenset(
    prefix + name for methods in surface.LEGACY.values() for name in methods for prefix in ("", "a")
)
"""The last names of chains that look like a client method."""


class Shape(NamedTuple):
    """A chain that looks like a method of a client."""

    target: str
    generation: str
    strong: bool
    root: str
    """The start of the chain as text: `self.client`."""


def parts_of(expr: m.Expr | None) -> tuple[list[str], m.Expr | None]:
    """Return the attributes of a chain, first to last, and its start."""
    parts: list[str] = []
    while isinstance(expr, m.Attribute):
        parts.append(expr.attr)
        expr = expr.base
    parts.reverse()
    return parts, expr


def _words(parts: list[str], root: m.Expr | None) -> str:
    if isinstance(root, m.Name):
        return ".".join([root.name, *parts])
    if isinstance(root, m.Call):
        inner, below = parts_of(root.func)
        return ".".join([_words(inner, below) + "()", *parts])
    if isinstance(root, m.Item):
        inner, below = parts_of(root.base)
        return ".".join([_words(inner, below) + "[]", *parts])
    return ".".join(["?", *parts])


def shape_of(expr: m.Expr | None) -> Shape | None:
    """Return the method of openai that a chain looks like, or None."""
    if type(expr) is not m.Attribute or expr.attr not in METHOD_NAMES or type(expr.base) is not m.Attribute:
        return None
    parts, root = parts_of(expr)
    plain = [part for part in parts if part not in surface.WRAPPED]
    method = plain[-1]
    for start in range(len(plain) - 1):
        path = ".".join(plain[start:-1])
        if method in surface.METHODS.get(path, ()):
            target = f"{path}.{method}"
            strong = _is_strong(target, method, wrapped=len(plain) != len(parts))
            return Shape(target, "1+", strong, _words(parts[: parts.index(plain[start])], root))
    return _legacy_shape(plain, root)


def _is_strong(target: str, method: str, wrapped: bool) -> bool:
    """Whether a method of openai>=1 is unambiguous. `wrapped`: accessed through `with_raw_response` or similar."""
    if target.startswith(("chat.completions", "beta.chat.completions")) and method not in _MAIN_METHODS:
        return False
    return wrapped or target.startswith(_STRONG)


def _legacy_shape(plain: list[str], root: m.Expr | None) -> Shape | None:
    """Return the method of openai<1.0 that a chain looks like, or None."""
    if len(plain) < 2:
        return None
    name, method = plain[-2], plain[-1]
    target = surface.legacy_method(name, method)
    if target is None:
        return None
    strong = name in _LEGACY_STRONG or method in ("acreate", "create_edit", "atranscribe")
    return Shape(target, "0.x", strong, _words(plain[:-2], root))


def root_of(expr: m.Attribute, shape: Shape) -> m.Expr | None:
    """Return the start of a chain that looks like a client method: the client itself."""
    here: m.Expr | None = expr
    for _ in shape.target.split("."):
        here = here.base if isinstance(here, m.Attribute) else here
    while isinstance(here, m.Attribute) and here.attr in surface.WRAPPED:
        here = here.base
    return here


def named_ours(root: str) -> bool:
    """Whether the start of a chain is named after OpenAI."""
    return _OURS.search(root) is not None and not named_others(root)


@lru_cache(maxsize=4096)
def named_others(root: str) -> bool:
    """Whether the start of a chain is named after another vendor."""
    return _INFERENCE.search(root) is not None or any(_is_vendor(word.lower()) for word in _WORDS.findall(root))


def _is_vendor(word: str) -> bool:
    return word in _SHORT or word.startswith(_OTHERS)


@lru_cache(maxsize=4096)
def for_others(function: str) -> bool:
    """Whether a function's name contains another vendor's name."""
    words = [word.lower() for word in _WORDS.findall(function)]
    return any(_is_vendor(word) for word in words if word not in _VERBS) and _OURS.search(function) is None


def vendors_of(facts: m.FileFacts) -> frozenset[str]:
    """Return the other vendors' packages that a file imports."""
    found: set[str] = set()
    for statement in facts.imports:
        if statement.level:
            continue
        names = [statement.module] if statement.module is not None else [one.name for one in statement.names]
        found.update(name.partition(".")[0] for name in names)
    return frozenset(found & surface.VENDORS)
