"""One at a time: a lock that says who holds it, and that ends with its holder however he ends."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sigid.errors import BusyError, SigidError
from sigid.private import naming, private_folder, why_not_made

_TRIES, _WAIT_SECONDS = 20, 0.005

_here: set[str] = set()  # what this process holds: a record lock does not keep its own threads from one another,
_here_guard = threading.Lock()  # and is lost when one of them closes the file


@contextmanager
def only_one(path: str, work: str) -> Iterator[None]:
    """Hold the lock file at `path` while the context lasts. Raises BusyError at once where another one does.

    It is a POSIX record lock: a killed holder's is free at once, also while workers that it forked live on.
    """
    path = os.path.abspath(path)
    with _here_guard:
        if path in _here:
            raise _busy(work, str(os.getpid()))
        _here.add(path)
    try:
        with _only_process(path, work):
            yield
    finally:
        _here.remove(path)


@contextmanager
def _only_process(path: str, work: str) -> Iterator[None]:
    try:
        private_folder(os.path.dirname(path))
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SigidError(f"{path} cannot be made {why_not_made(error)}") from error
    try:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise _busy(work, _holder(descriptor)) from None
        with naming(path):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _holder(descriptor: int) -> str:
    """The process that holds the lock, which puts its number down as soon as it has it."""
    for _ in range(_TRIES):
        if holder := os.pread(descriptor, 100, 0).decode(errors="replace").strip():
            return holder
        time.sleep(_WAIT_SECONDS)
    return "unknown"


def _busy(work: str, holder: str) -> BusyError:
    return BusyError(f"{work} is under way (process {holder}); run again when it has ended")
