"""The routing table: which endpoint answers a method and a path. A new endpoint is one line here."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Final

from ..catalog.absent import ABSENT

if TYPE_CHECKING:
    from .base import Endpoint

# (method, path pattern) -> "module:object"; `*` stands for one path segment, a trailing `**` for any tail.
# The first line that matches wins. Modules are imported when first used.
# What StepFun does not offer comes last: those rows are wide.
ROUTES: Final = (
    ("POST", "/chat/completions", "chat_completions:ENDPOINT"),
    ("POST", "/completions", "completions:ENDPOINT"),
    ("POST", "/responses", "responses:ENDPOINT"),
    ("POST", "/responses/input_tokens", "token_count:ENDPOINT"),
    ("GET", "/responses/*", "responses_stored:RETRIEVE"),
    ("DELETE", "/responses/*", "responses_stored:DELETE"),
    ("POST", "/responses/*/cancel", "responses_stored:CANCEL"),
    ("GET", "/responses/*/input_items", "responses_stored:INPUT_ITEMS"),
    ("POST", "/conversations", "conversations:CREATE"),
    ("GET", "/conversations/*", "conversations:RETRIEVE"),
    ("POST", "/conversations/*", "conversations:UPDATE"),
    ("DELETE", "/conversations/*", "conversations:DELETE"),
    ("POST", "/conversations/*/items", "conversations:ADD_ITEMS"),
    ("GET", "/conversations/*/items", "conversations:LIST_ITEMS"),
    ("GET", "/conversations/*/items/*", "conversations:RETRIEVE_ITEM"),
    ("DELETE", "/conversations/*/items/*", "conversations:DELETE_ITEM"),
    ("GET", "/models", "models:LIST"),
    ("GET", "/models/*", "models:RETRIEVE"),
    ("POST", "/files", "files:CREATE"),
    ("GET", "/files", "files:LIST"),
    ("GET", "/files/*", "files:RETRIEVE"),
    ("DELETE", "/files/*", "files:DELETE"),
    ("GET", "/files/*/content", "files:CONTENT"),
    ("POST", "/uploads", "uploads:CREATE"),
    ("POST", "/uploads/*/parts", "uploads:PART"),
    ("POST", "/uploads/*/complete", "uploads:COMPLETE"),
    ("POST", "/uploads/*/cancel", "uploads:CANCEL"),
    ("POST", "/images/generations", "images:GENERATE"),
    ("POST", "/images/edits", "images:EDIT"),
    ("POST", "/images/variations", "images:VARIATION"),
    ("POST", "/audio/speech", "speech:ENDPOINT"),
    ("POST", "/audio/transcriptions", "transcriptions:ENDPOINT"),
    ("POST", "/audio/voices", "speech:VOICE"),
    ("POST", "/vector_stores", "vector_stores:CREATE"),
    ("GET", "/vector_stores", "vector_stores:LIST"),
    ("GET", "/vector_stores/*", "vector_stores:RETRIEVE"),
    ("POST", "/vector_stores/*/files", "vector_stores:ADD_FILE"),
    ("GET", "/vector_stores/*/files", "vector_stores:LIST_FILES"),
    ("GET", "/vector_stores/*/files/*", "vector_stores:RETRIEVE_FILE"),
    ("POST", "/vector_stores/*/file_batches", "vector_stores:ADD_BATCH"),
    ("GET", "/vector_stores/*/file_batches/*", "vector_stores:RETRIEVE_BATCH"),
    ("GET", "/vector_stores/*/file_batches/*/files", "vector_stores:LIST_BATCH_FILES"),
    ("POST", "/batches", "batches:CREATE"),
    ("GET", "/batches", "batches:LIST"),
    ("GET", "/batches/*", "batches:RETRIEVE"),
    ("POST", "/batches/*/cancel", "batches:CANCEL"),
    *((row.method, row.pattern, "absent:ENDPOINT") for row in ABSENT),
)


def matches(pattern: str, path: str) -> bool:
    """Whether a path fits a pattern of the table."""
    wanted, given = pattern.split("/"), path.split("/")
    if wanted[-1] == "**":
        wanted = wanted[:-1]
        given = given[: len(wanted)] if len(given) >= len(wanted) else given
    return len(wanted) == len(given) and all(w in ("*", g) for w, g in zip(wanted, given, strict=True))


@lru_cache(maxsize=1024)
def _target(method: str, path: str) -> str | None:
    for route_method, pattern, target in ROUTES:
        if route_method in ("*", method) and matches(pattern, path):
            return target
    return None


@lru_cache(maxsize=64)
def _load(target: str) -> Endpoint:
    module, _, name = target.partition(":")
    endpoint: Endpoint = getattr(import_module(f".{module}", __package__), name)
    return endpoint


def find(method: str, path: str) -> Endpoint | None:
    """The endpoint for a request, None where StepFun's answer needs no translation."""
    target = _target(method.upper(), path)
    return None if target is None else _load(target)
