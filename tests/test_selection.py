"""Asking for a part: filters, counts, pages, pairs, and tables of other libraries with nothing lost on the way."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sigid.entity import AnySignature, ImageSignature, XYZSignature
from sigid.errors import DatasetError, SettingError
from sigid.identity import Authenticity
from sigid.pipeline.images import image_bytes, open_image
from sigid.service import NewXYZSignature
from sigid.warehouse import selection, sqlite
from sigid.warehouse.warehouse import Warehouse, open_warehouse
from tests.databases import Databases
from tests.tables import pandas as pd
from tests.tables import polars as pl
from tests.tables import pyarrow as pa
from tests.trees import Site, picture, site_a, trajectory

FILES = {
    **{f"Offline/Genuine/001_0{n}.PNG": picture(n) for n in range(1, 4)},
    "Offline/Genuine/002_01.PNG": b"",
    "Offline/Forgeries/0103001_01.png": picture(40),
    "Offline/Forgeries/0104001_01.png": picture(50),
    "Online/Genuine/001_1.HWR": trajectory((1, 2, 3), (4, 5, 6)),
    "Online/Genuine/001_2.HWR": trajectory((-0.0, 1e-300, 0.1)),
    "Online/Forgeries/0103001_1.HWR": trajectory((7, 8, 9)),
}


@pytest.fixture(scope="module")
def site(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A few signatures of every kind, on each kind of database in turn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Site, "databases", databases)
        site = site_a(tmp_path_factory.mktemp("site"), FILES)
        site.load()
    return site


@pytest.fixture
def filled(site: Site) -> Iterator[Warehouse]:
    with open_warehouse(site.settings.warehouse) as opened:
        yield opened


def numbers(signatures: Iterator[AnySignature]) -> list[str]:
    return [f"{each.kind} {each.forger.external_id if each.forger else '-'} {each.sample}" for each in signatures]


def test_a_forger_is_asked_for_by_number_key_or_id(filled: Warehouse) -> None:
    by_number = list(filled.signatures(forger="103"))
    (online,) = filled.signatures(forger="source_a/online/forgeries/103")

    assert numbers(iter(by_number)) == ["image 103 1", "xyz 103 1"]
    assert online == by_number[1]
    assert online.forger is not None
    assert list(filled.signatures(forger=online.forger.id)) == [online]
    assert list(filled.signatures(forger="103", authenticity="genuine")) == []


def test_a_kind_is_asked_for_and_one_that_does_not_exist_is_refused(filled: Warehouse) -> None:
    assert {each.kind for each in filled.signatures(kind="xyz")} == {"xyz"}
    with pytest.raises(ValueError, match="'sound' is not a valid Kind"):
        filled.signatures(kind="sound")


def test_what_was_registered_since_is_new_or_has_another_content(tmp_path: Path) -> None:
    site = site_a(tmp_path, FILES)
    site.load()
    since = datetime.now(UTC)
    site.write({"Online/Genuine/001_1.HWR": trajectory((9, 9, 9)), "Online/Genuine/003_1.HWR": trajectory((1, 1, 1))})
    site.load()

    with site.warehouse() as warehouse:
        new = list(warehouse.signatures(loaded_since=since))
        everything = warehouse.signatures(loaded_since=since - timedelta(days=1)).count()
        nothing = warehouse.signatures(loaded_since=since + timedelta(days=1)).count()

    assert sorted(each.id for each in new) == sorted(
        site.ids()[path] for path in ("Online/Genuine/001_1.HWR", "Online/Genuine/003_1.HWR")
    )
    assert (everything, nothing) == (len(FILES) + 1, 0)


def test_a_time_without_a_zone_is_refused(filled: Warehouse) -> None:
    with pytest.raises(ValueError, match="says no time zone; write datetime"):
        filled.signatures(loaded_since=datetime(2026, 1, 1))


@pytest.mark.parametrize(
    "asked",
    [{}, {"kind": "image"}, {"signee": "1"}, {"forger": "103"}, {"authenticity": "forged"}],
)
def test_as_many_are_counted_as_come(filled: Warehouse, asked: dict[str, Any]) -> None:
    assert filled.signatures(**asked).count() == len(list(filled.signatures(**asked))) > 0


def test_pages_are_what_goes_through_one_by_one(filled: Warehouse) -> None:
    pages = list(filled.signatures().pages(4))

    assert [len(page) for page in pages] == [4, 4, 1]
    assert [each for page in pages for each in page] == list(filled.signatures())


@pytest.mark.parametrize("ask", ["signatures", "pairs"])
def test_who_has_enough_lets_go_of_the_connection_at_once(filled: Warehouse, ask: str) -> None:
    # While it waited for Python to look for cycles, it kept one state of the database, and lost a MariaDB's answer.
    gc.collect()
    gc.disable()
    try:
        asked = getattr(filled, ask)()
        next(asked)
        left = weakref.ref(asked)

        del asked

        assert left() is None
    finally:
        gc.enable()


def test_a_table_holds_what_the_entities_hold_bit_for_bit(filled: Warehouse) -> None:
    table = filled.signatures().to_arrow()

    rows = table.to_pylist()
    for row, entity in zip(rows, filled.signatures(), strict=True):
        for name in ("id", "source", "signee_id", "forger_id", "parent_id", "kind", "sample", "content_hash", "stale"):
            assert row[name] == getattr(entity, name)
        assert (row["created"], row["retired_at"]) == (entity.created, entity.retired_at)
        assert row["forger"] == (entity.forger and entity.forger.external_id)
        if isinstance(entity, XYZSignature):
            points = np.stack([np.array(row[axis]) for axis in "xyz"], axis=1)
            assert points.tobytes() == entity.points.array.tobytes()
            assert row["point_count"] == len(entity.points)
        else:
            assert (row["x"], row["width"], row["mode"]) == (None, entity.width, entity.mode)
    assert {(row["collection"], row["signee"]) for row in rows} == {
        *(("offline/genuine", number) for number in "12"),
        ("online/genuine", "1"),
    }


def test_a_table_comes_in_batches(filled: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = filled.signatures().to_arrow()
    monkeypatch.setattr("sigid.warehouse.arrow._ROWS_A_BATCH", 4)
    by_rows = [batch.num_rows for batch in filled.signatures().to_batches()]
    monkeypatch.setattr("sigid.warehouse.arrow._POINTS_A_BATCH", 2)
    by_points = filled.signatures(kind="xyz").to_batches()

    assert by_rows == [4, 4, 1]
    assert [batch.num_rows for batch in by_points] == [1, 2]
    assert filled.signatures().to_arrow().equals(whole)


def test_a_table_of_nothing_has_all_columns(filled: Warehouse) -> None:
    nothing = filled.signatures(source="nowhere").to_arrow()

    assert nothing.num_rows == 0
    assert nothing.schema == filled.signatures().to_arrow().schema


def test_pandas_and_polars_hold_what_arrow_holds(filled: Warehouse) -> None:
    table = filled.signatures().to_arrow()

    frame, other = filled.signatures().to_pandas(), filled.signatures().to_polars()

    assert isinstance(frame, pd.DataFrame)
    assert isinstance(other, pl.DataFrame)
    assert pa.Table.from_pandas(frame, schema=table.schema, preserve_index=False).equals(table)
    assert other["x"].to_list() == table["x"].to_pylist()
    assert other.columns == table.column_names


def test_a_missing_library_is_named_with_the_way_out(filled: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(package: str) -> None:
        raise ImportError(package)

    monkeypatch.setattr(selection, "import_module", missing)

    with pytest.raises(SettingError, match=r"this needs polars, which is not installed: pip install 'sigid\[polars\]'"):
        filled.signatures().to_polars()


def test_pairs_are_of_genuine_ones_and_of_genuine_ones_with_forgeries(filled: Warehouse) -> None:
    pairs = list(filled.pairs("source_a/offline/genuine/1"))

    told = [
        f"{one.sample} {two.sample}" + (f" by {two.forger.external_id}" if two.forger else "") for one, two in pairs
    ]
    assert told == ["1 2", "1 3", "2 3", *(f"{n} 1 by 103" for n in "123"), *(f"{n} 1 by 104" for n in "123")]
    assert [pair.genuine for pair in pairs] == [True] * 3 + [False] * 6
    assert all(pair.reference.authenticity is Authenticity.GENUINE for pair in pairs)


@pytest.mark.parametrize("asked", [{}, {"signee": "1"}, {"kind": "xyz"}, {"modality": "offline"}, {"signee": "2"}])
def test_as_many_pairs_are_counted_as_are_made(filled: Warehouse, asked: dict[str, Any]) -> None:
    assert filled.pairs(**asked).count() == len(list(filled.pairs(**asked)))


def test_a_picture_and_a_trajectory_make_no_pair(warehouse: Warehouse) -> None:
    from sigid.service import NewImageSignature

    warehouse.service().register_signatures(
        [
            NewXYZSignature(points=[(1.0, 2.0, 3.0)], sample="1"),
            NewXYZSignature(points=[(4.0, 5.0, 6.0)], sample="2"),
            NewImageSignature(local_uri="3.png", sample="3"),
        ],
        "lab/1",
    )

    (pair,) = warehouse.pairs("1")

    assert [each.sample for each in pair] == ["1", "2"]
    assert warehouse.pairs("1").count() == 1


# Pictures


def first_image(warehouse: Warehouse) -> ImageSignature:
    signature = next(warehouse.signatures(kind="image"))
    assert isinstance(signature, ImageSignature)
    return signature


def test_a_picture_is_opened_from_the_file_that_was_loaded(site: Site, filled: Warehouse) -> None:
    signature = first_image(filled)

    opened = open_image(filled, signature, site.settings.datasets)

    assert (opened.size, opened.mode) == ((signature.width, signature.height), signature.mode)
    assert opened.getpixel((0, 0)) == 1
    assert image_bytes(filled, signature, site.settings.datasets) == FILES["Offline/Genuine/001_01.PNG"]


def test_a_picture_that_is_another_one_now_or_gone_is_not_opened(tmp_path: Path) -> None:
    site = site_a(tmp_path, FILES)
    site.load()
    with site.warehouse() as warehouse:
        signature = first_image(warehouse)
        file = site.root / "Offline/Genuine/001_01.PNG"

        file.write_bytes(picture(99))
        with pytest.raises(DatasetError, match=r"001_01\.PNG is another file than the one that was loaded; load again"):
            open_image(warehouse, signature, site.settings.datasets)
        file.unlink()
        with pytest.raises(DatasetError, match=r"001_01\.PNG is gone since it was loaded; bring it back"):
            open_image(warehouse, signature, site.settings.datasets)
        file.symlink_to("001_02.PNG")
        with pytest.raises(DatasetError, match=r"001_01\.PNG cannot be read: it is a symbolic link"):
            open_image(warehouse, signature, site.settings.datasets)


def test_a_placeholder_and_what_was_never_a_file_have_no_picture(site: Site, filled: Warehouse) -> None:
    (blank,) = (each for each in filled.signatures(kind="image", signee="2") if isinstance(each, ImageSignature))

    assert image_bytes(filled, blank, site.settings.datasets) == b""
    with pytest.raises(ValueError, match=f"{blank.id} is a placeholder"):
        open_image(filled, blank, site.settings.datasets)
    with pytest.raises(ValueError, match="was not loaded from a file"):
        open_image(filled, blank.model_copy(update={"id": "0" * 26}), site.settings.datasets)


def test_each_signature_comes_with_its_path(site: Site, filled: Warehouse) -> None:
    assert {path: signature.id for signature, path in filled.signatures().with_paths()} == site.ids()


def test_a_few_are_asked_for_by_their_ids_in_that_order(filled: Warehouse) -> None:
    ids = [signature.id for signature in filled.signatures()][::-2]

    rows = filled.signatures().rows_of(ids)

    assert [row.id for row in rows] == ids


def test_names_are_of_what_is_asked_for(site: Site, filled: Warehouse) -> None:
    names = {row.path: (row.source, row.signee_id, row.id) for row in filled.signatures(forger="103").names()}

    forged = {path: id_ for path, id_ in site.ids().items() if "0103001" in path}
    assert {path: id_ for path, (_, _, id_) in names.items()} == forged
    expected = {(each.source, each.signee_id, each.id) for each in filled.signatures(forger="103")}
    assert set(names.values()) == expected


@pytest.mark.usefixtures("on_every_database")
def test_all_that_is_read_at_one_state_is_of_that_state(tmp_path: Path) -> None:
    site = site_a(tmp_path, FILES)
    site.load()
    with open_warehouse(site.settings.warehouse) as warehouse:
        before = warehouse.digest()
        with warehouse.at_one_state():
            count = warehouse.signatures().count()
            with open_warehouse(site.settings.warehouse) as other:
                other.service().register_signatures(
                    [NewXYZSignature(points=[(1.0, 2.0, 3.0)], sample="1")], idempotence_key="at-one-state/1"
                )

            assert warehouse.signatures().count() == count
            assert warehouse.digest() == before
        assert warehouse.signatures().count() == count + 1
        assert warehouse.digest() != before


def test_a_picture_is_opened_at_the_path_that_it_came_with(site: Site, filled: Warehouse) -> None:
    """Each picture had been looked for among the lines of all files: 75 ms each where there are 100,000."""
    opened = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Warehouse, "path_of", None)
        for signature, path in filled.signatures(kind="image", signee="1").with_paths():
            opened.append(open_image(filled, signature, str(site.settings.datasets), path=path).size)

    assert len(opened) == 5


def test_a_trajectory_has_no_picture(site: Site, filled: Warehouse) -> None:
    """Its file was read, and Pillow was said not to know what it is."""
    signature = next(filled.signatures(kind="xyz"))

    with pytest.raises(ValueError, match=f"{signature.id} is a trajectory and has no picture; ask for kind='image'"):
        open_image(filled, signature, site.settings.datasets)


@pytest.mark.parametrize("asked", [{"source": ["source_a"]}, {"signee": ["1", "2"]}, {"forger": ("103",)}])
def test_several_at_a_time_are_refused(filled: Warehouse, asked: dict[str, Any]) -> None:
    """Of a list of sources there was nothing, and a list of signees was called a fault of the warehouse."""
    with pytest.raises(ValueError, match="; ask for one at a time, by a text"):
        filled.signatures(**asked)


def test_a_number_may_be_a_number(filled: Warehouse) -> None:
    by_number: Any = 1

    assert filled.signatures(signee=by_number).count() == filled.signatures(signee="1").count() > 0


def test_a_page_holds_at_least_one(filled: Warehouse) -> None:
    """With pages of none, none came, as if there were no signatures."""
    with pytest.raises(ValueError, match="a page of 0 signatures holds none; ask for at least 1"):
        filled.signatures().pages(0)


def test_a_reason_that_does_not_exist_is_refused_at_once(filled: Warehouse) -> None:
    with pytest.raises(ValueError, match="'broken' is not a valid Reason"):
        filled.rejections(reason="broken")


def test_many_selections_are_gone_through_by_turns(filled: Warehouse) -> None:
    """The sixteenth had waited half a minute for one of the others to end, and then raised an error of SQLAlchemy's."""
    signees = [filled.signatures(signee="1") for _ in range(20)]

    turns = list(zip(*signees, strict=True))

    assert len(turns) == filled.signatures(signee="1").count()
    assert all(len(set(map(str, turn))) == 1 for turn in turns)


def test_sqlite_sorts_signatures_without_their_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All points had gone through a temporary file before the first signature came."""
    monkeypatch.setattr(sqlite, "_PRAGMAS", (*sqlite._PRAGMAS, "PRAGMA cache_size=-100"))
    points = np.random.default_rng(1).random((5000, 3))
    new = [NewXYZSignature(points=points, sample=str(n)) for n in (*range(10, 40), *range(10))]
    with open_warehouse(f"sqlite:///{tmp_path / 'warehouse.sqlite'}") as warehouse:
        warehouse.service().register_signatures(new, "lab/1")

        before = bytes_written()
        read = [(each.sample, each.points) for each in warehouse.signatures() if isinstance(each, XYZSignature)]

        assert bytes_written() - before < points.nbytes
    assert [sample for sample, _ in read] == [str(n) for n in range(40)]
    assert all(each == points for _, each in read)


def bytes_written() -> int:
    """How many this process has written so far, wherever to."""
    (told,) = (line.split()[1] for line in Path("/proc/self/io").read_text().splitlines() if line.startswith("wchar"))
    return int(told)
