"""failed-writes: the disk refuses a system call, once or from then on, as one that is damaged or full does."""

from __future__ import annotations

import random
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dev.campaigns.campaign import Campaign, Finding, Ground
from dev.campaigns.ground import Case, Plot, Run, cases, two_at_a_time
from dev.campaigns.points import Point, disturbed, points_of

_LOAD = "load_source_a"
_ERRORS = ("EIO", "ENOSPC")
_EVERY = 3
"""Every so manieth point is one from which on the call is refused for ever."""
_SAMPLE = 600
"""So many of the points and errors, of some 1,700: all take twenty minutes."""
_NEEDED = frozenset({"openat", "open", "write"})
"""Without these the interpreter cannot go on, nor the program tell of it: they are refused once."""
_FAILED = frozenset({1, 2})
"""The exit codes of doit where a task failed, and where another one was left out for that."""
_TOLD = re.compile(r"(?:scan_source_a|load_source_a) (?:failed: .+; .+|is left out: .+)")


@dataclass(frozen=True, slots=True)
class _Trial:
    case: Case
    point: Point
    error: str
    for_ever: bool

    @property
    def folder(self) -> str:
        words = (self.case.name, self.point.call, self.point.number, self.error, self.for_ever)
        return "-".join(map(str, words)).replace(" ", "-")

    def __str__(self) -> str:
        return f"{self.case.name}, {self.error} {'from' if self.for_ever else 'at'} {self.point}"


def _run(ground: Ground) -> Finding:
    dice = random.Random(ground.seed)
    trials: list[_Trial] = []
    for case in cases(ground.seed):
        points = points_of(case.plot.copied(ground.folder / case.name), ground.folder / "log", _LOAD)
        trials += _trials(case, points)
    chosen = [
        trials[each] for each in sorted(dice.sample(range(len(trials)), ground.of(12, min(_SAMPLE, len(trials)))))
    ]
    ends: Counter[str] = Counter()
    failures = two_at_a_time(partial(_complaints, ground.folder, ends), chosen)
    told = ", ".join(f"{count} {how}" for how, count in sorted(ends.items()))
    return Finding(f"{len(chosen)} of {len(trials)} refused calls: {told}", failures)


def _trials(case: Case, points: Sequence[Point]) -> Iterator[_Trial]:
    for error in _ERRORS:
        yield from (_Trial(case, point, error, for_ever=False) for point in points)
        lasting = [point for point in points if point.call not in _NEEDED]
        yield from (_Trial(case, point, error, for_ever=True) for point in lasting[::_EVERY])


def _complaints(folder: Path, ends: Counter[str], trial: _Trial) -> Iterator[str]:
    plot = trial.case.plot.copied(folder / trial.folder / "build")
    log = folder / trial.folder / "log"
    log.parent.mkdir(exist_ok=True)
    run, hit = disturbed(plot, log, trial.point, f"error={trial.error}", _LOAD, when="+" if trial.for_ever else "")
    if not hit:
        yield f"{trial}: it was not hit there"
    for complaint in (*_untold(plot, run, trial.case.clean), *plot.trouble(trial.case.clean)):
        yield f"{trial}: {complaint}"
    ends["came to the whole content all the same" if run.code == 0 else "told in a line"] += 1
    shutil.rmtree(folder / trial.folder)


def _untold(plot: Plot, run: Run, clean: str) -> Iterator[str]:
    """What is wrong with how the run ended: with all that there is, or with words for what there is not."""
    if "Traceback" in run.words:
        yield f"it has a traceback: {run.last_line}"
    if run.code == 0 and plot.digest() != clean:
        yield f"it ends with 0, and content is missing: {run.counts}"
    if run.code and run.code not in _FAILED:
        yield f"it ends with {run.code}: {run.last_line}"
    if run.code in _FAILED and not (run.err and all(map(_TOLD.fullmatch, run.err.splitlines()))):
        yield f"it ends with {run.code} and says: {run.err!r}"


CAMPAIGN = Campaign(
    "failed-writes",
    "a load to which the disk refuses anything says so, or needs it not, and is finished by the next one",
    _run,
    programs=("strace",),
)
