"""Files that are read in a process apart: one over which a process crashes or hangs is lost, and not the load."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkContext, ForkServerContext
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple, TypeAlias

from sigid.errors import Reason
from sigid.pipeline.crew import InThisProcess
from sigid.pipeline.extract import Batch, Extracted

Read: TypeAlias = Callable[[Batch], list[Extracted]]

SECONDS = 30
"""A process that has said nothing for so long, though it reads a few files only, hangs."""

_FEW = 16  # files; what a process says of one is sent with what it says of the others
_STOPS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def apart() -> Apart:
    """Reads in copies of this process, which must have one thread: others' locks would be copied without them."""
    return Apart(get_context("fork"))


class Apart(InThisProcess):
    """Has each batch read by a process of its own, and is there when that ends.

    Where a process crashes or hangs, the few files that it was at are read again, each by a process of its own: one
    that another process does not survive either is unreadable, and the rest is read.
    """

    def __init__(self, context: ForkContext | ForkServerContext) -> None:
        self._context = context

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Have `fn`, which is `extract` or does the same, read a Batch, the only argument."""
        (batch,) = args
        return super().submit(self._read, fn, batch)

    def _read(self, read: Read, batch: Batch) -> list[Extracted]:
        done: list[Extracted] = []
        while len(done) < len(batch.tasks):
            done += self._attempt(read, batch._replace(tasks=batch.tasks[len(done) :])).results
            for task in batch.tasks[len(done) : len(done) + _FEW]:  # at which it ended too early, if it did
                again = self._attempt(read, batch._replace(tasks=[task]))
                done += again.results or [Extracted((Reason.UNREADABLE, f"{again.end}, twice"))]
        return done

    def _attempt(self, read: Read, batch: Batch) -> _Attempt:
        """What one process says of the files, as far as it gets."""
        results: list[Extracted] = []
        with self._started(read, batch) as (process, answers):
            while len(results) < len(batch.tasks):
                if not answers.poll(SECONDS):
                    return _Attempt(results, f"the process that read it had not ended after {SECONDS} s")
                try:
                    answer = answers.recv()
                except EOFError:
                    return _Attempt(results, f"the process that read it {_end_of(process)}")
                if isinstance(answer, Exception):
                    raise answer
                results += answer
        return _Attempt(results)

    @contextmanager
    def _started(self, read: Read, batch: Batch) -> Iterator[tuple[BaseProcess, Connection]]:
        answers, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_answer, args=(answers, theirs, read, batch))
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)  # what they do here is not for the new process to do
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()
        try:
            yield process, answers
        finally:
            process.kill()
            process.join()
            answers.close()


class _Attempt(NamedTuple):
    results: list[Extracted]
    end: str = ""
    """How the process ended that did not get to the end."""


def _end_of(process: BaseProcess) -> str:
    process.join(1)
    number = -(process.exitcode or 0)
    name = signal.Signals(number).name if number in set(signal.Signals) else "without a word"
    return f"died ({name}), perhaps for want of memory"


def _answer(theirs: Connection, answers: Connection, read: Read, batch: Batch) -> None:
    """What the process does. It ends when there is nobody to answer."""
    theirs.close()
    for stop in _STOPS:
        signal.signal(stop, signal.SIG_DFL if stop == signal.SIGTERM else signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
    with suppress(BrokenPipeError, MemoryError):
        try:
            for start in range(0, len(batch.tasks), _FEW):
                signal.alarm(2 * SECONDS)  # from outside nobody may be left to end it
                answers.send(read(batch._replace(tasks=batch.tasks[start : start + _FEW])))
        except (BrokenPipeError, MemoryError):
            raise
        except Exception as error:  # a mistake of ours, which is raised where the results are asked for
            answers.send(error)
    os._exit(0)
