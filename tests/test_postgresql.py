"""The warehouse on a PostgreSQL server: what is refused, how it is told, and what becomes of a load that is cut off."""

from __future__ import annotations

import logging
import os
import random
import signal
import subprocess
import sys
import time
from array import array
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import psycopg
import pytest

from sigid.entity import Points
from sigid.errors import BusyError, ConnectionLost, SettingError, WarehouseError
from sigid.identity import PersonKey
from sigid.pipeline import again as again_module
from sigid.pipeline import load as load_module
from sigid.pipeline import study
from sigid.service import NewXYZSignature
from sigid.warehouse import location, postgresql_server, server
from sigid.warehouse.postgresql import from_wire, to_wire
from sigid.warehouse.records import SCHEMA_VERSION
from sigid.warehouse.warehouse import open_warehouse
from tests.databases import Databases
from tests.postgresql import PostgresqlServer
from tests.servers import PASSWORD
from tests.trees import SAMPLE_A, Site, site_a, site_b, trajectories

PROJECT = Path(__file__).parents[1]
ONE_POINT = [NewXYZSignature(points=Points([(1.0, 2.0, 3.0)]), sample="1")]


@pytest.fixture
def warehouse_url(postgresql_databases: Databases, tmp_path: Path) -> str:
    return postgresql_databases.url(tmp_path / "warehouse")


