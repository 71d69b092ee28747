"""doit's own database and how it compares files. Both are caches: sigid's warehouse knows what it holds."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import xxhash
from doit.dependency import FileChangedChecker

from sigid.errors import SigidError
from sigid.private import private_file, private_folder
from sigid.settings import Settings

IN_MEMORY = ":memory:"


class ContentChecker(FileChangedChecker):  # type: ignore[misc]  # doit is not typed
    """A file has changed when its xxh3-128 has; doit's own checker believes an unchanged mtime first."""

    def check_modified(self, file_path: str, file_stat: os.stat_result, state: Any) -> bool:
        """Whether the content is another one than that of `state`."""
        return bool(_hash(file_path) != state)

    def get_state(self, dep: str, current_state: Any) -> str:
        """The content's hash."""
        return _hash(dep)


def _hash(path: str) -> str:
    return xxhash.xxh3_128_hexdigest(Path(path).read_bytes())


def state_file(settings: Settings) -> str:
    """Where doit keeps its database.

    One that is damaged is removed. Where another process holds it, doit does without one: the load then asks the
    warehouse, is a little slower, and comes to the same. Raises SigidError where there can be no such file.
    """
    path = settings.build / "doit.sqlite3"
    try:
        private_folder(str(settings.build))
        private_file(str(path))
        with contextlib.closing(sqlite3.connect(path, timeout=0)) as connection:
            return str(path) if _is_usable(connection) else _without(path)
    except sqlite3.OperationalError:
        return IN_MEMORY
    except OSError as error:
        raise SigidError(
            f"the build folder {settings.build} cannot be written ({error.strerror}); set SIGID_BUILD to one that can"
        ) from error


def _is_usable(connection: sqlite3.Connection) -> bool:
    """Whether it can be read from end to end. Raises sqlite3.OperationalError where another process holds it."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            return True
        for (data,) in connection.execute("SELECT task_data FROM doit"):
            json.loads(data)
    except sqlite3.OperationalError as error:
        if "no such" in str(error):
            return False
        raise
    except (sqlite3.DatabaseError, ValueError, TypeError):
        return False
    return True


def _without(path: Path) -> str:
    """Remove a damaged database, so that doit makes a new one."""
    for file in (path, *(path.with_name(path.name + suffix) for suffix in ("-journal", "-wal", "-shm"))):
        file.unlink(missing_ok=True)
    private_file(str(path))
    return str(path)
