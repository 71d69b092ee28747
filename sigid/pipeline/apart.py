"""Files that are read in a process apart: one over which a process crashes or hangs is lost, and not the load."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkContext, ForkServerContext
from multiprocessing.process import BaseProcess
from struct import Struct
from typing import Any, NamedTuple, TypeAlias

from sigid.errors import Reason
from sigid.pipeline.crew import InThisProcess
from sigid.pipeline.interpret import Job, Reading

Read: TypeAlias = Callable[[Job], list[Reading]]

SECONDS = 30
"""A process that has said nothing for so long, though it reads a few files only, hangs."""

_FEW = 16  # files; what a process says of one is sent with what it says of the others
_SIZE = Struct("Q")
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
        """Have `fn`, which is `interpret` or does the same, read the files of a Job, the only argument."""
        (job,) = args
        return super().submit(self._read, fn, job)

    def _read(self, read: Read, job: Job) -> list[Reading]:
        done: list[Reading] = []
        while len(done) < len(job.files):
            done += self._attempt(read, job._replace(files=job.files[len(done) :])).results
            for file in job.files[len(done) : len(done) + _FEW]:  # at which it ended too early, if it did
                again = self._attempt(read, job._replace(files=[file]))
                done += again.results or [Reading((Reason.UNREADABLE, f"{again.end}, twice"))]
        return done

    def _attempt(self, read: Read, job: Job) -> _Attempt:
        """What one process says of the files, as far as it gets."""
        results: list[Reading] = []
        with self._started(read, job) as (process, answers):
            while len(results) < len(job.files):
                try:
                    answer = answers.next()
                except TimeoutError:
                    return _Attempt(results, f"the process that read it had not ended after {SECONDS} s")
                except EOFError:
                    return _Attempt(results, f"the process that read it {_end_of(process)}")
                if isinstance(answer, Exception):
                    raise answer
                results += answer
        return _Attempt(results)

    @contextmanager
    def _started(self, read: Read, job: Job) -> Iterator[tuple[BaseProcess, Answers]]:
        answers, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_answer, args=(answers, theirs, read, job))
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)  # what they do here is not for the new process to do
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()
        try:
            yield process, Answers(answers)
        finally:
            process.kill()
            process.join()
            answers.close()


class Answers:
    """What another process sends. It may stop in the middle of an answer: nothing here waits for one for ever."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._received = bytearray()

    def next(self) -> Any:
        """The next answer. Raises EOFError where there will be no more, TimeoutError after some time without a word."""
        (size,) = _SIZE.unpack(self._take(_SIZE.size))
        return pickle.loads(self._take(size))  # noqa: S301  # from our own function

    def _take(self, size: int) -> bytes:
        while len(self._received) < size:
            if not self._connection.poll(SECONDS):
                raise TimeoutError
            part = os.read(self._connection.fileno(), 1 << 20)
            if not part:
                raise EOFError
            self._received += part
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken


class _Attempt(NamedTuple):
    results: list[Reading]
    end: str = ""
    """How the process ended that did not get to the end."""


def _end_of(process: BaseProcess) -> str:
    process.join(1)
    number = -(process.exitcode or 0)
    name = signal.Signals(number).name if number in set(signal.Signals) else "without a word"
    return f"died ({name}), perhaps for want of memory"


def _answer(theirs: Connection, answers: Connection, read: Read, job: Job) -> None:
    """What the process does. It ends when there is nobody to answer."""
    theirs.close()
    for stop in _STOPS:
        signal.signal(stop, signal.SIG_DFL if stop == signal.SIGTERM else signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
    with suppress(OSError, MemoryError), open(answers.fileno(), "wb", closefd=False) as out:
        for start in range(0, len(job.files), _FEW):
            signal.alarm(2 * SECONDS)  # from outside nobody may be left to end it
            answer = pickle.dumps(_read(read, job._replace(files=job.files[start : start + _FEW])), protocol=5)
            out.write(_SIZE.pack(len(answer)) + answer)
            out.flush()
    os._exit(0)


def _read(read: Read, job: Job) -> list[Reading] | Exception:
    """The files' results, or a mistake of ours, which is raised where they are asked for."""
    try:
        return read(job)
    except MemoryError:
        raise
    except Exception as error:
        return error
