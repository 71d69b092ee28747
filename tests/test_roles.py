"""What the roles of a warehouse on a server may do, and what each is refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql

from sigid.errors import SettingError, WarehouseError
from sigid.pipeline.erase import erase
from sigid.pipeline.wanted import named
from sigid.warehouse import postgresql
from sigid.warehouse.database import open_database
from sigid.warehouse.migrate import migrate
from sigid.warehouse.records import TABLES
from sigid.warehouse.roles import Roles
from sigid.warehouse.views import VIEWS
from tests.databases import Databases
from tests.postgresql import PostgresqlSchemas, PostgresqlServer
from tests.trees import Site, site_a, trajectories

PROJECT = Path(__file__).parents[1]
ROLES = Roles("its owner", "loader", "reader")
LOGINS = {"fiona": ROLES.owner, "lou": ROLES.loader, "rita": ROLES.reader}


@pytest.fixture
def granted(
    tmp_path: Path,
    postgresql_server: PostgresqlServer,
    postgresql_databases: Databases,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Site]:
    """A site whose warehouse, on a server, has its roles; and someone who logs in for each of them."""
    monkeypatch.setattr(Site, "databases", postgresql_databases)
    site = site_a(tmp_path)
    site.load()
    try:
        grant(site)
        for login, role in LOGINS.items():
            postgresql_server.execute(f'CREATE ROLE {login} LOGIN IN ROLE "{role}"')
        yield site
    finally:
        for role in (*LOGINS, *ROLES):
            with suppress(errors.UndefinedObject):
                postgresql_server.execute(f'DROP OWNED BY "{role}" CASCADE')
                postgresql_server.execute(f'DROP ROLE "{role}"')


def grant(site: Site, roles: Roles = ROLES, login: str = "postgres") -> list[str]:
    with closing(open_database(url_for(login, site))) as database:
        return list(database.grant(roles))


def url_for(login: str, site: Site) -> str:
    return re.sub("//[a-z]+@", f"//{login}@", site.settings.warehouse)


def says(login: str, site: Site, statement: str) -> list[Any]:
    """What the server answers him."""
    with psycopg.connect(url_for(login, site).replace("+psycopg", ""), autocommit=True) as connection:
        cursor = connection.execute(sql.SQL(statement))
        return cursor.fetchall() if cursor.description else []


def rights_of(site: Site) -> list[Any]:
    return site.execute(
        "SELECT relname, relowner::regrole, relacl::text FROM pg_class"
        " WHERE relnamespace = current_schema::regnamespace AND relkind IN ('r', 'v', 'S') ORDER BY relname"
    )


def test_the_loader_loads_everything_that_happens_to_files(
    granted: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "_ROWS_WORTH_COUNTING", 1)  # which the server lets the owner alone do
    other = site_a(tmp_path).using(warehouse=url_for("lou", granted), build=tmp_path / "another build folder")

    for happening in ("nothing", "more", "changes", "rejections", "removals", "returns"):
        if happening == "more":
            other.write(trajectories(range(100, 130)))
        elif happening == "changes":
            other.write(dict.fromkeys(trajectories(range(100, 105)), b"7,8,9\n"))
        elif happening == "rejections":
            other.write(dict.fromkeys(trajectories([110]), b"1,2\n"))
        elif happening == "removals":
            other.remove(*trajectories(range(120, 123)))
        elif happening == "returns":
            other.write(trajectories([110, *range(120, 122)]))
        other.load()

    assert other.catalog()["retired"] == 1
    assert other.digest() == other.clean_digest()


def test_the_loader_loads_a_new_source_into_an_empty_warehouse(granted: Site) -> None:
    granted.execute(*(f"DELETE FROM {table}" for table in TABLES - {"schema_version"}))  # noqa: S608  # of constants
    granted.forget()

    granted.using(warehouse=url_for("lou", granted)).load()

    assert granted.digest() == granted.clean_digest()


def test_the_loader_erases_nothing_and_goes_on_loading_where_an_erasure_is_not_finished(
    granted: Site, caplog: pytest.LogCaptureFixture
) -> None:
    he = named(["source_a/online/genuine/1"], [])
    owner = granted.settings.warehouse
    granted.using(warehouse=url_for("lou", granted))

    with pytest.raises(WarehouseError, match="permission denied for table erasure"):
        erase(granted.settings, he)
    granted.using(warehouse=owner)
    erase(granted.settings, he)
    says("fiona", granted, "UPDATE erasure SET finished = NULL RETURNING mac")
    loaded = granted.using(warehouse=url_for("lou", granted)).load()

    assert (loaded.problem, loaded.erased) == (None, 6)
    assert "WARNING: permission denied to vacuum" in caplog.text
    assert says("lou", granted, "SELECT finished FROM erasure") == [(None,)]


def test_the_loader_is_told_who_can_take_over_what_a_new_warehouse_lacks(granted: Site) -> None:
    """Made anew, the warehouse had the erased back with the loader's first load."""
    erase(granted.settings, named(["source_a/online/genuine/1"], []))
    granted.execute(*(f"DELETE FROM {table}" for table in TABLES - {"schema_version"}))  # noqa: S608  # of constants
    owner = granted.settings.warehouse

    with pytest.raises(WarehouseError, match=r"lacks 1 erasures .* permission denied .*`doit erase` does them again"):
        granted.using(warehouse=url_for("lou", granted)).load()
    erase(granted.using(warehouse=owner).settings)

    assert granted.using(warehouse=url_for("lou", granted)).load().erased == 6


