"""erase: have a person, or a signature, gone from the warehouse and from what is kept of it, and not come back.

First the tombstone is put down and the rows are deleted, in one transaction. Then the build folder forgets the names,
and the database's files what they still hold of deleted rows; only then is the erasure finished. Whoever finds one that
is not, another erasure or a load, finishes it.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from contextlib import ExitStack, closing, nullcontext
from dataclasses import dataclass, replace

from sigid.errors import ConnectionLost, DatasetError, ErasureIncomplete, SigidError, WarehouseError
from sigid.pipeline import erased
from sigid.pipeline.ground import Ground
from sigid.pipeline.listing import Listing
from sigid.pipeline.lost import lost_by
from sigid.pipeline.names import names_of
from sigid.pipeline.scan import keep, summary_of
from sigid.pipeline.stored import stored_folders
from sigid.pipeline.wanted import New, Wanted
from sigid.pipeline.workplace import Workplace
from sigid.settings import Settings
from sigid.sources.base import Source
from sigid.sources.registry import SOURCES
from sigid.warehouse.database import open_database
from sigid.warehouse.erasure import (
    NO_TRACES,
    Erasure,
    Traces,
    delete,
    erasures,
    find_traces,
    finish,
    put_down,
    tombstones_of,
)
from sigid.warehouse.location import place_of
from sigid.warehouse.session import Database, Session
from sigid.warehouse.tombstones import Tombstones

_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did, or would do, and what is left for others to do."""

    rows: dict[str, int]
    """How many rows of each table it took away."""
    files: list[str]
    """Files in the datasets that are left out from now on, and are to be deleted by whoever may."""
    indexes: list[str]
    """Indexes that still list them."""
    doubts: dict[str, str]
    """Sources whose files could not be told apart, and why: what has become no signature may still be named there."""
    in_advance: Sequence[str] = ()
    """How those were named of whom nothing is known yet, and who are not taken when they come."""
    problem: SigidError | None = None
    """ErasureIncomplete, where the rows are gone and not yet all that files hold of them."""


def rehearse(settings: Settings, wanted: Wanted) -> Erased:
    """What an erasure would do. Nothing is written. Raises as `erase` does."""
    with closing(open_database(settings.warehouse)) as database, database.session() as session:
        return _Erasing(settings, database, session).rehearse(wanted)


def erase(settings: Settings, wanted: Wanted = lambda _ground, _session, _before: New()) -> Erased:
    """Erase what is wanted, and finish what was begun before; also what the warehouse has lost since.

    Raises what `wanted` does, BusyError where another process scans or loads a source, and WarehouseError; then nothing
    was done.
    """
    with ExitStack() as stack:
        database = stack.enter_context(closing(open_database(settings.warehouse)))
        for source in SOURCES:
            stack.enter_context(Workplace.of(source, settings).alone())
            session = stack.enter_context(database.loading(source.name))
        return _Erasing(settings, database, session).erase(wanted)


def in_force(settings: Settings, database: Database, session: Session, source: Source) -> Tombstones:
    """The warehouse's tombstones, for a load of the source: what is kept of it is without what they cover by then.

    What others have left unfinished is finished, or it is said why it can't be. A warehouse that is new takes over
    what was erased from the one before. Raises WarehouseError where it can't, or has something of the source already.
    """
    known = erasures(session)
    tombstones = tombstones_of(known)
    if _take_over(settings, database, session, source, tombstones):
        known = erasures(session)
        tombstones = tombstones_of(known)
    place = Workplace.of(source, settings)
    remembered = erased.read(place)
    if remembered.tombstones != tombstones:
        _forget(settings, source, tombstones)
    elif tombstones and remembered.warehouse != place_of(settings.warehouse):
        erased.write(place, remembered._replace(warehouse=place_of(settings.warehouse)))
    if not all(each.is_finished for each in known):
        try:
            _Erasing(settings, database, session).complete({source.name})
        except ConnectionLost:
            raise
        except (SigidError, OSError) as error:
            logging.getLogger("sigid").warning("%s", _incomplete(error))
    return tombstones


def _take_over(settings: Settings, database: Database, session: Session, source: Source, known: Tombstones) -> bool:
    """Have a new warehouse know what it has lost. Returns whether there was anything."""
    lost = lost_by(session, source, settings, known)
    if not lost.erasures:
        return False
    lost.refuse(database.name)
    try:
        put_down(session, lost.erasures)
    except ConnectionLost:
        raise
    except WarehouseError as error:
        raise lost.problem(database.name, f"and does not take them over ({error})") from error
    logging.getLogger("sigid").warning(
        "the warehouse %s has nothing of %s yet: %d erasures hold in it, too, that %s tell of",
        *(database.name, source.name, len(lost.erasures), lost.told_by),
    )
    return True


