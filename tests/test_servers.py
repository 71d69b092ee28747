"""A warehouse on a server, whichever it is: what is stored and refused, and what becomes of a load that is cut off."""

from __future__ import annotations

import logging
import os
import random
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest

from sigid.entity import Points
from sigid.errors import BusyError, ConnectionLost, SettingError, WarehouseError
from sigid.identity import PersonKey
from sigid.pipeline import again as again_module
from sigid.pipeline import load as load_module
from sigid.service import NewXYZSignature
from sigid.warehouse import location
from sigid.warehouse import server as server_module
from sigid.warehouse.database import open_database
from sigid.warehouse.records import SCHEMA_VERSION, TABLES
from sigid.warehouse.warehouse import Warehouse, open_warehouse
from tests.databases import Databases
from tests.servers import PASSWORD, Asked, OwnServer, Server, refusal, url_of_guarded
from tests.trees import SAMPLE_A, Site, in_batches_of, site_a, site_b, trajectories

PROJECT = Path(__file__).parents[1]
ONE_POINT = [NewXYZSignature(points=Points([(1.0, 2.0, 3.0)]), sample="1")]


class Named(NamedTuple):
    """What a kind of server is called: in URLs, to people, and to pip."""

    scheme: str
    name: str
    extra: str


NAMED = {
    "postgresql": Named("postgresql+psycopg", "PostgreSQL", "postgresql"),
    "mariadb": Named("mysql+pymysql", "MariaDB or MySQL", "mysql"),
}

pytestmark = pytest.mark.usefixtures("own_home")


@pytest.fixture(scope="session", params=NAMED)
def kind(request: pytest.FixtureRequest) -> str:
    """The name of each kind of server in turn."""
    name: str = request.param
    return name


@pytest.fixture
def named(kind: str) -> Named:
    return NAMED[kind]


