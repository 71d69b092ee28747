"""Several processes on this machine that extract."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from types import ModuleType

from sigid.pipeline import interpret


@contextmanager
def executor(processes: int) -> Iterator[Executor]:
    """So many processes; they end with the context, and with this process however that ends."""
    context = _Context()
    context.set_forkserver_preload([interpret.__name__])
    _await_start(context)
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_end_with_parent)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


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


def _end_with_parent() -> None:
    """Have this worker end when its parent is killed, instead of waiting for work for ever."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            wait([parent.sentinel])
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
