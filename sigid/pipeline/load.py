"""load: bring the warehouse to what the files say, registering each signature once.

Files are read and batches committed, signatures and ledger in one transaction. What is gone is retired last, when it
is certain that it was meant to go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain

from sigid.errors import Reason, RejectionsStand, SigidError
from sigid.outcome import Outcome
from sigid.pipeline import workers
from sigid.pipeline.again import again
from sigid.pipeline.changes import Removals, weigh
from sigid.pipeline.current import has_answered
from sigid.pipeline.erase import in_force
from sigid.pipeline.extract import Plain
from sigid.pipeline.garbage import rarely_collected
from sigid.pipeline.interpret import Reading, Registrable
from sigid.pipeline.listing import Listing
from sigid.pipeline.problems import problem_with, refuse_nothing
from sigid.pipeline.register import Result, registered, store
from sigid.pipeline.scan import clock, keep, look, recall
from sigid.pipeline.study import BATCH_FILES, Item, Refused, Study
from sigid.pipeline.workplace import Workplace
from sigid.settings import Settings
from sigid.sources.base import Source
from sigid.warehouse.database import open_database
from sigid.warehouse.fingerprint import Rows
from sigid.warehouse.ledger import Counts, FileLine, Ledger, State
from sigid.warehouse.session import Session

TRANSACTION_FILES = 8000
TRANSACTION_BYTES = 32 * 2**20
"""How many files, or how much of their content, a transaction is about: larger ones write the same pages less often."""
MANY_FILES = 200_000
MOST_TIMES_LARGER = 4
"""For each so many files that are known it is about as many again, up to so many times: as the indices grow, more of
their pages are written in each."""

Progress = Callable[[int, int], None]
"""Is told how many of how many files have been read."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asks for besides."""

    strict: bool = False
    """Fail where rejections stand."""
    rehash: bool = False
    """Trust no stamp, and nothing that is stored: read every file, and compare what it says with what is there."""
    allow_removals: bool = False
    """Retire what is gone, however much it is."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did; and, if all is not well with the source all the same, what is to be done about it."""

    counts: Counts
    problem: SigidError | None = None
    """RemovalsWithheld, DatasetError for folders that can't be looked into, or RejectionsStand where that was asked
    for."""
    erased: int = 0
    """How many files are there that were left out, because who or what they are of was erased."""


def load(
    source: Source,
    settings: Settings,
    options: Options = Options(),
    progress: Progress = lambda _done, _total: None,
    found: Listing | None = None,
) -> Loaded:
    """Load the source: everything that can be read and is certain is done, whatever the problem with the rest.

    `found` is what a scan has returned just now; without it the load looks for itself.

    Where the connection to a server is lost, it goes on from what the ledger says was committed, and gives up only
    after several tries. It counts what all tries did, each file once; only a batch whose commit was cut, and went
    through all the same, is counted as unchanged.

    Raises DatasetError where the dataset as a whole can't be trusted, BusyError where another process loads the
    source, WarehouseError; then nothing was done, or the batches that were committed stand.
    """
    place = Workplace.of(source, settings)
    with (
        rarely_collected(),
        place.alone(),
        closing(open_database(settings.warehouse)) as database,
    ):
        moment = clock(place)
        listing = found or _looked(source, settings, place)
        stands = has_answered(listing.base, place, settings)
        refuse_nothing(source, listing, place, allow_removals=options.allow_removals)
        workers.prepare(settings, len(listing) if options.rehash else listing.about_unknown())
        committed: Counter[str] = Counter()

        def go_on() -> Loaded:
            nonlocal listing, stands
            with database.loading(source.name) as session:
                ledger = Ledger(session, source.name)
                tombstones = in_force(settings, database, session, source)
                if listing.erased and not listing.without.each <= tombstones.each:  # another warehouse's erasures
                    listing, stands = _looked(source, settings, place), False
                study = Study(
                    source, settings, listing, ledger, moment, tombstones, rehash=options.rehash, stands=stands
                )
                listing.base = ""  # what this try puts down in the listing may be lost with it: another compares all
                return _Load(study, ledger, session, options, committed).run(place, progress)

        return again(go_on)


