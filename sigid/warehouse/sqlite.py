"""The embedded warehouse: one SQLite file in WAL mode, every commit synced to the disk."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from sigid.errors import WarehouseError
from sigid.private import private_file, private_folder, why_not_made
from sigid.running import only_one
from sigid.warehouse.reach import FileStamp
from sigid.warehouse.records import Moment, Table
from sigid.warehouse.roles import Roles
from sigid.warehouse.session import marks
from sigid.warehouse.sqlite_file import may_write, stamp_at_rest, stamp_of, uri_to_look
from sigid.warehouse.version import version_of

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

BUSY_SECONDS = 30.0
"""How long a batch waits for another writer's batch before it gives up."""

SCHEMA = Path(__file__).with_name("sqlite_schema.sql")
"""What `schema.script` says for SQLite: to import SQLAlchemy for it would be most of what a small first load takes."""

_DAMAGES_TOLD = 20

_LIKELY_FULL = ("SQLITE_IOERR_SHMSIZE", "SQLITE_IOERR_WRITE")
"""What SQLite says where the file of its shared memory cannot grow, and where a quota or a limit ends a file."""

_PRAGMAS = (
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-51200",  # KiB; ids are hashes, so inserts land all over the indices
    "PRAGMA secure_delete=ON",  # what is deleted or replaced is overwritten
    "PRAGMA wal_autocheckpoint=8192",  # pages: an index page that many batches touch is copied back once
)


class SqliteDatabase:
    """A `Database` in one file, made (for its owner's eyes only) where it is not there."""

    undoes_schema_changes = True
    indexes_references = False
    before_migrating = "it is done whole or not at all, and there is no way back but a copy made before"

    def __init__(self, file: str) -> None:
        self._file = file
        try:
            private_folder(os.path.dirname(file) or ".")
            private_file(file)
        except OSError as error:
            raise WarehouseError(f"the warehouse {file} cannot be made {why_not_made(error)}") from error
        self.name = file

    def version(self) -> int | None:
        """As `Database.version`.

        It looks before any connection is configured, which writes: what is not sigid's own stays as it is.
        """
        with self.told(), closing(self._connect_to_look()) as connection:
            connection.execute("BEGIN")  # both are seen as of one moment, also while it is made or migrated
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            asked = "schema_version" in tables
            versions = connection.execute("SELECT * FROM schema_version").fetchmany(2) if asked else []
        return version_of(self._file, tables, versions)

    def make(self) -> None:
        with self.told(), closing(self._connect()) as connection:
            connection.executescript(f"BEGIN IMMEDIATE;\n{SCHEMA.read_text(encoding='utf-8')}COMMIT;")

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        with ExitStack() as locks:
            locks.enter_context(only_one(f"{self._file}.lock", f"a migration of {self._file}"))
            for lock in self._locks_of_loads():
                locks.enter_context(only_one(str(lock), f"a load into {self._file}"))
            with self.told(), self.engine().execution_options(sigid_writes=True).begin() as connection:
                yield connection

    def _locks_of_loads(self) -> list[Path]:
        """The lock files of all sources that were ever loaded."""
        file = Path(self._file)
        return sorted(each for each in file.parent.iterdir() if _is_lock_of_load(each.name, file.name))

    def grant(self, roles: Roles) -> Iterator[str]:
        yield f"{self._file} is a file, which has no roles: its permissions say who may read and write it"

    def compact(self) -> None:
        with self.told(), closing(self._connect()) as connection:
            connection.execute("VACUUM")
            (stopped, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if stopped:
            raise WarehouseError(
                f"the log of the warehouse {self._file} could not be emptied: another program has been reading it for "
                f"{BUSY_SECONDS:.0f} s; wait for it, or end it"
            )

    @contextmanager
    def session(self) -> Iterator[SqliteSession]:
        with self.told(), closing(self._connect()) as connection:
            yield SqliteSession(connection, self)

    @contextmanager
    def loading(self, source: str) -> Iterator[SqliteSession]:
        work = f"a load of {source} into {self._file}"
        with only_one(f"{self._file}.{source}.lock", work), self.session() as session:
            yield session

    def session_of(self, connection: Connection) -> SqliteSession:
        """The session that writes in the transaction of SQLAlchemy's connection."""
        driver: Any = connection.connection.driver_connection
        return SqliteSession(driver, self)

    def engine(self) -> Engine:
        return self._engine

    @cached_property
    def _may_write(self) -> bool:
        return may_write(self._file)

    @cached_property
    def _engine(self) -> Engine:
        return self._make_engine(self._connect)

    def _make_engine(self, connect: Callable[[], sqlite3.Connection]) -> Engine:
        from sqlalchemy import URL, NullPool, create_engine, event

        # A connection that does without locks sees nothing of what is written later: none is used twice then.
        pool: dict[str, Any] = {"max_overflow": -1} if self._may_write else {"poolclass": NullPool}
        url = URL.create("sqlite", database=self._file)
        engine = create_engine(url, creator=connect, hide_parameters=True, **pool)
        event.listen(engine, "begin", _begin)
        return engine

    @contextmanager
    def looking(self) -> Iterator[Connection]:
        engine = self._make_engine(self._connect_to_look)
        try:
            with self.told(), engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()

    def damage(self, connection: Connection) -> Iterator[str]:
        for (line,) in connection.exec_driver_sql(f"PRAGMA integrity_check({_DAMAGES_TOLD})").fetchall():
            yield from (part for part in line.splitlines() if part != "ok")

    def copy_back(self) -> None:
        """Copy what is committed from the log to its place; the last connection does that otherwise, when it closes."""
        with suppress(sqlite3.Error), closing(self._connect()) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _connect_to_look(self) -> sqlite3.Connection:
        """A connection that changes nothing about the file, not even its mode; the right to read it is enough."""
        uri = uri_to_look(self._file)
        connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None)
        connection.execute("PRAGMA query_only=ON")
        return connection

    def _connect(self) -> sqlite3.Connection:
        """A connection to read and write through; where this user may only read, SQLite refuses what writes."""
        if not self._may_write:
            return self._connect_to_look()
        connection = sqlite3.connect(self._file, timeout=BUSY_SECONDS, check_same_thread=False)
        try:
            connection.isolation_level = None  # transactions are begun by us, not by the driver's guesses
            _write_ahead(connection)
            for pragma in _PRAGMAS:
                connection.execute(pragma)
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def told(self) -> Iterator[None]:
        # Who may not lock it reads without locks while nobody writes, and has to see for himself that nobody did.
        unlocked = None if self._may_write else stamp_at_rest(self._file)
        try:
            yield
        except Exception as error:
            self._refuse_if_written_since(unlocked)
            cause = getattr(error, "orig", error)  # SQLAlchemy has an error of its own around it
            if not isinstance(cause, sqlite3.Error):
                raise
            raise WarehouseError(f"the warehouse {self._file} cannot be used: {cause}; {_way_out(cause)}") from error
        self._refuse_if_written_since(unlocked)

    def _refuse_if_written_since(self, stamp: FileStamp | None) -> None:
        if stamp is not None and stamp != stamp_of(self._file):
            raise WarehouseError(
                f"the warehouse {self._file} was written while it was read, and what was read may not belong together; "
                "run again"
            )

    def close(self) -> None:
        if "_engine" in vars(self):
            self._engine.dispose()


