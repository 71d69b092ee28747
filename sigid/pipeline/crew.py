"""Who reads batches of files: this process at once, or several, which may be lost."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from typing import Any, TypeVar

_ROOM = 2**20  # in bytes; what Linux gives anybody
A = TypeVar("A")
B = TypeVar("B")


class Readers(Executor):
    """Who reads batches of files."""

    ahead: int
    """How many batches may be under way: enough that nobody waits while the outcome of some is committed."""

    def times_larger(self, batches: int) -> int:
        """How many times as large as usual these are to be, where there would be so many of the usual size."""
        return 1


class Crew(Readers):
    """Several processes, of which some may crash or hang."""

    seconds: float
    """After so long a job is taken from them."""

    def start_over(self, fn: Callable[[A], B], job: A) -> B:
        """Replace them all, and have the job done by processes that it may cost. What else was submitted is lost."""
        raise NotImplementedError


def roomy(pipe: int) -> None:
    """Have the pipe take much, where the system lets it: who sends results does not wait until they are taken."""
    with suppress(AttributeError, OSError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _ROOM)


class InThisProcess(Readers):
    """Does at once, here, what it is asked to do."""

    ahead = 1

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # the caller of result() gets it
            future.set_exception(error)
        return future
