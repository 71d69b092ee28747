"""What the pages tell of one source."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar

from sigid.errors import Reason
from sigid.report.html.chart import Histogram, histogram
from sigid.report.html.distribution import Distribution
from sigid.report.html.tile import Tile
from sigid.report.reasons import MEANINGS
from sigid.warehouse.read import Rejection
from sigid.warehouse.survey import Load, Place, SigneeCounts, Survey
from sigid.warehouse.warehouse import Warehouse

LISTED = 100
"""So many at most are listed of anything."""
_EXTREMES = 5

T = TypeVar("T")


class Sheet(NamedTuple):
    """A signee's contact sheet, and a signature of each kind to know it by."""

    signee: SigneeCounts
    page: str
    genuine: Tile | None
    forged: Tile | None
    odd: int
    """How many on it look odd."""


class Doubt(NamedTuple):
    """A signature that looks odd on a contact sheet."""

    page: str
    signee: str
    title: str
    path: str | None
    what: str


class Rejections(NamedTuple):
    """The files that are rejected for one reason, or the first of them."""

    reason: str
    meaning: str
    number: int
    files: list[Rejection]


class Smallest(Generic[T]):
    """Those of all that were added whose keys are the smallest, so many at most."""

    def __init__(self, most: int, key: Callable[[T], Any]) -> None:
        self.kept: list[T] = []
        self._most = most
        self._key = key

    def add(self, each: T) -> None:
        """Take it in, or leave it."""
        if len(self.kept) < self._most or (self._most and self._key(each) < self._key(self.kept[-1])):
            insort(self.kept, each, key=self._key)
            del self.kept[self._most :]


def in_order(signee: SigneeCounts) -> tuple[str, int, str, str]:
    """Signees of one collection by their numbers."""
    number = signee.external_id or ""
    return signee.collection, len(number), number, signee.id


class Spread:
    """How the signatures of a source are spread over signees, and in size."""

    def __init__(self, sheets: int) -> None:
        self.signees = 0
        self.single_genuine = 0
        self.chosen: Smallest[SigneeCounts] = Smallest(sheets, lambda each: each.id)
        self.without_genuine: Smallest[SigneeCounts] = Smallest(LISTED, in_order)
        self._numbers: dict[str, dict[str, Distribution]] = {}

    def add_signee(self, signee: SigneeCounts) -> None:
        """Count a signee. Which ones are chosen goes by their ids, which are hashes: it is a sample without a bias."""
        self.signees += 1
        self.single_genuine += signee.genuine == 1
        self.chosen.add(signee)
        if not signee.genuine:
            self.without_genuine.add(signee)
        self.add("signees", "genuine", signee.genuine)
        self.add("signees", "forged", signee.forged)

    def add(self, what: str, authenticity: str, number: int, times: int = 1) -> None:
        """Count a number, such as one of points."""
        series = self._numbers.setdefault(what, {"genuine": Distribution(), "forged": Distribution()})
        series[authenticity][number] += times

    def series(self, what: str) -> dict[str, Distribution]:
        """What was counted of that, genuine and forged."""
        return self._numbers.get(what, {})

    def charts(self) -> list[Histogram]:
        """What there is to be drawn."""
        titles = (
            ("signees", "Signatures a signee", ("signee", "signees")),
            ("points", "Points a trajectory", ("trajectory", "trajectories")),
            ("widths", "Picture widths, in pixels", ("picture", "pictures")),
            ("heights", "Picture heights, in pixels", ("picture", "pictures")),
        )
        drawn = (histogram(title, things, self.series(what)) for what, title, things in titles)
        return [each for each in drawn if each]


@dataclass
class SourceFacts:
    """Everything that is told of a source. The contact sheets come to it when they are drawn."""

    name: str
    number: int
    counts: Mapping[str, Any]
    spread: Spread
    rejected: list[Rejections]
    parents_missing_count: int
    parents_missing: list[Place]
    relabelled: int
    """Signatures of a content that is genuine once and forged another time."""
    identical_count: int
    identical: list[Place]
    stale: list[Place]
    retired: list[Place]
    fewest: list[Place]
    most: list[Place]
    load_count: int
    loads: list[Load]
    sheets: list[Sheet] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)

    @property
    def page(self) -> str:
        """The file of its page."""
        return f"source-{self.number}.html"

    @property
    def sheets_page(self) -> str:
        """The file of the first page that leads to its contact sheets."""
        return self.sheets_part(1)

    def sheets_part(self, part: int) -> str:
        """The file of that page of those that lead to its contact sheets."""
        return f"source-{self.number}-sheets-{part}.html"

    @property
    def signees(self) -> int:
        """How many there are."""
        return self.spread.signees

    @property
    def single_genuine(self) -> int:
        """How many signees have but one genuine signature."""
        return self.spread.single_genuine

    @property
    def without_genuine(self) -> list[SigneeCounts]:
        """The first of those signees of whom there are only forgeries."""
        return self.spread.without_genuine.kept

    @cached_property
    def charts(self) -> list[Histogram]:
        """How its signatures are spread."""
        return self.spread.charts()

    @property
    def missing(self) -> int:
        """How many files an index lists that are not there."""
        return int(self.counts["rejected_by_reason"].get(Reason.FILE_MISSING.value, 0))

    @property
    def last_load(self) -> object:
        """When the last load began."""
        return self.loads[0].started if self.loads else "none"


def sources_of(warehouse: Warehouse, sheets: int) -> list[SourceFacts]:
    """What there is to tell of each source; `sheets` signees of each are chosen for contact sheets."""
    survey = Survey(warehouse)
    catalog = warehouse.catalog()
    spreads = _spreads(survey, catalog, sheets)
    parents_missing, identical, relabelled = survey.parents_missing(), survey.identical(), survey.relabelled()
    facts = []
    for number, (name, counts) in enumerate(catalog.items(), 1):
        extremes = survey.extremes(name, _EXTREMES)
        load_count, loads = survey.loads(name, LISTED)
        facts.append(
            SourceFacts(
                name=name,
                number=number,
                counts=counts,
                spread=spreads[name],
                rejected=list(_rejected(warehouse, name, counts["rejected_by_reason"])),
                parents_missing_count=parents_missing.get(name, 0),
                parents_missing=survey.parents_missing_of(name, LISTED) if name in parents_missing else [],
                relabelled=relabelled.get(name, 0),
                identical_count=identical.get(name, 0),
                identical=survey.identical_of(name, LISTED) if name in identical else [],
                stale=survey.stale(name, LISTED) if counts["stale"] else [],
                retired=survey.retired(name, LISTED) if counts["retired"] else [],
                fewest=extremes["fewest"],
                most=extremes["most"],
                load_count=load_count,
                loads=loads,
            )
        )
    return facts


def _spreads(survey: Survey, sources: Mapping[str, Any], sheets: int) -> dict[str, Spread]:
    spreads = {source: Spread(sheets) for source in sources}
    for signee in survey.signees():
        spreads[signee.source].add_signee(signee)
    numbers = (("points", survey.point_counts), ("widths", survey.widths), ("heights", survey.heights))
    for what, ask in numbers:
        for source, authenticity, number, times in ask():
            spreads[source].add(what, authenticity, number, times)
    return spreads


def _rejected(warehouse: Warehouse, source: str, by_reason: Mapping[str, int]) -> Iterator[Rejections]:
    """The reasons, the most frequent one first."""
    for reason, count in sorted(by_reason.items(), key=lambda each: (-each[1], each[0])):
        files = list(islice(warehouse.rejections(source, reason), LISTED))
        yield Rejections(reason, MEANINGS[Reason(reason)], count, files)
