"""Loads within this process: those that somebody else's rights, or a moment between scan and read, call for."""

from __future__ import annotations

import json
import multiprocessing.popen_fork  # noqa: F401  # before `as_nobody`, who may have no right to read Python's own modules
import os
import signal
import sqlite3
import subprocess
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NoReturn

from dev.campaigns.ground import LIMIT_SECONDS, Plot
from sigid.errors import SigidError
from sigid.pipeline.load import Loaded, Options, Progress, load
from sigid.pipeline.scan import scan
from sigid.settings import Settings
from sigid.sources.base import Source

NOBODY = 65534


def settings_of(plot: Plot) -> Settings:
    """The settings that a run on the plot has."""
    return Settings(f"sqlite:///{plot.warehouse}", plot.datasets, plot.build, workers=1, cluster="")


def loaded(
    source: Source,
    plot: Plot,
    *,
    meanwhile: Callable[[], object] = lambda: None,
    progress: Progress = lambda _done, _total: None,
    rehash: bool = False,
) -> Loaded:
    """Scan and load the source; `meanwhile` is done between the two. Raises SigidError where it is refused."""
    settings = settings_of(plot)
    found = scan(source, settings)
    meanwhile()
    return load(source, settings, Options(rehash=rehash), progress, found)


def ledger(plot: Plot) -> dict[str, str]:
    """What became of the files, by source and path: `loaded`, `gone`, or the reason why one is not let in."""
    with closing(sqlite3.connect(plot.warehouse)) as connection:
        rows = connection.execute("SELECT source || '/' || path, coalesce(reason, state) FROM source_file")
        return dict(rows.fetchall())


def as_nobody(work: Callable[[], str]) -> str:
    """What the work says, done in a copy of this process that has nobody's rights; what it raises is told.

    The copy may be unable to read even Python's modules: what it needs must have been imported before. It must be done
    by root. A copy that hangs is killed.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        _work_and_end(work, writing)
    os.close(writing)
    with open(reading, "rb") as said:
        words = said.read()
    os.waitpid(pid, 0)
    return str(json.loads(words)) if words else f"it hung for {LIMIT_SECONDS} s, or was killed"


def _work_and_end(work: Callable[[], str], writing: int) -> NoReturn:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(LIMIT_SECONDS)
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    try:
        words = work()
    except SigidError as error:
        words = str(error)
    except BaseException:
        words = traceback.format_exc()
    os.write(writing, json.dumps(words).encode())
    os._exit(0)


@contextmanager
def common_ground() -> Iterator[Path]:
    """A folder that everybody can reach, nobody's own; it is removed however deep it has become."""
    folder = Path(tempfile.mkdtemp(prefix="sigid-common-", dir="/tmp"))  # into what pytest makes nobody gets
    try:
        os.chown(folder, NOBODY, NOBODY)
        yield folder
    finally:
        subprocess.run(["rm", "-rf", "--", folder], check=True)  # Python's own gives up a thousand folders deep