@pytest.fixture
def on_postgresql(postgresql_databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the sites of a test load into PostgreSQL."""
    monkeypatch.setattr(Site, "databases", postgresql_databases)


@pytest.fixture
def guarded(postgresql_server: PostgresqlServer) -> PostgresqlServer:
    """The server, which has a role that must say its password."""
    if not postgresql_server.execute("SELECT 1 FROM pg_roles WHERE rolname = 'guarded'"):
        postgresql_server.execute(f"CREATE ROLE guarded LOGIN PASSWORD '{PASSWORD}'")
        postgresql_server.execute("CREATE DATABASE guarded OWNER guarded")
    return postgresql_server


def refusal(url: str, kind: type[Exception] = WarehouseError) -> str:
    """The one line that says why there is no opening this warehouse."""
    with pytest.raises(kind) as refused:
        open_warehouse(url)
    text = str(refused.value)
    assert "\n" not in text
    error: BaseException | None = refused.value
    while error is not None:  # a traceback would show what led to it, too
        assert PASSWORD not in str(error)
        assert quote(PASSWORD, safe="") not in str(error)
        error = error.__cause__ or error.__context__
    return text


# What is stored


@pytest.mark.parametrize("size", [1, 2, 200])
def test_an_array_is_sent_as_the_server_sends_it(postgresql_server: PostgresqlServer, size: int) -> None:
    chance = random.Random(size)  # noqa: S311  # repeatable is what it must be
    numbers = [*(chance.uniform(-1e15, 1e15) for _ in range(size - 1)), -0.0]
    packed = array("d", numbers).tobytes() if sys.byteorder == "little" else np.array(numbers, "<f8").tobytes()

    ((sent,),) = postgresql_server.execute("SELECT array_send(%s::float8[])", [numbers])

    assert to_wire(packed) == sent
    assert from_wire(sent) == packed


def test_points_are_arrays_to_any_client(warehouse_url: str, postgresql_databases: Databases) -> None:
    with open_warehouse(warehouse_url) as warehouse:
        points = Points([(1.0, 2.0, 3.0), (4.0, 5.0, 6.0)])
        warehouse.service().register_signatures([NewXYZSignature(points=points, metadata={"hertz": 200})])

    (row,) = postgresql_databases.execute(
        warehouse_url,
        "SELECT x, y, z[2], metadata->>'hertz', array_length(x, 1) = point_count"
        " FROM signature JOIN trajectory ON signature_id = id",
    )
    assert row == ([1.0, 4.0], [2.0, 5.0], 6.0, "200", True)


def test_an_array_that_somebody_else_made_and_is_no_list_of_numbers_is_refused(
    warehouse_url: str, postgresql_databases: Databases
) -> None:
    with open_warehouse(warehouse_url) as warehouse:
        warehouse.service().register_signatures(ONE_POINT, "1")
        for other in ("{NULL}", "{{1},{2}}", "{}"):
            postgresql_databases.execute(warehouse_url, f"UPDATE trajectory SET x = '{other}'")  # noqa: S608  # of constants
            with pytest.raises(WarehouseError, match="a coordinate of a trajectory is no list of numbers"):
                warehouse.digest()


def test_names_are_ordered_by_code_point_whatever_the_databases_language(
    postgresql_databases: Databases, tmp_path: Path
) -> None:
    site = Site(tmp_path)
    names = ["A", "Z", "a", "z", "ä", "é", "\uffff", "\U00010000", "_", "-", " "]
    files = {f"Online/Genuine/{name}.HWR": b"" for name in names}
    site.write(files).load()
    other = Site(tmp_path).using(
        warehouse=postgresql_databases.url(tmp_path / "other"), build=tmp_path / "another build folder"
    )

    assert other.counts() == {"rejected": len(files)}
    assert other.counts() == {"rejected": len(files)}
    assert list(other.rejections()) == list(site.rejections())
    assert other.digest() == site.digest()


@pytest.mark.parametrize("make", [site_a, site_b])
def test_the_samples_have_the_digest_that_they_have_in_sqlite(
    tmp_path: Path, postgresql_databases: Databases, make: Callable[[Path], Site]
) -> None:
    site = make(tmp_path)
    other = make(tmp_path).using(warehouse=postgresql_databases.url(tmp_path), build=tmp_path / "another build folder")

    assert other.counts() == site.counts()
    assert other.digest() == site.digest()
    assert other.catalog() == site.catalog()
    assert other.ids() == site.ids()


# What is refused


def test_a_newer_schema_is_refused_with_both_versions(warehouse_url: str, postgresql_databases: Databases) -> None:
    open_warehouse(warehouse_url).close()
    postgresql_databases.execute(warehouse_url, "UPDATE schema_version SET version = 7")
    before = postgresql_databases.snapshot(warehouse_url)

    assert f"has schema version 7, this sigid knows {SCHEMA_VERSION}; " in refusal(warehouse_url)
    assert postgresql_databases.snapshot(warehouse_url) == before


@pytest.mark.parametrize("table", ["signature (id int)", "schema_version (version int)", "load (id int)"])
def test_a_schema_in_which_somebody_else_has_tables_of_our_names_is_refused(
    warehouse_url: str, postgresql_databases: Databases, table: str
) -> None:
    postgresql_databases.execute(warehouse_url, f"CREATE TABLE {table}")

    assert refusal(warehouse_url).endswith(" is a database, but not one of sigid; point SIGID_WAREHOUSE elsewhere")


def test_a_schema_in_which_somebody_else_has_other_tables_is_no_obstacle(
    warehouse_url: str, postgresql_databases: Databases
) -> None:
    postgresql_databases.execute(warehouse_url, "CREATE TABLE invoice (id int)")

    with open_warehouse(warehouse_url) as warehouse:
        assert warehouse.catalog() == {}


def test_a_schema_that_is_not_there_is_told(postgresql_server: PostgresqlServer) -> None:
    assert refusal(postgresql_server.url(schema="nowhere")).endswith(
        "; create that schema, or name another one in SIGID_WAREHOUSE"
    )


def test_two_that_make_one_warehouse_at_once_make_one(warehouse_url: str) -> None:
    with ThreadPoolExecutor(6) as threads:
        opened = list(threads.map(open_warehouse, [warehouse_url] * 6))

    for warehouse in opened:
        assert warehouse.catalog() == {}
        warehouse.close()


def url_of_guarded(server: PostgresqlServer, password: str = PASSWORD, **more: str) -> str:
    return server.url("guarded", user=f"guarded:{quote(password, safe='')}" if password else "guarded", **more)


def test_a_password_may_be_in_the_url_the_environment_or_a_file(
    guarded: PostgresqlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pgpass"
    file.write_text(f"*:*:guarded:guarded:{PASSWORD}\n")
    file.chmod(0o600)

    open_warehouse(url_of_guarded(guarded)).close()
    with monkeypatch.context() as environment:
        environment.setenv("PGPASSWORD", PASSWORD)
        open_warehouse(url_of_guarded(guarded, "")).close()
    with monkeypatch.context() as environment:
        environment.setenv("PGPASSFILE", str(file))
        open_warehouse(url_of_guarded(guarded, "")).close()

    assert "no password supplied" in refusal(url_of_guarded(guarded, ""))


CHECK = "; check the database, the role, and its password (in the URL, in PGPASSWORD or in ~/.pgpass)"


@pytest.mark.parametrize("host", ["", "127.0.0.1"])
def test_a_wrong_password_is_told_and_not_repeated(guarded: PostgresqlServer, host: str) -> None:
    more = {"host": host} if host else {}

    text = refusal(url_of_guarded(guarded, PASSWORD * 2, **more))

    assert 'password authentication failed for user "guarded"' in text
    assert text.endswith(CHECK)


def test_a_database_that_is_not_there_is_told(postgresql_server: PostgresqlServer) -> None:
    text = refusal(postgresql_server.url("nowhere"))

    assert text.startswith(f"the warehouse nowhere at {postgresql_server.sockets} cannot be used: ")
    assert 'database "nowhere" does not exist' in text
    assert text.endswith(CHECK)


@pytest.mark.usefixtures("on_postgresql")
def test_a_role_that_may_only_read_reads_and_says_so_when_it_is_to_write(
    tmp_path: Path, postgresql_server: PostgresqlServer
) -> None:
    site = site_a(tmp_path)
    site.load()
    ((schema,),) = site.execute("SELECT current_schema")
    for statement in (
        "DROP ROLE IF EXISTS onlooker",
        "CREATE ROLE onlooker LOGIN",
        f"GRANT USAGE ON SCHEMA {schema} TO onlooker",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO onlooker",
    ):
        postgresql_server.execute(statement)
    url = postgresql_server.url(user="onlooker", schema=schema)

    try:
        with open_warehouse(url) as warehouse:
            assert warehouse.digest() == site.digest()
            with pytest.raises(WarehouseError) as refused:
                warehouse.service().register_signatures(ONE_POINT)
        assert site.using(warehouse=url).verify() == []
        site.write({"Online/Genuine/099_1.HWR": b"1,2,3"})
        with pytest.raises(WarehouseError) as refused_load:
            site.load()
    finally:
        postgresql_server.execute("DROP OWNED BY onlooker")
        postgresql_server.execute("DROP ROLE onlooker")

    for error in (refused.value, refused_load.value):
        assert "permission denied for table" in str(error)
        assert str(error).endswith("; use a role that has the right, or have its owner grant it")


def test_a_role_that_may_not_make_tables_is_told(postgresql_server: PostgresqlServer) -> None:
    postgresql_server.execute("CREATE ROLE visitor LOGIN")
    try:
        text = refusal(postgresql_server.url(user="visitor", schema="public"))
    finally:
        postgresql_server.execute("DROP ROLE visitor")

    assert "permission denied for schema public" in text


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+psycopg://me:{PASSWORD} x@host:port/db",
        f"postgresql+psycopg://me:{PASSWORD}@host:port/db",
        f"postgresql+psycopg://me:{quote(PASSWORD)}@host:0/db",
        f"postgresql+psycopg:me:{PASSWORD}@host/db",
        f"postgresql+psycopg://me@host/db?no_such_setting={quote(PASSWORD)}",
        f"postgresql+psycopg://me:{quote(PASSWORD)}%@host/db",
    ],
)
def test_a_malformed_url_is_refused_in_one_line_that_repeats_nothing_of_it(url: str) -> None:
    assert refusal(url, SettingError) == (
        "SIGID_WAREHOUSE is no URL of a PostgreSQL database; write it like postgresql+psycopg://user@host/database"
    )


def test_a_missing_driver_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "find_spec", lambda _name: None)

    with pytest.raises(SettingError) as refused:
        location.check("postgresql+psycopg://me@host/db")

    assert str(refused.value).endswith("; pip install 'sigid[postgresql]'")


@pytest.mark.parametrize(
    ("host", "mode", "warned"),
    [
        ("db.example.org", "", True),
        ("192.0.2.1", "require", True),
        ("db.example.org", "verify-ca", True),
        ("db.example.org", "verify-full", False),
        ("localhost", "", False),
        ("127.0.0.1", "", False),
        ("::1", "", False),
        ("/run/postgresql", "", False),
    ],
)
def test_a_way_to_the_server_that_proves_nothing_earns_a_line_that_says_how(host: str, mode: str, warned: bool) -> None:
    advice = postgresql_server.tls_advice(host, mode)

    assert (advice is not None) == warned
    assert advice is None or ("sslmode=verify-full" in advice and "\n" not in advice)


def test_it_is_said_once_a_run(
    guarded: PostgresqlServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(postgresql_server, "tls_advice", lambda host, mode: f"beware of {host}, {mode}")
    monkeypatch.setenv("PGSSLMODE", "disable")
    url = url_of_guarded(guarded)

    with caplog.at_level(logging.WARNING, "sigid"), open_warehouse(url) as warehouse:
        warehouse.catalog()

    assert [record.getMessage() for record in caplog.records] == [
        f"the warehouse guarded at {guarded.sockets}: beware of {guarded.sockets}, disable"
    ]


# The command line


def doit(url: str, tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """doit, with its files in a folder of the test."""
    settings = {"SIGID_WAREHOUSE": url, "SIGID_BUILD": str(tmp_path / "build")}
    return subprocess.run(
        [sys.executable, "-m", "doit", *arguments],
        cwd=PROJECT,
        env={**os.environ, **settings, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_server_that_is_down_is_told_in_one_line_and_soon(tmp_path: Path, guarded: PostgresqlServer) -> None:
    site_a(tmp_path)
    password = quote(PASSWORD, safe="")
    url = f"postgresql+psycopg://guarded:{password}@127.0.0.1:{guarded.port + 1}/guarded"

    begun = time.monotonic()
    done = doit(url, tmp_path, "load_source_a", SIGID_DATASETS=str(tmp_path / "datasets"))
    took = time.monotonic() - begun

    assert done.returncode != 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("load_source_a failed: the warehouse guarded at 127.0.0.1 cannot be used: ")
    assert line.endswith("; start the server, or check its host and port in SIGID_WAREHOUSE")
    assert took < 20  # it is under one second: nothing is tried again before there was a connection


def test_no_password_is_in_what_doit_writes_and_keeps(tmp_path: Path, guarded: PostgresqlServer) -> None:
    url = url_of_guarded(guarded)
    tasks = (["load_source_a"], ["load_source_a"], ["info", "load_source_a"], ["catalog"], ["rejects"], ["forget"])

    ran = [doit(url, tmp_path, *arguments) for arguments in tasks]

    assert [done.returncode for done in ran] == [0] * 2 + [ran[2].returncode] + [0] * 3, ran
    said = "".join(done.stdout + done.stderr for done in ran).encode()
    kept = b"".join(path.read_bytes() for path in (tmp_path / "build").rglob("*") if path.is_file())
    for secret in (PASSWORD.encode(), quote(PASSWORD, safe="").encode()):
        assert secret not in said + kept


@pytest.mark.usefixtures("on_postgresql")
def test_a_run_without_changes_asks_one_question_and_imports_the_driver_alone(
    tmp_path: Path, postgresql_server: PostgresqlServer
) -> None:
    site = site_a(tmp_path)
    site.load()
    program = (
        "import sys; from sigid.warehouse.fingerprint import holds; print(holds(*sys.argv[1:]));"
        "print([name for name in ('sqlalchemy', 'numpy', 'pydantic', 'tenacity') if name in sys.modules])"
    )
    ((fingerprint,),) = site.execute("SELECT fingerprint FROM load")
    postgresql_server.execute("ALTER SYSTEM SET log_statement = 'all'")
    postgresql_server.execute("ALTER SYSTEM SET log_connections = on")
    postgresql_server.reload()
    begin = len(postgresql_server.log())
    try:
        ran = subprocess.run(
            [sys.executable, "-c", program, site.settings.warehouse, "source_a", fingerprint.partition("-")[0]],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=True,
        )
        log = postgresql_server.log()[begin:]
    finally:
        postgresql_server.execute("ALTER SYSTEM RESET ALL")
        postgresql_server.reload()

    assert ran.stdout.splitlines() == ["True", "[]"]
    assert log.count("connection received") == 1
    assert log.count(" LOG:  execute ") + log.count(" LOG:  statement: ") == 1


# Loads that meet


@pytest.mark.usefixtures("on_postgresql")
def test_a_second_load_from_another_build_folder_is_told_who_is_at_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "BATCH_FILES", 5)
    monkeypatch.setattr(server, "WAIT_FOR_LOAD_SECONDS", 0.1)
    site = site_a(tmp_path, trajectories(range(20)))
    second = Site(tmp_path).using(build=tmp_path / "other")
    said: list[str] = []

    def meanwhile(done: int, _total: int) -> None:
        if done == 10:
            with pytest.raises(BusyError) as busy:
                second.load()
            said.append(str(busy.value))

    site.scan()
    load_module.load(site.source, site.settings, progress=meanwhile)

    (text,) = said
    assert text.startswith("a load of source_a into postgres at ")
    assert f"is under way (sigid, process {os.getpid()} on " in text
    assert "server process " in text
    assert second.counts() == {"unchanged": 20}


@pytest.mark.usefixtures("on_postgresql")
def test_another_source_can_be_loaded_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "BATCH_FILES", 5)
    a, b = site_a(tmp_path, trajectories(range(40))), site_b(tmp_path)

    with ThreadPoolExecutor(2) as threads:
        loads = [threads.submit(a.counts), threads.submit(b.counts)]

    assert [each.result() for each in loads] == [{"added": 40}, {"added": 7}]


def test_writers_in_opposite_orders_do_not_deadlock(warehouse_url: str) -> None:
    keys = [str(number) for number in range(30)]

    def register(names: list[str]) -> None:
        with open_warehouse(warehouse_url) as warehouse:
            for _ in range(5):
                warehouse.service().register_batch([(PersonKey("lab", "", name), ONE_POINT) for name in names])

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(register, keys), threads.submit(register, keys[::-1])]:
            done.result()

    with open_warehouse(warehouse_url) as warehouse:
        assert warehouse.catalog()["lab"]["signatures"] == 30


# Loads that are cut off


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small batches, and short waits before another try."""
    monkeypatch.setattr(study, "BATCH_FILES", 10)
    monkeypatch.setattr(again_module, "_FIRST_WAIT_SECONDS", 0.2)


def loads_of(server: PostgresqlServer) -> list[int]:
    """The server's processes for loads that are under way in this process."""
    return [
        pid
        for (pid,) in server.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE %s", [f"sigid, process {os.getpid()} %"]
        )
    ]


