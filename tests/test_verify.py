"""A verification finds each kind of damage, names it with the way out, and finds nothing where nothing is wrong."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from sigid import NewImageSignature, NewXYZSignature
from sigid.errors import WarehouseError
from sigid.pipeline import extract, stamps, study
from sigid.pipeline.erase import erase
from sigid.pipeline.facts import STAMP
from sigid.pipeline.verify import Sample, Verification
from sigid.pipeline.wanted import named
from sigid.warehouse.erasure import Erasure, put_down
from sigid.warehouse.finding import Mark
from sigid.warehouse.ledger import Ledger
from sigid.warehouse.tombstones import Tombstone, new_key
from tests.databases import Databases
from tests.trees import (
    PARENTS_B,
    SAMPLE_A,
    THREE_POINTS,
    Site,
    in_silence,
    index,
    later,
    ordinary_user,
    picture,
    site_a,
    site_b,
    trajectories,
    trajectory,
    uuid,
)

FORGED = "Online/Forgeries/0120001_2.HWR"
GENUINE = "Online/Genuine/001_1.HWR"
PICTURE = "Offline/Genuine/001_01.PNG"
REJECTED = "Online/Genuine/001_2.HWR"
FILES = {**SAMPLE_A, PICTURE: picture()}

LOAD = "`doit load_source_a` registers it again"
REHASH = "`doit load_source_a --rehash` puts it right"
BACKUP = "no load mends it: restore a backup"


class Damage(NamedTuple):
    """What somebody says to the database, and what a verification says to that."""

    statement: str
    """`GENUINE_ID` in it is the id of the signature that the file GENUINE is, `GENUINE_PATH` its path."""
    culprit: str
    told: str
    way_out: str


OF_GENUINE = f"source_a/{GENUINE}"
OF_PICTURE = f"source_a/{PICTURE}"
GENUINE_ROW = "UPDATE signature SET {} WHERE id = GENUINE_ID"
PICTURE_ROW = "UPDATE signature SET {} WHERE id = PICTURE_ID"
FORGED_ROW = "UPDATE signature SET {} WHERE id = FORGED_ID"
LINE = "UPDATE source_file SET {} WHERE path = GENUINE_PATH"
NOBODYS_ID = "0" * 26
ANOTHER_HASH = "0" * 32

DAMAGES = {
    "a signature that is gone": Damage(
        "DELETE FROM signature WHERE id = GENUINE_ID",
        *(OF_GENUINE, "it is loaded, and its signature is not in the warehouse", LOAD),
    ),
    "points that are gone": Damage(
        "DELETE FROM trajectory WHERE signature_id = GENUINE_ID",
        *(OF_GENUINE, "its points are not in the warehouse", REHASH),
    ),
    "a line that is gone": Damage(
        "DELETE FROM source_file WHERE path = GENUINE_PATH", "signature ", "the ledger has no line of it", LOAD
    ),
    "a rejection that is gone": Damage(
        "DELETE FROM source_file WHERE path = REJECTED_PATH",
        *("source_a", "the ledger has 33 lines (30 loaded, 3 rejected), and the last load left 34 lines", REHASH),
    ),
    "a signee who is gone": Damage(
        "DELETE FROM signee WHERE id = (SELECT signee_id FROM signature WHERE id = GENUINE_ID)",
        *(OF_GENUINE, "its signee is not in the warehouse", REHASH),
    ),
    "a forger who is gone": Damage(
        "DELETE FROM forger WHERE id = (SELECT forger_id FROM signature WHERE id = FORGED_ID)",
        *(f"source_a/{FORGED}", "its forger is not in the warehouse", REHASH),
    ),
    "a load that is gone": Damage('DELETE FROM "load"', OF_GENUINE, "the load that entered it is not there", BACKUP),
    "counts of a load": Damage(
        'UPDATE "load" SET unchanged = 2',
        *(
            "source_a",
            "34 lines (30 loaded, 4 rejected), and the last load left 34 lines (32 loaded, 4 rejected)",
            REHASH,
        ),
    ),
    "a line of no signature": Damage(
        LINE.format("signature_id = NULL"), OF_GENUINE, "it is loaded without a signature", REHASH
    ),
    "a line of another signature": Damage(
        LINE.format("signature_id = FORGED_ID"),
        *(f"source_a/{FORGED}", "2 loaded files are this one signature", REHASH),
    ),
    "a line without a hash": Damage(
        LINE.format("content_hash = NULL"), OF_GENUINE, "it is loaded without the hash of its content", REHASH
    ),
    "a line of another hash": Damage(
        LINE.format(f"content_hash = '{ANOTHER_HASH}'"),
        *(OF_GENUINE, "the ledger and the signature have different hashes of its content", REHASH),
    ),
    "a state that does not exist": Damage(
        LINE.format("state = 'lost'"), OF_GENUINE, "its state is none that there is", REHASH
    ),
    "a reason that does not exist": Damage(
        "UPDATE source_file SET reason = 'ugly' WHERE path = REJECTED_PATH",
        *(f"source_a/{REJECTED}", "its reason is none that there is", REHASH),
    ),
    "a reason that is not the one": Damage(
        "UPDATE source_file SET reason = 'not_png' WHERE path = REJECTED_PATH",
        *(
            f"source_a/{REJECTED}",
            "it is rejected (not_png: there is no point in its 0 bytes), and that is not why (empty",
            REHASH,
        ),
    ),
    "a rejection without a reason": Damage(
        "UPDATE source_file SET reason = NULL WHERE path = REJECTED_PATH",
        *(f"source_a/{REJECTED}", "it is rejected without a reason", REHASH),
    ),
    "a reason of what is loaded": Damage(
        LINE.format("reason = 'empty'"), OF_GENUINE, "it is not rejected, and has a reason", REHASH
    ),
    "a signature of another hash": Damage(
        GENUINE_ROW.format(f"content_hash = '{ANOTHER_HASH}'"),
        *(OF_GENUINE, "the ledger and the signature have different hashes of its content", REHASH),
    ),
    "a signature that was retired": Damage(
        GENUINE_ROW.format("retired_at = created"), OF_GENUINE, "it is retired, and its file is loaded", REHASH
    ),
    "a signature that was marked as stale": Damage(
        GENUINE_ROW.format("stale = TRUE"), OF_GENUINE, "it is stale, and no rejected file was it", REHASH
    ),
    "points": Damage(
        "UPDATE trajectory SET x = y WHERE signature_id = GENUINE_ID", OF_GENUINE, "the points are others", REHASH
    ),
    "a count of points": Damage(
        GENUINE_ROW.format("point_count = 4"), OF_GENUINE, "it has 4 points, and its x, y and z have 3, 3, 3", REHASH
    ),
    "a signature that counts no points": Damage(
        GENUINE_ROW.format("point_count = NULL"), OF_GENUINE, "it is a trajectory of no points", REHASH
    ),
    "a trajectory with a width": Damage(
        GENUINE_ROW.format("width = 7"), OF_GENUINE, "it is a trajectory, and says what a picture is like", REHASH
    ),
    "a kind that does not exist": Damage(
        GENUINE_ROW.format("kind = 'smell'"), OF_GENUINE, "its kind is none that there is", REHASH
    ),
    "a modality that does not exist": Damage(
        GENUINE_ROW.format("modality = 'upline'"), OF_GENUINE, "its modality is none that there is", REHASH
    ),
    "an authenticity that does not exist": Damage(
        GENUINE_ROW.format("authenticity = 'unsure'"), OF_GENUINE, "its authenticity is none that there is", REHASH
    ),
    "a forgery that became genuine": Damage(
        FORGED_ROW.format("authenticity = 'genuine'"),
        *(f"source_a/{FORGED}", "it is genuine, and imitates something", REHASH),
    ),
    "a signature that imitates itself": Damage(
        FORGED_ROW.format("parent_id = id"), f"source_a/{FORGED}", "it imitates itself", REHASH
    ),
    "another sample": Damage(
        GENUINE_ROW.format("sample = '77'"), OF_GENUINE, "its id does not follow from whose it is", REHASH
    ),
    "another source": Damage(
        GENUINE_ROW.format("source = 'source_x'"), "source_x", "its signee is of another source", ""
    ),
    "a picture's width": Damage(PICTURE_ROW.format("width = 4"), OF_PICTURE, "width is 4, not 3", REHASH),
    "a picture without a height": Damage(
        PICTURE_ROW.format("height = NULL"), OF_PICTURE, "its width, height or mode is missing", REHASH
    ),
    "a picture's mode": Damage(PICTURE_ROW.format("mode = 'RGB'"), OF_PICTURE, "mode is 'RGB', not 'L'", REHASH),
    "a picture of a negative width": Damage(
        PICTURE_ROW.format("width = -3"), OF_PICTURE, "its width, height or mode is none", REHASH
    ),
    "a picture that is blank and has a size": Damage(
        PICTURE_ROW.format("blank = TRUE"), OF_PICTURE, "it is blank, and has a size or a mode", REHASH
    ),
    "a picture that counts points": Damage(
        PICTURE_ROW.format("point_count = 3"), OF_PICTURE, "it is a picture, and counts points", REHASH
    ),
    "a picture without an asset": Damage(
        PICTURE_ROW.format("asset_id = NULL"), OF_PICTURE, "it is a picture without an asset", BACKUP
    ),
    "metadata": Damage(
        GENUINE_ROW.format("""metadata = '{"hertz": 3}'"""), OF_GENUINE, "the metadata are others", REHASH
    ),
    "metadata that is no object": Damage(
        GENUINE_ROW.format("metadata = '3'"), OF_GENUINE, "its metadata is no JSON object", REHASH
    ),
    "another number of a signee": Damage(
        "UPDATE signee SET external_id = '77' WHERE external_id = '9'",
        *("signee ", "the id does not follow from the person's key", BACKUP),
    ),
    "another number of a forger": Damage(
        "UPDATE forger SET external_id = '77' WHERE external_id = '128'",
        *("forger ", "the id does not follow from the person's key", BACKUP),
    ),
    "points of nobody": Damage(
        "UPDATE trajectory SET signature_id = ANOTHER_ID WHERE signature_id = GENUINE_ID",
        *(f"signature {NOBODYS_ID}", "its points are there, and it is not", "a load of its file registers it"),
    ),
    "points of a picture": Damage(
        "UPDATE trajectory SET signature_id = PICTURE_ID WHERE signature_id = GENUINE_ID",
        *(OF_PICTURE, "it is a picture, and has points", BACKUP),
    ),
    "a signature that no line has any more": Damage(
        LINE.format("state = 'gone'"),
        OF_GENUINE,
        "it is neither retired nor stale, and no loaded file is it any more",
        "",
    ),
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, databases: Databases) -> Site:
    """A source that was loaded when its files had rested, on each kind of database."""
    monkeypatch.setattr(Site, "databases", databases)
    later(monkeypatch)
    site = site_a(tmp_path, FILES)
    site.load()
    return site


def harm(site: Site, statement: str) -> None:
    """Have the database do it, whatever the schema says of that."""
    ids = site.ids()
    for name, path in (("GENUINE", GENUINE), ("PICTURE", PICTURE), ("FORGED", FORGED), ("REJECTED", REJECTED)):
        statement = statement.replace(f"{name}_PATH", f"'{path}'").replace(f"{name}_ID", f"'{ids.get(path)}'")
    statement = statement.replace("ANOTHER_ID", f"'{NOBODYS_ID}'")
    assert site.databases.tamper(site.settings.warehouse, statement)


def test_a_sound_warehouse_has_nothing_wrong_and_is_not_written_to(site: Site) -> None:
    before = site.written()

    assert site.verify() == []
    assert site.written() == before


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damage_is_found_and_named_with_the_way_out_of_it(site: Site, damage: Damage) -> None:
    digest = site.digest()
    harm(site, damage.statement)
    before = site.written()

    found = site.wrong()

    assert any(each.startswith(damage.culprit) and damage.told in each and damage.way_out in each for each in found), (
        found
    )
    assert site.written() == before
    if damage.way_out in (LOAD, REHASH):
        site.load(rehash=damage.way_out == REHASH)
        assert site.wrong() == []
        assert site.digest() == digest


@pytest.mark.parametrize(
    "name", ["another number of a signee", "another number of a forger", "a picture without an asset"]
)
def test_what_no_load_mends_is_not_mended_by_one(site: Site, name: str) -> None:
    harm(site, DAMAGES[name].statement)
    found = site.wrong()

    site.load(rehash=True)

    assert site.wrong() == found


def test_a_load_does_not_see_points_that_were_altered_and_one_that_believes_nothing_does(site: Site) -> None:
    digest = site.digest()
    harm(site, "UPDATE trajectory SET x = z")

    assert site.counts() == {"unchanged": 30, "rejected": 4}
    assert site.digest() != digest
    assert len(site.wrong()) == 13
    assert site.counts(rehash=True) == {"changed": 13, "unchanged": 17, "rejected": 4}
    assert (site.digest(), site.wrong()) == (digest, [])


SHORTER = {"SqliteFiles": "substr(x, 1, 8)", "MariadbDatabases": "substr(x, 1, 8)", "PostgresqlSchemas": "x[1:1]"}


def test_a_coordinate_that_lost_numbers_is_found_and_put_right(site: Site) -> None:
    digest = site.digest()
    shorter = SHORTER[type(site.databases).__name__]
    harm(site, "UPDATE trajectory SET x = SHORTER WHERE signature_id = GENUINE_ID".replace("SHORTER", shorter))

    assert site.wrong() == [f"{OF_GENUINE}: it has 3 points, and its x, y and z have 1, 3, 3 numbers; {REHASH}"]
    site.load(rehash=True)
    assert (site.digest(), site.wrong()) == (digest, [])


@pytest.mark.parametrize("array", ["'{1,NULL,3}'", "'{}'", "'[0:2]={1,2,3}'", "'{{1},{2},{3}}'"])
def test_an_array_that_is_no_list_of_numbers_is_found_and_the_rest_is_verified(
    tmp_path: Path, array: str, postgresql_databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Site, "databases", postgresql_databases)
    site = site_a(tmp_path, FILES)
    site.load()
    harm(site, "UPDATE trajectory SET x = ARRAY WHERE signature_id = GENUINE_ID".replace("ARRAY", array))
    harm(site, "UPDATE trajectory SET x = z WHERE signature_id = FORGED_ID")

    assert sorted(site.wrong()) == [
        f"source_a/{FORGED}: what is stored is not what the file says: the points are others; {REHASH}",
        f"{OF_GENUINE}: a coordinate of it is no list of numbers; {BACKUP}",
    ]


def test_points_that_are_gone_are_told_once(site: Site) -> None:
    """They were also told to be others than the file's."""
    harm(site, "DELETE FROM trajectory WHERE signature_id = GENUINE_ID")

    assert site.wrong() == [f"{OF_GENUINE}: its points are not in the warehouse; {REHASH}"]


