"""signals: a load is asked to stop in the ways in which programs are, or its reader leaves, at any instant."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dev.campaigns.campaign import Campaign, Finding, Ground
from dev.campaigns.ground import Case, Plot, Run, at_work, awaited, cases, seconds_of_work, two_at_a_time

_LOAD = "load_source_a"
_WAYS: dict[str, tuple[signal.Signals, ...]] = {
    "SIGTERM": (signal.SIGTERM,),
    "SIGINT": (signal.SIGINT,),
    "SIGINT twice": (signal.SIGINT, signal.SIGINT),
    "SIGHUP": (signal.SIGHUP,),
    "a reader who leaves": (),
}
_BETWEEN_SECONDS = 0.01
_PROMPT_SECONDS = 2.0
_STOPPED = "; what was committed stands, and the next run does the rest"


@dataclass(frozen=True, slots=True)
class _Trial:
    number: int
    case: Case
    way: str
    instant: float

    def __str__(self) -> str:
        return f"{self.case.name} {self.number}, {self.way} after {self.instant:.3f} s"


@dataclass(frozen=True, slots=True)
class _End:
    """How a load ended that was asked to."""

    trial: _Trial
    run: Run
    landed: bool
    """Whether it was still at work then."""


def _run(ground: Ground) -> Finding:
    dice = random.Random(ground.seed)
    made = cases(ground.seed)
    seconds = [seconds_of_work(case.plot, ground.folder / f"{case.name} timed", _LOAD) for case in made]
    trials = [
        _Trial(len(_WAYS) * turn + number, made[turn % 2], way, dice.uniform(0, seconds[turn % 2]))
        for turn in range(ground.of(1, 10))
        for number, way in enumerate(_WAYS)
    ]
    ends: list[_End] = []
    failures = two_at_a_time(partial(_complaints, ground.folder, ends), trials)
    landed = [end for end in ends if end.landed]
    counts = ", ".join(f"{sum(end.trial.way == way for end in landed)} x {way}" for way in _WAYS)
    slowest = max((end.run.seconds for end in landed if _WAYS[end.trial.way]), default=0.0)
    return Finding(f"{counts} while at work; who was asked ended within {slowest:.1f} s", failures)


def _complaints(folder: Path, ends: list[_End], trial: _Trial) -> Iterator[str]:
    plot = trial.case.plot.copied(folder / f"trial {trial.number}")
    ends.append(end := _asked(plot, trial))
    for complaint in (*_wrong(plot, end), *plot.trouble(trial.case.clean)):
        yield f"{trial}: {complaint}"


def _asked(plot: Plot, trial: _Trial) -> _End:
    """Ask a load to stop so long after its work began; the seconds of its end count from there."""
    with at_work(plot, lambda: plot.start(_LOAD)) as process:
        if not (signals := _WAYS[trial.way]):
            return _End(trial, _without_reader(process), landed=True)
        time.sleep(trial.instant)
        landed = process.poll() is None
        begun = time.monotonic()
        for number in signals:
            process.send_signal(number)
            time.sleep(_BETWEEN_SECONDS)
        return _End(trial, awaited(process, begun), landed)


def _without_reader(process: subprocess.Popen[str]) -> Run:
    """Leave the load after its first line, as head does."""
    begun = time.monotonic()
    if process.stdout:
        process.stdout.readline()
        process.stdout.close()
        process.stdout = None
    return awaited(process, begun)


def _wrong(plot: Plot, end: _End) -> Iterator[str]:
    code, words = end.run.code, end.run.words
    if "Traceback" in words or "Exception" in words:
        yield f"it has a traceback: {end.run.last_line}"
    if code == 0 and plot.digest() != end.trial.case.clean:
        yield "it ends with 0, and content is missing"
    if end.trial.way == "a reader who leaves":
        if code:
            yield f"it ends with {code}: {end.run.last_line}"
    elif code == 1 and _STOPPED not in words:
        yield f"it ends with 1 and says {end.run.last_line!r}"
    elif code not in (0, 1, *(-number for number in _WAYS[end.trial.way])):
        yield f"it ends with {code}: {end.run.last_line}"
    if end.run.seconds > _PROMPT_SECONDS and code:
        yield f"it ended {end.run.seconds:.1f} s later only"


CAMPAIGN = Campaign(
    "signals", "a load that is asked to stop does so at once, in one line, and is finished by the next one", _run
)
