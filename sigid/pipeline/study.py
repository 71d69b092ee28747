"""What a load will have to do, and the reading of it: what `load` and `plan` share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sigid.errors import DatasetError, Reason, Rejected
from sigid.pipeline import workers
from sigid.pipeline.changes import Action, Changes, Found, compare, is_hidden, stands
from sigid.pipeline.extract import Batch, Extracted, Task, extract, read_file
from sigid.pipeline.judge import Judge
from sigid.pipeline.listing import UNREAD, Folder, Listing, hash_of
from sigid.pipeline.scan import Workplace, raw, trusted_stamp
from sigid.settings import Settings
from sigid.sources.base import Claim, Names, Source
from sigid.warehouse.ledger import FileLine

BATCH_FILES = 1000
BATCH_BYTES = 8 * 2**20
_INDEX_MAX_BYTES = 2**30

LinesOf = Callable[[list[str]], dict[str, FileLine]]
"""Gives the ledger's lines of some paths."""


@dataclass(frozen=True, slots=True)
class Item:
    """A file that is to be read: where it is in the listing, what it claims to be, and what the ledger has on it."""

    found: Found
    claim: Claim
    folder: Folder
    index: int
    line: FileLine | None

    @property
    def task(self) -> Task:
        """What extraction needs to know."""
        known = self.line.content_hash if self.line is not None and stands(self.line, self.found) else None
        return Task(raw(self.found.path), self.claim.format, bytes.fromhex(known or ""))


class NoNames:
    """The names of a dataset that is gone with its index."""

    def claim(self, path: str) -> Claim:
        """Nothing."""
        raise Rejected(Reason.NOT_LISTED, f"there is no index, and so nothing says what {path} is")

    def expected(self) -> Iterable[str]:
        """Nothing."""
        return ()


class Study:
    """A source's files as they lie there, held against the ledger. `clock` is the file system's time before it."""

    def __init__(
        self, source: Source, settings: Settings, listing: Listing, known: Iterable[FileLine], clock: int, rehash: bool
    ) -> None:
        """Raises DatasetError where the dataset can't be trusted as a whole."""
        self.source = source
        self.listing = listing
        self._settings = settings
        self._root = str(Workplace.of(source, settings).root)
        self._clock = clock
        self.names = self._read_names()
        self._judge = Judge(source, listing, self.names)
        self._hidden = frozenset(listing.hidden())
        self.changes: Changes = compare(self._found(), known, rehash=rehash, hidden=self._hidden)

    def rejected(self) -> Iterator[list[Found]]:
        """Batches of the files that are to be rejected without being read, and have not been yet."""
        batch = []
        for folder, index in self._files(Action.REJECT):
            batch.append(self._judge.found(folder, index))
            if len(batch) == BATCH_FILES:
                yield batch
                batch = []
        if batch:
            yield batch

    def read(self, lines_of: LinesOf) -> Iterator[list[tuple[Item, Extracted]]]:
        """Read the files that are to be read: batches of them with what they say, in the order of their paths.

        What was read is put down in the listing when the next batch is asked for.
        """
        with workers.executor(self._settings, self.changes.actions.count(Action.READ)) as executor:
            jobs = (
                (items, Batch(self._root, self.source.accepts_blank, [item.task for item in items]))
                for items in self._items(lines_of)
            )
            for items, extracted in workers.in_order(executor, extract, jobs, workers.ahead(executor, self._settings)):
                results = list(zip(items, extracted, strict=True))
                yield results
                for item, result in results:
                    if result.content_hash:
                        stamp = trusted_stamp(result.stamp, self._clock)
                        item.folder.record(item.index, result.content_hash, stamp)

    def missing(self, withheld: Iterable[FileLine]) -> list[str]:
        """The paths of the files that must be there and are not, but for those of `withheld` lines.

        Of those that can't be seen, only the ones that were missing when they could.
        """
        expected = set(self.names.expected())
        if expected:
            expected.difference_update(folder.path_of(index) for folder, index in self.listing)
            expected.difference_update(line.path for line in withheld)
        known = {line.path for line in self.changes.missing}
        return sorted(path for path in expected if path in known or not is_hidden(path, self._hidden))

    def _found(self) -> Iterator[Found]:
        """The files as they are known unread; those whose content does not matter are put down in the listing so."""
        for folder, index in self._judge.files():
            found = self._judge.found(folder, index)
            if found.rejection and found.rejection[0] is not Reason.TOO_LARGE:
                folder.record(index, UNREAD)
            yield found

    def _items(self, lines_of: LinesOf) -> Iterator[list[Item]]:
        batch: list[tuple[Folder, int]] = []
        size = 0
        for folder, index in self._files(Action.READ):
            batch.append((folder, index))
            size += folder.size(index)
            if len(batch) == BATCH_FILES or size >= BATCH_BYTES:
                yield self._looked_up(batch, lines_of)
                batch, size = [], 0
        if batch:
            yield self._looked_up(batch, lines_of)

    def _looked_up(self, batch: list[tuple[Folder, int]], lines_of: LinesOf) -> list[Item]:
        lines = lines_of([folder.path_of(index) for folder, index in batch])
        judged = ((folder, index, *self._judge.judge(folder, index)) for folder, index in batch)
        return [
            Item(found, claim, folder, index, lines.get(found.path)) for folder, index, found, claim in judged if claim
        ]

    def _files(self, action: Action) -> Iterator[tuple[Folder, int]]:
        if action in self.changes.actions:
            for where, its_action in zip(self._judge.files(), self.changes.actions, strict=True):
                if its_action == action:
                    yield where

    def _read_names(self) -> Names:
        index = self.source.index
        if index is None:
            return self.source.names(None)
        if not len(self.listing):
            return NoNames()
        try:
            content, stamp = read_file(self._root, index, "index", _INDEX_MAX_BYTES)
        except FileNotFoundError:
            raise DatasetError(
                f"{self._root} has no {index}, which says what its files are; nothing is touched"
            ) from None
        except Rejected as rejected:
            raise DatasetError(
                f"{self._root}/{index} cannot be read: {rejected.detail}; nothing is touched"
            ) from rejected
        top = next((folder for folder in self.listing.folders if not folder.path), None)
        if top is not None and index in top.names:
            top.record(top.names.index(index), hash_of(content), trusted_stamp(stamp, self._clock))
        try:
            return self.source.names(content)
        except DatasetError as error:
            raise DatasetError(f"{self._root}: {error}; nothing is touched until then") from error