def test_text_in_the_place_of_points_is_found_and_put_right(tmp_path: Path) -> None:
    """SQLite stores what it is given; a load that met it ended in a traceback."""
    site = site_a(tmp_path, FILES)
    site.load()
    harm(site, "UPDATE trajectory SET x = 'abcdefghijklmnopqrstuvwx' WHERE signature_id = GENUINE_ID")

    assert site.wrong() == [f"{OF_GENUINE}: what is stored is not what the file says: the points are others; {REHASH}"]
    site.load(rehash=True)
    assert site.wrong() == []


def test_an_altered_ledger_that_agrees_with_the_signature_is_found_by_the_last_loads_listing(site: Site) -> None:
    digest = site.digest()
    harm(site, LINE.format(f"content_hash = '{ANOTHER_HASH}'"))
    harm(site, GENUINE_ROW.format(f"content_hash = '{ANOTHER_HASH}'"))

    assert site.wrong() == [f"{OF_GENUINE}: the ledger has another content than was loaded; {REHASH}"]
    assert site.counts() == {"unchanged": 30, "rejected": 4}
    site.load(rehash=True)
    assert (site.digest(), site.wrong()) == (digest, [])


def test_what_changed_since_the_last_load_is_told_and_is_no_damage(site: Site) -> None:
    site.write({GENUINE: trajectory((1, 1, 1)), "Online/Genuine/001_3.HWR": THREE_POINTS})
    site.remove(PICTURE)
    site.rename("Online/Genuine/004_1.HWR", "Online/Genuine/a file of the past.HWR")

    found = site.verify()

    assert {each.mark for each in found} == {Mark.SINCE}
    assert [f"{each.culprit}: {each.what}; {each.way_out}" for each in found] == [
        f"source_a: since the last load 2 files are gone, such as {PICTURE}; `doit load_source_a` sees to that",
        "source_a: since the last load 2 files are new; `doit load_source_a` sees to that",
        f"source_a: since the last load 1 files are changed, such as {GENUINE}; `doit load_source_a` sees to that",
    ]
    site.load()
    assert site.verify() == []


