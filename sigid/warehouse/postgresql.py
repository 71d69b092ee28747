"""The warehouse on a PostgreSQL server: rows go in by COPY, points are arrays, a load's lock is its connection's."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors, pq, sql
from psycopg.adapt import Dumper, Loader
from psycopg.rows import TupleRow

from sigid.errors import WarehouseError
from sigid.warehouse import server
from sigid.warehouse.postgresql_server import TABLES_NAMED, Server
from sigid.warehouse.records import ERASED_FROM, TABLES, Moment, Table
from sigid.warehouse.roles import Roles
from sigid.warehouse.server import BUSY_SECONDS, ROWS_AT_ONCE, marked
from sigid.warehouse.server_database import ServerDatabase
from sigid.warehouse.session import by_key, marks
from sigid.warehouse.version import version_of
from sigid.warehouse.views import VIEWS

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from sigid.warehouse.postgresql_server import Driver

_ROWS_WORTH_COUNTING = 10_000
"""After so many new ones readers would wait for plans made for empty tables, until the server counts by itself; it
passes over tables that the role does not own."""


class PostgresqlDatabase(ServerDatabase["Driver", "PostgresqlSession"]):
    """A `Database` in the schema that the server puts first for the role."""

    undoes_schema_changes = True
    indexes_references = False
    before_migrating = "it is done whole or not at all, and there is no way back but a dump made before"

    def __init__(self, url: str) -> None:
        super().__init__(Server(url))

    def _version(self, connection: Driver) -> int | None:
        tables = {name for (name,) in connection.execute(TABLES_NAMED, [[*TABLES, *VIEWS]])}
        asked = "schema_version" in tables
        versions = connection.execute("SELECT * FROM schema_version").fetchmany(2) if asked else []
        return version_of(self.name, tables, versions)

    def _make(self, connection: Connection, driver: Driver) -> None:
        from sigid.warehouse import schema

        driver.execute("SELECT pg_advisory_xact_lock(%s)", [_lock_key(driver, "schema")])
        if self._version(driver) is None:
            schema.make(connection)

    def _before_changes(self, connection: Connection, driver: Driver) -> None:
        driver.cursor_factory = psycopg.Cursor  # what the server tells of its schema is to be read as text
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")  # an index takes as long as it takes
        connection.exec_driver_sql(_AS_OWNER)

    def _sources(self, connection: Driver) -> list[str]:
        return [source for (source,) in connection.execute("SELECT DISTINCT source FROM load ORDER BY source")]

    def grant(self, roles: Roles) -> Iterator[str]:
        from sigid.warehouse.postgresql_roles import grant

        with self._server.connected() as connection, connection.transaction():
            yield from grant(connection, roles)

    def compact(self) -> None:
        with self._server.connected() as connection:
            refused: list[str] = []
            connection.add_notice_handler(lambda notice: refused.append(f"{notice.severity}: {notice.message_primary}"))
            connection.execute("SET statement_timeout = 0")
            for table in ERASED_FROM:
                connection.execute(sql.SQL("VACUUM (FULL, ANALYZE) {}").format(sql.Identifier(table)))
            if refused:  # a table that is not one's own is passed over with a warning
                raise WarehouseError(f"the warehouse {self.name} was not compacted: {refused[0]}; {server.NO_RIGHT}")

    @contextmanager
    def loading(self, source: str) -> Iterator[PostgresqlSession]:
        with super().loading(source) as session:
            yield session
            if session.written >= _ROWS_WORTH_COUNTING:
                session.count()

    def _before_load(self, connection: Driver) -> None:
        with suppress(psycopg.DataError):  # a server on a system that cannot tell
            connection.execute("SET client_connection_check_interval = '500ms'")
        connection.execute("SET idle_in_transaction_session_timeout = '1min'")

    @contextmanager
    def _locked(self, connection: Driver, lock: str, work: str) -> Iterator[None]:
        key = _lock_key(connection, lock)
        connection.execute(f"SET lock_timeout = '{server.WAIT_FOR_LOAD_SECONDS}s'")
        try:
            connection.execute("SELECT pg_advisory_lock(%s)", [key])
        except errors.LockNotAvailable:
            row = connection.execute(_HOLDER, [key, key]).fetchone()
            holder = "{}, from {}, server process {}".format(*row) if row else "unknown"
            raise self._server.busy(work, holder) from None
        connection.execute(f"SET lock_timeout = '{BUSY_SECONDS}s'")
        try:
            yield
        finally:
            with suppress(psycopg.Error):  # it ends with the connection; this is sooner
                connection.execute("SELECT pg_advisory_unlock(%s)", [key])

    def _session_on(self, connection: Driver) -> PostgresqlSession:
        return PostgresqlSession(connection, self._server)

    def _make_engine(self) -> Engine:
        from sqlalchemy import create_engine, event

        engine = create_engine(
            "postgresql+psycopg://",
            creator=self._connect,
            hide_parameters=True,
            pool_pre_ping=True,
            max_overflow=-1,  # how many there may be is the server's to say
            use_native_hstore=False,
        )
        event.listen(engine, "begin", _begin)
        return engine

    def _adapt(self, connection: Driver) -> None:
        connection.cursor_factory = _Cursor
        connection.server_cursor_factory = _ServerCursor
        connection.adapters.register_loader(_FLOAT8.array_oid, _PackedLoader)
        connection.adapters.register_dumper(None, _PackedDumper)
        connection.adapters.register_dumper(None, _JsonTextDumper)


class PostgresqlSession:
    """A `Session` of psycopg's connection."""

    def __init__(self, connection: Driver, server: server.Server[Driver]) -> None:
        self._connection = connection
        self._server = server
        self.written = 0

    def select(self, statement: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        at_once = ROWS_AT_ONCE if psycopg.capabilities.has_stream_chunked() else 1
        with self._server.told(), self._connection.cursor() as cursor:
            rows = cursor.stream(marked(statement), values, size=at_once)
            first = list(islice(rows, ROWS_AT_ONCE))  # few rows are all read, whoever takes how many of them
            yield from first
            yield from rows

    def change(self, statement: str, values: Sequence[Any] = ()) -> int:
        with self._server.told():
            return self._connection.execute(marked(statement), values).rowcount

    def put(self, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
        others = [name for name in table.columns if name not in table.key]
        replaced = ", ".join(f"{name} = excluded.{name}" for name in others)
        self._merge(table, rows, f"UPDATE SET {replaced}")

    def add(self, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
        self._merge(table, rows[::-1], "NOTHING")  # of several with one key the first one counts

    def _merge(self, table: Table, rows: Sequence[tuple[Any, ...]], on_conflict: str) -> None:
        """Copy the rows into a temporary table, and from there to where they belong, in the order of their keys.

        Two that write the same rows wait for each other then, and cannot deadlock. Of rows with the same key the last
        one is written.
        """
        if not rows:
            return
        self.written += len(rows)
        with self.transaction(), self._server.told(), self._connection.cursor() as cursor:
            cursor.execute(
                f"CREATE TEMPORARY TABLE IF NOT EXISTS new_{table.name} (LIKE {table.name} INCLUDING STORAGE)"
            )
            cursor.execute(f"TRUNCATE new_{table.name}")
            cursor.execute(f"SELECT * FROM new_{table.name}")  # noqa: S608  # our own names, and marks for values
            types = [column.type_code for column in cursor.description or ()]
            with cursor.copy(f"COPY new_{table.name} FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(types)
                for row in by_key(table, rows):
                    copy.write_row(row)
            names = ", ".join(table.columns)
            cursor.execute(
                f"INSERT INTO {table.name} ({names}) SELECT {names} FROM new_{table.name}"  # noqa: S608  # our own names, and marks for values
                f" ON CONFLICT ({', '.join(table.key)}) DO {on_conflict}"
            )

    def insert(self, table: str, values: dict[str, Any]) -> int:
        statement = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks([*values])}) RETURNING id"  # noqa: S608  # our own names, and marks for values
        with self._server.told():
            row = self._connection.execute(marked(statement), list(values.values())).fetchone()
        return int(row[0]) if row else 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self._connection.info.transaction_status is not pq.TransactionStatus.IDLE:
            yield
            return
        with self._server.told():
            self._connection.execute("BEGIN")
        try:
            yield
            with self._server.told():
                self._connection.execute("COMMIT")
        finally:
            with suppress(psycopg.Error):  # of a lost connection, the server undoes it
                self._connection.rollback()

    def count(self) -> None:
        """Have the server count the rows."""
        with self._server.told():
            self._connection.execute("ANALYZE signee, forger, signature, source_file")

    def settling(self) -> AbstractContextManager[None]:
        return nullcontext()  # the server sees to that itself

    def moment(self, time: datetime) -> Moment:
        return time.astimezone(UTC).replace(tzinfo=None)


_AS_OWNER = """
    SELECT set_config('search_path', quote_ident(current_schema), true),
        set_config('role', pg_get_userbyid(relowner), true)
    FROM pg_class WHERE oid = 'schema_version'::regclass
"""
"""What is made in the transaction belongs to whom the tables belong to, whoever of its members makes it."""

_HOLDER = """
    SELECT application_name, coalesce(host(client_addr), 'the server itself'), pid
    FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND objsubid = 1
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND classid = ((%s::bigint >> 32) & 4294967295)::oid AND objid = (%s::bigint & 4294967295)::oid
"""


def _lock_key(connection: Driver, work: str) -> int:
    """The number that the server knows the lock for that work by: one in each schema, as the tables are."""
    row = connection.execute("SELECT current_schema").fetchone()
    name = f"sigid {row and row[0]} {work}"
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("sigid_writes", False)
    connection.exec_driver_sql("BEGIN" if writes else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")


class _Cursor(psycopg.Cursor[TupleRow]):
    """Has the server send numbers as such, not as text."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.format = pq.Format.BINARY


class _ServerCursor(psycopg.ServerCursor[TupleRow]):
    """The same, of rows that stay on the server until they are asked for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.format = pq.Format.BINARY


# An array on the wire is five words of head (dimensions, whether there are NULLs, the elements' type, their number, the
# first one's index), and of each element its length and value: https://www.postgresql.org/docs/current/protocol.html
# says little of it; src/backend/utils/adt/arrayfuncs.c, array_send, all. Three words a number: the halves of a float64
# are swapped and so are their bytes, which slices do in C; a Python float a number would take ten times as long.

_FLOAT8 = psycopg.adapters.types["float8"]
_HEAD_BYTES = 20
_HEAD_WORDS = 5


@lru_cache(maxsize=1024)  # most trajectories are of a few hundred points
def _frame(size: int) -> bytes:
    """An array of so many float64, without their values."""
    head = b"".join(number.to_bytes(4, "big") for number in (1, 0, _FLOAT8.oid, size, 1))
    return head + (b"\0\0\0\x08" + bytes(8)) * size


def to_wire(packed: bytes) -> bytes:
    """The array that the little-endian float64 are, as the server sends and takes it."""
    halves = array("I", packed)
    halves.byteswap()
    words = array("I", _frame(len(packed) // 8))
    words[_HEAD_WORDS + 1 :: 3] = halves[1::2]
    words[_HEAD_WORDS + 2 :: 3] = halves[::2]
    return words.tobytes()


def from_wire(sent: bytes) -> bytes:
    """The array as little-endian float64. Raises psycopg.DataError for one that is no list of numbers."""
    size = (len(sent) - _HEAD_BYTES) // 12
    if size < 1 or sent[:_HEAD_BYTES] != _frame(size)[:_HEAD_BYTES]:
        raise psycopg.DataError("a coordinate of a trajectory is no list of numbers")
    words = array("I", sent)
    halves = array("I", bytes(8 * size))
    halves[1::2] = words[_HEAD_WORDS + 1 :: 3]
    halves[::2] = words[_HEAD_WORDS + 2 :: 3]
    halves.byteswap()
    return halves.tobytes()


class _PackedDumper(Dumper):
    format = pq.Format.BINARY
    oid = _FLOAT8.array_oid

    def dump(self, obj: bytes) -> bytes:
        return to_wire(obj)


class _PackedLoader(Loader):
    format = pq.Format.BINARY

    def load(self, data: Any) -> bytes:
        return from_wire(bytes(data))


class _JsonTextDumper(Dumper):
    format = pq.Format.BINARY
    oid = psycopg.adapters.types["json"].oid

    def dump(self, obj: str) -> bytes:
        return obj.encode()
