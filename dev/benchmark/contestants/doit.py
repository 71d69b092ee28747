"""doit as it comes: a task a file, and a dodo file with next to nothing in it."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from importlib.metadata import version
from pathlib import Path

from dev.benchmark.contestants.base import Contestant, Loader, Verdict, held_in_sqlite
from dev.benchmark.measure import Command
from dev.benchmark.scenario import Scenario
from dev.benchmark.tree import PROJECT, Alteration

_PROGRAMS = PROJECT / "dev" / "benchmark" / "programs"


def _doit(dodo: str, state: Path) -> tuple[str, ...]:
    """doit with one of the dodo files here, which keeps its own state in that folder."""
    return (sys.executable, "-m", "doit", "--file", str(_PROGRAMS / dodo), "--dir", str(state))


class PlainDoit(Loader):
    """A task for each file, which parses it and puts it into SQLite."""

    name = "doit"
    title = "doit, one task per file -> SQLite"

    def version(self) -> str:
        return f"doit {version('doit')}"

    def command(self, scenario: Scenario) -> Command:
        variables = {"BENCHMARK_TREE": str(self.tree.root), "BENCHMARK_DATABASE": str(self._database)}
        return Command(_doit("plain_doit.py", self.state), self.state, self.environment(**variables))

    def held(self, paths: Collection[str]) -> tuple[int, Mapping[str, int]]:
        return held_in_sqlite(self._database, paths)

    @property
    def _database(self) -> Path:
        return self.state / "signatures.sqlite"


class OneEmptyTask(Contestant):
    """`doit list` of a dodo file with one empty task: what listing costs before there is anything to list."""

    name = "list"
    title = "doit list, one empty task"
    scenarios = (Scenario.LIST,)

    def version(self) -> str:
        return ""

    def command(self, scenario: Scenario) -> Command:
        program, *options = (sys.executable, "-m", "doit"), "--file", str(_PROGRAMS / "one_empty_task.py")
        arguments = (*program, "list", *options, "--dir", str(self.state))
        return Command(arguments, self.state, self.environment())

    def verdict(self, scenario: Scenario, alteration: Alteration, output: Path) -> Verdict:
        return Verdict("" if b"empty" in output.read_bytes() else "it did not list its task")
