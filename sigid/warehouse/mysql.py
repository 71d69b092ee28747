"""The warehouse on a MariaDB or MySQL server: rows go in many a statement, a load's lock is its connection's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING, Any

import pymysql

from sigid.errors import WarehouseError
from sigid.warehouse import server
from sigid.warehouse.mysql_driver import Driver
from sigid.warehouse.mysql_server import Server, tables_named
from sigid.warehouse.records import ERASED_FROM, SCHEMA_VERSION, TABLES, Moment, Table
from sigid.warehouse.roles import Roles
from sigid.warehouse.server import BUSY_SECONDS, ROWS_AT_ONCE, marked
from sigid.warehouse.server_database import ServerDatabase
from sigid.warehouse.session import by_key, marks
from sigid.warehouse.version import version_of
from sigid.warehouse.views import VIEWS

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_STATEMENT_BYTES = 1 << 20
"""So much of rows goes into one statement, if the server takes it."""
_BEING_MADE = 0
"""The version of a schema of which the tables may not all be there: each is committed by itself."""


class MysqlDatabase(ServerDatabase[Driver, "MysqlSession"]):
    """A `Database` in the one that the URL names."""

    undoes_schema_changes = False
    indexes_references = True
    before_migrating = (
        "each step is committed by itself; what is cut off goes on from there when it is run again, "
        "and there is no way back but a dump made before"
    )

    def __init__(self, url: str) -> None:
        named = Server(url)
        self._database = named.database
        super().__init__(named)

    def _version(self, connection: Driver) -> int | None:
        names = [*TABLES, *VIEWS]
        with connection.cursor() as cursor:
            cursor.execute(tables_named(names), names)
            tables = {name for (name,) in cursor.fetchall()}
            versions: Sequence[tuple[Any, ...]] = ()
            if tables:
                with suppress(pymysql.ProgrammingError):  # it is not there; what may not be read is not named, but told
                    cursor.execute("SELECT * FROM schema_version LIMIT 2")
                    versions = cursor.fetchall()
        if list(versions) == [(_BEING_MADE,)]:
            return None
        return version_of(self.name, tables, versions)

    def _make(self, connection: Connection, driver: Driver) -> None:
        from sigid.warehouse import schema

        version = schema.schema_version
        with self._only_one(driver, "schema", BUSY_SECONDS) as alone:
            if not alone:
                raise WarehouseError(f"the warehouse {self.name} is being made; run again when it is")
            if self._version(driver) is not None:
                return
            # What is left of one whose making was cut off is known by its version.
            driver.query(
                "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL PRIMARY KEY)"
                f" ENGINE=InnoDB SELECT {_BEING_MADE} AS version"
            )
            schema.make(connection)
            connection.execute(version.update().values(version=SCHEMA_VERSION))
            driver.commit()

    def _before_changes(self, connection: Connection, driver: Driver) -> None:
        self._have_time(driver)

    def _have_time(self, driver: Driver) -> None:
        """To make an index, or a table anew, takes as long as it takes; MySQL limits nothing but what reads."""
        driver.query("SET SESSION wait_timeout = @@wait_timeout /*M! , max_statement_time = 0 */")

    def _sources(self, connection: Driver) -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute('SELECT DISTINCT source FROM "load" ORDER BY source')
            return [source for (source,) in cursor.fetchall()]

    def grant(self, roles: Roles) -> Iterator[str]:
        """As `Database.grant`, but that it only says what would do it.

        What a view may show is up to the rights of who made it, and those of his roles do not count: a migration by a
        member of the owner would make views that nobody can read.
        """
        from sigid.warehouse.mysql_roles import statements

        yield f"in {self.name} roles are made by hand; nothing was done. This would do it:"
        yield from statements(self._database, roles)

    def compact(self) -> None:
        with self._server.connected() as connection, connection.cursor() as cursor:
            self._have_time(connection)
            for table in ERASED_FROM:
                cursor.execute(f"OPTIMIZE TABLE {table}")
                refused = [text for _, _, kind, text in cursor.fetchall() if kind.lower() == "error"]
                if refused:  # which is told as a result, and not as an error
                    raise WarehouseError(f"the warehouse {self.name} was not compacted: {refused[0]}; run again")

    @contextmanager
    def _only_one(self, connection: Driver, lock: str, seconds: float) -> Iterator[bool]:
        """Hold the lock of that name, if it could be had within so long."""
        name = self._lock_name(lock)
        with connection.cursor() as cursor:
            cursor.execute("SELECT GET_LOCK(%s, %s)", [name, seconds])
            got = cursor.fetchone() == (1,)
            try:
                yield got
            finally:
                with suppress(pymysql.Error):  # it ends with the connection; this is sooner
                    if got:
                        cursor.execute("SELECT RELEASE_LOCK(%s)", [name])

    def _lock_name(self, lock: str) -> str:
        """What the server knows that lock by: one in each database, as the tables are."""
        return f"sigid {blake2b(f'{self._database} {lock}'.encode(), digest_size=16).hexdigest()}"

    @contextmanager
    def _locked(self, connection: Driver, lock: str, work: str) -> Iterator[None]:
        with self._only_one(connection, lock, server.WAIT_FOR_LOAD_SECONDS) as got:
            if not got:
                raise self._server.busy(work, self._holder(connection, lock))
            yield

    def _before_load(self, connection: Driver) -> None:
        connection.query("SET SESSION wait_timeout = @@wait_timeout /*M! , idle_transaction_timeout = 60 */")

    def _holder(self, connection: Driver, lock: str) -> str:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT p.user, substring_index(p.host, ':', 1), p.id FROM information_schema.processlist p"
                " WHERE p.id = IS_USED_LOCK(%s)",
                [self._lock_name(lock)],
            )
            row = cursor.fetchone()
            if row:
                return "{}, from {}, server process {}".format(*row)
            cursor.execute("SELECT IS_USED_LOCK(%s)", [self._lock_name(lock)])
            row = cursor.fetchone()
        return f"another user's server process {row[0]}" if row and row[0] else "unknown"

    def _adapt(self, connection: Driver) -> None:
        """It takes and gives them as they are."""

    def _session_on(self, connection: Driver) -> MysqlSession:
        return MysqlSession(connection, self._server)

    def _make_engine(self) -> Engine:
        from sqlalchemy import create_engine, event

        with self._server.connected() as connection:
            dialect = "mariadb" if connection.is_mariadb() else "mysql"
        engine = create_engine(
            f"{dialect}+pymysql://",
            creator=self._connect,
            hide_parameters=True,
            pool_pre_ping=True,
            max_overflow=-1,  # how many there may be is the server's to say
        )
        event.listen(engine, "begin", _begin)
        return engine


class MysqlSession:
    """A `Session` of pymysql's connection."""

    def __init__(self, connection: Driver, server: server.Server[Driver]) -> None:
        self._connection = connection
        self._server = server
        self._largest = 0

    def select(self, statement: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        with self._server.told(), self._connection.stream() as cursor:
            cursor.execute(marked(statement), values)
            rows = iter(cursor.fetchone, None)
            first = list(islice(rows, ROWS_AT_ONCE))  # few rows are all read, whoever takes how many of them
            yield from first
            yield from rows

    def change(self, statement: str, values: Sequence[Any] = ()) -> int:
        with self._server.told(), self._connection.cursor() as cursor:
            touched: int = cursor.execute(marked(statement), values)
            return touched

    def put(self, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
        others = [name for name in table.columns if name not in table.key]
        self._write(table, rows, ", ".join(f"{name} = VALUES({name})" for name in others))

    def add(self, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
        # A row that is in the way for the sake of another key is refused: no key may be NULL.
        first, same = table.key[0], " AND ".join(f"{name} = VALUES({name})" for name in table.key)
        self._write(table, rows[::-1], f"{first} = IF({same}, {first}, NULL)")  # of several with one key the first one

    def _write(self, table: Table, rows: Sequence[tuple[Any, ...]], on_conflict: str) -> None:
        """Write the rows, many a statement, in the order of their keys.

        Two that write the same rows wait for each other then, and are less likely to deadlock.
        """
        if not rows:
            return
        beginning = f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES "  # noqa: S608  # our own names, and marks for values
        end = f" ON DUPLICATE KEY UPDATE {on_conflict}"
        row_marks = f"({','.join(['%s'] * len(table.columns))})"
        with self.transaction(), self._server.told(), self._connection.cursor() as cursor:
            texts = (cursor.mogrify(row_marks, row).encode() for row in by_key(table, rows))
            for values in self._parts(texts, len(beginning) + len(end)):
                self._connection.query(beginning.encode() + values + end.encode())

    def _parts(self, texts: Iterator[bytes], more: int) -> Iterator[bytes]:
        """The texts, joined to parts that the server takes together with so many bytes more."""
        part: list[bytes] = []
        size = 0
        most = self._largest_packet() - more - 1  # which says that it is a statement
        for text in texts:
            if part and size + len(text) > min(most, _STATEMENT_BYTES):
                yield b",".join(part)
                part, size = [], 0
            if len(text) > most:
                raise WarehouseError(
                    f"the warehouse {self._server.name} cannot be used: a row of {len(text)} bytes is more than it "
                    "takes; have the server take larger packets: max_allowed_packet"
                )
            part.append(text)
            size += len(text) + 1
        if part:
            yield b",".join(part)

    def _largest_packet(self) -> int:
        if not self._largest:
            with self._connection.cursor() as cursor:
                cursor.execute("SELECT @@max_allowed_packet")
                (self._largest,) = cursor.fetchone() or (0,)
        return self._largest

    def insert(self, table: str, values: dict[str, Any]) -> int:
        statement = f'INSERT INTO "{table}" ({", ".join(values)}) VALUES ({marks([*values])})'  # noqa: S608  # our own names, and marks for values
        with self._server.told(), self._connection.cursor() as cursor:
            cursor.execute(marked(statement), list(values.values()))
            return int(cursor.lastrowid or 0)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self._connection.in_transaction():
            yield
            return
        with self._server.told():
            self._connection.query("START TRANSACTION")
        try:
            yield
            with self._server.told():
                self._connection.query("COMMIT")
        finally:
            with suppress(pymysql.Error):  # of a lost connection, the server undoes it
                if self._connection.in_transaction():
                    self._connection.query("ROLLBACK")

    def settling(self) -> AbstractContextManager[None]:
        return nullcontext()  # the server sees to that itself

    def moment(self, time: datetime) -> Moment:
        return time.astimezone(UTC).replace(tzinfo=None)


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("sigid_writes", False):
        connection.exec_driver_sql("START TRANSACTION")
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
