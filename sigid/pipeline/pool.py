"""Several processes on this machine that extract."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from types import ModuleType
from typing import Any

from sigid.errors import SigidError
from sigid.pipeline import apart, interpret
from sigid.pipeline.apart import Apart
from sigid.pipeline.crew import Crew, roomy
from sigid.pipeline.garbage import collect_rarely

SECONDS = 120
"""A batch that takes a process longer is taken from it."""

_WAITS = (0.01, 0.1, 0.5)


def prepare() -> None:
    """Have what processes are copied from get ready meanwhile."""
    context = _Context()
    context.set_forkserver_preload([interpret.__name__, apart.__name__])
    with _undisturbed():
        forkserver.ensure_running()


@contextmanager
def executor(processes: int) -> Iterator[Pool]:
    """So many processes; they end with the context, and with this process however that ends."""
    prepare()
    context = _Context()
    _await_start(context)
    pool = Pool(processes, context)
    try:
        yield pool
    finally:
        pool.kill()  # they have nothing more to say, and one that is stopped would be waited for
        pool.shutdown(cancel_futures=True)


class Pool(Crew):
    """So many processes, which can be replaced where one of them crashes or hangs."""

    seconds = SECONDS

    def __init__(self, processes: int, context: _Context) -> None:
        self.ahead = 3 * processes + 2
        self._processes = processes
        self._context = context
        self._start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        try:
            return self._pool.submit(fn, *args, **kwargs)
        except BrokenProcessPool as error:
            failed: Future[Any] = Future()
            failed.set_exception(error)
            return failed

    def start_over(self, fn: Callable[..., Any], batch: Any) -> Any:
        self.kill()
        self.shutdown()
        result = Apart(self._context).submit(fn, batch).result()
        self._start()
        return result

    def kill(self) -> None:
        """End the processes, whatever they are doing."""
        for process in self._context.started:
            if process.is_alive():
                process.kill()
        # Where one was killed or stopped while it sent a result, the pool waits for the rest of that as long as anybody
        # could send it: that is only this process now.
        self._pool._result_queue._writer.close()  # type: ignore[attr-defined]

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._pool.shutdown(wait, cancel_futures=cancel_futures)

    def _start(self) -> None:
        self._context.started.clear()
        self._pool = ProcessPoolExecutor(self._processes, mp_context=self._context, initializer=_begin)
        roomy(self._pool._result_queue._writer.fileno())  # type: ignore[attr-defined]


class _Process(ForkServerProcess):
    """A process that does not import the program that calls us, which it has no use for.

    Otherwise a script would have to hide what it does behind ``if __name__ == "__main__"``, or do it many times.
    """

    def start(self) -> None:
        """Start, also where what starts it has been killed: that is noticed a moment later, and started anew."""
        for seconds in _WAITS:
            try:
                return self._start()
            except (EOFError, OSError):
                time.sleep(seconds)
        try:
            return self._start()
        except (EOFError, OSError) as error:
            raise SigidError(f"no process that reads files can be started ({error}); run again") from error

    def _start(self) -> None:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            super().start()
        finally:
            sys.modules["__main__"] = main


class _Context(ForkServerContext):
    """Starts processes from a clean one: this one's threads' locks and its open warehouse are not for copying."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[_Process] = []

    def Process(self, *args: Any, **kwargs: Any) -> _Process:  # type: ignore[override]  # noqa: N802  # a class there
        """A new process, which is remembered."""
        process = _Process(*args, **kwargs)
        self.started.append(process)
        return process


def _await_start(context: _Context) -> None:
    """Wait until processes start at once: one that is given up while it starts fails with a traceback."""
    with _undisturbed():
        first = context.Process(target=int)
        first.start()
        first.join(apart.SECONDS)
        first.kill()


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


def _begin() -> None:
    collect_rarely()
    _end_with_parent()


def _end_with_parent() -> None:
    """Have this worker end when its parent is killed, instead of waiting for work for ever."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            wait([parent.sentinel])
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
