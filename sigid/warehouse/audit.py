"""audit: does what is in the warehouse agree with itself? It asks questions, and writes nothing.

What the schema's own keys and checks keep out is looked for, too: a restored dump, a hand that switched them off, or a
disk gets past them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    and_,
    case,
    cast,
    func,
    not_,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import NullType

from sigid.errors import Reason
from sigid.identity import PersonKey, derive_id
from sigid.warehouse import finding
from sigid.warehouse.finding import BACKUP, Finding, Mark
from sigid.warehouse.ledger import Counts, State
from sigid.warehouse.schema import characters, forger, load, signature, signee, source_file, trajectory
from sigid.warehouse.selection import streamed
from sigid.warehouse.sound import Facts, contradictions

_ROWS_BETWEEN = 500
"""Before it is told again how far the audit is."""
_HASH_CHARACTERS = 32


class stored_numbers(GenericFunction[Any]):  # noqa: N801  # it is written like the function that it is
    """How many numbers a coordinate has; a fraction, or -1, where it is no list of numbers."""

    type = NullType()
    inherit_cache = True


@compiles(stored_numbers)
def _bytes(element: stored_numbers, compiler: Any, **more: Any) -> str:
    return f"length({compiler.process(element.clauses, **more)}) / 8.0"


@compiles(stored_numbers, "postgresql")
def _cardinality(element: stored_numbers, compiler: Any, **more: Any) -> str:
    array = compiler.process(element.clauses, **more)
    sound = f"array_ndims({array}) = 1 AND array_lower({array}, 1) = 1 AND array_position({array}, NULL) IS NULL"
    return f"CASE WHEN {sound} THEN cardinality({array}) ELSE -1 END"


class Audit:
    """A look at all that is in the warehouse, through one connection that sees one state of it."""

    def __init__(self, connection: Connection, progress: Callable[[int, int], None]) -> None:
        self._connection = connection
        self._progress = progress
        self.checked: Counter[str] = Counter()
        """How many rows of each kind were looked at."""
        self.illegible: set[str] = set()
        """The signatures whose points are no lists of numbers, all of one length: there is no use in reading them."""

    def findings(self) -> Iterator[Finding]:
        """What does not agree, as it comes to light."""
        ledgers = _Ledgers(self._connection)
        self.checked["loads"] = ledgers.loads
        yield from ledgers.findings()
        for table in (signee, forger):
            yield from self._people(table)
        yield from self._signatures(ledgers)
        yield from self._lines()
        yield from self._orphans()

    def _people(self, table: Any) -> Iterator[Finding]:
        """Signees or forgers whose ids do not follow from their keys."""
        kind = table.name
        columns = (table.c.id, table.c.source, table.c.collection, table.c.external_id)
        for id_, source, collection, number in self._streamed(select(*columns)):
            self.checked[f"{kind}s"] += 1
            if number is not None and id_ != derive_id(kind, str(PersonKey(source, collection, number))):
                yield Finding(Mark.WRONG, f"{kind} {id_}", "the id does not follow from the person's key", BACKUP)

    def _signatures(self, ledgers: _Ledgers) -> Iterator[Finding]:
        total = self._connection.execute(select(func.count()).select_from(signature)).scalar_one()
        strangers: Counter[str] = Counter()
        for row in self._streamed(_SIGNATURES):
            self.checked["signatures"] += 1
            if self.checked["signatures"] % _ROWS_BETWEEN == 0:
                self._progress(self.checked["signatures"], total)
            facts = _facts(row)
            if facts.points and set(facts.points) != {facts.point_count}:
                self.illegible.add(facts.id)
            for what, way_out in contradictions(facts):
                yield Finding(Mark.WRONG, _name(row), what, way_out)
            if not facts.lines and not facts.retired and row.source in ledgers.sources:
                if ledgers.has_lost_lines(row.source):
                    what = "the ledger has no line of it"
                    yield Finding(Mark.WRONG, _name(row), what, finding.load(row.source))
                else:
                    strangers[row.source] += 1
        for source, number in strangers.items():
            yield Finding(Mark.SINCE, source, f"{number} signatures are of no file: the service has registered them")

    def _lines(self) -> Iterator[Finding]:
        """Lines of the ledger that say what no load writes."""
        columns = source_file.c
        self.checked["files"] = self._connection.execute(select(func.count()).select_from(source_file)).scalar_one()
        reasons = [reason.value for reason in Reason]
        has_reason = columns.state.in_([State.REJECTED.value, State.MISSING.value])
        loaded = columns.state == State.LOADED.value
        for what, wrong in {
            "its state is none that there is": columns.state.not_in([state.value for state in State]),
            "its reason is none that there is": columns.reason.not_in(reasons),
            "it is rejected without a reason": and_(has_reason, columns.reason.is_(None)),
            "it is not rejected, and has a reason": and_(not_(has_reason), columns.reason.is_not(None)),
            "it is loaded without a signature": and_(loaded, columns.signature_id.is_(None)),
            "it is loaded without the hash of its content": and_(
                loaded, or_(columns.content_hash.is_(None), characters(columns.content_hash) != _HASH_CHARACTERS)
            ),
        }.items():
            for source, path in self._streamed(select(columns.source, columns.path).where(wrong)):
                yield Finding(Mark.WRONG, f"{source}/{path}", what, finding.rehash(source))

    def _orphans(self) -> Iterator[Finding]:
        """Rows that refer to what is not there."""
        line = source_file.c
        lost = (
            select(line.source, line.path, line.state)
            .outerjoin_from(source_file, signature, signature.c.id == line.signature_id)
            .where(line.signature_id.is_not(None), signature.c.id.is_(None))
        )
        for source, path, state in self._streamed(lost):
            what = f"it is {state}, and its signature is not in the warehouse"
            way_out = finding.load(source) if state == State.LOADED else BACKUP
            yield Finding(Mark.WRONG, f"{source}/{path}", what, way_out)
        entered = (
            select(line.source, line.path, load.c.id)
            .outerjoin_from(source_file, load, load.c.id == line.load_id)
            .where(or_(load.c.id.is_(None), load.c.source != line.source))
        )
        for source, path, load_id in self._streamed(entered):
            what = "the load that entered it is not there" if load_id is None else "another source's load entered it"
            yield Finding(Mark.WRONG, f"{source}/{path}", what, BACKUP)
        alone = (
            select(trajectory.c.signature_id)
            .outerjoin_from(trajectory, signature, signature.c.id == trajectory.c.signature_id)
            .where(signature.c.id.is_(None))
        )
        for (id_,) in self._streamed(alone):
            what = "its points are there, and it is not"
            yield Finding(Mark.WRONG, f"signature {id_}", what, "a load of its file registers it; or " + BACKUP)

    def _streamed(self, statement: Select[Any]) -> Iterator[Any]:  # rows of any width, to be unpacked
        return streamed(self._connection, statement)


class _Ledgers:
    """What the ledger has of each source, and what the last load left there, where that was a whole one."""

    def __init__(self, connection: Connection) -> None:
        columns = source_file.c
        self._lines: dict[str, Counter[str]] = {}
        for source, state, number in connection.execute(
            select(columns.source, columns.state, func.count()).group_by(columns.source, columns.state)
        ):
            self._lines.setdefault(source, Counter())[state] = number
        self._signatures: Counter[str] = Counter()
        by_source = select(signature.c.source, func.count()).group_by(signature.c.source)
        for source, number in connection.execute(by_source):
            self._signatures[source] = number
        last = select(func.max(load.c.id)).group_by(load.c.source)
        columns_of_load = (load.c.source, load.c.fingerprint, *(load.c[name] for name in Counts._fields))
        rows = connection.execute(select(*columns_of_load).where(load.c.id.in_(last)))
        self._last = {row.source: row for row in rows}
        self.sources = self._lines.keys() | self._last.keys()
        self.loads: int = connection.execute(select(func.count()).select_from(load)).scalar_one()

    def has_lost_lines(self, source: str) -> bool:
        """Whether there are fewer lines than the last load left."""
        left = self._left(source)
        return left is not None and self._lines.get(source, Counter()).total() < left[0]

    def findings(self) -> Iterator[Finding]:
        """The sources of which there is something else than the last load left."""
        for source in sorted(self._last):
            left = self._left(source)
            if left is None:
                continue
            states = self._lines.get(source, Counter())
            there = (states.total(), states[State.LOADED], states[State.REJECTED] + states[State.MISSING])
            if there != left[:3]:
                what = f"the ledger has {_told(*there)}, and the last load left {_told(*left[:3])}"
                yield Finding(Mark.WRONG, source, what, finding.rehash(source))
            if self._signatures[source] < left[3]:
                what = f"there are {self._signatures[source]} signatures, and the last load left {left[3]}"
                yield Finding(Mark.WRONG, source, what, finding.rehash(source))

    def _left(self, source: str) -> tuple[int, int, int, int] | None:
        """How many lines, how many of them loaded and rejected, and how many signatures; None where it does not say."""
        row = self._last.get(source)
        if row is None or not row.fingerprint:
            return None
        _, *numbers = row.fingerprint.rsplit("-", 2)
        if len(numbers) != 2 or not all(number.isdecimal() for number in numbers):
            return None
        loaded, rejected = Counts(row.added, row.changed, row.unchanged, row.retired, row.rejected).files
        return int(numbers[0]), loaded, rejected, int(numbers[1])


def _told(lines: int, loaded: int, rejected: int) -> str:
    return f"{lines} lines ({loaded} loaded, {rejected} rejected)"


def _count_if(condition: ColumnElement[bool]) -> Any:
    return func.sum(case((condition, 1), else_=0))


_IS_LOADED = source_file.c.state == State.LOADED.value
_IS_REJECTED = source_file.c.state == State.REJECTED.value

_OF_SIGNATURE = (
    select(
        source_file.c.signature_id,
        func.count().label("lines"),
        _count_if(_IS_LOADED).label("loaded"),
        _count_if(_IS_REJECTED).label("rejected"),
        func.coalesce(func.min(case((_IS_LOADED, source_file.c.path))), func.min(source_file.c.path)).label("path"),
        func.min(case((_IS_LOADED, source_file.c.content_hash))).label("file_hash"),
    )
    .where(source_file.c.signature_id.is_not(None))
    .group_by(source_file.c.signature_id)
    .subquery()
)

_SIGNATURES: Select[Any] = (
    select(
        *(column for column in signature.columns if column.name not in ("created", "retired_at", "metadata")),
        cast(signature.c.metadata, Text).label("about"),
        *(type_coerce(signature.c[name], NullType).label(name) for name in ("created", "retired_at")),
        signee.c.id.label("person_id"),
        *(signee.c[name].label(f"person_{name}") for name in PersonKey._fields),
        forger.c.id.label("imitator_id"),
        *(forger.c[name].label(f"imitator_{name}") for name in PersonKey._fields),
        trajectory.c.signature_id.label("trajectory_of"),
        *(stored_numbers(trajectory.c[axis]).label(f"numbers_{axis}") for axis in "xyz"),
        *(column for column in _OF_SIGNATURE.columns if column.name != "signature_id"),
    )
    .outerjoin_from(signature, signee, signee.c.id == signature.c.signee_id)
    .outerjoin(forger, forger.c.id == signature.c.forger_id)
    .outerjoin(trajectory, trajectory.c.signature_id == signature.c.id)
    .outerjoin(_OF_SIGNATURE, _OF_SIGNATURE.c.signature_id == signature.c.id)
)


def _facts(row: Row[Any]) -> Facts:
    points = () if row.trajectory_of is None else (row.numbers_x, row.numbers_y, row.numbers_z)
    return Facts(
        id=row.id,
        source=row.source,
        signee_id=row.person_id,
        signee=_key(row, "person"),
        has_forger=row.forger_id is not None,
        forger_id=row.imitator_id,
        forger=_key(row, "imitator"),
        parent_id=row.parent_id,
        kind=row.kind,
        modality=row.modality,
        authenticity=row.authenticity,
        sample=row.sample,
        is_asset=row.asset_id is not None,
        blank=bool(row.blank),
        picture=(row.width, row.height, row.mode),
        point_count=row.point_count,
        points=tuple(-1 if number is None else float(number) for number in points),
        metadata=row.about,
        content_hash=row.content_hash,
        created=row.created,
        retired_at=row.retired_at,
        stale=bool(row.stale),
        lines=int(row.lines or 0),
        loaded=int(row.loaded or 0),
        rejected=int(row.rejected or 0),
        file_hash=row.file_hash,
    )


def _key(row: Row[Any], who: str) -> PersonKey | None:
    """The person's key; None for one who has none, or is not there."""
    key = PersonKey(*(getattr(row, f"{who}_{name}") for name in PersonKey._fields))
    return None if key.external_id is None else key


def _name(row: Row[Any]) -> str:
    return f"signature {row.id}" if row.path is None else f"{row.source}/{row.path}"
