"""Miniature datasets, made file by file, and the loads of them: what the tests of the pipeline share."""

from __future__ import annotations

import encodings.idna  # noqa: F401  # before `ordinary_user`, who may have no right to read the modules of Python
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar

import pytest
import xxhash
from PIL import Image
from sqlalchemy import select

import sigid.warehouse.sqlite  # noqa: F401  # before `ordinary_user`, who may have no right to read our modules
from sigid.errors import Reason
from sigid.identity import Modality, PersonKey
from sigid.pipeline import load as load_module
from sigid.pipeline import study
from sigid.pipeline.current import is_current
from sigid.pipeline.listing import Listing
from sigid.pipeline.load import Loaded, Options, load
from sigid.pipeline.plan import Planned, plan
from sigid.pipeline.scan import clock, scan
from sigid.pipeline.stored import read_summary, stored_folders
from sigid.pipeline.verify import Sample, Verification
from sigid.pipeline.workplace import Workplace
from sigid.settings import Settings
from sigid.sources.base import EVERY_FOLDER, Claim, NamedByConvention, Source
from sigid.sources.formats import Format
from sigid.sources.source_a import SourceA
from sigid.sources.source_b import SourceB
from sigid.warehouse.finding import Finding, Mark
from sigid.warehouse.ledger import FileLine, Ledger, State
from sigid.warehouse.schema import signee, source_file
from sigid.warehouse.warehouse import Warehouse, open_warehouse
from tests.databases import Databases, SqliteFiles

NOBODY = 65534


def trajectory(*points: tuple[float, float, float]) -> bytes:
    """A file of that pen trajectory."""
    return b"".join(b"%g,%g,%g\n" % point for point in points)


def picture(shade: int = 0, width: int = 3, height: int = 2) -> bytes:
    """A file of a picture in one shade of grey."""
    file = BytesIO()
    Image.new("L", (width, height), shade).save(file, "PNG")
    return file.getvalue()


class Anything(NamedByConvention):
    """Any file below any folder is the only signature of a person of its own."""

    name = "anything"
    directory = "ANYTHING"
    folders: tuple[str, ...] = (EVERY_FOLDER,)
    accepts_blank = True

    def claim(self, path: str) -> Claim:
        return Claim(
            Format.HWR, Modality.ONLINE, PersonKey(self.name, "", xxhash.xxh3_64_hexdigest(path.encode())), "1"
        )


THREE_POINTS = b"1,2.0,3\n4.0,5,6\n7,8,9.0"

SAMPLE_A: dict[str, bytes] = {
    **dict.fromkeys((f"Offline/Forgeries/{name}_01.png" for name in ("0105004", "0201001")), b""),
    **dict.fromkeys((f"Offline/Forgeries/{name}_02.png" for name in ("0103004", "0210015")), b""),
    **dict.fromkeys((f"Offline/Forgeries/{name}_03.png" for name in ("0105004", "0106015", "0119001", "0213015")), b""),
    **dict.fromkeys((f"Offline/Genuine/{signee}_0{n}.PNG" for signee in ("001", "004", "015") for n in (1, 2, 3)), b""),
    **dict.fromkeys((f"Online/Forgeries/0120001_{n}.HWR" for n in (1, 2, 3)), THREE_POINTS),
    **dict.fromkeys((f"Online/Forgeries/{name}.HWR" for name in ("0123004_2", "0128009_2", "0130001_1")), THREE_POINTS),
    **dict.fromkeys((f"Online/Genuine/{name}.HWR" for name in ("001_1", "004_1", "004_7", "009_2")), THREE_POINTS),
    **dict.fromkeys((f"Online/Genuine/010_{n}.HWR" for n in (5, 6, 8)), THREE_POINTS),
    "Online/Forgeries/0120001_1.HWR": b"1,2.0,3\n.0,5,6\n7,8,9.0",
    "Online/Forgeries/0123004_1.HWR": b"1,2.0,3\n4.0,5\n7,8,9.0",
    "Online/Genuine/001_2.HWR": b"",
    "Online/Genuine/004_4.HWR": b"1,2.0,3\n4.0,5,6\n7,8",
    "Online/Genuine/010_7.HWR": b"1,2.0,3\n4.0,5,6\n7,8,9.0,",
}
"""SOURCE_A as the assignment gives it: the same names, and the same contents."""


def uuid(number: int) -> str:
    """A signature's id; each number's has its own file."""
    return f"{number:08x}-0000-4000-8000-{number:012x}"


def file_of(id_: str) -> str:
    """Where SOURCE_B has the picture of that id."""
    return f"{id_[0]}/{id_[:8]}"


