"""What the warehouse needs of a database, and the one place that chooses one by URL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection, Executable, Table

from sigid.warehouse.location import file_of


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


def open_database(url: str) -> Database:
    """Open the database of that URL and make the schema in it where there is none.

    Raises SettingError for a URL that cannot be used, WarehouseError where the database or its schema cannot.
    """
    file = file_of(url)
    from sigid.warehouse.sqlite import SqliteDatabase  # one module a database, and only the chosen one is imported

    return SqliteDatabase(file)
