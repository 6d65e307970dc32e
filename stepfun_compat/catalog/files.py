"""Files: purposes, types and sizes (stepfun-api 8.1), and the mapping from OpenAI's purposes."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from .schema import FilePurpose

_SOURCE: Final = "files/create, guides/developer/doc-parser"
_AS_OF: Final = "2026-06-19"
_MB: Final = 1024 * 1024

DOCUMENTS: Final = frozenset(["txt", "md", "pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "csv", "html", "xml"])
MEDIA: Final = frozenset(["mp4", "jpg", "jpeg", "png", "webp", "gif", "mp3", "wav"])

PURPOSES: Final = MappingProxyType(
    {
        row.name: row
        for row in (
            FilePurpose("file-extract", DOCUMENTS, 64 * _MB, _SOURCE, _AS_OF),
            FilePurpose("retrieval-text", DOCUMENTS, 64 * _MB, _SOURCE, _AS_OF),
            FilePurpose("retrieval-image", frozenset({"jpg", "jpeg", "png"}), 64 * _MB, _SOURCE, _AS_OF),
            FilePurpose("storage", MEDIA, 128 * _MB, _SOURCE, _AS_OF),
        )
    }
)

OPENAI_PURPOSES: Final = MappingProxyType(
    {
        # (for a document, for an image, audio or video)
        "assistants": ("retrieval-text", "storage"),  # the purpose of files for OpenAI's vector stores
        "user_data": ("file-extract", "storage"),
        "vision": ("storage", "storage"),
    }
)

PURPOSE_OF: Final = MappingProxyType(
    {
        # (OpenAI's purpose for an image, for any other file), for programs that filter files by purpose
        "retrieval-text": ("assistants", "assistants"),
        "retrieval-image": ("assistants", "assistants"),
        "file-extract": ("user_data", "user_data"),
        "storage": ("vision", "user_data"),
    }
)
PICTURES: Final = frozenset(["jpg", "jpeg", "png", "webp", "gif"])

REFUSED_PURPOSES: Final = MappingProxyType(
    {
        "batch": "a batch's input is kept on this machine: upload it with files.create(file=..., purpose='batch')",
        "batch_output": "only batches create such files",
        "fine-tune": "StepFun has no fine-tuning: put examples into the prompt, which the prefix cache makes cheap",
        "fine-tune-results": "StepFun has no fine-tuning",
        "evals": "StepFun has no evals",
        "assistants_output": "StepFun has no assistants",
    }
)

# StepFun's status -> OpenAI's: `processed` means "still parsing" at StepFun, `success` means ready (stepfun-api 8.1)
STATUS: Final = MappingProxyType({"processed": "uploaded", "success": "processed", "failed": "error"})
