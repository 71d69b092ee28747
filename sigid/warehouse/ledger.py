"""The ledger: what became of each source file, and of each load.

It is written in the transaction of the signatures it tells of, so that the two never disagree.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain
from typing import Any, NamedTuple

from sigid.errors import Reason
from sigid.warehouse.fingerprint import Rows, fingerprint_of, rows_of
from sigid.warehouse.records import SOURCE_FILE, FileRow
from sigid.warehouse.session import Session, in_batches, marks


class State(StrEnum):
    """What the ledger knows of a source file."""

    LOADED = "loaded"
    REJECTED = "rejected"
    MISSING = "missing"
    """An index lists it, and it is not there."""
    GONE = "gone"
    """It was there."""

    @property
    def exists(self) -> bool:
        """Whether the file is known to be there."""
        return self in (State.LOADED, State.REJECTED)


class FileLine(NamedTuple):
    """One line of the ledger. `claim` is a digest of what the file's name, or an index, says of it."""

    path: str
    state: State
    content_hash: str | None = None
    size: int | None = None
    extractor_version: str | None = None
    claim: str | None = None
    reason: Reason | None = None
    detail: str | None = None
    signature_id: str | None = None
    """The signature that it is; of a file that has turned invalid, the one that it was and no other file is since."""


class Counts(NamedTuple):
    """What a load did. `unchanged` and `rejected` count files as they stand after it."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    retired: int = 0
    rejected: int = 0

    @property
    def files(self) -> tuple[int, int]:
        """How many files are loaded, and how many rejected, after it."""
        return self.added + self.changed + self.unchanged, self.rejected


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


MOST_PASSES = 8
"""So many times the database goes through all lines in the time in which they go through Python once."""

_HOLDING = "(f.state = 'loaded' OR (f.state = 'rejected' AND s.stale))"
"""Lines that have a signature: of valid files, and of those that have turned invalid and are no other file since."""

_LOADED = "f.state = 'loaded'"

_LINES = f"""
    SELECT f.path, f.state, f.content_hash, f.size, f.extractor_version, f.claim, f.reason, f.detail,
        CASE WHEN {_HOLDING} THEN f.signature_id END
    FROM source_file f LEFT JOIN signature s ON s.id = f.signature_id
    WHERE f.source = ? AND (f.signature_id IS NULL OR s.id IS NOT NULL)
        AND f.state IN ({_listed(State)}) AND (f.reason IS NULL OR f.reason IN ({_listed(Reason)}))
