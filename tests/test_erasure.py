"""Who was erased is gone, with all that is of him, and does not come back; nobody else is touched."""

from __future__ import annotations

import json
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sigid import NewXYZSignature
from sigid.errors import BusyError, DatasetError, ErasedError, ErasureIncomplete, NotKnown, SettingError, WarehouseError
from sigid.identity import derive_id
from sigid.pipeline import erase as erase_module
from sigid.pipeline import erased as cache
from sigid.pipeline.erase import Erased, erase, rehearse
from sigid.pipeline.ground import Ground
from sigid.pipeline.plan import Step
from sigid.pipeline.wanted import export, exported, named
from sigid.sources.base import NamedByConvention
from sigid.sources.registry import SOURCES
from sigid.warehouse import sqlite
from sigid.warehouse.database import open_database
from sigid.warehouse.location import place_of
from sigid.warehouse.mysql import MysqlDatabase
from sigid.warehouse.postgresql import PostgresqlDatabase
from sigid.warehouse.sqlite import SqliteDatabase
from tests.databases import FILLED, Databases
from tests.trees import PARENTS_B, SAMPLE_A, SAMPLE_B, Site, file_of, index, site_a, site_b, snapshot, trajectory, uuid

PROJECT = Path(__file__).parents[1]
HE = "source_a/online/genuine/1"
HIS = ("Online/Genuine/001_", "Online/Forgeries/0120001_", "Online/Forgeries/0130001_")
FORGED_A = "18b406ee-43c9-4336-b5b8-b3265df6a32b"
"""A genuine signature of SOURCE_B, of which there is a forgery."""


def files_without(gone: tuple[str, ...], files: Mapping[str, bytes] = SAMPLE_A) -> dict[str, bytes]:
    return {path: content for path, content in files.items() if not path.startswith(gone)}


def erased(site: Site, *signees: str, signatures: Iterable[str] = ()) -> Erased:
    """An erasure that is done to its end."""
    done = erase(site.settings, named(signees, signatures))
    assert done.problem is None
    return done


def rows_in(site: Site) -> dict[str, list[Any]]:
    return {table: site.execute(f'SELECT * FROM "{table}"') for table in FILLED}  # noqa: S608  # of constants


def unfinished(site: Site) -> int:
    ((count,),) = site.execute("SELECT count(*) FROM erasure WHERE finished IS NULL")
    return int(count)


