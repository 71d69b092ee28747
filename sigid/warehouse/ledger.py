"""The ledger: what became of each source file, and of each load.

It is written in the transaction of the signatures it tells of, so that the two never disagree.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, or_, select, update

from sigid.entity import now
from sigid.errors import Reason
from sigid.warehouse.database import Access, in_batches
from sigid.warehouse.fingerprint import fingerprint_of
from sigid.warehouse.schema import load, signature, source_file


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


@dataclass(frozen=True, slots=True)
class FileLine:
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


@dataclass(frozen=True, slots=True)
class Counts:
    """What a load did. `unchanged` and `rejected` count files as they stand after it."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    retired: int = 0
    rejected: int = 0


_LOADED = source_file.c.state == State.LOADED
_HOLDING = or_(_LOADED, and_(source_file.c.state == State.REJECTED, signature.c.stale))
"""Lines that have a signature: of valid files, and of those that have turned invalid and are no other file since."""

_FEW = 500  # what a database can look for in one statement

_FIELDS = [source_file.c[name] for name in FileLine.__slots__]
_LINES = select(*_FIELDS, signature.c.id, _HOLDING.label("holds")).outerjoin_from(source_file, signature)


class Ledger:
    """The ledger of one source."""

    def __init__(self, warehouse: Access, source: str) -> None:
        self._warehouse = warehouse
        self._source = source
        self._load_id: int | None = None

    def lines(self) -> Iterator[FileLine]:
        """All lines, in the order of their paths.

        A line whose signature is no longer in the warehouse is as good as none, and left out.
        """
        statement = _LINES.where(source_file.c.source == self._source).order_by(source_file.c.path)
        with self._warehouse.reading() as connection:
            for row in connection.execution_options(yield_per=1000).execute(statement):
                if row.signature_id == row.id:
                    yield _line(row)

    def lines_of(self, paths: Collection[str]) -> dict[str, FileLine]:
        """The lines of these paths, as `lines` has them."""
        statement = _LINES.where(source_file.c.source == self._source, source_file.c.path.in_(paths))
        with self._warehouse.reading() as connection:
            return {row.path: _line(row) for row in connection.execute(statement) if row.signature_id == row.id}

    def write(self, lines: Sequence[FileLine], started: datetime) -> None:
        """Put the lines in the place of those with their paths, and their files' invalid signatures as stale.

        The load, which began at `started`, is entered with its first lines.
        """
        if not lines:
            return
        stale = [line.signature_id for line in lines if line.state is State.REJECTED and line.signature_id]
        with self._warehouse.transaction() as connection:
            load_id = self._entered(started)
            rows = [
                {
                    "source": self._source,
                    "load_id": load_id,
                    **{name: getattr(line, name) for name in FileLine.__slots__},
                }
                for line in lines
            ]
            connection.execute(self._warehouse.database.upsert(source_file), rows)
            if stale:
                connection.execute(update(signature).where(signature.c.id.in_(stale)).values(stale=True))

    def moved(self, vanished: Collection[FileLine]) -> set[str]:
        """Of the signatures of files that vanished, those that other files have."""
        return self._held({line.signature_id for line in vanished}, _HOLDING, {line.path for line in vanished})

    def taken_over(self, invalid: Collection[FileLine]) -> set[str]:
        """Of the signatures of files that turn invalid, those that other, valid files are now."""
        return self._held({line.signature_id for line in invalid}, _LOADED, {line.path for line in invalid})

    def _held(
        self, signature_ids: Collection[str | None], by: ColumnElement[bool], but_by: Collection[str] = ()
    ) -> set[str]:
        """Those of the signatures that lines have, as `lines` gives them, but for the lines of those paths."""
        holders = (
            select(source_file.c.path, source_file.c.signature_id)
            .join_from(source_file, signature)
            .where(source_file.c.source == self._source, by)
        )
        if len(signature_ids) <= _FEW:
            holders = holders.where(source_file.c.signature_id.in_(signature_ids))
        with self._warehouse.reading() as connection:
            rows = connection.execute(holders.execution_options(yield_per=1000)) if signature_ids else ()
            return {id_ for path, id_ in rows if id_ in signature_ids and path not in but_by}

    def retire(self, lines: Sequence[FileLine], started: datetime) -> int:
        """Put the lines' files down as gone, and let their signatures go. Returns how many were retired."""
        with self._warehouse.transaction():
            self.write([FileLine(line.path, State.GONE, signature_id=line.signature_id) for line in lines], started)
            return self.let_go({line.signature_id for line in lines if line.signature_id})

    def let_go(self, signature_ids: Collection[str]) -> int:
        """Retire those of the signatures that no line has any more. Returns how many were retired."""
        ids = sorted(set(signature_ids) - self._held(signature_ids, _HOLDING))
        with self._warehouse.transaction() as connection:
            return sum(
                connection.execute(
                    update(signature)
                    .where(signature.c.id.in_(batch), signature.c.retired_at.is_(None))
                    .values(retired_at=now())
                ).rowcount
                for batch in in_batches(ids)
            )

    def fingerprint(self) -> str | None:
        """The fingerprint of the last load."""
        with self._warehouse.reading() as connection:
            return connection.execute(
                select(load.c.fingerprint).where(load.c.source == self._source).order_by(load.c.id.desc()).limit(1)
            ).scalar()

    def finish(self, started: datetime, counts: Counts, manifest: str) -> None:
        """Enter what the load did, and the digest of the manifest that the warehouse now holds ("" if not wholly).

        A load that wrote nothing, and finds the digest there already, leaves no trace.
        """
        with self._warehouse.transaction() as connection:
            fingerprint = manifest and fingerprint_of(manifest, *self._rows())
            if self._load_id is None and fingerprint == (self.fingerprint() or ""):
                return
            values = {"finished": now(), "fingerprint": fingerprint, **asdict(counts)}
            connection.execute(update(load).where(load.c.id == self._entered(started)).values(values))

    def _rows(self) -> tuple[int, int]:
        with self._warehouse.reading() as connection:
            lines, signatures = (
                connection.execute(
                    select(func.count()).select_from(table).where(table.c.source == self._source)
                ).scalar_one()
                for table in (source_file, signature)
            )
            return lines, signatures

    def _entered(self, started: datetime) -> int:
        if self._load_id is None:
            with self._warehouse.transaction() as connection:
                entered = connection.execute(load.insert(), {"source": self._source, "started": started})
                key: Any = entered.inserted_primary_key
                self._load_id = int(key[0])
        return self._load_id


def _line(row: Row[*tuple[Any, ...]]) -> FileLine:
    return FileLine(
        path=row.path,
        state=State(row.state),
        content_hash=row.content_hash,
        size=row.size,
        extractor_version=row.extractor_version,
        claim=row.claim,
        reason=row.reason and Reason(row.reason),
        detail=row.detail,
        signature_id=row.signature_id if row.holds else None,
    )