def test_a_file_whose_content_changed_under_the_same_stamp_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def size_alone(status: os.stat_result) -> bytes:
        """The stamp of a disk that rots: nothing has touched the file."""
        return STAMP.pack(status.st_size, 0, 0, 0)

    monkeypatch.setattr(stamps, "stamp_of", size_alone)
    monkeypatch.setattr(extract, "stamp_of", size_alone)
    site = site_a(tmp_path, {GENUINE: trajectory((1, 2, 3)), "Online/Genuine/002_1.HWR": THREE_POINTS})
    site.load()
    site.write({GENUINE: trajectory((1, 2, 4))})

    assert site.wrong() == [
        f"{OF_GENUINE}: its content is another than was loaded, and its size and dates are the same; "
        f"restore the file from a backup; or, to take it as it is, {REHASH}"
    ]
    site.write({GENUINE: trajectory((1, 2, 3))})
    assert site.verify() == []


def test_what_cannot_be_read_is_not_taken_for_sound() -> None:
    with ordinary_user() as folder:
        site = site_a(folder, FILES)
        site.load()
        (site.root / GENUINE).chmod(0)
        (site.root / "Offline/Forgeries").chmod(0)
        try:
            found = site.wrong()
        finally:
            (site.root / "Offline/Forgeries").chmod(0o700)

    assert found == [
        "source_a/Offline/Forgeries: the folder cannot be read (Permission denied); what it holds is not verified; "
        "give this user the right to read it",
        f"{OF_GENUINE}: it cannot be read (unreadable: Permission denied), and is not verified; "
        "have it readable and at rest, and verify again",
    ]


