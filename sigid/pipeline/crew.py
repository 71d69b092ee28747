"""Who does a job: this process at once, or several that may be lost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

A = TypeVar("A")
B = TypeVar("B")


class Crew(Executor):
    """Several processes, of which some may crash or hang."""

    seconds: float
    """After so long a job is taken from them."""

    def start_over(self, fn: Callable[[A], B], job: A) -> B:
        """Replace them all, and have the job done by processes that it may cost. What else was submitted is lost."""
        raise NotImplementedError


class InThisProcess(Executor):
    """Does at once, here, what it is asked to do."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # the caller of result() gets it
            future.set_exception(error)
        return future