class _Erasing:
    """An erasure under way, through that session."""

    def __init__(self, settings: Settings, database: Database, session: Session) -> None:
        self._settings = settings
        self._database = database
        self._session = session
        self._ground = Ground(settings)

    def rehearse(self, wanted: Wanted) -> Erased:
        """As the function."""
        new, tombstones, traces = self._look(wanted)
        return self._told(new, tombstones, traces)

    def erase(self, wanted: Wanted) -> Erased:
        """As the function, where all sources are kept from being loaded."""
        new, tombstones, traces = self._look(wanted)
        traces = self._delete(new.erasures, tombstones, traces)
        done = self._told(new, tombstones, traces)
        try:
            self.complete({source.name for source in SOURCES})
        except (SigidError, OSError) as error:
            return replace(done, problem=_incomplete(error))
        return done

    def _delete(self, new: Collection[Erasure], tombstones: Tombstones, traces: Traces) -> Traces:
        """Put the new tombstones down and delete the traces, of which there may be more by now. Returns these."""
        while True:
            try:
                with self._session.transaction():
                    put_down(self._session, new)
                    delete(self._database, self._session, traces)
                return traces
            except WarehouseError:
                before, traces = traces, self._find(tombstones)
                if traces == before:
                    raise

    def _look(self, wanted: Wanted) -> tuple[New, Tombstones, Traces]:
        """What is new, and what there is of it and of what is not finished."""
        before = erasures(self._session)
        known = tombstones_of(before)
        lost = [each for source in SOURCES for each in self._lost(source, known)]
        new = wanted(self._ground, self._session, [*before, *lost])
        by_tombstone = {each.tombstone: each for each in (*lost, *new.erasures)}
        new = new._replace(erasures=list(by_tombstone.values()))
        tombstones = tombstones_of([*new.erasures, *(each for each in before if not each.is_finished)])
        return new, tombstones, self._find(tombstones)

    def _lost(self, source: Source, known: Tombstones) -> Sequence[Erasure]:
        return lost_by(self._session, source, self._settings, known).erasures

    def _find(self, tombstones: Tombstones) -> Traces:
        return find_traces(self._session, tombstones, self._ground.whose) if tombstones else NO_TRACES

    def _told(self, new: New, tombstones: Tombstones, traces: Traces) -> Erased:
        files = self._ground.left(tombstones) if tombstones else []
        indexes = self._ground.indexes(tombstones) if tombstones else []
        return Erased(traces.rows(), files, indexes, self._ground.doubts, new.in_advance)

    def complete(self, held: Collection[str]) -> None:
        """Finish what is not finished. The sources that are `held` are kept from being loaded by the caller.

        What a service has registered at the very moment of the erasure, knowing nothing of it, is found after the
        database is compacted, which waits for it: then it is done once more.
        """
        known = erasures(self._session)
        open_ = [each for each in known if not each.is_finished]
        if not open_:
            return
        for source in SOURCES:
            with nullcontext() if source.name in held else Workplace.of(source, self._settings).alone():
                kept = tombstones_of([*known, *self._lost(source, tombstones_of(known))])
                _forget(self._settings, source, kept)
        for _ in range(_ROUNDS):
            self._database.compact()
            traces = self._find(tombstones_of(open_))
            if not traces:
                finish(self._session, open_)
                return
            self._delete((), tombstones_of(open_), traces)
        raise SigidError("it is registered again and again")


def _incomplete(error: Exception) -> ErasureIncomplete:
    return ErasureIncomplete(
        f"what was to be erased is deleted and does not come back, but files may still hold bytes of it: {error}. "
        "`doit erase`, or the next load, does the rest"
    )


def _forget(settings: Settings, source: Source, tombstones: Tombstones) -> None:
    """Have what is kept of the source in the build folder name nothing that was erased, now and after later scans."""
    place = Workplace.of(source, settings)
    place.manifest.unlink(missing_ok=True)
    kept = Listing(list(stored_folders(str(place.listing))))
    try:
        if not len(kept) or summary_of(place) is None:
            raise DatasetError("there is nothing to be kept")
        erased.leave_out(kept, source, names_of(source, str(place.root)), tombstones)
        keep(kept, place)
    except DatasetError:  # the next load reads the files again
        place.listing.unlink(missing_ok=True)
    place.tidy()
    erased.write(place, erased.Remembered(tombstones, warehouse=place_of(settings.warehouse)))
