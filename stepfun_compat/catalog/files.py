"""Files: purposes, types and sizes (stepfun-api 8.1), and where OpenAI's purposes go."""

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
        # (for a document, for a picture, a sound or a film)
        "assistants": ("retrieval-text", "storage"),  # what OpenAI's vector stores are filled from
        "user_data": ("file-extract", "storage"),
        "vision": ("storage", "storage"),
    }
)

PURPOSE_OF: Final = MappingProxyType(
    {
        # (OpenAI's for a picture, for anything else): what a program that filters its files by purpose looks for
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
        "batch_output": "only a batch makes such files",
        "fine-tune": "StepFun has no fine-tuning: put examples into the prompt, which the prefix cache makes cheap",
        "fine-tune-results": "StepFun has no fine-tuning",
        "evals": "StepFun has no evals",
        "assistants_output": "StepFun has no assistants",
    }
)

# StepFun's status -> OpenAI's: `processed` means "still parsing" at StepFun, `success` means ready (stepfun-api 8.1)
STATUS: Final = MappingProxyType({"processed": "uploaded", "success": "processed", "failed": "error"})
