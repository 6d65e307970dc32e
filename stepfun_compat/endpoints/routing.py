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
    ("POST", "/chat/completions", "chat.endpoint:ENDPOINT"),
    ("POST", "/completions", "chat.text_completions:ENDPOINT"),
    ("POST", "/responses", "responses.endpoint:ENDPOINT"),
    ("POST", "/responses/input_tokens", "responses.input_tokens:ENDPOINT"),
    ("GET", "/responses/*", "responses.stored:RETRIEVE"),
    ("DELETE", "/responses/*", "responses.stored:DELETE"),
    ("POST", "/responses/*/cancel", "responses.stored:CANCEL"),
    ("GET", "/responses/*/input_items", "responses.stored:INPUT_ITEMS"),
    ("POST", "/conversations", "responses.conversations:CREATE"),
    ("GET", "/conversations/*", "responses.conversations:RETRIEVE"),
    ("POST", "/conversations/*", "responses.conversations:UPDATE"),
    ("DELETE", "/conversations/*", "responses.conversations:DELETE"),
    ("POST", "/conversations/*/items", "responses.conversations:ADD_ITEMS"),
    ("GET", "/conversations/*/items", "responses.conversations:LIST_ITEMS"),
    ("GET", "/conversations/*/items/*", "responses.conversations:RETRIEVE_ITEM"),
    ("DELETE", "/conversations/*/items/*", "responses.conversations:DELETE_ITEM"),
    ("GET", "/models", "models:LIST"),
    ("GET", "/models/*", "models:RETRIEVE"),
    ("POST", "/files", "files.files:CREATE"),
    ("GET", "/files", "files.files:LIST"),
    ("GET", "/files/*", "files.files:RETRIEVE"),
    ("DELETE", "/files/*", "files.files:DELETE"),
    ("GET", "/files/*/content", "files.files:CONTENT"),
    ("POST", "/uploads", "files.uploads:CREATE"),
    ("POST", "/uploads/*/parts", "files.uploads:PART"),
    ("POST", "/uploads/*/complete", "files.uploads:COMPLETE"),
    ("POST", "/uploads/*/cancel", "files.uploads:CANCEL"),
    ("POST", "/images/generations", "images:GENERATE"),
    ("POST", "/images/edits", "images:EDIT"),
    ("POST", "/images/variations", "images:VARIATION"),
    ("POST", "/audio/speech", "audio.speech:ENDPOINT"),
    ("POST", "/audio/transcriptions", "audio.transcriptions:ENDPOINT"),
    ("POST", "/audio/voices", "audio.speech:VOICE"),
    ("POST", "/vector_stores", "files.vector_stores:CREATE"),
    ("GET", "/vector_stores", "files.vector_stores:LIST"),
    ("GET", "/vector_stores/*", "files.vector_stores:RETRIEVE"),
    ("POST", "/vector_stores/*/files", "files.vector_stores:ADD_FILE"),
    ("GET", "/vector_stores/*/files", "files.vector_stores:LIST_FILES"),
    ("GET", "/vector_stores/*/files/*", "files.vector_stores:RETRIEVE_FILE"),
    ("POST", "/vector_stores/*/file_batches", "files.vector_stores:ADD_BATCH"),
    ("GET", "/vector_stores/*/file_batches/*", "files.vector_stores:RETRIEVE_BATCH"),
    ("GET", "/vector_stores/*/file_batches/*/files", "files.vector_stores:LIST_BATCH_FILES"),
    ("POST", "/batches", "batches:CREATE"),
    ("GET", "/batches", "batches:LIST"),
    ("GET", "/batches/*", "batches:RETRIEVE"),
    ("POST", "/batches/*/cancel", "batches:CANCEL"),
    *((row.method, row.pattern, "unsupported:ENDPOINT") for row in ABSENT),
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
