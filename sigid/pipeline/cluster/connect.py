"""The way to a scheduler and its workers."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import struct
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from ssl import SSLError
from typing import TYPE_CHECKING, Any

from sigid.errors import SettingError, SigidError
from sigid.pipeline.cluster.versions import ask_workers, refuse_scheduler, refuse_workers
from sigid.pipeline.cluster.words import START, gone, in_a_line
from sigid.pipeline.cluster.work import Cluster

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 10
WORKERS_SECONDS = 10
"""How long to wait for a scheduler that does not answer, and for the first worker of one that has none."""

_ADDRESS = re.compile(r"(?:tcp|tls)://[^\s/@]+:[0-9]{1,5}")
_LOGGERS = ("distributed", "distributed.client", "tornado", "tornado.application", "asyncio")


@contextmanager
def executor(address: str) -> Iterator[Cluster]:
    """The workers of that scheduler, which can extract and nothing else.

    Raises SettingError for an address that is none, where Dask is not installed or its own configuration can't be used,
    and for a machine whose versions are not this one's; SigidError where no scheduler answers, one without workers, or
    a worker that does not answer.
    """
    check_address(address)
    try:
        import distributed
    except ImportError as error:
        raise SettingError("SIGID_CLUSTER needs Dask, which is not installed: pip install 'sigid[cluster]'") from error
    except Exception as error:  # whatever a file of Dask's makes it stumble over
        raise _misconfigured(error) from error
    with _quiet():
        _await_scheduler(address)
        try:
            client = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False, name="sigid")
        except (OSError, ImportError) as error:  # Dask's word for versions that do not go together at all
            raise SigidError(f"the scheduler at {address} does not let us in: {in_a_line(error)}") from error
        try:
            yield _let_in(client, address)
        finally:
            with suppress(OSError, TimeoutError, CancelledError):  # the scheduler may be gone
                client.close(timeout=CONNECT_SECONDS)


def _let_in(client: Client, address: str) -> Cluster:
    """The scheduler's workers, once it is known of all that they are as they must be."""
    try:
        refuse_scheduler(address, client.sync(client.scheduler.versions)["packages"])
        _await_worker(client, address)
        refuse_workers(answers := _versions(client))
        client.direct_to_workers = all(map(_is_reached, answers))
        return Cluster(client, address)
    except (OSError, CancelledError) as error:
        raise gone(address) from error


def check_address(address: str) -> None:
    """Raise SettingError for what is no address of a scheduler."""
    if not _ADDRESS.fullmatch(address):
        raise SettingError(
            f"SIGID_CLUSTER is {address!r}; it is the address of a Dask scheduler, like tcp://10.0.0.1:8786"
        )


def _await_scheduler(address: str) -> None:
    """Raise SigidError unless a scheduler answers. What listens there and says nothing would keep a Client for ever."""
    from distributed.core import rpc
    from distributed.security import Security

    try:
        arguments = Security().get_connection_args("client")
    except Exception as error:  # what it says of TLS
        raise _misconfigured(error) from error

    async def kind_of() -> Any:
        async with rpc(address, timeout=CONNECT_SECONDS / 2, connection_args=arguments) as scheduler:
            return (await scheduler.identity())["type"]

    try:
        with ThreadPoolExecutor(1) as aside:  # where no event loop runs: in a notebook one does here
            kind = aside.submit(lambda: asyncio.run(asyncio.wait_for(kind_of(), CONNECT_SECONDS))).result()
    except Exception as error:
        raise SigidError(
            f"no Dask scheduler answers at SIGID_CLUSTER, {address} ({_trouble(address, error)}); "
            "start it (dask scheduler), or unset SIGID_CLUSTER to read the files on this machine"
        ) from error
    if kind != "Scheduler":
        raise SettingError(f"SIGID_CLUSTER, {address}, is a Dask {kind.lower()}; name the scheduler")


def _versions(client: Client) -> Mapping[str, object]:
    """What the workers say of their versions, by their addresses."""
    try:
        answers: Mapping[str, object] = client.sync(ask_workers, client)
    except TimeoutError as error:
        seen = {worker: each["last_seen"] for worker, each in client.scheduler_info()["workers"].items()}
        silent = f"the worker {min(seen, key=seen.__getitem__)}" if seen else "a worker"
        raise SigidError(f"{silent} does not answer; end it, or start it again, and run again") from error
    return answers


def _await_worker(client: Client, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=WORKERS_SECONDS)
    except TimeoutError as error:
        raise SigidError(f"the scheduler at {address} has no worker; {START}") from error


def _trouble(address: str, error: Exception) -> str:
    """Why it does not answer."""
    if refused := next((each for each in _chain(error) if isinstance(each, SSLError)), None):
        return in_a_line(refused)
    if isinstance(error, (MemoryError, struct.error)):  # over what it takes for the length of an answer
        return "something else listens there"
    if not isinstance(error, OSError):
        return in_a_line(error)
    return _unreached(address) or "something listens there, and does not answer"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and those that have led to it."""
    each: BaseException | None = error
    while each is not None:
        yield each
        each = each.__cause__ or each.__context__


def _misconfigured(error: Exception) -> SettingError:
    return SettingError(
        f"Dask's own configuration can't be used ({in_a_line(error)}); mend it, in ~/.config/dask, in /etc/dask or in "
        "the variables that begin with DASK_"
    )


def _is_reached(worker: str) -> bool:
    """Whether results can come from there. Otherwise the scheduler passes them on, at the price of its time."""
    return not _unreached(worker)


def _unreached(address: str) -> str:
    """Why no connection can be made, or nothing."""
    from distributed.comm.addressing import get_address_host_port

    try:
        socket.create_connection(get_address_host_port(address), timeout=1).close()
    except (OSError, OverflowError) as error:
        return getattr(error, "strerror", None) or str(error)
    return ""


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to ourselves what Dask and its event loop say, of which what matters is told as an error."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="distributed")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
