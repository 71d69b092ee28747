"""sigid, as its users run it."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Collection, Mapping
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from dev.benchmark.contestants.base import Contestant, Loader, Verdict
from dev.benchmark.measure import Command
from dev.benchmark.scenario import LOADS, Scenario
from dev.benchmark.tree import PROJECT, Alteration


def doit(contestant: Contestant, task: str) -> Command:
    """One of sigid's tasks, on the tree, with a warehouse and a build folder in the contestant's state."""
    environment = contestant.environment(
        SIGID_DATASETS=str(contestant.tree.datasets),
        SIGID_BUILD=str(contestant.state),
        SIGID_WAREHOUSE=f"sqlite:///{contestant.state / 'warehouse.sqlite'}",
        SIGID_WORKERS=str(contestant.place.workers),
    )
    return Command((sys.executable, "-m", "doit", task), PROJECT, environment)


class Sigid(Loader):
    """`doit load_source_a`, the whole process; `doit list` where listing is measured."""

    name = "sigid"
    title = "sigid"
    scenarios = (*LOADS, Scenario.LIST)

    def version(self) -> str:
        return f"doit {version('doit')}"

    def command(self, scenario: Scenario) -> Command:
        return doit(self, "list" if scenario is Scenario.LIST else "load_source_a")

    def verdict(self, scenario: Scenario, alteration: Alteration, output: Path) -> Verdict:
        return Verdict() if scenario is Scenario.LIST else super().verdict(scenario, alteration, output)

    def held(self, paths: Collection[str]) -> tuple[int, Mapping[str, int]]:
        current = "FROM source_file f JOIN signature s ON s.id = f.signature_id WHERE s.retired_at IS NULL"
        size = f"SELECT f.path, f.size {current} AND f.source = 'source_a' AND f.path = ?"
        with closing(sqlite3.connect(self.state / "warehouse.sqlite")) as connection:
            (rows,) = connection.execute(f"SELECT count(*) {current} AND f.state = 'loaded'").fetchone()
            return rows, dict(row for path in paths for row in connection.execute(size, (path,)))


class SigidScan(Contestant):
    """`doit scan_source_a` alone."""

    name = "scan"
    title = "sigid, scan_source_a alone"

    def version(self) -> str:
        return ""

    def command(self, scenario: Scenario) -> Command:
        return doit(self, "scan_source_a")

    def verdict(self, scenario: Scenario, alteration: Alteration, output: Path) -> Verdict:
        """By the manifest: it lists each file, and no removed one."""
        manifests = list(self.state.rglob("manifest"))
        if len(manifests) != 1:
            return Verdict(f"it left {len(manifests)} manifests")
        text = manifests[0].read_text(encoding="utf-8")
        drops = all(path not in text for path in alteration.removed)
        if any(path not in text for path in alteration.changed):
            return Verdict("its manifest lacks files that are there")
        return Verdict(drops_removed=drops if alteration.removed else None)
