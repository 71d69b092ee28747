"""A dodo file with a task a file, as doit's documentation teaches: sub-tasks, each with its `file_dep`.

The database is in WAL mode, with `synchronous=NORMAL` as SQLite's documentation advises for it, and stays open. doit
keeps its own state in SQLite as well: its default, dbm, is another thing on each machine, and at times a very slow one.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from dev.benchmark.programs.parsing import INSERT, SCHEMA, parse, signature_files

DOIT_CONFIG = {"backend": "sqlite3"}

TREE = Path(os.environ["BENCHMARK_TREE"])
DATABASE = os.environ["BENCHMARK_DATABASE"]


@cache
def database() -> sqlite3.Connection:
    """The connection of this process."""
    connection = sqlite3.connect(DATABASE)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(SCHEMA)
    return connection


def load_file(name: str) -> None:
    """Parse one file and put what it says into the database."""
    row = parse(name, (TREE / name).read_bytes())
    with database() as connection:
        connection.execute(INSERT, row)


def task_load() -> Iterator[dict[str, Any]]:
    """Load each file."""
    for path in signature_files(TREE):
        name = path.relative_to(TREE).as_posix()
        yield {"name": name, "file_dep": [str(path)], "actions": [(load_file, [name])]}
