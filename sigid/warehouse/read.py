"""Reading back: the catalogue, the rejections, and a digest of it all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, and_, case, distinct, func, select

from sigid.errors import Reason
from sigid.identity import Authenticity
from sigid.warehouse.ledger import State
from sigid.warehouse.rows import SIGNATURES
from sigid.warehouse.schema import signature, signee, source_file
from sigid.warehouse.selection import and_path, streamed


@dataclass(frozen=True, slots=True)
class Rejection:
    """A file that is not let in, or a listed one that is not there."""

    source: str
    path: str
    """Relative to the source's folder, with what cannot be printed escaped."""
    reason: Reason
    detail: str


def catalog(connection: Connection) -> dict[str, dict[str, Any]]:
    """Counts for each source, as `Warehouse.catalog` describes them."""

    def count_if(condition: Any) -> Any:
        return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)

    live = signature.c.retired_at.is_(None)
    genuine = signature.c.authenticity == Authenticity.GENUINE.value
    by_source = select(
        signature.c.source,
        count_if(live).label("signatures"),
        count_if(and_(live, signature.c.kind == "image")).label("images"),
        count_if(and_(live, signature.c.kind == "xyz")).label("trajectories"),
        count_if(and_(live, signature.c.blank)).label("blank"),
        count_if(and_(live, genuine)).label("genuine"),
        count_if(and_(live, ~genuine)).label("forged"),
        func.count(distinct(case((live, signature.c.signee_id)))).label("signees"),
        func.count(distinct(case((live, signature.c.forger_id)))).label("forgers"),
        func.coalesce(func.sum(case((live, signature.c.point_count))), 0).label("points"),
        count_if(and_(live, signature.c.stale)).label("stale"),
        count_if(~live).label("retired"),
    ).group_by(signature.c.source)
    only_forged = (
        select(signature.c.source, signature.c.signee_id)
        .where(live)
        .group_by(signature.c.source, signature.c.signee_id)
        .having(count_if(genuine) == 0)
        .subquery()
    )
    without_genuine = select(only_forged.c.source, func.count()).group_by(only_forged.c.source)
    files = select(source_file.c.source, source_file.c.state, source_file.c.reason, func.count()).group_by(
        source_file.c.source, source_file.c.state, source_file.c.reason
    )

    found: dict[str, dict[str, Any]] = {}
    for row in connection.execute(by_source).mappings():
        found.setdefault(row["source"], _no_counts()).update((k, int(v)) for k, v in row.items() if k != "source")
    for source, count in connection.execute(without_genuine):
        found[source]["without_genuine"] = count
    for source, state, reason, count in connection.execute(files):
        counts = found.setdefault(source, _no_counts())
        if state in (State.LOADED, State.REJECTED):
            counts["files"] += count
        if reason is not None:
            counts["rejected"] += count
            counts["rejected_by_reason"][reason] = counts["rejected_by_reason"].get(reason, 0) + count
    for counts in found.values():
        counts["rejected_by_reason"] = dict(sorted(counts["rejected_by_reason"].items()))
    return dict(sorted(found.items()))


COUNTS = (
    *("files", "signatures", "images", "trajectories", "blank", "genuine", "forged"),
    *("signees", "without_genuine", "forgers", "points", "rejected", "stale", "retired"),
)
"""The numbers that the catalogue gives for each source, in the order in which they are shown."""


def _no_counts() -> dict[str, Any]:
    return {**dict.fromkeys(COUNTS, 0), "rejected_by_reason": {}}


def path_of(connection: Connection, signature_id: str) -> str | None:
    """The path that `Warehouse.path_of` describes."""
    columns = source_file.c
    of_source = select(signature.c.source).where(signature.c.id == signature_id).scalar_subquery()
    lines = select(columns.path).where(columns.source == of_source, columns.signature_id == signature_id)
    loaded_first = case((columns.state == State.LOADED, 0), else_=1)
    return connection.execute(lines.order_by(loaded_first, columns.path).limit(1)).scalar()


def rejections(connection: Connection, source: str | None = None, reason: Reason | None = None) -> Iterator[Rejection]:
    """The rejections that `Warehouse.rejections` describes."""
    columns = source_file.c
    statement = (
        select(columns.source, columns.path, columns.reason, columns.detail)
        .where(columns.reason.is_not(None))
        .order_by(columns.source, columns.path)
    )
    if source is not None:
        statement = statement.where(columns.source == source)
    if reason is not None:
        statement = statement.where(columns.reason == reason.value)
    for row in streamed(connection, statement):
        yield Rejection(row.source, row.path, Reason(row.reason), row.detail)


def digest(connection: Connection) -> str:
    """The digest that `Warehouse.digest` describes.

    Each signature and each rejection is hashed alone and the hashes are added up, so that no database's idea of an
    order, and no order of loading, is in it.
    """
    total = 0
    nameless: Counter[str] = Counter()
    for signee_id, named, hashed in _signature_hashes(connection):
        if named:
            total += hashed
        else:
            nameless[signee_id] += hashed  # his id is random, but which signatures share a signee is a fact
    total += sum(_hash(["signee", str(hashed % _MODULUS)]) for hashed in nameless.values())
    for rejection in rejections(connection):
        total += _hash(["rejection", rejection.source, rejection.path, rejection.reason, rejection.detail])
    return f"{total % _MODULUS:064x}"


_MODULUS = 2**256


def _signature_hashes(connection: Connection) -> Iterator[tuple[str, bool, int]]:
    signatures = (
        SIGNATURES.add_columns(
            signee.c.source.label("signee_source"),
            signee.c.collection.label("signee_collection"),
            signee.c.external_id.label("signee_external_id"),
        )
        .join(signee, signature.c.signee_id == signee.c.id)
        .where(signature.c.retired_at.is_(None))
    )
    for row in streamed(connection, and_path(signatures)):
        facts = [
            *("signature", row.source, row.path, row.kind, row.modality, row.authenticity, row.sample),
            *(row.signee_source, row.signee_collection, row.signee_external_id),
            *(row.forger_source, row.forger_collection, row.forger_external_id, row.parent_id),
            *(bool(row.blank), row.width, row.height, row.mode, row.point_count),
            *(row.content_hash, row.metadata, bool(row.stale)),
        ]
        points = (row.x, row.y, row.z) if row.kind == "xyz" else ()
        yield row.signee_id, row.signee_external_id is not None, _hash(facts, *points)


def _hash(facts: list[Any], *blobs: bytes) -> int:
    hashed = blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=32)
    for blob in blobs:
        hashed.update(blob)
    return int.from_bytes(hashed.digest(), "little")
