"""doit's own database and how it compares files. Both are caches: sigid's warehouse knows what it holds."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import wraps
from pathlib import Path
from typing import Any

import xxhash
from doit.dependency import DatabaseException, FileChangedChecker, SqliteDB

from sigid.private import private_file, private_folder
from sigid.settings import Settings

IN_MEMORY = ":memory:"

_COLUMNS = [(b"task_id", b"TEXT"), (b"task_data", b"json")]
_DAMAGED = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_READONLY)  # such as a column that is not there; a file can be written


class ContentChecker(FileChangedChecker):  # type: ignore[misc]  # doit is not typed
    """A file has changed when its xxh3-128 has; doit's own checker believes an unchanged mtime.

    It is not read while its size, mtime, ctime and inode stand: so the scan, too, tells whether the manifest does.
    """

    def check_modified(self, file_path: str, file_stat: os.stat_result, state: Any) -> bool:
        """Whether the content is another one than that of `state`."""
        stamp, _, content = str(state).partition(" ")
        return _stamp(file_stat) != stamp and _hash(file_path) != content

    def get_state(self, dep: str, current_state: Any) -> str:
        """The file's stamp and the content's hash."""
        return f"{_stamp(os.stat(dep))} {_hash(dep)}"


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_ino}"


def _hash(path: str) -> str:
    hashed = xxhash.xxh3_128()
    with open(path, "rb", buffering=0) as file:
        while part := file.read(1 << 20):
            hashed.update(part)
    return hashed.hexdigest()


def state_file(settings: Settings) -> str:
    """Where doit keeps its database: in the build folder, or in memory where that cannot be.

    Without what it kept, doit asks the warehouse what is to be done; that is a little slower and comes to the same.
    A database that is damaged is removed.
    """
    path = settings.build / "doit.sqlite3"
    try:
        private_folder(str(settings.build))
        private_file(str(path))
        if not _is_sound(path):
            for file in (path, *path.parent.glob(f"{path.name}-*")):
                file.unlink()
            private_file(str(path))
    except (OSError, sqlite3.OperationalError):
        return IN_MEMORY
    return str(path)


def _is_sound(path: Path) -> bool:
    """Whether doit can work with it. Raises sqlite3.OperationalError where it is in use, or not doit's."""
    with closing(sqlite3.connect(path, timeout=0)) as connection:
        connection.text_factory = bytes
        try:
            connection.execute("BEGIN IMMEDIATE")
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if b"schema_version" in tables:
                raise sqlite3.OperationalError("it is a warehouse, which must not be removed")
            return not tables or (
                connection.execute("PRAGMA integrity_check").fetchone() == (b"ok",)
                and [name_and_type[1:3] for name_and_type in connection.execute("PRAGMA table_info(doit)")] == _COLUMNS
                and all(
                    isinstance(json.loads(data), dict) for (data,) in connection.execute("SELECT task_data FROM doit")
                )
            )
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", None) in _DAMAGED:
                return False
            raise
        except (sqlite3.DatabaseError, ValueError, TypeError):
            return False


def spare_writes() -> None:
    """Have doit write down only what it does not have already: a run that changes nothing then writes nothing."""
    put = SqliteDB.set

    @wraps(put)
    def put_if_new(database: SqliteDB, task_id: str, dependency: str, value: Any) -> None:
        encode = database.codec.encode
        if encode(database.get(task_id, dependency)) != encode(value):
            put(database, task_id, dependency, value)

    SqliteDB.set = put_if_new


def forgive_mishaps() -> None:
    """Have doit take what its database cannot tell, while it runs, for what it does not know, and not fail.

    The file may be locked, removed or overwritten at any time; doit has no setting for that.
    """
    for name in ("get", "in_", "remove", "remove_all", "dump"):
        setattr(SqliteDB, name, _forgiving(getattr(SqliteDB, name)))
    SqliteDB._sqlite3 = _opening(SqliteDB._sqlite3)


def _opening(connect: Callable[..., Any]) -> Callable[..., Any]:
    """Have it in memory where its file cannot be made or written: it was found sound, but the disk may be full."""

    @wraps(connect)
    def tried(database: SqliteDB, name: str) -> Any:
        try:
            return connect(database, name)
        except (DatabaseException, sqlite3.Error):
            return connect(database, IN_MEMORY)

    return tried


def _forgiving(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def tried(*args: Any) -> Any:
        try:
            return method(*args)
        except (sqlite3.Error, ValueError):
            return None

    return tried
