"""Where a warehouse on a PostgreSQL server is, how it is reached, and the one question of an unchanged run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from sigid.errors import ConnectionLost, WarehouseError
from sigid.warehouse import server
from sigid.warehouse.server import BUSY_SECONDS, CONNECT_SECONDS, READER_SECONDS, STATEMENT_SECONDS, Kind, marked

if TYPE_CHECKING:
    import psycopg

    Driver: TypeAlias = psycopg.Connection[tuple[Any, ...]]

KIND = Kind("PostgreSQL", "postgresql+psycopg", "psycopg", "postgresql")
check = KIND.check

_CONNECT = {
    "connect_timeout": CONNECT_SECONDS,
    # A server that is gone without a word is noticed within a minute.
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
_OPTIONS = {
    "client_min_messages": "warning",
    "cursor_tuple_fraction": "1",  # who reads, reads all: no plan for the sake of the first rows
    "idle_in_transaction_session_timeout": f"{READER_SECONDS}s",
    "lock_timeout": f"{BUSY_SECONDS}s",
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "synchronous_commit": "on",
    "timezone": "UTC",
}


def is_there(url: str) -> bool:
    with Server(url).connected() as connection:
        return bool(connection.execute(TABLES_NAMED, [["schema_version"]]).fetchall())


def stamp(url: str) -> None:
    """It is in no file of ours."""


def ask(url: str, question: str, values: Sequence[str]) -> tuple[Any, ...] | None:
    try:
        with Server(url).connected() as connection:
            return connection.execute(marked(question), values).fetchone()
    except ConnectionLost:
        raise
    except WarehouseError:
        return None


TABLES_NAMED = """
    SELECT relname FROM pg_catalog.pg_class
    WHERE relnamespace = pg_catalog.to_regnamespace(pg_catalog.quote_ident(current_schema)) AND relname = ANY (%s)
"""
"""Which of those names tables, or what might be in the way of them, have in the schema that is the first one."""


class Server(server.Server["Driver"]):
    """The server, and the database on it, that a URL names."""

    def __init__(self, url: str) -> None:
        check(url)
        given = _given(url)
        if given is None:  # told here, where what the driver repeated of the URL is forgotten
            raise KIND.malformed()
        settings = " ".join(f"-c {name}={value}" for name, value in _OPTIONS.items())
        self._parameters: dict[str, Any] = {
            "application_name": server.own_name(),
            **_CONNECT,
            **given,
            "client_encoding": "UTF8",
            "options": f"{settings} {given.get('options') or os.environ.get('PGOPTIONS') or ''}".strip(),
        }
        place = f"{given.get('host') or os.environ.get('PGHOST') or 'this machine'}"
        self.name = f"{given.get('dbname') or os.environ.get('PGDATABASE') or 'of the user'} at {place}"

    def connect(self) -> Driver:
        import psycopg

        try:
            connection = psycopg.connect(autocommit=True, **self._parameters)
        except UnicodeError:  # in a host that no name can have
            raise KIND.malformed() from None
        encoding = connection.info.parameter_status("server_encoding")
        if encoding not in ("UTF8", None):  # which a pooler need not tell
            connection.close()
            raise WarehouseError(
                f"the warehouse {self.name} cannot be used: a database with the encoding {encoding} does not take, or "
                "order, what files may be called; make one with the encoding UTF8"
            )
        (mode,) = (option.val or b"" for option in connection.pgconn.info if option.keyword == b"sslmode")
        self.warn(tls_advice(connection.info.host, mode.decode()))
        return connection

    def refusal(self, error: Any) -> WarehouseError | None:
        import psycopg

        if not isinstance(error, psycopg.Error):
            return None
        said = error.diag.message_primary or str(error).partition("\n")[0]
        kind = ConnectionLost if _is_lost(error) else WarehouseError
        return kind(f"the warehouse {self.name} cannot be used: {said}; {_way_out(error, said)}")


def _given(url: str) -> dict[str, Any] | None:
    """What the URL says; None where the driver does not understand it, or not as it is meant."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    if urlsplit(url).netloc.count("@") > 1:  # what follows the first one it takes for the host, which is shown
        return None
    try:
        return conninfo_to_dict(f"postgresql://{url.removeprefix(KIND.scheme + '://')}")
    except ProgrammingError:
        return None


def tls_advice(host: str, mode: str) -> str | None:
    """What is to be said of how safe the way to the server is, if anything."""
    settings = "?sslmode=verify-full&sslrootcert=system (or the file of your own authority)"
    return server.tls_advice(host, mode == "verify-full", settings)


_LOST = ("08", "57P", "40001", "40P01")  # no connection, the server shuts down, and what it undid for others' sake


def _is_lost(error: psycopg.Error) -> bool:
    import psycopg

    if error.sqlstate is None:
        return isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))
    return error.sqlstate.startswith(_LOST)


_WAYS_OUT = {
    "22": server.DOES_NOT_FIT,
    "23": server.DOES_NOT_FIT,
    "25006": server.ONLY_READS,
    "25P03": server.TOOK_TOO_LONG,
    "25P04": server.TOOK_TOO_LONG,
    "42501": server.NO_RIGHT,
    "42P": server.NOT_AS_MADE,
    "3F": "create that schema, or name another one in SIGID_WAREHOUSE",
    "53": server.RUN_OUT,
    "55P03": server.HELD,
    "57014": server.TOOK_TOO_LONG,
}


_PROOF = ("certificate", "does not support SSL")
_CHECK_PROOF = "check sslmode, sslrootcert, sslcert and sslkey in SIGID_WAREHOUSE, and the server's own certificate"


def _way_out(error: psycopg.Error, said: str) -> str:
    if error.sqlstate is None and "FATAL" in said:
        return "check the database, the role, and its password (in the URL, in PGPASSWORD or in ~/.pgpass)"
    if error.sqlstate is None and said.startswith(("connection", "failed to resolve")):
        return _CHECK_PROOF if any(word in said for word in _PROOF) else server.START_IT
    state = error.sqlstate or ""
    return next(
        (way for beginning, way in _WAYS_OUT.items() if state.startswith(beginning)), server.WHEN_THE_CAUSE_IS_GONE
    )
