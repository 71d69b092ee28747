"""verify: does the warehouse agree with itself, and with the files? It reads them as a load does, and writes nothing.

What has changed since the last load is no damage: a load will see it. What a load would not see is told with the way
out of it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from heapq import nsmallest
from typing import NamedTuple

import xxhash

from sigid.errors import DatasetError, Reason, WarehouseError
from sigid.pipeline.changes import Action
from sigid.pipeline.extract import Plain
from sigid.pipeline.garbage import rarely_collected
from sigid.pipeline.ground import Ground
from sigid.pipeline.interpret import Reading, Registrable
from sigid.pipeline.register import Result, registered
from sigid.pipeline.scan import digest_of, look, recall
from sigid.pipeline.study import Item, Study
from sigid.pipeline.workplace import Workplace
from sigid.settings import Settings
from sigid.sources.base import Source
from sigid.warehouse.audit import Audit
from sigid.warehouse.database import database_at
from sigid.warehouse.erasure import NO_TRACES, Erasure, erasures, find_traces, tombstones_of
from sigid.warehouse.finding import BACKUP, Finding, Mark, rehash
from sigid.warehouse.ledger import FileLine, Ledger, State
from sigid.warehouse.session import Database, Session
from sigid.warehouse.signatures import Signature
from sigid.warehouse.tombstones import Tombstones
from sigid.warehouse.version import refuse_older

Progress = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]
"""Shows how far some work is: it is told what work, and then how many of how many are done."""


class Sample(NamedTuple):
    """At most so many files of each source are read again; the same seed chooses the same ones."""

    size: int
    seed: str


class Verification:
    """A warehouse, to be held against itself and against the files of some sources."""

    def __init__(self, settings: Settings, sources: Collection[Source], sample: Sample | None = None) -> None:
        self._settings = settings
        self._sources = sources
        self._sample = sample
        self.checked: Counter[str] = Counter()
        """How many `signatures`, `signees`, `forgers`, `files` of the ledger and `loads` there are, how many files were
        `read` again, and how many findings are `wrong`."""

    def findings(self, progress: Progress) -> Iterator[Finding]:
        """What is wrong, and what is worth knowing, as it comes to light.

        Raises WarehouseError where the warehouse cannot be read, or only so far.
        """
        for each in self._all(progress):
            self.checked["wrong"] += each.mark is Mark.WRONG
            yield each

    def _all(self, progress: Progress) -> Iterator[Finding]:
        with rarely_collected(), closing(database_at(self._settings.warehouse)) as database:
            _refuse_others(database)
            with database.looking() as connection:
                for damage in database.damage(connection):
                    yield Finding(Mark.WRONG, database.name, damage, BACKUP)
                with progress("verifying") as show:
                    audit = Audit(connection, show)
                    yield from audit.findings()
                self.checked.update(audit.checked)
                session = database.session_of(connection)
                known = erasures(session)
                yield from self._erased(known, session)
                for source in self._sources:
                    with progress(f"reading {source.name}") as show:
                        files = _Files(source, self._settings, session, audit.illegible, self._sample)
                        yield from files.findings(tombstones_of(known), show)
                    self.checked["read"] += files.read

    def _erased(self, known: Collection[Erasure], session: Session) -> Iterator[Finding]:
        """What was erased and is there, as after a backup was restored, and what is not finished."""
        traces = find_traces(session, tombstones_of(known), Ground(self._settings).whose) if known else NO_TRACES
        for table, rows in traces.rows().items():
            if rows:
                what = f"{rows} rows in {table} are of what was erased"
                yield Finding(Mark.WRONG, "erasures", what, "`doit erase` takes them away")
        if unfinished := sum(not each.is_finished for each in known):
            what = f"{unfinished} are not finished: files may still hold bytes of what is gone"
            yield Finding(Mark.SINCE, "erasures", what, "`doit erase`, or the next load, does the rest")


def _refuse_others(database: Database) -> None:
    version = database.version()
    if version is None:
        raise WarehouseError(f"there is nothing to verify in {database.name}; the first load makes a warehouse")
    refuse_older(database.name, version)


class _Files:
    """The files of one source, held against the ledger and the signatures."""

    def __init__(
        self, source: Source, settings: Settings, session: Session, illegible: Collection[str], sample: Sample | None
    ) -> None:
        self._source = source
        self._settings = settings
        self._session = session
        self._illegible = illegible
        self._sample = sample
        self._ledger = Ledger(session, source.name)
        self._since: Counter[str] = Counter()
        self._example: dict[str, str] = {}
        self._standing = False
        """Whether the last load has left the files' stamps and the ledger's fingerprint as they are: what then differs
        is no change, and a load without --rehash has nothing to do."""
        self.read = 0

    def findings(self, tombstones: Tombstones, show: Callable[[int, int], None]) -> Iterator[Finding]:
        """What differs, but for what was erased."""
        place = Workplace.of(self._source, self._settings)
        listing = look(self._source, place.root, self._settings.workers)
        recall(listing, place)
        if listing.is_empty() and not listing.unreadable:
            yield Finding(Mark.SINCE, self._source.name, f"there are no files in {place.root} to hold against it")
            return
        try:
            study = Study(self._source, self._settings, listing, self._ledger, time.time_ns(), tombstones, rehash=True)
        except DatasetError as error:
            yield Finding(Mark.WRONG, self._source.name, str(error))
            return
        self._standing = self._ledger.holds(digest_of(listing, place)) is not None
        yield from self._unseen(study)
        yield from self._unread(study)
        self._narrow(study)
        yield from self._said(study, show)
        yield from self._all_since()

    def _unseen(self, study: Study) -> Iterator[Finding]:
        for folder, trouble in sorted(study.listing.unreadable.items()):
            what = f"the folder cannot be read ({trouble}); what it holds is not verified"
            yield Finding(Mark.WRONG, self._path(folder), what, "give this user the right to read it")
        for link, files in study.behind_links():
            what = f"it is a symbolic link, and is not followed; the {files} files known there are not verified"
            yield Finding(Mark.WRONG, self._path(link), what, "put the folder itself there, or mount it")

    def _unread(self, study: Study) -> Iterator[Finding]:
        """What differs without any file being read."""
        changes = study.changes
        for line in changes.vanished:
            if line.path not in study.listing.erased:
                yield from self._deviates(line.path, "gone", "it is in the ledger, and was not there")
        gone = {line.path for line in changes.vanished}
        known = {line.path for line in changes.missing}
        for path in sorted(({file.path for file in study.missing(())} ^ known) - gone):
            yield from self._deviates(
                path, "listed otherwise", "it is listed and missing, or not, and the ledger has it otherwise"
            )
        for batch in study.rejected():
            for path, reason, detail in batch:
                yield from self._deviates(path, "not to be let in", f"it is not to be let in ({reason}: {detail})")

    def _narrow(self, study: Study) -> None:
        """Have no file read that the ledger does not know, and of the others no more than the sample."""
        actions = study.changes.actions
        self._since["new"] += actions.count(Action.MEET)
        known = [number for number, action in enumerate(actions) if action == Action.READ]
        if self._sample is not None:
            size, seed = self._sample
            known = nsmallest(size, known, key=lambda number: xxhash.xxh3_64_intdigest(f"{seed}/{number}".encode()))
        actions[:] = bytes(len(actions))
        for number in known:
            actions[number] = Action.READ

    def _said(self, study: Study, show: Callable[[int, int], None]) -> Iterator[Finding]:
        """What differs from what the files say."""
        total = study.changes.to_read()
        with study.reading(datetime.now(UTC)) as batches:
            for results in batches:
                agreeing = []
                for item, reading in results:
                    yield from self._of_content(item, reading)
                    if (new := self._to_compare(item, reading)) is not None:
                        agreeing.append((item, reading, new))
                for of_file in registered(agreeing, self._session):
                    yield from self._of_signature(of_file)
                self.read += len(results)
                show(self.read, total)

    def _of_content(self, item: Item, reading: Reading) -> Iterator[Finding]:
        """How the content, and the verdict on it, differ from what the ledger has."""
        path, line = item.path, item.line
        if line is None or not line.state.exists:
            self._note("there again", path)
        elif reading.said is Plain.GONE:
            self._note("gone", path)
        elif not reading.content_hash:
            reason, detail = reading.rejection or (Reason.UNREADABLE, "")
            what = f"it cannot be read ({reason}: {detail}), and is not verified"
            yield Finding(Mark.WRONG, self._path(path), what, "have it readable and at rest, and verify again")
        elif reading.content_hash.hex() != line.content_hash:
            yield from self._of_other_content(item, line)
        elif not _stands(line, reading):
            yield from self._deviates(path, "named or read otherwise", "the ledger has it named or read otherwise")
        elif wrong := _verdict(line, reading):
            yield self._wrong(path, wrong)

    def _of_other_content(self, item: Item, line: FileLine) -> Iterator[Finding]:
        """The content is not the one that was loaded: it has changed, or rotted, or the ledger is wrong."""
        known = item.folder.content(item.position).hex()
        if known == line.content_hash:
            what = "its content is another than was loaded, and its size and dates are the same"
            way_out = f"restore the file from a backup; or, to take it as it is, {rehash(self._source.name)}"
            yield Finding(Mark.WRONG, self._path(item.path), what, way_out)
        else:
            yield from self._deviates(item.path, "changed", "the ledger has another content than was loaded")

    def _to_compare(self, item: Item, reading: Reading) -> Registrable | None:
        """What a valid file says that the ledger has as loaded, with just that content; None of any other one."""
        line, new = item.line, reading.said
        if line is None or line.state is not State.LOADED or not isinstance(new, Registrable):
            return None
        agrees = line.content_hash == reading.content_hash.hex() and _stands(line, reading)
        return new if agrees and new.row.id not in self._illegible else None

    def _of_signature(self, of_file: Result) -> Iterator[Finding]:
        """How what is stored differs from what the file says; what the audit sees is not told again."""
        path, line = of_file.item.path, of_file.item.line
        if line is not None and line.signature_id and of_file.superseded:
            yield self._wrong(path, "the ledger has it as another signature")
        elif of_file.known is not None and (wrong := list(_differences(of_file.signature, of_file.known))):
            yield self._wrong(path, f"what is stored is not what the file says: {', '.join(wrong)}")

    def _deviates(self, path: str, since: str, wrong: str) -> Iterator[Finding]:
        """What the files and the ledger do not agree on: a change since the last load, unless none can have been."""
        if self._standing:
            yield self._wrong(path, wrong)
        else:
            self._note(since, path)

    def _wrong(self, path: str, what: str) -> Finding:
        return Finding(Mark.WRONG, self._path(path), what, rehash(self._source.name))

    def _note(self, since: str, path: str) -> None:
        self._since[since] += 1
        self._example.setdefault(since, path)

    def _all_since(self) -> Iterator[Finding]:
        for since, number in self._since.items():
            if number:
                such_as = f", such as {self._example[since]}" if since in self._example else ""
                what = f"since the last load {number} files are {since}{such_as}"
                yield Finding(Mark.SINCE, self._source.name, what, f"`doit load_{self._source.name}` sees to that")

    def _path(self, path: str) -> str:
        return f"{self._source.name}/{path}"


def _stands(line: FileLine, reading: Reading) -> bool:
    """Whether the name still claims what the ledger has, and is read by what has read it then."""
    return (line.claim, line.extractor_version) == (reading.claim, reading.version)


def _verdict(line: FileLine, reading: Reading) -> str:
    """How the verdict on a content that stands differs from the ledger's, if it does."""
    if reading.rejection is None:
        return (
            "" if line.state is State.LOADED else f"it is rejected ({line.reason}), and there is nothing wrong with it"
        )
    reason, detail = reading.rejection
    if line.state is State.LOADED:
        return f"it is loaded, and is not to be let in ({reason}: {detail})"
    if (line.reason, line.detail) != reading.rejection:
        return f"it is rejected ({line.reason}: {line.detail}), and that is not why ({reason}: {detail})"
    return ""


_TOLD_OTHERWISE = {"metadata", "content_hash", "created", "asset_id", "retired_at", "stale"}


def _differences(said: Signature, stored: Signature) -> Iterator[str]:
    for name, ours, theirs in zip(said.row._fields, said.row, stored.row, strict=True):
        if name not in _TOLD_OTHERWISE and ours != theirs:
            yield f"{name} is {theirs!r}, not {ours!r}"
    if said.row.metadata != stored.row.metadata:
        yield "the metadata are others"
    points_are_told = said.trajectory is not None and stored.trajectory is None
    if (
        said.row.content_hash == stored.row.content_hash
        and said.trajectory != stored.trajectory
        and not points_are_told
    ):
        yield "the points are others"
