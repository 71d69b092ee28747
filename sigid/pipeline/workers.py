"""Who extracts: this process, several on this machine, or a cluster, behind the interface of `concurrent.futures`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from typing import TypeVar

from sigid.pipeline.crew import Crew, InThisProcess, Readers
from sigid.pipeline.helpers import has_one_thread
from sigid.settings import Settings

_K = TypeVar("_K")
_A = TypeVar("_A")
_B = TypeVar("_B")

FILES_WORTH_A_PROCESS = 1500
"""Below about so many files a process takes longer to start than it saves."""


def prepare(settings: Settings, files: int) -> None:
    """Have what `executor` needs for that many files get ready while something else is done."""
    if not settings.cluster and _processes(settings, files) > 1:
        from sigid.pipeline import pool

        pool.prepare()


@contextmanager
def executor(settings: Settings, files: int) -> Iterator[Readers]:
    """Who extracts that many files. Raises SettingError or SigidError where a cluster can't be used."""
    if settings.cluster:
        from sigid.pipeline.cluster import connect  # it brings what a load on this machine has no use for

        connect.check_address(settings.cluster)
        if files:
            with connect.executor(settings.cluster) as elsewhere:
                yield elsewhere
            return
    processes = _processes(settings, files)
    if processes < 2:
        with _apart(settings.workers) if files and has_one_thread() else InThisProcess() as alone:
            yield alone
        return
    from sigid.pipeline import pool  # it takes longer to import than a few files take to read

    with pool.executor(processes) as several:
        yield several


def in_order(
    workers: Executor, work: Callable[[_A], _B], jobs: Iterable[tuple[_K, _A]], ahead: Callable[[], int]
) -> Iterator[tuple[_K, _B]]:
    """What `work` makes of each job's second part, beside its first, in the order of the jobs.

    At most as many are under way as `ahead` gives, which may become more meanwhile. Where a process of a `Crew` crashes
    or hangs, what it was at is done again.
    """
    pending: deque[tuple[_K, _A, Future[_B]]] = deque()
    remaining = iter(jobs)
    while True:
        while len(pending) < ahead() and (job := next(remaining, None)) is not None:
            pending.append((*job, workers.submit(work, job[1])))
        if not pending:
            return
        label, argument, future = pending.popleft()
        try:
            result = future.result(workers.seconds if isinstance(workers, Crew) else None)
        except (BrokenExecutor, TimeoutError, MemoryError):
            if not isinstance(workers, Crew):
                raise
            result = workers.start_over(work, argument)
            pending = deque((label, argument, workers.submit(work, argument)) for label, argument, _ in pending)
        yield label, result


def _processes(settings: Settings, files: int) -> int:
    return min(settings.workers, files // FILES_WORTH_A_PROCESS)


def _apart(processes: int) -> Readers:
    from sigid.pipeline.apart import apart  # where nothing is to be read, nor is this

    return apart(processes)
