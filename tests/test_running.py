"""One at a time: who comes second is told who was first."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sigid.errors import BusyError, SigidError
from sigid.running import only_one

HOLDER = """
import fcntl, os, sys, time
descriptor = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.lockf(descriptor, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.readline()
os.pwrite(descriptor, str(os.getpid()).encode(), 0)
sys.stdin.readline()
"""


def test_a_holder_who_has_not_put_down_his_number_yet_is_waited_for(tmp_path: Path) -> None:
    # Of two loads that were started at once, one was told that "process unknown" is at it.
    lock = tmp_path / "lock"
    command = [sys.executable, "-c", HOLDER, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdout.readline()

        def go_on() -> None:
            time.sleep(0.02)
            assert holder.stdin is not None
            print(file=holder.stdin, flush=True)

        threading.Thread(target=go_on).start()
        with pytest.raises(BusyError) as refused, only_one(str(lock), "some work"):
            pytest.fail("it is held")
        print(file=holder.stdin, flush=True)

    assert str(refused.value) == f"some work is under way (process {holder.pid}); run again when it has ended"


@pytest.mark.parametrize("folder", ["/dev/null", "/proc/nothing"])
def test_what_is_no_folder_is_named_where_a_lock_is_to_lie_in_it(folder: str) -> None:
    """With such a build folder it was said that a file existed, and that the permissions were to be checked."""
    with pytest.raises(SigidError) as refused, only_one(f"{folder}/source_a/lock", "some work"):
        pytest.fail("there can be none")

    assert str(refused.value) == (
        f"{folder}/source_a/lock cannot be made ({folder} is no folder, and cannot become one); name another place"
    )


def test_a_lock_that_there_is_no_room_for_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scan on a full disk ended with "a file that sigid writes: No space left on device", which may be anywhere."""

    def write(_descriptor: int, _content: bytes, _offset: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", write)

    with pytest.raises(OSError, match="No space left") as caught, only_one(str(tmp_path / "lock"), "some work"):
        pytest.fail("it is not put down whose it is")

    assert caught.value.filename == str(tmp_path / "lock")
