"""Write a file atomically.

The new bytes go to a temporary file in the same folder, which then replaces the old file.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Sequence
from typing import Final

_PREFIX: Final = ".stepfun-migrate-"


class NotWritten(Exception):
    """A file was not changed; the message is the reason."""


def write_file(path: str, before: bytes, after: bytes, allowed: Sequence[str]) -> None:
    """Replace the contents of a file, unless they have changed since it was read.

    `allowed` are files and directories; files outside them are not written. Mode and owner are preserved. For a link,
    the target is replaced.

    Raises:
        NotWritten: the file has changed, is outside the paths, has other hard links, or is read-only.
        OSError: writing failed, for example on a full disk; the file is unchanged.
    """
    target = os.path.realpath(path)
    why = why_not(path, allowed)
    if why is not None:
        raise NotWritten(why)
    old = _check_file(target, before)
    folder = os.path.dirname(target)
    descriptor, temporary = tempfile.mkstemp(prefix=_PREFIX, dir=folder)
    try:
        try:
            _fill(descriptor, after)
            _keep(descriptor, target, old)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        now = _check_file(target, before)
        if (now.st_ino, now.st_dev, now.st_nlink) != (old.st_ino, old.st_dev, old.st_nlink):
            raise NotWritten("it changed while it was being written")
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def why_not(path: str, allowed: Sequence[str]) -> str | None:
    """Return why a file must not be written, regardless of its contents; None if it may be."""
    target = os.path.realpath(path)
    if not any(_inside(target, os.path.realpath(one)) for one in allowed):
        return "it is a link to a file outside the given paths"
    try:
        status = os.lstat(target)
    except OSError as problem:
        return problem.strerror or str(problem)
    if not stat.S_ISREG(status.st_mode):
        return "it is not a regular file"
    if status.st_nlink > 1:
        return "it has other hard links, which would keep the old text"
    return None if os.access(target, os.W_OK) else "it is read-only"


def _inside(target: str, above: str) -> bool:
    return target == above or target.startswith(above.rstrip(os.sep) + os.sep)


def _check_file(target: str, before: bytes) -> os.stat_result:
    """Return the stat result of a file that may be replaced."""
    status = os.lstat(target)
    with open(target, "rb") as stream:
        if stream.read() != before:
            raise NotWritten("it changed since it was read")
    return status


def _fill(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _keep(descriptor: int, target: str, old: os.stat_result) -> None:
    """Copy owner, mode and extended attributes from the old file to the new one."""
    if hasattr(os, "fchown"):
        new = os.fstat(descriptor)
        if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
            try:
                os.fchown(descriptor, old.st_uid, old.st_gid)
            except PermissionError:
                raise NotWritten("its owner cannot be preserved") from None
    if hasattr(os, "listxattr"):
        with contextlib.suppress(OSError):
            for name in os.listxattr(target):
                os.setxattr(descriptor, name, os.getxattr(target, name))
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def _sync_folder(folder: str) -> None:
    """Flush the renaming to disk, if the system supports it."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
