"""What a signature's file says, read as plainly as can be: no checks, and whatever is odd raises."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TABLE = "signature_file"
"""The table that every contestant fills, with the columns of `Row`."""

SCHEMA = f"CREATE TABLE IF NOT EXISTS {TABLE} (path TEXT PRIMARY KEY, size INT, width INT, height INT, points BLOB)"
INSERT = f"INSERT OR REPLACE INTO {TABLE} VALUES (?, ?, ?, ?, ?)"  # noqa: S608  (of constants)

SUFFIXES = (".png", ".hwr")


class Row(NamedTuple):
    """One file. A picture has a width and a height, a trajectory has points."""

    path: str
    """Below the tree's root, with slashes."""
    size: int
    width: int | None
    height: int | None
    points: bytes | None
    """x, y, z, x, ...: packed float64."""


def parse(path: str, content: bytes) -> Row:
    """What a file with that content says; the extension tells what it is."""
    if path.lower().endswith(".png"):
        width, height = struct.unpack_from(">II", content, 16)  # what the header chunk, always the first, begins with
        return Row(path, len(content), width, height, None)
    numbers = array("d", map(float, content.replace(b",", b" ").split()))
    return Row(path, len(content), None, None, numbers.tobytes())


def is_signature(path: str) -> bool:
    """Whether a file with that name holds a signature."""
    return path.lower().endswith(SUFFIXES)


def signature_files(root: Path) -> Iterator[Path]:
    """The tree's files, sorted."""
    return (path for path in sorted(root.rglob("*")) if is_signature(path.name))
