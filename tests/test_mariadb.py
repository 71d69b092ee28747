"""The warehouse on a MariaDB server: what is refused, how it is told, and what becomes of a load that is cut off."""

from __future__ import annotations

import logging
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pymysql
import pytest

from sigid.entity import Points
from sigid.errors import BusyError, ConnectionLost, SettingError, WarehouseError
from sigid.identity import PersonKey
from sigid.pipeline import again as again_module
from sigid.pipeline import load as load_module
from sigid.pipeline import study
from sigid.service import NewXYZSignature
from sigid.warehouse import location, mysql_server, server
from sigid.warehouse.database import open_database
from sigid.warehouse.mysql import MysqlDatabase
from sigid.warehouse.mysql_driver import Driver
from sigid.warehouse.mysql_server import Server
from sigid.warehouse.records import SCHEMA_VERSION, TABLES
from sigid.warehouse.roles import Roles
from sigid.warehouse.warehouse import open_warehouse
from tests.databases import Databases
from tests.mariadb import MariadbServer, OwnMariadbServer
from tests.servers import PASSWORD
from tests.trees import SAMPLE_A, Site, site_a, site_b, trajectories

PROJECT = Path(__file__).parents[1]
ONE_POINT = [NewXYZSignature(points=Points([(1.0, 2.0, 3.0)]), sample="1")]


@pytest.fixture
def warehouse_url(mariadb_databases: Databases, tmp_path: Path) -> str:
    return mariadb_databases.url(tmp_path / "warehouse")


