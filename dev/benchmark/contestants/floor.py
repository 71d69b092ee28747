"""The floor: what a cold load of these files into SQLite costs at the least, in Python."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping

from dev.benchmark.contestants.base import Loader, held_in_sqlite
from dev.benchmark.measure import Command
from dev.benchmark.programs import floor
from dev.benchmark.scenario import Scenario
from dev.benchmark.tree import PROJECT
from sigid.pipeline.workers import FILES_WORTH_A_PROCESS


class Floor(Loader):
    """Read, xxh3, parse, insert; with as many processes as sigid uses."""

    name = "floor"
    title = "floor: read, xxh3, parse, insert"
    scenarios = (Scenario.COLD,)

    def version(self) -> str:
        return ""

    def command(self, scenario: Scenario) -> Command:
        processes = max(1, min(self.place.workers, len(self.tree.paths) // FILES_WORTH_A_PROCESS))
        program = (sys.executable, "-m", floor.__name__)
        arguments = (*program, str(self.tree.root), str(self.state / "floor.sqlite"), str(processes))
        return Command(arguments, PROJECT, self.environment())

    def held(self, paths: Collection[str]) -> tuple[int, Mapping[str, int]]:
        return held_in_sqlite(self.state / "floor.sqlite", paths)
