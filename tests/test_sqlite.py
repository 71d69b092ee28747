"""The warehouse in a file: who may look at it, and what is refused in its place."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy.dialects.sqlite import dialect

import sigid
from sigid.entity import ImageSignature, Points
from sigid.errors import SettingError, WarehouseError
from sigid.service import NewImageSignature, NewXYZSignature
from sigid.warehouse import schema, sqlite
from sigid.warehouse.ledger import Counts
from sigid.warehouse.records import FORGER, SCHEMA_VERSION, SIGNATURE, SIGNEE, ForgerRow, SignatureRow, SigneeRow
from sigid.warehouse.sqlite_file import file_of
from sigid.warehouse.warehouse import Warehouse, open_warehouse
from tests.trees import later, site_a
from tests.users import PROJECT

NOBODY = 65534
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
THREE = [(1.0, 2.0, 3.0), (4.0, 5.0, 6.0), (7.0, 8.0, 9.0)]


@pytest.fixture
def warehouse_file(tmp_path: Path) -> Path:
    """Where the warehouse's file is, or will be."""
    return tmp_path / "warehouse.sqlite"


@pytest.fixture
def warehouse_url(warehouse_file: Path) -> str:
    return url_of(warehouse_file)


def url_of(file: Path) -> str:
    return f"sqlite:///{file}"


def refusal(file: Path) -> str:
    """The one line that says why this file cannot be used."""
    with pytest.raises(WarehouseError) as refused, open_warehouse(url_of(file)) as warehouse:
        warehouse.catalog()
    text = str(refused.value)
    assert "\n" not in text
    assert str(file) in text
    return text


def query(file: Path, statement: str) -> list[Any]:
    """What SQLite itself says, without any of our code."""
    with closing(sqlite3.connect(file)) as connection, connection:
        return connection.execute(statement).fetchall()


def test_what_is_stored_is_plain_enough_for_any_sqlite_client(warehouse: Warehouse, warehouse_file: Path) -> None:
    warehouse.service().register_signatures(
        [NewXYZSignature(points=Points(THREE), metadata={"hertz": 200})], "source_a/online/genuine/1"
    )

    (row,) = query(warehouse_file, "SELECT * FROM signee JOIN signature ON signee.id = signee_id JOIN trajectory")
    assert {"source_a", "online/genuine", "1", "xyz", "online", "genuine", '{"hertz": 200}', 3} <= set(row)
    assert row[-3:] == tuple(np.array(axis, dtype="<f8").tobytes() for axis in zip(*THREE, strict=True))


def test_every_commit_is_written_ahead_synced_and_checked(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        modes = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]

    assert modes == ["wal", 2, 1]


def test_what_makes_a_file_is_what_the_schema_says() -> None:
    """It is written down, as SQLAlchemy takes longer to import than a small first load takes."""
    said = schema.script(dialect())  # if this fails, it is what sigid/warehouse/sqlite_schema.sql has to hold

    assert sqlite.SCHEMA.read_text() == said


def test_a_file_that_is_made_is_as_sqlalchemy_makes_it(tmp_path: Path) -> None:
    made, other = (sqlite.SqliteDatabase(str(tmp_path / name)) for name in ("made", "other"))
    made.make()
    with other.engine().execution_options(sigid_writes=True).begin() as connection:
        schema.make(connection)
    other.close()

    assert everything_in(tmp_path / "made") == everything_in(tmp_path / "other")


