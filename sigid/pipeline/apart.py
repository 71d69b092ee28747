"""Files that are read in a process apart: one over which a process crashes or hangs is lost, and not the load."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkContext, ForkServerContext
from multiprocessing.process import BaseProcess
from struct import Struct
from typing import Any, NamedTuple, TypeAlias, TypeVar

from sigid.errors import Reason
from sigid.pipeline.crew import Readers, roomy
from sigid.pipeline.interpret import Job, Reading

Read: TypeAlias = Callable[[Job], list[Reading]]

_T = TypeVar("_T")
Steps: TypeAlias = Generator[None, None, _T]
"""What comes to a result in several steps."""

SECONDS = 30
"""A process that has said nothing for so long, though it reads a few files only, hangs."""

_FEW = 16  # files; what a process says of one is sent with what it says of the others
_SIZE = Struct("Q")
_STOPS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def apart(processes: int) -> Apart:
    """Reads in so many copies of this process, which has one thread: others' locks would be copied without them."""
    return Apart(get_context("fork"), processes)


class Apart(Readers):
    """Has each batch read by a process of its own, which begins at once and is waited for when its result is asked for.

    Where a process crashes or hangs, what it had not said yet is read again, the first few files each by a process of
    its own: one that another process does not survive either is unreadable, and the rest is read.
    """

    def __init__(self, context: ForkContext | ForkServerContext, processes: int = 1) -> None:
        self.ahead = processes
        self._context = context
        self._under_way: list[_UnderWay] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have `fn`, which is `interpret` or does the same, read the files of a Job, the only argument."""
        (job,) = args
        future = _UnderWay(self._read(fn, job))
        self._under_way = [*(each for each in self._under_way if not each.done()), future]
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        for future in self._under_way:
            future.end()

    def _read(self, read: Read, job: Job) -> Steps[list[Reading]]:
        done: list[Reading] = []
        while len(done) < len(job.files):
            attempt = yield from self._attempt(read, job._replace(files=job.files[len(done) :]))
            done += attempt.results
            for file in job.files[len(done) : len(done) + _FEW]:  # at which it ended too early, if it did
                again = yield from self._attempt(read, job._replace(files=[file]))
                done += again.results or [Reading((Reason.UNREADABLE, f"{again.end}, twice"))]
        return done

    def _attempt(self, read: Read, job: Job) -> Steps[_Attempt]:
        """What one process says of the files, as far as it gets."""
        results: list[Reading] = []
        with self._started(read, job) as (process, answers):
            yield
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
        roomy(theirs.fileno())
        process = self._context.Process(target=_answer, args=(answers, theirs, read, job), daemon=True)
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


class _UnderWay(Future[Any]):
    """A batch: the first step, which starts a process, is taken when it is made, the others when it is awaited."""

    def __init__(self, steps: Steps[list[Reading]]) -> None:
        super().__init__()
        self._steps = steps
        next(steps, None)

    def result(self, timeout: float | None = None) -> Any:
        """What the batch says. Raises what the function that read it has raised."""
        while not self.done():
            try:
                next(self._steps)
            except StopIteration as end:
                self.set_result(end.value)
            except Exception as error:
                self.set_exception(error)
        return super().result(timeout)

    def end(self) -> None:
        """End its process, if there is one."""
        self._steps.close()


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
    with suppress(OSError, MemoryError):
        unsent = bytearray()
        os.set_blocking(answers.fileno(), False)
        for start in range(0, len(job.files), _FEW):
            signal.alarm(2 * SECONDS)  # from outside nobody may be left to end it
            answer = pickle.dumps(_read(read, job._replace(files=job.files[start : start + _FEW])), protocol=5)
            signal.alarm(0)  # whoever is to take it may be busy, and if there is nobody, that is seen
            unsent += _SIZE.pack(len(answer)) + answer
            with suppress(BlockingIOError):  # the pipe is full: meanwhile the next ones can be read
                _send(answers, unsent)
        os.set_blocking(answers.fileno(), True)
        while unsent:
            _send(answers, unsent)
    os._exit(0)


def _send(answers: Connection, unsent: bytearray) -> None:
    """Send as much of it as the pipe takes."""
    del unsent[: os.write(answers.fileno(), unsent)]


def _read(read: Read, job: Job) -> list[Reading] | Exception:
    """The files' results, or a mistake of ours, which is raised where they are asked for."""
    try:
        return read(job)
    except MemoryError:
        raise
    except Exception as error:
        return error
