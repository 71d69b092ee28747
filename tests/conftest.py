"""What every test may need: a folder and an environment of its own, and an empty warehouse."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import hypothesis
import pytest

from sigid.pipeline import study, workers
from sigid.pipeline.interpret import Job, Reading, interpret
from sigid.settings import Settings
from sigid.warehouse.warehouse import Warehouse, open_warehouse
from tests import mariadb
from tests.databases import KINDS, Databases, SqliteFiles
from tests.mariadb import MariadbDatabases, MariadbServer
from tests.postgresql import PostgresqlSchemas, PostgresqlServer, running_server
from tests.trees import Site

hypothesis.settings.register_profile("sigid", deadline=None)  # a slow disk is no failure
hypothesis.settings.load_profile("sigid")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the tests of tables come last: see `tests.tables` for what their libraries leave behind."""
    items.sort(key=lambda item: hasattr(getattr(item, "module", None), "pa"))


@pytest.fixture(scope="session", autouse=True)
def heard_interrupts() -> None:
    """Who is started in the background ignores SIGINT, and so does all that he starts: tests ask some to end by it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's own settings: a test never finds its developer's warehouse."""
    for setting in fields(Settings):
        monkeypatch.delenv(f"SIGID_{setting.name.upper()}", raising=False)


@pytest.fixture
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A home in which nobody's password lies."""
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture(autouse=True)
def reading_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have few files be read in this process, where a test sees what is read, and not in a copy of it.

    Otherwise that would depend on what ran before: numpy's thread ends for good when the process is first copied.
    """
    monkeypatch.setattr(workers, "has_one_thread", lambda: False)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def sqlite_databases() -> Databases:
    return SqliteFiles()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_databases(postgresql_server: PostgresqlServer) -> Databases:
    return PostgresqlSchemas(postgresql_server)


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariadbServer]:
    with mariadb.running_server() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_databases(mariadb_server: MariadbServer) -> Databases:
    return MariadbDatabases(mariadb_server)


@pytest.fixture(scope="session", params=KINDS)
def databases(request: pytest.FixtureRequest) -> Databases:
    """Each kind of database in turn."""
    kind: Databases = request.getfixturevalue(f"{request.param}_databases")
    return kind


@pytest.fixture
def on_every_database(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the sites of a test load into each kind of database in turn."""
    monkeypatch.setattr(Site, "databases", databases)


@pytest.fixture
def warehouse_url(databases: Databases, tmp_path: Path) -> str:
    """Where the warehouse is, or will be: on each kind of database in turn."""
    return databases.url(tmp_path / "warehouse")


@pytest.fixture
def warehouse(warehouse_url: str) -> Iterator[Warehouse]:
    """An empty warehouse."""
    with open_warehouse(warehouse_url) as opened:
        yield opened


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the files that were read, as they are."""
    paths: list[str] = []

    def noting(job: Job) -> list[Reading]:
        paths.extend(file.path for file in job.files)
        return interpret(job)

    monkeypatch.setattr(study, "interpret", noting)
    return paths
