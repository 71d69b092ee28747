"""A real MariaDB server for as long as the tests run: the machine's own program, or one that a URL names."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pymysql
import pytest
from pymysql.constants import CLIENT

import sigid.warehouse.mysql  # noqa: F401  # before `ordinary_user`, who may have no right to read our modules
from tests.databases import FILLED, schema_of_version
from tests.servers import end_with_parent, free_port

_SETTINGS = {
    "aria-pagecache-buffer-size": "8M",
    "innodb-buffer-pool-size": "64M",
    "innodb-file-per-table": "0",
    "innodb-flush-log-at-trx-commit": "1",
    "innodb-flush-method": "nosync",
    "innodb-log-file-size": "32M",
    "key-buffer-size": "1M",
    "max-connections": "60",
    "performance-schema": "off",
    "skip-log-bin": "",
    "skip-name-resolve": "",
    "skip-networking": "0",
}


class MariadbServer:
    """A server, which its owner can tell what he likes."""

    def __init__(self, **place: Any) -> None:
        self._place = place

    def connect(self, database: str | None = None) -> pymysql.Connection[Any]:
        connection = pymysql.connect(database=database, autocommit=True, charset="utf8mb4", **self._place)
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION sql_mode = 'ANSI_QUOTES,STRICT_ALL_TABLES'")
        return connection

    def execute(self, statement: str, values: list[Any] | None = None, database: str | None = None) -> list[Any]:
        """Have the server's owner say that."""
        with closing(self.connect(database)) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())

    def url(self, database: str, *, user: str = "", **more: str) -> str:
        """How a warehouse in that database is named."""
        place = {**self._place, **more}
        if "host" in place:
            password = f":{self._place['password']}" if self._place.get("password") and not user else ""
            return f"mysql+pymysql://{user or place['user']}{password}@{place['host']}:{place['port']}/{database}"
        return f"mysql+pymysql://{user or place['user']}@/{database}?unix_socket={place['unix_socket']}"


class OwnMariadbServer(MariadbServer):
    """A server in a folder of its own, which can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        super().__init__(unix_socket=str(folder / "socket"), user="root")
        self._data = folder / "data"
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.user = pwd.getpwuid(os.geteuid()).pw_name
        subprocess.run(
            [
                *("mariadb-install-db", "--no-defaults", f"--datadir={self._data}", f"--user={self.user}"),
                *("--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"),
            ],
            check=True,
            capture_output=True,
        )

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.launch()
        deadline = time.monotonic() + 30
        while True:
            try:
                Path(self._place["unix_socket"]).stat()  # pymysql does not close what it could not connect
                self.execute("SELECT 1")
                return
            except (FileNotFoundError, pymysql.OperationalError):
                if time.monotonic() > deadline or self._process is None or self._process.poll() is not None:
                    raise RuntimeError(self._log.read_text()) from None
            time.sleep(0.02)

    def launch(self) -> None:
        """Start it; it takes a moment until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(shutil.which("mariadbd") or "mariadbd", "--no-defaults", f"--datadir={self._data}"),
                    *(f"--user={self.user}", f"--socket={self._place['unix_socket']}", f"--port={self.port}"),
                    *("--bind-address=127.0.0.1", f"--pid-file={self._data / 'pid'}"),
                    *(f"--{name}={value}" if value else f"--{name}" for name, value in _SETTINGS.items()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent,  # nothing else runs then
            )

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop it: SIGKILL for a crash."""
        if self._process:
            self._process.send_signal(how)
            self._process.wait(timeout=30)
            self._process = None


def missing() -> str | None:
    """Why there is no server to be had."""
    programs = ("mariadbd", "mariadb-install-db")
    if os.environ.get("SIGID_TEST_MARIADB") or all(map(shutil.which, programs)):
        return None
    return "no MariaDB here: install mariadb-server, or name a server by its URL in SIGID_TEST_MARIADB"


@contextmanager
def running_server() -> Iterator[MariadbServer]:
    """A server in a folder of its own, both of which are gone in the end, or the one that the environment names."""
    if named := os.environ.get("SIGID_TEST_MARIADB"):
        parts = urlsplit(named)
        yield MariadbServer(
            host=parts.hostname, port=parts.port or 3306, user=parts.username, password=unquote(parts.password or "")
        )
        return
    if reason := missing():
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="sigid-mariadb-", dir="/tmp"))  # a socket's path must be short
    folder.chmod(0o711)  # `ordinary_user` must come through to the socket
    try:
        server = OwnMariadbServer(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop(signal.SIGKILL)  # nobody needs what it would put in order
    finally:
        shutil.rmtree(folder)


class MariadbDatabases:
    """A database each, on one server."""

    def __init__(self, server: MariadbServer) -> None:
        self.server = server

    def url(self, folder: Path) -> str:
        name = f"w{sha256(str(folder).encode()).hexdigest()[:16]}"
        self.server.execute(f"CREATE DATABASE IF NOT EXISTS {name}")
        return self.server.url(name)

    def execute(self, url: str, *statements: str) -> list[Any]:
        with closing(self._connected(url)) as connection, connection.cursor() as cursor:
            cursor.execute("SET SESSION foreign_key_checks = 0")  # whatever the keys of other tables say
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def tamper(self, url: str, statement: str) -> int:
        with closing(self._connected(url)) as connection, connection.cursor() as cursor:
            cursor.execute("SET SESSION check_constraint_checks = 0, foreign_key_checks = 0")
            touched: int = cursor.execute(statement)
            return touched

    def make_older(self, url: str, version: int, like: str) -> None:
        rows = [f'INSERT INTO "{table}" SELECT * FROM {_database_of(like)}."{table}"' for table in FILLED]  # noqa: S608  # of constants
        self.execute(url, *schema_of_version(version, "mariadb"), *rows)

    def snapshot(self, url: str) -> object:
        with closing(self._connected(url)) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW TABLES")
            names = [name for (name,) in cursor.fetchall()]
            rows = {}
            for name in names:
                cursor.execute(f'SELECT * FROM "{name}"')  # noqa: S608  # of constants
                rows[name] = sorted(map(repr, cursor.fetchall()))
            return rows

    def remove(self, url: str) -> None:
        name = _database_of(url)
        self.server.execute(f"DROP DATABASE {name}")
        self.server.execute(f"CREATE DATABASE {name}")

    def _connected(self, url: str) -> pymysql.Connection[Any]:
        connection = self.server.connect(_database_of(url))
        connection.client_flag |= CLIENT.FOUND_ROWS
        return connection


def _database_of(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")
