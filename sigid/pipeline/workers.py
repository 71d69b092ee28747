"""Who extracts: this process, several on this machine, or a cluster, behind the interface of `concurrent.futures`."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from types import ModuleType
from typing import Any, TypeVar

from sigid.errors import SigidError
from sigid.pipeline import extract
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
    context = _Context()
    context.set_forkserver_preload([extract.__name__])
    _await_start(context)
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_end_with_parent)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def ahead(workers: Executor, settings: Settings) -> int:
    """How many jobs may be under way: enough that none waits while the outcome of one is used."""
    if settings.cluster:
        from sigid.pipeline.cluster import Cluster

        if isinstance(workers, Cluster):
            return workers.ahead
    return 2 * settings.workers


class _Process(ForkServerProcess):
    """A process that does not import the program that calls us, which it has no use for.

    Otherwise a script would have to hide what it does behind ``if __name__ == "__main__"``, or do it many times.
    """

    def start(self) -> None:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            super().start()
        finally:
            sys.modules["__main__"] = main


class _Context(ForkServerContext):
    """Starts processes from a clean one: this one's threads' locks and its open warehouse are not for copying."""

    Process = _Process


def _await_start(context: _Context) -> None:
    """Wait until processes start at once: one that is given up while it starts fails with a traceback."""
    with _undisturbed():
        first = context.Process(target=int)
        first.start()
        first.join()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Have whatever asks this process to end wait for the end of the context.

    The processes that are started in it, and theirs, never hear of what a terminal sends: it is for this one to obey.
    """
    if threading.current_thread() is not threading.main_thread():  # which alone handles signals
        yield
        return
    asked: list[int] = []
    handlers = {
        each: signal.signal(each, lambda number, _frame: asked.append(number))
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    resource_tracker.ensure_running()  # it lets SIGINT through again
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for each, handler in handlers.items():
            signal.signal(each, handler)
        for number in asked:
            signal.raise_signal(number)


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
    except BrokenProcessPool as error:
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


def _end_with_parent() -> None:
    """Have this worker end when its parent is killed, instead of waiting for work for ever."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            wait([parent.sentinel])
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
