"""Disk errors as `BatchError` with the fix, and disk space reserved for a full disk."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import Generator
from pathlib import Path
from typing import Final

from .records import BatchError

RESERVE_BYTES: Final = 4 * 1024 * 1024
"""Space for the answers of requests that are in flight when the disk fills up."""


@contextlib.contextmanager
def disk_errors(path: Path) -> Generator[None, None, None]:
    """Turn the disk's errors on a database file into `BatchError`.

    Raises:
        BatchError: the disk is full (`disk_full`), the folder cannot be written (`batch_dir_not_writable`), the file is
            damaged (`journal_damaged`), or it failed in another way (`journal_failed`).
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        text = str(error)
        if "full" in text:
            raise _full(path) from error
        if "readonly" in text or "unable to open" in text:
            raise BatchError(
                f"{path.parent} is not writable. Set STEPFUN_BATCH_DIR to a writable folder.",
                status=500,
                code="batch_dir_not_writable",
            ) from error
        raise BatchError(f"The batch journal {path} failed: {error}.", status=503, code="journal_failed") from error
    except sqlite3.DatabaseError as error:
        raise BatchError(
            f"{path} is not a batch journal or is damaged ({error}). Move the file away to start a new journal; "
            f"`sqlite3 {path.name} .recover` extracts its readable rows.",
            status=500,
            code="journal_damaged",
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(path) from error
        raise BatchError(
            f"{path.parent} is not usable: {error.strerror or error}. Set STEPFUN_BATCH_DIR to a writable folder.",
            status=500,
            code="batch_dir_not_writable",
        ) from error


def _full(path: Path) -> BatchError:
    return BatchError(
        f"The disk of {path.parent} is full. No stored answer is lost: free some space and run "
        "`stepfun-compat batch resume`.",
        status=507,
        code="disk_full",
    )


class Reserve:
    """A file that occupies disk space until the disk is full."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "reserve"

    def hold(self) -> None:
        """Allocate the space if the disk has it; failure is harmless."""
        with contextlib.suppress(OSError):
            if self._path.exists() and self._path.stat().st_size >= RESERVE_BYTES:
                return
            with open(self._path, "wb") as file:
                file.write(os.urandom(1 << 16) * (RESERVE_BYTES >> 16))  # zeros may become a sparse file

    def release(self) -> None:
        """Free the space."""
        with contextlib.suppress(OSError):
            self._path.unlink()
