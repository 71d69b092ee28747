"""A warehouse of an older schema is migrated when that is asked for, whole or not at all, and never otherwise."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, inspect

from sigid.errors import BusyError, WarehouseError
from sigid.pipeline.current import is_current
from sigid.warehouse import mysql, postgresql, sqlite, version
from sigid.warehouse.database import database_at
from sigid.warehouse.migrate import SCRIPTS, migrate
from sigid.warehouse.records import SCHEMA_VERSION, TABLES
from sigid.warehouse.session import Database
from sigid.warehouse.views import VIEWS
from tests.databases import Databases
from tests.trees import Site, site_a, trajectories

PROJECT = Path(__file__).parents[1]
OLDER = range(1, SCHEMA_VERSION)


@pytest.fixture
def filled(tmp_path: Path, databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site that has seen loads with changes, removals and rejections."""
    monkeypatch.setattr(Site, "databases", databases)
    site = site_a(tmp_path)
    site.write(trajectories(range(100, 130))).load()
    site.remove(*trajectories(range(100, 103)))
    site.write({**dict.fromkeys(trajectories([105]), b"1,2\n"), **dict.fromkeys(trajectories([106]), b"7,8,9\n")})
    site.load()
    assert {"retired", "stale", "rejected", "blank", "forged"} <= site.catalog().keys()
    return site


@pytest.fixture(params=OLDER)
def older(request: pytest.FixtureRequest, filled: Site, databases: Databases) -> Site:
    """The same, before a warehouse of an older schema with the same rows."""
    url = databases.url(filled.folder / "older")
    databases.make_older(url, request.param, filled.settings.warehouse)
    return Site(filled.folder).using(warehouse=url)


def migrated(site: Site) -> list[str]:
    """What is told of the migration of the site's warehouse."""
    told: list[str] = []
    migrate(site.settings.warehouse, told.append)
    return told


def version_of(site: Site) -> Any:
    ((version,),) = site.execute("SELECT version FROM schema_version")
    return version


@contextmanager
def database_of(site: Site) -> Iterator[Database]:
    with closing(database_at(site.settings.warehouse)) as database:
        yield database


def reflected(engine: Engine) -> dict[str, Any]:
    """All that there is in the database, as it tells it itself."""
    with engine.connect() as connection:
        there = inspect(connection)
        found: dict[str, Any] = {name: there.get_view_definition(name) for name in there.get_view_names()}
        for name in there.get_table_names():
            found[name] = {
                "columns": [{key: str(value) for key, value in each.items()} for each in there.get_columns(name)],
                "key": there.get_pk_constraint(name),
                "foreign keys": sorted(there.get_foreign_keys(name), key=str),
                "indexes": sorted(map(_in_words, there.get_indexes(name)), key=str),
                "unique": sorted(there.get_unique_constraints(name), key=str),
                "checks": sorted(there.get_check_constraints(name), key=str),
            }
    return found


def _in_words(index: Any) -> dict[str, Any]:
    return {**index, "dialect_options": {key: str(value) for key, value in index.get("dialect_options", {}).items()}}


def schema_of(site: Site) -> dict[str, Any]:
    engine = create_engine(site.settings.warehouse)
    try:
        return reflected(engine)
    finally:
        engine.dispose()


def test_a_migrated_warehouse_says_what_it_said_before_and_takes_the_next_load(filled: Site, older: Site) -> None:
    told = migrated(older)

    assert len(told) == 2
    assert f"to become {SCHEMA_VERSION}: " in told[0]
    assert version_of(older) == SCHEMA_VERSION
    assert older.digest() == filled.digest()
    assert older.catalog() == filled.catalog()
    assert is_current(older.source, older.settings)
    older.write(trajectories(range(200, 203)))
    older.remove(*trajectories([110]))
    assert older.counts() == filled.counts() == {"added": 3, "retired": 1, "unchanged": 55, "rejected": 5}
    assert older.digest() == filled.digest()


def test_a_migrated_warehouse_has_the_schema_of_a_new_one(filled: Site, older: Site) -> None:
    before = schema_of(older)

    migrated(older)

    assert schema_of(older) == schema_of(filled) != before
    assert VIEWS.keys() | TABLES <= schema_of(older).keys()


def test_an_older_schema_is_refused_with_the_way_out_and_left_alone(older: Site) -> None:
    before = older.written()

    for attempt in (older.load, older.plan, older.digest):
        with pytest.raises(WarehouseError) as refused:
            attempt()
        assert str(refused.value).endswith(
            f" has schema version {version_of(older)}, this sigid works with {SCHEMA_VERSION}; "
            "nothing was done: `doit migrate` brings it there"
        )
        assert "\n" not in str(refused.value)

    assert older.written() == before


def test_a_load_without_changes_does_not_pass_over_an_older_schema(filled: Site) -> None:
    assert is_current(filled.source, filled.settings)

    filled.execute("UPDATE schema_version SET version = 1")

    assert not is_current(filled.source, filled.settings)


def test_to_migrate_again_does_nothing(filled: Site) -> None:
    with filled.warehouse():  # whatever a first connection writes is written
        before = filled.written()

        (told,) = migrated(filled)

        assert told.endswith(f" has schema version {SCHEMA_VERSION}, as this sigid does; there is nothing to do")
        assert filled.written() == before


def test_a_newer_schema_is_not_migrated(filled: Site) -> None:
    filled.execute("UPDATE schema_version SET version = 99")

    with pytest.raises(WarehouseError, match="has schema version 99, this sigid knows"):
        migrated(filled)


