"""Where a warehouse is: what its URL says, told without SQLAlchemy, whose import takes longer than an unchanged run."""

from __future__ import annotations

import os

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
