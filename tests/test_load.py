"""load: the warehouse comes to what the files say, whatever happened before, and each signature is registered once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from sigid.entity import ImageSignature, XYZSignature
from sigid.errors import ConnectionLost, Reason, RejectionsStand
from sigid.pipeline import extract, stamps, study, workers
from sigid.pipeline import load as load_module
from sigid.pipeline.facts import STAMP, VOID
from sigid.pipeline.load import load
from sigid.pipeline.scan import MAX_PATH
from sigid.sources.formats import Format, hwr
from sigid.sources.source_a import SourceA
from sigid.warehouse import ledger
from sigid.warehouse.ledger import FileLine, Ledger
from sigid.warehouse.schema import metadata
from tests.trees import (
    SAMPLE_A,
    THREE_POINTS,
    Site,
    in_batches_of,
    later,
    picture,
    site_a,
    site_b,
    trajectories,
    trajectory,
)

pytestmark = pytest.mark.usefixtures("on_every_database")

REJECTED_IN_A = {
    "Online/Forgeries/0123004_1.HWR": Reason.WRONG_COLUMN_COUNT,
    "Online/Genuine/001_2.HWR": Reason.EMPTY,
    "Online/Genuine/004_4.HWR": Reason.WRONG_COLUMN_COUNT,
    "Online/Genuine/010_7.HWR": Reason.WRONG_COLUMN_COUNT,
}
GENUINE = "Online/Genuine/001_1.HWR"
OTHER = "Online/Genuine/004_1.HWR"
PICTURE = "Offline/Genuine/001_01.PNG"


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The contents that were parsed, as they are."""
    contents: list[bytes] = []
    parse = extract._parse

    def noting(format_: Format, content: bytes, accepts_blank: bool) -> extract.Said:
        contents.append(content)
        return parse(format_, content, accepts_blank)

    monkeypatch.setattr(extract, "_parse", noting)
    return contents


# The samples


def test_source_a_of_the_assignment_gives_its_numbers(tmp_path: Path) -> None:
    site = site_a(tmp_path)

    counts = site.counts()

    assert counts == {"added": 30, "rejected": 4}
    assert site.catalog() == {
        "files": 34,
        "signatures": 30,
        "images": 17,
        "trajectories": 13,
        "blank": 17,
        "genuine": 16,
        "forged": 14,
        "signees": 7,
        "forgers": 11,
        "points": 39,
        "rejected": 4,
        "rejected_by_reason": {"empty": 1, "wrong_column_count": 3},
    }
    assert site.rejections() == REJECTED_IN_A


def test_source_b_of_the_assignment_gives_its_numbers(tmp_path: Path) -> None:
    site = site_b(tmp_path)

    counts = site.counts()

    assert counts == {"added": 7}
    assert site.catalog() == {
        "files": 7,
        "signatures": 7,
        "images": 7,
        "blank": 7,
        "genuine": 4,
        "forged": 3,
        "signees": 4,
    }


def test_both_sources_lie_in_one_warehouse_and_know_nothing_of_each_other(tmp_path: Path) -> None:
    a, b = site_a(tmp_path), site_b(tmp_path)
    a.load()
    before = a.catalog()

    assert b.counts() == {"added": 7}
    assert a.counts() == {"unchanged": 30, "rejected": 4}
    b.remove("3/3b13f6c1")
    b.load()

    assert a.catalog() == before
    assert b.catalog()["retired"] == 1


def test_what_is_registered_is_what_the_file_says(tmp_path: Path) -> None:
    site = site_a(tmp_path, {"Online/Forgeries/0120001_1.HWR": b"1,2.0,3\n.0,5,6\n7,8,9.0", PICTURE: picture(9, 4, 3)})
    site.load()

    with site.warehouse() as warehouse:
        drawn, written = warehouse.signatures()

    assert isinstance(drawn, ImageSignature)
    assert (drawn.width, drawn.height, drawn.mode, drawn.blank) == (4, 3, "L", False)
    assert (drawn.modality, drawn.authenticity, drawn.sample, drawn.forger) == ("offline", "genuine", "1", None)
    assert isinstance(written, XYZSignature)
    assert written.points == [(1, 2, 3), (0, 5, 6), (7, 8, 9)]
    assert (written.modality, written.authenticity, written.sample) == ("online", "forged", "1")
    assert written.forger is not None
    assert (written.forger.collection, written.forger.external_id) == ("online/forgeries", "120")


def test_a_signee_who_is_only_known_from_forgeries_is_registered_all_the_same(tmp_path: Path) -> None:
    site = site_a(tmp_path, {"Online/Forgeries/0120001_1.HWR": THREE_POINTS})

    site.load()

    catalog = site.catalog()
    assert (catalog["signees"], catalog["without_genuine"], catalog["forgers"]) == (1, 1, 1)

    site.write({GENUINE: THREE_POINTS})
    site.load()

    catalog = site.catalog()
    assert (catalog["signees"], catalog.get("without_genuine", 0)) == (1, 0)


