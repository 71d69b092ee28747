"""An order that tells nothing: what is many is sorted on the disk, so that memory does not grow with it."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from sigid.private import private_file


class Named(NamedTuple):
    """A signature by its id, with the path of its file if it is one."""

    id: str
    path: str | None


def sorted_by_key(keyed: Iterable[tuple[str, Named]], file: Path) -> Generator[Named, None, None]:
    """The things in the order of their keys, which are all different. They wait in the file, which goes in the end."""
    private_file(str(file))
    try:
        with closing(sqlite3.connect(file, isolation_level=None)) as kept:
            kept.execute("PRAGMA journal_mode = OFF")
            kept.execute("PRAGMA synchronous = OFF")
            kept.execute("CREATE TABLE kept (key TEXT PRIMARY KEY, id TEXT, path TEXT) WITHOUT ROWID")
            kept.execute("BEGIN")
            kept.executemany("INSERT INTO kept VALUES (?, ?, ?)", ((key, each.id, each.path) for key, each in keyed))
            yield from map(Named._make, kept.execute("SELECT id, path FROM kept ORDER BY key"))
    finally:
        file.unlink()
