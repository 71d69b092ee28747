"""Take signatures away from the warehouse, as files that other tools read."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sigid.errors import DatasetError, SettingError
from sigid.export.pseudonyms import Pseudonyms
from sigid.export.shuffle import Named, sorted_by_key
from sigid.export.split import DEFAULT_SHARES, Shares, Splits
from sigid.folder import WholeFolder
from sigid.pipeline.images import file_bytes
from sigid.private import write_whole
from sigid.report import catalog, sheet
from sigid.report.progress import Show
from sigid.sources.formats.png import only_picture
from sigid.version import VERSION
from sigid.warehouse.records import SCHEMA_VERSION
from sigid.warehouse.selection import Selection, imported
from sigid.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    from sigid.export.parquet import Part, Written
    from sigid.export.table import Item

_FORMAT_VERSION = 1
_IDS_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be exported, and where to. Raises SettingError for what contradicts itself."""

    folder: Path
    datasets: Path
    """The folder of the sources' folders, which the images are read from."""
    source: str | None = None
    """None asks for all sources."""
    images: bool = False
    pseudonymise: bool = False
    key_file: Path | None = None
    """Where the key of the pseudonyms is kept; None throws it away."""
    seed: str = "0"
    shares: Shares = DEFAULT_SHARES

    def __post_init__(self) -> None:
        for name in ("folder", "key_file"):
            if path := getattr(self, name):
                object.__setattr__(self, name, Path(os.path.abspath(path)))
        if self.key_file and not self.pseudonymise:
            raise SettingError("--key-file names the key of pseudonyms, and none are asked for; add --pseudonymise")
        if self.key_file and self.key_file.is_relative_to(self.folder):
            raise SettingError(f"{self.key_file} would be given away with the export; keep the key somewhere else")


@dataclass(frozen=True)
class Exported:
    """What was written."""

    counts: Mapping[Part, int]
    files: Sequence[Written]


def export(warehouse: Warehouse, asked: Asked, show: Show) -> Exported:
    """Write what is asked for, as of one state of the warehouse, and put it whole into its folder.

    The same content gives the same bytes, whatever its history; pseudonyms are the same under the same key. Raises
    SettingError where pyarrow is missing, the source is not there or something else stands in the folder, and
    DatasetError for an image that cannot be given out.
    """
    imported("pyarrow", "arrow")
    place = WholeFolder(asked.folder, "export")
    with place.written_whole() as aside, warehouse.at_one_state():
        exporting = _Export(warehouse, asked, aside)
        exported = exporting.write(show)
        place.write_manifest(aside, exporting.manifest(exported.files))
        return exported