@pytest.fixture(scope="session")
def server(kind: str, request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(f"{kind}_server")
    return found


@pytest.fixture(scope="session")
def databases(kind: str, request: pytest.FixtureRequest) -> Databases:
    """Those on the server."""
    found: Databases = request.getfixturevalue(f"{kind}_databases")
    return found


@pytest.fixture
def own_server(server: Server) -> OwnServer:
    """The server, which the test may stop."""
    if not isinstance(server, OwnServer):
        pytest.skip("a server that somebody named is not ours to stop")
    return server


@pytest.fixture
def guarded(own_server: OwnServer) -> OwnServer:
    """The server, which has a user who must say his password."""
    own_server.guard()
    return own_server


# What is stored


def test_names_are_told_apart_and_ordered_by_code_point_whatever_the_databases_language(
    databases: Databases, tmp_path: Path
) -> None:
    site = Site(tmp_path)
    names = ["A", "Z", "a", "z", "ä", "é", "\uffff", "\U00010000", "_", "-", " ", "a ", "a\t", "e\u0301", "\\", "'"]
    files = {f"Online/Genuine/{name}.HWR": b"" for name in names} | {"Online/a": b"", "Online/a ": b""}
    site.write(files).load()
    other = Site(tmp_path).using(warehouse=databases.url(tmp_path / "other"), build=tmp_path / "another build folder")

    assert other.counts() == {"rejected": len(names)}
    assert other.counts() == {"rejected": len(names)}
    assert list(other.rejections()) == list(site.rejections())
    assert other.digest() == site.digest()


def test_keys_that_differ_in_a_blank_or_an_accent_are_two(warehouse: Warehouse) -> None:
    names = ["a", "a ", "A", "ä", "a\u0308"]

    warehouse.service().register_batch([(PersonKey("lab", "", name), ONE_POINT) for name in names])

    assert warehouse.catalog()["lab"]["signees"] == len(names)
    assert sum(1 for _ in warehouse.signatures(signee="lab/a ")) == 1


@pytest.mark.parametrize("make", [site_a, site_b])
def test_the_samples_have_the_digest_that_they_have_in_sqlite(
    tmp_path: Path, databases: Databases, make: Callable[[Path], Site]
) -> None:
    site = make(tmp_path)
    other = make(tmp_path).using(warehouse=databases.url(tmp_path), build=tmp_path / "another build folder")

    assert other.counts() == site.counts()
    assert other.digest() == site.digest()
    assert other.catalog() == site.catalog()
    assert other.ids() == site.ids()


def test_more_points_than_fit_into_a_statement_are_written(warehouse: Warehouse) -> None:
    points = Points([(float(n), n / 3, -n / 7) for n in range(40_000)])

    warehouse.service().register_signatures([NewXYZSignature(points=points, sample=str(n)) for n in range(2)])

    assert [each.points for each in warehouse.signatures()] == [points, points]  # type: ignore[union-attr]


def test_whoever_takes_no_more_rows_may_let_go_of_them_when_the_connection_is_closed(warehouse: Warehouse) -> None:
    digits = " UNION ALL ".join(f"SELECT {digit} AS digit" for digit in range(10))
    with warehouse.database.session() as session:
        rows = session.select(f"SELECT a.digit FROM {', '.join(f'({digits}) {name}' for name in 'abcd')}")  # noqa: S608  # our own
        assert sum(1 for _ in islice(rows, server_module.ROWS_AT_ONCE + 1)) == server_module.ROWS_AT_ONCE + 1

    rows.close()  # type: ignore[attr-defined]  # as Python does when nobody has it any more


def test_who_reads_may_write_meanwhile(warehouse: Warehouse) -> None:
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


def test_a_person_who_is_there_under_another_id_is_refused(
    warehouse: Warehouse, warehouse_url: str, databases: Databases
) -> None:
    warehouse.service().register_signatures(ONE_POINT, "lab/1")
    databases.execute(warehouse_url, "UPDATE signee SET id = 'another'")

    with pytest.raises(WarehouseError, match="does not fit what is there"):
        warehouse.service().register_signatures(ONE_POINT, "lab/1")


# What is made, and where


def test_a_newer_schema_is_refused_with_both_versions(warehouse_url: str, databases: Databases) -> None:
    open_warehouse(warehouse_url).close()
    databases.execute(warehouse_url, "UPDATE schema_version SET version = 7")
    before = databases.snapshot(warehouse_url)

    assert f"has schema version 7, this sigid knows {SCHEMA_VERSION}; " in refusal(warehouse_url)
    assert databases.snapshot(warehouse_url) == before


@pytest.mark.parametrize("table", ["signature (id int)", "schema_version (version int)", '"load" (id int)'])
def test_where_somebody_else_has_tables_of_our_names_nothing_is_made(
    warehouse_url: str, databases: Databases, table: str
) -> None:
    databases.execute(warehouse_url, f"CREATE TABLE {table}")

    assert refusal(warehouse_url).endswith(" is a database, but not one of sigid; point SIGID_WAREHOUSE elsewhere")


def test_other_tables_of_somebody_else_are_no_obstacle(warehouse_url: str, databases: Databases) -> None:
    databases.execute(warehouse_url, "CREATE TABLE invoice (id int)")

    with open_warehouse(warehouse_url) as warehouse:
        assert warehouse.catalog() == {}


def test_two_that_make_one_warehouse_at_once_make_one(warehouse_url: str) -> None:
    with ThreadPoolExecutor(6) as threads:
        opened = list(threads.map(open_warehouse, [warehouse_url] * 6))

    for warehouse in opened:
        assert warehouse.catalog() == {}
        warehouse.close()


MAKES = re.compile(r'CREATE TABLE|(UPDATE|INSERT INTO) "?schema_version')


@pytest.mark.parametrize("made", range(len(TABLES) + 1))
def test_a_warehouse_whose_making_was_cut_off_is_made_by_the_next_one(
    warehouse_url: str, databases: Databases, server: Server, made: int
) -> None:
    left = made

    def cut_off(statement: str, _send: Callable[[], object]) -> None:
        nonlocal left
        if MAKES.search(statement):
            if left == 0:
                assert server.cut()
            left -= 1

    with server.overheard(cut_off), pytest.raises(WarehouseError):
        open_warehouse(warehouse_url)

    with open_warehouse(warehouse_url) as warehouse:
        warehouse.service().register_signatures(ONE_POINT, "lab/1")
        assert warehouse.catalog()["lab"]["signatures"] == 1
    assert databases.execute(warehouse_url, "SELECT version FROM schema_version") == [(SCHEMA_VERSION,)]


# Who is let in


@pytest.mark.parametrize("over", ["a socket", "the network"])
def test_a_wrong_password_is_told_and_not_repeated(guarded: OwnServer, over: str) -> None:
    port, place = (guarded.port, "127.0.0.1") if over == "the network" else (None, guarded.place)

    text = refusal(url_of_guarded(guarded, PASSWORD * 2, port))

    assert text.startswith(f"the warehouse guarded at {place} cannot be used: ")
    assert guarded.says.no_way_in in text
    assert text.endswith(f"; {guarded.says.way_in}")


def test_a_database_that_is_not_there_is_told(server: Server) -> None:
    text = refusal(server.url("nowhere"))

    assert text.startswith(f"the warehouse nowhere at {server.place} cannot be used: ")
    assert server.says.no_database in text
    assert text.endswith(f"; {server.says.way_in}")


NO_RIGHT = "; use a role that has the right, or have its owner grant it"


@pytest.mark.usefixtures("on_every_database")
def test_who_may_only_read_reads_and_is_told_so_when_he_is_to_write(tmp_path: Path, own_server: OwnServer) -> None:
    site = site_a(tmp_path)
    site.load()

    with own_server.onlooker(site.settings.warehouse) as url:
        with open_warehouse(url) as warehouse:
            assert warehouse.digest() == site.digest()
            with pytest.raises(WarehouseError) as refused:
                warehouse.service().register_signatures(ONE_POINT)
        assert site.using(warehouse=url).verify() == []
        site.write({"Online/Genuine/099_1.HWR": b"1,2,3"})
        with pytest.raises(WarehouseError) as refused_load:
            site.load()

    for error in (refused.value, refused_load.value):
        assert own_server.says.no_right in str(error)
        assert str(error).endswith(NO_RIGHT)


def test_who_may_not_make_tables_is_told(own_server: OwnServer) -> None:
    with own_server.visitor() as url:
        text = refusal(url)

    assert own_server.says.no_tables in text
    assert text.endswith(NO_RIGHT)


def test_a_server_that_only_lets_read_is_told(tmp_path: Path, guarded: OwnServer) -> None:
    site = site_a(tmp_path).using(warehouse=url_of_guarded(guarded))
    open_warehouse(site.settings.warehouse).close()

    with guarded.letting_read_only(), pytest.raises(WarehouseError) as refused:
        site.load()

    assert guarded.says.only_reads in str(refused.value)
    assert str(refused.value).endswith(f"; {server_module.ONLY_READS}")


@pytest.mark.parametrize(
    "rest",
    [
        f"//me:{PASSWORD} x@host:port/db",
        f"//me:{PASSWORD}@host:port/db",
        f"//me:{quote(PASSWORD)}@host:0/db",
        f"me:{PASSWORD}@host/db",
        f"//me@host/db?no_such_setting={quote(PASSWORD)}",
        f"//me@host/db?{quote(PASSWORD)}",
        f"//me:{quote(PASSWORD, safe='')}%@host/db",
        f"//me:1/{quote(PASSWORD, safe='')}@host",
        "//me@host..of.no.name/db",
    ],
)
def test_a_malformed_url_is_refused_in_one_line_that_repeats_nothing_of_it(named: Named, rest: str) -> None:
    assert refusal(f"{named.scheme}:{rest}", SettingError) == (
        f"SIGID_WAREHOUSE is no URL of a {named.name} database; write it like {named.scheme}://user@host/database"
    )


def test_a_missing_driver_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch, named: Named) -> None:
    monkeypatch.setattr(server_module, "find_spec", lambda _name: None)

    with pytest.raises(SettingError) as refused:
        location.check(f"{named.scheme}://me@host/db")

    assert str(refused.value) == (
        f"SIGID_WAREHOUSE is on {named.name}, whose driver is missing; pip install 'sigid[{named.extra}]'"
    )


