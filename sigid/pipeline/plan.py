"""plan: what would a load do? It reads what a load would read, and writes nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from enum import StrEnum
from heapq import merge
from operator import attrgetter
from typing import NamedTuple

from sigid.errors import Reason
from sigid.pipeline.changes import weigh
from sigid.pipeline.garbage import rarely_collected
from sigid.pipeline.interpret import Reading, Registrable
from sigid.pipeline.lost import lost_by
from sigid.pipeline.problems import problem_with, refuse_nothing
from sigid.pipeline.register import registered
from sigid.pipeline.scan import look, recall
from sigid.pipeline.study import Item, Refused, Study
from sigid.pipeline.workplace import Workplace
from sigid.settings import Settings
from sigid.sources.base import Source
from sigid.warehouse.database import open_database
from sigid.warehouse.erasure import erasures, tombstones_of
from sigid.warehouse.ledger import Ledger
from sigid.warehouse.location import is_there
from sigid.warehouse.records import SignatureRow
from sigid.warehouse.session import Session
from sigid.warehouse.tombstones import Tombstones


class Step(StrEnum):
    """What would become of a file, as a diff marks it."""

    ADD = "+"
    CHANGE = "~"
    RETIRE = "-"
    REJECT = "!"
    LEAVE_OUT = "x"
    """Who, or what, the file is of was erased."""


class Planned(NamedTuple):
    """One thing that a load would do."""

    step: Step
    path: str
    detail: str = ""


def plan(source: Source, settings: Settings) -> Iterator[Planned]:
    """What a load would do, by what the files contain, not by their dates.

    The files of what was erased come first, then the others that are there, then those that are gone, each in the order
    of their paths.

    Raises DatasetError where the load would refuse the dataset as a whole, and WarehouseError, also where it would
    refuse the warehouse. Raises at the end what the load would name as the problem with the rest.
    """
    place = Workplace.of(source, settings)
    listing = look(source, place.root, settings.workers)
    refuse_nothing(source, listing, place)
    recall(listing, place)
    with rarely_collected(), ExitStack() as stack:
        name, session, known = "", None, Tombstones()
        if is_there(settings.warehouse):
            database = stack.enter_context(closing(open_database(settings.warehouse)))
            session = stack.enter_context(database.session())
            name, known = database.name, tombstones_of(erasures(session))
        lost = lost_by(session, source, settings, known)
        lost.refuse(name)
        ledger = Ledger(session, source.name) if session else None
        tombstones = Tombstones([*known.each, *(each.tombstone for each in lost.erasures)])
        study = Study(source, settings, listing, ledger, time.time_ns(), tombstones, rehash=False)
        yield from (Planned(Step.LEAVE_OUT, path, "erased") for path in sorted(listing.erased))
        yield from _Plan(study, session, ledger).steps()


class _Plan:
    """A load that is only thought through."""

    def __init__(self, study: Study, session: Session | None, ledger: Ledger | None) -> None:
        self._study = study
        self._session = session
        self._unreadable = list(study.listing.unreadable)
        self._leaving = {line.signature_id for line in study.changes.vanished}
        self._moved = ledger.moved(study.changes.vanished) if ledger else set()

    def steps(self) -> Iterator[Planned]:
        """What it would do."""
        unread_up_to = self._study.in_step()
        with self._study.reading(datetime.now(UTC)) as batches:
            for results in batches:
                read = sorted([*self._rejected(results), *self._registered(results)], key=_path_of)
                yield from merge(read, map(_rejection, unread_up_to(results[-1][0].path)), key=_path_of)
        yield from map(_rejection, unread_up_to(None))
        yield from self._gone()

    def _rejected(self, results: Iterable[tuple[Item, Reading]]) -> Iterator[Planned]:
        for item, reading in results:
            if reading.rejection:
                if reading.rejection[0] is Reason.UNREADABLE:
                    self._unreadable.append(item.path)
                if item.line is None or (item.line.reason, item.line.detail) != reading.rejection:
                    yield _rejection(Refused(item.path, *reading.rejection))

    def _registered(self, results: Iterable[tuple[Item, Reading]]) -> Iterator[Planned]:
        valid = [(*each, each[1].said) for each in results if isinstance(each[1].said, Registrable)]
        for of_file in registered(valid, self._session):
            row = of_file.signature.row
            self._moved.update({row.id} & self._leaving)
            if of_file.verb in _STEPS:
                detail = _difference(of_file.known.row, row) if of_file.known else ""
                yield Planned(_STEPS[of_file.verb], of_file.item.path, detail)

    def _gone(self) -> Iterator[Planned]:
        changes = self._study.changes
        removals = weigh(changes.vanished, self._moved, changes.known, self._unreadable)
        retired = {line.signature_id: line for line in removals.leaving if line.signature_id not in self._moved}
        known = {line.path for line in changes.missing}
        yield from sorted(
            [
                *(Planned(Step.RETIRE, line.path, "its file is gone") for id_, line in retired.items() if id_),
                *(_rejection(file) for file in self._study.missing(removals.withheld) if file.path not in known),
            ],
            key=_path_of,
        )
        if problem := problem_with(self._study, removals):
            raise problem


_path_of = attrgetter("path")
_STEPS = {"added": Step.ADD, "changed": Step.CHANGE}


def _difference(before: SignatureRow, now: SignatureRow) -> str:
    """What a load would change about a signature, in a few words."""
    facts = ((row.authenticity, row.modality, _extent(row)) for row in (before, now))
    told = [f"{old} -> {new}" for old, new in zip(*facts, strict=True) if old != new]
    told += ["back again"] * bool(before.retired_at) + ["valid again"] * bool(before.stale)
    return ", ".join(told) or ("other content" if before.content_hash != now.content_hash else "read in another way")


def _extent(row: SignatureRow) -> str:
    if row.blank:
        return "blank"
    return f"{row.width}x{row.height} {row.mode}" if row.point_count is None else f"{row.point_count} points"


def _rejection(file: Refused) -> Planned:
    return Planned(Step.REJECT, file.path, f"{file.reason}: {file.detail}")
