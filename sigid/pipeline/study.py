"""What a load will have to do, and the reading of it: what `load` and `plan` share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from sigid.errors import Reason
from sigid.pipeline import workers
from sigid.pipeline.changes import Action, Changes, Found, compare, what_hides
from sigid.pipeline.erased import leave_out
from sigid.pipeline.facts import TOO_LARGE, UNREAD, hash_of
from sigid.pipeline.folder import Folder
from sigid.pipeline.interpret import File, Job, Known, Reading, interpret
from sigid.pipeline.judge import Judge
from sigid.pipeline.listing import Listing, Place
from sigid.pipeline.names import NoNames, names_of
from sigid.pipeline.scan import trusted_stamp
from sigid.pipeline.workplace import Workplace
from sigid.settings import Settings
from sigid.sources.base import Names, Source
from sigid.warehouse.fingerprint import Rows
from sigid.warehouse.ledger import FileLine, Ledger
from sigid.warehouse.records import Moment
from sigid.warehouse.tombstones import Tombstones

BATCH_FILES = 500
BATCH_BYTES = 2 * 2**20

FEW_FILES = 20_000
"""Where more may have changed, all are compared: of those that are affected, the ledger's lines are held in memory."""

LinesOf = Callable[[list[str]], dict[str, FileLine]]
"""Gives the ledger's lines of some paths."""


class Item(NamedTuple):
    """A file that is to be read: where it is in the listing, and what the ledger has on it."""

    path: str
    folder: Folder
    position: int
    line: FileLine | None = None

    def file(self, *, anew: bool) -> File:
        """What whoever reads it needs to know; `anew`, it is to say everything again, whatever is known of it."""
        line = self.line
        if anew or line is None or not line.state.exists or line.content_hash is None:
            return File(self.path)
        return File(self.path, Known(line.content_hash, line.claim, line.extractor_version))


class Refused(NamedTuple):
    """A file that is not let in, and why."""

    path: str
    reason: Reason
    detail: str


