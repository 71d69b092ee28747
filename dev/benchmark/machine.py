"""What the benchmark ran on, in words. The machine's name is nobody's business."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path


def describe(folder: Path) -> Iterator[str]:
    """What matters for the figures, a fact each; the file system is that of the folder."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    yield f"{_cpu()}, {len(os.sched_getaffinity(0))} processors, {memory / 2**30:.0f} GiB of memory"
    yield f"files on {file_system(str(folder.resolve()), Path('/proc/self/mountinfo').read_text())}"
    yield f"{_system()}, {platform.system()} {platform.release()}"
    yield f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"


def file_system(path: str, mounts: str) -> str:
    """The type of the file system that a path lies on, by what `/proc/self/mountinfo` says."""
    best = ("", "an unknown file system")
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        point = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields.split()[4])
        if len(point) >= len(best[0]) and f"{path}/".startswith(point.rstrip("/") + "/"):
            best = (point, rest.split()[0])
    return best[1]


def _cpu() -> str:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return "an unknown system"