def everything_in(file: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        made = connection.execute("SELECT type, name, tbl_name, trim(sql, char(10)) FROM sqlite_master ORDER BY 1, 2")
        return [*made, *connection.execute("SELECT * FROM schema_version")]


def test_a_fact_that_no_row_has_any_more_is_taken_out(warehouse: Warehouse) -> None:
    """A column in which all rows have None is not even named to SQLite."""
    key = "corpus/1"
    service = warehouse.service()
    for facts in ({"width": 5, "height": 4, "mode": "L"}, {"blank": True}):
        service.register_signatures([NewImageSignature(local_uri="/1.png", sample="1", **facts)], key)

    (signature,) = warehouse.signatures()

    assert isinstance(signature, ImageSignature)
    assert (signature.width, signature.height, signature.mode, signature.blank) == (None, None, None, True)


def test_what_stands_is_not_taken_out_of_its_indices_and_put_in_again() -> None:
    """A quarter of the pages that a load of changed files wrote were of indices in which nothing had changed."""
    columns = schema.metadata.tables["signature"]

    assert set(SIGNATURE.indexed) == {
        *(column.name for column in columns.c if column.foreign_keys),
        *(column.name for index in columns.indexes for column in index.columns),
    }


@pytest.mark.parametrize("signees", [("1", "1"), ("1", "2"), ("2", "2")])
def test_a_row_is_replaced_whole_whether_what_is_indexed_stands_or_not(
    warehouse: Warehouse, signees: tuple[str, str]
) -> None:
    before = [signature_row("A", "1", width=1), signature_row("B", "1", width=1)]
    after = [
        signature_row(id_, signee, width=2, forger_id=forger)
        for id_, signee, forger in zip("AB", signees, ("F", None), strict=True)
    ]

    with warehouse.writing() as session:
        session.add(SIGNEE, [SigneeRow(number, "source_a", "", number, session.moment(NOW)) for number in "12"])
        session.add(FORGER, [ForgerRow("F", "source_a", "", "3")])
        session.put(SIGNATURE, before)
        session.put(SIGNATURE, after)

        assert sorted(session.select("SELECT * FROM signature")) == after


def signature_row(id_: str, signee: str, width: int, forger_id: str | None = None) -> SignatureRow:
    given = (id_, signee, forger_id, None, "source_a", "image", "offline", "genuine", None, "asset", False)
    return SignatureRow(*given, width, 1, "L", None, "00", "{}", NOW.isoformat(), None, False)


def test_what_is_committed_is_copied_to_its_place_while_something_else_is_done(
    warehouse: Warehouse, warehouse_file: Path
) -> None:
    """Who loads waited for it at the end, after the manifest was written and not meanwhile."""
    with warehouse.database.loading("source_a") as session:
        session.insert("load", {"source": "source_a", "started": session.moment(NOW), **Counts()._asdict()})
        assert not loads_in_place(warehouse_file)

        with session.settling():
            pass

        assert loads_in_place(warehouse_file)


def test_nobody_else_commits_while_a_load_has_the_log_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until 3.51.3, SQLite may lose what is committed to a log that was just copied whole, while it is copied again."""
    later(monkeypatch)
    site = site_a(tmp_path)
    refusals: list[str] = []

    def try_to_write(_: sqlite.SqliteDatabase) -> None:
        other = sqlite3.connect(file_of(site.settings.warehouse), timeout=0, isolation_level=None)
        with closing(other), pytest.raises(sqlite3.OperationalError) as refused:
            other.execute("BEGIN IMMEDIATE")
        refusals.append(str(refused.value))

    monkeypatch.setattr(sqlite.SqliteDatabase, "copy_back", try_to_write)
    site.load()

    assert refusals == ["database is locked"]
    assert site.is_current()


def test_where_there_can_be_no_further_thread_nothing_is_copied_beside(
    warehouse: Warehouse, warehouse_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A load whose user might have no more threads ended in a traceback when it had committed everything."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with warehouse.database.loading("source_a") as session:
        session.insert("load", {"source": "source_a", "started": session.moment(NOW), **Counts()._asdict()})
        with session.settling():
            pass

    assert loads_in_place(warehouse_file)


def test_whoever_takes_no_more_rows_may_let_go_of_them_when_the_connection_is_closed(warehouse: Warehouse) -> None:
    """A load that was stopped while it went through rows left a traceback: they were let go of after the connection."""
    with warehouse.database.session() as session:
        rows = session.select("SELECT 1 UNION SELECT 2")
        assert next(iter(rows)) == (1,)

    rows.close()  # type: ignore[attr-defined]  # as Python does when nobody has it any more


def test_what_cannot_be_copied_to_its_place_is_left_in_the_log(
    warehouse: Warehouse, warehouse_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_database: sqlite.SqliteDatabase) -> sqlite3.Connection:
        raise sqlite3.OperationalError("disk I/O error")

    with warehouse.database.loading("source_a") as session:
        session.insert("load", {"source": "source_a", "started": session.moment(NOW), **Counts()._asdict()})
        with monkeypatch.context() as patched:
            patched.setattr(sqlite.SqliteDatabase, "_connect", refuse)
            with session.settling():
                pass

    assert loads_in_place(warehouse_file)


def test_where_nothing_was_written_there_is_nothing_to_copy(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite.SqliteDatabase, "copy_back", lambda _: pytest.fail("it was copied"))

    with warehouse.database.loading("source_a") as session, session.settling():
        pass


def loads_in_place(file: Path) -> list[Any]:
    """What the file itself says of loads, without its log."""
    with closing(sqlite3.connect(f"file:{file}?immutable=1", uri=True)) as connection:
        return connection.execute('SELECT * FROM "load"').fetchall()


def test_the_files_are_for_their_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    file = tmp_path / "new" / "folder" / "warehouse.sqlite"
    before = os.umask(0)
    try:
        with open_warehouse(url_of(file)) as warehouse:
            warehouse.service().register_signatures([NewXYZSignature(points=Points(THREE))])
            with warehouse.database.loading("source_a"):
                modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").rglob("*")}
    finally:
        os.umask(before)

    assert modes == {
        "folder": 0o700,
        "warehouse.sqlite": 0o600,
        "warehouse.sqlite-wal": 0o600,
        "warehouse.sqlite-shm": 0o600,
        "warehouse.sqlite.source_a.lock": 0o600,
    }
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_without_a_url_the_settings_say_which_warehouse_it_is(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGID_WAREHOUSE", "sqlite:///some/where.sqlite")

    with sigid.open_warehouse() as warehouse:
        assert warehouse.catalog() == {}

    assert (workplace / "some" / "where.sqlite").is_file()


def test_without_settings_the_warehouse_lies_in_the_build_folder(workplace: Path) -> None:
    with open_warehouse():
        assert (workplace / "build" / "warehouse.sqlite").is_file()


def test_an_empty_file_becomes_a_warehouse_as_soon_as_another_program_lets_go_of_it(warehouse_file: Path) -> None:
    other = sqlite3.connect(warehouse_file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    letting_go = threading.Timer(0.2, other.close)
    letting_go.start()

    with open_warehouse(url_of(warehouse_file)) as warehouse:
        assert warehouse.catalog() == {}

    letting_go.join()


def test_a_newer_schema_is_refused_with_both_versions(warehouse: Warehouse, warehouse_file: Path) -> None:
    warehouse.close()
    query(warehouse_file, "UPDATE schema_version SET version = 7")
    before = warehouse_file.read_bytes()

    assert refusal(warehouse_file) == (
        f"the warehouse {warehouse_file} has schema version 7, this sigid knows {SCHEMA_VERSION}; "
        "use the sigid that wrote it, or a newer one"
    )
    assert warehouse_file.read_bytes() == before


def test_a_newer_schema_may_have_other_tables(warehouse_file: Path) -> None:
    query(warehouse_file, "CREATE TABLE schema_version AS SELECT 7 AS version, 'why' AS comment")

    assert f"has schema version 7, this sigid knows {SCHEMA_VERSION}" in refusal(warehouse_file)


@pytest.mark.parametrize(
    "table",
    [
        "signature (id)",
        "schema_version (version)",
        "schema_version AS SELECT 1 AS version",
        "schema_version AS SELECT '1.0' AS version",
        "schema_version AS SELECT 7 AS version UNION SELECT 8",
    ],
)
@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_a_database_of_somebody_else_is_refused_and_left_as_it_was(
    warehouse_file: Path, table: str, journal: str
) -> None:
    query(warehouse_file, f"PRAGMA journal_mode={journal}")
    query(warehouse_file, f"CREATE TABLE {table}")
    before = warehouse_file.read_bytes()

    assert refusal(warehouse_file) == (
        f"{warehouse_file} is a database, but not one of sigid; point SIGID_WAREHOUSE elsewhere"
    )
    assert warehouse_file.read_bytes() == before
    assert list(warehouse_file.parent.iterdir()) == [warehouse_file]


@pytest.mark.parametrize("content", [b"no database", bytes(5000), b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_database_is_refused_and_left_as_it_was(warehouse_file: Path, content: bytes) -> None:
    warehouse_file.write_bytes(content)

    assert refusal(warehouse_file) == (
        f"the warehouse {warehouse_file} cannot be used: file is not a database; "
        "restore it from a backup, or move it away and load again; "
        "where erasures were exported, `doit erase --apply FILE` comes first"
    )
    assert warehouse_file.read_bytes() == content
    assert list(warehouse_file.parent.iterdir()) == [warehouse_file]


def test_a_damaged_warehouse_is_refused_with_a_way_out(warehouse: Warehouse, warehouse_file: Path) -> None:
    warehouse.close()
    content = bytearray(warehouse_file.read_bytes())
    content[100:4000] = b"\xff" * 3900
    warehouse_file.write_bytes(content)

    assert refusal(warehouse_file) == (
        f"the warehouse {warehouse_file} cannot be used: database disk image is malformed; "
        "restore it from a backup, or move it away and load again; "
        "where erasures were exported, `doit erase --apply FILE` comes first"
    )


@contextmanager
def ordinary_user() -> Iterator[Path]:
    """Be somebody for whom permissions count (root is not), in a folder of his own."""
    folder = Path(tempfile.mkdtemp())
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o700)
        shutil.rmtree(folder)


def test_a_folder_that_cannot_be_written_is_told_with_a_way_out() -> None:
    with ordinary_user() as folder:
        folder.chmod(0o500)

        for file in (folder / "warehouse.sqlite", folder / "new" / "warehouse.sqlite"):
            assert refusal(file) == (
                f"the warehouse {file} cannot be made (Permission denied); check the permissions of its folder"
            )


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    file = tmp_path / "file" / "below" / "warehouse.sqlite"

    assert refusal(file) == (
        f"the warehouse {file} cannot be made ({tmp_path}/file is no folder, and cannot become one); name another place"
    )


NO_ACCESS = "; check the permissions of the file and of its folder"


def test_a_file_that_cannot_be_read_is_told_with_a_way_out() -> None:
    with ordinary_user() as folder:
        file = folder / "warehouse.sqlite"
        open_warehouse(url_of(file)).close()
        file.chmod(0)

        assert refusal(file) == f"the warehouse {file} cannot be used: unable to open database file{NO_ACCESS}"


def test_a_folder_in_the_place_of_the_file_is_told(tmp_path: Path) -> None:
    """It was said that the file could not be opened, and that the permissions were to be checked."""
    with pytest.raises(SettingError) as refused:
        open_warehouse(url_of(tmp_path))

    assert str(refused.value) == (
        f"SIGID_WAREHOUSE names a folder, {tmp_path}; write it like sqlite:///{tmp_path}/warehouse.sqlite"
    )


def register(warehouse: Warehouse) -> None:
    warehouse.service().register_signatures([NewXYZSignature(points=Points(THREE))])


def registered(warehouse: Warehouse) -> int:
    count: int = warehouse.catalog()["service"]["signatures"]
    return count


@contextmanager
def only_read(file: Path, *, of_file: int = 0o400, of_folder: int = 0o500) -> Iterator[None]:
    """Have nobody write the file, nor make one beside it."""
    file.chmod(of_file)
    file.parent.chmod(of_folder)
    try:
        yield
    finally:
        file.parent.chmod(0o700)
        file.chmod(0o600)


@pytest.mark.parametrize(("of_file", "of_folder"), [(0o400, 0o500), (0o400, 0o700), (0o600, 0o500)])
def test_a_file_that_may_only_be_read_is_read_and_says_so_when_it_is_to_be_written(
    of_file: int, of_folder: int
) -> None:
    """Where the folder could not be written either, all but `verify` refused to read it."""
    with ordinary_user() as folder:
        file = folder / "warehouse.sqlite"
        with open_warehouse(url_of(file)) as warehouse:
            register(warehouse)
            digest = warehouse.digest()

        with only_read(file, of_file=of_file, of_folder=of_folder), open_warehouse(url_of(file)) as warehouse:
            assert registered(warehouse) == 1
            assert warehouse.digest() == digest
            assert len(list(warehouse.signatures())) == 1
            with warehouse.database.session() as session:
                assert list(session.select("SELECT count(*) FROM signature")) == [(1,)]
            with pytest.raises(WarehouseError) as refused:
                register(warehouse)
            assert list(folder.iterdir()) == [file]

        assert str(refused.value) == (
            f"the warehouse {file} cannot be used: attempt to write a readonly database{NO_ACCESS}"
        )


def test_who_may_only_read_sees_what_is_committed_to_the_log() -> None:
    with ordinary_user() as folder:
        file = folder / "loaded" / "warehouse.sqlite"
        with open_warehouse(url_of(file)) as writing:
            register(writing)
            copied = shutil.copytree(file.parent, folder / "copied") / file.name  # as a load that is killed leaves it
            with only_read(file), open_warehouse(url_of(file)) as reading:
                assert registered(reading) == 1
                register(writing)
                assert registered(reading) == 2

        with only_read(copied), open_warehouse(url_of(copied)) as reading:
            assert registered(reading) == 1


def test_what_was_written_while_somebody_read_without_a_lock_is_told() -> None:
    """What he has read is of two states, and he could not tell."""
    with ordinary_user() as folder:
        file = folder / "warehouse.sqlite"
        with open_warehouse(url_of(file)) as writing:
            register(writing)

        def write() -> None:
            file.chmod(0o600)
            folder.chmod(0o700)
            with open_warehouse(url_of(file)) as writing:
                register(writing)
            file.chmod(0o400)
            folder.chmod(0o500)

        with only_read(file), open_warehouse(url_of(file)) as reading:
            with pytest.raises(WarehouseError) as refused, reading.at_one_state():
                write()
            assert registered(reading) == 2

        assert str(refused.value) == (
            f"the warehouse {file} was written while it was read, and what was read may not belong together; run again"
        )


def test_a_link_to_a_file_that_may_only_be_read_is_read() -> None:
    """SQLite makes its files beside what the link leads to."""
    with ordinary_user() as folder:
        file = folder / "theirs" / "warehouse.sqlite"
        with open_warehouse(url_of(file)) as warehouse:
            register(warehouse)
        link = folder / "link.sqlite"
        link.symlink_to(file)

        with only_read(file, of_file=0o600), open_warehouse(url_of(link)) as warehouse:
            assert registered(warehouse) == 1


WITHOUT_ROOM = """
import resource, sys
from sigid.errors import WarehouseError
from sigid.warehouse.warehouse import open_warehouse

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    with open_warehouse(sys.argv[1]) as warehouse, warehouse.writing() as session:
        session.change("UPDATE signee SET collection = 'moved'")
except WarehouseError as error:
    print(error)
"""


@pytest.mark.parametrize("most", [8192, 32768])
def test_where_no_file_can_grow_it_is_said_that_there_is_no_room(
    warehouse: Warehouse, warehouse_file: Path, most: int
) -> None:
    """A disk that was full, or a limit on files, was a "disk I/O error; run again when the cause is gone"."""
    with warehouse.writing() as session:
        known = session.moment(NOW)
        session.add(SIGNEE, [SigneeRow(str(n), "service", "a" * 200, str(n), known) for n in range(200)])
    warehouse.close()
    command = [sys.executable, "-c", WITHOUT_ROOM, url_of(warehouse_file), str(most)]

    said = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout

    assert said == (
        f"the warehouse {warehouse_file} cannot be used: disk I/O error; most likely there is no room: make some, or "
        "look at the quota and at `ulimit -f`, and run again\n"
    )


def test_a_warehouse_that_another_program_keeps_locked_is_told_with_a_way_out(
    warehouse: Warehouse, warehouse_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.close()
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.6)

    with open_warehouse(url_of(warehouse_file)) as impatient, closing(sqlite3.connect(warehouse_file)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(WarehouseError) as refused:
            impatient.service().register_signatures([NewXYZSignature(points=Points(THREE))])

        assert str(refused.value) == (
            f"the warehouse {warehouse_file} cannot be used: database is locked; "
            "another program has held it for 1 s: wait for it, or end it"
        )
        assert impatient.catalog() == {}
