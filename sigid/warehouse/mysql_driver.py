"""pymysql's connection, which loses no rows."""

from __future__ import annotations

import socket
import ssl
from collections import deque
from typing import TYPE_CHECKING, Any
from weakref import ref

import pymysql
from pymysql.constants import CLIENT, CR, SERVER_STATUS
from pymysql.cursors import Cursor, SSCursor

from sigid.warehouse.server import CONNECT_SECONDS

_GREETING_SECONDS = 2 * CONNECT_SECONDS
"""How long a server may take over each answer until a connection stands."""

# A server that is gone without a word is noticed within a minute.
_SOCKET = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in {
            "TCP_KEEPIDLE": 20,
            "TCP_KEEPINTVL": 10,
            "TCP_KEEPCNT": 3,
            "TCP_USER_TIMEOUT": 60_000,
        }.items()
        if hasattr(socket, name)  # each system has some of them
    ),
)

if TYPE_CHECKING:
    _Connection = pymysql.Connection[Cursor]
else:
    _Connection = pymysql.connections.Connection


class Driver(_Connection):
    """Keeps what of a streamed result has not been read yet when something else is asked; pymysql drops it."""

    server_status: int
    ctx: ssl.SSLContext
    _result: Any
    _streamed: ref[Streaming] | None = None

    def __init__(self, read_timeout: float, **parameters: Any) -> None:
        # A row that is written as it was counts as touched.
        super().__init__(client_flag=CLIENT.FOUND_ROWS, read_timeout=_GREETING_SECONDS, **parameters)
        self._read_timeout = read_timeout

    def connect(self, sock: Any = None) -> None:
        sock = sock or self._reach()
        try:
            super().connect(sock)
        except BaseException:
            sock.close()
            raise

    def _reach(self) -> socket.socket:
        """A socket, which is closed if there is no reaching the server, as pymysql's own is not."""
        try:
            if self.unix_socket:
                self._secure = True
                return _local(str(self.unix_socket))
            reached = socket.create_connection((self.host, self.port), CONNECT_SECONDS)
        except OSError as error:
            where = self.unix_socket or f"{self.host}, port {self.port}"
            raise pymysql.OperationalError(CR.CR_CONN_HOST_ERROR, f"no connection to {where} ({error})") from None
        for level, option, value in _SOCKET:
            reached.setsockopt(level, option, value)
        return reached

    def _force_close(self) -> None:
        if self._result is not None:
            self._result.unbuffered_active = False  # there is nothing more to come
        super()._force_close()  # type: ignore[misc]  # the stubs leave it out

    def cursor(self, cursor: Any = None) -> Any:
        return super().cursor(Streaming if cursor is SSCursor else cursor)

    def stream(self) -> Streaming:
        """A cursor whose rows stay on the server until they are asked for."""
        return Streaming(self)

    def query(self, sql: str | bytes, unbuffered: bool = False) -> int:
        streaming = self._streamed and self._streamed()
        self._streamed = None
        if streaming:
            streaming.keep()
        return super().query(sql, unbuffered)

    def streams(self, streaming: Streaming) -> None:
        """Note that it is the one whose rows are under way."""
        self._streamed = ref(streaming)

    def in_transaction(self) -> bool:
        """Whether a transaction is open, for all that the server has said."""
        return bool(self.server_status & SERVER_STATUS.SERVER_STATUS_IN_TRANS)

    def is_mariadb(self) -> bool:
        """Whether it is MariaDB that answers."""
        version: str = self.get_server_info()  # type: ignore[no-untyped-call]
        return "mariadb" in version.lower()

    def is_proven(self) -> bool:
        """Whether the server had to prove what it is."""
        context = self.ctx if self.ssl else None
        return context is not None and context.check_hostname and context.verify_mode is ssl.CERT_REQUIRED


def _local(path: str) -> socket.socket:
    reached = socket.socket(socket.AF_UNIX)
    try:
        reached.settimeout(CONNECT_SECONDS)
        reached.connect(path)
    except BaseException:
        reached.close()
        raise
    return reached


class Streaming(SSCursor):
    """A cursor whose rows stay on the server until they are asked for, or its connection is needed."""

    _kept: deque[Any] | None = None

    def _query(self, q: str) -> int:
        self._kept = None
        found: int = super()._query(q)  # type: ignore[misc]  # the stubs leave it out
        connection: Driver = self.connection  # type: ignore[assignment]
        connection.streams(self)
        return found

    def keep(self) -> None:
        """Read what is left."""
        if self.connection is not None:
            self._kept = deque(iter(super().read_next, None))

    def read_next(self) -> Any:
        if self._kept is None:
            return super().read_next()
        return self._kept.popleft() if self._kept else None
