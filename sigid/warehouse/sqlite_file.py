"""Where the embedded warehouse is, and the one question that an unchanged run asks it."""

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
    file = file_of(url)
    try:
        status = os.stat(file)
        if any(os.path.exists(file + suffix) for suffix in ("-wal", "-journal")):
            return None
    except OSError:
        return None
    return FileStamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)


def ask(url: str, question: str, values: Sequence[str]) -> tuple[Any, ...] | None:
    uri = f"{Path(file_of(url)).absolute().as_uri()}?mode=rw"  # none is made where there is none
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            row: tuple[Any, ...] | None = connection.execute(question, values).fetchone()
    except sqlite3.Error:
        return None
    return row
