"""The terminal output: a summary of at most ten lines, and the details if requested."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from ..findings import Finding, NotRead, ScanResult
from ..reasons import REASONS, VERDICTS, Verdict
from .text import plain

_TO_DO: tuple[Verdict, ...] = ("will not work", "needs a decision", "translated")


def as_text(result: ScanResult, verbose: bool = False) -> str:
    """Render the summary, and with `verbose` every finding by file."""
    lines = list(_overview(result, verbose))
    if verbose:
        lines += ["", *_details(result)]
    return "\n".join(lines) + "\n"


def _overview(result: ScanResult, verbose: bool) -> Iterator[str]:
    """Yield the summary, at most ten lines."""
    if not result.findings:
        yield f"No use of openai in {_count(result.files, 'file')} below {plain(result.root)}."
        yield from _unread(result)
        return
    totals = result.totals()
    kinds = totals["kinds"]
    parts = [
        f"{kinds.get('api_call', 0)} API calls",
        f"{kinds.get('client_construction', 0)} clients",
        f"{kinds.get('import', 0)} imports",
    ]
    rest = len(result.findings) - sum(kinds.get(name, 0) for name in ("api_call", "client_construction", "import"))
    yield (
        f"{_count(len(result.findings), 'finding')} in {totals['files_with_findings']} of "
        f"{_count(result.files, 'file')} below {plain(result.root)}: {', '.join(parts)}, {rest} other."
    )
    for verdict in VERDICTS:
        yield f"  {result.count(verdict):>6}  {verdict}{_explained(verdict)}"
    yield from _effort(result)
    yield from _files(result)
    yield from _unread(result)
    yield _next(verbose)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def _explained(verdict: Verdict) -> str:
    return {
        "unchanged": ": works with the import swapped",
        "translated": ": works, in translated form",
        "needs a decision": "",
        "will not work": "",
    }[verdict]


def _effort(result: ScanResult) -> Iterator[str]:
    """Yield the most frequent reasons that require work."""
    hard = [one for one in result.findings if one.verdict in ("needs a decision", "will not work")]
    if not hard:
        yield "Main work: none; swap the imports."
        return
    counts = Counter(one.reason for one in hard)
    named = [f"{_reason(reason)} ({number})" for reason, number in counts.most_common(3)]
    yield "Main work: " + "; ".join(named) + "."


def _reason(reason: str) -> str:
    title = REASONS[reason].title
    return title[0].lower() + title[1:]


def _weight(findings: Iterable[Finding]) -> tuple[int, int, int]:
    verdicts = Counter(one.verdict for one in findings)
    return (verdicts["will not work"], verdicts["needs a decision"], verdicts["translated"])


def _files(result: ScanResult) -> Iterator[str]:
    by_file: dict[str, list[Finding]] = {}
    for one in result.findings:
        by_file.setdefault(one.file, []).append(one)
    weighed = sorted(by_file, key=lambda file: (*(-part for part in _weight(by_file[file])), file))[:3]
    named: list[str] = []
    for file in weighed:
        parts = [
            f"{number} {verdict}" for number, verdict in zip(_weight(by_file[file]), _TO_DO, strict=True) if number
        ]
        if parts:
            named.append(f"{plain(file)} ({', '.join(parts)})")
    if named:
        yield "Most to do: " + "; ".join(named) + "."


def _unread(result: ScanResult) -> Iterator[str]:
    if result.not_read:
        mentioning = [one for one in result.not_read if one.verdict is not None]
        first: NotRead = (mentioning or result.not_read)[0]
        also = f", {len(mentioning)} of them mention openai" if mentioning else ""
        yield f"Not read: {len(result.not_read)}{also}; first {plain(first.file)}: {plain(first.why)}."


def _next(verbose: bool) -> str:
    see = "" if verbose else "add --verbose or name a file to see every finding; "
    return f"Next: {see}run `stepfun-compat migrate` to edit the code."


def _details(result: ScanResult) -> Iterator[str]:
    here = None
    for one in result.findings:
        if one.file != here:
            if here is not None:
                yield ""
            here = one.file
            yield plain(here)
        where = f"{one.line}" if one.cell is None else f"cell {one.cell}:{one.line}"
        known = "" if one.known == "resolved" else f", {one.known}"
        yield f"  {where}: {one.verdict}: {plain(one.target)} ({one.kind}{known}): {plain(one.why)}"
        if one.verdict != "unchanged":
            rule = f" [{one.rule}]" if one.rule else ""
            yield f"      {plain(one.do)}{rule}  {one.doc}"
    if result.not_read:
        yield ""
        yield "Not read"
        for unread in result.not_read:
            yield f"  {plain(unread.file)}: {plain(unread.why)}"
