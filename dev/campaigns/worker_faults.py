"""worker-faults: the processes that read files crash, hang, run out of memory, or are killed and stopped by others."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from dev.campaigns.campaign import Campaign, Finding, Ground
from dev.campaigns.ground import Case, Plot, at_work, awaited, cases, children_of, two_at_a_time
from dev.campaigns.poisoned import FATES
from sigid.errors import Reason
from sigid.warehouse.warehouse import open_warehouse

_LOAD = "load_source_a"
_POISONED = ("-m", "dev.campaigns.poisoned")
_AT_WORK_SECONDS = 0.02
"""About so long the processes are at work."""
_ATTACKS = (signal.SIGKILL, signal.SIGSTOP)


@dataclass(frozen=True, slots=True)
class _Poisoning:
    """Two files bring down each process that reads them."""

    number: int
    case: Case
    workers: int
    fate: str
    files: tuple[str, str]

    def __str__(self) -> str:
        return f"{self.fate} over {' and '.join(self.files)}, {self.workers} workers"


@dataclass(frozen=True, slots=True)
class _Attack:
    """Somebody kills or stops a process that a load has started."""

    number: int
    case: Case
    workers: int
    signal: signal.Signals
    instant: float
    choice: float

    def __str__(self) -> str:
        return f"{self.case.name} {self.number}, {self.signal.name} after {self.instant:.3f} s, {self.workers} workers"


def _run(ground: Ground) -> Finding:
    dice = random.Random(ground.seed)
    made = [replace(case, plot=replace(case.plot, program=_POISONED)) for case in cases(ground.seed)]
    poisonings = list(_poisonings(ground, made[0], dice))
    failures = two_at_a_time(partial(_complaints_of_poisoning, ground.folder), poisonings)
    attacks = list(_attacks(ground, made, dice))
    hits: list[int] = []
    failures += two_at_a_time(partial(_complaints_of_attack, ground.folder, hits), attacks)
    return Finding(
        f"{len(poisonings)} loads with two files that no process survives ({len(FATES)} ways): the two unreadable, all "
        f"others loaded; {sum(hits)} of {len(attacks)} processes killed or stopped by others cost no file",
        failures,
    )


def _poisonings(ground: Ground, case: Case, dice: random.Random) -> Iterator[_Poisoning]:
    names = sorted(file.name for file in case.plot.datasets.rglob("*.*") if file.is_file())
    ways = [(fate, workers) for fate in FATES for workers in (1, 2)]
    for number, (fate, workers) in enumerate(dice.sample(ways, ground.of(2, len(ways)))):
        one, other = dice.sample(names, 2)
        yield _Poisoning(number, case, workers, fate, (one, other))


def _attacks(ground: Ground, made: list[Case], dice: random.Random) -> Iterator[_Attack]:
    for number in range(ground.of(2, 40)):
        instant = dice.uniform(0, _AT_WORK_SECONDS)
        attack = _ATTACKS[number // 4 % 2]
        yield _Attack(number, made[number % 2], 1 + number // 2 % 2, attack, instant, dice.random())


def _complaints_of_poisoning(folder: Path, poisoning: _Poisoning) -> Iterator[str]:
    plot = poisoning.case.plot.copied(folder / f"poisoning {poisoning.number}")
    run = plot.doit(
        _LOAD,
        environment={
            "SIGID_WORKERS": str(poisoning.workers),
            "POISONED_FATE": poisoning.fate,
            "POISONED_FILES": ",".join(poisoning.files),
        },
    )
    if run.code or "Traceback" in run.words:
        yield f"{poisoning}: it ends with {run.code}: {run.words!r}"
        return
    if (rejected := _rejected(plot)) != dict.fromkeys(poisoning.files, Reason.UNREADABLE):
        yield f"{poisoning}: rejected are {rejected}"
    if " 38 added, " not in run.counts:
        yield f"{poisoning}: {run.counts}"
    for complaint in plot.trouble(poisoning.case.clean):
        yield f"{poisoning}: {complaint}"


def _rejected(plot: Plot) -> dict[str, Reason]:
    """The names that are rejected, with their reasons."""
    with open_warehouse(f"sqlite:///{plot.warehouse}") as warehouse:
        return {each.path.rpartition("/")[2]: each.reason for each in warehouse.rejections()}


def _complaints_of_attack(folder: Path, hits: list[int], attack: _Attack) -> Iterator[str]:
    plot = attack.case.plot.copied(folder / f"attack {attack.number}")
    start = partial(plot.start, _LOAD, environment={"SIGID_WORKERS": str(attack.workers)})
    begun = time.monotonic()
    with at_work(plot, start) as process:
        while not _targets(attack, process.pid) and process.poll() is None:
            time.sleep(0.001)
        time.sleep(attack.instant)
        if targets := _targets(attack, process.pid):
            with suppress(ProcessLookupError):
                os.kill(targets[int(attack.choice * len(targets))], attack.signal)
                hits.append(1)
        run = awaited(process, begun)
    if run.code or "Traceback" in run.words:
        yield f"{attack}: it ends with {run.code}: {run.words!r}"
    elif plot.digest() != attack.case.clean:
        yield f"{attack}: it ends with 0, and content is missing: {run.counts}"
    for complaint in plot.trouble(attack.case.clean):
        yield f"{attack}: {complaint}"


def _targets(attack: _Attack, pid: int) -> list[int]:
    """Which processes of the load are attacked: any may be killed, and those that read be stopped.

    What starts several of these is waited for, as Python does it: to stop that is to stop the load.
    """
    children = children_of(pid)
    below = [each for child in children for each in children_of(child)]
    if attack.workers > 1:
        return below if attack.signal == signal.SIGSTOP else [*children, *below]
    return children


CAMPAIGN = Campaign(
    "worker-faults",
    "where a process that reads files crashes, hangs or is killed, no file is lost but one over which each does",
    _run,
)
