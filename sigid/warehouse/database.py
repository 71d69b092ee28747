"""What the warehouse needs of a database, and the one place that chooses one by URL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import URL, Connection, Executable, Table, make_url
from sqlalchemy.exc import ArgumentError

from sigid.errors import SettingError


class Database(Protocol):
    """One database server or file, with the schema in it."""

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection that sees one state of the database, whatever is written meanwhile."""

    def writing(self) -> AbstractContextManager[Connection]:
        """A connection in a transaction that may write; it is committed, durably, unless something is raised."""

    def upsert(self, table: Table) -> Executable:
        """An insert that takes the place of the row with the same primary key."""

    def lock(self, source: str) -> AbstractContextManager[None]:
        """Keep other loads of the source out. Raises BusyError, which names the holder, where one is at it."""

    def close(self) -> None:
        """Let go of the database."""


class Access(Protocol):
    """How the warehouse's parts reach its database: in the transaction that is open, or in one of their own."""

    database: Database

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection that sees one state of the warehouse: that of the open transaction, if there is one."""

    def transaction(self) -> AbstractContextManager[Connection]:
        """A transaction, or the one that is already open: what is raised in it undoes all that was written in it."""


def in_batches(ids: Sequence[str], size: int = 500) -> Iterator[Sequence[str]]:
    """The ids, as many at a time as any database takes in one statement."""
    return (ids[start : start + size] for start in range(0, len(ids), size))


def parse_url(text: str) -> URL:
    """The URL of a warehouse. Raises SettingError, which repeats nothing of a malformed one: it may hold a password."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise SettingError(
            "SIGID_WAREHOUSE is not the URL of a warehouse that sigid can use; "
            "write it like sqlite:///build/warehouse.sqlite"
        )
    if url.database in (None, "", ":memory:") or url.query or url.host:
        raise SettingError(
            "SIGID_WAREHOUSE names no file, or more than a file; write it like sqlite:///build/warehouse.sqlite"
        )
    return url


def open_database(url: str) -> Database:
    """Open the database of that URL and make the schema in it where there is none.

    Raises SettingError for a URL that cannot be used, WarehouseError where the database or its schema cannot.
    """
    parsed = parse_url(url)
    from sigid.warehouse.sqlite import SqliteDatabase  # one module a database, and only the chosen one is imported

    return SqliteDatabase(str(parsed.database))
