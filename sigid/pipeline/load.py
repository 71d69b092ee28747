"""load: bring the warehouse to what the files say, registering each signature once.

Files are read and batches committed, signatures and ledger in one transaction. What is gone is retired last, when it
is certain that it was meant to go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sigid.entity import Points, now
from sigid.errors import DatasetError, Reason, RejectionsStand, RemovalsWithheld, SigidError
from sigid.identity import PersonKey
from sigid.pipeline.changes import Action, Found
from sigid.pipeline.extract import Extracted, Plain
from sigid.pipeline.listing import Listing, read_listing
from sigid.pipeline.scan import Workplace, clock, keep, look
from sigid.pipeline.study import BATCH_FILES, Item, Study
from sigid.running import only_one
from sigid.service import AnyNewSignature, NewImageSignature, NewXYZSignature, Outcome
from sigid.settings import Settings
from sigid.sources.base import Source
from sigid.sources.formats.png import Picture
from sigid.warehouse.ledger import Counts, FileLine, Ledger, State
from sigid.warehouse.warehouse import Warehouse, open_warehouse

_FEW = 20
_FIFTH = 5

Progress = Callable[[int, int], None]
"""Is told how many of how many files have been read."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asks for besides."""

    strict: bool = False
    """Fail where rejections stand."""
    rehash: bool = False
    """Trust no stamp: read every file."""
    allow_removals: bool = False
    """Retire what is gone, however much it is."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did; and, if all is not well with the source all the same, what is to be done about it."""

    counts: Counts
    problem: SigidError | None = None
    """RemovalsWithheld, DatasetError for folders that can't be read, or RejectionsStand where that was asked for."""


def load(
    source: Source,
    settings: Settings,
    options: Options = Options(),
    progress: Progress = lambda _done, _total: None,
) -> Loaded:
    """Load the source: everything that can be read and is certain is done, whatever the problem with the rest.

    Raises DatasetError where the dataset as a whole can't be trusted, BusyError where another process loads the
    source, WarehouseError; then nothing was done, or the batches that were committed stand.
    """
    place = Workplace.of(source, settings)
    with (
        only_one(str(place.lock), f"a scan or load of {source.name}"),
        open_warehouse(settings.warehouse) as warehouse,
        warehouse.database.lock(source.name),
    ):
        moment = clock(place)
        listing = read_listing(str(place.listing)) or look(source, place.root)
        if not options.allow_removals:
            refuse_nothing(listing, place)
        ledger = Ledger(warehouse, source.name)
        study = Study(source, settings, listing, ledger.lines(), moment, rehash=options.rehash)
        return _Load(study, ledger, warehouse, options).run(place, progress)


def refuse_nothing(listing: Listing, place: Workplace) -> None:
    """Raise DatasetError where there is no file at all: more likely than not the dataset is elsewhere."""
    if listing.root_missing:
        trouble = "is missing"
    elif "" in listing.unreadable:
        trouble = f"cannot be read ({listing.unreadable['']})"
    elif not len(listing) and not listing.unreadable:
        trouble = "holds none of the source's files"
    else:
        return
    raise DatasetError(
        f"{place.root} {trouble}; nothing was retired. Put the dataset there, or set SIGID_DATASETS to the folder "
        "that holds it; if it is meant to be gone, say --allow-removals"
    )


