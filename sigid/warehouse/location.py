"""Where a warehouse is: what its URL says, told without SQLAlchemy, whose import takes longer than an unchanged run."""

from __future__ import annotations

import os
from typing import NamedTuple

from sigid.errors import SettingError

_SQLITE = "sqlite:///"
_WAY_OUT = "write it like sqlite:///build/warehouse.sqlite"


def file_of(url: str) -> str:
    """The file of an embedded warehouse.

    Raises SettingError, which repeats nothing of the URL: it may hold a password.
    """
    if not url.startswith("sqlite:"):
        raise SettingError(f"SIGID_WAREHOUSE is not the URL of a warehouse that sigid can use; {_WAY_OUT}")
    file = url.removeprefix(_SQLITE)
    if file in (url, "", ":memory:") or "?" in file:
        raise SettingError(f"SIGID_WAREHOUSE names no file, or more than a file; {_WAY_OUT}")
    return file


def is_there(url: str) -> bool:
    """Whether there is a warehouse at that URL to be asked, whatever its state."""
    return os.path.exists(file_of(url))


class FileStamp(NamedTuple):
    """What changes with the file of a warehouse; the times are in nanoseconds."""

    size: int
    modified: int
    changed: int
    inode: int
    device: int


def stamp_of_file(url: str) -> FileStamp | None:
    """The stamp of the warehouse's file; None where there is none, or where something of it lies in another file."""
    file = file_of(url)
    try:
        status = os.stat(file)
        if any(os.path.exists(file + suffix) for suffix in ("-wal", "-journal")):
            return None
    except OSError:
        return None
    return FileStamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)