@pytest.fixture
def site(tmp_path: Path, databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The sample, loaded, on each kind of database in turn."""
    monkeypatch.setattr(Site, "databases", databases)
    site = site_a(tmp_path)
    site.load()
    return site


@pytest.fixture
def as_if_never_there(site: Site) -> str:
    """The digest of a clean load of a dataset without his files."""
    (site.folder / "other").mkdir()
    other = site_a(site.folder / "other", files_without(HIS))
    other.load()
    return other.digest()


def test_who_is_erased_is_gone_from_every_table_and_nobody_else(site: Site, as_if_never_there: str) -> None:
    before = rows_in(site)
    his = {id_ for path, id_ in site.ids().items() if path.startswith(HIS)}

    done = erased(site, HE)

    after = rows_in(site)
    assert done.rows == {"signature": 5, "trajectory": 5, "source_file": 6, "signee": 1, "forger": 2}
    assert {table: len(before[table]) - len(after[table]) for table in done.rows} == done.rows
    assert not any(id_ in str(after) for id_ in his)
    assert all(row in before[table] for table in done.rows for row in after[table])
    assert site.digest() == as_if_never_there
    assert unfinished(site) == 0
    assert site.execute('SELECT fingerprint FROM "load"') == [("",)]  # so that the next load compares everything


def test_later_loads_leave_his_files_out_and_say_so(site: Site, as_if_never_there: str) -> None:
    erased(site, HE)

    for happening in ("nothing", "his files change", "his files are new", "the build folder is gone"):
        if happening == "his files change":
            site.write({"Online/Genuine/001_1.HWR": b"7,8,9\n"})
        elif happening == "his files are new":
            site.write({"Online/Genuine/001_9.HWR": b"7,8,9\n", "Online/Genuine/1_1.hwr": b"7,8,9\n"})
        elif happening == "the build folder is gone":
            site.forget()
        loaded = site.load(strict=False)
        assert loaded.problem is None, happening
        assert loaded.erased == (6 if happening in ("nothing", "his files change") else 8), happening
        assert site.digest() == as_if_never_there, happening

    assert not any(path.startswith(HIS) for path in site.rejections())
    assert not any(line.decode().partition("  ")[2].startswith(HIS) for line in site.manifest.splitlines())


def test_when_his_files_are_deleted_at_last_nothing_is_retired_for_it(site: Site, as_if_never_there: str) -> None:
    done = erased(site, HE)

    for file in done.files:
        Path(file).unlink()

    loaded = site.load()
    assert (loaded.problem, loaded.erased, loaded.counts.retired) == (None, 0, 0)
    assert site.digest() == as_if_never_there


def test_the_files_that_still_lie_there_are_told(site: Site) -> None:
    done = erased(site, HE)

    assert sorted(done.files) == sorted(str(site.root / path) for path in SAMPLE_A if path.startswith(HIS))
    assert done.indexes == []
    assert "SOURCE_B has no INDEX" in done.doubts["source_b"]


@pytest.mark.usefixtures("on_every_database")
def test_what_is_gone_stale_conflicting_or_rejected_of_him_goes_too(tmp_path: Path) -> None:
    site = site_a(
        tmp_path, {f"Online/Genuine/00{signee}_{n}.HWR": b"1,2,3\n" for signee in (1, 2) for n in range(1, 6)}
    )
    site.load()
    site.remove("Online/Genuine/001_1.HWR", "Online/Genuine/002_1.HWR")
    site.write({f"Online/Genuine/00{signee}_2.HWR": b"1,2\n" for signee in (1, 2)})
    site.write({f"Online/Genuine/0{signee}_3.HWR": b"1,2,3\n" for signee in (1, 2)})
    (site.root / "Online/Genuine/001_6.HWR").symlink_to("001_4.HWR")
    site.load()
    lines = "SELECT path, state FROM source_file ORDER BY path"
    before = dict(site.execute(lines))
    assert {state for path, state in before.items() if "001_" in path} == {"gone", "loaded", "rejected"}

    erased(site, HE)

    assert dict(site.execute(lines)) == {path: state for path, state in before.items() if "2_" in path}
    assert site.execute("SELECT count(*) FROM signature") == [(5,)]


def test_a_dry_run_tells_the_same_and_writes_nothing(site: Site) -> None:
    before, kept = site.written(), snapshot(site.settings.build)

    rehearsed = rehearse(site.settings, named([HE], []))

    assert site.written() == before
    assert snapshot(site.settings.build) == kept
    assert rehearsed == erased(site, HE)


def test_a_signature_is_erased_by_its_id_and_its_signee_stays(site: Site) -> None:
    path = "Online/Genuine/004_1.HWR"
    others = {each: id_ for each, id_ in site.ids().items() if each != path}

    done = erased(site, signatures=[site.ids()[path]])

    assert done.rows == {"signature": 1, "trajectory": 1, "source_file": 1, "signee": 0, "forger": 0}
    assert done.files == [str(site.root / path)]
    assert site.load().erased == 1
    assert site.ids() == others
    assert site.digest() == site_a(site.folder / "other", files_without((path,))).clean_digest()


def test_with_the_last_signature_goes_its_signee(site: Site) -> None:
    site.write({"Online/Genuine/444_1.HWR": b"1,2,3\n"}).load()

    done = erased(site, signatures=[site.ids()["Online/Genuine/444_1.HWR"]])

    assert done.rows["signee"] == 1
    assert "444" not in site.signees()


@pytest.mark.usefixtures("on_every_database")
def test_several_are_erased_at_once_whatever_their_number(tmp_path: Path) -> None:
    numbers = [*range(1, 6), *range(101, 104)]
    site = site_a(tmp_path, {f"Online/Genuine/{n:03}_{k}.HWR": b"1,2,3\n" for n in numbers for k in range(8)})
    site.load()

    done = erased(site, *(f"source_a/online/genuine/{n}" for n in range(1, 6)))

    assert done.rows["signature"] == 40
    assert set(site.signees()) == {"101", "102", "103"}
    assert "ix_source_file_erasing" not in str(site.execute(INDEXES[site.settings.warehouse.partition(":")[0]]))


INDEXES = {
    "sqlite": "SELECT name FROM sqlite_master",
    "postgresql+psycopg": "SELECT relname FROM pg_class",
    "mysql+pymysql": "SELECT index_name FROM information_schema.statistics",
}


def test_who_is_erased_is_named_by_his_id_as_well(site: Site, as_if_never_there: str) -> None:
    erased(site, derive_id("signee", HE))

    assert site.digest() == as_if_never_there


def test_to_erase_again_changes_nothing(site: Site) -> None:
    erased(site, HE)
    before = rows_in(site)

    done = erased(site, HE)

    assert not any(done.rows.values())
    assert rows_in(site) == before
    assert site.execute("SELECT count(*) FROM erasure") == [(1,)]


def test_a_file_whose_name_is_not_understood_is_of_whom_it_seems_to_be(tmp_path: Path) -> None:
    his = ["Genuine/001_1.HWR.bak", "Genuine/copy/1_1.hwr", "Genuine/0123001_1.HWR", "Forgeries/001_1.HWR"]
    others = ["Genuine/002_1.HWR.bak", "Genuine/0123002_1.HWR", "Genuine/notes on 001.txt", "Forgeries/0001002_1"]
    site = site_a(tmp_path, {f"Online/{name}": b"1,2,3\n" for name in (*his, *others)})
    site.load()

    done = erased(site, HE)

    assert sorted(done.files) == sorted(str(site.root / "Online" / name) for name in his)
    assert sorted(site.rejections()) == sorted(f"Online/{name}" for name in others)


# SOURCE_B


@pytest.mark.usefixtures("on_every_database")
def test_an_index_and_its_parents_say_whose_the_files_are(tmp_path: Path) -> None:
    forgeries = [id_ for id_, parent in PARENTS_B.items() if parent == FORGED_A]
    site = site_b(tmp_path)
    site.load()

    done = erased(site, f"source_b/{FORGED_A}")

    assert forgeries
    assert sorted(done.files) == sorted(str(site.root / file_of(id_)) for id_ in (FORGED_A, *forgeries))
    assert done.indexes == [str(site.root / "INDEX")]
    assert site.load().erased == 2
    others = {id_: parent for id_, parent in PARENTS_B.items() if id_ not in (FORGED_A, *forgeries)}
    clean = site_b(tmp_path / "other", {"INDEX": index(others), **dict.fromkeys(map(file_of, others), b"")})
    assert site.digest() == clean.clean_digest()


def test_a_deleted_file_of_somebody_erased_is_not_missed_though_an_index_lists_it(tmp_path: Path) -> None:
    site = site_b(tmp_path)
    site.load()

    for file in erased(site, f"source_b/{FORGED_A}").files:
        Path(file).unlink()

    loaded = site.load()
    assert (loaded.problem, loaded.counts.rejected, loaded.erased) == (None, 0, 0)
    assert site.rejections() == {}


def test_a_rejection_that_would_name_him_is_his_too(tmp_path: Path) -> None:
    """The detail of a forgery of a forgery names the latter, and that of a shared file both who share it."""
    genuine, forgery, of_forgery, other = map(uuid, range(1, 5))
    shares = other[:8] + genuine[8:]
    parents = {genuine: "", forgery: genuine, of_forgery: forgery, other: "", shares: genuine}
    site = site_b(tmp_path, {"INDEX": index(parents), **dict.fromkeys(map(file_of, parents), b"")})
    site.load()
    assert forgery in site.details()[file_of(of_forgery)]
    assert shares in site.details()[file_of(other)]

    erased(site, f"source_b/{genuine}")
    loaded = site.load()

    assert site.details() == {}
    assert site.execute("SELECT path FROM source_file") == []
    assert loaded.erased == 4


def test_a_copy_beside_a_listed_file_is_his_too(tmp_path: Path) -> None:
    site = site_b(tmp_path, {**SAMPLE_B, f"{file_of(FORGED_A)}.bak": b""})
    site.load()

    done = erased(site, f"source_b/{FORGED_A}")

    assert str(site.root / f"{file_of(FORGED_A)}.bak") in done.files
    assert site.rejections() == {}


def test_where_an_index_cannot_be_read_signatures_go_and_the_rest_is_told(tmp_path: Path) -> None:
    site = site_b(tmp_path, {**SAMPLE_B_WITH_A_REJECTION})
    site.load()
    site.write({"INDEX": b"nonsense"})

    done = erased(site, f"source_b/{FORGED_A}")

    assert done.rows["signature"] == 2
    assert "line 1 of INDEX is" in done.doubts["source_b"]
    with pytest.raises(DatasetError, match="line 1 of INDEX is"):
        site.scan()
    site.write({"INDEX": SAMPLE_B_WITH_A_REJECTION["INDEX"]})
    assert site.load().erased == 3
    assert site.rejections() == {}


REJECTED_B = "deadbeef-43c9-4336-b5b8-b3265df6a32b"
SAMPLE_B_WITH_A_REJECTION = {
    "INDEX": index({**PARENTS_B, REJECTED_B: FORGED_A}),
    **dict.fromkeys(map(file_of, PARENTS_B), b""),
    file_of(REJECTED_B): b"no picture",
}


# Who is not there


@pytest.mark.parametrize("nobody", ["source_a/online/genuine/777", "service/777", derive_id("signee", "nobody")])
def test_who_is_nowhere_is_not_erased_and_the_way_out_is_told(site: Site, nobody: str) -> None:
    before = rows_in(site)

    with pytest.raises(NotKnown) as told:
        erase(site.settings, named([HE, nobody], []))

    assert str(told.value) == (
        f"{nobody}: neither in the warehouse nor among the files; nothing was erased. "
        "A signee is written like source_a/online/genuine/1, a signature as its id; "
        "to refuse somebody who is still to come, say --in-advance"
    )
    assert site.execute("SELECT * FROM erasure") == []
    assert rows_in(site) == before


def test_who_has_never_been_loaded_is_known_by_his_files(tmp_path: Path) -> None:
    site = site_a(tmp_path, {"Online/Genuine/002_1.HWR": b"1,2,3\n"})
    site.load()
    site.write({"Online/Genuine/001_1.HWR": b"1,2,3\n"})

    assert erased(site, HE).files == [str(site.root / "Online/Genuine/001_1.HWR")]

    assert (site.load().erased, set(site.signees())) == (1, {"2"})


@pytest.mark.usefixtures("on_every_database")
def test_who_is_erased_in_advance_is_left_out_when_he_comes(tmp_path: Path) -> None:
    site = site_a(tmp_path, {"Online/Genuine/002_1.HWR": b"1,2,3\n"})
    site.load()

    assert erase(site.settings, named([HE], [], in_advance=True)).problem is None

    site.write({"Online/Genuine/001_1.HWR": b"1,2,3\n"})
    assert (site.load().erased, set(site.signees())) == (1, {"2"})


NOBODYS = {
    "source_a/online/genuine/001": "no file of source_a can be of one who is written so; say source_a/online/genuine/1",
    "source_a/online/genuine/1 ": "no file of source_a can be of one who is written so; say source_a/online/genuine/1",
    "source_a/Online/Genuine/1": "no file of source_a can be of one who is written so; say source_a/online/genuine/1",
    "SOURCE_A/online/genuine/4": "no file of source_a can be of one who is written so; say source_a/online/genuine/4",
    **dict.fromkeys(
        (
            "source_a/online/genuin/1",
            "source_a/online/genuine/abc",
            "source_a/online/genuine/-1",
            "source_a/online/genuine/1_1.hwr",
            "source_a/online/genuine/1000000",
            "source_a/online/forgeries/120",
            "source_a/1",
        ),
        "no file of source_a can be of that signee; its signees are written like source_a/offline/genuine/1 or "
        "source_a/online/genuine/1, with at most 6 digits",
    ),
    **dict.fromkeys(
        ("source_b/x/y", "source_b/7", f"source_b/x/{FORGED_A}"),
        "no file of source_b can be of that signee; its signees are written "
        "source_b/<id of the genuine signature, a UUID>",
    ),
    f"source_b/{FORGED_A.upper()}": f"no file of source_b can be of one who is written so; say source_b/{FORGED_A}",
    "source_x/online/genuine/1": "there is no source 'source_x'; there are customers, service, source_a, source_b",
}


@pytest.mark.parametrize("key", NOBODYS)
@pytest.mark.parametrize("in_advance", [False, True])
def test_a_key_that_no_file_can_have_is_refused_and_the_nearest_named(
    tmp_path: Path, key: str, in_advance: bool
) -> None:
    """It was noted in advance as if it were somebody, who then was loaded, or stayed, under his own key."""
    site = site_a(tmp_path)
    with site.warehouse() as warehouse:
        warehouse.service().register_signatures([NEW], idempotence_key="customers/1")

    with pytest.raises(NotKnown) as told:
        erase(site.settings, named([HE, key], [], in_advance=in_advance))

    assert str(told.value) == f"{key}: {NOBODYS[key]}; nothing was erased"
    assert site.execute("SELECT * FROM erasure") == []


@pytest.mark.usefixtures("on_every_database")
def test_what_the_service_has_under_a_key_that_no_file_can_have_is_erased(tmp_path: Path) -> None:
    site = Site(tmp_path)
    keys = ["source_a/online/genuine/001", "source_x/1", "SOURCE_A/1"]
    with site.warehouse() as warehouse:
        for key in keys:
            warehouse.service().register_signatures([NEW], idempotence_key=key)

    done = erased(site, *keys)

    assert (done.rows["signature"], done.in_advance) == (3, [])
    assert not any(erased(site, *keys).rows.values())


@pytest.mark.parametrize(
    "key", ["source_a/offline/genuine/4711", "source_b/" + uuid(7), "customers/2", "7", derive_id("signee", "he")]
)
def test_who_is_noted_in_advance_is_named_until_something_is_there_of_him(tmp_path: Path, key: str) -> None:
    site = site_a(tmp_path)
    with site.warehouse() as warehouse:
        warehouse.service().register_signatures([NEW], idempotence_key="customers/1")

    done = erase(site.settings, named([HE, key], [], in_advance=True))

    assert done.in_advance == [key]
    assert erase(site.settings, named([HE, key], [], in_advance=True)).in_advance == []


def test_a_signee_whom_index_lists_in_upper_case_is_erased_as_it_lists_him(tmp_path: Path) -> None:
    site = site_b(tmp_path, {"INDEX": index({FORGED_A.upper(): ""}), file_of(FORGED_A.upper()): b""})
    site.load()

    assert erased(site, f"source_b/{FORGED_A.upper()}").rows["signature"] == 1


@pytest.mark.parametrize("malformed", ["", "source_a//1", "a\tb"])
def test_what_is_no_key_is_refused(malformed: str) -> None:
    with pytest.raises(SettingError, match=r"^--signee: .* is not a key"):
        named([malformed], [])


def test_what_is_no_id_of_a_signature_is_refused() -> None:
    with pytest.raises(SettingError, match=r"^--signature: '001_1.HWR' is not the id of a signature"):
        named([], ["001_1.HWR"])


def test_a_dataset_of_nobody_but_the_erased_is_loaded_in_peace(tmp_path: Path) -> None:
    site = site_a(tmp_path, {"Online/Genuine/001_1.HWR": b"1,2,3\n"})
    site.load()

    erased(site, HE)

    for lost in ("nothing", "listing", "manifest"):
        (site.cache / lost).unlink(missing_ok=True)
        loaded = site.load()
        assert (loaded.problem, loaded.erased, site.ids()) == (None, 1, {})


# Backups


def test_what_was_erased_is_erased_from_a_restored_backup(site: Site, as_if_never_there: str, tmp_path: Path) -> None:
    backup = site.afresh()
    backup.load()
    erased(site, HE)
    file = tmp_path / "erasures.json"

    assert export(site.settings, file) == 1
    done = erase(backup.settings, exported(file))

    assert done.problem is None
    assert done.rows["signature"] == 5
    assert backup.digest() == as_if_never_there
    assert backup.load().erased == 6
    assert backup.digest() == as_if_never_there
    assert backup.execute("SELECT mac, hmac_key, erased FROM erasure") == site.execute(
        "SELECT mac, hmac_key, erased FROM erasure"
    )


def test_erasures_of_two_warehouses_are_merged(tmp_path: Path) -> None:
    one = site_a(tmp_path)
    other = one.afresh()
    for each, he in ((one, HE), (other, "source_a/online/genuine/4")):
        each.load()
        erased(each, he)
    export(one.settings, tmp_path / "erasures.json")

    assert erase(other.settings, exported(tmp_path / "erasures.json")).problem is None

    assert other.load().erased == 6 + 5
    assert {"1", "4"}.isdisjoint(
        number for (number,) in other.execute("SELECT external_id FROM signee WHERE collection = 'online/genuine'")
    )
    with other.warehouse() as warehouse, pytest.raises(ErasedError):
        warehouse.service().register_signatures([NEW], idempotence_key=HE)


def test_what_is_exported_is_private_and_names_nobody(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()
    ids = [*site.ids().values(), *site.signees().values()]
    erased(site, HE)
    file = tmp_path / "erasures.json"

    export(site.settings, file)

    text = file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert [set(each) for each in json.loads(text)["erasures"]] == [{"mac", "hmac_key", "erased"}]
    assert not any(name in text for name in (*ids, HE, "source_a", "Genuine"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"format": "sigid erasures, version 2", "erasures": []}',
        b'{"format": "sigid erasures, version 1", "erasures": [{"mac": "00"}]}',
        b'{"format": "sigid erasures, version 1", "erasures": [{"mac": "0", "hmac_key": "0", "erased": "2026-01-01"}]}',
    ],
)
def test_what_no_export_has_written_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "erasures.json"
    file.write_bytes(content)

    with pytest.raises(
        SettingError, match=r"erasures\.json is not what `doit erase --export` writes; nothing was erased"
    ):
        exported(file)


# A warehouse that is made anew


def made_anew(site: Site) -> Site:
    """The site with a warehouse that is new, under the name of the one before."""
    site.databases.remove(site.settings.warehouse)
    return site


@pytest.mark.usefixtures("on_every_database")
def test_a_warehouse_that_is_made_anew_does_not_bring_him_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A load let him in without a word, though the build folder still held his tombstone, and threw that away."""
    site = site_a(tmp_path)
    site.load()
    erased(site, HE)
    before = site.digest()
    made_anew(site)
    planned = site.plan()

    loaded = site.load()

    assert (loaded.problem, loaded.erased) == (None, 6)
    assert [step.path for step in planned if step.step is Step.LEAVE_OUT] == [
        path for path in sorted(SAMPLE_A) if path.startswith(HIS)
    ]
    assert site.digest() == before
    assert f"1 erasures hold in it, too, that {site.settings.build}/*/erased tell of" in caplog.text
    assert unfinished(site) == 0
    assert site.load().erased == 6
    site.forget()
    assert site.load().erased == 6


def test_a_new_warehouse_elsewhere_does_not_bring_him_back_either(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()
    erased(site, HE)
    before = site.digest()

    site.using(warehouse=f"sqlite:///{tmp_path}/moved.sqlite")

    for _ in range(2):
        assert site.load().erased == 6
    assert site.digest() == before


@pytest.mark.usefixtures("on_every_database")
def test_a_restored_backup_is_not_loaded_until_it_is_said_what_is_to_become_of_him(tmp_path: Path) -> None:
    """He stayed in it: the load threw away what the build folder knew of his erasure."""
    site = site_a(tmp_path)
    site.load()
    erased(site, HE)
    before = site.digest()
    erased_site = snapshot(site.cache)["erased"][1]
    made_anew(site).forget()
    site.load()
    with_him = site.digest()
    (site.cache / "erased").write_bytes(erased_site)

    for task in (site.load, site.plan):
        with pytest.raises(WarehouseError) as refused:
            task()
        assert str(refused.value).endswith(
            f" lacks 1 erasures that {site.settings.build}/*/erased tell of, as if it were restored from a backup: "
            "`doit erase` does them again; to have them undone, delete these files"
        )
    assert site.digest() == with_him

    assert erase(site.settings).rows["signature"] == 5
    assert site.load().erased == 6
    assert site.digest() == before


def test_an_erasure_is_undone_where_its_tombstones_are_deleted(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()
    before = site.digest()
    erased(site, HE)
    made_anew(site)
    for file in site.settings.build.glob("*/erased"):
        file.unlink()

    assert site.load().erased == 0
    assert site.digest() == before


def test_another_erasure_keeps_what_a_new_warehouse_has_not_taken_over_yet(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()
    erased(site, HE)
    made_anew(site)

    erase(site.settings, named(["source_a/online/genuine/4"], [], in_advance=True))

    assert site.load().erased == 6 + 5
    assert site.execute("SELECT count(*) FROM erasure") == [(2,)]


def test_what_one_source_is_loaded_with_is_not_lost_to_another(tmp_path: Path) -> None:
    """The load of the one finishes the erasures of both, and writes down what the other is to know."""
    site = site_a(tmp_path)
    other = site_b(tmp_path)
    site.load()
    erased(site, HE)
    other.load()
    erased(other, f"source_b/{FORGED_A}")
    (site.cache / "erased").unlink()
    made_anew(site)
    erase(site.settings, named(["source_a/online/genuine/4"], [], in_advance=True))

    assert site.load().erased == 6 + 5
    assert other.load().erased == 2


@pytest.mark.usefixtures("on_every_database")
def test_a_warehouse_in_use_is_not_touched_by_the_erasures_of_another(tmp_path: Path) -> None:
    """One build folder served two warehouses: who was erased in the one was retired in the other, for one load."""
    site = site_a(tmp_path)
    other = Site(tmp_path).using(
        build=tmp_path / "another build folder", warehouse=Site.databases.url(tmp_path / "another warehouse")
    )
    other.load()
    site.load()
    erased(site, HE)
    site.load()
    before = other.digest(), site.digest()
    other.using(build=site.settings.build)

    for _ in range(2):
        loaded = other.load()
        assert (loaded.problem, loaded.erased, loaded.counts.retired) == (None, 0, 0)
        assert site.load().erased == 6

    assert (other.digest(), site.digest()) == before


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("sqlite:////home/a@b/sigid.sqlite", "sqlite:////home/a@b/sigid.sqlite"),
        ("postgresql+psycopg://me:a/q?w@host:1/db?options=-csearch_path%3Ds&sslpassword=x", "host:1/db?options="),
        ("mysql+pymysql://host/db?password=x&charset=utf8", "mysql+pymysql://host/db?charset=utf8"),
        ("postgresql+psycopg://host/db?user=you&password=me:@q?w", "postgresql+psycopg://host/db?user=you"),
    ],
)
def test_what_tells_a_warehouse_from_others_has_no_password_in_it(url: str, place: str) -> None:
    assert place in place_of(url)
    assert not any(secret in place_of(url) for secret in ("me:", "q?w", "pass"))


def test_erasures_are_applied_before_there_is_a_warehouse(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()
    erased(site, HE)
    before = site.digest()
    export(site.settings, tmp_path / "erasures.json")
    made_anew(site).forget()

    assert erase(site.settings, exported(tmp_path / "erasures.json")).problem is None

    assert site.load().erased == 6
    assert site.digest() == before


# The service

NEW = NewXYZSignature(points=[(1.0, 2.0, 3.0)], sample="1")


@pytest.mark.usefixtures("on_every_database")
def test_the_service_does_not_take_who_was_erased(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with site.warehouse() as warehouse:
        service = warehouse.service()
        for key in ("customers/1", "customers/2"):
            service.register_signatures([NEW, NEW.model_copy(update={"sample": "2"})], idempotence_key=key)
        (one, two) = (s.id for s in warehouse.signatures(signee="customers/2"))

        done = erased(site, "customers/1")
        assert done.rows["signature"] == 2
        erased(site, signatures=[one])

        with pytest.raises(ErasedError) as signee_refused:
            service.register_signatures([NEW], idempotence_key="customers/1")
        with pytest.raises(ErasedError) as signature_refused:
            service.register_signatures([NEW], idempotence_key="customers/2")
        service.register_signatures([NEW.model_copy(update={"sample": "3"})], idempotence_key="customers/2")
        assert two in {signature.id for signature in warehouse.signatures()}
        assert len(list(warehouse.signatures())) == 2

    assert str(signee_refused.value) == (
        "the signee under the key 'customers/1' was erased and is not taken again; nothing is stored"
    )
    assert str(signature_refused.value).startswith("sample '1' under the key 'customers/2' was erased")


@pytest.mark.usefixtures("on_every_database")
def test_what_a_service_registers_while_he_is_erased_is_gone_too(tmp_path: Path) -> None:
    """It had looked for tombstones before there was one, and committed after the rows were deleted."""
    site = Site(tmp_path)
    with site.warehouse() as warehouse:
        warehouse.service().register_signatures([NEW], idempotence_key="customers/1")
        results: list[Erased] = []

        def registering() -> None:
            with warehouse.transaction():
                warehouse.service().register_signatures([NEW], idempotence_key="customers/2")
                looked.set()
                go_on.wait(10)
                warehouse.service().register_signatures([NEW], idempotence_key="customers/3")

        looked, go_on = threading.Event(), threading.Event()
        service = threading.Thread(target=registering)
        service.start()
        assert looked.wait(10)
        wanted = named(["customers/2", "customers/1"], [], in_advance=True)
        erasing = threading.Thread(target=lambda: results.append(erase(site.settings, wanted)))
        erasing.start()
        erasing.join(1)
        go_on.set()
        service.join(30)
        erasing.join(60)

        assert [done.problem for done in results] == [None]
        assert unfinished(site) == 0
        assert {number for (number,) in site.execute("SELECT external_id FROM signee")} == {"3"}


# The bytes

CANARY = (48151.6, 917.364, 2718.28)
LATER = (14142.1, 17320.5, 22360.6)


def canaries(site: Site, paths: Iterable[str]) -> list[bytes]:
    """What nobody else has: his number, the paths, the ids, and the points as they are packed."""
    ids = [id_ for path, id_ in site.ids().items() if path in paths]
    return [
        b"917364",
        *(path.encode() for path in paths),
        *(id_.encode() for id_ in ids),
        site.signees()["917364"].encode(),
        *(struct.pack("<d", number) for number in CANARY),
    ]


def found_in(folder: Path, searched: Iterable[bytes]) -> list[tuple[str, bytes]]:
    """Where a file below the folder has one of these in it, or in its name."""
    return [
        (path.name, canary)
        for path in folder.rglob("*")
        for canary in searched
        if canary in path.name.encode() or (path.is_file() and canary in path.read_bytes())
    ]


@pytest.mark.parametrize("history", ["one load", "replaced", "retired"])
@pytest.mark.parametrize("others", [3, 400])
def test_no_byte_of_him_is_left_in_the_database_its_journals_or_the_build_folder(
    tmp_path: Path, history: str, others: int
) -> None:
    site = site_a(tmp_path)
    site.using(warehouse=f"sqlite:///{site.settings.build}/warehouse.sqlite")
    his = [f"Online/Genuine/917364_{n}.HWR" for n in range(20)]
    site.write({path: trajectory(*[CANARY] * 60) for path in his})
    site.write({f"Online/Genuine/{n:03}_1.HWR": trajectory(*[(n, 1.5, 2)] * 30) for n in range(200, 200 + others)})
    with site.warehouse() as open_elsewhere:  # who closes last empties the log, whatever the erasure does
        assert open_elsewhere.catalog() == {}
        site.load()
        searched = canaries(site, his)
        if history == "replaced":
            site.write({path: trajectory(*[LATER] * 30) for path in his[:10]})
            site.load()
            searched += [struct.pack("<d", number) for number in LATER]
        elif history == "retired":
            site.remove(*his[:10])
            site.load()
        assert {canary for _, canary in found_in(site.settings.build, searched)} == set(searched)

        erased(site, "source_a/online/genuine/917364")

        assert found_in(site.settings.build, searched) == []
        for _ in range(3):
            site.scan()
            assert found_in(site.settings.build, searched) == []
            site.load()
            site.plan()
            assert found_in(site.settings.build, searched) == []
        assert len(list(open_elsewhere.signatures())) >= others


def test_no_byte_is_left_of_what_was_deleted_without_being_overwritten(tmp_path: Path) -> None:
    """As another program may have, or SQLite itself where it has moved a row."""
    site = site_a(tmp_path, {"Online/Genuine/917364_1.HWR": trajectory(*[CANARY] * 30)})
    site.load()
    searched = canaries(site, ["Online/Genuine/917364_1.HWR"])
    site.execute("PRAGMA secure_delete=OFF", "DELETE FROM trajectory", "PRAGMA wal_checkpoint(TRUNCATE)")
    assert {canary for _, canary in found_in(site.folder / "warehouse", searched)} == set(searched)

    erased(site, "source_a/online/genuine/917364")

    assert found_in(site.folder / "warehouse", searched) == []


def test_a_scan_that_nothing_has_told_of_him_is_put_right_by_the_load(tmp_path: Path) -> None:
    """What says who was erased is a cache of the build folder, which may be lost, or be another machine's."""
    site = site_a(tmp_path)
    site.load()
    erased(site, HE)
    site.load()
    (site.cache / "erased").unlink()

    site.scan()
    assert b"Online/Genuine/001_1.HWR" in site.manifest
    site.load()

    assert found_in(site.settings.build, [b"Online/Genuine/001_", b"0120001_"]) == []
    site.scan()
    assert found_in(site.settings.build, [b"Online/Genuine/001_", b"0120001_"]) == []


@pytest.mark.usefixtures("on_every_database")
def test_a_load_of_a_machine_that_did_not_erase_forgets_him_as_well(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()
    other = Site(tmp_path).using(build=tmp_path / "another build folder", warehouse=site.settings.warehouse)
    other.load()

    erased(site, HE)
    before = site.digest()
    loaded = other.load()

    assert (loaded.problem, loaded.erased, loaded.counts.added) == (None, 6, 0)
    assert other.digest() == before
    assert found_in(other.settings.build, [b"Online/Genuine/001_", b"0120001_"]) == []


def test_a_damaged_cache_of_tombstones_is_put_right(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()
    erased(site, HE)
    before = site.digest()

    for damage in (b"", b"{}", b"[1]", b'{"version": 1, "tombstones": [["zz", "zz"]], "walk": "", "listing": ""}'):
        (site.cache / "erased").write_bytes(damage)
        assert site.load().erased == 6
        assert site.digest() == before


# What it costs


def test_an_unchanged_run_asks_of_no_file_whose_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = site_a(tmp_path)
    site.load()
    erased(site, HE)
    wait_until_nothing_changes(site)
    monkeypatch.setattr(NamedByConvention, "whose", lambda *_: pytest.fail("asked"))

    assert site.is_current()
    assert site.scan() is None


def wait_until_nothing_changes(site: Site) -> None:
    """Load until what changed just now is old enough to be trusted."""
    for _ in range(60):
        if site.scan() is None:
            return
        site.load()
        threading.Event().wait(0.1)
    pytest.fail("it never comes to rest")


def test_only_new_names_are_asked_whose_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = site_a(tmp_path)
    site.load()
    erased(site, HE)
    site.load()
    site.write({"Online/Genuine/444_1.HWR": b"1,2,3\n"})
    asked: list[str] = []
    ask = NamedByConvention.whose

    def ask_and_note(names: NamedByConvention, path: str) -> Iterable[str]:
        asked.append(path)
        return ask(names, path)

    monkeypatch.setattr(NamedByConvention, "whose", ask_and_note)

    loaded = site.load()

    assert (loaded.counts.added, loaded.erased) == (1, 6)
    assert {path for path in asked if not path.startswith(HIS)} == {"Online/Genuine/444_1.HWR"}


# Plans


def test_a_plan_lists_what_is_left_out(site: Site) -> None:
    erased(site, HE)

    planned = site.plan()

    left_out = [step.path for step in planned if step.step is Step.LEAVE_OUT]
    assert left_out == sorted(path for path in SAMPLE_A if path.startswith(HIS))
    assert all(step.path in left_out for step in planned)


# Cut off


class _Cut(BaseException):
    """Nobody handles it, as nobody handles a kill."""


STEPS: dict[str, list[tuple[Any, str]]] = {
    "tombstones": [(erase_module, "put_down")],
    "rows": [(erase_module, "delete")],
    "files": [(Ground, "left")],
    "build folder": [(erase_module, "_forget")],
    "listing": [(erase_module, "keep")],
    "cache": [(cache, "write")],
    "compact": [(kind, "compact") for kind in (SqliteDatabase, PostgresqlDatabase, MysqlDatabase)],
    "finish": [(erase_module, "finish")],
}
"""What an erasure does one after the other."""
BEFORE_THE_COMMIT = {"tombstones", "rows"}


def cut_off(*_: Any, **__: Any) -> None:
    raise _Cut


def is_finished_by(next_command: str, site: Site) -> None:
    if next_command == "erase":
        assert erase(site.settings).problem is None
    else:
        assert site.load().erased == 6
    assert unfinished(site) == 0
    assert found_in(site.settings.build, [b"Online/Genuine/001_", b"0120001_"]) == []


@pytest.mark.parametrize("next_command", ["erase", "load"])
@pytest.mark.parametrize("step", STEPS)
def test_what_is_cut_off_anywhere_is_finished_by_the_next_command(
    site: Site, as_if_never_there: str, step: str, next_command: str
) -> None:
    before = site.digest()
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in STEPS[step]:
            patch.setattr(owner, name, cut_off)
        with pytest.raises(_Cut):
            erase(site.settings, named([HE], []))

    if step in BEFORE_THE_COMMIT:
        assert site.digest() == before
        erased(site, HE)
    else:
        assert site.digest() == as_if_never_there
        assert unfinished(site) == 1
    is_finished_by(next_command, site)
    assert site.digest() == as_if_never_there


KILLED = """
import os, signal, sys
from pathlib import Path
from sigid.pipeline import erase
from sigid.pipeline.wanted import named
from sigid.settings import Settings
from sigid.warehouse import sqlite

def dies(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

warehouse, datasets, build, step, he = sys.argv[1:]
class DiesAtTheLog(sqlite.sqlite3.Connection):
    def execute(self, statement, *values):
        return dies() if "wal_checkpoint(" in statement else super().execute(statement, *values)

if step == "log":
    connect = sqlite.sqlite3.connect
    sqlite.sqlite3.connect = lambda *where, **how: connect(*where, factory=DiesAtTheLog, **how)
else:
    setattr(erase, step, dies)
erase.erase(Settings(warehouse, Path(datasets), Path(build), 1, ""), named([he], []))
"""


@pytest.mark.parametrize("next_command", ["erase", "load"])
@pytest.mark.parametrize("step", ["delete", "_forget", "log", "finish"])
def test_what_is_killed_is_finished_by_the_next_command(tmp_path: Path, step: str, next_command: str) -> None:
    site = site_a(tmp_path)
    site.using(warehouse=f"sqlite:///{site.settings.build}/warehouse.sqlite")
    site.load()
    searched = [id_.encode() for path, id_ in site.ids().items() if path.startswith(HIS)]
    settings = site.settings
    where = [settings.warehouse, str(settings.datasets), str(settings.build), step, HE]

    killed = subprocess.run([sys.executable, "-c", KILLED, *where], cwd=PROJECT, check=False)

    assert killed.returncode == -signal.SIGKILL
    if step == "delete":
        assert site.execute("SELECT * FROM erasure") == []
        erased(site, HE)
    is_finished_by(next_command, site)
    assert found_in(settings.build, searched) == []


# In the way


def test_a_reader_who_keeps_the_log_from_being_emptied_is_told_of_and_the_rest_done_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.2)
    site = site_a(tmp_path)
    site.load()

    with site.warehouse() as warehouse, warehouse.reading() as reader:
        reader.exec_driver_sql("SELECT * FROM signature").fetchone()
        done = erase(site.settings, named([HE], []))

    assert isinstance(done.problem, ErasureIncomplete)
    assert str(done.problem).startswith("what was to be erased is deleted and does not come back, but files may still")
    assert "another program has been reading it" in str(done.problem)
    assert str(done.problem).endswith("`doit erase`, or the next load, does the rest")
    assert done.rows["signature"] == 5
    assert unfinished(site) == 1
    is_finished_by("load", site)


def test_a_load_that_cannot_finish_an_erasure_says_so_and_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.2)
    site = site_a(tmp_path)
    site.load()

    with site.warehouse() as warehouse, warehouse.reading() as reader:
        reader.exec_driver_sql("SELECT * FROM signature").fetchone()
        erase(site.settings, named([HE], []))
        site.write({"Online/Genuine/444_1.HWR": b"1,2,3\n"})
        loaded = site.load()

    assert (loaded.problem, loaded.counts.added, loaded.erased) == (None, 1, 6)
    assert "does not come back, but files may still hold bytes of it" in caplog.text
    assert unfinished(site) == 1


def test_nothing_is_erased_while_a_source_is_loaded(site: Site) -> None:
    before = rows_in(site)

    for source in SOURCES:
        with _opened(site) as database, database.loading(source.name), pytest.raises(BusyError, match="is under way"):
            erase(site.settings, named([HE], []))

    assert rows_in(site) == before
    assert site.execute("SELECT * FROM erasure") == []


def _opened(site: Site) -> closing[Any]:
    return closing(open_database(site.settings.warehouse))


def test_an_older_warehouse_is_migrated_first(tmp_path: Path) -> None:
    site = site_a(tmp_path)
    site.load()
    site.execute("UPDATE schema_version SET version = 2")

    with pytest.raises(WarehouseError, match="`doit migrate` brings it there"):
        erase(site.settings, named([HE], []))