class _Load:
    """One load, under way."""

    def __init__(self, study: Study, ledger: Ledger, warehouse: Warehouse, options: Options) -> None:
        self._study = study
        self._ledger = ledger
        self._warehouse = warehouse
        self._options = options
        self._started = now()
        changes = study.changes
        self._counts = Counter(unchanged=changes.unchanged, rejected=changes.still_rejected)
        self._unreadable = list(study.listing.unreadable)
        self._complete = not self._unreadable

    def run(self, place: Workplace, progress: Progress) -> Loaded:
        done, total = 0, self._study.changes.actions.count(Action.READ)
        for results in self._study.read(self._ledger.lines_of):
            self._commit(results)
            done += len(results)
            progress(done, total)
        for batch in self._study.rejected():
            self._reject_unread(batch)
        withheld = self._retire()
        self._put_down_missing(withheld)
        counts = Counts(**self._counts)
        complete = self._complete and not withheld
        manifest = keep(self._study.listing, place)
        self._ledger.finish(self._started, counts, manifest if complete else "")
        return Loaded(counts, self._problem(withheld, counts))

    def _commit(self, results: Sequence[tuple[Item, Extracted]]) -> None:
        """Register what a batch of files says, and enter it in the ledger, in one transaction."""
        lines: list[FileLine] = []
        signees: dict[PersonKey, list[tuple[Item, Extracted, AnyNewSignature]]] = {}
        for item, result in results:
            if result.outcome is Plain.GONE:
                self._complete = False
            elif result.outcome is Plain.SAME:
                self._counts["unchanged" if item.line and item.line.state is State.LOADED else "rejected"] += 1
            elif isinstance(result.outcome, tuple) and not isinstance(result.outcome, Picture):
                lines.extend(self._rejected(item, result, *result.outcome))
            else:
                new = _new_signature(item, result, self._study.source)
                signees.setdefault(item.claim.signee, []).append((item, result, new))
        if not signees and not lines:
            return
        with self._warehouse.transaction():
            registrations = self._warehouse.service().register_batch(
                [(key, [new for _, _, new in of_signee]) for key, of_signee in signees.items()]
            )
            for registration, of_signee in zip(registrations, signees.values(), strict=True):
                for registered, (item, result, _) in zip(registration.signatures, of_signee, strict=True):
                    self._counts[_COUNTED_AS[registered.outcome]] += 1
                    lines.append(_line(item, result, State.LOADED, signature_id=registered.signature_id))
            self._ledger.write(lines, self._started)

    def _rejected(self, item: Item, result: Extracted, reason: Reason, detail: str) -> Iterator[FileLine]:
        """The line that says so, unless the ledger has it already."""
        self._counts["rejected"] += 1
        if not result.content_hash:
            self._complete = False
        if reason is Reason.UNREADABLE:
            self._unreadable.append(item.found.path)
        signature_id = item.line.signature_id if item.line else None
        line = _line(item, result, State.REJECTED, reason=reason, detail=detail, signature_id=signature_id)
        if line != item.line:
            yield line

    def _reject_unread(self, batch: Sequence[Found]) -> None:
        known = self._ledger.lines_of([found.path for found in batch])
        lines = []
        for found in batch:
            reason, detail = found.rejection or (Reason.NAME_NOT_UNDERSTOOD, "")
            signature_id = known[found.path].signature_id if found.path in known else None
            lines.append(FileLine(found.path, State.REJECTED, reason=reason, detail=detail, signature_id=signature_id))
        self._ledger.write(lines, self._started)
        self._counts["rejected"] += len(lines)

    def _retire(self) -> list[FileLine]:
        """Retire what is gone. Returns the lines of files of which that is not certain, and that stay as they are."""
        gone: list[FileLine] = []
        unsure: list[FileLine] = []
        for line in self._study.changes.vanished:
            (unsure if self._is_out_of_sight(line.path) else gone).append(line)
        moved = self._ledger.moved(gone)
        lost = [line for line in gone if line.signature_id not in moved]
        withheld = [] if self._options.allow_removals or not self._doubt(len(lost)) else lost
        kept = {line.path for line in withheld}
        leaving = [line for line in gone if line.path not in kept]
        self._counts["retired"] += self._ledger.retire(leaving, self._started, moved)
        for line in (*unsure, *withheld):
            self._counts["unchanged" if line.state is State.LOADED else "rejected"] += 1
        return withheld

    def _doubt(self, lost: int) -> str:
        """Why it is not certain that so many files were meant to go; empty if it is."""
        known = self._study.changes.known
        if lost and self._unreadable:
            return f"{self._unreadable[0]} could not be read"
        if lost > _FEW and lost * _FIFTH > known:
            return f"that is more than a fifth of the {known} that there were"
        return ""

    def _is_out_of_sight(self, path: str) -> bool:
        return any(path.startswith(f"{folder}/") for folder in self._study.listing.unreadable)

    def _put_down_missing(self, withheld: Sequence[FileLine]) -> None:
        """Enter the files that an index lists and that are not there, and take back those that it lists no more."""
        expected = set(self._study.names.expected())
        if expected:
            expected.difference_update(folder.path_of(index) for folder, index in self._study.listing)
            expected.difference_update(line.path for line in withheld)
        missing = sorted(path for path in expected if not self._is_out_of_sight(path))
        detail = f"{self._study.source.index} lists it, and it is not there"
        for start in range(0, len(missing), BATCH_FILES):
            paths = missing[start : start + BATCH_FILES]
            known = self._ledger.lines_of(paths)
            lines = [
                FileLine(
                    path,
                    State.MISSING,
                    reason=Reason.FILE_MISSING,
                    detail=detail,
                    signature_id=known[path].signature_id if path in known else None,
                )
                for path in paths
            ]
            self._ledger.write([line for line in lines if line != known.get(line.path)], self._started)
        self._counts["rejected"] += len(missing)
        no_longer = [line for line in self._study.changes.missing if line.path not in expected]
        self._ledger.retire(no_longer, self._started)

    def _problem(self, withheld: Sequence[FileLine], counts: Counts) -> SigidError | None:
        name = self._study.source.name
        if withheld:
            return RemovalsWithheld(
                f"{name}: {len(withheld)} files are gone, such as {withheld[0].path}, "
                f"and {self._doubt(len(withheld))}; nothing was retired. Bring them back, or say --allow-removals"
            )
        if self._study.listing.unreadable and not self._options.allow_removals:
            folder, trouble = next(iter(self._study.listing.unreadable.items()))
            return DatasetError(
                f"{name}: the folder {folder} could not be read ({trouble}); what it held stays as it was. "
                "Give this user the right to read it and run again"
            )
        if self._options.strict and counts.rejected:
            return RejectionsStand(f"{name}: {counts.rejected} files are rejected; doit rejects lists them")
        return None


_COUNTED_AS = {
    Outcome.ADDED: "added",
    Outcome.RESTORED: "added",
    Outcome.REPLACED: "changed",
    Outcome.UNCHANGED: "unchanged",
}


def _new_signature(item: Item, result: Extracted, source: Source) -> AnyNewSignature:
    claim, outcome = item.claim, result.outcome
    facts: dict[str, Any] = {
        "modality": claim.modality,
        "authenticity": claim.authenticity,
        "forger": claim.forger,
        "parent_id": claim.parent_id,
        "sample": claim.sample,
        "content_hash": result.content_hash.hex(),
    }
    if isinstance(outcome, bytes):
        return NewXYZSignature(points=Points(np.frombuffer(outcome, dtype=np.float64).reshape(-1, 3)), **facts)
    local_uri = f"{source.directory}/{item.found.path}"
    if isinstance(outcome, Picture):
        return NewImageSignature(local_uri=local_uri, **outcome._asdict(), **facts)
    return NewImageSignature(local_uri=local_uri, blank=True, **facts)


def _line(item: Item, result: Extracted, state: State, **facts: Any) -> FileLine:
    return FileLine(
        path=item.found.path,
        state=state,
        content_hash=result.content_hash.hex() or None,
        size=result.size if result.content_hash else None,
        extractor_version=item.found.version,
        claim=item.found.claim,
        **facts,
    )
