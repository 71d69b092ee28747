"""What the warehouse needs of a database.

A load talks to the database in plain SQL, through a `Session`: SQLAlchemy, which takes longer to import than a load of
a few changed files does, makes the schema and reads back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from sigid.warehouse.records import Moment, Table
from sigid.warehouse.roles import Roles

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine


class Session(Protocol):
    """A connection to load through. In a statement each value stands as a question mark."""

    def select(self, statement: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows, a few at a time, of one state of the database.

        They are read, or done without, before the session is asked for anything else.
        """

    def change(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Insert, update or delete. Returns how many rows were touched."""

    def put(self, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write the rows, each in the place of the one with its key."""

    def add(self, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write those of the rows whose key is not there yet."""

    def insert(self, table: str, values: dict[str, Any]) -> int:
        """Write a row whose key the database makes, and return that."""

    def transaction(self) -> AbstractContextManager[None]:
        """What is written in it is committed at its end, durably, or undone if something is raised.

        Within another one it is a part of that.
        """

    def settling(self) -> AbstractContextManager[None]:
        """What has been committed is brought to where it stays, as far as that is still to be done, beside this.

        It belongs at the beginning of a transaction: nobody else is to commit meanwhile, or just afterwards.
        """

    def moment(self, time: datetime) -> Moment:
        """The time, which is aware of its zone, as the tables hold it: in UTC."""


class Database(Protocol):
    """One database server or file, with the schema in it; `database` opens it."""

    name: str
    """What messages call it."""

    undoes_schema_changes: bool
    """Whether a transaction that is undone takes changes of the schema back."""

    indexes_references: bool
    """Whether it keeps by itself an index of the rows that refer to others."""

    before_migrating: str
    """What is to be considered before its schema is changed."""

    def version(self) -> int | None:
        """The version of its schema, which is today's or an older one; None where it has nothing at all.

        Raises WarehouseError where there is something else, which stays as it is.
        """

    def make(self) -> None:
        """Make the schema where there is nothing, and only once if several do."""

    def migrating(self) -> AbstractContextManager[Connection]:
        """SQLAlchemy's connection to change the schema through, which keeps loads and other migrations out meanwhile.

        It is one transaction, as far as the database can undo such changes. Raises BusyError, which names the holder,
        where a load or a migration is under way.
        """

    def grant(self, roles: Roles) -> Iterator[str]:
        """Make the roles and give them their rights, no more and no less, and say line by line what is done.

        It is done whole or not at all, as far as the database can. Raises WarehouseError where whoever is connected may
        not do that.
        """

    def compact(self) -> None:
        """Rewrite its tables, so that none of its files holds anything of the rows that were deleted.

        It is not done within a transaction, and waits for those that are open: when it is done, whoever had read the
        table `erasure` in a transaction has ended that. Raises WarehouseError where somebody else is in the way for too
        long, or there is no room.
        """

    def session(self) -> AbstractContextManager[Session]:
        """A connection to look things up through, as a load does."""

    def loading(self, source: str) -> AbstractContextManager[Session]:
        """A connection to load the source through, which keeps other loads of it out for as long as it stands.

        Raises BusyError, which names the holder, where one is at it.
        """

    def session_of(self, connection: Connection) -> Session:
        """The session that writes in the transaction of SQLAlchemy's connection."""

    def engine(self) -> Engine:
        """SQLAlchemy's way to it. An execution option ``sigid_writes`` tells transactions that may write."""

    def looking(self) -> AbstractContextManager[Connection]:
        """SQLAlchemy's connection that can write nothing, and sees one state of the database.

        The right to read is enough for it.
        """

    def damage(self, connection: Connection) -> Iterator[str]:
        """What the database finds wrong with how it has stored its rows, in its own words, where that can be asked."""

    def told(self) -> AbstractContextManager[None]:
        """Say what the database refuses within as a WarehouseError: in one line, without statement and data."""

    def close(self) -> None:
        """Let go of the database."""


class Access(Protocol):
    """How the warehouse's parts reach its database: in the transaction that is open, or in one of their own."""

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection that sees one state of the warehouse: that of the open transaction, if there is one."""

    def writing(self) -> AbstractContextManager[Session]:
        """A session in a transaction, or in the one that is already open."""


def in_batches(ids: Sequence[str], size: int = 500) -> Iterator[Sequence[str]]:
    """The ids, as many at a time as any database takes in one statement."""
    return (ids[start : start + size] for start in range(0, len(ids), size))


def marks(values: Sequence[Any]) -> str:
    """As many question marks as there are values, to be put between parentheses."""
    return ",".join("?" * len(values))


def by_key(table: Table, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The rows in the order of their keys; of several with one key, the last one."""
    places = [table.columns.index(name) for name in table.key]
    return [row for _, row in sorted({tuple(row[at] for at in places): row for row in rows}.items())]