def index(parents: Mapping[str, str]) -> bytes:
    """SOURCE_B's INDEX of these ids with their parents, "" for none."""
    return "\n".join([str(len(parents)), *(f"{id_}    {parent}" for id_, parent in parents.items()), ""]).encode()


PARENTS_B = {
    "ba75333d-2b9b-4264-86f4-1f6c75bff004": "18b406ee-43c9-4336-b5b8-b3265df6a32b",
    "18b406ee-43c9-4336-b5b8-b3265df6a32b": "",
    "1f4c697e-729c-4e3a-a695-736f1bb42ef9": "",
    "7d0d51a3-cf59-4d5e-a2c9-48e68c0d6051": "800c3cda-078e-4bb4-a6ff-07eb433c594a",
    "800c3cda-078e-4bb4-a6ff-07eb433c594a": "",
    "8e13e034-4aa9-4c2e-a3f0-c846d8626ce9": "1f4c697e-729c-4e3a-a695-736f1bb42ef9",
    "3b13f6c1-6f83-4e59-90ef-90b9125130f0": "",
}

SAMPLE_B: dict[str, bytes] = {"INDEX": index(PARENTS_B), **dict.fromkeys(map(file_of, PARENTS_B), b"")}
"""SOURCE_B as the assignment gives it."""


def in_silence(_work: str) -> AbstractContextManager[Callable[[int, int], None]]:
    """Shows no progress."""
    return nullcontext(lambda _done, _total: None)


class Site:
    """The files of one source, with the build folder and the warehouse that they are loaded into."""

    databases: ClassVar[Databases] = SqliteFiles()
    """The kind of database that warehouses are in."""

    def __init__(self, folder: Path, source: Source | None = None) -> None:
        self.source = source or SourceA()
        self.folder = folder
        self.settings = Settings(
            warehouse=self.databases.url(folder / "warehouse"),
            datasets=folder / "datasets",
            build=folder / "build",
            workers=1,
            cluster="",
        )

    @property
    def root(self) -> Path:
        """Where the files are."""
        return Workplace.of(self.source, self.settings).root

    @property
    def cache(self) -> Path:
        """What a scan and a load keep of them."""
        return self.settings.build / self.source.name

    @property
    def manifest(self) -> bytes:
        return Workplace.of(self.source, self.settings).manifest.read_bytes()

    @property
    def listing(self) -> Listing:
        """The stored listing."""
        listing = stored_listing(str(Workplace.of(self.source, self.settings).listing))
        assert listing is not None
        return listing

    def using(self, **settings: Any) -> Site:
        """The same site with other settings."""
        self.settings = replace(self.settings, **settings)
        return self

    def afresh(self) -> Site:
        """The same files, before a build folder and a warehouse that are not there yet."""
        other = Site(Path(tempfile.mkdtemp(prefix="afresh-", dir=self.folder)), self.source)
        return other.using(datasets=self.settings.datasets)

    def write(self, files: Mapping[str, bytes]) -> Site:
        """Write the files in place, as an editor does that keeps a file's inode."""
        for path, content in files.items():
            file = self.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        return self

    def remove(self, *paths: str) -> None:
        for path in paths:
            (self.root / path).unlink()

    def rename(self, old: str, new: str) -> None:
        (self.root / old).rename(self.root / new)

    def forget(self) -> None:
        """Remove everything from the build folder."""
        shutil.rmtree(self.settings.build, ignore_errors=True)

    def scan(self) -> Listing | None:
        return scan(self.source, self.settings)

    def load(self, **options: bool) -> Loaded:
        """Scan, then load, whatever the scan says."""
        found = scan(self.source, self.settings, ahead_of_load=True)
        return load(self.source, self.settings, Options(**options), found=found)

    def counts(self, **options: bool) -> dict[str, int]:
        """What a load did, without what it did not do. There must be no problem."""
        loaded = self.load(**options)
        assert loaded.problem is None
        return {name: count for name in loaded.counts._fields if (count := getattr(loaded.counts, name))}

    def plan(self) -> list[Planned]:
        return list(plan(self.source, self.settings))

    def verify(self, sample: Sample | None = None) -> list[Finding]:
        """What a verification finds."""
        verification = Verification(self.settings, [self.source], sample)
        return list(verification.findings(in_silence))

    def wrong(self) -> list[str]:
        """What it finds wrong: culprits, what is wrong with them, and the way out."""
        found = self.verify()
        return [f"{each.culprit}: {each.what}; {each.way_out}" for each in found if each.mark is Mark.WRONG]

    def is_current(self) -> bool:
        """Whether a scan finds that the warehouse holds what there is, so that no load is needed."""
        self.scan()
        return is_current(self.source, self.settings)

    @contextmanager
    def warehouse(self) -> Iterator[Warehouse]:
        with open_warehouse(self.settings.warehouse) as warehouse:
            yield warehouse

    def clean_digest(self) -> str:
        """The digest of one load of the files, as they are now, into a new warehouse."""
        clean = self.afresh()
        clean.load(allow_removals=True)
        return clean.digest()

    def execute(self, *statements: str) -> list[Any]:
        """What the database itself answers to the last of the statements, which say what they like to it."""
        return self.databases.execute(self.settings.warehouse, *statements)

    def written(self) -> object:
        """Something that is equal as long as nothing is written into the warehouse."""
        return self.databases.snapshot(self.settings.warehouse)

    def digest(self) -> str:
        with self.warehouse() as warehouse:
            return warehouse.digest()

    def catalog(self) -> dict[str, Any]:
        """The source's numbers, without those that are 0."""
        with self.warehouse() as warehouse:
            return {name: count for name, count in warehouse.catalog()[self.source.name].items() if count}

    def rejections(self) -> dict[str, Reason]:
        with self.warehouse() as warehouse:
            return {rejection.path: rejection.reason for rejection in warehouse.rejections()}

    def details(self) -> dict[str, str]:
        """What the rejections say besides their reasons."""
        with self.warehouse() as warehouse:
            return {rejection.path: rejection.detail for rejection in warehouse.rejections()}

    def ids(self) -> dict[str, str]:
        """The signatures that files have become, by path."""
        with self.warehouse() as warehouse, warehouse.reading() as connection:
            loaded = source_file.c.state == State.LOADED
            return {row.path: row.signature_id for row in connection.execute(select(source_file).where(loaded))}

    def signees(self) -> dict[str, str]:
        """The ids of the signees, by their numbers; those of one collection, if several share them."""
        with self.warehouse() as warehouse, warehouse.reading() as connection:
            return {row.external_id: row.id for row in connection.execute(select(signee))}

    def live(self) -> set[str]:
        """The ids of the signatures that are not retired."""
        with self.warehouse() as warehouse:
            return {signature.id for signature in warehouse.signatures()}

    def stale(self) -> set[str]:
        """The ids of the signatures whose files have since turned invalid."""
        with self.warehouse() as warehouse:
            return {signature.id for signature in warehouse.signatures() if signature.stale}