@pytest.fixture
def on_mariadb(mariadb_databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the sites of a test load into MariaDB."""
    monkeypatch.setattr(Site, "databases", mariadb_databases)


@pytest.fixture
def own_server(mariadb_server: MariadbServer) -> OwnMariadbServer:
    """The server, which the test may stop."""
    if not isinstance(mariadb_server, OwnMariadbServer):
        pytest.skip("the server that SIGID_TEST_MARIADB names is not ours to stop")
    return mariadb_server


@pytest.fixture
def guarded(own_server: OwnMariadbServer) -> OwnMariadbServer:
    """The server, which has a user who must say his password."""
    own_server.execute("CREATE USER IF NOT EXISTS guarded@'%%' IDENTIFIED BY %s", [PASSWORD])
    own_server.execute("CREATE DATABASE IF NOT EXISTS guarded")
    own_server.execute("GRANT ALL ON guarded.* TO guarded@'%'")
    return own_server


@pytest.fixture(autouse=True)
def no_option_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody's own password."""
    monkeypatch.setenv("HOME", str(tmp_path))


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


def test_names_are_told_apart_and_ordered_by_code_point(mariadb_databases: Databases, tmp_path: Path) -> None:
    site = Site(tmp_path)
    names = ["A", "Z", "a", "z", "ä", "é", "\uffff", "\U00010000", "_", "-", " ", "a ", "a\t", "e\u0301", "\\", "'"]
    files = {f"Online/Genuine/{name}.HWR": b"" for name in names} | {"Online/a": b"", "Online/a ": b""}
    site.write(files).load()
    other = Site(tmp_path).using(
        warehouse=mariadb_databases.url(tmp_path / "other"), build=tmp_path / "another build folder"
    )

    assert other.counts() == site.counts()
    assert list(other.rejections()) == list(site.rejections())
    assert other.digest() == site.digest()


def test_keys_that_differ_in_a_blank_or_an_accent_are_two(warehouse_url: str) -> None:
    names = ["a", "a ", "A", "ä", "a\u0308"]

    with open_warehouse(warehouse_url) as warehouse:
        warehouse.service().register_batch([(PersonKey("lab", "", name), ONE_POINT) for name in names])

        assert warehouse.catalog()["lab"]["signees"] == len(names)
        assert sum(1 for _ in warehouse.signatures(signee="lab/a ")) == 1


@pytest.mark.parametrize("make", [site_a, site_b])
def test_the_samples_have_the_digest_that_they_have_in_sqlite(
    tmp_path: Path, mariadb_databases: Databases, make: Callable[[Path], Site]
) -> None:
    site = make(tmp_path)
    other = make(tmp_path).using(warehouse=mariadb_databases.url(tmp_path), build=tmp_path / "another build folder")

    assert other.counts() == site.counts()
    assert other.digest() == site.digest()
    assert other.catalog() == site.catalog()
    assert other.ids() == site.ids()


def test_more_points_than_fit_into_a_statement_are_written(warehouse_url: str) -> None:
    points = Points([(float(n), n / 3, -n / 7) for n in range(40_000)])

    with open_warehouse(warehouse_url) as warehouse:
        warehouse.service().register_signatures([NewXYZSignature(points=points, sample=str(n)) for n in range(2)])

        assert [each.points for each in warehouse.signatures()] == [points, points]  # type: ignore[union-attr]


def test_a_row_that_is_more_than_the_server_takes_is_told_at_once(
    warehouse_url: str, mariadb_server: MariadbServer
) -> None:
    points = Points([(1.0, 2.0, 3.0)] * 40_000)
    ((usual,),) = mariadb_server.execute("SELECT @@GLOBAL.max_allowed_packet")
    mariadb_server.execute("SET GLOBAL max_allowed_packet = 1048576")
    try:
        with open_warehouse(warehouse_url) as warehouse, pytest.raises(WarehouseError) as refused:
            warehouse.service().register_signatures([NewXYZSignature(points=points)])
    finally:
        mariadb_server.execute(f"SET GLOBAL max_allowed_packet = {usual}")

    assert str(refused.value).endswith("; have the server take larger packets: max_allowed_packet")


def test_who_reads_may_write_meanwhile(warehouse_url: str) -> None:
    with open_warehouse(warehouse_url) as warehouse:
        service = warehouse.service()
        service.register_batch([(PersonKey("lab", "", str(n)), ONE_POINT) for n in range(1200)])

        with warehouse.transaction():
            read = 0
            for signature in warehouse.signatures():
                read += 1
                if read % 500 == 1:
                    service.register_signatures(ONE_POINT, f"other/{signature.signee_id}")

        assert read == 1200
        assert warehouse.catalog()["other"]["signatures"] == 3


def test_a_person_who_is_there_under_another_id_is_refused(warehouse_url: str, mariadb_databases: Databases) -> None:
    with open_warehouse(warehouse_url) as warehouse:
        warehouse.service().register_signatures(ONE_POINT, "lab/1")
        mariadb_databases.execute(warehouse_url, "UPDATE signee SET id = 'another'")

        with pytest.raises(WarehouseError, match="does not fit what is there"):
            warehouse.service().register_signatures(ONE_POINT, "lab/1")


# What is refused


def test_a_newer_schema_is_refused_with_both_versions(warehouse_url: str, mariadb_databases: Databases) -> None:
    open_warehouse(warehouse_url).close()
    mariadb_databases.execute(warehouse_url, "UPDATE schema_version SET version = 7")
    before = mariadb_databases.snapshot(warehouse_url)

    assert f"has schema version 7, this sigid knows {SCHEMA_VERSION}; " in refusal(warehouse_url)
    assert mariadb_databases.snapshot(warehouse_url) == before


@pytest.mark.parametrize("table", ["signature (id int)", "schema_version (version int)", '"load" (id int)'])
def test_a_database_in_which_somebody_else_has_tables_of_our_names_is_refused(
    warehouse_url: str, mariadb_databases: Databases, table: str
) -> None:
    mariadb_databases.execute(warehouse_url, f"CREATE TABLE {table}")

    assert refusal(warehouse_url).endswith(" is a database, but not one of sigid; point SIGID_WAREHOUSE elsewhere")


def test_two_that_make_one_warehouse_at_once_make_one(warehouse_url: str) -> None:
    with ThreadPoolExecutor(6) as threads:
        opened = list(threads.map(open_warehouse, [warehouse_url] * 6))

    for warehouse in opened:
        assert warehouse.catalog() == {}
        warehouse.close()


@pytest.mark.parametrize("tables", range(len(TABLES) + 1))
def test_a_warehouse_whose_making_was_cut_off_is_made_by_the_next_one(
    warehouse_url: str, mariadb_databases: Databases, monkeypatch: pytest.MonkeyPatch, tables: int
) -> None:
    left = tables
    query = Driver.query

    def cut_off(driver: Driver, sql: str | bytes, unbuffered: bool = False) -> int:
        nonlocal left
        if b"CREATE TABLE" in (sql if isinstance(sql, bytes) else sql.encode()) or b"UPDATE schema" in (
            sql if isinstance(sql, bytes) else sql.encode()
        ):
            if left == 0:
                driver.close()
            left -= 1
        return query(driver, sql, unbuffered)

    with monkeypatch.context() as patched:
        patched.setattr(Driver, "query", cut_off)
        with pytest.raises(WarehouseError):
            open_warehouse(warehouse_url)

    with open_warehouse(warehouse_url) as warehouse:
        warehouse.service().register_signatures(ONE_POINT, "lab/1")
        assert warehouse.catalog()["lab"]["signatures"] == 1
    assert mariadb_databases.execute(warehouse_url, "SELECT version FROM schema_version") == [(SCHEMA_VERSION,)]


def url_of_guarded(server: OwnMariadbServer, password: str = PASSWORD, more: str = "") -> str:
    user = f"guarded:{quote(password, safe='')}" if password else "guarded"
    return f"mysql+pymysql://{user}@127.0.0.1:{server.port}/guarded{more}"


def test_a_password_may_be_in_the_url_or_an_option_file(guarded: OwnMariadbServer, tmp_path: Path) -> None:
    open_warehouse(url_of_guarded(guarded)).close()
    guarded.execute("CREATE USER IF NOT EXISTS plain@'%' IDENTIFIED BY 'S3cret Pw'")
    guarded.execute("GRANT ALL ON guarded.* TO plain@'%'")
    own = f"mysql+pymysql://127.0.0.1:{guarded.port}/guarded"
    options = "[client]\nuser = plain\npassword = 'S3cret Pw'\n"
    (tmp_path / ".my.cnf").write_text(options)
    open_warehouse(own).close()
    (tmp_path / ".my.cnf").rename(tmp_path / "another.cnf")
    open_warehouse(f"{own}?read_default_file={quote(str(tmp_path / 'another.cnf'))}").close()

    assert "Access denied for user" in refusal(url_of_guarded(guarded, ""))


def test_an_option_file_that_cannot_be_read_is_named_and_nothing_of_it_told(
    guarded: OwnMariadbServer, tmp_path: Path
) -> None:
    (tmp_path / ".my.cnf").write_text(f"password = {PASSWORD}\n")

    assert refusal(url_of_guarded(guarded, ""), SettingError).startswith(f"{tmp_path}/.my.cnf is no option file ")


CHECK = "; check the database, the user, and its password (in the URL or in ~/.my.cnf)"


def test_a_wrong_password_is_told_and_not_repeated(guarded: OwnMariadbServer) -> None:
    text = refusal(url_of_guarded(guarded, PASSWORD * 2))

    assert text.startswith("the warehouse guarded at 127.0.0.1 cannot be used: Access denied for user 'guarded'@")
    assert text.endswith(CHECK)


def test_a_database_that_is_not_there_is_told(mariadb_server: MariadbServer) -> None:
    text = refusal(mariadb_server.url("nowhere"))

    assert "Unknown database 'nowhere'" in text
    assert text.endswith(CHECK)


@pytest.mark.usefixtures("on_mariadb")
def test_a_user_who_may_only_read_reads_and_says_so_when_he_is_to_write(
    tmp_path: Path, own_server: OwnMariadbServer
) -> None:
    site = site_a(tmp_path)
    site.load()
    ((database,),) = site.execute("SELECT DATABASE()")
    own_server.execute("CREATE USER onlooker@'%'")
    own_server.execute(f"GRANT SELECT ON {database}.* TO onlooker@'%'")
    url = own_server.url(database, user="onlooker")

    try:
        with open_warehouse(url) as warehouse:
            assert warehouse.digest() == site.digest()
            with pytest.raises(WarehouseError) as refused:
                warehouse.service().register_signatures(ONE_POINT)
        assert site.using(warehouse=url).verify() == []
        site.write({"Online/Genuine/099_1.HWR": b"1,2,3"})
        with pytest.raises(WarehouseError) as refused_load:
            site.load()
        nothing = own_server.execute("CREATE DATABASE IF NOT EXISTS nothing")
        assert nothing == []
        own_server.execute("GRANT SELECT ON nothing.* TO onlooker@'%'")
        text = refusal(own_server.url("nothing", user="onlooker"))
    finally:
        own_server.execute("DROP USER onlooker@'%'")

    for said in (str(refused.value), str(refused_load.value), text):
        assert "command denied to user 'onlooker'" in said
        assert said.endswith("; use a role that has the right, or have its owner grant it")


@pytest.mark.usefixtures("on_mariadb")
def test_a_server_that_only_lets_read_is_told(tmp_path: Path, guarded: OwnMariadbServer) -> None:
    site = site_a(tmp_path).using(warehouse=url_of_guarded(guarded))
    open_warehouse(site.settings.warehouse).close()
    guarded.execute("SET GLOBAL read_only = 1")
    try:
        with pytest.raises(WarehouseError) as refused:
            site.load()
    finally:
        guarded.execute("SET GLOBAL read_only = 0")

    assert "--read-only option" in str(refused.value)
    assert str(refused.value).endswith("; " + server.ONLY_READS)


@pytest.mark.parametrize(
    "url",
    [
        f"mysql+pymysql://me:{PASSWORD} x@host:port/db",
        f"mysql+pymysql://me:{PASSWORD}@host:port/db",
        f"mysql+pymysql://me:{quote(PASSWORD)}@host:0/db",
        f"mysql+pymysql:me:{PASSWORD}@host/db",
        f"mysql+pymysql://me@host/db?no_such_setting={quote(PASSWORD)}",
        f"mysql+pymysql://me@host/db?{quote(PASSWORD)}",
        f"mysql+pymysql://me:{quote(PASSWORD, safe='')}%@host/db",
        f"mysql+pymysql://me:{quote(PASSWORD, safe='')}@host",
        f"mysql+pymysql://me:{quote(PASSWORD, safe='')}#@host/db",
    ],
)
def test_a_malformed_url_is_refused_in_one_line_that_repeats_nothing_of_it(url: str) -> None:
    assert refusal(url, SettingError) == (
        "SIGID_WAREHOUSE is no URL of a MariaDB or MySQL database; write it like mysql+pymysql://user@host/database"
    )


def test_a_missing_driver_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "find_spec", lambda _name: None)

    with pytest.raises(SettingError) as refused:
        location.check("mysql+pymysql://me@host/db")

    assert str(refused.value).endswith("; pip install 'sigid[mysql]'")


