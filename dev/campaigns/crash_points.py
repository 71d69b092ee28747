"""crash-points: a load is killed before each system call that changes the disk, and so is the run that mends it."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dev.campaigns.campaign import Campaign, Finding, Ground
from dev.campaigns.ground import Case, Plot, cases, two_at_a_time
from dev.campaigns.points import Point, disturbed, in_files, points_of

_KILL = "signal=SIGKILL"
_LOAD = "load_source_a"


@dataclass(frozen=True, slots=True)
class _Trial:
    case: Case
    first: Point
    again: int = 0
    """At how manieth point the run that follows is killed, too; 0: it is not."""

    @property
    def folder(self) -> str:
        return f"{self.case.name}-{self.first.call}-{self.first.number}-{self.again}".replace(" ", "-")

    def __str__(self) -> str:
        again = f", and the next run at its point {self.again}" if self.again else ""
        return f"{self.case.name}, killed at {self.first}{again}"


def _run(ground: Ground) -> Finding:
    dice = random.Random(ground.seed)
    trials: list[_Trial] = []
    words = []
    for case in cases(ground.seed):
        points = points_of(case.plot.copied(ground.folder / case.name), ground.folder / "log", _LOAD)
        chosen = sorted(dice.sample(range(len(points)), ground.of(6, len(points))))
        trials += [_Trial(case, points[each]) for each in chosen]
        doubly = dice.sample(chosen, ground.of(1, 10))
        trials += [
            _Trial(case, points[each], again) for each in doubly for again in dice.sample(range(1, 41), ground.of(1, 5))
        ]
        words.append(f"{len(chosen)} of {len(points)} points of a {case.name} ({in_files(points)})")
    failures = two_at_a_time(partial(_complaints, ground.folder), trials)
    twice = sum(bool(trial.again) for trial in trials)
    return Finding(f"killed at {', '.join(words)}; {twice} times again while that was mended", failures)


def _complaints(folder: Path, trial: _Trial) -> Iterator[str]:
    plot = trial.case.plot.copied(folder / trial.folder / "build")
    log = folder / trial.folder / "log"
    log.parent.mkdir(exist_ok=True)
    run, hit = disturbed(plot, log, trial.first, _KILL, _LOAD)
    if not hit or run.code != -9:
        yield f"{trial}: it was not hit there, and ends with {run.code}"
    if trial.again:
        _kill_again(plot, log, trial.again)
    for complaint in plot.trouble(trial.case.clean):
        yield f"{trial}: {complaint}"
    shutil.rmtree(folder / trial.folder)


def _kill_again(plot: Plot, log: Path, number: int) -> None:
    """Kill the next run at about that point, counted from its first one; where there are fewer, at its last."""
    points = points_of(plot.copied(log.parent / "watched"), log, _LOAD)
    disturbed(plot, log, points[min(number, len(points)) - 1], _KILL, _LOAD)


CAMPAIGN = Campaign(
    "crash-points",
    "a load that is killed before any system call that changes the disk is finished by the next one",
    _run,
    programs=("strace",),
)
