"""The HTML output: a self-contained, responsive page with light and dark themes that works without JavaScript."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from html import escape
from typing import Final

from ..findings import Finding, ScanResult
from ..reasons import REASONS, VERDICTS, Verdict
from .text import plain

_CLASSES: Final[dict[Verdict, str]] = {
    "unchanged": "v0",
    "translated": "v1",
    "needs a decision": "v2",
    "will not work": "v3",
}
_STYLE: Final = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--soft:#57606a;--line:#d0d7de;--card:#f6f8fa;
--v0:#1a7f37;--v1:#0b62c4;--v2:#8a5a00;--v3:#c0202b}
@media (prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--soft:#9aa4b0;--line:#30363d;--card:#161b22;
--v0:#4ac26b;--v1:#6cb2ff;--v2:#e3b341;--v3:#ff7b72}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:72rem;padding:1.25rem;background:var(--bg);color:var(--fg);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.5rem;line-height:1.25;margin:.25rem 0 .5rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}
p{margin:.25rem 0 .75rem}.soft{color:var(--soft)}
.counts{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.75rem;margin:1rem 0;padding:0;list-style:none}
.counts li{background:var(--card);border:1px solid var(--line);border-left:4px solid currentColor;border-radius:8px;padding:.6rem .8rem}
.counts b{display:block;font-size:1.6rem;line-height:1.2}.counts span{color:var(--fg)}
.v0{color:var(--v0)}.v1{color:var(--v1)}.v2{color:var(--v2)}.v3{color:var(--v3)}
ul.plain{padding-left:1.1rem;margin:.25rem 0}
.filters{display:none;flex-wrap:wrap;gap:.5rem .75rem;align-items:center;margin:1rem 0;padding:.6rem .8rem;background:var(--card);border:1px solid var(--line);border-radius:8px}
.js .filters{display:flex}
.filters label{display:inline-flex;gap:.35rem;align-items:center;min-height:2rem}
.filters input[type=search]{flex:1 1 12rem;min-width:0;font:inherit;color:inherit;background:var(--bg);border:1px solid var(--line);border-radius:6px;padding:.35rem .6rem}
.filters input[type=checkbox]{width:1.1rem;height:1.1rem}
details{border:1px solid var(--line);border-radius:8px;margin:.5rem 0;background:var(--bg)}
summary{cursor:pointer;padding:.6rem .8rem;font-weight:600}
summary .n{font-weight:400;color:var(--soft)}
article{border-top:1px solid var(--line);padding:.6rem .8rem}
article p{margin:.15rem 0}.tag{font-weight:600}
pre{margin:.35rem 0;padding:.4rem .6rem;background:var(--card);border:1px solid var(--line);border-radius:6px;white-space:pre-wrap;font:13px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
[hidden]{display:none}
@media print{.filters{display:none!important}}
"""
_SCRIPT: Final = """
(function(){var d=document;d.documentElement.className="js";
var q=d.getElementById("q"),boxes=[].slice.call(d.querySelectorAll(".filters input[type=checkbox]")),
files=[].slice.call(d.querySelectorAll("details.file")),shown=d.getElementById("shown");
function update(){var on={},text=q.value.toLowerCase(),total=0;boxes.forEach(function(b){on[b.value]=b.checked});
files.forEach(function(f){var n=0;[].slice.call(f.querySelectorAll("article")).forEach(function(a){
var ok=on[a.getAttribute("data-v")]&&(!text||(f.getAttribute("data-f")+" "+a.textContent).toLowerCase().indexOf(text)>=0);
a.hidden=!ok;if(ok){n++}});f.hidden=!n;total+=n});
shown.textContent=total+" shown"}
q.addEventListener("input",update);boxes.forEach(function(b){b.addEventListener("change",update)});update()})();
"""


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def as_html(result: ScanResult) -> str:
    """Render the page. Text from scanned files is escaped, and only the page's own script can run."""
    return "".join(_page(result))


def _text(text: str) -> str:
    return escape(plain(text), quote=True)


