"""A real MariaDB server for as long as the tests run: the machine's own program, or one that a URL names."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote, urlsplit

import pymysql
import pytest
from pymysql.constants import CLIENT

import sigid.warehouse.mysql  # noqa: F401  # before `ordinary_user`, who may have no right to read our modules
from sigid.warehouse.mysql_driver import Driver
from tests.databases import FILLED, schema_of_version
from tests.servers import PASSWORD, Asked, Overhearing, Sayings, ServerProcess

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
    """A `Server`."""

    says = Sayings(
        no_database="Unknown database 'nowhere'",
        no_way_in="Access denied for user 'guarded'@",
        no_right="command denied to user 'onlooker'",
        no_tables="command denied to user 'visitor'",
        only_reads="--read-only option",
        cut="Connection was killed|Lost connection to MySQL server|MySQL server has gone away",
        way_in="check the database, the user, and its password (in the URL or in ~/.my.cnf)",
    )

    def __init__(self, **way: Any) -> None:
        self._way = way
        self.place: str = way.get("unix_socket") or way["host"]
        self.ourselves = f"{way['user']}, from "

    def connect(self, database: str | None = None) -> pymysql.Connection[Any]:
        connection = pymysql.connect(database=database, autocommit=True, charset="utf8mb4", **self._way)
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION sql_mode = 'ANSI_QUOTES,STRICT_ALL_TABLES'")
        return connection

    def execute(self, statement: str, values: list[Any] | None = None) -> list[Any]:
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())

    def url(self, database: str, *, user: str = "", port: int | None = None) -> str:
        if not port and "unix_socket" in self._way:
            return f"mysql+pymysql://{user or self._way['user']}@/{database}?unix_socket={self.place}"
        host, port = ("127.0.0.1", port) if port else (self._way["host"], self._way["port"])
        password = f":{self._way['password']}" if self._way.get("password") and not user else ""
        return f"mysql+pymysql://{user or self._way['user']}{password}@{host}:{port}/{database}"

    def connections(self) -> list[int]:
        working = self.execute("SELECT id FROM information_schema.processlist WHERE db LIKE 'w%'")
        return [number for (number,) in working]

    def cut(self) -> int:
        ended = 0
        for number in self.connections():
            with suppress(pymysql.OperationalError):  # it has just ended by itself
                self.execute(f"KILL CONNECTION {number}")
                ended += 1
        return ended

    @contextmanager
    def overheard(self, overhearing: Overhearing) -> Iterator[None]:
        query = Driver.query

        def tell(driver: Driver, sql: str | bytes, unbuffered: bool = False) -> int:
            send = partial(query, driver, sql, unbuffered)
            overhearing(sql if isinstance(sql, str) else sql.decode(errors="replace"), send)
            return send()

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Driver, "query", tell)
            yield

    def asked_by(self, work: Callable[[], object]) -> Asked:
        before = self._asked_so_far()
        work()
        after = self._asked_so_far()
        return Asked(after.connections - before.connections - 1, after.questions - before.questions)  # one was this

    def _asked_so_far(self) -> Asked:
        counted = dict(self.execute("SHOW GLOBAL STATUS WHERE variable_name IN ('Connections', 'Com_select')"))
        return Asked(int(counted["Connections"]), int(counted["Com_select"]))


class OwnMariadbServer(ServerProcess, MariadbServer):
    """An `OwnServer`."""

    _END = signal.SIGKILL

    def __init__(self, folder: Path) -> None:
        ServerProcess.__init__(self, folder / "log")
        MariadbServer.__init__(self, unix_socket=str(folder / "socket"), user="root", ssl_disabled=True)
        self.ourselves = "root, from localhost, server process "
        self._own = [f"--datadir={folder / 'data'}", f"--user={pwd.getpwuid(os.geteuid()).pw_name}"]
        subprocess.run(
            [
                *("mariadb-install-db", "--no-defaults", *self._own),
                *("--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"),
            ],
            check=True,
            capture_output=True,
        )

    def _command(self) -> Sequence[str | Path]:
        return [
            *(shutil.which("mariadbd") or "mariadbd", "--no-defaults", *self._own),
            *(f"--socket={self.place}", f"--port={self.port}", f"--pid-file={self.place}.pid"),
            *("--bind-address=127.0.0.1", *(f"--{name}={value}".rstrip("=") for name, value in _SETTINGS.items())),
        ]

    def _answers(self) -> bool:
        try:
            Path(self.place).stat()  # pymysql does not close what it could not connect
            return bool(self.execute("SELECT 1"))
        except (FileNotFoundError, pymysql.OperationalError):
            return False

    def guard(self) -> None:
        self.execute("CREATE USER IF NOT EXISTS guarded@'%%' IDENTIFIED BY %s", [PASSWORD])
        self.execute("CREATE DATABASE IF NOT EXISTS guarded")
        self.execute("GRANT ALL ON guarded.* TO guarded@'%'")

    @contextmanager
    def letting_read_only(self) -> Iterator[None]:
        self.execute("SET GLOBAL read_only = 1")
        try:
            yield
        finally:
            self.execute("SET GLOBAL read_only = 0")

    @contextmanager
    def onlooker(self, url: str) -> Iterator[str]:
        with self._reader("onlooker", _database_of(url)) as own:
            yield own

    @contextmanager
    def visitor(self) -> Iterator[str]:
        self.execute("CREATE DATABASE empty")
        try:
            with self._reader("visitor", "empty") as own:
                yield own
        finally:
            self.execute("DROP DATABASE empty")

    @contextmanager
    def _reader(self, name: str, database: str) -> Iterator[str]:
        self.execute(f"CREATE USER {name}@'%'")
        try:
            self.execute(f"GRANT SELECT ON {database}.* TO {name}@'%'")
            yield self.url(database, user=name)
        finally:
            self.execute(f"DROP USER {name}@'%'")


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
    with TemporaryDirectory(prefix="sigid-mariadb-", dir="/tmp") as name:  # a socket's path must be short
        folder = Path(name)
        folder.chmod(0o711)  # `ordinary_user` must come through to the socket
        server = OwnMariadbServer(folder)
        with server.running():
            yield server


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