def _looked(source: Source, settings: Settings, place: Workplace) -> Listing:
    listing = look(source, place.root, settings.workers)
    recall(listing, place)
    return listing


class _Load:
    """One try of a load, under way. `committed` counts what earlier ones added, changed and retired, and this one."""

    def __init__(
        self, study: Study, ledger: Ledger, session: Session, options: Options, committed: Counter[str]
    ) -> None:
        self._study = study
        self._ledger = ledger
        self._session = session
        self._options = options
        self._started = datetime.now(UTC)
        self._moment = session.moment(self._started)
        changes = study.changes
        stood = changes.unchanged - committed["added"] - committed["changed"]
        self._committed = committed
        self._counts = Counter[str](committed)
        self._counts.update(unchanged=stood, rejected=changes.still_rejected)
        self._new = Counter[str]()
        """How many rows were written of paths and of signatures that the warehouse did not know."""
        self._unreadable = list(study.listing.unreadable)
        self._complete = not changes.out_of_sight and not self._unreadable

    def run(self, place: Workplace, progress: Progress) -> Loaded:
        done, total = 0, self._study.changes.to_read()
        with self._study.reading(self._moment) as batches:
            for files in self._commit(batches):
                done += files
                progress(done, total)
        for batch in self._study.rejected():
            self._reject_unread(batch)
        removals = self._retire()
        self._put_down_missing(removals)
        counts = Counts(**self._counts)
        with self._session.transaction():
            with self._session.settling():
                manifest = keep(self._study.listing, place, self._study.affected)
            complete = self._complete and not removals.withheld
            self._ledger.finish(self._started, counts, manifest if complete else "", self._rows())
        return Loaded(counts, self._problem(removals, counts), len(self._study.listing.erased))

    def _commit(self, batches: Iterator[Sequence[tuple[Item, Reading]]]) -> Iterator[int]:
        """Register what batches of files say, several in a transaction. Yields how many files one was about.

        They are written while the next ones are read: what waits for its commit waits in the database.
        """
        known = self._study.changes.known
        for first in batches:
            files = size = 0
            larger = min(1 + known // MANY_FILES, MOST_TIMES_LARGER)
            verbs = Counter[str]()
            with ExitStack() as transaction:
                for results in chain([first], batches):
                    verbs += self._register(results, transaction)
                    files += len(results)
                    size += sum([reading.size for _, reading in results])
                    if files >= larger * TRANSACTION_FILES or size >= larger * TRANSACTION_BYTES:
                        break
            known += files
            self._counts.update(verbs)
            self._committed.update(added=verbs["added"], changed=verbs["changed"])
            yield files

    def _register(self, results: Sequence[tuple[Item, Reading]], transaction: ExitStack) -> Counter[str]:
        """Register what a batch of files says, and enter it in the ledger, in the transaction, which is begun for it.

        Returns the counts of what became of the valid files.
        """
        lines: list[FileLine] = []
        valid: list[tuple[Item, Reading, Registrable]] = []
        for item, reading in results:
            match reading.said:
                case Registrable() as new:
                    valid.append((item, reading, new))
                case Plain.GONE:
                    self._complete = False
                case Plain():
                    self._counts["unchanged" if item.line and item.line.state is State.LOADED else "rejected"] += 1
                case reason, detail:
                    lines.extend(self._rejected(item, reading, reason, detail))
        if not valid and not lines:
            return Counter()
        transaction.enter_context(self._session.transaction())
        of_files = registered(valid, self._session)
        store(of_files, self._study.source, self._session, self._moment)
        lines.extend(_loaded(of_files))
        self._ledger.write(lines, self._started)
        self._ledger.let_go({of_file.superseded for of_file in of_files if of_file.superseded})
        met = {item.path for item, _ in results if item.line is None}
        self._new["lines"] += sum([line.path in met for line in lines])
        self._new["signatures"] += sum([of_file.outcome is Outcome.ADDED for of_file in of_files])
        return Counter(of_file.verb for of_file in of_files)

    def _rejected(self, item: Item, reading: Reading, reason: Reason, detail: str) -> Iterator[FileLine]:
        """The line that says so, unless the ledger has it already."""
        self._counts["rejected"] += 1
        if not reading.content_hash:
            self._complete = False
        if reason is Reason.UNREADABLE:
            self._unreadable.append(item.path)
        last_good = item.line.signature_id if item.line else None
        line = _line(item, reading, State.REJECTED, reason, detail, last_good)
        if line != item.line:
            yield line

    def _reject_unread(self, batch: Sequence[Refused]) -> None:
        known = self._ledger.lines_of([file.path for file in batch])
        taken = self._ledger.taken_over(list(known.values()))
        lines = []
        for path, reason, detail in batch:
            line = known.get(path)
            signature_id = line.signature_id if line and line.signature_id not in taken else None
            lines.append(FileLine(path, State.REJECTED, reason=reason, detail=detail, signature_id=signature_id))
        self._ledger.write(lines, self._started)
        self._new["lines"] += len(lines) - len(known)
        self._counts["rejected"] += len(lines)

    def _retire(self) -> Removals:
        """Retire what is gone, as far as it is certain that it was meant to go."""
        changes = self._study.changes
        removals = Removals(changes.vanished)
        if not self._options.allow_removals:
            moved = self._ledger.moved(changes.vanished)
            removals = weigh(changes.vanished, moved, changes.known, self._unreadable)
        retired = self._ledger.retire(removals.leaving, self._started)
        self._counts["retired"] += retired
        self._committed["retired"] += retired
        for line in removals.withheld:
            self._counts["unchanged" if line.state is State.LOADED else "rejected"] += 1
        return removals

    def _put_down_missing(self, removals: Removals) -> None:
        """Enter the files that an index lists and that are not there, and take back those that it lists no more."""
        missing = self._study.missing(removals.withheld)
        for start in range(0, len(missing), BATCH_FILES):
            batch = missing[start : start + BATCH_FILES]
            known = self._ledger.lines_of([file.path for file in batch])
            lines = [FileLine(path, State.MISSING, reason=reason, detail=detail) for path, reason, detail in batch]
            self._ledger.write([line for line in lines if line != known.get(line.path)], self._started)
        self._counts["rejected"] += len(missing)
        still = {file.path for file in missing}
        self._ledger.retire([line for line in self._study.changes.missing if line.path not in still], self._started)

    def _rows(self) -> Rows | None:
        """How many rows the source has now; None where it is not known how many it had.

        Where something else has written or removed any meanwhile, the next load finds that they are not as many, and
        compares all.
        """
        before = self._study.rows
        return before and Rows(before.lines + self._new["lines"], before.signatures + self._new["signatures"])

    def _problem(self, removals: Removals, counts: Counts) -> SigidError | None:
        problem = None if self._options.allow_removals else problem_with(self._study, removals)
        if problem is None and self._options.strict and counts.rejected:
            name = self._study.source.name
            return RejectionsStand(f"{name}: {counts.rejected} files are rejected; doit rejects lists them")
        return problem


def _loaded(of_files: Iterable[Result]) -> Iterator[FileLine]:
    """The lines that say so, but for those that the ledger has already of what stands as it is."""
    for item, reading, _, signature, outcome, _ in of_files:
        line = _line(item, reading, State.LOADED, None, None, signature.row.id)
        if outcome is not Outcome.UNCHANGED or line != item.line:
            yield line


def _line(
    item: Item, reading: Reading, state: State, reason: Reason | None, detail: str | None, signature_id: str | None
) -> FileLine:
    _, content_hash, _, size, claim, version = reading
    hashed = content_hash.hex() or None
    return FileLine(item.path, state, hashed, size if hashed else None, version, claim, reason, detail, signature_id)