def test_a_member_of_the_owner_erases(granted: Site) -> None:
    done = erase(granted.using(warehouse=url_for("fiona", granted)).settings, named(["source_a/online/genuine/1"], []))

    assert (done.problem, done.rows["signature"]) == (None, 5)
    assert says("fiona", granted, "SELECT count(*) FROM erasure WHERE finished IS NOT NULL") == [(1,)]


FORBIDDEN = [
    *(f"DELETE FROM {table}" for table in sorted(TABLES)),  # noqa: S608  # of constants
    *(f"TRUNCATE {table} CASCADE" for table in sorted(TABLES)),
    *(f"DROP TABLE {table} CASCADE" for table in sorted(TABLES)),
    *(f"ALTER TABLE {table} ADD COLUMN more int" for table in sorted(TABLES)),
    *(f"DROP VIEW {view}" for view in VIEWS),
    *(f"DELETE FROM {view}" for view in VIEWS),  # noqa: S608  # of constants
    "CREATE TABLE more (id int)",
    "CREATE VIEW more AS SELECT 1",
    "CREATE INDEX more ON signature (stale)",
    "DROP INDEX ix_source_file_reason",
    "CREATE OR REPLACE VIEW signatures AS SELECT * FROM signature",
    "UPDATE schema_version SET version = 1",
    "INSERT INTO schema_version VALUES (99)",
    "INSERT INTO erasure VALUES ('a', 'b', now())",
    "UPDATE erasure SET finished = now()",
    'SET ROLE "its owner"',
    "CREATE ROLE more",
]
TO_THE_READER = [
    *(f"SELECT * FROM {table}" for table in sorted(TABLES)),  # noqa: S608  # of constants
    *(f"SELECT FROM {table} FOR UPDATE" for table in sorted(TABLES)),
    *(f"INSERT INTO {table} DEFAULT VALUES" for table in sorted(TABLES)),
    *(f"COPY {table} TO STDOUT" for table in sorted(TABLES)),
    "UPDATE signature SET stale = true",
    "UPDATE signatures SET stale = true",
]


@pytest.mark.parametrize(
    ("login", "forbidden"), [("lou", FORBIDDEN), ("rita", [*FORBIDDEN, *TO_THE_READER])], ids=["loader", "reader"]
)
def test_a_role_is_refused_what_it_may_not_do(granted: Site, login: str, forbidden: list[str]) -> None:
    assert [statement for statement in forbidden if not is_refused(login, granted, statement)] == []


def is_refused(login: str, site: Site, statement: str) -> bool:
    try:
        says(login, site, statement)
    except (
        errors.InsufficientPrivilege,
        errors.ObjectNotInPrerequisiteState,
    ):  # a view of several tables is not changed
        return True
    return False


@pytest.mark.parametrize("view", VIEWS)
def test_the_reader_reads_the_views(granted: Site, view: str) -> None:
    rows = says("rita", granted, f"SELECT * FROM {view}")  # noqa: S608  # of constants

    assert rows == granted.execute(f"SELECT * FROM {view}")  # noqa: S608  # of constants
    assert rows


def test_the_reader_counts_what_the_catalogue_counts(granted: Site) -> None:
    (counted,) = says(
        "rita",
        granted,
        "SELECT count(*), count(*) FILTER (WHERE kind = 'image'), count(*) FILTER (WHERE authenticity = 'genuine'),"
        " count(DISTINCT signee_id), sum(point_count), (SELECT sum(files) FROM rejection_counts) FROM signatures",
    )

    catalog = granted.catalog()
    assert counted == tuple(
        catalog[name] for name in ("signatures", "images", "genuine", "signees", "points", "rejected")
    )


def test_the_reader_who_opens_the_warehouse_is_told_in_one_line(granted: Site) -> None:
    with pytest.raises(WarehouseError, match="permission denied for table schema_version") as refused:
        open_database(url_for("rita", granted))

    assert "\n" not in str(refused.value)


def test_the_loader_cannot_migrate_and_the_owner_can(granted: Site) -> None:
    version = granted.execute("SELECT version FROM schema_version")
    granted.execute(*(f"DROP VIEW {view}" for view in VIEWS), "UPDATE schema_version SET version = 1")

    with pytest.raises(WarehouseError, match="use a role that has the right, or have its owner grant it"):
        migrate(url_for("lou", granted), print)
    assert granted.execute("SELECT version FROM schema_version") == [(1,)]

    migrate(url_for("fiona", granted), print)
    assert granted.execute("SELECT version FROM schema_version") == version
    assert {owner for _, owner, _ in rights_of(granted)} == {'"its owner"'}
    assert says("fiona", granted, "DELETE FROM load WHERE id < 0") == []