def test_what_there_is_to_say_of_the_way_to_the_server_is_said_once_a_run(
    guarded: OwnServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    url = url_of_guarded(guarded, port=guarded.port)
    here = f"127.0.0.1, port {guarded.port}"
    monkeypatch.setattr(server_module, "tls_advice", lambda _host, proven, _way: f"beware of {here}, {proven}")

    with caplog.at_level(logging.WARNING, "sigid"), open_warehouse(url) as warehouse:
        warehouse.catalog()

    assert [record.getMessage() for record in caplog.records] == [
        f"the warehouse guarded at 127.0.0.1: beware of {here}, False"
    ]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """The port of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_a_server_that_says_nothing_is_not_waited_for(silent_port: int, named: Named) -> None:
    begun = time.monotonic()

    text = refusal(f"{named.scheme}://me@127.0.0.1:{silent_port}/db", ConnectionLost)

    assert text.startswith("the warehouse db at 127.0.0.1 cannot be used: ")
    assert time.monotonic() - begun < 20  # it is two or four seconds, and would be an hour


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


def test_a_server_that_is_down_is_told_in_one_line_and_soon(tmp_path: Path, guarded: OwnServer) -> None:
    site_a(tmp_path)
    url = url_of_guarded(guarded, port=guarded.port + 1)

    begun = time.monotonic()
    done = doit(url, tmp_path, "load_source_a", SIGID_DATASETS=str(tmp_path / "datasets"))
    took = time.monotonic() - begun

    assert done.returncode != 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("load_source_a failed: the warehouse guarded at 127.0.0.1 cannot be used: ")
    assert line.endswith("; start the server, or check its host and port in SIGID_WAREHOUSE")
    assert took < 20  # it is under one second: nothing is tried again before there was a connection


def test_no_password_is_in_what_doit_writes_and_keeps(tmp_path: Path, guarded: OwnServer) -> None:
    url = url_of_guarded(guarded)
    tasks = (["load_source_a"], ["load_source_a"], ["info", "load_source_a"], ["catalog"], ["rejects"], ["forget"])

    ran = [doit(url, tmp_path, *arguments) for arguments in tasks]

    assert [done.returncode for done in ran] == [0] * 2 + [ran[2].returncode] + [0] * 3, ran
    said = "".join(done.stdout + done.stderr for done in ran).encode()
    kept = b"".join(path.read_bytes() for path in (tmp_path / "build").rglob("*") if path.is_file())
    for secret in (PASSWORD.encode(), quote(PASSWORD, safe="").encode()):
        assert secret not in said + kept


@pytest.mark.usefixtures("on_every_database")
def test_a_run_without_changes_asks_one_question_and_imports_the_driver_alone(tmp_path: Path, server: Server) -> None:
    site = site_a(tmp_path)
    site.load()
    program = (
        "import sys; from sigid.warehouse.fingerprint import holds; print(holds(*sys.argv[1:]));"
        "print([name for name in ('sqlalchemy', 'numpy', 'pydantic', 'tenacity') if name in sys.modules])"
    )
    ((fingerprint,),) = site.execute('SELECT fingerprint FROM "load"')
    command = [sys.executable, "-c", program, site.settings.warehouse, "source_a", fingerprint.partition("-")[0]]
    said: list[str] = []

    asked = server.asked_by(lambda: said.append(subprocess.check_output(command, cwd=PROJECT, text=True)))

    assert said == ["True\n[]\n"]
    assert asked == Asked(connections=1, questions=1)


# Loads that meet


@pytest.mark.usefixtures("on_every_database")
def test_a_second_load_from_another_build_folder_is_told_who_is_at_it(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_batches_of(5, monkeypatch.setattr)
    monkeypatch.setattr(server_module, "WAIT_FOR_LOAD_SECONDS", 0.1)
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
    assert f" at {server.place} is under way ({server.ourselves}" in text
    assert "server process " in text
    assert second.counts() == {"unchanged": 20}


@pytest.mark.usefixtures("on_every_database")
def test_another_source_can_be_loaded_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_batches_of(5, monkeypatch.setattr)
    a, b = site_a(tmp_path, trajectories(range(40))), site_b(tmp_path)

    with ThreadPoolExecutor(2) as threads:
        loads = [threads.submit(a.counts), threads.submit(b.counts)]

    assert [each.result() for each in loads] == [{"added": 40}, {"added": 7}]


def test_the_lock_of_a_warehouse_is_not_that_of_another(databases: Databases, tmp_path: Path) -> None:
    one, other = (open_database(databases.url(tmp_path / name)) for name in ("one", "other"))

    with closing(one), closing(other), one.loading("source_a"), other.loading("source_a"), one.loading("source_b"):
        pass


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
    in_batches_of(10, monkeypatch.setattr)
    monkeypatch.setattr(again_module, "_FIRST_WAIT_SECONDS", 0.2)


@pytest.mark.usefixtures("hurried", "on_every_database")
def test_a_load_goes_on_where_its_connection_was_cut_and_counts_each_file_once(tmp_path: Path, server: Server) -> None:
    site = site_a(tmp_path, trajectories(range(95)))
    site.load()
    site.write(dict.fromkeys(trajectories(range(10)), b"7 8 9\n"))
    site.write(trajectories(range(200, 280)))
    site.remove(*trajectories(range(10, 15)))
    cut: list[int] = []

    def cut_off(done: int, _total: int) -> None:
        if done == 30 and len(cut) < 3:
            cut.append(server.cut())

    site.scan()
    loaded = load_module.load(site.source, site.settings, progress=cut_off)

    assert cut == [1, 1, 1]
    assert loaded.counts._asdict() == {"added": 80, "changed": 10, "unchanged": 80, "retired": 5, "rejected": 0}
    assert site.digest() == site.clean_digest()


@pytest.mark.usefixtures("hurried", "on_every_database")
def test_a_load_whose_connection_is_cut_time_and_again_gives_up_with_one_line(tmp_path: Path, server: Server) -> None:
    site = site_a(tmp_path, trajectories(range(200)))
    cut: list[int] = []
    site.scan()

    with pytest.raises(ConnectionLost) as refused:
        load_module.load(site.source, site.settings, progress=lambda *_: cut.append(server.cut()))

    assert len(cut) == 6
    assert re.search(server.says.cut, str(refused.value))
    assert "\n" not in str(refused.value)
    assert "what was committed stands" in str(refused.value)
    assert site.counts() == {"added": 200 - 60, "unchanged": 60}
    assert site.digest() == site.clean_digest()


@pytest.mark.usefixtures("hurried", "on_every_database")
@pytest.mark.parametrize("went_through", [True, False], ids=["that went through", "that did not"])
def test_a_commit_whose_answer_is_lost_is_neither_lost_nor_done_twice(
    tmp_path: Path, server: Server, went_through: bool
) -> None:
    site = site_a(tmp_path, trajectories(range(40)))
    commits = 0

    def cut_at_commit(statement: str, send: Callable[[], object]) -> None:
        nonlocal commits
        if statement == "COMMIT":
            commits += 1
            if commits == 3:
                if went_through:
                    send()
                server.cut()

    with server.overheard(cut_at_commit):
        counts = site.counts()

    assert counts == ({"added": 30, "unchanged": 10} if went_through else {"added": 40})
    assert site.digest() == site.clean_digest()


KILLS = int(os.environ.get("SIGID_TEST_KILLS", "5"))


@pytest.mark.usefixtures("hurried", "on_every_database")
def test_connections_that_are_ended_at_any_instant_change_nothing_about_what_is_loaded(
    tmp_path: Path, server: Server
) -> None:
    """SIGID_TEST_KILLS says how many are to be ended."""
    files = {**SAMPLE_A, **trajectories(range(200, 400))}
    chance = random.Random(2011)  # noqa: S311  # repeatable is what it must be
    landed, trial = 0, 0
    begun = time.monotonic()
    clean = site_a(tmp_path / "clean", files).clean_digest()
    took = time.monotonic() - begun

    while landed < KILLS:
        trial += 1
        assert trial < 20 * KILLS
        site = site_a(tmp_path / str(trial), files)
        site.scan()
        with ThreadPoolExecutor(1) as thread:
            loading = thread.submit(load_module.load, site.source, site.settings)
            time.sleep(chance.uniform(0, took))
            landed += server.cut()
        try:
            assert loading.result().problem is None
        except ConnectionLost:  # when it had just opened the warehouse
            assert site.load().problem is None

        assert site.digest() == clean


@pytest.mark.usefixtures("hurried", "on_every_database")
def test_a_load_outlives_a_crash_of_the_server(tmp_path: Path, own_server: OwnServer) -> None:
    site = site_a(tmp_path, trajectories(range(100)))
    crashed: list[int] = []

    def crash(done: int, _total: int) -> None:
        if done == 50 and not crashed:
            crashed.append(done)
            own_server.crash()

    site.scan()
    loaded = load_module.load(site.source, site.settings, progress=crash)

    assert crashed == [50]
    assert loaded.counts.added == 100
    assert site.digest() == site.clean_digest()


@pytest.mark.usefixtures("on_every_database")
def test_a_reader_whose_connection_was_cut_is_told_and_can_read_again(tmp_path: Path, server: Server) -> None:
    site = site_a(tmp_path, trajectories(range(1500)))
    site.load()
    with site.warehouse() as warehouse:
        reading = warehouse.signatures()
        next(reading)
        server.cut()

        with pytest.raises(ConnectionLost):
            list(reading)
        assert sum(1 for _ in warehouse.signatures()) == 1500