def end(server: PostgresqlServer) -> int:
    """End all connections of this process's warehouses. Returns how many there were."""
    return sum(bool(server.execute("SELECT pg_terminate_backend(%s)", [pid])) for pid in loads_of(server))


@pytest.mark.usefixtures("hurried", "on_postgresql")
def test_a_load_goes_on_where_its_connection_was_cut_and_counts_each_file_once(
    tmp_path: Path, postgresql_server: PostgresqlServer
) -> None:
    site = site_a(tmp_path, trajectories(range(95)))
    site.load()
    site.write(dict.fromkeys(trajectories(range(10)), b"7 8 9\n"))
    site.write(trajectories(range(200, 280)))
    site.remove(*trajectories(range(10, 15)))
    cut: list[int] = []

    def cut_off(done: int, _total: int) -> None:
        if done == 30 and len(cut) < 3:
            cut.append(end(postgresql_server))

    site.scan()
    loaded = load_module.load(site.source, site.settings, progress=cut_off)

    assert cut == [1, 1, 1]
    assert loaded.counts._asdict() == {"added": 80, "changed": 10, "unchanged": 80, "retired": 5, "rejected": 0}
    assert site.digest() == site.clean_digest()


@pytest.mark.usefixtures("hurried", "on_postgresql")
def test_a_load_whose_connection_is_cut_time_and_again_gives_up_with_one_line(
    tmp_path: Path, postgresql_server: PostgresqlServer
) -> None:
    site = site_a(tmp_path, trajectories(range(200)))
    cut: list[int] = []
    site.scan()

    with pytest.raises(ConnectionLost) as refused:
        load_module.load(site.source, site.settings, progress=lambda *_: cut.append(end(postgresql_server)))

    assert len(cut) == 6
    assert "terminating connection due to administrator command" in str(refused.value)
    assert "what was committed stands" in str(refused.value)
    assert site.counts() == {"added": 200 - 60, "unchanged": 60}
    assert site.digest() == site.clean_digest()


