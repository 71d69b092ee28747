"""Files are made for their owner alone, and one that is there is left in peace."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sigid.private import private_file, private_folder, write_whole

TRY_TO_LOCK = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
"""


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    """Files would be open to everybody."""
    before = os.umask(0o000)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_and_folders_are_made_for_their_owner_whatever_the_umask(tmp_path: Path) -> None:
    private_folder(str(tmp_path / "one" / "two"))
    private_file(str(tmp_path / "one" / "file"))
    write_whole(str(tmp_path / "three" / "whole"), [b"a", b"b"])

    assert [mode(tmp_path / name) for name in ("one", "one/two", "three")] == [0o700] * 3
    assert [mode(tmp_path / name) for name in ("one/file", "three/whole")] == [0o600] * 2
    assert (tmp_path / "three" / "whole").read_bytes() == b"ab"


def test_what_is_there_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    file.chmod(0o644)

    private_file(str(file))
    private_folder(str(tmp_path))

    assert (mode(file), file.read_bytes()) == (0o644, b"content")


def test_a_lock_on_a_file_that_is_there_is_not_undone(tmp_path: Path) -> None:
    """Opening and closing a warehouse's file undid SQLite's locks on it, and another process damaged it."""
    file = tmp_path / "file"
    file.write_bytes(b"content")

    with file.open("r+b") as held:
        fcntl.lockf(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        private_file(str(file))
        other = subprocess.run([sys.executable, "-c", TRY_TO_LOCK, file], capture_output=True, text=True, check=False)

    assert "BlockingIOError" in other.stderr


def test_a_file_that_cannot_be_written_whole_is_left_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")

    def parts() -> Iterator[bytes]:
        yield b"new"
        raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        write_whole(str(file), parts())

    assert file.read_bytes() == b"content"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_file_that_there_is_no_room_for_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scan on a full disk ended with "a file that sigid writes: No space left on device", which may be anywhere."""

    def sync(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", sync)

    with pytest.raises(OSError, match="No space left") as caught:
        write_whole(str(tmp_path / "file"), [b"content"])

    assert caught.value.filename == str(tmp_path / "file")


def test_a_stop_that_comes_when_the_file_has_its_name_is_told_as_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in a load was now and then told as "manifest.….new: No such file or directory; mend that"."""

    def replace(aside: str, path: str) -> None:
        os.rename(aside, path)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", replace)

    with pytest.raises(KeyboardInterrupt):
        write_whole(str(tmp_path / "file"), [b"content"])

    assert [each.name for each in tmp_path.iterdir()] == ["file"]
