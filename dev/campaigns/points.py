"""The points at which a run changes the disk, found by strace, and faults that strace puts at one of them.

A first run, which nothing disturbs, is watched: each system call by which it writes to, syncs, makes, renames, cuts or
removes a file of its build folder is a point. The warehouse lies there, and doit's own database. A point is known by
its call and by how manieth of that name it is in the process: by that strace finds it again. What was hit stands in
strace's own log, and is compared: a run that takes another way is not taken for one that was disturbed.

SQLite's index of its log is shared memory, which no system call writes to but to make it longer; it is made anew after
a crash.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dev.campaigns.ground import Plot, Run

_WRITES = ("write", "pwrite64", "writev", "pwritev", "copy_file_range", "sendfile", "fallocate")
_OTHERS = (
    *("fsync", "fdatasync", "sync_file_range", "msync", "ftruncate", "truncate", "rename", "renameat", "renameat2"),
    *("unlink", "unlinkat", "link", "linkat", "symlink", "symlinkat", "mkdir", "mkdirat", "rmdir", "chmod", "fchmod"),
    *("openat", "open", "creat"),
)
_OPENS = frozenset({"openat", "open"})
_FOR_WRITING = re.compile(r"\bO_(?:WRONLY|RDWR|CREAT|TRUNC)\b")
_CALL = re.compile(r"^(?:\d+ +)?([a-z0-9_]+)\((.*)", re.DOTALL)
_FAST = ("--seccomp-bpf",)
"""The process stops at the calls that matter only. strace 6.1 sends no signal then."""
_RANDOM = re.compile(r"\.[A-Za-z0-9_]{8}(?=\.new$)")


@dataclass(frozen=True, slots=True)
class Point:
    """A system call on a file of the build folder."""

    call: str
    number: int
    """How manieth of that name it is in the whole process, from 1."""
    file: str
    """Relative to the build folder; without the letters that make the name of an unfinished file its own."""

    def __str__(self) -> str:
        return f"{self.call} {self.number} ({self.file})"


def points_of(plot: Plot, log: Path, *arguments: str) -> list[Point]:
    """Where that run, which nothing disturbs, changes the build folder. Raises RuntimeError where it fails."""
    run = plot.doit(*arguments, prefix=[*_strace(log), *_FAST])
    if run.code:
        raise RuntimeError(f"a run under strace fails: {run.words}")
    return list(_points(log, plot.build))


def disturbed(plot: Plot, log: Path, point: Point, fault: str, *arguments: str, when: str = "") -> tuple[Run, bool]:
    """A run with that fault at the point, in strace's own words, and whether it was that point that was hit."""
    inject = f"inject={point.call}:{fault}:when={point.number}{when}"
    fast = () if fault.startswith("signal") else _FAST
    run = plot.doit(*arguments, prefix=[*_strace(log), *fast, "-e", inject])
    return run, point in _points(log, plot.build)


def in_files(points: Sequence[Point]) -> str:
    """How many points lie in which files, in words."""
    return ", ".join(f"{count} in {name}" for name, count in Counter(map(_what, points)).most_common())


def _what(point: Point) -> str:
    if point.file.startswith("warehouse.sqlite"):
        return "the warehouse"
    return "doit's database" if point.file.startswith("doit.") else "caches and locks"


def _strace(log: Path) -> list[str]:
    calls = ",".join(f"?{call}" for call in (*_WRITES, *_OTHERS))
    return ["strace", "-f", "-qq", "-y", "-s", "0", "-o", str(log), "-e", f"trace={calls}"]


def _points(log: Path, build: Path) -> Iterator[Point]:
    """The points of the first process of the log."""
    passed = Counter[str]()
    inside = re.compile(re.escape(str(build)) + r'/([^">]*)')
    first = ""
    for line in log.read_text(errors="replace").splitlines():
        process = line.partition(" ")[0]
        first = first or process
        called = _CALL.match(line)
        if called is None or process != first:
            continue
        call, rest = called.groups()
        passed[call] += 1
        if (file := inside.search(rest)) and (call not in _OPENS or _FOR_WRITING.search(rest)):
            yield Point(call, passed[call], _RANDOM.sub("", file[1]))