def test_files_of_the_same_content_are_different_signatures(tmp_path: Path) -> None:
    site = site_a(tmp_path, {GENUINE: THREE_POINTS, OTHER: THREE_POINTS})

    site.load()

    assert len(site.live()) == 2


def test_two_warehouses_of_the_same_files_agree_on_every_id(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    other = site.afresh()

    site.load()
    other.load()

    assert site.ids() == other.ids()
    assert site.digest() == other.digest()


def test_where_the_datasets_lie_is_not_in_the_digest(tmp_path: Path) -> None:
    site, other = site_a(tmp_path / "here"), site_a(tmp_path / "there" / "deeper")

    site.load()
    other.load()

    assert site.digest() == other.digest()


def test_an_image_of_no_bytes_is_rejected_where_the_source_does_not_take_blank_ones(tmp_path: Path) -> None:
    class Strict(SourceA):
        accepts_blank = False

    site = Site(tmp_path, Strict()).write({PICTURE: b""})

    assert site.counts() == {"rejected": 1}
    assert site.rejections() == {PICTURE: Reason.EMPTY}


# Again


@pytest.mark.parametrize("make", [site_a, site_b])
def test_a_second_load_parses_nothing_and_writes_nothing(
    tmp_path: Path, parsed: list[bytes], make: Callable[[Path], Site]
) -> None:
    site = make(tmp_path)
    first = site.load()
    digest, before = site.digest(), site.written()
    parsed.clear()

    second = site.load()

    assert parsed == []
    assert site.written() == before
    assert (second.counts.unchanged, second.counts.rejected) == (first.counts.added, first.counts.rejected)
    assert site.digest() == digest


@pytest.mark.parametrize("make", [site_a, site_b])
def test_once_the_files_have_rested_a_load_reads_nothing_and_there_is_no_need_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: list[str], make: Callable[[Path], Site]
) -> None:
    later(monkeypatch)
    site = make(tmp_path)
    site.load()
    reads.clear()

    assert site.scan() is None
    assert site.is_current()
    site.load()

    assert reads == []


def test_a_touched_file_is_read_and_found_to_be_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: list[str], parsed: list[bytes]
) -> None:
    later(monkeypatch)
    site = site_a(tmp_path)
    site.load()
    reads.clear()
    parsed.clear()
    before = site.written()

    os.utime(site.root / GENUINE)

    assert site.counts() == {"unchanged": 30, "rejected": 4}
    assert (reads, parsed) == ([GENUINE], [])
    assert site.written() == before
    assert site.is_current()


def test_reading_everything_again_has_every_file_say_everything_and_finds_it_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: list[str], parsed: list[bytes]
) -> None:
    later(monkeypatch)
    site = site_a(tmp_path)
    site.load()
    before = site.written()
    reads.clear()
    parsed.clear()

    assert site.counts(rehash=True) == {"unchanged": 30, "rejected": 4}
    assert (sorted(reads), sorted(parsed)) == (sorted(SAMPLE_A), sorted(SAMPLE_A.values()))
    assert site.written() == before


def test_reading_everything_again_finds_what_no_stamp_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def size_alone(status: os.stat_result) -> bytes:
        """The stamp on a file system that knows neither dates nor inodes."""
        return STAMP.pack(status.st_size, 0, 0, 0)

    monkeypatch.setattr(stamps, "stamp_of", size_alone)
    monkeypatch.setattr(extract, "stamp_of", size_alone)
    site = site_a(tmp_path, {GENUINE: trajectory((1, 2, 3)), OTHER: trajectory((1, 2, 3))})
    site.load()

    site.write({GENUINE: trajectory((1, 2, 4))})

    assert site.counts() == {"unchanged": 2}
    assert site.counts(rehash=True) == {"changed": 1, "unchanged": 1}
    assert site.digest() == site.clean_digest()


# What stands in the build folder is a cache


@pytest.mark.parametrize("file", ["listing", "manifest", "lock"])
@pytest.mark.parametrize("damage", [b"", b"garbage\n", b"\xff" * 4096, None])
@pytest.mark.parametrize("make", [site_a, site_b])
def test_a_damaged_or_lost_cache_costs_time_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], Site], file: str, damage: bytes | None
) -> None:
    later(monkeypatch)
    site = make(tmp_path)
    first = site.load().counts
    digest, before = site.digest(), site.written()
    if damage is None:
        (site.cache / file).unlink()
    else:
        (site.cache / file).write_bytes(damage)

    second = site.load().counts

    assert (second.unchanged, second.rejected, second.added) == (first.added, first.rejected, 0)
    assert site.digest() == digest
    assert site.written() == before


