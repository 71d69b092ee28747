"""Taking away: what is exported is what the warehouse holds, as other tools read it, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import stat
import struct
import subprocess
import sys
import tomllib
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sigid import folder as place
from sigid.entity import AnySignature, ImageSignature, XYZSignature
from sigid.errors import BusyError, DatasetError, SettingError
from sigid.export.export import Asked, Exported, export
from sigid.export.split import Shares, Split, Splits
from sigid.running import only_one
from sigid.service import NewImageSignature, NewXYZSignature
from sigid.version import VERSION
from sigid.warehouse import selection
from sigid.warehouse.records import SCHEMA_VERSION
from tests.tables import duckdb
from tests.tables import pandas as pd
from tests.tables import pyarrow as pa
from tests.tables import pyarrow_parquet as pq
from tests.trees import SAMPLE_A, Site, picture, site_a, site_b, snapshot, trajectory

PROJECT = Path(__file__).parents[1]
FORMULA = "=cmd|' C calc'!A0.png"
THIRDS = Shares(1, 1, 1)


def told_picture(shade: int) -> bytes:
    """A picture with the names of things in it."""
    file = BytesIO()
    Image.new("P", (4, 3), shade).save(file, "PNG")
    head, _, tail = file.getvalue().partition(b"\x00\x00\x00\x00IEND")
    told = (
        (b"tEXt", b"Author\0canary"),
        (b"eXIf", b"MM\0*canary"),
        (b"prVt", b"canary"),
        (b"tIME", b"\x07\xea" + bytes(5)),
    )
    chunks = b"".join(_chunk(kind, body) for kind, body in (*told, (b"zTXt", b"a\0\0" + zlib.compress(b"canary"))))
    return head + chunks + _chunk(b"iTXt", b"a\0\0\0\0\0canary") + b"\x00\x00\x00\x00IEND" + tail


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


FILES = {
    **{f"Offline/Genuine/{n:03}_01.PNG": picture(n) for n in range(1, 9)},
    "Offline/Genuine/001_02.PNG": told_picture(7),
    "Offline/Genuine/002_02.PNG": b"",
    "Offline/Forgeries/0103001_01.png": picture(40),
    f"Offline/Genuine/{FORMULA}": picture(50),
    **{f"Online/Genuine/{n:03}_1.HWR": trajectory((n, 2, 3), (4, 5, 6)) for n in range(1, 9)},
    "Online/Genuine/001_2.HWR": b"-0.0,1e-300,0.1\n0,1e15,-0.30000000000000004\n",
    "Online/Forgeries/0103001_1.HWR": trajectory((7, 8, 9)),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A few signatures of every kind, which nobody changes."""
    site = site_a(tmp_path_factory.mktemp("site"), FILES)
    site.load()
    return site


def asked(site: Site, folder: Path, **more: Any) -> Asked:
    return Asked(folder=folder, datasets=site.settings.datasets, **{"shares": THIRDS, **more})


def exported(site: Site, folder: Path, **more: Any) -> Exported:
    with site.warehouse() as warehouse:
        return export(warehouse, asked(site, folder, **more), lambda *_: None)


def manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return found


def held(site: Site) -> list[AnySignature]:
    with site.warehouse() as warehouse:
        return list(warehouse.signatures())


def rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of all files, file by file."""
    files = sorted(folder.glob("data/**/*.parquet"))
    return [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]


def contents(folder: Path) -> dict[str, bytes]:
    return {name: content for name, (_, content) in snapshot(folder).items()}


def test_every_fact_of_every_signature_is_in_it(site: Site, tmp_path: Path) -> None:
    exported(site, tmp_path / "out")

    found = {row["id"]: row for row in rows(tmp_path / "out")}
    paths = {id_: path for path, id_ in site.ids().items()}
    assert len(found) == len(held(site)) == len(FILES) - 1
    for each in held(site):
        row = found[each.id]
        for name in ("signee_id", "forger_id", "parent_id", "source", "kind", "modality", "sample"):
            assert row[name] == getattr(each, name), name
        assert row["authenticity"] == each.authenticity
        assert row["forger"] == (each.forger and each.forger.external_id)
        assert row["content_hash"] == each.content_hash
        assert row["path"] == paths[each.id]
        assert row["stale"] is False
        if isinstance(each, ImageSignature):
            assert [row[name] for name in ("blank", "width", "height", "mode", "x")] == [
                *(each.blank, each.width, each.height, each.mode, None)
            ]
        else:
            assert bits([row[axis] for axis in "xyz"]) == bits(each.points.array.T)


def bits(points: Any) -> bytes:
    return np.asarray(points, dtype="<f8").tobytes()


def expected_points(site: Site) -> dict[str, bytes]:
    return {each.id: bits(each.points.array.T) for each in held(site) if isinstance(each, XYZSignature)}


def test_duckdb_reads_every_point_bit_for_bit(site: Site, tmp_path: Path) -> None:
    exported(site, tmp_path / "out", images=True)

    query = "SELECT id, source, modality, split, x, y, z, image FROM read_parquet(?)"
    found = duckdb.execute(query, [f"{tmp_path}/out/data/**/*.parquet"]).fetchall()

    assert {row[0]: bits(row[4:7]) for row in found if row[4]} == expected_points(site)
    assert {row[0] for row in found} == {each.id for each in held(site)}
    assert {row[1:3] for row in found} == {("source_a", "offline"), ("source_a", "online")}
    assert {row[3] for row in found} == set(Split)
    assert {row[0]: row[7]["bytes"] for row in found if row[7]} == pictures(site)


def pictures(site: Site) -> dict[str, bytes]:
    """The pictures' files that have content, by the id of the signature."""
    found = ((id_, FILES[path]) for path, id_ in site.ids().items())
    return {id_: content for id_, content in found if content.startswith(b"\x89PNG")}


def test_pandas_reads_the_folder_as_a_whole(site: Site, tmp_path: Path) -> None:
    exported(site, tmp_path / "out")

    frame = pd.read_parquet(tmp_path / "out" / "data").set_index("id")

    points = frame[["x", "y", "z"]].dropna()
    assert {id_: bits([*row]) for id_, *row in points.itertuples()} == expected_points(site)
    assert set(frame["source"]) == {"source_a"}
    assert set(frame["modality"]) == {"offline", "online"}
    assert len(frame) == len(held(site))


def test_pyarrow_reads_the_folder_as_one_data_set(site: Site, tmp_path: Path) -> None:
    exported(site, tmp_path / "out", images=True)

    table = pq.read_table(tmp_path / "out" / "data")

    assert table.schema.field("x").type == pa.list_(pa.float64())
    found = {row["id"]: row for row in table.to_pylist()}
    assert {id_: row["image"]["bytes"] for id_, row in found.items() if row["image"]} == pictures(site)
    assert {row["image"]["path"] for row in found.values() if row["image"]} == {
        path for path, content in FILES.items() if content.startswith(b"\x89PNG") and FORMULA not in path
    }


HUGGING_FACE = """
import datasets, hashlib, json, numpy, sys
folder, cache = sys.argv[1:]
files = {split: f"{folder}/data/**/{split}-*.parquet" for split in ("train", "validation", "test")}
by_files = datasets.load_dataset("parquet", data_files=files, cache_dir=cache)
by_folder = datasets.load_dataset(folder, cache_dir=cache)
assert by_files.num_rows == by_folder.num_rows and by_files["train"].features == by_folder["train"].features
def told(row):
    axes = numpy.array([row["x"], row["y"], row["z"]], dtype="<f8").tobytes().hex() if row["x"] else None
    return {"split": row["split"], "source": row["source"], "modality": row["modality"], "points": axes,
            "image": row["image"] and [row["image"].format, row["image"].size, row["image"].getpixel((0, 0))]}
print(json.dumps({
    "features": {name: repr(feature) for name, feature in by_files["train"].features.items()},
    "rows": {split: {row["id"]: told(row) for row in rows} for split, rows in by_files.items()},
}))
"""