def test_files_that_are_known_behind_a_link_are_not_taken_for_sound(site: Site) -> None:
    """A folder was moved and a link left in its place: all signatures were verified, and nothing was wrong."""
    (site.root / "Online/Genuine").rename(site.folder / "volume")
    (site.root / "Online/Genuine").symlink_to(site.folder / "volume")
    (site.root / "Offline/Genuine/link").symlink_to(site.folder / "volume")

    before = site.wrong()
    site.load()

    assert site.wrong() == before
    assert before == [
        "source_a/Online/Genuine: it is a symbolic link, and is not followed; the 10 files known there are not "
        "verified; put the folder itself there, or mount it"
    ]


def test_a_dataset_that_is_not_at_hand_is_told_and_the_warehouse_is_verified_all_the_same(site: Site) -> None:
    harm(site, GENUINE_ROW.format("stale = TRUE"))
    site.root.rename(site.folder / "elsewhere")

    found = site.verify()

    assert [each.mark for each in found] == [Mark.WRONG, Mark.SINCE]
    assert found[1].what == f"there are no files in {site.root} to hold against it"


def test_an_index_that_contradicts_itself_is_told(tmp_path: Path) -> None:
    site = site_b(tmp_path)
    site.load()
    assert site.verify() == []
    site.write({"INDEX": b"0\nnonsense\n"})

    (found,) = site.wrong()

    assert "line 2 of INDEX is 'nonsense'" in found


