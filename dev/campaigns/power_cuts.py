"""power-cuts: the disk loses power while a load writes to it; what was reported as committed is there afterwards."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from dev.campaigns.campaign import Campaign, Finding, Ground
from dev.campaigns.disk import PROGRAMS, Disk, disk
from dev.campaigns.ground import Case, Plot, at_work, cases, seconds_of_work, two_at_a_time
from dev.campaigns.starter import PROJECT
from sigid.pipeline.facts import hash_of

_LOADER = ("-m", "dev.campaigns.loader", "5")
_TOLD = re.compile(rb"^(\d+) of (\d+)$", re.MULTILINE)
_DISKS = 2


@dataclass(slots=True)
class _Tally:
    """What came of the cuts."""

    reported: int = 0
    """Files that had been reported as committed, of all loads together."""
    at_work: int = 0
    """Loads that were at work when the power went."""
    forgotten: int = 0
    """Cuts at which the disk forgot what had been written last, and not synced: otherwise it was no cut."""


@dataclass(frozen=True, slots=True)
class _Trial:
    number: int
    case: Case
    seconds: float
    """After so long the power is cut."""

    def __str__(self) -> str:
        return f"{self.case.name} {self.number}, cut after {self.seconds:.3f} s"


def _run(ground: Ground) -> Finding:
    dice = random.Random(ground.seed)
    made = cases(ground.seed)
    seconds = [seconds_of_work(_loading(case.plot), ground.folder / f"{case.name} timed") for case in made]
    cuts = ground.of(4, 60)
    trials = [_Trial(number, made[number % len(made)], dice.uniform(0, seconds[number % 2])) for number in range(cuts)]
    tally = _Tally()

    def on_one_disk(share: int) -> Iterator[str]:
        with disk(ground.folder / f"disk {share}") as own:
            for trial in trials[share::_DISKS]:
                yield from _complaints(own, trial, tally)

    failures = two_at_a_time(on_one_disk, range(_DISKS))
    if tally.forgotten < cuts:
        failures.append(f"{cuts - tally.forgotten} cuts forgot nothing that was not synced: they were none")
    figure = (
        f"{cuts} cuts, {tally.at_work} of them in the middle of a load; {tally.reported} files had been reported as "
        "committed, and all were there"
    )
    return Finding(figure, failures)


def _complaints(own: Disk, trial: _Trial, tally: _Tally) -> Iterator[str]:
    plot = trial.case.plot.copied(own.folder / f"trial {trial.number}")
    (own.folder / "synced").write_bytes(b"before")
    os.sync()
    done, total = _cut_off(plot, own, trial.seconds, tally)
    tally.forgotten += not (own.folder / "not synced").exists()
    tally.reported += done
    for path in _lost(plot, done, total, trial):
        yield f"{trial}: {path} was reported as committed, and is not there"
    for complaint in plot.trouble(trial.case.clean):
        yield f"{trial}: {complaint}"
    shutil.rmtree(plot.build)


def _cut_off(plot: Plot, own: Disk, seconds: float, tally: _Tally) -> tuple[int, int]:
    """Cut the power while a load is at work. Returns how many of how many files it had reported as committed.

    It is stopped before, and its reports are read: what it says of a commit while the power goes would count otherwise.
    """
    with at_work(plot, lambda: _loader(plot)) as process:
        if process.stdout is None:
            raise AssertionError("it is a pipe")
        time.sleep(seconds)
        if is_at_work := process.poll() is None:
            _stop(process)
            tally.at_work += 1
        (own.folder / "not synced").write_bytes(b"after")
        own.cut()
        if is_at_work:
            os.killpg(process.pid, signal.SIGKILL)
        reports = _TOLD.findall(process.stdout.read())
    own.unmount()
    own.mount()
    done, total = map(int, reports[-1]) if reports else (0, 0)
    return done, total


def _loader(plot: Plot) -> subprocess.Popen[bytes]:
    """A load in a session of its own, with all processes that it starts."""
    return subprocess.Popen(
        _loading(plot).command(),
        cwd=PROJECT,
        env=plot.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _loading(plot: Plot) -> Plot:
    return replace(plot, program=_LOADER)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop the load and what it has started, and be there when it stands; it may also have come to its end."""
    os.killpg(process.pid, signal.SIGSTOP)
    while _state(process.pid) not in "TZ":
        time.sleep(0.001)


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _lost(plot: Plot, done: int, total: int, trial: _Trial) -> Iterator[str]:
    """The files that were reported as committed, and of which the ledger does not have the content."""
    ledger = _ledger(plot)
    files = _files_of(trial)
    if total not in (0, len(files)):
        raise RuntimeError(f"{trial}: the load reads {total} files, and {len(files)} are thought to be read")
    for path in sorted(files)[:done]:
        if ledger.get(path) != hash_of(files[path]).hex():
            yield path


def _ledger(plot: Plot) -> Mapping[str, str]:
    """The hashes of what is loaded, by path."""
    if not plot.warehouse.exists():
        return {}
    with closing(sqlite3.connect(plot.warehouse)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'source_file'").fetchone():
            return {}
        return dict(connection.execute("SELECT path, content_hash FROM source_file WHERE state = 'loaded'"))


def _files_of(trial: _Trial) -> Mapping[str, bytes]:
    """What the load reads, batch by batch in the order of the paths: all, since none had rested at the load before."""
    root = trial.case.plot.datasets / "SOURCE_A"
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*.*") if file.is_file()}


CAMPAIGN = Campaign(
    "power-cuts",
    "a batch that was reported as committed outlasts a loss of power, and the next load does the rest",
    _run,
    programs=PROGRAMS,
    needs_root=True,
)
