"""Some of the signatures, in a fixed order: to go through, to count, or to take away as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from itertools import groupby, islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, Connection, Row, Select, String, case, cast, func, or_, select

from sigid.entity import AnySignature
from sigid.errors import SettingError
from sigid.identity import Authenticity, Kind, Modality
from sigid.warehouse.ledger import State
from sigid.warehouse.rows import FACTS, POINTS, signature_entity
from sigid.warehouse.schema import characters, forger, load, signature, signee, source_file, trajectory
from sigid.warehouse.session import Access

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

_ROWS_AT_ONCE = 500

_Widened: TypeAlias = Callable[[Select[Any]], Select[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What is asked for; None asks for nothing in particular.

    `signee` and `forger` are a person's id, his number, or his key such as ``source_a/online/genuine/1``.
    `loaded_since` asks for what was registered then or later, anew or with another content. Raises ValueError for a
    modality, an authenticity or a kind that does not exist, for several sources or persons at a time, and for a time
    without a zone.
    """

    source: str | None = None
    modality: Modality | str | None = None
    authenticity: Authenticity | str | None = None
    kind: Kind | str | None = None
    signee: str | None = None
    forger: str | None = None
    loaded_since: datetime | None = None
    retired: bool = False
    """Whether those are asked for, too, that are retired."""

    def __post_init__(self) -> None:
        for name, kind in (("modality", Modality), ("authenticity", Authenticity), ("kind", Kind)):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, kind(getattr(self, name)))
        for name in ("source", "signee", "forger"):
            if not isinstance(asked := getattr(self, name), str | int | None):
                raise ValueError(f"{name}={asked!r} names no {name}; ask for one at a time, by a text")
        if self.loaded_since is not None and getattr(self.loaded_since, "tzinfo", None) is None:
            raise ValueError(f"{self.loaded_since} says no time zone; write datetime(..., tzinfo=UTC)")

    def narrow(self, statement: Select[Any]) -> Select[Any]:
        """The statement, which selects from `signature`, `signee` and `forger`, for what is asked for alone."""
        columns = signature.c
        equal = {columns.source: self.source, columns.kind: self.kind}
        equal |= {columns.modality: self.modality, columns.authenticity: self.authenticity}
        for column, value in equal.items():
            if value is not None:
                statement = statement.where(column == str(value))
        persons = (columns.signee_id, signee, self.signee), (columns.forger_id, forger, self.forger)
        for column, table, person in persons:
            if person is not None:  # who it is, is asked of each person once, and not of each signature
                statement = statement.where(column.in_(select(table.c.id).where(is_person(table.c, str(person)))))
        if self.loaded_since is not None:
            statement = statement.where(_registered_since(self.loaded_since))
        return statement if self.retired else statement.where(columns.retired_at.is_(None))


def is_person(columns: Any, person: str) -> ColumnElement[bool]:
    """Whether the row, of `signee` or `forger`, is the one with that id, number or key."""
    scope = case((columns.collection == "", ""), else_=columns.collection + "/")
    key = columns.source + "/" + scope + columns.external_id
    return or_(columns.id == person, columns.external_id == person, key == person)


def _registered_since(time: datetime) -> ColumnElement[bool]:
    """A load writes the ledger's line of a file anew where the file, or what became of it, is another."""
    lines = select(source_file.c.signature_id).join(load, source_file.c.load_id == load.c.id)
    since = lines.where(load.c.started >= time, source_file.c.signature_id.is_not(None))
    return or_(signature.c.created >= time, signature.c.id.in_(since))


