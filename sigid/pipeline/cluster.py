"""Who extracts, on other machines: the workers of a Dask scheduler, behind the interface of `concurrent.futures`.

Dask is imported where a cluster is asked for, and nowhere else.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import platform
import re
import socket
import struct
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from ssl import SSLError
from typing import TYPE_CHECKING, Any, TypeAlias

import xxhash

from sigid.errors import Reason, SettingError, SigidError
from sigid.pipeline.crew import Readers
from sigid.pipeline.escape import raw
from sigid.pipeline.extract import Plain
from sigid.pipeline.facts import STAMP
from sigid.pipeline.garbage import rarely_collected
from sigid.pipeline.interpret import File, Job, Reading
from sigid.sources.formats import Format

if TYPE_CHECKING:
    from distributed import Client
    from distributed import Future as Remote

CONNECT_SECONDS = 10
WORKERS_SECONDS = 10
"""How long to wait for a scheduler that does not answer, and for the first worker of one that has none."""
VERSIONS_SECONDS = 60
"""How long to wait until all workers have said which versions they have; it may be the first that they import."""
DESERTED_SECONDS = 30
"""How long work waits for a new worker when the last one is gone."""
SILENT_SECONDS = 900
"""How long nothing may be heard of what workers are at. A worker that does not answer Dask itself gives up after 600 s
at most, and has others do its work."""
MOST_AHEAD = 64
"""Batches under way, and so workers, at most."""
MOST_TOGETHER = 128
"""Batches of the usual size that these make up, at most: the results wait in this process's memory, some 7 MB each."""

_TIMES_LARGER = 4
_ROUNDS = 4  # as many batches for each one under way, at least, before they are larger than usual

_ADDRESS = re.compile(r"(?:tcp|tls)://[^\s/@]+:[0-9]{1,5}")
_READERS = ("numpy", "pillow", "xxhash")
_CARRIERS = ("dask", "distributed", "cloudpickle", "msgpack")
_STANDS = "what was committed stands"
_START = "start some (dask worker) and run again"
_SAME = "install the same sigid[cluster] there and start it again"
_LOGGERS = ("distributed", "distributed.client", "tornado", "tornado.application", "asyncio")

Versions: TypeAlias = Mapping[str, str]
"""Of what decides what a file is taken for, and of what carries it: each by its name."""


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
            raise SigidError(f"the scheduler at {address} does not let us in: {_line(error)}") from error
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
        refuse_workers(answers := _versions_there(client))
        client.direct_to_workers = all(map(_is_reached, answers))
        return Cluster(client, address)
    except (OSError, CancelledError) as error:
        raise _gone(address) from error


def check_address(address: str) -> None:
    """Raise SettingError for what is no address of a scheduler."""
    if not _ADDRESS.fullmatch(address):
        raise SettingError(
            f"SIGID_CLUSTER is {address!r}; it is the address of a Dask scheduler, like tcp://10.0.0.1:8786"
        )


