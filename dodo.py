"""sigid's task graph: `doit list` shows the tasks, `doit help TASK` explains one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from doit.exceptions import InvalidDodoFile

from sigid.errors import SigidError
from sigid.settings import Settings
from tasks import load, look, plan, scan
from tasks.state import ContentChecker, state_file

os.umask(0o077)  # what doit itself writes tells of the data, too

try:
    SETTINGS = Settings.read()
    DOIT_CONFIG = {
        "backend": "sqlite3",
        "dep_file": state_file(SETTINGS),
        "check_file_uptodate": ContentChecker,
        "default_tasks": load.names(),
        "continue": True,
        "cleanforget": True,
        "verbosity": 2,
    }
except SigidError as error:
    raise InvalidDodoFile(str(error)) from None


def task_all() -> Iterator[dict[str, Any]]:
    """All tasks, in the order of the data's way."""
    for stage in (scan, plan, load, look):
        yield from stage.tasks(SETTINGS)