class Selection(Iterator[AnySignature]):
    """The signatures that a filter asks for, ordered by source, signee (in his collection's numbering), forger, sample.

    It is an iterator over entities, which goes through them once; everything else that it offers begins anew each time.
    They are read a few hundred at a time, from one state of the warehouse.
    """

    def __init__(self, access: Access, where: Filter) -> None:
        self._access = access
        self._where = where
        self._entities: Iterator[AnySignature] | None = None

    def __next__(self) -> AnySignature:
        if self._entities is None:
            self._entities = map(signature_entity, self._rows())
        return next(self._entities)

    def count(self) -> int:
        """How many there are."""
        statement = self._where.narrow(of_signees(select(func.count()).select_from(signature).outerjoin(forger)))
        with self._access.reading() as connection:
            return int(connection.execute(statement).scalar_one())

    def pages(self, size: int = 1000) -> Iterator[list[AnySignature]]:
        """Lists of so many signatures, the last one shorter. Raises ValueError where that is less than one."""
        if size < 1:
            raise ValueError(f"a page of {size} signatures holds none; ask for at least 1")
        entities = map(signature_entity, self._rows())
        return iter(lambda: list(islice(entities, size)), [])

    def with_paths(self) -> Iterator[tuple[AnySignature, str | None]]:
        """Each signature with the path, relative to its source's folder, of the file that it is; None if it is none."""
        return ((signature_entity(row), row.path) for row in self.rows())

    def rows(self) -> Iterator[Row[Any]]:
        """Each signature as the row that entities and batches are made of, with its `path` as in `with_paths`."""
        return _rows(self._access, self._where, and_path)

    def names(self) -> Iterator[Row[Any]]:
        """Of each signature no more than `source`, `signee_id`, `id` and `path`, in any order."""
        columns = signature.c
        names = of_signees(select(columns.source, columns.signee_id, columns.id).outerjoin_from(signature, forger))
        return _streamed(self._access, and_path(self._where.narrow(names)))

    def rows_of(self, ids: Sequence[str]) -> list[Row[Any]]:
        """The rows, without paths, of the signatures with these ids, in their order; at most a few hundred."""
        found = {row.id: row for row in _rows(self._access, self._where, lambda each: each.where(_among(ids)))}
        return [found[each] for each in ids]

    def to_batches(self) -> pa.RecordBatchReader:
        """A stream of Arrow record batches: a row a signature, its points as three lists of float64, x, y and z.

        Needs pyarrow: ``pip install 'sigid[arrow]'``.
        """
        pyarrow = imported("pyarrow", "arrow")
        from sigid.warehouse.arrow import SCHEMA, batches

        return pyarrow.RecordBatchReader.from_batches(SCHEMA, batches(self._rows()))

    def to_arrow(self) -> pa.Table:
        """An Arrow table with the rows of `to_batches`."""
        return self.to_batches().read_all()

    def to_pandas(self) -> pd.DataFrame:
        """A pandas frame with the columns of `to_batches`, as Arrow's own types, so that nothing is copied.

        Needs pandas: ``pip install 'sigid[pandas]'``.
        """
        pandas = imported("pandas", "pandas")
        return self.to_arrow().to_pandas(types_mapper=pandas.ArrowDtype)

    def to_polars(self) -> pl.DataFrame:
        """A polars frame over the memory of `to_arrow`. Needs polars: ``pip install 'sigid[polars]'``."""
        frame: pl.DataFrame = imported("polars", "polars").from_arrow(self.to_arrow())
        return frame

    def _rows(self) -> Iterator[Row[Any]]:
        return _rows(self._access, self._where)


# A generator that knew the selection, which knows it, would keep its connection until Python looks for cycles.
def _rows(access: Access, where: Filter, more: _Widened = lambda statement: statement) -> Iterator[Row[Any]]:
    of_signee = (signee.c.collection.label("signee_collection"), signee.c.external_id.label("signee_external_id"))
    facts = more(where.narrow(of_signees(FACTS.add_columns(*of_signee)))).order_by(*ORDER)
    with access.reading() as connection:
        yield from streamed(connection, _points_afterwards(facts) if _is_sqlite(connection) else _with_points(facts))


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def _with_points(facts: Select[Any]) -> Select[Any]:
    return facts.add_columns(*POINTS).outerjoin(trajectory, trajectory.c.signature_id == signature.c.id)


def _points_afterwards(facts: Select[Any]) -> Select[Any]:
    """The same rows, to each of which its points are looked up when it has its place.

    SQLite would sort the points along, by way of a temporary file as large as all of them. A subquery that has a limit
    is neither merged into a join nor robbed of its order, and what is left of a left join is gone through in its order.
    """
    ordered = facts.limit(-1).subquery()
    return select(*ordered.c, *POINTS).outerjoin_from(ordered, trajectory, trajectory.c.signature_id == ordered.c.id)


