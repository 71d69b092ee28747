"""Where a warehouse is: what its URL says, told without SQLAlchemy, whose import takes longer than an unchanged run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sigid.errors import SettingError
from sigid.warehouse.reach import FileStamp, Reach


def scheme_of(url: str) -> str:
    """What says which kind of database it is."""
    return url.partition(":")[0]


def place_of(url: str) -> str:
    """The URL without who opens it, or anything secret: what tells a warehouse from others."""
    if scheme_of(url) == "sqlite":
        return url
    told = re.sub("(?i)(?<=[?&])[^=&@]*pass[^=&@]*=[^&]*", "", url)
    where, _, query = told.rpartition("@")[2].partition("?")  # a password may hold any other character
    return f"{scheme_of(url)}://{where.rpartition('://')[2]}?{'&'.join(filter(None, query.split('&')))}"


def check(url: str) -> None:
    """Raise SettingError where no warehouse can be at that URL."""
    _reach(url).check(url)


def is_there(url: str) -> bool:
    """Whether there is a warehouse at that URL to be asked, whatever its state."""
    return _reach(url).is_there(url)


def stamp_of_file(url: str) -> FileStamp | None:
    """The stamp of the warehouse's file; None where it is in none, or where something of it lies in another file."""
    return _reach(url).stamp(url)


def ask(url: str, question: str, values: Sequence[str]) -> tuple[Any, ...] | None:
    """Ask the warehouse at that URL one question, as `Reach` describes it."""
    return _reach(url).ask(url, question, values)


def _reach(url: str) -> Reach:
    match scheme_of(url):
        case "sqlite":
            from sigid.warehouse import sqlite_file

            return sqlite_file
        case "postgresql+psycopg":
            from sigid.warehouse import postgresql_server

            return postgresql_server
        case "mysql+pymysql":
            from sigid.warehouse import mysql_server

            return mysql_server
    raise SettingError(
        "SIGID_WAREHOUSE is not the URL of a warehouse that sigid can use; write it like "
        "sqlite:///build/warehouse.sqlite, postgresql+psycopg://user@host/database or mysql+pymysql://user@host/database"
    )