class Study:
    """A source's files as they lie there, held against the ledger. `clock` is the file system's time before it.

    The files of what was erased are taken out of the listing first of all.
    """

    def __init__(
        self,
        source: Source,
        settings: Settings,
        listing: Listing,
        ledger: Ledger | None,
        clock: int,
        tombstones: Tombstones,
        *,
        rehash: bool,
        stands: bool = False,
    ) -> None:
        """Raises DatasetError where the dataset can't be trusted as a whole.

        With `rehash` every file is read, and says everything again. `stands` says that the warehouse is known to hold
        what the listing is based on.
        """
        self.source = source
        self._rehash = rehash
        self._stands = stands
        self.listing = listing
        self._settings = settings
        self._root = str(Workplace.of(source, settings).root)
        self._clock = clock
        self._tombstones = tombstones
        self.names = self._read_names()
        leave_out(listing, source, self.names, tombstones)
        self._judge = Judge(source, listing, self.names)
        self._hidden = frozenset(listing.hidden())
        self.affected: list[Place] | None = None
        """Where the files are to which something may have happened, where these are not all."""
        self.rows: Rows | None = None
        """What the ledger held before, where it was not compared with all files."""
        self._lines_of: LinesOf = ledger.lines_of if ledger else lambda _paths: {}
        self.changes: Changes = self._compare(ledger)

    def behind_links(self) -> list[tuple[str, int]]:
        """The links that have taken the place of folders, and how many files the ledger knows in each of these."""
        unreadable = self.listing.unreadable
        return sorted((path, files) for path, files in self.changes.out_of_sight.items() if path not in unreadable)

    def rejected(self) -> Iterator[list[Refused]]:
        """Batches of the files that are to be rejected without being read, and are not yet; ask after `reading`."""
        batch: list[Refused] = []
        for _, folder, index in self._with({Action.REJECT}):
            batch.append(self._refused(folder, index))
            if len(batch) == BATCH_FILES:
                yield batch
                batch = []
        if batch:
            yield batch

    def in_step(self) -> Callable[[str | None], Iterator[Refused]]:
        """Gives those files in step with `reading`: up to one that was read, by its path, and with None the rest.

        Beyond what was read it is not certain yet which they are.
        """
        places = enumerate(self._places())

        def up_to(path: str | None) -> Iterator[Refused]:
            for number, (folder, index) in places:
                if self.changes.actions[number] == Action.REJECT:
                    yield self._refused(folder, index)
                if path is not None and folder.path_of(index) == path:
                    return

        return up_to

    @contextmanager
    def reading(self, moment: Moment) -> Iterator[Iterator[list[tuple[Item, Reading]]]]:
        """Read the files that are to be read: batches of them with what they say, in the order of their paths.

        What was read is put down in the listing when the next batch is asked for. `moment` is when signatures that are
        new will have been made. Whoever reads ends with the context, also where not all has been asked for.
        """
        with workers.executor(self._settings, self.changes.to_read()) as executor:
            times_larger = executor.times_larger(self.changes.to_read() // BATCH_FILES)
            jobs = ((items, self._job(items, moment)) for items in self._items(times_larger))
            yield self._put_down_read(workers.in_order(executor, interpret, jobs, lambda: executor.ahead))

    def _put_down_read(
        self, batches: Iterator[tuple[list[Item], list[Reading]]]
    ) -> Iterator[list[tuple[Item, Reading]]]:
        for items, readings in batches:
            results = list(zip(items, readings, strict=True))
            yield results
            for item, reading in results:
                if reading.content_hash:
                    stamp = trusted_stamp(reading.stamp, self._clock)
                    item.folder.record(item.position, reading.content_hash, stamp)

    def _job(self, items: Iterable[Item], moment: Moment) -> Job:
        files = [item.file(anew=self._rehash) for item in items]
        names = self.names.only([file.path for file in files])
        return Job(self._root, self.source, names, moment, files)

    def missing(self, withheld: Iterable[FileLine]) -> list[Refused]:
        """The files that must be there and are not, in the order of their paths, but for those of `withheld` lines.

        Of those that can't be seen, only the ones that were missing when they could; of what was erased, none.
        """
        expected = set(self.names.expected())
        if expected and self._tombstones:
            expected = {path for path in expected if not self._tombstones.cover(self.names.whose(path))}
        if expected:
            expected.difference_update(folder.path_of(index) for folder, index in self.listing)
            expected.difference_update(line.path for line in withheld)
        known = {line.path for line in self.changes.missing}
        gone = sorted(path for path in expected if path in known or what_hides(path, self._hidden) is None)
        detail = f"{self.source.index} lists it, and it is not there"
        return [Refused(path, Reason.FILE_MISSING, detail) for path in gone]

    def _compare(self, ledger: Ledger | None) -> Changes:
        """Compare all files with all of the ledger; or, where it holds what the listing is based on, the affected."""
        departed = self.listing.departed
        few = self.listing.about_unknown() + len(departed) <= FEW_FILES
        if ledger and few and not self._rehash and not self.source.index:
            self.rows = ledger.holds(self.listing.base, surely=self._stands)
        if ledger is None or self.rows is None:
            self._judge.compare_all(self._settings.workers)
            lines = ledger.lines() if ledger else ()
            return compare(self._files(), lines, rehash=self._rehash, hidden=self._hidden)
        self.affected = self._judge.compare_new()
        paths = {folder.path_of(index) for folder, index in self.affected} | departed.keys()
        known = ledger.lines_of(sorted(paths))
        self._lines_of = lambda _paths: known  # no others are read
        changes = compare(self._files(), [known[path] for path in sorted(known)], hidden=self._hidden)
        changes.add_others(ledger.last_counts(), known.values())
        return changes

    def _places(self) -> Iterable[Place]:
        """Where the files are that are compared."""
        return self._judge.all() if self.affected is None else self.affected

    def _files(self) -> Iterator[tuple[str, Callable[[], Found]]]:
        return ((folder.path_of(index), partial(self._found, folder, index)) for folder, index in self._places())

    def _found(self, folder: Folder, index: int) -> Found:
        """The file as it is known unread; that its content does not matter is put down in the listing."""
        found = self._judge.judge(folder, index)
        _put_down(found.rejection, folder, index)
        return found

    def _refused(self, folder: Folder, index: int) -> Refused:
        """The file, which is rejected unread."""
        found = self._found(folder, index)
        reason, detail = found.rejection or (Reason.NAME_NOT_UNDERSTOOD, "")
        return Refused(found.path, reason, detail)

    def _items(self, times_larger: int) -> Iterator[list[Item]]:
        batch: list[Item] = []
        size = 0
        for number, folder, index in self._with({Action.READ, Action.MEET}):
            if rejection := self._judge.rejection(folder, index):
                _put_down(rejection, folder, index)
                self.changes.actions[number] = Action.REJECT
                continue
            batch.append(Item(folder.path_of(index), folder, index))
            size += folder.size(index)
            if len(batch) >= times_larger * BATCH_FILES or size >= times_larger * BATCH_BYTES:
                yield self._looked_up(batch)
                batch, size = [], 0
        if batch:
            yield self._looked_up(batch)

    def _looked_up(self, batch: list[Item]) -> list[Item]:
        if self.affected is None and not self.changes.known:
            return batch
        lines = self._lines_of([item.path for item in batch])
        return [item._replace(line=lines.get(item.path)) for item in batch]

    def _with(self, wanted: set[Action]) -> Iterator[tuple[int, Folder, int]]:
        """The files with one of these actions: how manieth each is, and where it is in the listing."""
        if any(action in self.changes.actions for action in wanted):
            for number, (folder, index) in enumerate(self._places()):
                if self.changes.actions[number] in wanted:
                    yield number, folder, index

    def _read_names(self) -> Names:
        if self.source.index and not len(self.listing):
            return NoNames()
        return names_of(self.source, self._root, self._record_index)

    def _record_index(self, content: bytes, stamp: bytes) -> None:
        top = next((folder for folder in self.listing.folders if not folder.path), None)
        if top is not None and self.source.index in top.names:
            top.record(top.names.index(self.source.index), hash_of(content), trusted_stamp(stamp, self._clock))


def _put_down(rejection: tuple[Reason, str] | None, folder: Folder, index: int) -> None:
    """Put down in the listing that the content of a file that is rejected unread does not matter."""
    if rejection:
        folder.record(index, TOO_LARGE if rejection[0] is Reason.TOO_LARGE else UNREAD)
