"""random-kills: a load is killed at any instant of its work, once or up to three times, until enough kills landed."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dev.campaigns.campaign import Campaign, Finding, Ground
from dev.campaigns.ground import Case, Plot, at_work, cases, seconds_of_work, two_at_a_time

_LOAD = "load_source_a"
_PAIRS = 8
"""So many pairs of trials are made at a time, before the kills are counted that have landed."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A load of a case that is to be killed at these parts of the time that its work takes, one after the other."""

    number: int
    case: Case
    seconds: float
    """What the work takes that nothing disturbs."""
    instants: tuple[float, ...]

    def __str__(self) -> str:
        instants = ", ".join(f"{each:.3f}" for each in self.instants)
        return f"{self.case.name} {self.number}, killed after {instants} of {self.seconds:.2f} s"


def _run(ground: Ground) -> Finding:
    dice = random.Random(ground.seed)
    timed = [
        (case, seconds_of_work(case.plot, ground.folder / f"{case.name} timed", _LOAD)) for case in cases(ground.seed)
    ]
    wanted = ground.of(8, 200)
    failures: list[str] = []
    landed = trials = kills = 0
    while landed < wanted and trials < 5 * wanted:
        some = [_trial(dice, trials + each, *timed[each % len(timed)]) for each in range(ground.of(4, 2 * _PAIRS))]
        hits: list[int] = []
        failures += two_at_a_time(partial(_complaints, ground.folder, hits), some)
        trials += len(some)
        kills += sum(len(trial.instants) for trial in some)
        landed += sum(hits)
    if landed < wanted:
        failures.append(f"only {landed} kills have landed")
    figure = f"{landed} of {kills} kills landed, in {trials} loads (seed {ground.seed})"
    return Finding(figure, failures)


def _trial(dice: random.Random, number: int, case: Case, seconds: float) -> Trial:
    return Trial(number, case, seconds, tuple(dice.uniform(0, seconds) for _ in range(dice.choice((1, 1, 2, 3)))))


def _complaints(folder: Path, hits: list[int], trial: Trial) -> Iterator[str]:
    plot = trial.case.plot.copied(folder / f"trial {trial.number}")
    hits.append(sum(_is_killed(plot, instant) for instant in trial.instants))
    for complaint in plot.trouble(trial.case.clean):
        yield f"{trial}: {complaint}"


def _is_killed(plot: Plot, instant: float) -> bool:
    """Kill a load so long after its work began. Returns whether it was still at it."""
    with at_work(plot, lambda: plot.start(_LOAD)) as process:
        time.sleep(instant)
        process.kill()
        process.communicate()
    return process.returncode == -signal.SIGKILL


CAMPAIGN = Campaign("random-kills", "a load that is killed at any instant is finished by the next one", _run)
