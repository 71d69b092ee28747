"""What tests do to a database server, whichever it is, and how one runs for as long as they do."""

from __future__ import annotations

import ctypes
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol, TypeAlias, runtime_checkable
from urllib.parse import quote

import pytest

from sigid.errors import WarehouseError
from sigid.warehouse.warehouse import open_warehouse

PASSWORD = "S3cret Pw/ä"  # noqa: S105  # nobody's

Overhearing: TypeAlias = Callable[[str, Callable[[], object]], object]
"""Told of a statement just before it is sent, and what sends it sooner."""


class Sayings(NamedTuple):
    """What is said, by the server itself or by sigid of it, where something is refused."""

    no_database: str
    """There is none of the name `nowhere`."""
    no_way_in: str
    """Of `guarded`."""
    no_right: str
    """To do something to a table."""
    no_tables: str
    """To make tables."""
    only_reads: str
    cut: str
    """Of a connection; a regular expression."""
    way_in: str
    """What to check."""


class Asked(NamedTuple):
    """What a server has been asked."""

    connections: int
    questions: int
    """For data."""


class Server(Protocol):
    """A server, which its owner can tell what he likes."""

    says: Sayings
    place: str
    """Where it is, as messages name it."""
    ourselves: str
    """How it names the loads of this process."""

    def execute(self, statement: str, values: list[Any] | None = None) -> list[Any]:
        """Have the server's owner say that."""

    def url(self, database: str, *, user: str = "", port: int | None = None) -> str:
        """How a warehouse in that database is named; with a port, as one that is reached over the network."""

    def connections(self) -> list[int]:
        """The server's processes for the warehouses that tests have open."""

    def cut(self) -> int:
        """End these connections. Returns how many there were."""

    def overheard(self, overhearing: Overhearing) -> AbstractContextManager[None]:
        """Tell of each statement that warehouses of this process send, for as long as the context lasts."""

    def asked_by(self, work: Callable[[], object]) -> Asked:
        """What it is asked while the work, which is nobody else's meanwhile, is done."""


@runtime_checkable
class OwnServer(Server, Protocol):
    """A server that is the tests' own: they may stop it, and say who may use it."""

    port: int

    def crash(self) -> None:
        """Have it end at once, and start again; it takes a moment until it answers."""

    def guard(self) -> None:
        """Make a user `guarded`, who must say his password, and a database `guarded`, which is his."""

    def letting_read_only(self) -> AbstractContextManager[None]:
        """Have it let `guarded` write nothing for as long as the context lasts."""

    def onlooker(self, url: str) -> AbstractContextManager[str]:
        """The warehouse's URL for somebody, who is there as long as the context lasts, and may only read."""

    def visitor(self) -> AbstractContextManager[str]:
        """The URL of an empty database for somebody, who is there as long, and may make no tables."""


def url_of_guarded(server: Server, password: str = PASSWORD, port: int | None = None) -> str:
    """The URL of the database `guarded`, with that password if there is one."""
    user = f"guarded:{quote(password, safe='')}" if password else "guarded"
    return server.url("guarded", user=user, port=port)


def refusal(url: str, kind: type[Exception] = WarehouseError) -> str:
    """The one line that says why there is no opening this warehouse."""
    with pytest.raises(kind) as refused:
        open_warehouse(url)
    text = str(refused.value)
    assert "\n" not in text
    error: BaseException | None = refused.value
    while error is not None:  # a traceback would show what led to it, too
        for secret in (PASSWORD, quote(PASSWORD), quote(PASSWORD, safe="")):
            assert secret not in str(error)
        error = error.__cause__ or error.__context__
    return text


class ServerProcess(ABC):
    """A server's program, which can be ended and started again."""

    _END: ClassVar[signal.Signals]
    """What ends it at once, as a crash does."""

    def __init__(self, log: Path, user: str | None = None) -> None:
        self._log = log
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @abstractmethod
    def _command(self) -> Sequence[str | Path]:
        """What starts it."""

    @abstractmethod
    def _answers(self) -> bool: ...

    def log(self) -> str:
        """What it has written so far."""
        return self._log.read_text()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Have it answer for as long as the context lasts."""
        self._launch()
        try:
            self._wait()
            yield
        finally:
            self._stop()  # nobody needs what it would put in order

    def crash(self) -> None:
        """As `OwnServer`."""
        self._stop()
        self._launch()

    def _launch(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self._user,
                cwd="/",
                preexec_fn=end_with_parent,  # nothing else runs then
            )

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while not self._answers():
            if time.monotonic() > deadline or self._process is None or self._process.poll() is not None:
                raise RuntimeError(self.log())
            time.sleep(0.02)

    def _stop(self) -> None:
        if self._process:
            self._process.send_signal(self._END)
            self._process.wait(timeout=30)
            self._process = None


def end_with_parent() -> None:
    """Have the system end this process should the tests be killed."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
