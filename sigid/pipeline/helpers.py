"""Copies of this process that do some of its work, in memory that they share with it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import accumulate
from mmap import mmap
from typing import NoReturn

_STOPS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


class Helpers:
    """Copies of this process, which know what it knew when they were started.

    At the end of the context it waits for them; where that is left by an exception, they are killed. A copy may be
    killed or fail at any time, or not even start, and nobody is told: what it was to do must be seen to be done.
    There are none where this process has more than one thread, of which a copy would inherit the locks alone.
    """

    def __init__(self) -> None:
        self._pids: list[int] = []

    def __enter__(self) -> Helpers:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            if kind is None:
                self._wait()
        finally:
            for pid in self._pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._wait()

    def start(self, work: Callable[[], None]) -> None:
        """Have one more copy do that work."""
        if not has_one_thread():
            return
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
        try:
            with suppress(OSError):  # there can be no more processes
                pid = os.fork()
                if not pid:
                    _work_and_end(work)
                self._pids.append(pid)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def busy(self) -> int:
        """How many are at work."""
        self._pids = [pid for pid in self._pids if not _has_ended(pid, os.WNOHANG)]
        return len(self._pids)

    def _wait(self) -> None:
        while self._pids:
            _has_ended(self._pids[-1])
            self._pids.pop()


class Shared:
    """Bytes that this process and its helpers put together, part by part, in memory that they share.

    There it also stands which parts are begun, and which are done. Each process makes parts that nobody has begun. Two
    that begin one at the same moment make it twice, which does no harm. A part that met an OSError, or whose process
    was killed, is not put down as done.
    """

    def __init__(self, sizes: Sequence[int], make: Callable[[int], bytes]) -> None:
        """`make` gives a part of its size, by its number."""
        self._places = list(accumulate(sizes, initial=0))
        self._count = len(sizes)
        self._make = make
        self._begun = self._places[-1]
        self._done = self._begun + self._count
        self.memory = mmap(-1, self._done + self._count + 1)  # it cannot be empty
        """The parts one after the other, and then what is nobody else's."""
        self._owner = os.getpid()

    def share(self) -> None:
        """Make parts until none is left to begin."""
        memory = self.memory
        for number in range(self._count):
            if memory[self._begun + number]:
                continue
            memory[self._begun + number] = 1
            with suppress(OSError):
                memory[self._places[number] : self._places[number + 1]] = self._make(number)
                memory[self._done + number] = 1
            if self._owner not in (os.getpid(), os.getppid()):
                return  # it was killed

    def undone(self) -> list[int]:
        """The parts that nobody has made."""
        return [number for number in range(self._count) if not self.memory[self._done + number]]


def has_one_thread() -> bool:
    """Whether a copy of this process would have all that this one has."""
    try:
        return len(os.listdir("/proc/self/task")) == 1  # also of those that Python knows nothing of
    except OSError:
        return False


def _work_and_end(work: Callable[[], None]) -> NoReturn:
    """End without a word, whatever happens, and without flushing or putting away what is the original's."""
    try:
        for stop in _STOPS:
            if signal.getsignal(stop) is not signal.SIG_IGN:
                signal.signal(stop, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
        work()
    finally:
        os._exit(0)


def _has_ended(pid: int, options: int = 0) -> bool:
    try:
        return os.waitpid(pid, options)[0] == pid
    except ChildProcessError:  # who ignores SIGCHLD has nothing to wait for
        return True
