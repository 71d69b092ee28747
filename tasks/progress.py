"""How long work shows that it moves: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_SECONDS_BETWEEN_LINES = 10.0


class Show(Protocol):
    """Takes in how far the work is."""

    def __call__(self, done: int, total: int) -> None:
        """So many of so many files are done."""

    def say(self, line: str) -> None:
        """Print a line of the result."""


@contextmanager
def progress(what: str) -> Iterator[Show]:
    """Show the progress of `what`, as suits what the output is."""
    console = Console(soft_wrap=True, highlight=False)
    if not console.is_terminal:
        yield _Lines(what, console)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        yield _Bar(what, bar)


class _Lines:
    def __init__(self, what: str, console: Console) -> None:
        self._what = what
        self._console = console
        self._started = self._last = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        moment = time.monotonic()
        if moment - self._last >= _SECONDS_BETWEEN_LINES:
            self._last = moment
            rate = done / (moment - self._started)
            self.say(f"{self._what}: {done} of {total} files, {rate:.0f} a second, {(total - done) / rate:.0f} s left")

    def say(self, line: str) -> None:
        self._console.print(line, markup=False)


class _Bar:
    def __init__(self, what: str, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task(what, total=None)

    def __call__(self, done: int, total: int) -> None:
        self._bar.update(self._task, completed=done, total=total)

    def say(self, line: str) -> None:
        self._bar.console.print(line, markup=False)


class _Rate(TextColumn):
    def __init__(self) -> None:
        super().__init__("{task.speed:.0f} files/s")

    def render(self, task):  # type: ignore[no-untyped-def]
        return super().render(task) if task.speed else ""
