"""A warehouse on a server, whichever it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic

from sigid.warehouse.server import C, Server
from sigid.warehouse.session import Session

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine


class ServerDatabase(ABC, Generic[C]):
    """A `Database` on a server; `C` is its driver's connection."""

    def __init__(self, server: Server[C]) -> None:
        self._server = server
        self.told = server.told
        with server.connected() as connection:
            is_made = self._has_schema(connection)
        if not is_made:
            try:
                with self.told():
                    self._make_schema()
            except BaseException:
                self.close()
                raise

    @abstractmethod
    def _has_schema(self, connection: C) -> bool:
        """Whether it has the schema; nothing is in the way of it otherwise. Raises WarehouseError."""

    @abstractmethod
    def _make_schema(self) -> None:
        """Make the schema, unless another one has made it meanwhile."""

    @abstractmethod
    def _adapt(self, connection: C) -> None:
        """Have it give out, and take in, what sigid's rows hold."""

    @abstractmethod
    def _session_on(self, connection: C) -> Session:
        """The session that writes through the connection."""

    @abstractmethod
    def _locked(self, connection: C, source: str) -> AbstractContextManager[None]:
        """Keep other loads of the source out. Raises BusyError where one is at it."""

    @abstractmethod
    def _make_engine(self) -> Engine: ...

    @contextmanager
    def session(self) -> Iterator[Session]:
        with self._server.connected() as connection:
            self._adapt(connection)
            yield self._session_on(connection)

    @contextmanager
    def loading(self, source: str) -> Iterator[Session]:
        with self._server.connected() as connection:
            self._adapt(connection)
            with self._locked(connection, source):
                yield self._session_on(connection)

    def session_of(self, connection: Connection) -> Session:
        """The session that writes in the transaction of SQLAlchemy's connection."""
        driver: Any = connection.connection.driver_connection
        return self._session_on(driver)

    def engine(self) -> Engine:
        return self._engine

    @cached_property
    def _engine(self) -> Engine:
        return self._make_engine()

    def _connect(self) -> C:
        connection = self._server.connect()
        self._adapt(connection)
        return connection

    def close(self) -> None:
        if "_engine" in vars(self):
            self._engine.dispose()
