"""sigid's task graph: `doit list` shows the tasks, `doit help TASK` explains one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from doit.exceptions import InvalidDodoFile

from sigid.errors import SigidError
from sigid.settings import Settings
from sigid.warehouse import location
from tasks import erase, export, helping, load, look, output, plan, process, report, scan, state, upkeep, verify
from tasks.acting import Reporter

process.prepare()
state.forgive_mishaps()
state.spare_writes()
helping.say_doit()
helping.show_examples()
output.clean_everything()

try:
    SETTINGS = Settings.read()
    location.check(SETTINGS.warehouse)  # a URL that can't be used is told before anything is scanned
except SigidError as error:
    raise InvalidDodoFile(str(error)) from None

DOIT_CONFIG = {
    "backend": "sqlite3",
    "dep_file": state.state_file(SETTINGS),
    "check_file_uptodate": state.ContentChecker,
    "default_tasks": load.names(),
    "continue": True,
    "cleanforget": True,
    "verbosity": 2,
    "reporter": Reporter,
    "outfile": sys.stdout,
    "sort": "definition",
}


def task_all() -> Iterator[dict[str, Any]]:
    """All tasks, in the order of the data's way."""
    for stage in (scan, plan, load, look, report, export, verify, erase, upkeep):
        yield from stage.tasks(SETTINGS)
