"""The progress of a batch as text: a bar for a terminal, lines for a log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TextIO

from .records import BatchRecord

_WIDTH: Final = 24
_TERMINAL_SECONDS: Final = 0.2
_LOG_SECONDS: Final = 5.0


class Progress:
    """Show the progress of one batch on a stream: a line updated in place on a terminal, periodic lines elsewhere.

    Rate and time left are measured from `record`, the first one seen.
    """

    def __init__(self, stream: TextIO, record: BatchRecord, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._clock = clock
        self._started = clock()
        self._done_before = _done(record)
        self._shown_at = 0.0

    @property
    def due(self) -> bool:
        """Whether the next update is due."""
        return self._clock() - self._shown_at >= (_TERMINAL_SECONDS if self._terminal else _LOG_SECONDS)

    def show(self, record: BatchRecord) -> None:
        """Show the current progress."""
        self._shown_at = self._clock()
        text = self.line(record)
        self._write(f"\r\x1b[K{bar(record)} {text}" if self._terminal else f"{text}\n")

    def end(self, record: BatchRecord) -> None:
        """Show the final progress."""
        self.show(record)
        if self._terminal:
            self._write("\n")

    def line(self, record: BatchRecord) -> str:
        """Status, lines done and failed, tokens, cost, lines per second, and time left."""
        counts, seconds = record.counts, self._clock() - self._started
        rate = (_done(record) - self._done_before) / seconds if seconds > 0 else 0.0
        left = f", {duration(counts.pending / rate)} left" if rate and counts.pending else ""
        return (
            f"{record.status}: {_done(record):,}/{counts.total:,} done, {counts.failed:,} failed, "
            f"{record.tokens.input + record.tokens.output:,} tokens, cost {record.cost:.4f}, {rate:.1f}/s{left}"
        )

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def bar(record: BatchRecord) -> str:
    """The share of finished lines as a bar."""
    share = _done(record) / record.counts.total if record.counts.total else 0.0
    full = int(share * _WIDTH)
    return f"[{'#' * full}{'.' * (_WIDTH - full)}] {share:4.0%}"


def duration(seconds: float) -> str:
    """Format seconds as `1:02:03`, or `2:03` below an hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _done(record: BatchRecord) -> int:
    return record.counts.completed + record.counts.failed
