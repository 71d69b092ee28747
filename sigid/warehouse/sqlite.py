"""The embedded warehouse: one SQLite file in WAL mode, every commit synced to the disk."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from sqlalchemy import URL, Connection, Executable, Table, create_engine, event
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError

from sigid.errors import WarehouseError
from sigid.private import private_file, private_folder
from sigid.running import only_one
from sigid.warehouse import schema

BUSY_SECONDS = 30.0
"""How long a batch waits for another writer's batch before it gives up."""

_PRAGMAS = (
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-32768",  # KiB; ids are hashes, so inserts land all over the indices
)

_VERSION = schema.schema_version.name


class SqliteDatabase:
    """A `Database` in one file, made (for its owner's eyes only) where it is not there."""

    def __init__(self, file: str) -> None:
        self._file = file
        try:
            private_folder(os.path.dirname(file) or ".")
            private_file(file)
        except OSError as error:
            raise WarehouseError(
                f"the warehouse {file} cannot be made ({error.strerror}); check the permissions of its folder"
            ) from error
        has_schema = self._has_schema()
        self._engine = create_engine(
            URL.create("sqlite", database=file),
            connect_args={"timeout": BUSY_SECONDS},
            hide_parameters=True,  # an error tells of no one's signature
        )
        event.listen(self._engine, "connect", _configure)
        event.listen(self._engine, "begin", _begin)
        if not has_schema:
            self._make_schema()

    def _has_schema(self) -> bool:
        """Whether it has the schema; it has nothing at all otherwise. Raises WarehouseError.

        It looks before any connection is configured, which writes: what is not sigid's own stays as it is.
        """
        with self._told(), closing(sqlite3.connect(self._file, timeout=BUSY_SECONDS)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            versions = connection.execute("SELECT * FROM schema_version").fetchmany(2) if _VERSION in tables else []
        match versions:
            case [(int(version), *_)] if version > schema.SCHEMA_VERSION:
                raise WarehouseError(
                    f"the warehouse {self._file} has schema version {version}, this sigid knows "
                    f"{schema.SCHEMA_VERSION}; use the sigid that wrote it, or a newer one"
                )
            case [(schema.SCHEMA_VERSION, *_)] if tables.issuperset(schema.metadata.tables):
                return True
        if tables:
            raise WarehouseError(f"{self._file} is a database, but not one of sigid; point SIGID_WAREHOUSE elsewhere")
        return False

    def _make_schema(self) -> None:
        with self.writing() as connection:
            schema.metadata.create_all(connection)
            if connection.execute(schema.schema_version.select()).first() is None:
                connection.execute(schema.schema_version.insert(), {"version": schema.SCHEMA_VERSION})

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self._told(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        writing = self._engine.execution_options(sigid_writes=True)
        with self._told(), writing.begin() as connection:
            yield connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say what the database refuses in one line, with the file's name and without the statement and its data."""
        try:
            yield
        except (DBAPIError, sqlite3.Error) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            if isinstance(cause, sqlite3.IntegrityError):
                raise
            raise WarehouseError(
                f"the warehouse {self._file} cannot be used: {cause}; {_way_out(str(cause))}"
            ) from error

    def upsert(self, table: Table) -> Executable:
        statement = insert(table)
        keys = list(table.primary_key.columns)
        return statement.on_conflict_do_update(
            index_elements=keys,
            set_={column.name: statement.excluded[column.name] for column in table.columns if column not in keys},
        )

    @contextmanager
    def lock(self, source: str) -> Iterator[None]:
        with only_one(f"{self._file}.{source}.lock", f"a load of {source} into {self._file}"):
            yield

    def close(self) -> None:
        self._engine.dispose()


def _configure(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by `_begin`, not by the driver's guesses
    _write_ahead(connection)
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _write_ahead(connection: sqlite3.Connection) -> None:
    # Where two make one warehouse at once, SQLite refuses one of them the change of the mode, and does not wait.
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= deadline:
                raise
        time.sleep(0.01)


def _begin(connection: Connection) -> None:
    # A transaction that starts as a reader and then writes is refused at once where another has written meanwhile.
    writes = connection.get_execution_options().get("sigid_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _way_out(text: str) -> str:
    if "locked" in text:
        return f"another program has held it for {BUSY_SECONDS:.0f} s: wait for it, or end it"
    if "readonly" in text or "unable to open" in text:
        return "check the permissions of the file and of its folder"
    if "full" in text:
        return "make room on the disk and run again"
    if "not a database" in text or "malformed" in text:
        return "restore it from a backup, or move it away and load again"
    return "run again when the cause is gone"
