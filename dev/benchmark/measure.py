"""How a run is measured: what a program costs from its start to its end, with all processes that it starts.

Seconds are those of the wall, from before the start of the main process to its end: what a user waits.

CPU seconds are those of the main process and of all its descendants, in user and system mode, as the kernel gives them
to whoever waits for a process. Those that the main process has not waited for, such as what a fork server has started,
are adopted, and waited for here, for some seconds after the main process's end.

Memory is resident memory. That of the main process is the kernel's own high-water mark (`VmHWM`), read again and again
while the process runs, so only what it gains in the last few milliseconds of its life can be missed. The kernel's
`ru_maxrss` is of no use: it begins with the memory of the process that starts the program. That of the workers is the
greatest sum, at one moment, of what all other descendants hold; pages that several of them share are counted for each.
"""

from __future__ import annotations

import ctypes
import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from resource import struct_rusage

_SET_CHILD_SUBREAPER = 36  # prctl(2)
_FIRST_SECONDS, _OFTEN, _SELDOM = 0.2, 0.002, 0.02
_LINGERING_SECONDS = 5.0
_HIGH_WATER = re.compile(rb"^VmHWM:\s*(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """A program and its arguments, where it is started, and its whole environment."""

    arguments: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Usage:
    """What a run cost; memory in bytes."""

    seconds: float
    cpu_seconds: float
    main_memory: int
    workers_memory: int


@dataclass(frozen=True)
class Run:
    """A run that has ended."""

    usage: Usage
    status: int | None
    """The exit status, negative for a signal; None where the time was up and it was killed."""
    output: Path
    """What it wrote."""

    @property
    def last_line(self) -> str:
        """The last line of its output that says anything."""
        with self.output.open("rb") as file:
            file.seek(max(0, self.output.stat().st_size - 4096))
            lines = file.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


@contextmanager
def adopting_orphans() -> Iterator[None]:
    """Have processes whose parent has ended become this one's children, so that none gets lost."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
    try:
        yield
    finally:
        prctl(_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def measure(command: Command, output: Path, limit: float) -> Run:
    """Run a command in this process group, for at most so many seconds, and return what it cost.

    To be called within `adopting_orphans`, by a process that has no other children: all that are left are ended.
    """
    memory = _Memory()
    with output.open("wb") as written:
        begun = time.monotonic()
        process = subprocess.Popen(
            command.arguments,
            cwd=command.folder,
            env=command.environment,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
        )
        patience = 0.0
        try:
            in_time = _watch(process.pid, memory, begun, limit)
            seconds = time.monotonic() - begun
            if in_time:
                patience = _LINGERING_SECONDS
            else:
                process.kill()
            _, status, used = os.wait4(process.pid, 0)
        finally:
            of_orphans = _end_children(time.monotonic() + patience)
    process.returncode = os.waitstatus_to_exitcode(status)
    usage = Usage(seconds, _cpu_seconds(used) + of_orphans, memory.main, memory.workers)
    return Run(usage, process.returncode if in_time else None, output)


def _watch(pid: int, memory: _Memory, begun: float, limit: float) -> bool:
    """Wait for a child's end and look at its memory meanwhile; return whether it ended in time."""
    descriptor = os.pidfd_open(pid)
    try:
        end = select.poll()
        end.register(descriptor, select.POLLIN)
        while (passed := time.monotonic() - begun) < limit:
            pause = _OFTEN if passed < _FIRST_SECONDS else _SELDOM
            if end.poll(1000 * min(pause, limit - passed)):
                return True
            memory.look(pid)
        return False
    finally:
        os.close(descriptor)


class _Memory:
    """The most that was seen, in bytes."""

    main = 0
    workers = 0

    def look(self, main: int) -> None:
        """See how much there is now."""
        self.main = max(self.main, high_water(_read(f"/proc/{main}/status")))
        others = (pid for pid in descendants(os.getpid()) if pid != main)
        self.workers = max(self.workers, sum(resident(_read(f"/proc/{pid}/statm")) for pid in others))


def high_water(status: bytes) -> int:
    """The peak of resident memory that a process's `status` tells, in bytes; 0 where it has ended."""
    found = _HIGH_WATER.search(status)
    return 1024 * int(found[1]) if found else 0


def resident(statm: bytes) -> int:
    """The resident memory that a process's `statm` tells, in bytes; 0 where it has ended."""
    pages = statm.split()
    return int(pages[1]) * os.sysconf("SC_PAGE_SIZE") if pages else 0


def descendants(pid: int) -> Iterator[int]:
    """The children of a process, and theirs."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:  # it has ended
        return
    for thread in threads:
        for child in map(int, _read(f"/proc/{pid}/task/{thread}/children").split()):
            yield child
            yield from descendants(child)


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def _cpu_seconds(used: struct_rusage) -> float:
    return used.ru_utime + used.ru_stime


def _end_children(deadline: float) -> float:
    """Wait for the processes that a run has left behind, and from the deadline on kill them.

    Returns the CPU seconds of all of them.
    """
    seconds = 0.0
    while True:
        try:
            while (ended := os.wait4(-1, os.WNOHANG))[0]:
                seconds += _cpu_seconds(ended[2])
        except ChildProcessError:
            return seconds
        if time.monotonic() >= deadline:
            for pid in list(descendants(os.getpid())):
                _kill(pid)
        time.sleep(0.005)


def _kill(pid: int) -> None:
    """Kill a process that may have ended by itself."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
