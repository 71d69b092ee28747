"""Whether a load has anything to do: the warehouse's word, and its last word while its file stands."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from sigid.pipeline import current, load
from sigid.pipeline.scan import clock
from sigid.pipeline.workplace import Workplace
from sigid.warehouse.fingerprint import holds
from sigid.warehouse.ledger import FileLine, Ledger
from sigid.warehouse.sqlite_file import file_of
from tests.trees import THREE_POINTS, Site, later, ordinary_user, site_a, snapshot


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The manifests that the warehouse is asked for."""
    asked: list[str] = []

    def heard(url: str, source: str, manifest: str) -> bool:
        asked.append(manifest)
        return holds(url, source, manifest)

    monkeypatch.setattr(current, "holds", heard)
    return asked


@pytest.fixture
def at_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site that was loaded a while ago, and asked about since."""

    monkeypatch.setattr(current, "clock", lambda place: clock(place) + 10**10)
    site = site_a(tmp_path)
    site.load()
    assert current.is_current(site.source, site.settings)
    return site


def warehouse_file(site: Site) -> Path:
    return Path(file_of(site.settings.warehouse))


def is_current(site: Site) -> bool:
    return current.is_current(site.source, site.settings)


def test_a_warehouse_whose_file_stands_is_not_asked_again(at_rest: Site, questions: list[str]) -> None:
    before = snapshot(at_rest.folder)

    assert is_current(at_rest)
    assert questions == []
    assert snapshot(at_rest.folder) == before


def test_a_warehouse_that_changed_a_moment_ago_is_asked_each_time(tmp_path: Path, questions: list[str]) -> None:
    site = site_a(tmp_path)
    site.load()

    assert is_current(site)
    assert is_current(site)
    assert len(questions) == 2


@pytest.mark.parametrize("statement", ["DELETE FROM source_file", """UPDATE "load" SET fingerprint = 'another'"""])
def test_a_warehouse_that_was_changed_by_hand_is_asked(at_rest: Site, statement: str) -> None:
    at_rest.execute(statement)

    assert not is_current(at_rest)


def test_a_change_that_is_not_yet_in_the_file_itself_is_seen(at_rest: Site) -> None:
    with closing(sqlite3.connect(warehouse_file(at_rest), isolation_level=None)) as connection:
        connection.execute("DELETE FROM source_file")
        assert warehouse_file(at_rest).with_name("sigid.sqlite-wal").stat().st_size

        assert not is_current(at_rest)


def test_another_warehouse_in_its_place_is_asked(at_rest: Site, questions: list[str]) -> None:
    copy = warehouse_file(at_rest).with_name("copy")
    copy.write_bytes(warehouse_file(at_rest).read_bytes())
    copy.replace(warehouse_file(at_rest))

    assert is_current(at_rest)
    assert len(questions) == 1


def test_a_warehouse_that_is_gone_holds_nothing(at_rest: Site) -> None:
    warehouse_file(at_rest).unlink()

    assert not is_current(at_rest)


def test_a_warehouse_that_may_only_be_read_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """It could not be, and an unchanged dataset was loaded again, which was refused."""
    later(monkeypatch)
    with ordinary_user() as folder:
        site = site_a(folder)
        site.load()
        place = warehouse_file(site).parent
        place.chmod(0o500)
        try:
            assert site.is_current()
        finally:
            place.chmod(0o700)


@pytest.mark.parametrize("damage", [b"", b"garbage", b"\xff" * 1000, None])
def test_a_lost_answer_is_asked_for_again(at_rest: Site, questions: list[str], damage: bytes | None) -> None:
    answer = Workplace.of(at_rest.source, at_rest.settings).answer
    before = answer.read_bytes()
    if damage is None:
        answer.unlink()
    else:
        answer.write_bytes(damage)

    assert is_current(at_rest)
    assert len(questions) == 1
    assert answer.read_bytes() == before


def test_where_the_files_say_something_else_there_is_nothing_to_ask(at_rest: Site, questions: list[str]) -> None:
    at_rest.write({"Online/Genuine/099_1.HWR": b"1,2,3\n"})
    at_rest.scan()

    assert not is_current(at_rest)
    assert questions == []


def test_where_the_answer_cannot_be_kept_it_is_asked_for_each_time(at_rest: Site, questions: list[str]) -> None:
    answer = Workplace.of(at_rest.source, at_rest.settings).answer
    answer.unlink()
    answer.mkdir()

    assert is_current(at_rest)
    assert is_current(at_rest)
    assert len(questions) == 2


# What a load does with the answer


def rows_in(site: Site) -> str:
    """How many rows the source has, as a fingerprint says it."""
    (row,) = site.execute("SELECT (SELECT count(*) FROM source_file), (SELECT count(*) FROM signature)")
    return "{}-{}".format(*row)


def rows_said(site: Site) -> str:
    """How many it has by the fingerprint of the last load."""
    ((fingerprint,),) = site.execute("""SELECT fingerprint FROM "load" ORDER BY id DESC LIMIT 1""")
    return str(fingerprint).partition("-")[2]


def test_a_load_counts_no_rows_where_the_warehouse_has_answered(at_rest: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    # To count them took a sixth of what one changed file cost among 100,000.
    at_rest.write(
        {
            "Online/Genuine/099_1.HWR": THREE_POINTS,
            "Online/Genuine/098_1.HWR": b"1,2\n",
            "Online/Genuine/nobody.HWR": THREE_POINTS,
            "Online/Genuine/001_1.HWR": b"7,8,9\n",
        }
    )
    at_rest.remove("Online/Genuine/004_1.HWR")

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "_rows", lambda _: pytest.fail("the rows were counted"))
        loaded = at_rest.load()

    assert (loaded.counts.added, loaded.counts.changed, loaded.counts.retired) == (1, 1, 1)
    assert rows_said(at_rest) == rows_in(at_rest)
    assert is_current(at_rest)
    assert at_rest.digest() == at_rest.clean_digest()


def test_the_ledger_is_asked_once_for_the_lines_of_what_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch)
    site = site_a(tmp_path)
    site.load()
    asked: list[str] = []

    def lines_of(ledger: Ledger, paths: Sequence[str]) -> dict[str, FileLine]:
        asked.extend(paths)
        return given(ledger, paths)

    given = Ledger.lines_of
    monkeypatch.setattr(Ledger, "lines_of", lines_of)
    changed = {"Online/Genuine/001_1.HWR": b"7,8,9\n", "Online/Genuine/004_1.HWR": b"1,2\n"}
    counts = site.write(changed).load().counts

    assert asked == [*changed]
    assert counts.changed == 1
    assert "Online/Genuine/004_1.HWR" in site.rejections()


def test_rows_that_went_unseen_are_missed_by_the_next_load(at_rest: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    at_rest.execute("DELETE FROM source_file WHERE path = 'Online/Genuine/009_2.HWR'")
    with monkeypatch.context() as patched:
        patched.setattr(load, "has_answered", lambda *_: True)
        at_rest.write({"Online/Genuine/099_1.HWR": THREE_POINTS})
        at_rest.load()

    assert rows_said(at_rest) != rows_in(at_rest)
    assert not is_current(at_rest)
    at_rest.load()

    assert rows_said(at_rest) == rows_in(at_rest)
    assert is_current(at_rest)
    assert at_rest.digest() == at_rest.clean_digest()


def test_a_file_that_comes_back_when_all_were_gone_is_no_further_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was counted as one, so that the next run found that rows were missing, and compared all."""
    path = "Online/Genuine/001_1.HWR"
    later(monkeypatch)
    site = site_a(tmp_path, {path: THREE_POINTS})
    site.load()
    site.remove(path)
    site.load(allow_removals=True)
    site.write({path: THREE_POINTS})

    site.load()

    assert site.is_current()
