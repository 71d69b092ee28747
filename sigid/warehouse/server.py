"""What all database servers have in common: their URLs, how one is reached, and how it is told what one refuses."""

from __future__ import annotations

import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import Any, Generic, NamedTuple, Protocol, TypeVar
from urllib.parse import urlsplit

from sigid.errors import BusyError, SettingError, WarehouseError

BUSY_SECONDS = 30
"""How long a statement waits for a row or a table that somebody else has locked."""

WAIT_FOR_LOAD_SECONDS = 2
"""How long a load waits for another one of its source: the server may take that long to notice that one was killed."""

CONNECT_SECONDS = 2
"""How long a silent server is waited for."""

READER_SECONDS = 3600
"""How long a reader may take over what he has read."""

STATEMENT_SECONDS = 900
"""How long one statement may take."""

ROWS_AT_ONCE = 1000

DOES_NOT_FIT = "what was to be written does not fit what is there; nothing of it was written"
HELD = f"another program has held it for {BUSY_SECONDS} s: wait for it, or end it"
NO_RIGHT = "use a role that has the right, or have its owner grant it"
NOT_AS_MADE = "the warehouse's tables are not as sigid made them: restore them from a backup"
ONLY_READS = "the server only lets read, as a replica does: name one that can be written to"
RUN_OUT = "the server has run out of something: make room there, and run again"
START_IT = "start the server, or check its host and port in SIGID_WAREHOUSE"
TOOK_TOO_LONG = "it was cancelled, or took too long; see what keeps the server busy, and run again"
WHEN_THE_CAUSE_IS_GONE = "run again when the cause is gone; what was committed stands"


class Kind(NamedTuple):
    """What there is to know of a kind of server before its driver is imported."""

    name: str
    scheme: str
    driver: str
    extra: str

    def check(self, url: str) -> None:
        """As `Reach.check`. It does not import the driver, which takes longer than `doit list` may."""
        if find_spec(self.driver) is None:
            raise SettingError(
                f"SIGID_WAREHOUSE is on {self.name}, whose driver is missing; pip install 'sigid[{self.extra}]'"
            )
        try:
            parts = urlsplit(url)
            # A slash in a password makes a host of the user, and of the rest a database, which would be shown.
            sound = url.startswith(f"{self.scheme}://") and parts.port != 0 and "@" not in parts.path
        except ValueError:
            sound = False
        if not sound:
            raise self.malformed()

    def malformed(self) -> SettingError:
        """To be raised of a URL of which nothing is repeated, as there may be a password in it."""
        return SettingError(
            f"SIGID_WAREHOUSE is no URL of a {self.name} database; write it like {self.scheme}://user@host/database"
        )


class Closable(Protocol):
    """What can be closed."""

    def close(self) -> None: ...


C = TypeVar("C", bound=Closable)


class Server(ABC, Generic[C]):
    """The server, and the database on it, that a URL names. `C` is its driver's connection."""

    name: str
    """As messages name it: without the password."""

    @abstractmethod
    def connect(self) -> C:
        """A connection that begins no transaction by itself. Raises the driver's errors."""

    @abstractmethod
    def refusal(self, error: Any) -> WarehouseError | None:
        """What is to be told of the driver's error; None for an error that is not the driver's."""

    @contextmanager
    def connected(self) -> Iterator[C]:
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
        try:
            yield
        except Exception as error:
            told = self.refusal(getattr(error, "orig", error))  # SQLAlchemy has an error of its own around it
            if told is None:
                raise
            raise told from error

    def busy(self, work: str, holder: str) -> BusyError:
        """To be raised where such work on the warehouse, or that keeps it out, is under way."""
        return BusyError(f"a {work} {self.name} is under way ({holder}); run again when it has ended")

    def warn(self, advice: str | None) -> None:
        """Say it, if there is anything to say, once a run."""
        if advice:
            _warn(f"the warehouse {self.name}: {advice}")


@cache
def _warn(text: str) -> None:
    logging.getLogger("sigid").warning(text)


def tls_advice(host: str, proven: bool, settings: str) -> str | None:
    """What is to be said of how safe the way to the server is, if anything.

    `proven` says whether the server has to prove what it is, `settings` what in the URL would have it do so.
    """
    if proven or host.startswith(("/", "@", "127.")) or host in ("", "localhost", "::1"):
        return None
    return f"nothing proves that {host} is the server that it says it is; add {settings} to SIGID_WAREHOUSE"


def own_name() -> str:
    """What the server is told of who asks."""
    return f"sigid, process {os.getpid()} on {os.uname().nodename}"[:63]


@cache
def marked(statement: str) -> str:
    """The statement with the drivers' marks in the place of question marks, each of which is a value's."""
    return statement.replace("%", "%%").replace("?", "%s")
