"""CocoIndex, in an environment of the rivals' own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from dev.benchmark.contestants.base import Loader, held_in_sqlite
from dev.benchmark.measure import Command
from dev.benchmark.scenario import Scenario
from dev.benchmark.tree import PROJECT


class CocoIndex(Loader):
    """A walk of the tree, a memoised function a file, a table in SQLite."""

    name = "cocoindex"
    title = "CocoIndex -> SQLite"

    def missing(self) -> str:
        return self.place.rivals.trouble

    def version(self) -> str:
        return f"CocoIndex {self.place.rivals.version('cocoindex')}"

    def command(self, scenario: Scenario) -> Command:
        environment = self.environment(
            BENCHMARK_TREE=str(self.tree.root),
            BENCHMARK_DATABASE=str(self._database),
            COCOINDEX_DB=str(self.state / "cocoindex"),
            COCOINDEX_DISABLE_USAGE_TRACKING="1",
        )
        program = "dev.benchmark.programs.cocoindex_load"
        return Command((self.place.rivals.python, "-m", program), PROJECT, environment)

    def held(self, paths: Collection[str]) -> tuple[int, Mapping[str, int]]:
        return held_in_sqlite(self._database, paths)

    @property
    def _database(self) -> Path:
        return self.state / "signatures.sqlite"
