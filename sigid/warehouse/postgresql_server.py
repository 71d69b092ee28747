"""Where a warehouse on a PostgreSQL server is, how it is reached, and the one question of an unchanged run."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sigid.errors import ConnectionLost, SettingError, WarehouseError

if TYPE_CHECKING:
    import psycopg

_SCHEME = "postgresql+psycopg://"
_WAY_OUT = "write it like postgresql+psycopg://user@host/database"

BUSY_SECONDS = 30
"""How long a statement waits for a row or a table that somebody else has locked."""

_CONNECT = {
    "connect_timeout": 2,
    # A server that is gone without a word is noticed within a minute.
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
_OPTIONS = {
    "client_min_messages": "warning",
    "cursor_tuple_fraction": "1",  # who reads, reads all: no plan for the sake of the first rows
    "idle_in_transaction_session_timeout": "1h",  # a reader may take his time with what he has read
    "lock_timeout": f"{BUSY_SECONDS}s",
    "statement_timeout": "15min",
    "synchronous_commit": "on",
    "timezone": "UTC",
}


def check(url: str) -> None:
    """It does not import the driver, which takes longer than `doit list` may."""
    if find_spec("psycopg") is None:
        raise SettingError("SIGID_WAREHOUSE is on PostgreSQL, whose driver is missing; pip install 'sigid[postgresql]'")
    try:
        sound = url.startswith(_SCHEME) and urlsplit(url).port != 0
    except ValueError:
        sound = False
    if not sound:
        raise SettingError(f"SIGID_WAREHOUSE is no URL of a PostgreSQL database; {_WAY_OUT}")


def is_there(url: str) -> bool:
    with Server(url).connected() as connection:
        return bool(connection.execute(TABLES_NAMED, [["schema_version"]]).fetchall())


def stamp(url: str) -> None:
    """It is in no file of ours."""


def ask(url: str, question: str, value: str) -> tuple[Any, ...] | None:
    try:
        with Server(url).connected() as connection:
            return connection.execute(marked(question), [value] * question.count("?")).fetchone()
    except ConnectionLost:
        raise
    except WarehouseError:
        return None


TABLES_NAMED = """
    SELECT relname FROM pg_catalog.pg_class
    WHERE relnamespace = pg_catalog.to_regnamespace(pg_catalog.quote_ident(current_schema)) AND relname = ANY (%s)
"""
"""Which of those names tables, or what might be in the way of them, have in the schema that is the first one."""


@cache
def marked(statement: str) -> str:
    """The statement with the driver's marks in the place of question marks, each of which is a value's."""
    return statement.replace("%", "%%").replace("?", "%s")


class Server:
    """The server, and the database on it, that a URL names."""

    def __init__(self, url: str) -> None:
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict

        check(url)
        try:
            given = conninfo_to_dict(f"postgresql://{url.removeprefix(_SCHEME)}")
        except ProgrammingError:
            raise SettingError(f"SIGID_WAREHOUSE is no URL of a PostgreSQL database; {_WAY_OUT}") from None
        settings = " ".join(f"-c {name}={value}" for name, value in _OPTIONS.items())
        self._parameters: dict[str, Any] = {
            "application_name": f"sigid, process {os.getpid()} on {os.uname().nodename}"[:63],
            **_CONNECT,
            **given,
            "options": f"{settings} {given.get('options') or ''}".strip(),
        }
        place = f"{given.get('host') or os.environ.get('PGHOST') or 'this machine'}"
        self.name = f"{given.get('dbname') or os.environ.get('PGDATABASE') or 'of the user'} at {place}"

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection that begins no transaction by itself. Raises psycopg.Error."""
        import psycopg

        connection = psycopg.connect(autocommit=True, **self._parameters)
        (mode,) = (option.val or b"" for option in connection.pgconn.info if option.keyword == b"sslmode")
        if advice := tls_advice(connection.info.host, mode.decode()):
            _warn(f"the warehouse {self.name}: {advice}")
        return connection

    @contextmanager
    def connected(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """A connection for as long as the context lasts; what goes wrong in it is raised as a WarehouseError."""
        with self.told():
            connection = self.connect()
            try:
                yield connection
            finally:
                connection.close()

    @contextmanager
    def told(self) -> Iterator[None]:
        """As `Database.told`."""
        import psycopg

        try:
            yield
        except Exception as error:
            cause = getattr(error, "orig", error)  # SQLAlchemy has an error of its own around it
            if not isinstance(cause, psycopg.Error):
                raise
            raise self._refusal(cause) from error

    def _refusal(self, error: psycopg.Error) -> WarehouseError:
        said = error.diag.message_primary or str(error).partition("\n")[0]
        kind = ConnectionLost if _is_lost(error) else WarehouseError
        return kind(f"the warehouse {self.name} cannot be used: {said}; {_way_out(error, said)}")


def tls_advice(host: str, mode: str) -> str | None:
    """What is to be said of how safe the way to the server is, if anything."""
    if host.startswith(("/", "@", "127.")) or host in ("", "localhost", "::1") or mode == "verify-full":
        return None
    return (
        f"nothing proves that {host} is the server that it says it is; "
        "add ?sslmode=verify-full&sslrootcert=system (or the file of your own authority) to SIGID_WAREHOUSE"
    )


@cache
def _warn(text: str) -> None:
    """Once a run."""
    logging.getLogger("sigid").warning(text)


_LOST = ("08", "57P", "40001", "40P01")  # no connection, the server shuts down, and what it undid for others' sake


def _is_lost(error: psycopg.Error) -> bool:
    import psycopg

    if error.sqlstate is None:
        return isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))
    return error.sqlstate.startswith(_LOST)


_WAYS_OUT = {
    "22": "what was to be written does not fit what is there; nothing of it was written",
    "23": "what was to be written does not fit what is there; nothing of it was written",
    "25006": "the server only lets read, as a replica does: name one that can be written to",
    "42501": "use a role that has the right, or have its owner grant it",
    "42P": "the warehouse's tables are not as sigid made them: restore them from a backup",
    "3F": "create that schema, or name another one in SIGID_WAREHOUSE",
    "53": "the server has run out of something: make room there, and run again",
    "55P03": f"another program has held it for {BUSY_SECONDS} s: wait for it, or end it",
    "57014": "it was cancelled, or took too long; see what keeps the server busy, and run again",
}


def _way_out(error: psycopg.Error, said: str) -> str:
    if error.sqlstate is None and "FATAL" in said:
        return "check the database, the role, and its password (in the URL, in PGPASSWORD or in ~/.pgpass)"
    if error.sqlstate is None and said.startswith(("connection", "failed to resolve")):
        return "start the server, or check its host and port in SIGID_WAREHOUSE"
    state = error.sqlstate or ""
    return next(
        (way for beginning, way in _WAYS_OUT.items() if state.startswith(beginning)),
        "run again when the cause is gone; what was committed stands",
    )
