"""What a report tells of the warehouse beyond its catalogue: how things are spread, and what stands out.

It is about all signatures that are not retired, unless it says so; lists are as long as they are asked to be. The
database counts by signee, by number of points and by size: what is made of that is for others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, case, func, null, or_, select

from sigid.identity import Authenticity
from sigid.warehouse.ledger import State
from sigid.warehouse.schema import forger, load, signature, signee, source_file
from sigid.warehouse.selection import ORDER, is_person, of_signees, streamed
from sigid.warehouse.session import Access

_IDS_AT_ONCE = 10_000  # the ledger, which has no index on them, is gone through each time
_LIVE = signature.c.retired_at.is_(None)
_GENUINE = case((signature.c.authenticity == Authenticity.GENUINE.value, 1))
_FORGED = case((signature.c.authenticity == Authenticity.FORGED.value, 1))


class SigneeCounts(NamedTuple):
    """How many signatures there are under a signee's name."""

    source: str
    id: str
    collection: str
    external_id: str | None
    genuine: int
    forged: int

    @property
    def name(self) -> str:
        """His number with the collection in which it is unique, or his id where he has none."""
        return name_of(self.collection, self.external_id, self.id)


class Load(NamedTuple):
    """What a load did; it has not finished where `finished` is None."""

    id: int
    started: datetime
    finished: datetime | None
    added: int
    changed: int
    unchanged: int
    retired: int
    rejected: int


class Place(NamedTuple):
    """Where a signature is."""

    signature_id: str
    source: str
    signee: str
    """As `SigneeCounts.name` has it."""
    authenticity: str
    path: str | None
    """Of its file, within the source; None where it was loaded from none."""
    value: Any
    """What it is listed for."""


