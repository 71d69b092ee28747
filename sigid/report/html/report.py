"""Write the report: pages that a browser opens as they lie there, without a server, a network or a script."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from sigid.errors import NotKnown, SettingError
from sigid.folder import WholeFolder
from sigid.identity import Authenticity
from sigid.report import catalog
from sigid.report.html.notice import WRONG, Notice, notices
from sigid.report.html.pages import Pages
from sigid.report.html.source import Doubt, Sheet, SourceFacts, in_order, sources_of
from sigid.report.html.tile import ReadPicture, Tile, tile_of
from sigid.report.progress import Show
from sigid.warehouse.rows import signature_entity
from sigid.warehouse.survey import SigneeCounts, Survey
from sigid.warehouse.warehouse import Warehouse

_FORMAT_VERSION = 1
_SIGNATURES_A_SHEET = 12
"""Genuine ones, and as many forged ones, of a signee who is one of a sample."""
_SIGNATURES_A_PAGE = 60
"""Genuine ones, and as many forged ones."""
_SHEETS_A_PAGE = 48


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be reported, and where to. Raises SettingError for what cannot be."""

    folder: Path
    sheets: int = 50
    """The contact sheets of so many signees of each source are drawn."""
    signee: str | None = None
    """His contact sheet instead, by his id, number or key, with all of his signatures."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(os.path.abspath(self.folder)))
        if self.sheets < 0:
            raise SettingError(f"--sheets={self.sheets} is no number of contact sheets; say 0 or more")

    @property
    def is_name(self) -> bool:
        """Whether the signee's name is text that anybody can have: what a shell passes on may be any bytes."""
        return self.signee is not None and self.signee.isprintable()


class Reported(NamedTuple):
    """What was written."""

    pages: int
    sheets: int
    wrong: int
    """So many things that are wrong are named on the first page."""


def report(warehouse: Warehouse, asked: Asked, read: ReadPicture, show: Show) -> Reported:
    """Write the report of one state of the warehouse, and put it whole into its folder.

    All counts are of all that is there; contact sheets are of a sample. `read` gives the file of a picture. Raises
    NotKnown for a signee who is not there, SettingError where something else stands in the folder, and BusyError where
    another process reports to it.
    """
    place = WholeFolder(asked.folder, "report")
    with place.written_whole() as aside, warehouse.at_one_state():
        pages = Pages(aside, datetime.now(UTC))
        written = _Report(warehouse, asked, read, pages).write(show)
        files = [{"path": page} for page in pages.written]
        place.write_manifest(aside, {"format_version": _FORMAT_VERSION, "files": files})
    return written


class _Chosen(NamedTuple):
    """A signee whose sheet is drawn, and the ids of what is on it."""

    source: SourceFacts
    signee: SigneeCounts
    genuine: list[str]
    forged: list[str]