def test_certificates_that_are_not_there_are_told() -> None:
    text = refusal("mysql+pymysql://me@host/db?ssl_ca=/nowhere/ca.pem", SettingError)

    assert text.startswith("the certificates that SIGID_WAREHOUSE names cannot be used (No such file or directory); ")


@pytest.mark.parametrize(
    ("host", "proven", "warned"),
    [("db.example.org", False, True), ("db.example.org", True, False), ("127.0.0.1", False, False), ("", False, False)],
)
def test_a_way_to_the_server_that_proves_nothing_earns_a_line_that_says_how(
    host: str, proven: bool, warned: bool
) -> None:
    advice = mysql_server.tls_advice(host, proven)

    assert (advice is not None) == warned
    assert advice is None or ("ssl_verify_identity=true" in advice and "\n" not in advice)


def test_it_is_said_once_a_run(
    guarded: OwnMariadbServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mysql_server, "tls_advice", lambda host, proven: f"beware of {host}, {proven}")

    with caplog.at_level(logging.WARNING, "sigid"), open_warehouse(url_of_guarded(guarded)) as warehouse:
        warehouse.catalog()

    assert [record.getMessage() for record in caplog.records] == [
        "the warehouse guarded at 127.0.0.1: beware of 127.0.0.1, False"
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


@pytest.fixture
def silent_port() -> Iterator[int]:
    """The port of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_a_server_that_is_down_is_told_in_one_line_and_soon(tmp_path: Path, guarded: OwnMariadbServer) -> None:
    site_a(tmp_path)
    password = quote(PASSWORD, safe="")
    url = f"mysql+pymysql://guarded:{password}@127.0.0.1:{guarded.port + 1}/guarded"

    begun = time.monotonic()
    done = doit(url, tmp_path, "load_source_a", SIGID_DATASETS=str(tmp_path / "datasets"))
    took = time.monotonic() - begun

    assert done.returncode != 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("load_source_a failed: the warehouse guarded at 127.0.0.1 cannot be used: ")
    assert line.endswith("; start the server, or check its host and port in SIGID_WAREHOUSE")
    assert took < 20  # it is about one second: nothing is tried again before there was a connection


def test_a_server_that_says_nothing_is_not_waited_for(silent_port: int) -> None:
    begun = time.monotonic()

    text = refusal(f"mysql+pymysql://me@127.0.0.1:{silent_port}/db", ConnectionLost)

    assert "cannot be used: " in text
    assert time.monotonic() - begun < 4.9


def test_no_password_is_in_what_doit_writes_and_keeps(tmp_path: Path, guarded: OwnMariadbServer) -> None:
    url = url_of_guarded(guarded)
    tasks = (["load_source_a"], ["load_source_a"], ["info", "load_source_a"], ["catalog"])

    ran = [doit(url, tmp_path, *arguments) for arguments in tasks]

    assert [done.returncode for done in ran] == [0, 0, ran[2].returncode, 0], ran
    said = "".join(done.stdout + done.stderr for done in ran).encode()
    kept = b"".join(path.read_bytes() for path in (tmp_path / "build").rglob("*") if path.is_file())
    for secret in (PASSWORD.encode(), quote(PASSWORD, safe="").encode()):
        assert secret not in said + kept


def asked(server: MariadbServer) -> int:
    """How many questions the server has been asked for data, this one not among them."""
    ((_, count),) = server.execute("SHOW GLOBAL STATUS LIKE 'Com_select'")
    return int(count)


@pytest.mark.usefixtures("on_mariadb")
def test_a_run_without_changes_asks_one_question_and_imports_the_driver_alone(
    tmp_path: Path, mariadb_server: MariadbServer
) -> None:
    site = site_a(tmp_path)
    site.load()
    program = (
        "import sys; from sigid.warehouse.fingerprint import holds; print(holds(*sys.argv[1:]));"
        "print([name for name in ('sqlalchemy', 'numpy', 'pydantic', 'tenacity') if name in sys.modules])"
    )
    ((fingerprint,),) = site.execute('SELECT fingerprint FROM "load"')
    before = asked(mariadb_server)

    ran = subprocess.run(
        [sys.executable, "-c", program, site.settings.warehouse, "source_a", fingerprint.partition("-")[0]],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert ran.stdout.splitlines() == ["True", "[]"]
    assert asked(mariadb_server) - before == 1


# Loads that meet


@pytest.mark.usefixtures("on_mariadb")
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
    assert text.startswith("a load of source_a into ")
    assert "is under way (root, from localhost, server process " in text
    assert second.counts() == {"unchanged": 20}


@pytest.mark.usefixtures("on_mariadb")
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


def others(server: MariadbServer) -> list[int]:
    """The server's processes that work in a database."""
    return [number for (number,) in server.execute("SELECT id FROM information_schema.processlist WHERE db LIKE 'w%'")]


def end(server: MariadbServer) -> int:
    """End them. Returns how many there were."""
    ended = 0
    for number in others(server):
        with suppress(pymysql.OperationalError):  # it has just ended by itself
            server.execute(f"KILL CONNECTION {number}")
            ended += 1
    return ended


@pytest.mark.usefixtures("hurried", "on_mariadb")
def test_a_load_goes_on_where_its_connection_was_cut_and_counts_each_file_once(
    tmp_path: Path, mariadb_server: MariadbServer
) -> None:
    site = site_a(tmp_path, trajectories(range(95)))
    site.load()
    site.write(dict.fromkeys(trajectories(range(10)), b"7 8 9\n"))
    site.write(trajectories(range(200, 280)))
    site.remove(*trajectories(range(10, 15)))
    cut: list[int] = []

    def cut_off(done: int, _total: int) -> None:
        if done == 30 and len(cut) < 3:
            cut.append(end(mariadb_server))

    site.scan()
    loaded = load_module.load(site.source, site.settings, progress=cut_off)

    assert cut == [1, 1, 1]
    assert loaded.counts._asdict() == {"added": 80, "changed": 10, "unchanged": 80, "retired": 5, "rejected": 0}
    assert site.digest() == site.clean_digest()


@pytest.mark.usefixtures("hurried", "on_mariadb")
def test_a_load_whose_connection_is_cut_time_and_again_gives_up_with_one_line(
    tmp_path: Path, mariadb_server: MariadbServer
) -> None:
    site = site_a(tmp_path, trajectories(range(200)))
    cut: list[int] = []
    site.scan()

    with pytest.raises(ConnectionLost) as refused:
        load_module.load(site.source, site.settings, progress=lambda *_: cut.append(end(mariadb_server)))

    assert len(cut) == 6
    assert "\n" not in str(refused.value)
    assert "what was committed stands" in str(refused.value)
    assert site.counts() == {"added": 200 - 60, "unchanged": 60}
    assert site.digest() == site.clean_digest()


@pytest.mark.usefixtures("hurried", "on_mariadb")
@pytest.mark.parametrize("went_through", [True, False], ids=["that went through", "that did not"])
def test_a_commit_whose_answer_is_lost_is_neither_lost_nor_done_twice(
    tmp_path: Path, mariadb_server: MariadbServer, monkeypatch: pytest.MonkeyPatch, went_through: bool
) -> None:
    site = site_a(tmp_path, trajectories(range(40)))
    commits = 0
    query = Driver.query

    def cut_at_commit(driver: Driver, sql: Any, unbuffered: bool = False) -> int:
        nonlocal commits
        if sql == "COMMIT":
            commits += 1
            if commits == 3:
                if went_through:
                    query(driver, sql)
                end(mariadb_server)
        return query(driver, sql, unbuffered)

    monkeypatch.setattr(Driver, "query", cut_at_commit)

    counts = site.counts()

    assert counts == ({"added": 30, "unchanged": 10} if went_through else {"added": 40})
    assert site.digest() == site.clean_digest()


KILLS = int(os.environ.get("SIGID_TEST_KILLS", "5"))


@pytest.mark.usefixtures("hurried", "on_mariadb")
def test_connections_that_are_ended_at_any_instant_change_nothing_about_what_is_loaded(
    tmp_path: Path, mariadb_server: MariadbServer
) -> None:
    """SIGID_TEST_KILLS says how many are to be ended."""
    chance = random.Random(2011)  # noqa: S311  # repeatable is what it must be
    landed, trial = 0, 0
    clean = site_a(tmp_path / "clean", {**SAMPLE_A, **trajectories(range(200, 400))}).clean_digest()

    while landed < KILLS:
        trial += 1
        assert trial < 20 * KILLS
        site = site_a(tmp_path / str(trial), {**SAMPLE_A, **trajectories(range(200, 400))})
        with site.warehouse():
            pass
        site.scan()
        with ThreadPoolExecutor(1) as thread:
            loading = thread.submit(load_module.load, site.source, site.settings)
            while not loading.done() and not others(mariadb_server):
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.3))
            landed += end(mariadb_server)
        try:
            assert loading.result().problem is None
        except ConnectionLost:  # when it had just opened the warehouse
            assert site.load().problem is None

        assert site.digest() == clean


