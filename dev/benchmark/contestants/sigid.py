"""sigid, as its users run it."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Collection, Mapping
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import psycopg

from dev.benchmark.contestants.base import Contestant, Loader, Verdict
from dev.benchmark.measure import Command
from dev.benchmark.scenario import LOADS, Scenario
from dev.benchmark.tree import PROJECT, Alteration


def doit(contestant: Contestant, task: str, **others: str) -> Command:
    """One of sigid's tasks, on the tree; all that it writes lies in the contestant's state, if not set otherwise."""
    settings = {
        "SIGID_DATASETS": str(contestant.tree.datasets),
        "SIGID_BUILD": str(contestant.state),
        "SIGID_WAREHOUSE": f"sqlite:///{contestant.state / 'warehouse.sqlite'}",
        "SIGID_WORKERS": str(contestant.place.workers),
    }
    environment = contestant.environment(**settings | others)
    return Command((sys.executable, "-m", "doit", task), PROJECT, environment)


class Sigid(Loader):
    """`doit load_source_a`, the whole process; or the task that the scenario is about."""

    name = "sigid"
    title = "sigid"
    scenarios: ClassVar[Collection[Scenario]] = (Scenario.READ, *LOADS, Scenario.LIST)

    def version(self) -> str:
        return f"doit {version('doit')}"

    def command(self, scenario: Scenario) -> Command:
        return doit(self, _TASKS.get(scenario, "load_source_a"))

    def verdict(self, scenario: Scenario, alteration: Alteration, output: Path) -> Verdict:
        match scenario:
            case Scenario.LIST:
                return Verdict()
            case Scenario.READ:
                planned = sum(line.startswith(b"+\t") for line in output.read_bytes().splitlines())
                files = len(self.tree.paths)
                return Verdict("" if planned == files else f"it plans to add {planned} files; there are {files}")
        return super().verdict(scenario, alteration, output)

    def held(self, paths: Collection[str]) -> tuple[int, Mapping[str, int]]:
        with closing(sqlite3.connect(self.state / "warehouse.sqlite")) as connection:
            (rows,) = connection.execute(_ROWS).fetchone()
            return rows, dict(row for path in paths for row in connection.execute(_SIZE + "?", (path,)))


_TASKS = {Scenario.LIST: "list", Scenario.READ: "plan_source_a"}
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
        return doit(self, "load_source_a", SIGID_WAREHOUSE=os.environ[_POSTGRESQL])

    def held(self, paths: Collection[str]) -> tuple[int, Mapping[str, int]]:
        with self._connected() as connection:
            rows = connection.execute(_ROWS).fetchall()[0][0]
            return rows, dict(row for path in paths for row in connection.execute(_SIZE + "%s", (path,)))

    def _connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(os.environ[_POSTGRESQL].replace("+psycopg", "", 1), autocommit=True)


_POSTGRESQL = "SIGID_BENCH_POSTGRESQL"


class SigidOnCluster(Sigid):
    """The same where the workers of a Dask scheduler, which has to be given, read the files."""

    name = "cluster"
    title = "sigid, read on a cluster"
    scenarios = (Scenario.READ, Scenario.COLD)

    def missing(self) -> str:
        return "" if _CLUSTER in os.environ else f"{_CLUSTER} names no Dask scheduler"

    def version(self) -> str:
        return f"distributed {version('distributed')}"

    def command(self, scenario: Scenario) -> Command:
        return doit(self, _TASKS.get(scenario, "load_source_a"), SIGID_CLUSTER=os.environ[_CLUSTER])


_CLUSTER = "SIGID_BENCH_CLUSTER"


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