class Survey:
    """Asks one warehouse, and sees what the warehouse's `at_one_state` keeps to."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def signees(self, person: str | None = None) -> Iterator[SigneeCounts]:
        """Each signee of whom there are signatures, in any order; or those alone whose id, number or key is `person`.

        What is streamed is read to its end before something else is asked for.
        """
        columns = signee.c
        statement = of_signees(
            select(
                *(signature.c.source, columns.id, columns.collection, columns.external_id),
                *(func.count(_GENUINE).label("genuine"), func.count(_FORGED).label("forged")),
            ).select_from(signature)
        ).where(_LIVE)
        if person is not None:
            statement = statement.where(is_person(columns, person))
        grouped = statement.group_by(signature.c.source, columns.id, columns.collection, columns.external_id)
        return (SigneeCounts(*row) for row in self._streamed(grouped))

    def point_counts(self) -> Iterator[tuple[str, str, int, int]]:
        """Source, authenticity and a number of points, with how many trajectories have it."""
        return self._counted(signature.c.point_count)

    def widths(self) -> Iterator[tuple[str, str, int, int]]:
        """Source, authenticity and a width in pixels, with how many pictures have it; placeholders have none."""
        return self._counted(signature.c.width)

    def heights(self) -> Iterator[tuple[str, str, int, int]]:
        """As `widths`."""
        return self._counted(signature.c.height)

    def parents_missing(self) -> dict[str, int]:
        """By source, how many signatures imitate one that is not there, or is retired."""
        statement = _without_parent(select(signature.c.source, func.count()).select_from(signature))
        return self._by_source(statement.group_by(signature.c.source))

    def parents_missing_of(self, source: str, limit: int) -> list[Place]:
        """Some of those of the source; their value is the id of what they imitate."""
        statement = _without_parent(self._of(signature.c.parent_id).where(signature.c.source == source))
        return self._places(statement.order_by(*ORDER), limit)

    def identical(self) -> dict[str, int]:
        """By source, how many signatures have a content that another one has, too, of whatever source."""
        return self._by_source(_sharing(_shared_contents()))

    def relabelled(self) -> dict[str, int]:
        """By source, how many signatures have a content that is genuine once and forged another time."""
        both = func.min(signature.c.authenticity) != func.max(signature.c.authenticity)
        return self._by_source(_sharing(_shared_contents().having(both)))

    def identical_of(self, source: str, limit: int) -> list[Place]:
        """Some of the `identical` ones of the source, each with those of any source that are the same.

        Those of one content stand together; their value is its hash.
        """
        content = signature.c.content_hash
        shared = select(content).where(content.in_(_shared_contents()), _LIVE, signature.c.source == source)
        hashes = [row[0] for row in self._all(shared.distinct().order_by(content).limit(limit))]
        statement = self._of(content).where(_LIVE, content.in_(hashes))
        return self._places(statement.order_by(content, signature.c.source != source, *ORDER), limit)

    def stale(self, source: str, limit: int) -> list[Place]:
        """Some signatures whose files are not let in any more; their value is why: reason and detail."""
        columns = source_file.c
        why = columns.reason + ": " + columns.detail
        statement = self._of(why, columns.path).join(source_file, columns.signature_id == signature.c.id)
        of_source = columns.source == source, columns.state == State.REJECTED, signature.c.source == source
        return self._places(statement.where(signature.c.stale, _LIVE, *of_source).order_by(*ORDER), limit)

    def retired(self, source: str, limit: int) -> list[Place]:
        """Those retired last; their value is when."""
        columns = signature.c
        statement = self._of(columns.retired_at).where(columns.source == source, columns.retired_at.is_not(None))
        return self._places(statement.order_by(columns.retired_at.desc(), columns.id), limit)

    def extremes(self, source: str, limit: int) -> dict[str, list[Place]]:
        """The trajectories of the fewest and of the most points; their value is how many."""
        points = signature.c.point_count
        trajectories = self._of(points).where(signature.c.source == source, _LIVE, points.is_not(None))
        return {
            "fewest": self._places(trajectories.order_by(points, signature.c.id), limit),
            "most": self._places(trajectories.order_by(points.desc(), signature.c.id), limit),
        }

    def loads(self, source: str, limit: int) -> tuple[int, list[Load]]:
        """How many loads of the source there were, and those of them that were last, the very last one first."""
        columns = load.c
        (count,) = self._all(select(func.count()).select_from(load).where(columns.source == source))
        statement = select(*(columns[name] for name in Load._fields)).where(columns.source == source)
        last = self._all(statement.order_by(columns.id.desc()).limit(limit))
        return count[0], [Load(*row) for row in last]

    def signatures_of(self, signee_id: str, authenticity: Authenticity, limit: int | None = None) -> list[str]:
        """The ids of a signee's genuine signatures, or of the forgeries of his, in their order."""
        statement = of_signees(select(signature.c.id).outerjoin_from(signature, forger))
        statement = statement.where(_LIVE, signee.c.id == signee_id, signature.c.authenticity == authenticity.value)
        return [id_ for (id_,) in self._all(statement.order_by(*ORDER).limit(limit))]

    def paths(self, ids: Sequence[str]) -> dict[str, str]:
        """The path of each signature's file within its source, where it was loaded from one."""
        columns = source_file.c
        found: dict[str, str] = {}
        for first in range(0, len(ids), _IDS_AT_ONCE):
            wanted = columns.signature_id.in_(ids[first : first + _IDS_AT_ONCE])
            loaded_last = case((columns.state == State.LOADED, 1), else_=0)
            statement = select(columns.signature_id, columns.path).where(wanted).order_by(loaded_last, columns.path)
            found.update((id_, path) for id_, path in self._all(statement))
        return found

    def _counted(self, value: ColumnElement[Any]) -> Iterator[tuple[str, str, int, int]]:
        columns = (signature.c.source, signature.c.authenticity, value)
        statement = select(*columns, func.count()).where(_LIVE, value.is_not(None)).group_by(*columns)
        return (tuple(row) for row in self._streamed(statement))

    def _by_source(self, statement: Select[Any]) -> dict[str, int]:
        return {row[0]: row[1] for row in self._all(statement)}

    def _of(self, value: ColumnElement[Any], path: ColumnElement[Any] | None = None) -> Select[Any]:
        """What `_places` takes: signatures with that value, and with the path of their file where that is at hand."""
        named = (signee.c.collection, signee.c.external_id, signee.c.id.label("signee_id"))
        columns = (signature.c.id, signature.c.source, *named, signature.c.authenticity)
        told = select(*columns, value.label("value"), (null() if path is None else path).label("path"))
        return of_signees(told.outerjoin_from(signature, forger))

    def _places(self, statement: Select[Any], limit: int) -> list[Place]:
        rows = self._all(statement.limit(limit))
        paths = self.paths([row.id for row in rows if row.path is None])
        return [
            Place(
                row.id,
                row.source,
                name_of(row.collection, row.external_id, row.signee_id),
                row.authenticity,
                row.path or paths.get(row.id),
                row.value,
            )
            for row in rows
        ]

    def _all(self, statement: Select[Any]) -> list[Any]:
        with self._access.reading() as connection:
            return list(connection.execute(statement))

    def _streamed(self, statement: Select[Any]) -> Iterator[Any]:
        with self._access.reading() as connection:
            yield from streamed(connection, statement)


def name_of(collection: str, external_id: str | None, id_: str) -> str:
    """A person's number with the collection in which it is unique, or his id where he has none."""
    return f"{collection} {external_id or id_}".lstrip()


def _without_parent(statement: Select[Any]) -> Select[Any]:
    """Those of the signatures that imitate one that is not there, or is retired."""
    parent = signature.alias()
    missing = or_(parent.c.id.is_(None), parent.c.retired_at.is_not(None))
    joined = statement.outerjoin(parent, parent.c.id == signature.c.parent_id)
    return joined.where(_LIVE, signature.c.parent_id.is_not(None), missing)


def _sharing(contents: Select[Any]) -> Select[Any]:
    """By source, how many signatures have one of these contents."""
    columns, shared = signature.c, contents.subquery()
    statement = select(columns.source, func.count()).join(shared, shared.c.content_hash == columns.content_hash)
    return statement.where(_LIVE).group_by(columns.source)


def _shared_contents() -> Select[Any]:
    """The hashes of what several signatures have for their content."""
    content = signature.c.content_hash
    return select(content).where(_LIVE, ~signature.c.blank).group_by(content).having(func.count() > 1)