@pytest.mark.usefixtures("hurried", "on_mariadb")
def test_a_load_outlives_a_crash_of_the_server(tmp_path: Path, own_server: OwnMariadbServer) -> None:
    site = site_a(tmp_path, trajectories(range(100)))
    crashed: list[int] = []

    def crash(done: int, _total: int) -> None:
        if done == 50 and not crashed:
            crashed.append(done)
            own_server.stop(signal.SIGKILL)
            own_server.launch()

    site.scan()
    loaded = load_module.load(site.source, site.settings, progress=crash)

    assert loaded.counts.added == 100
    assert site.digest() == site.clean_digest()


@pytest.mark.usefixtures("on_mariadb")
def test_a_reader_whose_connection_was_cut_is_told_and_can_read_again(
    tmp_path: Path, mariadb_server: MariadbServer
) -> None:
    site = site_a(tmp_path, trajectories(range(1500)))
    site.load()
    with site.warehouse() as warehouse:
        reading = warehouse.signatures()
        next(reading)
        end(mariadb_server)

        with pytest.raises(ConnectionLost):
            list(reading)
        assert sum(1 for _ in warehouse.signatures()) == 1500


def test_the_lock_of_a_database_is_not_that_of_another(mariadb_databases: Databases, tmp_path: Path) -> None:
    one, other = (MysqlDatabase(mariadb_databases.url(tmp_path / name)) for name in ("one", "other"))

    with one.loading("source_a"), other.loading("source_a"), one.loading("source_b"):
        pass


