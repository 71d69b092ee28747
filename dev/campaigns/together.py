"""together: loads of one source meet; one loads, and the others are told who does. A killed one's lock is free."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from dev.campaigns.campaign import Campaign, Finding, Ground
from dev.campaigns.ground import Case, Plot, Run, awaited, cases, two_at_a_time
from sigid.errors import BusyError
from sigid.running import only_one

_LOAD = "load_source_a"
_WAITING_LOADER = ("-m", "dev.campaigns.loader", "10", "wait")
_ADDED = {"first load": 40, "later load": 20}
_TOLD = re.compile(r"(?:scan|load)_source_a failed: a .*load of source_a .*is under way \(process \d+\); run again .*")
_LEFT_OUT = "load_source_a is left out: scan_source_a failed"
_FREE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Meeting:
    number: int
    case: Case
    loads: int
    builds: int
    """In so many build folders: the lock of each keeps its own loads apart, and the warehouse's those of all."""

    def __str__(self) -> str:
        return f"{self.case.name} {self.number}, {self.loads} at once in {self.builds} build folders"


@dataclass(frozen=True, slots=True)
class _Death:
    number: int
    case: Case
    workers: int

    def __str__(self) -> str:
        return f"{self.case.name} {self.number}, killed with {self.workers} workers"


def _run(ground: Ground) -> Finding:
    made = cases(ground.seed)
    sizes = [2] * ground.of(4, 50) + [4] * ground.of(1, 10)
    meetings = [_Meeting(number, made[number % 2], loads, 1 + number // 2 % 2) for number, loads in enumerate(sizes)]
    told: list[int] = []
    failures = two_at_a_time(partial(_complaints_of_meeting, ground.folder, told), meetings)
    deaths = [_Death(number, made[number % 2], 1 + number // 2 % 2) for number in range(ground.of(4, 20))]
    freed: list[float] = []
    failures += two_at_a_time(partial(_complaints_of_death, ground.folder, freed), deaths)
    others = sum(sizes) - len(sizes)
    return Finding(
        f"{sizes.count(2)} pairs and {sizes.count(4)} fours: one of each loaded, {sum(told)} of {others} others were "
        f"told so and the rest came too late to load; after {len(freed)} kills the lock was free in {max(freed):.3f} s",
        failures,
    )


def _complaints_of_meeting(folder: Path, told: list[int], meeting: _Meeting) -> Iterator[str]:
    own = meeting.case.plot.copied(folder / f"meeting {meeting.number}" / "0")
    plots = [own, *(_beside(own, str(each)) for each in range(1, meeting.builds))]
    begun = time.monotonic()
    processes = [plots[each % len(plots)].start(_LOAD) for each in range(meeting.loads)]
    runs = [awaited(process, begun) for process in processes]
    told.append(sum(_is_told(run) for run in runs))
    loaded = [run.counts for run in runs if run.code == 0 and " 0 added, " not in run.counts and run.counts]
    if len(loaded) != 1 or f" {_ADDED[meeting.case.name]} added, " not in loaded[0]:
        yield f"{meeting}: it was loaded as {loaded}"
    for run in runs:
        if run.code and not _is_told(run):
            yield f"{meeting}: a load ends with {run.code} and says: {run.words!r}"
    for complaint in own.trouble(meeting.case.clean):
        yield f"{meeting}: {complaint}"


def _beside(plot: Plot, build: str) -> Plot:
    """Another build folder of the same warehouse."""
    return replace(plot, build=plot.build.parent / build, url=f"sqlite:///{plot.warehouse}")


def _is_told(run: Run) -> bool:
    """Whether all that it says of a failure is who is at it."""
    lines = [line for line in run.err.splitlines() if line != _LEFT_OUT]
    return run.code in (1, 2) and len(lines) == 1 and bool(_TOLD.fullmatch(lines[0]))


def _complaints_of_death(folder: Path, freed: list[float], death: _Death) -> Iterator[str]:
    plot = death.case.plot.copied(folder / f"death {death.number}")
    holder = replace(plot, program=_WAITING_LOADER)
    with holder.start(environment={"SIGID_WORKERS": str(death.workers)}) as process:
        if process.stdout is None or not process.stdout.readline():
            yield f"{death}: it did not get to its first batch"
        process.kill()
        seconds = _seconds_until_free(plot)
        process.communicate()
    freed.append(seconds)
    if seconds > _FREE_SECONDS:
        yield f"{death}: the lock was free after {seconds:.1f} s only"
    for complaint in plot.trouble(death.case.clean):
        yield f"{death}: {complaint}"


def _seconds_until_free(plot: Plot) -> float:
    """How long it takes until both locks can be had."""
    begun = time.monotonic()
    for lock in (plot.build / "source_a" / "lock", plot.warehouse.with_name("warehouse.sqlite.source_a.lock")):
        while time.monotonic() < begun + 10 * _FREE_SECONDS and not _is_free(lock):
            time.sleep(0.002)
    return time.monotonic() - begun


def _is_free(lock: Path) -> bool:
    try:
        with only_one(str(lock), "a campaign"):
            return True
    except BusyError:
        return False


CAMPAIGN = Campaign("together", "of loads that meet one loads, and the lock of a killed one is free at once", _run)
