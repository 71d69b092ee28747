"""plan: what would a load do? It reads what a load would read, and writes nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from sigid.pipeline.extract import Plain
from sigid.pipeline.listing import read_listing
from sigid.pipeline.load import refuse_nothing
from sigid.pipeline.scan import Workplace, look, remember
from sigid.pipeline.study import Study
from sigid.settings import Settings
from sigid.sources.base import Source
from sigid.sources.formats.png import Picture
from sigid.warehouse.fingerprint import is_there
from sigid.warehouse.ledger import FileLine, Ledger, State
from sigid.warehouse.warehouse import open_warehouse


class Step(StrEnum):
    """What would become of a file, as a diff marks it."""

    ADD = "+"
    CHANGE = "~"
    RETIRE = "-"
    REJECT = "!"


class Planned(NamedTuple):
    """One thing that a load would do."""

    step: Step
    path: str
    detail: str = ""


def plan(source: Source, settings: Settings) -> Iterator[Planned]:
    """What a load would do, in the order in which it would: by what the files contain, not by their dates.

    Raises DatasetError where the load would refuse the dataset as a whole, and WarehouseError.
    """
    place = Workplace.of(source, settings)
    listing = look(source, Path(place.root))
    refuse_nothing(listing, place)
    remember(listing, read_listing(str(place.listing)))
    if not is_there(settings.warehouse):
        yield from _plan(Study(source, settings, listing, (), time.time_ns(), rehash=False), None)
        return
    with open_warehouse(settings.warehouse) as warehouse:
        ledger = Ledger(warehouse, source.name)
        yield from _plan(Study(source, settings, listing, ledger.lines(), time.time_ns(), rehash=False), ledger)


def _plan(study: Study, ledger: Ledger | None) -> Iterator[Planned]:
    def lines_of(paths: list[str]) -> dict[str, FileLine]:
        return ledger.lines_of(paths) if ledger else {}

    for results in study.read(lines_of):
        for item, result in results:
            outcome = result.outcome
            if isinstance(outcome, tuple) and not isinstance(outcome, Picture):
                reason, detail = outcome
                if item.line is None or (item.line.reason, item.line.detail) != outcome:
                    yield Planned(Step.REJECT, item.found.path, f"{reason}: {detail}")
            elif outcome not in (Plain.SAME, Plain.GONE):
                known = item.line is not None and item.line.state is State.LOADED
                yield Planned(Step.CHANGE if known else Step.ADD, item.found.path)
    for batch in study.rejected():
        for found in batch:
            if found.rejection:
                yield Planned(Step.REJECT, found.path, ": ".join(found.rejection))
    for line in study.changes.vanished:
        yield Planned(Step.RETIRE, line.path)