def test_what_is_said_of_roles_makes_them(
    tmp_path: Path, mariadb_databases: Databases, mariadb_server: MariadbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Site, "databases", mariadb_databases)
    site = site_a(tmp_path)
    site.load()
    name = site.settings.warehouse.partition("?")[0].rpartition("/")[2]

    def said_to(login: str, statement: str) -> Any:
        with closing(Server(mariadb_server.url(name, user=login)).connect()) as driver, driver.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    roles = Roles("its owner", "loader", "reader")
    try:
        with closing(open_database(site.settings.warehouse)) as database:
            first, *statements = database.grant(roles)
        for statement in statements:
            mariadb_server.execute(statement)
        for login, role in {"lou": "loader", "rita": "reader"}.items():
            mariadb_server.execute(f"CREATE USER {login}@'%'")
            mariadb_server.execute(f"GRANT {role} TO {login}@'%'")
            mariadb_server.execute(f"SET DEFAULT ROLE {role} FOR {login}@'%'")

        lou = site.using(warehouse=mariadb_server.url(name, user="lou"))

        assert first.endswith("roles are made by hand; nothing was done. This would do it:")
        assert lou.write(trajectories([100])).counts()["added"] == 1
        with pytest.raises(WarehouseError, match="use a role that has the right, or have its owner grant it"):
            open_database(mariadb_server.url(name, user="rita"))
        assert said_to("rita", "SELECT count(*) FROM signatures WHERE signee = '100'") == ((1,),)
        for login, forbidden in (("lou", "DELETE FROM signature"), ("rita", "SELECT * FROM signature")):
            with pytest.raises(pymysql.OperationalError, match="command denied"):
                said_to(login, forbidden)
    finally:
        for statement in ("DROP USER IF EXISTS lou@'%', rita@'%'", "DROP ROLE IF EXISTS `its owner`, loader, reader"):
            mariadb_server.execute(statement)