def test_what_an_index_says_otherwise_since_the_last_load_is_no_damage(tmp_path: Path) -> None:
    site = site_b(tmp_path)
    site.load()
    (parent,) = {parent for id_, parent in PARENTS_B.items() if id_.startswith("8e13e034")}
    site.write({"INDEX": index({**PARENTS_B, "8e13e034-4aa9-4c2e-a3f0-c846d8626ce9": "", uuid(1): ""})})

    found = site.verify()

    assert parent
    assert [(each.mark, each.what.partition(",")[0]) for each in found] == [
        (Mark.SINCE, "since the last load 1 files are listed otherwise"),
        (Mark.SINCE, "since the last load 1 files are named or read otherwise"),
    ]


def test_a_sample_reads_so_many_files_and_the_same_ones_for_the_same_seed(site: Site, reads: list[str]) -> None:
    harm(site, "UPDATE trajectory SET x = z")

    def sampled(seed: str) -> list[str]:
        reads.clear()
        found = site.verify(Sample(7, seed))
        assert len(reads) == 7
        assert {each.culprit for each in found} <= {f"source_a/{path}" for path in reads}
        return reads.copy()

    assert sampled("one") == sampled("one") != sampled("another")


def test_what_the_service_registered_under_a_sources_key_is_no_damage(site: Site) -> None:
    with site.warehouse() as warehouse:
        service = warehouse.service()
        service.register_signatures([NewXYZSignature(points=[(1, 2, 3)], sample="77")], "source_a/online/genuine/1")
        service.register_signatures([NewXYZSignature(points=[(1, 2, 3)])])
        service.register_signatures([NewImageSignature(local_uri="a.png", metadata={"dpi": 300})], "customers/4711")

    (found,) = site.verify()

    assert (found.mark, found.what) == (
        Mark.SINCE,
        "1 signatures are of no file: the service has registered them",
    )


