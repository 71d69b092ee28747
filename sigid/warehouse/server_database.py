"""A warehouse on a server, whichever it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sigid.errors import WarehouseError
from sigid.warehouse.server import C, Server
from sigid.warehouse.session import Session

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine


S = TypeVar("S", bound=Session)


class ServerDatabase(ABC, Generic[C, S]):
    """A `Database` on a server; `C` is its driver's connection, and `S` its session."""

    def __init__(self, server: Server[C]) -> None:
        self._server = server
        self.told = server.told
        self.name = server.name

    @abstractmethod
    def _version(self, connection: C) -> int | None:
        """As `Database.version`."""

    @abstractmethod
    def _make(self, connection: Connection, driver: C) -> None:
        """Make the schema, unless another one has made it meanwhile."""

    @abstractmethod
    def _before_changes(self, connection: Connection, driver: C) -> None:
        """Have the connection change the schema, for as long as that takes."""

    @abstractmethod
    def _sources(self, connection: C) -> list[str]:
        """All that were ever loaded."""

    @abstractmethod
    def _adapt(self, connection: C) -> None:
        """Have it give out, and take in, what sigid's rows hold."""

    @abstractmethod
    def _session_on(self, connection: C) -> S:
        """The session that writes through the connection."""

    @abstractmethod
    def _before_load(self, connection: C) -> None:
        """Have the server notice soon that a load is gone."""

    @abstractmethod
    def _locked(self, connection: C, lock: str, work: str) -> AbstractContextManager[None]:
        """Hold the lock of that name. Raises BusyError, which says that such work is under way, where another does."""

    @abstractmethod
    def _make_engine(self) -> Engine: ...

    def version(self) -> int | None:
        with self._server.connected() as connection:
            try:
                return self._version(connection)
            except WarehouseError:  # as it also seems to one whose two questions it was made or migrated between
                return self._version(connection)

    def make(self) -> None:
        with self._writing() as (connection, driver):
            self._make(connection, driver)

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        with self._server.connected() as guard, ExitStack() as locks:
            locks.enter_context(self._locked(guard, "schema", "migration of"))
            for source in self._sources(guard):
                locks.enter_context(self._locked(guard, *_load(source)))
            with self._writing() as (connection, driver):
                self._before_changes(connection, driver)
                yield connection

    @contextmanager
    def _writing(self) -> Iterator[tuple[Connection, C]]:
        """SQLAlchemy's connection in a transaction that may write, and the driver's, which is the same."""
        with self.told(), self.engine().execution_options(sigid_writes=True).begin() as connection:
            driver: Any = connection.connection.driver_connection
            yield connection, driver

    @contextmanager
    def session(self) -> Iterator[S]:
        with self._server.connected() as connection:
            self._adapt(connection)
            yield self._session_on(connection)

    @contextmanager
    def loading(self, source: str) -> Iterator[S]:
        with self._server.connected() as connection:
            self._adapt(connection)
            self._before_load(connection)
            with self._locked(connection, *_load(source)):
                yield self._session_on(connection)

    @contextmanager
    def looking(self) -> Iterator[Connection]:
        with self.told(), self.engine().connect() as connection:
            yield connection

    def damage(self, connection: Connection) -> Iterator[str]:
        """Nothing: a server looks after its own files, and has tools of its own for that."""
        return iter(())

    def session_of(self, connection: Connection) -> S:
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


def _load(source: str) -> tuple[str, str]:
    """The name of the lock of the source's loads, and of what is under way where another holds it."""
    return f"load {source}", f"load of {source} into"