"""  # noqa: S608  # of constants
"""A line whose signature is no longer in the warehouse, or that says what no load says, is as good as none."""


class Ledger:
    """The ledger of one source."""

    def __init__(self, session: Session, source: str) -> None:
        self._session = session
        self._source = source
        self._load_id: int | None = None

    def lines(self) -> Iterator[FileLine]:
        """All lines, in the order of their paths."""
        return map(_line, self._session.select(f"{_LINES} ORDER BY f.path", [self._source]))

    def lines_of(self, paths: Sequence[str]) -> dict[str, FileLine]:
        """The lines of these paths, as `lines` has them."""
        return {
            row[0]: _line(row)
            for batch in in_batches(paths)
            for row in self._session.select(f"{_LINES} AND f.path IN ({marks(batch)})", [self._source, *batch])
        }

    def write(self, lines: Sequence[FileLine], started: datetime) -> None:
        """Put the lines in the place of those with their paths, and their files' invalid signatures as stale.

        The load, which began at `started`, is entered with its first lines.
        """
        if not lines:
            return
        stale = [line.signature_id for line in lines if line.state is State.REJECTED and line.signature_id]
        with self._session.transaction():
            load_id = self._entered(started)
            self._session.put(SOURCE_FILE, [_row(self._source, line, load_id) for line in lines])
            for batch in in_batches(stale):
                self._session.change(
                    f"UPDATE signature SET stale = ? WHERE id IN ({marks(batch)})",  # noqa: S608  # our own names, and marks for values
                    [True, *batch],
                )

    def moved(self, vanished: Collection[FileLine]) -> set[str]:
        """Of the signatures of files that vanished, those that other files have."""
        return self._held({line.signature_id for line in vanished}, _HOLDING, {line.path for line in vanished})

    def taken_over(self, invalid: Collection[FileLine]) -> set[str]:
        """Of the signatures of files that turn invalid, those that other, valid files are now."""
        return self._held({line.signature_id for line in invalid}, _LOADED, {line.path for line in invalid})

    def _held(self, signature_ids: Collection[str | None], by: str, but_by: Collection[str] = ()) -> set[str]:
        """Those of the signatures that lines have, as `lines` gives them, but for the lines of those paths.

        No index leads from a signature to its lines: all are gone through, and as long as that is faster several times
        by the database alone, which is told which ones are meant.
        """
        wanted = sorted(set(filter(None, signature_ids)))
        if not wanted:
            return set()
        meant = [*in_batches(wanted)]
        rows = chain.from_iterable(
            self._session.select(
                "SELECT f.path, f.signature_id FROM source_file f CROSS JOIN signature s"  # noqa: S608  # our own names, and marks for values
                f" WHERE f.source = ? AND s.id = f.signature_id AND {by}"
                + (f" AND f.signature_id IN ({marks(batch)})" if batch else ""),
                [self._source, *batch],
            )
            for batch in (meant if len(meant) <= MOST_PASSES else [()])
        )
        return {id_ for path, id_ in rows if id_ in signature_ids and path not in but_by}

    def retire(self, lines: Sequence[FileLine], started: datetime) -> int:
        """Put the lines' files down as gone, and let their signatures go. Returns how many were retired."""
        with self._session.transaction():
            self.write([FileLine(line.path, State.GONE, signature_id=line.signature_id) for line in lines], started)
            return self.let_go({line.signature_id for line in lines if line.signature_id})

    def let_go(self, signature_ids: Collection[str]) -> int:
        """Retire those of the signatures that no line has any more. Returns how many were retired."""
        with self._session.transaction():
            ids = sorted(set(signature_ids) - self._held(signature_ids, _HOLDING))
            moment = self._session.moment(datetime.now(UTC))
            return sum(
                self._session.change(
                    f"UPDATE signature SET retired_at = ? WHERE id IN ({marks(batch)}) AND retired_at IS NULL",  # noqa: S608  # our own names, and marks for values
                    [moment, *batch],
                )
                for batch in in_batches(ids)
            )

    def fingerprint(self) -> str | None:
        """The fingerprint of the last load."""
        rows = self._session.select(
            'SELECT fingerprint FROM "load" WHERE source = ? ORDER BY id DESC LIMIT 1', [self._source]
        )
        return next((fingerprint for (fingerprint,) in rows), None)

    def holds(self, manifest: str, *, surely: bool = False) -> Rows | None:
        """The rows that the last load left, where they are there still, and are what this manifest leads to.

        They are counted, which takes long where there are many, unless it is known that they are `surely` there.
        """
        rows = rows_of(self.fingerprint() or "", manifest)
        return rows if rows and (surely or rows == self._rows()) else None

    def last_counts(self) -> Counts:
        """What the last load did."""
        rows = self._session.select(
            f'SELECT {", ".join(Counts._fields)} FROM "load" WHERE source = ? ORDER BY id DESC LIMIT 1',  # noqa: S608  # our own names, and marks for values
            [self._source],
        )
        return next((Counts(*row) for row in rows), Counts())

    def finish(self, started: datetime, counts: Counts, manifest: str, rows: Rows | None = None) -> None:
        """Enter what the load did, and the digest of the manifest that the warehouse now holds ("" if not wholly).

        `rows` is how many there must be of the source, where that is known; they are counted where it isn't. A load
        that wrote nothing, and finds the digest and as many files there already, leaves no trace.
        """
        with self._session.transaction():
            fingerprint = manifest and fingerprint_of(manifest, rows or self._rows())
            if self._load_id is None and fingerprint == (self.fingerprint() or "") and self._says(counts, fingerprint):
                return
            values = {"finished": self._session.moment(datetime.now(UTC)), "fingerprint": fingerprint}
            values.update(counts._asdict())
            assigned = ", ".join(f"{name} = ?" for name in values)
            self._session.change(
                f'UPDATE "load" SET {assigned} WHERE id = ?',  # noqa: S608  # our own names, and marks for values
                [*values.values(), self._entered(started)],
            )

    def _says(self, counts: Counts, fingerprint: str) -> bool:
        """Whether the last load, if it was a whole one, left as many files."""
        return not fingerprint or counts.files == self.last_counts().files

    def _rows(self) -> Rows:
        return Rows(self._count("source_file"), self._count("signature"))

    def _count(self, table: str) -> int:
        ((rows,),) = self._session.select(f"SELECT count(*) FROM {table} WHERE source = ?", [self._source])  # noqa: S608  # our own names, and marks for values
        return int(rows)

    def _entered(self, started: datetime) -> int:
        if self._load_id is None:
            with self._session.transaction():
                nothing = Counts()._asdict()
                row = {"source": self._source, "started": self._session.moment(started), **nothing}
                self._load_id = self._session.insert("load", row)
        return self._load_id


def _row(source: str, line: FileLine, load_id: int) -> FileRow:
    path, state, content_hash, size, version, claim, reason, detail, signature_id = line
    return FileRow(
        source,
        path,
        content_hash,
        size,
        version,
        claim,
        state.value,
        reason and reason.value,
        detail,
        signature_id,
        load_id,
    )


def _line(row: tuple[Any, ...]) -> FileLine:
    path, state, content_hash, size, version, claim, reason, detail, signature_id = row
    return FileLine(
        path,
        _STATES[state],
        content_hash,
        size,
        version,
        claim,
        reason and Reason(reason),
        detail,
        signature_id,
    )


_STATES = {state.value: state for state in State}
