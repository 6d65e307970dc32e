"""Run the notebooks of `examples/`; `python -m tests.docs.notebooks` writes the outputs of their cells."""

from __future__ import annotations

import ast
import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai

from .document_outputs import masked

FOLDER = Path(__file__).parents[2] / "examples"


def notebooks() -> list[Path]:
    """The notebooks, sorted by name."""
    return sorted(FOLDER.glob("*.ipynb"))


def _run_cell(code: str, names: dict[str, Any], file: str) -> str:
    """Return a cell's output with the value of its last expression, as Jupyter shows it."""
    tree = ast.parse(code)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(tree, file, "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), file, "eval"), names)
            if value is not None:
                out.write(f"{value}\n")
    return masked(out.getvalue())


def executed(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """Run a notebook's code cells in order in one namespace; yield each cell and its output."""
    names: dict[str, Any] = {"__name__": "__main__"}
    try:
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                yield cell, _run_cell("".join(cell["source"]), names, path.name)
    finally:
        for value in names.values():
            if isinstance(value, openai.OpenAI):
                value.close()


def stored(cell: dict[str, Any]) -> str:
    """The cell's output in the file."""
    return "".join("".join(output["text"]) for output in cell["outputs"]).rstrip()


def main() -> None:
    from tests.docs import test_docs

    with test_docs.emulated() as environment, contextlib.ExitStack() as stack:
        stack.enter_context(test_docs.as_environment(environment))
        for path in notebooks():
            book = json.loads(path.read_text(encoding="utf-8"))
            code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
            for cell, (_, text) in zip(code, executed(path), strict=True):
                lines = [f"{line}\n" for line in text.splitlines()]
                cell["outputs"] = [{"name": "stdout", "output_type": "stream", "text": lines}] if lines else []
            path.write_text(json.dumps(book, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
