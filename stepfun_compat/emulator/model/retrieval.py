"""The built-in `retrieval` tool, which reads a vector store on the server (stepfun-api 3.4)."""

from __future__ import annotations

from ..api import errors
from ..json_values import Object, as_list, as_object, as_text
from ..state import Engine


def retrieve(engine: Engine, options: Object, query: str) -> str:
    """Fill the tool's prompt template with the text of the store's files. An unknown store is a 400."""
    identity = as_text(options.get("vector_store_id"))
    store = engine.table("vector_stores").get(identity)
    if store is None:
        raise errors.invalid(f"vector store {identity} not found")
    known = " ".join(
        as_text(as_object(engine.table("files").get(as_text(as_object(item).get("id")))).get("text"))
        for item in as_list(as_object(store).get("files"))
    )
    template = as_text(options.get("prompt_template")) or "{{query}} {{knowledge}}"
    return template.replace("{{knowledge}}", " ".join(known.split())[:2000]).replace("{{query}}", query).strip()