def test_what_was_erased_is_neither_missed_nor_new(site: Site) -> None:
    erase(site.settings, named(["source_a/online/genuine/1"], []))

    assert site.verify() == []
    site.load()
    assert site.verify() == []


def test_what_was_erased_and_is_there_again_is_found_and_erased_again(site: Site) -> None:
    """As in a backup that was restored, and told of the erasure."""
    tombstone = Tombstone.of(site.ids()[PICTURE], new_key())
    with site.warehouse() as warehouse, warehouse.writing() as session:
        put_down(session, [Erasure(tombstone, datetime.now(UTC))])

    assert [f"{each.mark} {each.what}; {each.way_out}" for each in site.verify()] == [
        "! 1 rows in signature are of what was erased; `doit erase` takes them away",
        "! 1 rows in source_file are of what was erased; `doit erase` takes them away",
        "~ 1 are not finished: files may still hold bytes of what is gone; "
        "`doit erase`, or the next load, does the rest",
    ]
    erase(site.settings)
    assert site.verify() == []


def test_a_load_that_was_cut_off_is_no_damage(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.write(trajectories(range(100, 140)))
    monkeypatch.setattr(study, "BATCH_FILES", 10)
    monkeypatch.setattr(Ledger, "finish", broken)

    with pytest.raises(KeyboardInterrupt):
        site.load()

    assert {each.mark for each in site.verify()} <= {Mark.SINCE}


def broken(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_warehouse_that_is_none_is_told_in_one_line(tmp_path: Path) -> None:
    site = site_a(tmp_path, FILES)
    site.load()
    whole = site.folder / "warehouse" / "sigid.sqlite"
    content = whole.read_bytes()

    for damaged in (b"", b"garbage" * 1000, content[: len(content) // 3], content[:100]):
        whole.write_bytes(damaged)
        with pytest.raises(WarehouseError) as caught:
            site.verify()
        assert "\n" not in str(caught.value)
        assert whole.read_bytes() == damaged


def test_sqlites_own_word_on_a_damaged_page_is_told_before_the_rest_is_tried(tmp_path: Path) -> None:
    site = site_a(tmp_path, trajectories(range(1, 400)))
    site.load()
    file = site.folder / "warehouse" / "sigid.sqlite"
    ((page,),) = site.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ix_signature_source'")
    content = bytearray(file.read_bytes())
    content[page * 4096 - 200 : page * 4096] = bytes(200)
    file.write_bytes(content)

    told = []
    with suppress(WarehouseError):
        for finding in Verification(site.settings, [site.source]).findings(in_silence):
            told.append(finding)  # noqa: PERF402  # what was found before it fails counts

    assert told[0].culprit == str(file)
    assert (told[0].mark, told[0].way_out) == (Mark.WRONG, BACKUP)


def test_who_may_only_read_the_file_can_verify_it_and_a_copy_that_is_not_written_ahead() -> None:
    with ordinary_user() as folder:
        site = site_a(folder, FILES)
        site.load()
        place = folder / "warehouse"
        file = place / "sigid.sqlite"
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
        copied = file.read_bytes()
        assert site.verify() == []
        assert file.read_bytes() == copied

        site.load(rehash=True)
        file.chmod(0o400)
        place.chmod(0o500)
        try:
            assert site.verify() == []
            assert sorted(each.name for each in place.iterdir()) == ["sigid.sqlite", "sigid.sqlite.source_a.lock"]
        finally:
            place.chmod(0o700)


def test_an_older_schema_is_to_be_migrated_first(site: Site, tmp_path: Path) -> None:
    older = site.databases.url(tmp_path / "older")
    site.databases.make_older(older, 1, like=site.settings.warehouse)

    with pytest.raises(WarehouseError, match="`doit migrate` brings it there"):
        site.using(warehouse=older).verify()


def test_a_database_without_anything_is_none_and_stays_empty(tmp_path: Path, databases: Databases) -> None:
    site = site_a(tmp_path, FILES).using(warehouse=databases.url(tmp_path / "empty"))

    with pytest.raises(WarehouseError, match="there is nothing to verify in"):
        site.verify()
