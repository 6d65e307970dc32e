"""Translation, one module per OpenAI endpoint: plain data in, plain data out, no I/O, no `openai`, no HTTP."""

from __future__ import annotations