class _Report:
    def __init__(self, warehouse: Warehouse, asked: Asked, read: ReadPicture, pages: Pages) -> None:
        self._warehouse = warehouse
        self._survey = Survey(warehouse)
        self._asked = asked
        self._read = read
        self._pages = pages
        self._paths: dict[str, str] = {}

    def write(self, show: Show) -> Reported:
        named = self._named()  # who is not there is told before anything is counted
        sources = sources_of(self._warehouse, 0 if named else self._asked.sheets)
        self._pages.share(sources=sources, asked=self._asked)
        self._draw(list(self._chosen(sources, named)), show)
        found: list[Notice] = []
        for source in sources:
            self._write_sheets(source)
            of_source = notices(source)
            self._pages.write(source.page, "source.html", source=source, notices=of_source)
            found += of_source
        found.sort(key=lambda notice: notice.level != WRONG)
        self._pages.write(
            "index.html",
            "index.html",
            notices=found,
            total=sum(source.counts["signatures"] for source in sources),
            rows=list(catalog.rows({source.name: source.counts for source in sources})),
        )
        wrong = sum(notice.level == WRONG for notice in found)
        return Reported(len(self._pages.written), sum(len(source.sheets) for source in sources), wrong)

    def _named(self) -> list[SigneeCounts]:
        """The signees of the name that was asked for, if one was."""
        name = self._asked.signee
        if name is None:
            return []
        found = sorted(self._survey.signees(name), key=in_order) if self._asked.is_name else []
        if not found:
            raise NotKnown(
                f"no signature is under the name of a signee {name!r}; name an id, a number, or a key "
                "such as source_a/online/genuine/1"
            )
        return found

    def _chosen(self, sources: Sequence[SourceFacts], named: Sequence[SigneeCounts]) -> Iterator[_Chosen]:
        """Those who were named; without any, a sample of each source."""
        limit = None if named else _SIGNATURES_A_SHEET
        sample = (signee for source in sources for signee in sorted(source.spread.chosen.kept, key=in_order))
        by_name = {source.name: source for source in sources}
        for signee in named or sample:
            ids = (self._survey.signatures_of(signee.id, each, limit) for each in Authenticity)
            yield _Chosen(by_name[signee.source], signee, *ids)

    def _draw(self, chosen: Sequence[_Chosen], show: Show) -> None:
        ids = [id_ for each in chosen for id_ in (*each.genuine, *each.forged)]
        self._paths = self._survey.paths(ids)
        done = 0
        for number, each in enumerate(chosen, 1):
            self._write_sheet(each, f"signee-{number}")
            done += len(each.genuine) + len(each.forged)
            show(done, len(ids))

    def _write_sheet(self, chosen: _Chosen, name: str) -> None:
        """Write a signee's pages; keep a signature of each kind, and what is odd."""

        def part_name(part: int) -> str:
            return f"{name}.html" if part == 1 else f"{name}-{part}.html"

        signee, source = chosen.signee, chosen.source
        longest = max(len(chosen.genuine), len(chosen.forged))
        parts = range(1, max(1, -(-longest // _SIGNATURES_A_PAGE)) + 1)
        first: list[Tile | None] = [None, None]
        doubts: list[Doubt] = []
        for part in parts:
            here = slice((part - 1) * _SIGNATURES_A_PAGE, part * _SIGNATURES_A_PAGE)
            tiles = [self._tiles(ids[here]) for ids in (chosen.genuine, chosen.forged)]
            first = [kept or _to_know_by(some) for kept, some in zip(first, tiles, strict=True)]
            doubts += (
                Doubt(part_name(part), signee.name, tile.title, tile.path, tile.doubt)
                for tile in (*tiles[0], *tiles[1])
                if tile.doubt
            )
            self._pages.write(
                part_name(part),
                "signee.html",
                source=source,
                signee=signee,
                genuine=tiles[0],
                forged=tiles[1],
                shown=len(chosen.genuine) + len(chosen.forged),
                part=part,
                part_count=len(parts),
                part_name=part_name,
            )
        genuine, forged = first
        source.sheets.append(Sheet(signee, part_name(1), genuine, forged, len(doubts)))
        source.doubts += doubts

    def _tiles(self, ids: Sequence[str]) -> list[Tile]:
        entities = map(signature_entity, self._warehouse.signatures().rows_of(ids))
        return [tile_of(each, self._paths.get(each.id), self._read) for each in entities]

    def _write_sheets(self, source: SourceFacts) -> None:
        count = -(-len(source.sheets) // _SHEETS_A_PAGE)
        for part in range(1, count + 1):
            self._pages.write(
                source.sheets_part(part),
                "sheets.html",
                source=source,
                sheets=source.sheets[(part - 1) * _SHEETS_A_PAGE : part * _SHEETS_A_PAGE],
                part=part,
                part_count=count,
                part_name=source.sheets_part,
            )


def _to_know_by(tiles: Sequence[Tile]) -> Tile | None:
    """The first one that can be seen; else the first."""
    return next((tile for tile in tiles if not tile.nothing), tiles[0] if tiles else None)