def test_the_whole_build_folder_may_go_at_any_time(tmp_path: Path, parsed: list[bytes]) -> None:
    site = site_a(tmp_path, {**SAMPLE_A, "Online/Genuine/notes": b""})
    site.load()
    before = site.written()
    parsed.clear()

    site.forget()

    assert site.counts() == {"unchanged": 30, "rejected": 5}
    assert parsed == []
    assert site.written() == before


def test_what_somebody_left_who_was_killed_while_he_wrote_the_cache_is_removed(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.scan()
    (site.cache / "listing.1234.new").write_bytes(b"half of it")

    site.load()

    assert sorted(path.name for path in site.cache.iterdir()) == ["listing", "lock", "manifest"]


def test_a_cache_that_goes_between_scan_and_load_is_made_again(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.scan()
    site.forget()

    loaded = load(site.source, site.settings)

    assert loaded.counts.added == 30


def test_a_build_folder_serves_another_warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch)
    site = site_a(tmp_path)
    site.load()
    digest = site.digest()

    site.using(warehouse=site.databases.url(tmp_path / "another"))

    assert not site.is_current()
    assert site.counts() == {"added": 30, "rejected": 4}
    assert site.digest() == digest
    assert site.is_current()


def test_a_removed_warehouse_is_filled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch)
    site = site_a(tmp_path)
    site.load()
    digest = site.digest()

    site.databases.remove(site.settings.warehouse)

    assert not site.is_current()
    assert site.counts() == {"added": 30, "rejected": 4}
    assert site.digest() == digest


EMPTIED = {
    "every table": [table.name for table in metadata.sorted_tables if table.name != "schema_version"],
    "the signatures": ["signature"],
    "the signatures with their points": ["trajectory", "signature"],
    "the ledger": ["source_file"],
    "signees and signatures": ["signature", "signee"],
    "the loads": ["load"],
}


@pytest.mark.parametrize("tables", EMPTIED.values(), ids=EMPTIED)
@pytest.mark.parametrize("make", [site_a, site_b])
def test_an_emptied_warehouse_is_filled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], Site], tables: list[str]
) -> None:
    later(monkeypatch)
    site = make(tmp_path)
    site.load()
    digest, ids = site.digest(), site.ids()
    site.execute(*(f'DELETE FROM "{table}"' for table in reversed(tables)))  # noqa: S608  # of constants

    assert not site.is_current()
    site.load()

    assert (site.digest(), site.ids()) == (digest, ids)
    assert site.is_current()


# Exactly what changed moves