def test_where_nothing_is_nothing_is_migrated(tmp_path: Path, databases: Databases) -> None:
    with pytest.raises(WarehouseError, match=r"there is nothing to migrate in .*; the first load makes a warehouse"):
        migrate(databases.url(tmp_path / "warehouse"), pytest.fail)


IN_THE_WAY = {1: ("TABLE", list(VIEWS)[-1], "(id int)"), 2: ("VIEW", "erasure", "AS SELECT 1 AS mac")}
"""Something else that has a name which the step from that version has a use for."""


def test_a_migration_that_fails_half_way_leaves_the_version_and_is_done_again(filled: Site, older: Site) -> None:
    version = version_of(older)
    kind, in_the_way, what = IN_THE_WAY[version]
    older.execute(f"CREATE {kind} {in_the_way} {what}")
    before = schema_of(older)

    with pytest.raises(WarehouseError, match=f"{in_the_way}.* already exists") as refused:
        migrated(older)

    assert "\n" not in str(refused.value)
    assert version_of(older) == version
    with database_of(older) as database:
        assert schema_of(older) == before or not database.undoes_schema_changes
    older.execute(f"DROP {kind} {in_the_way}")
    migrated(older)
    assert schema_of(older) == schema_of(filled)


def test_a_migration_that_is_killed_leaves_the_version_and_is_done_again(filled: Site, older: Site) -> None:
    program = (
        "import os, signal, sys; from sigid.warehouse import schema, migrate;"
        "schema.make_views = lambda *_: os.kill(os.getpid(), signal.SIGKILL);"
        "migrate.Operations.create_table = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL);"
        "migrate.migrate(sys.argv[1], print)"
    )
    before, version = schema_of(older), version_of(older)

    killed = subprocess.run(
        [sys.executable, "-c", program, older.settings.warehouse], cwd=PROJECT, stdout=subprocess.DEVNULL, check=False
    )

    assert killed.returncode == -signal.SIGKILL
    assert version_of(older) == version
    with database_of(older) as database:
        assert schema_of(older) == before or not database.undoes_schema_changes
    migrated(older)
    assert schema_of(older) == schema_of(filled)
    assert older.digest() == filled.digest()


def test_a_migration_waits_for_no_load_and_says_who_is_at_it(older: Site) -> None:
    before = schema_of(older)

    with (
        database_of(older) as database,
        database.loading("source_a"),
        pytest.raises(BusyError, match=r"^a load .* is under way \(.*\); run again when it has ended$"),
    ):
        migrated(older)

    assert schema_of(older) == before
    migrated(older)


def test_of_two_migrations_at_once_one_is_done(filled: Site, older: Site) -> None:
    def attempt(_: int) -> list[str]:
        try:
            return migrated(older)
        except BusyError:
            return []

    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(attempt, range(4)))

    assert any(done)
    assert schema_of(older) == schema_of(filled)
    assert version_of(older) == SCHEMA_VERSION


def test_who_looks_while_it_is_migrated_sees_all_of_it_or_nothing(older: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """One who had seen which tables there are, and then the new version, said that it is no warehouse of sigid."""
    pending = [older]

    def migrate_meanwhile() -> None:
        while pending:
            migrated(pending.pop())

    def traced(database: sqlite.SqliteDatabase) -> Any:
        connection = look(database)
        connection.set_trace_callback(lambda asked: migrate_meanwhile() if "schema_version" in asked else None)
        return connection

    def versions_told(where: str, tables: Set[str], versions: Sequence[Any]) -> int | None:
        meanwhile = bool(pending)
        migrate_meanwhile()
        return version.version_of(where, tables, [(SCHEMA_VERSION,)] if meanwhile else versions)

    look = sqlite.SqliteDatabase._connect_to_look
    monkeypatch.setattr(sqlite.SqliteDatabase, "_connect_to_look", traced)
    for server in (postgresql, mysql):
        monkeypatch.setattr(server, "version_of", versions_told)

    if (file := older.settings.warehouse).startswith("sqlite:"):
        with closing(sqlite3.connect(file.removeprefix("sqlite:///"))) as connection:
            connection.execute("PRAGMA journal_mode=WAL")  # as any load has put it

    with database_of(older) as database:
        assert database.version() in (*OLDER, SCHEMA_VERSION)

    assert not pending
    assert schema_of(older)
    assert version_of(older) == SCHEMA_VERSION


def test_each_version_has_a_step_that_leads_to_it() -> None:
    assert {file.stem for file in (SCRIPTS / "versions").glob("version_*.py")} == {
        f"version_{version}" for version in range(1, SCHEMA_VERSION + 1)
    }


def test_to_open_a_warehouse_does_not_look_for_migrations(filled: Site) -> None:
    program = (
        "import sys; from sigid.warehouse.database import open_database; open_database(sys.argv[1]).close();"
        "print([name for name in ('alembic', 'sqlalchemy') if name in sys.modules])"
    )

    ran = subprocess.run(
        [sys.executable, "-c", program, filled.settings.warehouse],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert ran.stdout == "[]\n"


def test_rejections_are_counted_without_a_look_at_all_other_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sqlite_databases: Databases
) -> None:
    monkeypatch.setattr(Site, "databases", sqlite_databases)
    site = site_a(tmp_path)
    site.load()

    plan = str(site.execute("EXPLAIN QUERY PLAN SELECT * FROM rejection_counts"))

    assert "USING COVERING INDEX ix_source_file_reason" in plan
    assert dict(site.execute("SELECT reason, files FROM rejection_counts")) == Counter(site.rejections().values())