@pytest.mark.usefixtures("hurried", "on_postgresql")
@pytest.mark.parametrize("went_through", [True, False], ids=["that went through", "that did not"])
def test_a_commit_whose_answer_is_lost_is_neither_lost_nor_done_twice(
    tmp_path: Path, postgresql_server: PostgresqlServer, monkeypatch: pytest.MonkeyPatch, went_through: bool
) -> None:
    site = site_a(tmp_path, trajectories(range(40)))
    commits = 0
    execute = psycopg.Connection.execute

    def cut_at_commit(connection: Any, query: Any, *arguments: Any, **more: Any) -> Any:
        nonlocal commits
        if query == "COMMIT":
            commits += 1
            if commits == 3:
                if went_through:
                    execute(connection, query)
                end(postgresql_server)
        return execute(connection, query, *arguments, **more)

    monkeypatch.setattr(psycopg.Connection, "execute", cut_at_commit)

    counts = site.counts()

    assert counts == ({"added": 30, "unchanged": 10} if went_through else {"added": 40})
    assert site.digest() == site.clean_digest()


KILLS = int(os.environ.get("SIGID_TEST_KILLS", "5"))


@pytest.mark.usefixtures("hurried", "on_postgresql")
def test_connections_that_are_ended_at_any_instant_change_nothing_about_what_is_loaded(
    tmp_path: Path, postgresql_server: PostgresqlServer
) -> None:
    """SIGID_TEST_KILLS says how many are to be ended."""
    chance = random.Random(2011)  # noqa: S311  # repeatable is what it must be
    landed, trial = 0, 0
    clean = site_a(tmp_path / "clean", {**SAMPLE_A, **trajectories(range(200, 400))}).clean_digest()

    while landed < KILLS:
        trial += 1
        assert trial < 20 * KILLS
        site = site_a(tmp_path / str(trial), {**SAMPLE_A, **trajectories(range(200, 400))})
        site.scan()
        with ThreadPoolExecutor(1) as thread:
            loading = thread.submit(load_module.load, site.source, site.settings)
            while not loading.done() and not loads_of(postgresql_server):
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.3))
            landed += end(postgresql_server)
        try:
            assert loading.result().problem is None
        except ConnectionLost:  # when it had just opened the warehouse
            assert site.load().problem is None

        assert site.digest() == clean


@pytest.mark.usefixtures("hurried", "on_postgresql")
def test_a_load_outlives_a_crash_of_the_server(tmp_path: Path, postgresql_server: PostgresqlServer) -> None:
    site = site_a(tmp_path, trajectories(range(100)))
    crashed: list[int] = []

    def crash(done: int, _total: int) -> None:
        if done == 50 and not crashed:
            crashed.append(done)
            postgresql_server.stop(signal.SIGQUIT)
            postgresql_server.launch()

    site.scan()
    loaded = load_module.load(site.source, site.settings, progress=crash)

    assert loaded.counts.added == 100
    assert site.digest() == site.clean_digest()


@pytest.mark.usefixtures("on_postgresql")
def test_a_reader_whose_connection_was_cut_is_told_and_can_read_again(
    tmp_path: Path, postgresql_server: PostgresqlServer
) -> None:
    site = site_a(tmp_path, trajectories(range(1500)))
    site.load()
    with site.warehouse() as warehouse:
        reading = warehouse.signatures()
        next(reading)
        end(postgresql_server)

        with pytest.raises(ConnectionLost):
            list(reading)
        assert sum(1 for _ in warehouse.signatures()) == 1500