def test_hugging_face_shows_images_lists_and_splits(site: Site, tmp_path: Path) -> None:
    exported(site, tmp_path / "out", images=True)

    found = hugging_face(tmp_path)

    assert found["features"]["image"].startswith("Image(")
    assert found["features"]["x"] == "List(Value('float64'))"
    assert found["features"]["source"] == "Value('string')"
    splits = Splits("0", THIRDS)
    for each in held(site):
        told = found["rows"][splits.of(each.signee_id)][each.id]
        assert (told["split"], told["source"]) == (splits.of(each.signee_id), "source_a")
        assert told["modality"] == each.modality
        if isinstance(each, XYZSignature):
            assert told["points"] == expected_points(site)[each.id].hex()
        else:
            content = pictures(site).get(each.id)
            expected = Image.open(BytesIO(content)) if content else None
            assert told["image"] == (expected and ["PNG", [*expected.size], expected.getpixel((0, 0))])
    assert sum(map(len, found["rows"].values())) == len(held(site))


def hugging_face(folder: Path) -> dict[str, Any]:
    """What `datasets` makes of the export, in a process of its own: it warns, and keeps a cache."""
    environment = os.environ | {"HF_DATASETS_OFFLINE": "1", "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "home")}
    program = [sys.executable, "-c", HUGGING_FACE, str(folder / "out"), str(folder / "cache")]
    ran = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_the_rows_of_a_file_are_in_the_warehouses_order(site: Site, tmp_path: Path) -> None:
    exported(site, tmp_path / "out")

    order = [each.id for each in held(site)]
    for file in (tmp_path / "out").glob("data/**/*.parquet"):
        found = pq.ParquetFile(file).read().column("id").to_pylist()
        assert found == sorted(found, key=order.index)


def test_a_signee_is_in_one_split_with_all_his_signatures(site: Site, tmp_path: Path) -> None:
    exported(site, tmp_path / "out", seed="mine")

    splits = Splits("mine", THIRDS)
    for file in (tmp_path / "out").glob("data/**/*.parquet"):
        for row in pq.ParquetFile(file).read().to_pylist():
            assert file.name.startswith(f"{row['split']}-0")
            assert row["split"] == splits.of(row["signee_id"])


def test_the_manifest_says_what_is_in_it(site: Site, tmp_path: Path) -> None:
    exported(site, tmp_path / "out", images=True, source="source_a", seed="mine")

    told = manifest(tmp_path / "out")

    assert told["warehouse"] == {"digest": site.digest(), "schema_version": SCHEMA_VERSION}
    assert told["written_by"] == {"sigid": VERSION, "pyarrow": pa.__version__}
    assert told["asked"] == {"source": "source_a", "images": True, "pseudonymise": False}
    assert told["splits"] == {"by": "signee", "seed": "mine", "shares": {"train": 1, "validation": 1, "test": 1}}
    counted: dict[str, dict[str, int]] = {}
    for each in held(site):
        of_modality = counted.setdefault(str(each.modality), {})
        split = str(Splits("mine", THIRDS).of(each.signee_id))
        of_modality[split] = of_modality.get(split, 0) + 1
    assert told["signatures"] == {"source_a": counted}


def test_the_manifest_lists_each_file_with_its_size_and_hash(site: Site, tmp_path: Path) -> None:
    result = exported(site, tmp_path / "out")

    listed = manifest(tmp_path / "out")["files"]

    there = {str(file.relative_to(tmp_path / "out")) for file in (tmp_path / "out").rglob("*") if file.is_file()}
    assert {each["path"] for each in listed} == there - {"manifest.json"} == {file.path for file in result.files}
    for each in listed:
        content = (tmp_path / "out" / each["path"]).read_bytes()
        assert (each["size"], each["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        if each["path"].endswith(".parquet"):
            assert each["signatures"] == pq.ParquetFile(BytesIO(content)).metadata.num_rows


def test_the_version_is_the_one_of_the_project() -> None:
    assert tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"] == VERSION


@pytest.mark.parametrize("more", [{}, {"images": True}], ids=["plain", "images"])
def test_the_same_warehouse_gives_the_same_bytes(site: Site, tmp_path: Path, more: dict[str, Any]) -> None:
    exported(site, tmp_path / "one", **more)
    exported(site, tmp_path / "two", **more)

    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_the_same_files_give_the_same_bytes_however_they_came_in(tmp_path: Path) -> None:
    at_once = site_a(tmp_path / "at once", FILES)
    at_once.load()
    later = site_a(tmp_path / "later", dict(list(FILES.items())[::2]))
    later.load()
    later.write({"Online/Genuine/001_1.HWR": trajectory((9, 9, 9)), "Online/Genuine/077_1.HWR": trajectory((1, 1, 1))})
    later.load()
    later.remove("Online/Genuine/077_1.HWR")
    later.write(FILES)
    later.load()

    exported(at_once, tmp_path / "one", images=True)
    exported(later, tmp_path / "two", images=True)

    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@pytest.mark.usefixtures("on_every_database")
@pytest.mark.parametrize("pseudonymise", [False, True], ids=["plain", "pseudonyms"])
def test_every_database_gives_the_same_bytes(site: Site, tmp_path: Path, pseudonymise: bool) -> None:
    there = site_a(tmp_path / "there", FILES)
    there.load()
    key_file = tmp_path / "key" if pseudonymise else None

    exported(site, tmp_path / "one", pseudonymise=pseudonymise, key_file=key_file, images=True)
    exported(there, tmp_path / "two", pseudonymise=pseudonymise, key_file=key_file, images=True)

    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_row_groups_and_files_are_bounded_and_lose_nothing(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sigid.export.parquet.GROUP_BYTES", 1000)
    monkeypatch.setattr("sigid.export.parquet.GROUPS_A_FILE", 2)

    exported(site, tmp_path / "out", shares=Shares(1, 0, 0))

    files = sorted((tmp_path / "out").glob("data/**/*.parquet"))
    online = [file for file in files if "modality=online" in str(file)]
    assert [file.name for file in online] == ["train-00000.parquet", "train-00001.parquet", "train-00002.parquet"]
    assert [pq.ParquetFile(file).metadata.num_row_groups for file in online] == [2, 2, 1]
    order = [each.id for each in held(site)]
    for modality in ("offline", "online"):
        found = [row["id"] for row in rows(tmp_path / "out") if row["modality"] == modality]
        assert found == [each.id for each in held(site) if each.modality == modality]
        assert sorted(found, key=order.index) == found


def test_what_is_written_is_for_its_owner_alone(site: Site, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        exported(site, tmp_path / "new" / "out", pseudonymise=True, key_file=tmp_path / "key")
    finally:
        os.umask(before)

    for each in (tmp_path / "key", tmp_path / "new", *(tmp_path / "new").rglob("*")):
        assert stat.S_IMODE(each.stat().st_mode) == (0o700 if each.is_dir() else 0o600), each


def test_an_empty_warehouse_is_exported_as_one(tmp_path: Path) -> None:
    site = site_a(tmp_path, {})

    result = exported(site, tmp_path / "out")

    assert not result.counts
    assert manifest(tmp_path / "out")["signatures"] == {}
    assert contents(tmp_path / "out").keys() == {"catalog.csv", "rejections.csv", "manifest.json"}


def test_the_catalogue_and_the_rejections_lie_beside_it(site: Site, tmp_path: Path) -> None:
    exported(site, tmp_path / "out")

    catalog = pd.read_csv(tmp_path / "out" / "catalog.csv", index_col="count")["source_a"]
    ((_, source, path, reason, detail),) = pd.read_csv(tmp_path / "out" / "rejections.csv").itertuples()

    expected = site.catalog()
    reasons = expected.pop("rejected_by_reason")
    assert {name: count for name, count in catalog.items() if count} == {
        **expected,
        **{f"rejected:{reason}": count for reason, count in reasons.items()},
    }
    assert (source, path, reason) == ("source_a", f"Offline/Genuine/{FORMULA}", "name_not_understood")
    assert detail == site.details()[path]


def test_a_file_whose_name_is_a_formula_is_text_in_the_spreadsheet(tmp_path: Path) -> None:
    site = site_a(tmp_path, {"Online/Genuine/001_1.HWR": trajectory((1, 2, 3))})
    site.load()
    with site.warehouse() as warehouse, warehouse.transaction() as connection:
        connection.exec_driver_sql(
            "UPDATE source_file SET path = '=1+1', state = 'rejected', reason = 'empty', detail = '@'"
        )

    exported(site, tmp_path / "out")

    assert (tmp_path / "out" / "rejections.csv").read_text().splitlines()[1] == '''"source_a","'=1+1","empty","'@"'''


def test_one_source_is_asked_for_and_one_that_is_not_there_is_refused(tmp_path: Path) -> None:
    site = site_a(tmp_path, FILES)
    site.load()
    with site.warehouse() as warehouse:
        points = NewXYZSignature(points=[(1.0, 2.0, 3.0)], sample="1")
        image = NewImageSignature(local_uri="scans/1.png", sample="1")
        warehouse.service().register_signatures([points, image], idempotence_key="signing %41: ü/1")

    exported(site, tmp_path / "one", source="signing %41: ü", images=True)
    exported(site, tmp_path / "all", images=True)

    assert {(row["source"], row["signee"], row["image"]) for row in rows(tmp_path / "one")} == {
        ("signing %41: ü", "1", None)
    }
    assert list(manifest(tmp_path / "one")["signatures"]) == ["signing %41: ü"]
    assert (tmp_path / "one" / "catalog.csv").read_text().splitlines()[0] == '"count","signing %41: ü"'
    frame = pq.read_table(tmp_path / "all" / "data").to_pandas()
    assert set(frame["source"]) == {"source_a", "signing %41: ü"}
    assert len(frame) == len(FILES) - 1 + 2
    with pytest.raises(SettingError, match="nothing of the source 'source_x'; there is signing %41: ü, source_a"):
        exported(site, tmp_path / "none", source="source_x")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda file: file.unlink(), "is gone since it was loaded; bring it back, or load again"),
        (lambda file: file.write_bytes(picture(99)), "is another file than the one that was loaded; load again"),
    ],
    ids=["gone", "changed"],
)
def test_an_image_that_is_gone_or_changed_fails_the_export_and_is_named(
    tmp_path: Path, change: Any, words: str
) -> None:
    site = site_a(tmp_path, FILES)
    site.load()
    exported(site, tmp_path / "out", images=True)
    before = contents(tmp_path / "out")
    change(site.root / "Offline/Genuine/003_01.PNG")

    with pytest.raises(DatasetError, match=rf"Offline/Genuine/003_01\.PNG {words}.*; or export without --images$"):
        exported(site, tmp_path / "out", images=True)

    assert contents(tmp_path / "out") == before
    assert {each.name for each in tmp_path.iterdir() if each.name.startswith("out")} == {"out", "out.lock"}
    exported(site, tmp_path / "out")


def test_an_image_that_is_not_valid_any_more_fails_the_export_and_is_named(tmp_path: Path) -> None:
    site = site_a(tmp_path, FILES)
    site.load()
    site.write({"Offline/Genuine/003_01.PNG": b"no picture"})
    site.load()
    (stale,) = site.stale()

    with pytest.raises(DatasetError, match=f"the picture of {stale} is not valid any more .* without --images"):
        exported(site, tmp_path / "out", images=True)

    exported(site, tmp_path / "out")
    assert [row["id"] for row in rows(tmp_path / "out") if row["stale"]] == [stale]


def test_what_was_exported_before_is_replaced_as_a_whole(tmp_path: Path) -> None:
    site = site_a(tmp_path, FILES)
    site.load()
    exported(site, tmp_path / "out", shares=THIRDS)
    site.write({"Online/Genuine/020_1.HWR": trajectory((1, 2, 3))})
    site.load()

    exported(site, tmp_path / "out", shares=Shares(1, 0, 0))
    exported(site, tmp_path / "anew", shares=Shares(1, 0, 0))

    assert contents(tmp_path / "out") == contents(tmp_path / "anew")


def test_it_is_replaced_where_the_system_cannot_exchange_folders(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "_exchange", lambda *_: False)
    exported(site, tmp_path / "out", seed="1")

    exported(site, tmp_path / "out", seed="2")

    assert manifest(tmp_path / "out")["splits"]["seed"] == "2"
    assert {each.name for each in tmp_path.iterdir()} == {"out", "out.lock"}


def others(folder: Path) -> Iterator[tuple[str, Path]]:
    """Things that are no export, made below the folder."""
    (folder / "file").write_text("mine")
    yield "file", folder / "file"
    (folder / "folder").mkdir()
    (folder / "folder" / "notes").write_text("mine")
    yield "'notes'", folder / "folder"
    (folder / "link").symlink_to(folder / "folder")
    yield "link", folder / "link"
    (folder / "other").mkdir()
    (folder / "other" / "manifest.json").write_text('{"format": "another", "files": []}')
    yield "'manifest.json'", folder / "other"
    yield "is no folder|holds", Path("/")


def test_what_is_no_export_is_refused_and_left_alone(site: Site, tmp_path: Path) -> None:
    for words, other in list(others(tmp_path)):
        before = contents(tmp_path)

        with pytest.raises(SettingError, match=f"({words}).*; move it away, or name another folder with --folder"):
            exported(site, other)

        assert contents(tmp_path) == before


def test_an_export_to_which_somebody_has_added_something_is_left_alone(site: Site, tmp_path: Path) -> None:
    exported(site, tmp_path / "out")
    (tmp_path / "out" / "data" / "notebook.ipynb").write_text("a week's work")

    with pytest.raises(SettingError, match=r"out holds 'data/notebook\.ipynb', which is of no export"):
        exported(site, tmp_path / "out")

    assert (tmp_path / "out" / "data" / "notebook.ipynb").read_text() == "a week's work"


def test_an_empty_folder_is_filled(site: Site, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()

    exported(site, tmp_path / "out")

    assert rows(tmp_path / "out")


def test_two_exports_to_one_folder_keep_each_other_out(site: Site, tmp_path: Path) -> None:
    with (
        only_one(str(tmp_path / "out.lock"), "an export"),
        pytest.raises(BusyError, match=r"an export to .*out is under way"),
    ):
        exported(site, tmp_path / "out")


KILLED = """
import os, signal, sys
from pathlib import Path
from sigid import folder as place
from sigid.export.export import Asked, export
from sigid.warehouse.warehouse import open_warehouse
url, datasets, folder, where = sys.argv[1:]
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
def show(done, total):
    if where == "half way" and done == total // 2:
        die()
if where == "before":
    place._put = die
if where == "after":
    place.shutil.rmtree = die
with open_warehouse(url) as warehouse:
    export(warehouse, Asked(folder=Path(folder), datasets=Path(datasets), seed="new"), show)
"""


@pytest.mark.parametrize(("where", "seed"), [("half way", "old"), ("before", "old"), ("after", "new")])
def test_a_kill_leaves_the_old_export_or_the_new_one(tmp_path: Path, where: str, seed: str) -> None:
    site = site_a(tmp_path, FILES)
    site.load()
    exported(site, tmp_path / "out", seed="old")
    arguments = (site.settings.warehouse, str(site.settings.datasets), str(tmp_path / "out"), where)

    killed = subprocess.run([sys.executable, "-c", KILLED, *arguments], cwd=PROJECT, check=False)
    found, beside = manifest(tmp_path / "out"), [each.name for each in tmp_path.glob("out.*.new")]
    exported(site, tmp_path / "out", seed="old")

    assert killed.returncode == -signal.SIGKILL
    assert found["splits"]["seed"] == seed
    for each in found["files"]:
        assert each["sha256"]
    assert len(beside) == 1
    assert not list(tmp_path.glob("out.*.new"))
    assert manifest(tmp_path / "out")["splits"]["seed"] == "old"


@pytest.mark.usefixtures("on_every_database")
def test_what_is_loaded_meanwhile_is_not_in_it(tmp_path: Path) -> None:
    site = site_a(tmp_path, FILES)
    site.load()
    digest = site.digest()

    def load_more(done: int, total: int) -> None:
        if done == 1 < total:
            site.write({"Online/Genuine/030_1.HWR": trajectory((1, 2, 3)), "Online/Genuine/031_1.HWR": b"nothing"})
            site.load()

    with site.warehouse() as warehouse:
        export(warehouse, asked(site, tmp_path / "out"), load_more)

    assert manifest(tmp_path / "out")["warehouse"]["digest"] == digest != site.digest()
    assert len(rows(tmp_path / "out")) == len(FILES) - 1
    assert "031_1" not in (tmp_path / "out" / "rejections.csv").read_text()


def test_without_pyarrow_it_says_what_to_install(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(selection, "import_module", missing)

    with pytest.raises(SettingError, match=r"this needs pyarrow, which is not installed: pip install 'sigid\[arrow\]'"):
        exported(site, tmp_path / "out")
    assert not list(tmp_path.iterdir())


# Pseudonyms


def pseudonymised(site: Site, folder: Path, **more: Any) -> list[dict[str, Any]]:
    exported(site, folder, pseudonymise=True, **more)
    return rows(folder)


def test_pseudonyms_tell_no_name_number_path_or_hash(site: Site, tmp_path: Path) -> None:
    pseudonymised(site, tmp_path / "out", images=True)

    everything = b"\n".join(contents(tmp_path / "out").values())
    columns = [file.read_bytes() for file in (tmp_path / "out").rglob("*.parquet")]
    plain = json.dumps([{**row, "image": None} for row in rows(tmp_path / "out")]).encode()
    for each in held(site):
        for secret in (each.id, each.signee_id, each.forger_id, each.parent_id, each.content_hash):
            assert secret is None or secret.encode() not in everything + plain
    for secret in (*site.ids(), "Genuine", "Forgeries", "genuine/", FORMULA, site.digest(), "canary"):
        assert secret.encode() not in everything + plain, secret
    assert columns
    assert {"path", "content_hash"}.isdisjoint(rows(tmp_path / "out")[0])


def test_pseudonyms_keep_who_belongs_together(site: Site, tmp_path: Path) -> None:
    found = pseudonymised(site, tmp_path / "out")

    key = ("modality", "authenticity", "kind", "point_count")
    for persons in ("signee_id", "forger_id"):
        by_person: dict[Any, list[Any]] = {}
        expected: dict[Any, list[Any]] = {}
        for row in found:
            by_person.setdefault(row[persons], []).append(tuple(row[name] for name in key))
        for each in held(site):
            points = len(each.points) if isinstance(each, XYZSignature) else None
            facts = (each.modality.value, each.authenticity.value, each.kind, points)
            expected.setdefault(getattr(each, persons), []).append(facts)
        assert sorted(map(sorted, by_person.values()), key=repr) == sorted(map(sorted, expected.values()), key=repr)
    assert len({row["id"] for row in found}) == len(found)
    assert [row["forger"] is None for row in found] == [row["authenticity"] == "genuine" for row in found]


def test_equal_numbers_of_two_people_have_two_pseudonyms(site: Site, tmp_path: Path) -> None:
    found = pseudonymised(site, tmp_path / "out")

    assert len({row["signee"] for row in found}) == len({row["signee_id"] for row in found}) == 16
    assert len({row["sample"] for row in found}) == len(found)


def test_a_parent_is_found_under_its_pseudonym(tmp_path: Path) -> None:
    site = site_b(tmp_path)
    site.load()

    found = pseudonymised(site, tmp_path / "out")

    parents = {row["parent_id"] for row in found} - {None}
    assert len(parents) == 3
    assert parents <= {row["id"] for row in found}


def test_the_order_of_pseudonyms_tells_nothing_of_the_original_one(site: Site, tmp_path: Path) -> None:
    found = pseudonymised(site, tmp_path / "out", shares=Shares(1, 0, 0))

    for modality in ("offline", "online"):
        order = [(row["signee_id"], row["id"]) for row in found if row["modality"] == modality]
        assert order == sorted(order)


def test_splits_stay_where_they_are_under_pseudonyms(site: Site, tmp_path: Path) -> None:
    found = pseudonymised(site, tmp_path / "out")
    exported(site, tmp_path / "plain")

    points = {bits([row[axis] for axis in "xyz"]): row["split"] for row in rows(tmp_path / "plain") if row["x"]}
    assert {bits([row[axis] for axis in "xyz"]): row["split"] for row in found if row["x"]} == points
    assert manifest(tmp_path / "out")["signatures"] == manifest(tmp_path / "plain")["signatures"]


def test_each_export_has_pseudonyms_of_its_own_unless_the_key_is_kept(site: Site, tmp_path: Path) -> None:
    key_file = tmp_path / "keys" / "key"

    exported(site, tmp_path / "one", pseudonymise=True)
    exported(site, tmp_path / "two", pseudonymise=True)
    exported(site, tmp_path / "kept", pseudonymise=True, key_file=key_file, images=True)
    exported(site, tmp_path / "again", pseudonymise=True, key_file=key_file, images=True)

    names = [{row["signee_id"] for row in rows(tmp_path / name)} for name in ("one", "two", "kept")]
    assert len(set.union(*names)) == 3 * 16
    assert contents(tmp_path / "kept") == contents(tmp_path / "again")
    assert key_file.read_bytes().strip() not in b"".join(contents(tmp_path / "kept").values())


def test_a_key_that_would_be_given_away_or_is_none_is_refused(site: Site, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("password")

    with pytest.raises(SettingError, match="key holds no key of an export"):
        exported(site, tmp_path / "out", pseudonymise=True, key_file=tmp_path / "key")
    with pytest.raises(SettingError, match="would be given away with the export"):
        asked(site, tmp_path / "out", pseudonymise=True, key_file=tmp_path / "out" / "key")
    with pytest.raises(SettingError, match="none are asked for; add --pseudonymise"):
        asked(site, tmp_path / "out", key_file=tmp_path / "key")
    assert (tmp_path / "key").read_text() == "password"


def test_pictures_under_pseudonyms_look_the_same_and_say_nothing_else(site: Site, tmp_path: Path) -> None:
    found = pseudonymised(site, tmp_path / "out", images=True)

    images = [row["image"] for row in found if row["image"]]
    assert {image["path"] for image in images} == {None}
    shown = sorted(Image.open(BytesIO(image["bytes"])).convert("RGB").tobytes() for image in images)
    expected = (Image.open(BytesIO(content)).convert("RGB").tobytes() for content in pictures(site).values())
    assert shown == sorted(expected)
    assert not any(b"canary" in image["bytes"] for image in images)


def test_rejections_are_only_counted_under_pseudonyms(site: Site, tmp_path: Path) -> None:
    pseudonymised(site, tmp_path / "out")

    text = (tmp_path / "out" / "rejections.csv").read_text()
    assert text == '"source","reason","files"\n"source_a","name_not_understood",1\n'


def test_nothing_of_the_sorting_is_left(site: Site, tmp_path: Path) -> None:
    exported(site, tmp_path / "out", pseudonymise=True)

    assert "order" not in contents(tmp_path / "out")


def test_the_samples_of_the_assignment_are_exported(tmp_path: Path) -> None:
    site = site_a(tmp_path, SAMPLE_A)
    site.load()

    exported(site, tmp_path / "out", images=True)

    assert len(rows(tmp_path / "out")) == len(held(site))
    assert {row["image"] and row["image"]["bytes"] for row in rows(tmp_path / "out")} == {None}
