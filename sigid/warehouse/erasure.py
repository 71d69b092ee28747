"""Erasure in the warehouse: the tombstones that it keeps, and the rows that are to go with what was erased.

What becomes of the bytes that the database's files still hold of deleted rows is `Database.compact`'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sigid.warehouse.records import ERASURE, ErasureRow
from sigid.warehouse.session import Database, Session, in_batches, marks
from sigid.warehouse.tombstones import Tombstone, Tombstones

Whose = Callable[[str, str], Iterable[str]]
"""Gives, for a source and the path of a file there, the ids of the signees and signatures that it may be of."""


class Erasure(NamedTuple):
    """A tombstone, and when it was put down. It is finished when no file of ours holds a byte of what was erased."""

    tombstone: Tombstone
    erased: datetime
    is_finished: bool = False


def erasures(session: Session) -> list[Erasure]:
    """All that the warehouse knows of, in an order that tells nothing."""
    rows = session.select("SELECT mac, hmac_key, erased, finished FROM erasure ORDER BY mac")
    return [Erasure(Tombstone(mac, key), _time(erased), finished is not None) for mac, key, erased, finished in rows]


def tombstones_of(each: Iterable[Erasure]) -> Tombstones:
    """Their tombstones."""
    return Tombstones(erasure.tombstone for erasure in each)


def _time(told: Any) -> datetime:
    """What a database gives back of a `Moment`."""
    time = told if isinstance(told, datetime) else datetime.fromisoformat(told)
    return time.replace(tzinfo=UTC)


def has_any_of(session: Session, source: str) -> bool:
    """Whether the warehouse has a file, or a signature, of the source."""
    return any(
        list(session.select(f"SELECT source FROM {table} WHERE source = ? LIMIT 1", [source]))  # noqa: S608  # of constants
        for table in ("source_file", "signature")
    )


def put_down(session: Session, new: Collection[Erasure]) -> None:
    """Put the tombstones down, or have those that stand already be finished once more."""
    with session.transaction():
        session.add(ERASURE, [ErasureRow(*each.tombstone, session.moment(each.erased)) for each in new])
        _set_finished(session, new, None)


def finish(session: Session, done: Collection[Erasure]) -> None:
    """Put down that nothing is left to be done for these."""
    _set_finished(session, done, datetime.now(UTC))


def _set_finished(session: Session, these: Collection[Erasure], time: datetime | None) -> None:
    moment = time and session.moment(time)
    with session.transaction():
        for macs in in_batches(sorted(each.tombstone.mac for each in these)):
            session.change(f"UPDATE erasure SET finished = ? WHERE mac IN ({marks(macs)})", [moment, *macs])  # noqa: S608  # our own names, and marks for values


class Traces(NamedTuple):
    """The rows that there are of what was erased: the keys of those in each table."""

    signatures: Sequence[str]
    trajectories: Sequence[str]
    signees: Sequence[str]
    forgers: Sequence[str]
    files: Sequence[tuple[str, str]]
    """The ledger's lines, by source and path."""
    sources: frozenset[str]
    """Whose rows these are."""

    def rows(self) -> dict[str, int]:
        """How many there are in each table."""
        return {
            "signature": len(self.signatures),
            "trajectory": len(self.trajectories),
            "source_file": len(self.files),
            "signee": len(self.signees),
            "forger": len(self.forgers),
        }

    def __bool__(self) -> bool:
        return any(self.rows().values())


NO_TRACES = Traces((), (), (), (), (), frozenset())


def find_traces(session: Session, tombstones: Tombstones, whose: Whose) -> Traces:
    """What there is of what these tombstones cover: one pass over signatures, signees and the ledger.

    With a signature goes its forger, and with a person's last signature the person.
    """
    signatures: dict[str, tuple[str, str | None]] = {}
    sources: set[str] = set()
    rows = session.select("SELECT id, signee_id, forger_id, source FROM signature")
    for id_, signee_id, forger_id, source in rows:
        if tombstones.cover((signee_id, id_)):
            signatures[id_] = signee_id, forger_id
            sources.add(source)
    persons = set()
    for id_, source in session.select("SELECT id, source FROM signee"):
        if id_ in tombstones:
            persons.add(id_)
            sources.add(source)
    files = [
        (source, path)
        for source, path, signature_id in session.select("SELECT source, path, signature_id FROM source_file")
        if signature_id in signatures or tombstones.cover(whose(source, path))
    ]
    return Traces(
        signatures=sorted(signatures),
        trajectories=sorted(_with_points(session, signatures)),
        signees=sorted(persons | _left_without(session, "signee_id", (signee for signee, _ in signatures.values()))),
        forgers=sorted(_left_without(session, "forger_id", (forger for _, forger in signatures.values()))),
        files=sorted(files),
        sources=frozenset(sources | {source for source, _ in files}),
    )


def _with_points(session: Session, signature_ids: Collection[str]) -> Iterator[str]:
    for ids in in_batches(sorted(signature_ids)):
        statement = f"SELECT signature_id FROM trajectory WHERE signature_id IN ({marks(ids)})"  # noqa: S608  # our own names, and marks for values
        yield from (id_ for (id_,) in list(session.select(statement, ids)))


def _left_without(session: Session, column: str, going: Iterable[str | None]) -> set[str]:
    """Those whose signatures all go; there is an item of `going` for each signature that does."""
    counts = Counter(id_ for id_ in going if id_)
    left: set[str] = set()
    for ids in in_batches(sorted(counts)):
        statement = f"SELECT {column}, count(*) FROM signature WHERE {column} IN ({marks(ids)}) GROUP BY {column}"  # noqa: S608  # our own names, and marks for values
        left.update(id_ for id_, there in session.select(statement, ids) if there == counts[id_])
    return left


def delete(database: Database, session: Session, traces: Traces) -> None:
    """Delete these rows, in one transaction, and have the next load of their sources compare everything."""
    with session.transaction(), _found_fast(database, session, traces):
        by_source: dict[str, list[str]] = {}
        for source, path in traces.files:
            by_source.setdefault(source, []).append(path)
        for source, paths in by_source.items():
            _delete_from(session, "source_file WHERE source = ? AND path", paths, source)
        _delete_from(session, "trajectory WHERE signature_id", traces.trajectories)
        _delete_from(session, "signature WHERE id", traces.signatures)
        _delete_from(session, "forger WHERE id", traces.forgers)
        _delete_from(session, "signee WHERE id", traces.signees)
        for source in sorted(traces.sources):
            session.change("""UPDATE "load" SET fingerprint = '' WHERE source = ?""", [source])


def _delete_from(session: Session, where: str, keys: Sequence[str], *values: str) -> None:
    for some in in_batches(keys):
        session.change(f"DELETE FROM {where} IN ({marks(some)})", [*values, *some])  # noqa: S608  # our own names, and marks for values


_MANY = 20


@contextmanager
def _found_fast(database: Database, session: Session, traces: Traces) -> Iterator[None]:
    """An index of the ledger's signatures, while many of them are deleted.

    Without one, the database goes through all of the ledger for each, to see that no line refers to it.
    """
    if database.indexes_references or len(traces.signatures) <= _MANY:
        yield
        return
    session.change("CREATE INDEX ix_source_file_erasing ON source_file (signature_id)")
    yield
    session.change("DROP INDEX ix_source_file_erasing")