def test_an_added_file_is_added(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()
    ids = site.ids()

    site.write({"Online/Genuine/001_3.HWR": THREE_POINTS})

    assert site.counts() == {"added": 1, "unchanged": 30, "rejected": 4}
    assert {path: id_ for path, id_ in site.ids().items() if path in ids} == ids
    assert site.digest() == site.clean_digest()


def test_a_changed_file_changes_its_signature_under_its_id(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()
    ids = site.ids()

    site.write({GENUINE: trajectory((1, 1, 1)), PICTURE: picture(7)})

    assert site.counts() == {"changed": 2, "unchanged": 28, "rejected": 4}
    assert site.ids() == ids
    assert site.catalog()["blank"] == 16
    assert site.digest() == site.clean_digest()


def test_an_edit_that_keeps_size_and_date_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch)
    site = site_a(tmp_path, {GENUINE: trajectory((1, 2, 3))})
    site.load()
    status = (site.root / GENUINE).stat()

    site.write({GENUINE: trajectory((3, 2, 1))})
    os.utime(site.root / GENUINE, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert (site.root / GENUINE).stat().st_mtime_ns == status.st_mtime_ns
    assert site.counts() == {"changed": 1}


def test_a_file_that_is_replaced_by_one_of_its_size_and_date_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch)
    site = site_a(tmp_path, {GENUINE: trajectory((1, 2, 3)), "Online/new": trajectory((3, 2, 1))})
    site.load()
    status = (site.root / GENUINE).stat()

    os.utime(site.root / "Online/new", ns=(status.st_atime_ns, status.st_mtime_ns))
    site.rename("Online/new", GENUINE)

    assert site.counts() == {"changed": 1}


def test_a_removed_file_retires_its_signature_and_the_row_stays(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()
    id_ = site.ids()[GENUINE]

    site.remove(GENUINE)

    assert site.counts() == {"unchanged": 29, "retired": 1, "rejected": 4}
    assert site.catalog()["files"] == 33
    assert site.digest() == site.clean_digest()
    assert id_ not in site.live()
    with site.warehouse() as warehouse:
        assert {each.id for each in warehouse.signatures(retired=True) if each.retired_at} == {id_}


def test_a_file_that_comes_back_brings_its_signature_back_under_its_id(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()
    digest, ids = site.digest(), site.ids()
    site.remove(GENUINE)
    site.load()

    site.write({GENUINE: THREE_POINTS})

    assert site.counts() == {"added": 1, "unchanged": 29, "rejected": 4}
    assert (site.digest(), site.ids()) == (digest, ids)
    assert "retired" not in site.catalog()


def test_a_file_that_comes_back_as_another_one_is_the_other_one_under_the_same_id(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()
    ids = site.ids()
    site.remove(GENUINE)
    site.load()

    site.write({GENUINE: trajectory((9, 9, 9))})
    site.load()

    assert site.ids() == ids
    assert site.digest() == site.clean_digest()


def test_a_removed_rejected_file_is_forgotten(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()

    site.remove("Online/Genuine/001_2.HWR")

    assert site.counts() == {"unchanged": 30, "rejected": 3}
    assert site.digest() == site.clean_digest()


def test_a_rejected_file_that_is_mended_is_added(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()

    site.write({"Online/Genuine/001_2.HWR": THREE_POINTS})

    assert site.counts() == {"added": 1, "unchanged": 30, "rejected": 3}
    assert site.digest() == site.clean_digest()


def test_a_broken_file_keeps_its_last_good_signature_which_is_stale(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()
    id_ = site.ids()[GENUINE]

    site.write({GENUINE: b"1,2\n"})

    assert site.counts() == {"unchanged": 29, "rejected": 5}
    assert site.rejections()[GENUINE] is Reason.WRONG_COLUMN_COUNT
    assert site.stale() == {id_}
    assert site.catalog()["signatures"] == 30
    with site.warehouse() as warehouse:
        (stale,) = (each for each in warehouse.signatures() if each.id == id_)
    assert isinstance(stale, XYZSignature)
    assert len(stale.points) == 3


@pytest.mark.parametrize("content", [THREE_POINTS, trajectory((9, 9, 9))], ids=["as before", "otherwise"])
def test_a_broken_file_that_is_mended_is_no_longer_stale(tmp_path: Path, content: bytes) -> None:
    site = site_a(tmp_path)
    site.load()
    ids = site.ids()
    site.write({GENUINE: b"1,2\n"})
    site.load()

    site.write({GENUINE: content})

    assert site.counts() == {"changed": 1, "unchanged": 29, "rejected": 4}
    assert (site.stale(), site.ids()) == (set(), ids)
    assert site.digest() == site.clean_digest()


def test_a_broken_file_that_vanishes_retires_its_last_good_signature(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()
    site.write({GENUINE: b"1,2\n"})
    site.load()

    site.remove(GENUINE)

    assert site.counts() == {"unchanged": 29, "retired": 1, "rejected": 4}
    assert site.digest() == site.clean_digest()


def test_a_file_that_comes_back_broken_does_not_bring_its_signature_back(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()
    site.remove(GENUINE)
    site.load()

    site.write({GENUINE: b"1,2\n"})

    assert site.counts() == {"unchanged": 29, "rejected": 5}
    assert site.stale() == set()
    assert site.digest() == site.clean_digest()


def test_a_picture_that_turns_into_a_pipe_and_a_link_is_stale_and_comes_back(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()
    digest, id_ = site.digest(), site.ids()[PICTURE]
    for make, reason in ((os.mkfifo, Reason.NOT_REGULAR), (lambda path: path.symlink_to("x"), Reason.SYMLINK)):
        (site.root / PICTURE).unlink()
        make(site.root / PICTURE)

        site.load()

        assert site.rejections()[PICTURE] is reason
        assert site.stale() == {id_}
    (site.root / PICTURE).unlink()
    site.write({PICTURE: b""})

    site.load()

    assert site.digest() == digest


def test_a_file_that_is_too_large_is_rejected_unread_until_it_is_smaller(tmp_path: Path, reads: list[str]) -> None:
    site = site_a(tmp_path, {GENUINE: b"", OTHER: THREE_POINTS})
    os.truncate(site.root / GENUINE, Format.HWR.max_bytes + 1)

    assert site.counts() == {"added": 1, "rejected": 1}
    assert site.rejections() == {GENUINE: Reason.TOO_LARGE}
    assert reads == [OTHER]

    site.write({GENUINE: THREE_POINTS})

    assert site.counts() == {"added": 1, "unchanged": 1}


def test_a_file_that_is_swapped_for_something_else_after_the_scan_is_neither_followed_nor_waited_for(
    tmp_path: Path,
) -> None:
    site = site_a(tmp_path, {GENUINE: THREE_POINTS, OTHER: THREE_POINTS, "Offline/Genuine/001_01.PNG": b""})
    found = site.scan()
    (site.root / "Offline").rename(tmp_path / "elsewhere")
    (site.root / "Offline").symlink_to(tmp_path / "elsewhere")
    site.remove(GENUINE, OTHER)
    (site.root / GENUINE).symlink_to(tmp_path / "elsewhere" / "Genuine" / "001_01.PNG")
    os.mkfifo(site.root / OTHER)

    loaded = load(site.source, site.settings, found=found)

    assert (loaded.counts.added, loaded.counts.rejected) == (0, 3)
    assert site.rejections() == {
        GENUINE: Reason.SYMLINK,
        OTHER: Reason.NOT_REGULAR,
        "Offline/Genuine/001_01.PNG": Reason.SYMLINK,
    }


# Identity


@pytest.mark.parametrize("rival", ["Online/Genuine/01_1.HWR", "Online/Genuine/001_01.HWR", "Online/Genuine/001_1.hwr"])
def test_files_that_claim_one_identity_are_both_rejected_for_as_long_as_both_stand(tmp_path: Path, rival: str) -> None:
    site = site_a(tmp_path, {GENUINE: THREE_POINTS, rival: THREE_POINTS, OTHER: THREE_POINTS})

    assert site.counts() == {"added": 1, "rejected": 2}
    assert site.rejections() == {GENUINE: Reason.IDENTITY_CONFLICT, rival: Reason.IDENTITY_CONFLICT}
    assert site.details() == {
        GENUINE: f"{rival} claims to be the same signature; keep one of them",
        rival: f"{GENUINE} claims to be the same signature; keep one of them",
    }
    assert site.counts() == {"unchanged": 1, "rejected": 2}


@pytest.mark.parametrize("stays", [GENUINE, "Online/Genuine/01_1.HWR"])
def test_the_file_that_is_left_of_a_conflict_is_registered_under_the_same_id(tmp_path: Path, stays: str) -> None:
    site = site_a(tmp_path, {GENUINE: THREE_POINTS, OTHER: THREE_POINTS})
    site.load()
    id_, rival = site.ids()[GENUINE], "Online/Genuine/01_1.HWR"
    site.write({rival: trajectory((9, 9, 9))})
    site.load()
    assert site.stale() == {id_}

    site.remove(*({GENUINE, rival} - {stays}))

    assert site.counts() == {"changed": 1, "unchanged": 1}
    assert site.ids()[stays] == id_
    assert site.stale() == set()
    assert site.digest() == site.clean_digest()


def test_a_third_rival_is_counted(tmp_path: Path) -> None:
    rivals = ["Online/Genuine/001_1.HWR", "Online/Genuine/01_1.HWR", "Online/Genuine/1_1.HWR"]
    site = site_a(tmp_path, dict.fromkeys(rivals, THREE_POINTS))

    site.load()

    assert site.details() == {
        rivals[0]: f"{rivals[1]} (and 1 more) claims to be the same signature; keep one of them",
        rivals[1]: f"{rivals[0]} (and 1 more) claims to be the same signature; keep one of them",
        rivals[2]: f"{rivals[0]} (and 1 more) claims to be the same signature; keep one of them",
    }


def test_the_words_of_a_conflict_follow_the_rivals(tmp_path: Path) -> None:
    site = site_a(tmp_path, dict.fromkeys(["Online/Genuine/001_1.HWR", "Online/Genuine/01_1.HWR"], THREE_POINTS))
    site.load()

    site.rename("Online/Genuine/01_1.HWR", "Online/Genuine/1_1.HWR")
    site.load()

    assert site.digest() == site.clean_digest()


def test_what_is_no_file_is_nobodys_rival(tmp_path: Path) -> None:
    site = site_a(tmp_path, {GENUINE: THREE_POINTS})
    (site.root / "Online/Genuine/01_1.HWR").symlink_to("001_1.HWR")

    assert site.counts() == {"added": 1, "rejected": 1}


def test_a_renamed_file_keeps_its_signature(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()
    live = site.live()

    site.rename(GENUINE, "Online/Genuine/1_01.hwr")

    assert site.counts() == {"unchanged": 30, "rejected": 4}
    assert site.live() == live
    assert "retired" not in site.catalog()
    assert site.digest() == site.clean_digest()


@pytest.mark.parametrize("passes", [0, 8], ids=["many", "few"])
def test_of_files_that_are_gone_those_that_were_renamed_are_told_from_the_others(
    passes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger was gone through line by line, twice, to find who else has the signature of one file that was gone."""
    monkeypatch.setattr(ledger, "MOST_PASSES", passes)
    site = site_a(tmp_path, trajectories(range(1, 21)))
    site.load()
    ids = site.ids()
    renamed, gone = "Online/Genuine/0001_1.HWR", "Online/Genuine/0002_1.HWR"
    site.rename(renamed, "Online/Genuine/1_01.HWR")
    site.remove(gone)

    assert site.counts() == {"unchanged": 19, "retired": 1}
    assert site.ids()["Online/Genuine/1_01.HWR"] == ids[renamed]
    assert ids[gone] not in site.live()


def test_a_renamed_file_that_leaves_a_link_under_its_old_name_is_not_stale(tmp_path: Path) -> None:
    # The link was put down as the signature's file turned invalid, though the file is well under its new name.
    site = site_a(tmp_path)
    site.load()
    site.rename(GENUINE, "Online/Genuine/1_1.HWR")
    (site.root / GENUINE).symlink_to("1_1.HWR")

    site.load()

    assert site.rejections()[GENUINE] is Reason.SYMLINK
    assert site.stale() == set()
    assert site.digest() == site.clean_digest()


def test_a_link_under_the_old_name_of_a_file_that_was_renamed_long_ago_makes_nothing_stale(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()
    site.rename(GENUINE, "Online/Genuine/1_1.HWR")
    site.load()

    (site.root / GENUINE).symlink_to("1_1.HWR")
    site.load()

    assert site.stale() == set()
    assert site.digest() == site.clean_digest()


def test_the_last_good_signature_of_a_broken_file_is_not_retired_with_a_rival(tmp_path: Path) -> None:
    # It was: of two rivals that had both been that signature one vanished, and the other had turned invalid.
    rival = "Online/Genuine/1_1.HWR"
    site = site_a(tmp_path, {GENUINE: THREE_POINTS})
    site.load()
    id_ = site.ids()[GENUINE]
    site.rename(GENUINE, rival)
    site.load()
    site.write({rival: b"1,2\n"})
    site.load()
    site.write({GENUINE: THREE_POINTS})
    site.load()

    site.remove(GENUINE)
    site.load()

    assert site.stale() == {id_}
    assert "retired" not in site.catalog()


# The load itself


def test_a_change_of_what_the_names_mean_has_everything_registered_anew_under_its_ids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parsed: list[bytes]
) -> None:
    # After a change of the version alone the fingerprint still held, and no load was thought to be needed.
    class Newer(SourceA):
        version = SourceA.version + 1

    later(monkeypatch)
    site = site_a(tmp_path)
    site.load()
    digest, ids = site.digest(), site.ids()
    parsed.clear()
    assert site.is_current()

    site.source = Newer()

    assert not site.is_current()
    assert site.counts() == {"unchanged": 30, "rejected": 4}
    assert len(parsed) == 34
    assert (site.digest(), site.ids()) == (digest, ids)
    assert site.is_current()
    parsed.clear()
    site.load()
    assert parsed == []


def test_a_change_of_a_formats_reader_has_the_files_of_the_format_read_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parsed: list[bytes]
) -> None:
    later(monkeypatch)
    site = site_a(tmp_path)
    site.load()
    digest, ids = site.digest(), site.ids()
    parsed.clear()

    monkeypatch.setattr(Format.HWR, "version", Format.HWR.version + 1)

    assert not site.is_current()
    assert site.counts() == {"unchanged": 30, "rejected": 4}
    assert len(parsed) == 17
    assert (site.digest(), site.ids()) == (digest, ids)
    assert site.is_current()


def test_what_a_newer_reader_says_otherwise_is_changed_under_its_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = site_a(tmp_path)
    site.load()
    ids = site.ids()

    monkeypatch.setattr(Format.HWR, "version", Format.HWR.version + 1)
    monkeypatch.setattr(hwr, "read_hwr", lambda _content: bytes(24))

    assert site.counts() == {"added": 4, "changed": 13, "unchanged": 17}
    assert {path: site.ids()[path] for path in ids} == ids
    assert site.digest() == site.clean_digest()


def test_strict_means_that_rejections_fail_the_load_that_is_done_all_the_same(tmp_path: Path) -> None:
    site = site_a(tmp_path)

    loaded = site.load(strict=True)

    assert isinstance(loaded.problem, RejectionsStand)
    assert str(loaded.problem) == "source_a: 4 files are rejected; doit rejects lists them"
    assert len(site.live()) == 30
    assert site.load().problem is None
    assert isinstance(site.load(strict=True).problem, RejectionsStand)


def test_strict_is_content_where_nothing_is_rejected(tmp_path: Path) -> None:
    assert site_b(tmp_path).counts(strict=True) == {"added": 7}


def test_each_load_that_writes_leaves_a_row_with_its_counts(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()
    site.load()
    site.remove(PICTURE)
    site.write({GENUINE: b"", OTHER: trajectory((9, 9, 9)), "Online/Genuine/001_3.HWR": THREE_POINTS})
    site.load()
    site.load()

    rows = site.execute('SELECT source, added, changed, unchanged, retired, rejected FROM "load" ORDER BY id')

    assert rows == [("source_a", 30, 0, 0, 0, 4), ("source_a", 1, 1, 27, 1, 5)]
    assert site.execute('SELECT count(*) FROM "load" WHERE finished IS NULL OR fingerprint IS NULL') == [(0,)]
    assert site.execute("SELECT path FROM source_file WHERE load_id = 2 ORDER BY path") == [
        (path,) for path in sorted([PICTURE, GENUINE, OTHER, "Online/Genuine/001_3.HWR"])
    ]


def test_progress_is_told_from_batch_to_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_batches_of(10, monkeypatch.setattr)
    site = site_a(tmp_path)
    site.scan()
    told: list[tuple[int, int]] = []

    load(site.source, site.settings, progress=lambda done, total: told.append((done, total)))

    assert told == [(10, 34), (20, 34), (30, 34), (34, 34)]


def test_a_batch_is_bounded_by_its_bytes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "BATCH_BYTES", 2 * len(THREE_POINTS))
    monkeypatch.setattr(load_module, "TRANSACTION_BYTES", 1)
    site = site_a(tmp_path, {f"Online/Genuine/001_{n}.HWR": THREE_POINTS for n in range(7)})
    site.scan()
    told: list[int] = []

    load(site.source, site.settings, progress=lambda done, _total: told.append(done))

    assert told == [2, 4, 6, 7]


@pytest.mark.parametrize(
    "shift", [-(10**9) * 3600 * 24 * 365, -10_000_000_000, 10_000_000_000, 10**9 * 3600 * 24 * 3650]
)
def test_a_wrong_clock_changes_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shift: int) -> None:
    site = site_a(tmp_path)
    right = site.clean_digest()
    real = time.time_ns

    monkeypatch.setattr(time, "time_ns", lambda: real() + shift)

    assert site.counts() == {"added": 30, "rejected": 4}
    assert site.digest() == right
    site.write({GENUINE: trajectory((9, 9, 9))})
    assert site.counts() == {"changed": 1, "unchanged": 29, "rejected": 4}
    site.remove(GENUINE)
    assert site.counts() == {"unchanged": 29, "retired": 1, "rejected": 4}
    assert site.counts() == {"unchanged": 29, "rejected": 4}


def test_the_clock_that_counts_is_the_file_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # By a clock that is an hour fast every stamp seems old enough to be trusted.
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + 3600 * 10**9)
    site = site_a(tmp_path)

    site.load()

    assert {folder.size(index) for folder, index in site.listing} == {VOID}


# The same whatever the way


def by_small_steps(site: Site, files: dict[str, bytes]) -> None:
    for path in files:
        site.write({path: files[path]})
        site.load()


def by_detours(site: Site, files: dict[str, bytes]) -> None:
    paths = sorted(files)
    site.write({path: trajectory((n, n, n)) for n, path in enumerate(paths) if path.endswith("HWR")})
    site.write({"Offline/Genuine/999_1.PNG": picture(), "Online/Genuine/999_1.HWR": THREE_POINTS})
    site.load()
    site.write({path: files[path] for path in paths[::3]})
    site.remove("Offline/Genuine/999_1.PNG")
    site.load()
    site.write(files)
    site.forget()
    site.load(rehash=True)
    site.remove("Online/Genuine/999_1.HWR", *paths[:5])
    site.load()
    site.write(files)
    site.load()


def by_two_processes(site: Site, files: dict[str, bytes]) -> None:
    site.write(files).using(workers=2).load()


def by_renames(site: Site, files: dict[str, bytes]) -> None:
    folders = {path: path.rpartition("/") for path in files}
    padded = {path: f"{folder}/{name.replace('_', '_00')}" for path, (folder, _, name) in folders.items()}
    site.write({padded[path]: content for path, content in files.items()})
    site.load()
    for path in files:
        site.rename(padded[path], path)
    site.load()


@pytest.mark.parametrize(("bound", "most"), [("TRANSACTION_FILES", 6), ("TRANSACTION_BYTES", 5 * len(THREE_POINTS))])
def test_several_batches_are_committed_at_once_up_to_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, most: int
) -> None:
    monkeypatch.setattr(study, "BATCH_FILES", 2)
    monkeypatch.setattr(load_module, bound, most)
    site = site_a(tmp_path, {f"Online/Genuine/001_{n}.HWR": THREE_POINTS for n in range(15)})
    site.scan()
    committed: list[int] = []

    def look(*_: int) -> None:
        committed.append(site.catalog()["signatures"])

    load(site.source, site.settings, progress=look)

    assert committed == [6, 12, 15]


@pytest.mark.parametrize("way", [by_small_steps, by_detours, by_two_processes, by_renames])
def test_the_content_is_the_same_whatever_the_way_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: Callable[[Site, dict[str, bytes]], None]
) -> None:
    monkeypatch.setattr(workers, "FILES_WORTH_A_PROCESS", 5)
    in_batches_of(7, monkeypatch.setattr)
    files = {path: content for path, content in SAMPLE_A.items() if path not in REJECTED_IN_A}
    site = Site(tmp_path)

    way(site, files)

    assert site.digest() == site.clean_digest()
    assert site.catalog()["signatures"] == 30


def test_one_changed_file_among_those_that_rest_does_not_cost_a_look_at_the_whole_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch)
    site = site_a(tmp_path)
    site.load()
    site.write({GENUINE: trajectory((7, 8, 9)), "Online/Genuine/4_1.HWR": trajectory((1, 2, 3))})
    site.remove("Online/Genuine/009_2.HWR")
    monkeypatch.delattr(Ledger, "lines")

    assert site.counts() == {"changed": 1, "unchanged": 27, "retired": 1, "rejected": 6}
    assert site.rejections() == {
        **REJECTED_IN_A,
        OTHER: Reason.IDENTITY_CONFLICT,  # by a file that is new
        "Online/Genuine/4_1.HWR": Reason.IDENTITY_CONFLICT,
    }
    site.remove("Online/Genuine/4_1.HWR")
    assert site.counts() == {"changed": 1, "unchanged": 28, "rejected": 4}  # the rival is itself again
    monkeypatch.undo()
    assert site.digest() == site.clean_digest()


def test_a_file_that_was_too_large_and_is_smaller_calls_for_a_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its content is unknown before and after: nothing in the manifest had told that the file was another one."""
    later(monkeypatch)
    site = site_a(tmp_path, {GENUINE: b"", OTHER: THREE_POINTS})
    os.truncate(site.root / GENUINE, Format.HWR.max_bytes + 1)
    site.load()
    assert site.is_current()

    site.write({GENUINE: THREE_POINTS})

    assert not site.is_current()
    assert site.counts() == {"added": 1, "unchanged": 1}


def test_what_a_lost_connection_kept_from_being_rejected_is_rejected_by_the_next_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The listing had it down as judged already, and the next try looked only at what was new in the listing."""
    later(monkeypatch)
    site = site_a(tmp_path)
    site.load()
    site.write({"Online/Genuine/notes": b"1"})
    lost = [ConnectionLost("the line went dead")]
    write = Ledger.write

    def cut(ledger: Ledger, lines: Sequence[FileLine], started: datetime) -> None:
        if lines and lost:
            raise lost.pop()
        write(ledger, lines, started)

    monkeypatch.setattr(Ledger, "write", cut)

    assert site.counts() == {"unchanged": 30, "rejected": 5}
    assert not lost
    assert site.rejections() == {**REJECTED_IN_A, "Online/Genuine/notes": Reason.NAME_NOT_UNDERSTOOD}
    assert site.is_current()


def test_where_much_has_changed_all_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # After `touch` on all files the ledger's lines of all of them were held in memory.
    monkeypatch.setattr(study, "FEW_FILES", 2)
    later(monkeypatch)
    site = site_a(tmp_path)
    site.load()
    compared = []
    lines = Ledger.lines

    def noted(ledger: Ledger) -> Iterator[FileLine]:
        compared.append("all")
        return lines(ledger)

    monkeypatch.setattr(Ledger, "lines", noted)

    site.write(dict.fromkeys([GENUINE, OTHER], b"7,8,9\n")).load()
    assert compared == []
    site.write(dict.fromkeys([GENUINE, OTHER, "Online/Genuine/099_1.HWR"], THREE_POINTS)).load()

    assert compared == ["all"]
    assert site.digest() == site.clean_digest()


def test_transactions_grow_with_what_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_batches_of(5, monkeypatch.setattr)
    monkeypatch.setattr(load_module, "MANY_FILES", 20)
    site = site_a(tmp_path, trajectories(range(200)))
    sizes = []

    load(site.source, site.settings, progress=lambda done, _: sizes.append(done))

    assert [after - before for before, after in pairwise([0, *sizes])] == [5, 5, 5, 5, 10, 10, 15, 15, *[20] * 6, 10]


def test_what_has_a_path_that_no_ledger_takes_is_one_rejection_and_the_rest_is_loaded(tmp_path: Path) -> None:
    # On the two servers its line did not fit: each load ended there, without a word of which file that was, and
    # nothing that was gone was retired.
    site = site_a(tmp_path, {"Online/Genuine/001_1.HWR": THREE_POINTS, "Online/Genuine/002_1.HWR": THREE_POINTS})
    site.load()
    folder = os.fsencode(site.root / "Online" / "Genuine")
    deep = b"/".join([folder, *([b"d" * 200] * 4)])
    os.makedirs(deep)
    for path in (folder + b"/" + b"\xff" * 255, folder + b"/" + b"\xff" * 254 + b"\xfe", deep + b"/file"):
        with open(path, "wb"):
            pass
    site.remove("Online/Genuine/002_1.HWR")

    assert site.counts() == {"unchanged": 1, "retired": 1, "rejected": 3}
    assert site.counts() == {"unchanged": 1, "rejected": 3}
    assert set(site.rejections().values()) == {Reason.TOO_DEEP}
    assert {len(path) for path in site.rejections()} == {MAX_PATH}
    assert {path[:26] for path in site.rejections()} == {r"Online/Genuine/\xff\xff\xf", "Online/Genuine/ddddddddddd"}
    assert site.digest() == site.clean_digest()

    for name in (b"\xff" * 255, b"\xff" * 254 + b"\xfe"):
        os.unlink(folder + b"/" + name)

    assert site.counts() == {"unchanged": 1, "rejected": 1}