def site_a(folder: Path, files: Mapping[str, bytes] = SAMPLE_A) -> Site:
    """SOURCE_A with these files."""
    return Site(folder).write(files)


def trajectories(numbers: Iterable[int]) -> dict[str, bytes]:
    """Files of the online signees of these numbers, each with a trajectory of his own."""
    return {f"Online/Genuine/{n:04}_1.HWR": trajectory((n, n, n)) for n in numbers}


def site_b(folder: Path, files: Mapping[str, bytes] = SAMPLE_B) -> Site:
    """SOURCE_B with these files."""
    return Site(folder, SourceB()).write(files)


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Everything below a folder: modes, and the contents of files."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
    }


def later(monkeypatch: pytest.MonkeyPatch, seconds: float = 10) -> None:
    """Have loads take place when the files' last changes lie that far back."""
    monkeypatch.setattr(load_module, "clock", lambda place: clock(place) + int(seconds * 1e9))


def in_batches_of(files: int, put: Callable[[Any, str, int], None] = setattr) -> None:
    """Have loads read, and commit, so many files at a time. `put` is a test's ``monkeypatch.setattr``."""
    put(study, "BATCH_FILES", files)
    put(load_module, "TRANSACTION_FILES", files)


@contextmanager
def ordinary_user() -> Iterator[Path]:
    """A folder of somebody for whom the permissions of files hold, and who we are meanwhile: root is above them."""
    if os.geteuid():
        with tempfile.TemporaryDirectory(prefix="sigid-") as folder:
            yield Path(folder)
        return
    with tempfile.TemporaryDirectory(prefix="sigid-", dir="/tmp") as folder:  # into ours nobody gets
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        try:
            yield Path(folder)
        finally:
            os.seteuid(0)


def stored_listing(path: str) -> Listing | None:
    """The folders of a stored listing; None where there is none that can be trusted as a whole."""
    listing = Listing(list(stored_folders(path)))
    summary = read_summary(path)
    return listing if summary and summary.files == len(listing) else None


def enter(warehouse: Warehouse, source: str, lines: list[FileLine], started: datetime) -> None:
    """Enter the lines in the source's ledger, as a load that began then does."""
    with warehouse.writing() as session:
        Ledger(session, source).write(lines, started)
