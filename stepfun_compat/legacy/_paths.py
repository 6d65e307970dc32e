"""Convert the URLs of openai<1.0 to StepFun's: names of Azure deployments and OpenAI engines become model names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_plus

_NAMED: Final = re.compile(r"/(?:deployments|engines)/([^/]+)/(.+)")

# Endpoints that only openai<1.0 had. The client refuses all others that StepFun lacks, by the catalog.
_GONE: Final[Mapping[str, str]] = {
    "edits": "Ask for the change with ChatCompletion.create.",
    "fine-tunes": "Put examples into the prompt; the prompt cache makes repeated prompts cheap.",
    "deployments": "Pass StepFun's model ids or OpenAI's names as engine, or set STEPFUN_MODEL.",
    "customer": "Manage keys and bills at platform.stepfun.ai or platform.stepfun.com.",
    "generate": "Use Completion.create.",
    "search": "Use embeddings of another provider or a local model.",
    "answers": "Use ChatCompletion.create with the documents in the prompt.",
    "classifications": "Use ChatCompletion.create with the examples in the prompt.",
    "experimental": "Use ChatCompletion.create.",
}


def split(url: str) -> tuple[str, dict[str, str]]:
    """Split a URL relative to the base URL into path and query."""
    path, _, query = url.partition("?")
    return path, dict(parse_qsl(query, keep_blank_values=True))


def plain(url: str) -> tuple[str, dict[str, str], str | None]:
    """Return (path, query, model) of a URL in Azure's or the engines' form; `model` is None if the URL has none."""
    path, query = split(url)
    query.pop("api-version", None)
    if path.startswith("/openai/"):
        path = path[len("/openai") :]
    model: str | None = None
    named = _NAMED.fullmatch(path)
    if named is not None:
        model, path = unquote_plus(named[1]), f"/{named[2]}"
    elif path == "/engines" or path.startswith("/engines/"):
        path = "/models" + path[len("/engines") :]
    if path.endswith(":submit"):
        path = path[: -len(":submit")]
    return path, query, model


def with_model(params: Any, model: str | None) -> Any:
    """Return the body with the model from the URL."""
    if model is None:
        return params
    fields: dict[str, Any] = params or {}
    return {**fields, "model": model}


def gone(method: str, path: str) -> dict[str, Any] | None:
    """Return OpenAI's error body for an endpoint that only openai<1.0 had; None for any other."""
    advice = _GONE.get(path.strip("/").partition("/")[0])
    if advice is None:
        return None
    return {
        "error": {
            "message": f"StepFun has no {method.upper()} {path}. {advice}",
            "type": "invalid_request_error",
            "param": None,
            "code": "endpoint_not_available",
        }
    }
