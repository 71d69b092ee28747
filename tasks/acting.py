"""What every action shares: its errors are told in one line, not in a traceback."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from doit.exceptions import TaskFailed

from sigid.errors import SigidError

P = ParamSpec("P")


def action(do: Callable[P, SigidError | None]) -> Callable[P, TaskFailed | None]:
    """Have the task fail, with the error's own words, where sigid refuses something or the system does."""

    @wraps(do)
    def told(*args: P.args, **kwargs: P.kwargs) -> TaskFailed | None:
        try:
            problem = do(*args, **kwargs)
        except SigidError as error:
            problem = error
        except OSError as error:
            problem = SigidError(f"{error.filename or 'the system'}: {error.strerror or error}")
        return TaskFailed(str(problem)) if problem else None

    return told
