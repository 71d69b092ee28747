"""Who extracts: this process, several on this machine, or a cluster, behind the interface of `concurrent.futures`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from typing import Any, TypeVar

from sigid.errors import SigidError
from sigid.settings import Settings

_K = TypeVar("_K")
_A = TypeVar("_A")
_B = TypeVar("_B")

FILES_WORTH_A_PROCESS = 1500
"""Below about so many files a process takes longer to start than it saves."""


@contextmanager
def executor(settings: Settings, files: int) -> Iterator[Executor]:
    """Who extracts that many files. Raises SettingError or SigidError where a cluster can't be used."""
    if settings.cluster:
        from sigid.pipeline import cluster  # it brings what a load on this machine has no use for

        cluster.check_address(settings.cluster)
        if files:
            with cluster.executor(settings.cluster) as elsewhere:
                yield elsewhere
            return
    processes = min(settings.workers, files // FILES_WORTH_A_PROCESS)
    if processes < 2:
        yield InThisProcess()
        return
    from sigid.pipeline import pool  # it takes longer to import than a few files take to read

    with pool.executor(processes) as several:
        yield several


def ahead(workers: Executor, settings: Settings) -> int:
    """How many jobs may be under way: enough that none waits while the outcome of one is used."""
    if settings.cluster:
        from sigid.pipeline.cluster import Cluster

        if isinstance(workers, Cluster):
            return workers.ahead
    return 1 if isinstance(workers, InThisProcess) else settings.workers + 2


def in_order(
    workers: Executor, work: Callable[[_A], _B], jobs: Iterable[tuple[_K, _A]], ahead: int
) -> Iterator[tuple[_K, _B]]:
    """What `work` makes of each job's second part, beside its first, in the order of the jobs.

    At most `ahead` jobs are under way. Raises SigidError where a worker died.
    """
    pending: deque[tuple[_K, Future[_B]]] = deque()
    remaining = iter(jobs)
    try:
        while True:
            while len(pending) < ahead and (job := next(remaining, None)) is not None:
                pending.append((job[0], workers.submit(work, job[1])))
            if not pending:
                return
            label, future = pending.popleft()
            yield label, future.result()
    except BrokenExecutor as error:
        raise SigidError(
            "a process that read files was killed, perhaps for want of memory; what was committed stands: "
            "run again, with a smaller SIGID_WORKERS if it happens again"
        ) from error


class InThisProcess(Executor):
    """Does at once, here, what it is asked to do."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # the caller of result() gets it
            future.set_exception(error)
        return future
