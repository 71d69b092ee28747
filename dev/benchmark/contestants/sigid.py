"""sigid, as its users run it."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Collection, Mapping
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg

from dev.benchmark.contestants.base import Contestant, Loader, Verdict
from dev.benchmark.measure import Command
from dev.benchmark.scenario import LOADS, Scenario
from dev.benchmark.tree import PROJECT, Alteration


def doit(contestant: Contestant, task: str, warehouse: str = "") -> Command:
    """One of sigid's tasks, on the tree, with a build folder in the contestant's state, and a warehouse there or so."""
    environment = contestant.environment(
        SIGID_DATASETS=str(contestant.tree.datasets),
        SIGID_BUILD=str(contestant.state),
        SIGID_WAREHOUSE=warehouse or f"sqlite:///{contestant.state / 'warehouse.sqlite'}",
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
        with closing(sqlite3.connect(self.state / "warehouse.sqlite")) as connection:
            (rows,) = connection.execute(_ROWS).fetchone()
            return rows, dict(row for path in paths for row in connection.execute(_SIZE + "?", (path,)))


_CURRENT = "FROM source_file f JOIN signature s ON s.id = f.signature_id WHERE s.retired_at IS NULL"
_ROWS = f"SELECT count(*) {_CURRENT} AND f.state = 'loaded'"
_SIZE = f"SELECT f.path, f.size {_CURRENT} AND f.source = 'source_a' AND f.path = "


class SigidPostgresql(Loader):
    """The same into a PostgreSQL database, which has to be given."""

    name = "postgresql"
    title = "sigid -> PostgreSQL"

    def missing(self) -> str:
        return "" if _POSTGRESQL in os.environ else f"{_POSTGRESQL} names no database, which would be emptied"

    def version(self) -> str:
        with self._connected() as connection:
            return f"PostgreSQL {connection.info.server_version // 10_000}"

    def forget(self) -> None:
        super().forget()
        with self._connected() as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")

    def command(self, scenario: Scenario) -> Command:
        return doit(self, "load_source_a", os.environ[_POSTGRESQL])

    def held(self, paths: Collection[str]) -> tuple[int, Mapping[str, int]]:
        with self._connected() as connection:
            rows = connection.execute(_ROWS).fetchall()[0][0]
            return rows, dict(row for path in paths for row in connection.execute(_SIZE + "%s", (path,)))

    def _connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(os.environ[_POSTGRESQL].replace("+psycopg", "", 1), autocommit=True)


_POSTGRESQL = "SIGID_BENCH_POSTGRESQL"


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