class Cluster(Readers):
    """Has batches of files read. A worker that dies meanwhile changes nothing: its batches go to another one."""

    def __init__(self, client: Client, address: str) -> None:
        self._client = client
        self._address = address
        self._under_way: set[Future[Any]] = set()
        self._silent = 0
        """For so many seconds nothing has been heard of a batch, or asked. They are counted, not measured: who was
        stopped himself has heard nobody."""
        self._most_ahead = MOST_AHEAD
        self.ahead = 1  # the last worker may just have left
        self._give_work_to(sum(client.nthreads().values()))
        client.loop.add_callback(self._watch)

    def times_larger(self, batches: int) -> int:
        """A batch costs the scheduler the same whatever its size; but all are to have something to do."""
        times = max(1, min(_TIMES_LARGER, MOST_TOGETHER // self.ahead, batches // (_ROUNDS * self.ahead)))
        self._most_ahead = min(MOST_AHEAD, MOST_TOGETHER // times)
        return times

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have `fn`, which is `interpret` or does the same, read the files of a Job, the only argument.

        The job and its results are carried as bytes: Dask would take thousands of small objects apart one by one.
        """
        (job,) = args
        job = job._replace(root=os.path.abspath(job.root))  # a worker works in a folder of its own
        remote = self._client.submit(pickle.loads, pickle.dumps(_Order(fn, job)), pure=False)
        answer: Future[Any] = Future()
        self._silent = 0
        self._under_way.add(answer)
        answer.add_done_callback(self._under_way.discard)
        self._client.loop.add_callback(self._answer, remote, job, time.time_ns(), answer)
        return answer

    async def _answer(self, remote: Remote[bytes], job: Job, asked: int, answer: Future[Any]) -> None:
        """Hand over what the worker says."""
        try:
            worker, results = pickle.loads(await remote)  # noqa: S301  # from our own function, as the way there was
            self._silent = 0
            seen = as_seen_here(job, results, worker, asked)
        except (Exception, CancelledError) as error:
            failure = await self._explain(error, remote, job)
            if not answer.done():
                answer.set_exception(failure)
        else:
            if not answer.done():
                answer.set_result(seen)

    async def _explain(self, error: BaseException, remote: Remote[bytes], job: Job) -> BaseException:
        from distributed import KilledWorker

        if isinstance(error, SigidError):
            return error
        if remote.status != "error" and isinstance(error, (CancelledError, OSError)):
            return _gone(self._address)
        if isinstance(error, KilledWorker):
            return SigidError(
                f"each worker that was to read {job.files[0].path} and what follows died, "
                f"{error.allowed_failures + 1} in all, the last one {error.last_worker.address}, "
                f"perhaps for want of memory; {_STANDS}: run again, with more memory a worker if it happens again"
            )
        try:  # a worker that has joined since, and has another sigid or none
            refuse_workers(await _ask_versions(self._client))
        except SettingError as refusal:
            return refusal
        except Exception:  # then the first one tells more
            return error
        return error

    def _give_work_to(self, threads: int) -> None:
        """Have so many threads of workers have work, and more waiting, whoever had it before."""
        self.ahead = max(self.ahead, min(2 * threads, self._most_ahead))

    async def _watch(self) -> None:
        """Have those who join work too; give up where nobody is there to, or nobody comes to an end: Dask would wait
        for ever.
        """
        deserted = 0
        while self._client.status in ("running", "connecting"):
            there = self._client.scheduler_info(n_workers=0)
            self._give_work_to(there.get("total_threads", 0))
            deserted = deserted + 1 if self._under_way and not there.get("n_workers") else 0
            self._silent = self._silent + 1 if self._under_way else 0
            if deserted > DESERTED_SECONDS:
                self._give_up(f"the scheduler at {self._address} has no worker left; {_STANDS}: {_START}")
            if self._silent > SILENT_SECONDS:
                self._give_up(
                    f"nothing was heard for {SILENT_SECONDS} s of what {await self._busy()} had to read, perhaps for "
                    f"want of its storage; {_STANDS}: start it again and run again"
                )
            await asyncio.sleep(1)

    async def _busy(self) -> str:
        """Who has work of ours."""
        ours = set(self._client.futures)
        try:
            work = await asyncio.wait_for(self._client.processing(), CONNECT_SECONDS)
        except Exception:  # then that is why
            work = {}
        names = sorted(worker for worker, keys in work.items() if not ours.isdisjoint(keys))
        return f"the worker {' and the worker '.join(names)}" if names else f"the scheduler at {self._address}"

    def _give_up(self, trouble: str) -> None:
        for answer in list(self._under_way):
            answer.set_exception(SigidError(trouble))


class _Order:
    """What is to be done at a worker, in a form that does it where it is unpickled.

    So neither the scheduler nor a worker takes it apart before, and one that has no sigid can say so.
    """

    def __init__(self, fn: Callable[..., Any], job: Job) -> None:
        self._arguments = versions(), fn, job

    def __reduce__(self) -> tuple[Callable[..., bytes], tuple[Any, ...]]:
        return _at_worker, self._arguments


def _at_worker(theirs: Versions, fn: Callable[..., Any], job: Job) -> bytes:
    """Extract at a worker, which may have joined after the others were asked for their versions."""
    from distributed import get_worker

    worker = get_worker().address
    if difference := _difference(f"the worker {worker}", versions(), theirs):
        raise SettingError(difference)
    with rarely_collected():
        return pickle.dumps((worker, fn(job)), protocol=5)


@cache
def versions() -> Versions:
    """This process's."""
    found = {"Python": _minor(platform.python_version()), "sigid": _code()}
    found |= {format_.value: str(format_.version) for format_ in Format}
    for package in (*_READERS, *_CARRIERS):
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _minor(python: str) -> str:
    return ".".join(python.split(".")[:2])


def _code() -> str:
    """A digest of this sigid: a checkout has no other version."""
    package = Path(__file__).parents[1]
    digest = xxhash.xxh3_64()
    for file in sorted(package.rglob("*.py")):
        digest.update(f"{file.relative_to(package)}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def refuse_workers(answers: Mapping[str, object]) -> None:
    """Raise SettingError for the first worker who has not answered with our own versions."""
    for worker, theirs in answers.items():
        if isinstance(theirs, OSError):
            continue  # it has died since
        if not isinstance(theirs, dict):
            raise SettingError(f"the worker {worker} cannot say which sigid it has ({_line(theirs)}); {_SAME}")
        if difference := _difference(f"the worker {worker}", theirs, versions()):
            raise SettingError(difference)


def refuse_scheduler(address: str, packages: Mapping[str, str | None]) -> None:
    """Raise SettingError where those of its packages that carry the work are not ours. It needs no sigid."""
    theirs = {name: packages.get(name) or "missing" for name in _CARRIERS}
    theirs["Python"] = _minor(packages["python"] or "")
    if difference := _difference(f"the scheduler {address}", {**versions(), **theirs}, versions()):
        raise SettingError(difference)


def _difference(who: str, theirs: Versions, ours: Versions) -> str:
    for name in dict.fromkeys((*ours, *theirs)):
        there, here = theirs.get(name, "missing"), ours.get(name, "missing")
        if there != here:
            return f"{who} has {name} {there}, and who loads has {name} {here}; {_SAME}"
    return ""


def as_seen_here(job: Job, results: list[Reading], worker: str, asked: int) -> list[Reading]:
    """The worker's results, but for files that it does not see as this machine does: those are unreadable.

    `asked` is when. Whether the worker has the same files is looked up for one of a batch; and for all of them, where
    that is another one or any is not there.
    """
    read = list(zip(job.files, results, strict=True))
    sample = next((each for each in read if each[1].stamp), None)
    strange = sample is not None and _is_another(job.root, *sample, asked)
    if not strange and all(result.content_hash for result in results):
        return results
    return [_as_seen_here(job.root, *each, worker, asked) for each in read]


def _as_seen_here(root: str, file: File, result: Reading, worker: str, asked: int) -> Reading:
    path = os.path.join(root, raw(file.path))
    if result.said is Plain.GONE and os.path.lexists(path):
        return _unreadable(result, f"the worker {worker} does not see it, and it is there")
    if result.rejection and result.rejection[0] is Reason.UNREADABLE and os.access(path, os.R_OK):
        return _unreadable(result, f"{result.rejection[1]}, says the worker {worker}")
    if result.stamp and _is_another(root, file, result, asked):
        return _unreadable(result, f"the worker {worker} has another file in its place")
    return result


def _unreadable(result: Reading, detail: str) -> Reading:
    return Reading((Reason.UNREADABLE, detail), claim=result.claim, version=result.version)


def _is_another(root: str, file: File, result: Reading, asked: int) -> bool:
    """Whether the file is another one here. Inodes do not tell: some shared storage gives each machine its own."""
    try:
        here = os.lstat(os.path.join(root, raw(file.path)))
    except OSError:
        return False
    rested = here.st_ctime_ns < asked
    return rested and (here.st_size, here.st_mtime_ns) != STAMP.unpack(result.stamp)[:2]


def _await_scheduler(address: str) -> None:
    """Raise SigidError unless a scheduler answers. What listens there and says nothing would keep a Client for ever."""
    from distributed.core import rpc
    from distributed.security import Security

    try:
        arguments = Security().get_connection_args("client")
    except Exception as error:  # what it says of TLS
        raise _misconfigured(error) from error

    async def ask() -> Any:
        async with rpc(address, timeout=CONNECT_SECONDS / 2, connection_args=arguments) as scheduler:
            return (await scheduler.identity())["type"]

    try:
        with ThreadPoolExecutor(1) as aside:  # where no event loop runs: in a notebook one does here
            kind = aside.submit(lambda: asyncio.run(asyncio.wait_for(ask(), CONNECT_SECONDS))).result()
    except Exception as error:
        raise SigidError(
            f"no Dask scheduler answers at SIGID_CLUSTER, {address} ({_trouble(address, error)}); "
            "start it (dask scheduler), or unset SIGID_CLUSTER to read the files on this machine"
        ) from error
    if kind != "Scheduler":
        raise SettingError(f"SIGID_CLUSTER, {address}, is a Dask {kind.lower()}; name the scheduler")


def _versions_there(client: Client) -> Mapping[str, object]:
    """What the workers say of their versions, by their addresses."""
    try:
        answers: Mapping[str, object] = client.sync(_ask_versions, client)
    except TimeoutError as error:
        seen = {worker: each["last_seen"] for worker, each in client.scheduler_info()["workers"].items()}
        silent = f"the worker {min(seen, key=seen.__getitem__)}" if seen else "a worker"
        raise SigidError(f"{silent} does not answer; end it, or start it again, and run again") from error
    return answers


async def _ask_versions(client: Client) -> Mapping[str, object]:
    answers: Mapping[str, object] = await asyncio.wait_for(client.run(versions, on_error="return"), VERSIONS_SECONDS)
    return answers


def _await_worker(client: Client, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=WORKERS_SECONDS)
    except TimeoutError as error:
        raise SigidError(f"the scheduler at {address} has no worker; {_START}") from error


def _trouble(address: str, error: Exception) -> str:
    """Why it does not answer."""
    if refused := next((each for each in _chain(error) if isinstance(each, SSLError)), None):
        return _line(refused)
    if isinstance(error, (MemoryError, struct.error)):  # over what it takes for the length of an answer
        return "something else listens there"
    if not isinstance(error, OSError):
        return _line(error)
    return _unreached(address) or "something listens there, and does not answer"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and those that have led to it."""
    each: BaseException | None = error
    while each is not None:
        yield each
        each = each.__cause__ or each.__context__


def _misconfigured(error: Exception) -> SettingError:
    return SettingError(
        f"Dask's own configuration can't be used ({_line(error)}); mend it, in ~/.config/dask, in /etc/dask or in the "
        "variables that begin with DASK_"
    )


def _gone(address: str) -> SigidError:
    return SigidError(f"the scheduler at {address} is gone, or the way to it; {_STANDS}: start it and run again")


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


def _line(error: object) -> str:
    """An exception, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".removesuffix(": ").split())


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
