"""mkdocs hooks: write `llms.txt`, the list of pages, and `llms-full.txt`, all pages in one file; prevent the source tags of
the page on StepFun's API, such as `[M1]`, from being read as cross-references."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_INCLUDE = re.compile(r'^--8<-- "(?P<path>[^"]+)"$', re.MULTILINE)
_COMMENT = re.compile(r"^<!-- .*? -->\n", re.MULTILINE)
_HEADING = re.compile(r"^# (.+)$", re.MULTILINE)
_CODE = re.compile(r"(^```.*?^```|`[^`\n]*`)", re.DOTALL | re.MULTILINE)
_TAG = re.compile(r"\[([^\]\n]+)\](?!\()")
_pages: dict[str, str] = {}


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Store the text of each page, with its includes."""
    root = Path(config.config_file_path).parent
    text = _INCLUDE.sub(lambda match: (root / match["path"]).read_text(encoding="utf-8"), markdown)
    _pages[page.file.src_uri] = _COMMENT.sub("", text).strip()
    if page.file.src_uri == "stepfun-api.md":
        parts = _CODE.split(markdown)  # text, code, text, …
        parts[::2] = [_TAG.sub(r"&#91;\1&#93;", part) for part in parts[::2]]
        return "".join(parts)
    # links of an included document are relative to its own folder
    return text.replace("](docs/", "](") if _INCLUDE.search(markdown) else markdown


def _summary(text: str) -> str:
    """Return the first sentence of a page that is neither code nor a table."""
    for paragraph in re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE).split("\n\n"):
        if paragraph.strip() and not paragraph.lstrip().startswith(("#", "|", "- ", "1. ", ":::")):
            line = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", " ".join(paragraph.split()))
            return re.sub(r":$", ".", re.split(r"(?<=\.) (?=[A-Z`])", line, maxsplit=1)[0])
    return ""


def _lines(items: Any, level: int = 2) -> list[str]:
    lines: list[str] = []
    for item in items:
        if item.is_section:
            lines += ["", f"{'#' * level} {item.title}", "", *_lines(item.children, level + 1)]
        elif item.is_page:
            summary = _summary(_pages[item.file.src_uri])
            lines.append(f"- [{item.title}]({item.file.src_uri})" + (f": {summary}" if summary else ""))
    return lines


def on_post_build(config: Any, **_: Any) -> None:
    """Write both files and the pages they list."""
    site = Path(config.site_dir)
    head = f"# {config.site_name}\n\n> {config.site_description}\n"
    index = "\n".join(_lines(config._nav.items))
    (site / "llms.txt").write_text(f"{head}\n{index.strip()}\n", encoding="utf-8")
    for name, text in _pages.items():
        page = site / name
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(f"{text}\n", encoding="utf-8")
    texts = [f"<!-- {name} -->\n{text}\n" for name, text in _pages.items()]
    (site / "llms-full.txt").write_text("\n".join([head, *texts]), encoding="utf-8")


def on_nav(nav: Any, config: Any, **_: Any) -> Any:
    """Store the navigation for the list of pages."""
    config._nav = nav
    return nav