def test_what_was_taken_from_everybody_is_given_to_these_roles(
    granted: Site, postgresql_server: PostgresqlServer
) -> None:
    postgresql_server.execute("REVOKE CONNECT, TEMPORARY ON DATABASE postgres FROM PUBLIC")
    try:
        with pytest.raises(WarehouseError, match="permission denied for database"):
            open_database(url_for("lou", granted))

        told = grant(granted)

        lou = granted.using(warehouse=url_for("lou", granted))
        assert lou.write(trajectories([100])).counts()["added"] == 1
        assert says("rita", granted, "SELECT count(*) FROM signatures WHERE signee = '100'") == [(1,)]
    finally:
        postgresql_server.execute("GRANT CONNECT, TEMPORARY ON DATABASE postgres TO PUBLIC")
    assert told[-3:] == [
        "loader: connect on database postgres",
        "reader: connect on database postgres",
        "loader: temporary on database postgres",
    ]


def test_the_task_says_what_it_did(granted: Site) -> None:
    ran = subprocess.run(
        [*(sys.executable, "-m", "doit", "grant"), *(f"--{name}={role}" for name, role in ROLES._asdict().items())],
        cwd=PROJECT,
        env={**os.environ, "SIGID_WAREHOUSE": granted.settings.warehouse, "SIGID_BUILD": str(granted.settings.build)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert ran.stdout.splitlines() == grant(granted)
    assert f"reader: select on {', '.join(sorted(VIEWS))}" in ran.stdout.splitlines()


def test_to_grant_again_changes_nothing(granted: Site) -> None:
    before = rights_of(granted)

    told = grant(granted)

    assert rights_of(granted) == before
    assert "loader: is there" in told
    assert any(line.startswith("its owner: owns erasure, forger, load, ") for line in told)


def test_to_grant_again_takes_back_what_was_given_besides(granted: Site) -> None:
    before = rights_of(granted)
    granted.execute("GRANT DELETE ON signature TO loader", "GRANT SELECT ON source_file TO reader, PUBLIC")
    assert rights_of(granted) != before

    grant(granted)

    assert rights_of(granted) == before


def test_the_roles_cannot_log_in_and_have_no_password(granted: Site) -> None:
    assert granted.execute(
        "SELECT rolname FROM pg_authid WHERE rolname IN ('its owner', 'loader', 'reader')"
        " AND NOT rolcanlogin AND rolpassword IS NULL AND NOT rolsuper AND NOT rolcreaterole"
    ) == [("its owner",), ("loader",), ("reader",)]


def test_who_may_not_grant_is_told_and_nothing_is_done(granted: Site) -> None:
    before = rights_of(granted)

    with pytest.raises(WarehouseError, match="use a role that has the right, or have its owner grant it"):
        grant(granted, Roles(loader="somebody else"), "lou")

    assert rights_of(granted) == before
    assert granted.execute("SELECT FROM pg_roles WHERE rolname = 'somebody else'") == []


def test_an_owner_who_is_no_superuser_can_grant_to_roles_that_are_there(granted: Site) -> None:
    before = rights_of(granted)

    grant(granted, login="fiona")

    assert rights_of(granted) == before


def test_who_owns_the_tables_and_may_create_roles_need_not_be_a_superuser(
    tmp_path: Path, postgresql_server: PostgresqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Site, "databases", PostgresqlSchemas(postgresql_server))
    site = site_a(tmp_path)
    ((schema,),) = site.execute("SELECT current_schema")
    postgresql_server.execute("CREATE ROLE carla LOGIN CREATEROLE")
    try:
        postgresql_server.execute(f"ALTER SCHEMA {schema} OWNER TO carla")
        site.using(warehouse=url_for("carla", site)).load()

        told = grant(site, login="carla")
        again = grant(site, login="carla")

        assert "carla: a member of its owner" in told
        assert not any("carla" in line or "made" in line for line in again)
        assert site.write(trajectories([100])).counts()["added"] == 1
    finally:
        for role in (*ROLES, "carla"):
            postgresql_server.execute(f'DROP OWNED BY "{role}" CASCADE')
            postgresql_server.execute(f'DROP ROLE "{role}"')


def test_one_role_for_two_is_refused(granted: Site) -> None:
    with pytest.raises(SettingError, match="are to be three roles"):
        grant(granted, Roles("owner", "both", "both"))


def test_a_file_has_no_roles_and_says_so_in_one_line(tmp_path: Path) -> None:
    with closing(open_database(f"sqlite:///{tmp_path}/warehouse.sqlite")) as database:
        (line,) = database.grant(Roles())

    assert line.endswith(" is a file, which has no roles: its permissions say who may read and write it")