class SqliteSession:
    """A `Session` of SQLite's own driver."""

    def __init__(self, connection: sqlite3.Connection, database: SqliteDatabase) -> None:
        self._connection = connection
        self._database = database

    def select(self, statement: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        with self._database.told():
            # Who takes no more rows has Python close what they come from: a cursor, when the connection may be closed.
            yield from chain(self._connection.execute(statement, values))

    def change(self, statement: str, values: Sequence[Any] = ()) -> int:
        with self._database.told():
            return self._connection.execute(statement, values).rowcount

    def put(self, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
        if table.indexed:
            # What SQLite is told to set it takes out of an index and puts in again, though it is the same.
            same = " AND ".join(f"{table.name}.{name} IS excluded.{name}" for name in table.indexed)
            if self._write(table, rows, f"{_setting(table, table.key + table.indexed)} WHERE {same}") == len(rows):
                return
        self._write(table, rows, _setting(table, table.key))

    def add(self, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
        self._write(table, rows, "NOTHING")

    def _write(self, table: Table, rows: Sequence[tuple[Any, ...]], on_conflict: str) -> int:
        """Returns how many of the rows were inserted or replaced."""
        if not rows:
            return 0
        # The driver takes ten times as long to bind None as to bind a number: what no row has is left out.
        of_columns = zip(table.columns, zip(*rows, strict=True), strict=True)
        columns = {name: values for name, values in of_columns if values.count(None) < len(values)}
        statement = (
            f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks([*columns])})"  # noqa: S608  # our own names, and marks for values
            f" ON CONFLICT ({', '.join(table.key)}) DO {on_conflict}"
        )
        with self._database.told():
            return self._connection.executemany(statement, zip(*columns.values(), strict=True)).rowcount

    def insert(self, table: str, values: dict[str, Any]) -> int:
        statement = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks([*values])})"  # noqa: S608  # our own names, and marks for values
        with self._database.told():
            key = self._connection.execute(statement, list(values.values())).lastrowid
        return int(key or 0)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self._connection.in_transaction:
            yield
            return
        with self._database.told():
            self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            with self._database.told():
                self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    @contextmanager
    def settling(self) -> Iterator[None]:
        if not self._connection.total_changes:
            yield
            return
        copying = Thread(target=self._database.copy_back)
        try:
            copying.start()
        except RuntimeError:  # where there can be no further thread, the log is copied when the connection closes
            yield
            return
        try:
            yield
        finally:
            copying.join()

    def moment(self, time: datetime) -> Moment:
        return time.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def _setting(table: Table, standing: Collection[str]) -> str:
    """The clause that takes all but these columns over from the row that was to be inserted."""
    others = [name for name in table.columns if name not in standing]
    return f"UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in others)}"


def _is_lock_of_load(name: str, warehouse: str) -> bool:
    return name.startswith(f"{warehouse}.") and name.endswith(".lock") and name != f"{warehouse}.lock"


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


def _way_out(error: sqlite3.Error) -> str:
    text, code = str(error), getattr(error, "sqlite_errorname", "")  # what Python itself refuses has no code
    if "constraint failed" in text:
        return "what was to be written does not fit what is there; nothing of it was written"
    if "locked" in text:
        return f"another program has held it for {BUSY_SECONDS:.0f} s: wait for it, or end it"
    if "readonly" in text or "unable to open" in text:
        return "check the permissions of the file and of its folder"
    if "full" in text:
        return "make room on the disk and run again"
    if code in _LIKELY_FULL:
        return "most likely there is no room: make some, or look at the quota and at `ulimit -f`, and run again"
    if "not a database" in text or "malformed" in text:
        return (
            "restore it from a backup, or move it away and load again; "
            "where erasures were exported, `doit erase --apply FILE` comes first"
        )
    return "run again when the cause is gone"
