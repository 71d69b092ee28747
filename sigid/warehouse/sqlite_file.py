"""Where the embedded warehouse is, how far this user may go there, and the question that an unchanged run asks it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from sigid.errors import SettingError
from sigid.warehouse.reach import FileStamp

_SCHEME = "sqlite:///"


def file_of(url: str) -> str:
    """The file. Raises SettingError, as `Reach.check` does."""
    file = url.removeprefix(_SCHEME)
    if file in (url, "", ":memory:") or "?" in file:
        raise SettingError(
            "SIGID_WAREHOUSE names no file, or more than a file; write it like sqlite:///build/warehouse.sqlite"
        )
    return file


def check(url: str) -> None:
    file = file_of(url)
    if os.path.isdir(file):
        raise SettingError(f"SIGID_WAREHOUSE names a folder, {file}; write it like {_SCHEME}{file}/warehouse.sqlite")


def is_there(url: str) -> bool:
    return os.path.exists(file_of(url))


def stamp(url: str) -> FileStamp | None:
    return stamp_at_rest(file_of(url))


def stamp_of(file: str) -> FileStamp | None:
    """The file's stamp, whatever lies beside it; None where there is no such file."""
    try:
        status = os.stat(file)
    except OSError:
        return None
    return FileStamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)


def stamp_at_rest(file: str) -> FileStamp | None:
    """The file's stamp; None where something of it lies in another file, as while it is written."""
    now = stamp_of(file)  # before the question: who begins to write meanwhile changes it
    return None if _has_log(file) else now


def _has_log(file: str) -> bool:
    return any(os.path.exists(os.path.realpath(file) + suffix) for suffix in ("-wal", "-journal"))


def may_write(file: str) -> bool:
    """Whether this user may write it, and beside it, where SQLite makes files even for those who only read."""
    real = os.path.realpath(file)
    places = (real, os.path.dirname(real))
    return all(os.access(place, os.W_OK, effective_ids=os.access in os.supports_effective_ids) for place in places)


def uri_to_look(file: str) -> str:
    """What SQLite opens to change nothing about the file, not even its mode. The right to read it is enough.

    None is made where there is none.
    """
    # In WAL mode SQLite makes files beside the one that it reads. Where it can't, it is told that nobody writes:
    # whoever did would have made them.
    alone = "" if _has_log(file) else "&immutable=1"
    way = "mode=rw" if may_write(file) else f"mode=ro{alone}"
    return f"{Path(file).absolute().as_uri()}?{way}"


def ask(url: str, question: str, values: Sequence[str]) -> tuple[Any, ...] | None:
    try:
        with closing(sqlite3.connect(uri_to_look(file_of(url)), uri=True)) as connection:
            row: tuple[Any, ...] | None = connection.execute(question, values).fetchone()
    except sqlite3.Error:
        return None
    return row
