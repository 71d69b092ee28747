"""Ways to give a file other content of the same size, such that as little as can be shows it."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Edit = Callable[[Sequence[Path], Sequence[bytes]], None]
"""Gives the files those contents."""


def _each(edit: Callable[[Path, bytes], None]) -> Edit:
    def edit_all(files: Sequence[Path], contents: Sequence[bytes]) -> None:
        for file, content in zip(files, contents, strict=True):
            edit(file, content)

    return edit_all


def _rewrite(file: Path, content: bytes) -> None:
    file.write_bytes(content)


def _rewrite_and_restore_date(file: Path, content: bytes) -> None:
    before = file.stat()
    file.write_bytes(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def _replace(file: Path, content: bytes) -> None:
    aside = _aside(file, content)
    aside.rename(file)


def _truncate_and_grow(file: Path, content: bytes) -> None:
    before = file.stat()
    os.truncate(file, 0)
    with file.open("ab") as opened:
        opened.write(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def _link(file: Path, content: bytes) -> None:
    aside = _aside(file, content)
    file.unlink()
    file.hardlink_to(aside)
    aside.unlink()


def _write_in_memory(file: Path, content: bytes) -> None:
    before = file.stat()
    with file.open("r+b") as opened, mmap.mmap(opened.fileno(), 0) as memory:
        memory[:] = content
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def _exchange(files: Sequence[Path], _contents: Sequence[bytes]) -> None:
    """Of two files each gets the other one's name, and keeps the date that was seen under that."""
    for one, other in zip(files[::2], files[1::2], strict=True):
        dates = [(each.stat().st_atime_ns, each.stat().st_mtime_ns) for each in (one, other)]
        aside = one.with_suffix(".aside")
        one.rename(aside)
        other.rename(one)
        aside.rename(other)
        for each, date in zip((one, other), dates, strict=True):
            os.utime(each, ns=date)


def _aside(file: Path, content: bytes) -> Path:
    before = file.stat()
    aside = file.with_suffix(".aside")
    aside.write_bytes(content)
    os.utime(aside, ns=(before.st_atime_ns, before.st_mtime_ns))
    return aside


EDITS: Mapping[str, Edit] = {
    "rewritten": _each(_rewrite),
    "rewritten, date restored": _each(_rewrite_and_restore_date),
    "replaced, date kept": _each(_replace),
    "rewritten, date in the future": _each(_rewrite_and_restore_date),
    "truncated and grown again": _each(_truncate_and_grow),
    "linked to another file": _each(_link),
    "written in memory": _each(_write_in_memory),
    "names exchanged": _exchange,
}

FUTURE_NS = 2_000_000_000 * 10**9
"""The date of files whose date lies in the future: in 2033."""
