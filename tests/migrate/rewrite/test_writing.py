"""Writing files: always the old or the new content, mode and links kept, nothing outside the paths, no file that changed."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from stepfun_compat.migrate.rewrite import command, writing
from stepfun_compat.migrate.rewrite.writing import NotWritten, write_file

from ..support import write
from .support import migrate

OLD, NEW = b"import openai\n", b"import stepfun_compat as openai\n"

posix = pytest.mark.skipif(os.name == "nt", reason="POSIX")


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


@posix
def test_mode_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(OLD)
    path.chmod(0o751)
    write_file(str(path), OLD, NEW, [str(tmp_path)])
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (NEW, 0o751)
    assert names(tmp_path) == ["a.py"]


@posix
def test_link_stays_a_link(tmp_path: Path) -> None:
    write(tmp_path, {"real/a.py": OLD})
    (tmp_path / "link.py").symlink_to("real/a.py")
    done = migrate(tmp_path, "link.py", "real")
    assert done.code == 0
    assert os.readlink(tmp_path / "link.py") == "real/a.py"
    assert done["real/a.py"] == NEW.decode()


@posix
def test_link_and_its_file_are_written_once(tmp_path: Path) -> None:
    write(tmp_path, {"b.py": OLD})
    (tmp_path / "a.py").symlink_to("b.py")
    done = migrate(tmp_path)
    assert done.code == 0
    assert (tmp_path / "a.py").is_symlink()
    assert done["b.py"] == NEW.decode()


@posix
def test_link_out_of_the_path_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path, {"outside/a.py": OLD, "inside/b.py": OLD})
    (tmp_path / "inside/a.py").symlink_to("../outside/a.py")
    done = migrate(tmp_path, "inside")
    assert done.code == 3
    assert [one["why"] for one in done.document["left"]] == ["it is a link to a file outside the given paths"]
    assert done["outside/a.py"] == OLD.decode()
    assert done["inside/b.py"] == NEW.decode()


@posix
def test_file_with_other_hard_links_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": OLD})
    os.link(tmp_path / "a.py", tmp_path / "b.txt")
    with pytest.raises(NotWritten, match="hard links"):
        write_file(str(tmp_path / "a.py"), OLD, NEW, [str(tmp_path)])
    assert (tmp_path / "a.py").read_bytes() == OLD


def test_changed_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(OLD + b"x = 1\n")
    with pytest.raises(NotWritten, match="changed since"):
        write_file(str(path), OLD, NEW, [str(tmp_path)])
    assert names(tmp_path) == ["a.py"]


def test_file_that_changes_during_the_write_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(OLD)

    def fill(descriptor: int, data: bytes) -> None:
        path.write_bytes(b"somebody else's\n")

    monkeypatch.setattr(writing, "_fill", fill)
    with pytest.raises(NotWritten, match="changed since"):
        write_file(str(path), OLD, NEW, [str(tmp_path)])
    assert (path.read_bytes(), names(tmp_path)) == (b"somebody else's\n", ["a.py"])


@posix
def test_file_that_became_a_directory_or_vanished_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.py").mkdir()
    with pytest.raises(NotWritten, match="not a regular file"):
        write_file(str(tmp_path / "a.py"), OLD, NEW, [str(tmp_path)])
    with pytest.raises(NotWritten, match="No such file"):
        write_file(str(tmp_path / "b.py"), OLD, NEW, [str(tmp_path)])


def test_full_disk_leaves_the_old_file_and_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"a.py": OLD, "b.py": OLD})
    real = os.write
    full = [True]

    def no_room(descriptor: int, data: Any) -> int:
        if full.pop() if full else False:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data)

    monkeypatch.setattr(writing.os, "write", no_room)
    done = migrate(tmp_path)
    assert done.code == 2
    assert (done["a.py"], done["b.py"]) == (OLD.decode(), NEW.decode())
    assert done.document["failed"] == [{"file": "a.py", "why": "No space left on device"}]
    assert names(tmp_path) == ["a.py", "b.py"]


def test_interrupt_reports_written_and_unwritten_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"a.py": OLD, "b.py": OLD, "c.py": OLD})
    real = command.write_file

    def interrupted(path: str, *rest: Any) -> None:
        if path.endswith("b.py"):
            raise KeyboardInterrupt
        real(path, *rest)

    monkeypatch.setattr(command, "write_file", interrupted)
    done = migrate(tmp_path, format_="text")
    assert done.code == 130
    assert [done[name] for name in ("a.py", "b.py", "c.py")] == [NEW.decode(), OLD.decode(), OLD.decode()]
    assert "wrote a.py" in done.out
    assert "not written b.py: interrupted" in done.out
    assert "2 not written" in done.out


CHILD = """
import os, signal, sys
from stepfun_compat.migrate.rewrite import writing

left = int(sys.argv[2])
calls = 0

def counted(name):
    real = getattr(os, name)
    def call(*args, **keywords):
        global calls
        calls += 1
        if calls == left:
            os.kill(os.getpid(), signal.SIGKILL)
        if name == "write":
            return real(args[0], bytes(args[1])[:7])  # in small pieces, as a system may
        return real(*args, **keywords)
    setattr(os, name, call)

for name in ("open", "write", "fsync", "fchmod", "fchown", "fstat", "lstat", "close", "replace", "unlink", "listxattr"):
    counted(name)
path = os.path.join(sys.argv[1], "a.py")
writing.write_file(path, open(path, "rb").read(), b"import stepfun_compat as openai\\n", [sys.argv[1]])
os._exit(10 if calls < left else 11)  # at once: what an exit handler calls is not counted
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts the calls of Linux")
def test_kill_between_any_two_system_calls_leaves_old_or_new(tmp_path: Path) -> None:
    script = tmp_path / "child.py"
    script.write_text(textwrap.dedent(CHILD))
    seen: set[bytes] = set()
    for moment in range(1, 60):
        folder = tmp_path / str(moment)
        write(folder, {"a.py": OLD})
        done = subprocess.run([sys.executable, str(script), str(folder), str(moment)], capture_output=True, timeout=60)
        contents = (folder / "a.py").read_bytes()
        assert contents in (OLD, NEW), moment
        seen.add(contents)
        if done.returncode == 10:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
    else:
        pytest.fail("the write did not finish")
    assert moment > 10
    assert seen == {OLD, NEW}
    assert names(tmp_path / str(moment)) == ["a.py"]
