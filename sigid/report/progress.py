"""How long work shows that it moves: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import parent_process
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Protocol, TextIO

from sigid.report.terminal import console, is_terminal, readers_choice

if TYPE_CHECKING:
    from rich.progress import Progress

_SECONDS_BETWEEN_LINES = 10.0


class Show(Protocol):
    """Takes in how far the work is."""

    def __call__(self, done: int, total: int) -> None:
        """So many of so many are done."""


@contextmanager
def progress(what: str, out: TextIO, things: str = "files") -> Iterator[Show]:
    """Show the progress of `what`; nothing before there is any, and nothing of a bar is left behind."""
    if is_terminal(out) and _is_alone():
        with ExitStack() as drawn:
            yield _Bar(what, out, drawn)
    else:
        yield _Lines(what, out, things)


def _is_alone() -> bool:
    """Whether nobody else can be drawing a bar, as the other processes or threads of `doit -n 2` can."""
    return parent_process() is None and current_thread() is main_thread()


class _Lines:
    def __init__(self, what: str, out: TextIO, things: str) -> None:
        self._what = what
        self._out = out
        self._things = things
        self._last = time.monotonic()
        self._first = (self._last, 0)
        """When it was told for the first time how far the work was, and how far; what came before was other work."""
        self._done = sys.maxsize

    def __call__(self, done: int, total: int) -> None:
        moment = time.monotonic()
        if done < self._done:  # so it is at first, and where it begins again
            self._first = (moment, done)
        self._done = done
        if done == total or moment - self._last < _SECONDS_BETWEEN_LINES:
            return
        self._last = moment
        line = f"{self._what}: {done} of {total} {self._things}"
        begun, before = self._first
        if done > before:
            rate = (done - before) / (moment - begun)
            line += f", {rate:.0f} a second, {(total - done) / rate:.0f} s left"
        with readers_choice(self._out):
            self._out.write(f"{line}\n")


class _Bar:
    def __init__(self, what: str, out: TextIO, drawn: ExitStack) -> None:
        self._what = what
        self._out = out
        self._drawn = drawn
        self._bar: Progress | None = None

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None:
            self._bar = self._drawn.enter_context(_bar(self._out))
            self._bar.add_task(self._what, total=total)
        (task,) = self._bar.task_ids
        self._bar.update(task, completed=done, total=total)


def _bar(out: TextIO) -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f}/s" if task.speed else "")

    columns = ("{task.description}", BarColumn(None), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    return Progress(*columns, console=console(out), transient=True)
