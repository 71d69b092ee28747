"""Where a warehouse on a MariaDB or MySQL server is, how it is reached, and the one question of an unchanged run."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from configparser import Error as OptionFileError
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from sigid.errors import ConnectionLost, SettingError, WarehouseError
from sigid.warehouse import server
from sigid.warehouse.server import BUSY_SECONDS, READER_SECONDS, Kind, marked

if TYPE_CHECKING:
    import ssl

    from sigid.warehouse.mysql_driver import Driver

KIND = Kind("MariaDB or MySQL", "mysql+pymysql", "pymysql", "mysql")
check = KIND.check

# What is between /*M! and */ is MariaDB's, between /*! and */ MySQL's.
_SET = " ".join(
    f"""
    SET SESSION
        sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,NO_ENGINE_SUBSTITUTION,PIPES_AS_CONCAT,STRICT_ALL_TABLES',
        time_zone = '+00:00',
        foreign_key_checks = 1,
        unique_checks = 1,
        completion_type = 'NO_CHAIN',
        sql_big_selects = 1,
        sql_safe_updates = 0,
        sql_select_limit = {2**64 - 1},
        innodb_lock_wait_timeout = {BUSY_SECONDS},
        lock_wait_timeout = {BUSY_SECONDS},
        net_write_timeout = {READER_SECONDS}
        /*M! , collation_connection = utf8mb4_nopad_bin, tx_isolation = 'READ-COMMITTED' */
        /*M! , max_statement_time = {READER_SECONDS}, idle_transaction_timeout = {READER_SECONDS} */
        /*!80017 , collation_connection = utf8mb4_0900_bin, transaction_isolation = 'READ-COMMITTED' */
        /*!80017 , max_execution_time = {READER_SECONDS * 1000} */
    """.split()  # a streamed statement takes as long as its reader does
)


def is_there(url: str) -> bool:
    with Server(url).connected() as connection, connection.cursor() as cursor:
        return bool(cursor.execute(tables_named(["schema_version"]), ["schema_version"]))


def stamp(url: str) -> None:
    """It is in no file of ours."""


def ask(url: str, question: str, values: Sequence[str]) -> tuple[Any, ...] | None:
    try:
        with Server(url).connected() as connection, connection.cursor() as cursor:
            cursor.execute(marked(question), values)
            row: tuple[Any, ...] | None = cursor.fetchone()
            return row
    except ConnectionLost:
        raise
    except WarehouseError:
        return None


def tables_named(names: list[str]) -> str:
    """Asks which of so many names tables, or what might be in the way of them, have in the database."""
    return (
        "SELECT table_name FROM information_schema.tables"  # noqa: S608  # our own names, and marks for values
        f" WHERE table_schema = DATABASE() AND table_name IN ({','.join(['%s'] * len(names))})"
    )


class Server(server.Server["Driver"]):
    """The server, and the database on it, that a URL names."""

    def __init__(self, url: str) -> None:
        check(url)
        parts = urlsplit(url)
        self._options = _options(parts.query)
        self.database = unquote(parts.path.removeprefix("/"))
        host = unquote(parts.hostname or "")
        if not self.database or "/" in self.database or parts.fragment or re.search("%(?![0-9A-Fa-f]{2})", url):
            raise KIND.malformed()
        if not _can_be_looked_up(host):
            raise KIND.malformed()
        self._parameters: dict[str, Any] = {
            "host": host or None,
            "port": parts.port or 0,
            "user": unquote(parts.username or "") or None,
            "password": unquote(parts.password or "").encode(),
            "database": self.database,
            "unix_socket": self._options.get("unix_socket"),
            "ssl": _tls(self._options),
        }
        place = self._parameters["unix_socket"] or self._parameters["host"] or "this machine"
        self.name = f"{self.database} at {place}"

    def connect(self) -> Driver:
        connection = self._connected()
        if connection is None:  # told here, where what was read of the file is forgotten
            raise SettingError(
                f"{self._option_file()} is no option file that can be read; correct it, or name another one "
                "in SIGID_WAREHOUSE: ?read_default_file="
            )
        host = "" if connection.unix_socket else connection.host
        self.warn(tls_advice(host, connection.is_proven()))
        return connection

    def _connected(self) -> Driver | None:
        """None where the option file is none."""
        from sigid.warehouse.mysql_driver import Driver

        try:
            return Driver(
                autocommit=True,
                charset="utf8mb4",
                init_command=_SET,
                program_name=server.own_name(),
                read_default_file=self._option_file(),
                read_timeout=READER_SECONDS + BUSY_SECONDS,
                **self._parameters,
            )
        except (OptionFileError, UnicodeError, ValueError):
            return None
        except RuntimeError as error:  # what the way in to this server needs is missing
            raise WarehouseError(f"the warehouse {self.name} cannot be used: {error}; {_CHECK}") from error

    def _option_file(self) -> str | None:
        """The file that may hold the user and the password."""
        file = os.path.expanduser(self._options.get("read_default_file", "~/.my.cnf"))
        return file if os.path.exists(file) else None

    def refusal(self, error: Any) -> WarehouseError | None:
        import pymysql

        if not isinstance(error, pymysql.Error):
            return None
        code, *said = (*error.args, "") if error.args and isinstance(error.args[0], int) else (0, *error.args, "")
        kind = ConnectionLost if code in _LOST else WarehouseError
        way_out = next((way for codes, way in _WAYS_OUT.items() if code in codes), server.WHEN_THE_CAUSE_IS_GONE)
        return kind(f"the warehouse {self.name} cannot be used: {_without_data(code, str(said[0]))}; {way_out}")


def _can_be_looked_up(name: str) -> bool:
    """Whether a host may have that name, of which each part has one to 63 characters."""
    try:
        name.encode("idna")
    except UnicodeError:
        return False
    return True


_TLS = ("ssl_ca", "ssl_cert", "ssl_key", "ssl_verify_cert", "ssl_verify_identity")
_OPTIONS = {*_TLS, "charset", "read_default_file", "unix_socket"}


def _options(query: str) -> dict[str, str]:
    """What a URL says behind its question mark."""
    pairs: list[tuple[str, str]] | None = None
    with suppress(ValueError):  # which repeats the query
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    options = dict(pairs or ())
    if pairs is None or options.keys() - _OPTIONS or "" in options.values():
        raise KIND.malformed()
    return options


def _tls(options: dict[str, str]) -> ssl.SSLContext | None:
    """How the server has to prove what it is; None where it is for the driver to find a way that it likes."""
    if not options.keys() & set(_TLS):
        return None
    import ssl

    try:
        context = ssl.create_default_context(cafile=options.get("ssl_ca"))
        context.check_hostname = _is_on(options.get("ssl_verify_identity"))
        if not (context.check_hostname or "ssl_ca" in options or _is_on(options.get("ssl_verify_cert"))):
            context.verify_mode = ssl.CERT_NONE
        if "ssl_cert" in options:
            context.load_cert_chain(options["ssl_cert"], options.get("ssl_key"))
    except OSError as error:  # which an SSLError is, too
        raise SettingError(
            f"the certificates that SIGID_WAREHOUSE names cannot be used ({error.strerror}); "
            "check ssl_ca, ssl_cert and ssl_key"
        ) from None
    return context


def _is_on(value: str | None) -> bool:
    return (value or "").lower() in ("1", "true", "yes", "on")


def tls_advice(host: str, proven: bool) -> str | None:
    """What is to be said of how safe the way to the server is, if anything."""
    settings = "?ssl_verify_identity=true (and &ssl_ca= the file of your own authority)"
    return server.tls_advice(host, proven, settings)


def _without_data(code: int, said: str) -> str:
    """What the server said, without the values and the statement that it repeats."""
    line = said.partition("\n")[0].partition("; check the manual")[0]
    return re.sub(r" '.*' for ", " for ", line) if code in _MISFITS else line


_CHECK = "check the database, the user, and its password (in the URL or in ~/.my.cnf)"

# https://mariadb.com/kb/en/mariadb-error-code-reference/ and
# https://dev.mysql.com/doc/mysql-errors/8.0/en/ have the numbers; those from 2000 to 2999 are the clients'.

_NOT_THERE = {2002, 2003, 2005}
_LOST = _NOT_THERE | {
    *(0, 1047, 1053, 1079, 1080, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 2006, 2013, 2055, 3169, 4031),
    *(1020, 1213),
}
"""No connection, the server shuts down, and what it undid for others' sake. A closed connection has the number 0."""

_MISFITS = {1048, 1062, 1264, 1265, 1292, 1366, 1406, 1451, 1452, 3819, 4025}

_WAYS_OUT = {
    frozenset(_NOT_THERE): server.START_IT,
    frozenset({1044, 1045, 1049, 1130, 1251, 1524, 1698}): _CHECK,
    frozenset({1142, 1143, 1227, 1370}): server.NO_RIGHT,
    frozenset({1290, 1792, 1836}): server.ONLY_READS,
    frozenset(_MISFITS): server.DOES_NOT_FIT,
    frozenset({1054, 1146, 1932}): server.NOT_AS_MADE,
    frozenset({1021, 1037, 1038, 1040, 1041, 1114, 1203, 1226}): server.RUN_OUT,
    frozenset({1205}): server.HELD,
    frozenset({1317, 1969, 3024}): server.TOOK_TOO_LONG,
    frozenset({1153}): "have the server take larger packets: max_allowed_packet",
}
