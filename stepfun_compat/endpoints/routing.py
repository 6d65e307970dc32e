"""The routing table from method and path to endpoint. A new endpoint is one line here."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Final

from ..catalog.absent import ABSENT

if TYPE_CHECKING:
    from .base import Endpoint

# (method, path pattern) -> "module:class", or a shared instance. `*` matches one path segment, a trailing `**` any tail.
# The first matching line wins. Modules are imported on first use. Endpoints that StepFun does not offer come last,
# since their patterns are broad.
ROUTES: Final = (
    ("POST", "/chat/completions", "chat.endpoint:ENDPOINT"),
    ("POST", "/completions", "chat.text_completions:Completions"),
    ("POST", "/responses", "responses.endpoint:Responses"),
    ("POST", "/responses/input_tokens", "responses.input_tokens:InputTokens"),
    ("GET", "/responses/*", "responses.stored:Retrieve"),
    ("DELETE", "/responses/*", "responses.stored:Delete"),
    ("POST", "/responses/*/cancel", "responses.stored:Cancel"),
    ("GET", "/responses/*/input_items", "responses.stored:InputItems"),
    ("POST", "/conversations", "responses.conversations:Create"),
    ("GET", "/conversations/*", "responses.conversations:Retrieve"),
    ("POST", "/conversations/*", "responses.conversations:Update"),
    ("DELETE", "/conversations/*", "responses.conversations:Delete"),
    ("POST", "/conversations/*/items", "responses.conversations:AddItems"),
    ("GET", "/conversations/*/items", "responses.conversations:ListItems"),
    ("GET", "/conversations/*/items/*", "responses.conversations:RetrieveItem"),
    ("DELETE", "/conversations/*/items/*", "responses.conversations:DeleteItem"),
    ("GET", "/models", "models:ListModels"),
    ("GET", "/models/*", "models:RetrieveModel"),
    ("POST", "/files", "files.files:CreateFile"),
    ("GET", "/files", "files.files:ListFiles"),
    ("GET", "/files/*", "files.files:RetrieveFile"),
    ("DELETE", "/files/*", "files.files:DeleteFile"),
    ("GET", "/files/*/content", "files.files:FileContent"),
    ("POST", "/uploads", "files.uploads:CreateUpload"),
    ("POST", "/uploads/*/parts", "files.uploads:AddPart"),
    ("POST", "/uploads/*/complete", "files.uploads:CompleteUpload"),
    ("POST", "/uploads/*/cancel", "files.uploads:CancelUpload"),
    ("POST", "/images/generations", "images:Generate"),
    ("POST", "/images/edits", "images:Edit"),
    ("POST", "/images/variations", "images:Variation"),
    ("POST", "/audio/speech", "audio.speech:Speech"),
    ("POST", "/audio/transcriptions", "audio.transcriptions:Transcription"),
    ("POST", "/audio/voices", "audio.speech:Voice"),
    ("POST", "/vector_stores", "files.vector_stores:CreateStore"),
    ("GET", "/vector_stores", "files.vector_stores:ListStores"),
    ("GET", "/vector_stores/*", "files.vector_stores:RetrieveStore"),
    ("POST", "/vector_stores/*/files", "files.vector_stores:AddFile"),
    ("GET", "/vector_stores/*/files", "files.vector_stores:ListFiles"),
    ("GET", "/vector_stores/*/files/*", "files.vector_stores:RetrieveFile"),
    ("POST", "/vector_stores/*/file_batches", "files.vector_stores:AddBatch"),
    ("GET", "/vector_stores/*/file_batches/*", "files.vector_stores:RetrieveBatch"),
    ("GET", "/vector_stores/*/file_batches/*/files", "files.vector_stores:ListBatchFiles"),
    ("POST", "/batches", "batches:CREATE"),
    ("GET", "/batches", "batches:LIST"),
    ("GET", "/batches/*", "batches:RETRIEVE"),
    ("POST", "/batches/*/cancel", "batches:CANCEL"),
    *((row.method, row.pattern, "unsupported:ENDPOINT") for row in ABSENT),
)


def matches(pattern: str, path: str) -> bool:
    """Whether a path matches a pattern of the table."""
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
    found: type[Endpoint] | Endpoint = getattr(import_module(f".{module}", __package__), name)
    return found() if isinstance(found, type) else found


def find(method: str, path: str) -> Endpoint | None:
    """Return the endpoint for a request, None if it needs no translation."""
    target = _target(method.upper(), path)
    return None if target is None else _load(target)