class _Export:
    def __init__(self, warehouse: Warehouse, asked: Asked, folder: Path) -> None:
        from sigid.export.parquet import Partitioned
        from sigid.export.table import Columns

        self._warehouse = warehouse
        self._asked = asked
        self._folder = folder
        self._pseudonyms = _pseudonyms(asked)
        self._parts = Partitioned(folder, Columns(images=asked.images, pseudonyms=self._pseudonyms))
        self._catalog = _of_source(asked.source, warehouse.catalog())

    def write(self, show: Show) -> Exported:
        self._write_signatures(show)
        tables = (("catalog.csv", *self._counts()), ("rejections.csv", *self._rejections()))
        files = [*self._parts.files, *(_write_table(self._folder, *table) for table in tables)]
        files.sort()
        return Exported(self._parts.counts, files)

    def _write_signatures(self, show: Show) -> None:
        splits = Splits(self._asked.seed, self._asked.shares)
        selection = self._warehouse.signatures(source=self._asked.source)
        total = selection.count()
        items = self._shuffled(selection, self._pseudonyms) if self._pseudonyms else self._in_order(selection)
        try:
            for done, item in enumerate(items, 1):
                self._parts.add(item, splits.of(item.row.signee_id))
                show(done, total)
            self._parts.close()
        finally:
            self._parts.abandon()

    def _in_order(self, selection: Selection) -> Iterator[Item]:
        return (self._item(row, row.path) for row in selection.rows())

    def _shuffled(self, selection: Selection, pseudonyms: Pseudonyms) -> Iterator[Item]:
        """The signatures of each source by their signees' pseudonyms, and then by their own."""

        def key(row: Any) -> str:
            return "\x1f".join((row.source, pseudonyms.of("signee", row.signee_id), pseudonyms.of("signature", row.id)))

        keyed = ((key(row), Named(row.id, row.path)) for row in selection.names())
        with closing(sorted_by_key(keyed, self._folder / "order")) as named:
            while some := list(islice(named, _IDS_AT_ONCE)):
                rows = selection.rows_of([each.id for each in some])
                yield from (self._item(row, each.path) for row, each in zip(rows, some, strict=True))

    def _item(self, row: Any, path: str | None) -> Item:
        from sigid.export.table import Item

        return Item(row, path, self._picture(row, path) if self._asked.images else None)

    def _picture(self, row: Any, path: str | None) -> bytes | None:
        """The file of a picture; None of a placeholder, and of what was registered without a file of a source."""
        if row.kind != "image" or row.blank:
            return None
        if row.stale:
            raise DatasetError(
                f"the picture of {row.id} is not valid any more (see doit rejects): mend or remove its file and load, "
                "or export without --images"
            )
        if path is None:
            return None
        try:
            content = file_bytes(row.source, path, row.content_hash, self._asked.datasets)
        except DatasetError as error:
            raise DatasetError(f"{error}; or export without --images") from error
        return only_picture(content) if self._pseudonyms else content

    def _counts(self) -> tuple[Sequence[str], Iterable[Sequence[sheet.Cell]]]:
        """The catalogue without those retired, which are of its history."""
        found = catalog.rows(self._catalog)
        rows: Iterator[Sequence[sheet.Cell]] = ((name, *counts) for name, counts in found if name != "retired")
        return ("count", *self._catalog), rows

    def _rejections(self) -> tuple[Sequence[str], Iterable[Sequence[sheet.Cell]]]:
        """The rejections; where names are not to be told, how many there are of each reason."""
        if self._pseudonyms:
            found = ((source, counts["rejected_by_reason"]) for source, counts in self._catalog.items())
            each = ((source, reason, files) for source, reasons in found for reason, files in reasons.items())
            return ("source", "reason", "files"), each
        rejections = self._warehouse.rejections(self._asked.source)
        rows = ((each.source, each.path, each.reason.value, each.detail) for each in rejections)
        return ("source", "path", "reason", "detail"), rows

    def manifest(self, files: Sequence[Written]) -> dict[str, Any]:
        """What was exported, and from what, for an experiment to name."""
        asked = self._asked
        return {
            "format_version": _FORMAT_VERSION,
            "warehouse": {"digest": self._digest(), "schema_version": SCHEMA_VERSION},
            "written_by": {"sigid": VERSION, "pyarrow": imported("pyarrow", "arrow").__version__},
            "asked": {"source": asked.source, "images": asked.images, "pseudonymise": asked.pseudonymise},
            "splits": {"by": "signee", "seed": asked.seed, "shares": asked.shares._asdict()},
            "signatures": _nested(self._parts.counts),
            "files": [{name: value for name, value in each._asdict().items() if value is not None} for each in files],
        }

    def _digest(self) -> str:
        """The warehouse's; of pseudonyms, one of their own: two digests could tell what came between them."""
        digest = self._warehouse.digest()
        return self._pseudonyms.of("digest", digest) if self._pseudonyms else digest


def _pseudonyms(asked: Asked) -> Pseudonyms | None:
    if not asked.pseudonymise:
        return None
    return Pseudonyms.kept_in(asked.key_file) if asked.key_file else Pseudonyms()


def _of_source(source: str | None, counts: Mapping[str, Any]) -> Mapping[str, Any]:
    """The catalogue of what is asked for. Raises SettingError where that is a source of which nothing is known."""
    if source is None:
        return counts
    if source not in counts:
        there = ", ".join(counts) or "nothing at all"
        raise SettingError(f"the warehouse holds nothing of the source {source!r}; there is {there}")
    return {source: counts[source]}


def _nested(counts: Counter[Part]) -> dict[str, dict[str, dict[str, int]]]:
    nested: dict[str, dict[str, dict[str, int]]] = {}
    for part in sorted(counts):
        nested.setdefault(part.source, {}).setdefault(part.modality, {})[part.split] = counts[part]
    return nested


def _write_table(folder: Path, path: str, header: Sequence[str], rows: Iterable[Sequence[sheet.Cell]]) -> Written:
    from sigid.export.parquet import written

    write_whole(str(folder / path), (line.encode() for line in sheet.lines(header, rows)))
    return written(folder, path)
