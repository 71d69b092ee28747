"""What tasks do and how doit tells of it: what sigid refuses is told in one line, without a traceback."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from doit.exceptions import BaseFail, TaskFailed, UnmetDependency
from doit.reporter import ConsoleReporter
from doit.task import Task

from sigid.errors import SigidError, WarehouseError
from sigid.report.terminal import readers_choice
from sigid.settings import Settings
from sigid.warehouse.location import is_there

P = ParamSpec("P")

SHOWS = {"io": {"capture": False}, "uptodate": [False]}
"""Of a task that only shows something: always done, not kept in memory, and nothing else is in the output."""


def action(do: Callable[P, SigidError | None]) -> Callable[P, TaskFailed | None]:
    """Have the task fail, with the error's own words, where sigid refuses something or the system does."""

    @wraps(do)
    def told(*args: P.args, **kwargs: P.kwargs) -> TaskFailed | None:
        try:
            problem = do(*args, **kwargs)
        except SigidError as error:
            problem = error
        except OSError as error:
            problem = SigidError(words_for(error))
        return TaskFailed(str(problem)) if problem else None

    return told


def there(settings: Settings) -> str:
    """The URL of the warehouse, which is there. Raises WarehouseError."""
    if not is_there(settings.warehouse):
        raise WarehouseError(
            "there is no warehouse yet: `doit` loads all sources into one; SIGID_WAREHOUSE says where it is"
        )
    return settings.warehouse


def tell(line: str) -> None:
    """Write a line on standard output."""
    with readers_choice(sys.stdout):
        sys.stdout.write(f"{line}\n")


def words_for(error: OSError) -> str:
    """What the system refuses, and the way out."""
    is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return (
        f"{error.filename or 'a file that sigid writes'}: {error.strerror or error}; "
        f"{'make room there' if is_full else 'mend that'} and run again"
    )


class Reporter(ConsoleReporter):  # type: ignore[misc]  # doit is not typed
    """doit's own reporter, but for the lines that it has for what fails and for what only shows something."""

    desc = "console output, with a line on stderr for what fails"

    def write(self, text: str) -> None:
        """Write it at once, to a reader who may have left; nothing more is done where it cannot be written."""
        try:
            with readers_choice(self.outstream):
                super().write(text)
        except OSError as error:
            raise SystemExit(words_for(error)) from error

    def execute_task(self, task: Task) -> None:
        """Say that the task begins."""
        if task.io.capture:
            super().execute_task(task)

    def add_failure(self, task: Task, fail: BaseFail) -> None:
        """Say that the task has failed, and why: in one line, unless the fault is ours."""
        if fail.traceback:
            super().add_failure(task, fail)
        elif isinstance(fail, UnmetDependency):
            sys.stderr.write(f"{task.name} is left out: {fail.message} failed\n")
        else:
            sys.stderr.write(f"{task.name} failed: {fail.message}\n")
