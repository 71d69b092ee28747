"""dlt, in an environment of the rivals' own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Collection, Mapping

from dev.benchmark.contestants.base import Loader
from dev.benchmark.measure import Command
from dev.benchmark.scenario import Scenario
from dev.benchmark.tree import PROJECT

_PROGRAMS = "dev.benchmark.programs"


class Dlt(Loader):
    """Its filesystem source, incremental on the modification date, merged into DuckDB."""

    name = "dlt"
    title = "dlt -> DuckDB"

    def missing(self) -> str:
        return self.place.rivals.trouble

    def version(self) -> str:
        rivals = self.place.rivals
        return f"dlt {rivals.version('dlt')} with DuckDB {rivals.version('duckdb')}"

    def command(self, scenario: Scenario) -> Command:
        environment = self.environment(
            BENCHMARK_TREE=str(self.tree.root),
            BENCHMARK_STATE=str(self.state),
            RUNTIME__DLTHUB_TELEMETRY="false",
        )
        return Command((self.place.rivals.python, "-m", f"{_PROGRAMS}.dlt_load"), PROJECT, environment)

    def held(self, paths: Collection[str]) -> tuple[int, Mapping[str, int]]:
        ran = subprocess.run(
            [self.place.rivals.python, "-m", f"{_PROGRAMS}.duckdb_rows", self.state / "warehouse.duckdb"],
            input=json.dumps(list(paths)),
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode:
            raise ValueError((ran.stderr.strip().splitlines() or ["the reader said nothing"])[-1])
        rows, sizes = json.loads(ran.stdout)
        return rows, sizes
