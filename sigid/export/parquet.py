"""Parquet files in folders by source and modality, written row group by row group."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import quote

import pyarrow.parquet as pq

from sigid.export.split import Split
from sigid.export.table import Columns, Item
from sigid.private import private_folder

GROUP_BYTES = 2**24  # a source has at most six files open, each with as much under way
GROUP_ROWS = 10_000
GROUPS_A_FILE = 64

# What the bytes depend on is said here, and not left to what a version of pyarrow thinks best.
_OPTIONS = {"version": "2.6", "compression": "zstd", "compression_level": 3, "data_page_version": "1.0"}


class Part(NamedTuple):
    """What the rows of a file have in common."""

    source: str
    modality: str
    split: Split

    @property
    def folder(self) -> str:
        """The folder of its files, as Hive names it."""
        return f"data/source={quote(self.source, safe='')}/modality={quote(self.modality, safe='')}"


class Written(NamedTuple):
    """A file of an export."""

    path: str
    size: int
    sha256: str
    signatures: int | None
    """How many are in it, where it is one of them."""


@dataclass
class Partitioned:
    """Takes in signatures, source by source, and puts each into the file where it belongs, in their order."""

    folder: Path
    columns: Columns
    counts: Counter[Part] = field(default_factory=Counter)
    files: list[Written] = field(default_factory=list)
    _open: dict[Part, _File] = field(default_factory=dict)
    _numbers: Counter[Part] = field(default_factory=Counter)

    def add(self, item: Item, split: Split) -> None:
        """Take in one more."""
        part = Part(item.row.source, item.row.modality, split)
        if any(each.source != part.source for each in self._open):
            self.close()
        self.counts[part] += 1
        if part not in self._open:
            self._open[part] = self._next(part)
        file = self._open[part]
        file.add(item)
        if file.groups == GROUPS_A_FILE:
            self._finish(part)

    def close(self) -> None:
        """Write what is under way to its end."""
        for part in sorted(self._open):
            self._finish(part)

    def abandon(self) -> None:
        """Let go of what is under way, which is of no use any more."""
        for file in self._open.values():
            file.abandon()
        self._open.clear()

    def _next(self, part: Part) -> _File:
        path = f"{part.folder}/{part.split}-{self._numbers[part]:05}.parquet"
        self._numbers[part] += 1
        return _File(self.folder, path, self.columns, part.split)

    def _finish(self, part: Part) -> None:
        self.files.append(self._open.pop(part).finish())


class _File:
    def __init__(self, folder: Path, path: str, columns: Columns, split: Split) -> None:
        self._folder = folder
        self._path = path
        self._columns = columns
        self._split = split
        self._items: list[Item] = []
        self._bytes = 0
        self._rows = 0
        self.groups = 0
        self._out = create(folder / path)
        self._writer: Any = pq.ParquetWriter(self._out, columns.schema, **_OPTIONS)

    def add(self, item: Item) -> None:
        self._items.append(item)
        self._bytes += item.size
        self._rows += 1
        if self._bytes >= GROUP_BYTES or len(self._items) == GROUP_ROWS:
            self._write()

    def _write(self) -> None:
        self._writer.write_batch(self._columns.batch(self._items, self._split), row_group_size=len(self._items))
        self._items, self._bytes = [], 0
        self.groups += 1

    def finish(self) -> Written:
        if self._items:
            self._write()
        self._writer.close()
        sync(self._out)
        return written(self._folder, self._path, self._rows)

    def abandon(self) -> None:
        self._writer.close()
        self._out.close()


def create(path: Path) -> BinaryIO:
    """A new file, for its owner alone, open to be written."""
    private_folder(str(path.parent))
    return open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


def sync(file: BinaryIO) -> None:
    """Have what was written on the disk, and close the file."""
    file.flush()
    os.fsync(file.fileno())
    file.close()


def written(folder: Path, path: str, signatures: int | None = None) -> Written:
    """What the file at that path in the folder has become."""
    with open(folder / path, "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return Written(path, os.fstat(file.fileno()).st_size, sha256, signatures)