def _page(result: ScanResult) -> Iterator[str]:
    policy = f"default-src 'none'; style-src '{_hash(_STYLE)}'; script-src '{_hash(_SCRIPT)}'; base-uri 'none'; form-action 'none'"
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f"<title>openai in {_text(result.root)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
    yield from _summary(result)
    yield from _findings(result)
    yield from _unread(result)
    yield f"<script>{_SCRIPT}</script>\n</body>\n</html>\n"


def _summary(result: ScanResult) -> Iterator[str]:
    totals = result.totals()
    yield f"<header><h1>Uses of openai in {_text(result.root)}, and their support on StepFun</h1>\n"
    yield (
        f'<p class="soft">{totals["findings"]:,} findings in {totals["files_with_findings"]:,} of {result.files:,} files; '
        f"{totals['not_read']:,} not read.</p>\n"
    )
    yield '<ul class="counts">\n'
    for verdict in reversed(VERDICTS):
        yield f'<li class="{_CLASSES[verdict]}"><b>{result.count(verdict):,}</b><span>{verdict}</span></li>\n'
    yield "</ul>\n"
    counts: dict[str, int] = {}
    for one in result.findings:
        if one.verdict in ("needs a decision", "will not work"):
            counts[one.reason] = counts.get(one.reason, 0) + 1
    if counts:
        yield '<h2>Main work</h2>\n<ul class="plain">\n'
        for reason, number in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:5]:
            yield f"<li>{escape(REASONS[reason].title)}: {number:,}</li>\n"
        yield "</ul>\n"
    yield "</header>\n"


def _findings(result: ScanResult) -> Iterator[str]:
    if not result.findings:
        return
    yield '<main><h2>Findings</h2>\n<div class="filters" role="group" aria-label="Filters">\n'
    for verdict in reversed(VERDICTS):
        name = _CLASSES[verdict]
        yield f'<label class="{name}"><input type="checkbox" value="{name}" checked>{verdict}</label>\n'
    yield '<input type="search" id="q" placeholder="File, name or text" aria-label="Search">'
    yield '<span class="soft" id="shown" aria-live="polite"></span>\n</div>\n'
    by_file: dict[str, list[Finding]] = {}
    for one in result.findings:
        by_file.setdefault(one.file, []).append(one)
    order = sorted(by_file, key=lambda file: (*(-part for part in _weight(by_file[file])), file))
    for number, file in enumerate(order):
        yield from _file(file, by_file[file], number < 3)
    yield "</main>\n"


def _weight(findings: list[Finding]) -> tuple[int, ...]:
    return tuple(sum(one.verdict == verdict for one in findings) for verdict in reversed(VERDICTS[1:]))


def _file(file: str, findings: list[Finding], opened: bool) -> Iterator[str]:
    parts = ", ".join(
        f"{number} {verdict}"
        for verdict in reversed(VERDICTS)
        if (number := sum(one.verdict == verdict for one in findings))
    )
    yield f'<details class="file" data-f="{_text(file)}"{" open" if opened else ""}><summary>{_text(file)} <span class="n">{parts}</span></summary>\n'
    for one in findings:
        name = _CLASSES[one.verdict]
        where = f"line {one.line}" if one.cell is None else f"cell {one.cell}, line {one.line}"
        yield f'<article data-v="{name}"><p><span class="tag {name}">{one.verdict}</span> '
        yield f'<b>{_text(one.target)}</b> <span class="soft">{one.kind}, {where}, {one.known}</span></p>\n'
        if one.excerpt:
            yield f"<pre>{_text(one.excerpt)}</pre>\n"
        yield f"<p>{_text(one.why)}</p>\n"
        if one.verdict != "unchanged":
            rule = f" ({one.rule})" if one.rule else ""
            yield f'<p class="soft">{_text(one.do)}{rule}</p>\n'
        yield "</article>\n"
    yield "</details>\n"


def _unread(result: ScanResult) -> Iterator[str]:
    if not result.not_read:
        return
    yield '<section><h2>Not read</h2>\n<ul class="plain">\n'
    for one in result.not_read:
        mark = f' <span class="v2">{one.verdict}</span>' if one.verdict else ""
        yield f"<li><b>{_text(one.file)}</b>: {_text(one.why)}{mark}</li>\n"
    yield "</ul></section>\n"