def _streamed(access: Access, statement: Select[Any]) -> Iterator[Row[Any]]:
    with access.reading() as connection:
        yield from streamed(connection, statement)


def and_path(statement: Select[Any]) -> Select[Any]:
    """The statement, which selects from `signature`, with the path of the file that each is; None if it is none."""
    # SQLite makes no index for a query on a table without rowids; one on what is DISTINCT of it, it does.
    files = select(source_file.c.signature_id, source_file.c.path).where(source_file.c.state == State.LOADED)
    at_hand = files.distinct().subquery()
    path = cast(at_hand.c.path, String).label("path")
    return statement.add_columns(path).outerjoin(at_hand, at_hand.c.signature_id == signature.c.id)


def _among(ids: Sequence[str]) -> ColumnElement[bool]:
    return signature.c.id.in_(ids)


def of_signees(statement: Select[Any]) -> Select[Any]:
    """The statement, which selects from `signature`, with the rows of `signee`."""
    return statement.join(signee, signature.c.signee_id == signee.c.id)


def streamed(connection: Connection, statement: Select[Any]) -> Iterator[Row[Any]]:
    """The rows, a few hundred at a time, until the reader has enough of them."""
    with connection.execute(statement.execution_options(yield_per=_ROWS_AT_ONCE)) as rows:
        yield from rows


def _numeric(column: ColumnElement[str]) -> ColumnElement[int]:
    """Together with the column itself, the order of the numbers that are in it, whose text has no leading zeros.

    What has no number is first, on every database.
    """
    return func.coalesce(characters(column), -1)


ORDER = (
    signee.c.source,
    signee.c.collection,
    _numeric(signee.c.external_id),
    signee.c.external_id,
    signature.c.signee_id,
    case((signature.c.authenticity == Authenticity.GENUINE.value, 0), else_=1),
    _numeric(forger.c.external_id),
    forger.c.external_id,
    _numeric(signature.c.sample),
    signature.c.sample,
    signature.c.id,
)
"""By source, signee (in his collection's numbering), forger and sample; of `signature`, `signee` and `forger`."""


class Pair(NamedTuple):
    """Two signatures of one kind under one signee's name: the unit of research into verification."""

    reference: AnySignature
    """A genuine one."""
    questioned: AnySignature

    @property
    def genuine(self) -> bool:
        """Whether the signee wrote both."""
        return self.questioned.authenticity is Authenticity.GENUINE


class Pairs(Iterator[Pair]):
    """Each genuine signature with each later genuine one of its signee, and with each forgery of his, of its kind.

    They come signee by signee, in the order of `Selection`. No more is held at a time than the signatures of one
    signee. Placeholders (`blank`) are paired like all others.
    """

    def __init__(self, access: Access, where: Filter) -> None:
        self._access = access
        self._where = where
        self._pairs: Iterator[Pair] | None = None

    def __next__(self) -> Pair:
        if self._pairs is None:
            self._pairs = _made(Selection(self._access, self._where))
        return next(self._pairs)

    def count(self) -> int:
        """How many there are; none of them is made for it."""
        number = func.count(case((signature.c.authenticity == Authenticity.GENUINE.value, 1)))
        each: Select[Any] = select(signature.c.signee_id, number.label("genuine"), func.count().label("all"))
        each = self._where.narrow(of_signees(each).outerjoin(forger)).group_by(signature.c.signee_id, signature.c.kind)
        with self._access.reading() as connection:
            return sum(
                row.genuine * (row.genuine - 1) // 2 + row.genuine * (row.all - row.genuine)
                for row in connection.execute(each)
            )


def _made(signatures: Iterable[AnySignature]) -> Iterator[Pair]:
    for _, of_signee in groupby(signatures, key=attrgetter("signee_id")):
        genuine: list[AnySignature] = []
        for each in of_signee:
            yield from (Pair(one, each) for one in genuine if one.kind == each.kind)
            if each.authenticity is Authenticity.GENUINE:
                genuine.append(each)


def imported(package: str, extra: str) -> Any:
    """The package, which an extra brings. Raises SettingError where it is not installed."""
    try:
        return import_module(package)
    except ImportError as error:
        raise SettingError(f"this needs {package}, which is not installed: pip install 'sigid[{extra}]'") from error
