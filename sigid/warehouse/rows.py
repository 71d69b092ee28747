"""Between rows and entities."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Row, Select, select

from sigid.entity import AnySignature, Forger, ImageSignature, Points, Signee, XYZSignature
from sigid.identity import Authenticity, Modality
from sigid.warehouse.records import ForgerRow, Moment, SignatureRow, SigneeRow, TrajectoryRow
from sigid.warehouse.schema import forger, signature, trajectory

_FORGER = {column.name: column.label(f"forger_{column.name}") for column in forger.columns if column.name != "id"}
POINTS = [trajectory.c[axis] for axis in "xyz"]

FACTS: Select[Any] = select(*signature.columns, *_FORGER.values()).outerjoin_from(signature, forger)
"""What makes a signature an entity, but for its points."""

SIGNATURES: Select[Any] = FACTS.add_columns(*POINTS).outerjoin(trajectory)
"""Everything that makes a signature an entity; narrow it with ``where`` and ``order_by``."""


def signee_row(entity: Signee, moment: Callable[[datetime], Moment]) -> SigneeRow:
    return SigneeRow(entity.id, entity.source, entity.collection, entity.external_id, moment(entity.created))


def signee_entity(row: Row[Any]) -> Signee:
    return Signee(
        id=row.id, source=row.source, collection=row.collection, external_id=row.external_id, created=row.created
    )


def forger_rows(signatures: Iterable[AnySignature]) -> list[ForgerRow]:
    forgers = {each.forger.id: each.forger for each in signatures if each.forger}
    return [ForgerRow(each.id, each.source, each.collection, each.external_id) for each in forgers.values()]


def signature_row(entity: AnySignature, moment: Callable[[datetime], Moment]) -> SignatureRow:
    image = entity if isinstance(entity, ImageSignature) else None
    return SignatureRow(
        id=entity.id,
        signee_id=entity.signee_id,
        forger_id=entity.forger_id,
        parent_id=entity.parent_id,
        source=entity.source,
        kind=entity.kind,
        modality=entity.modality.value,
        authenticity=entity.authenticity.value,
        sample=entity.sample,
        asset_id=image.asset_id if image else None,
        blank=image is not None and image.blank,
        width=image.width if image else None,
        height=image.height if image else None,
        mode=image.mode if image else None,
        point_count=len(entity.points) if isinstance(entity, XYZSignature) else None,
        content_hash=entity.content_hash,
        metadata=json.dumps(entity.metadata),
        created=moment(entity.created),
        retired_at=entity.retired_at and moment(entity.retired_at),
        stale=entity.stale,
    )


def trajectory_rows(signatures: Iterable[AnySignature]) -> Iterator[TrajectoryRow]:
    for each in signatures:
        if isinstance(each, XYZSignature):
            axes = np.asarray(each.points).T.astype("<f8", copy=False)
            yield TrajectoryRow(each.id, *(axis.tobytes() for axis in axes))


def signature_entity(row: Row[Any]) -> AnySignature:
    facts = {
        "id": row.id,
        "signee_id": row.signee_id,
        "forger": row.forger_id
        and Forger(
            id=row.forger_id,
            source=row.forger_source,
            collection=row.forger_collection,
            external_id=row.forger_external_id,
        ),
        "parent_id": row.parent_id,
        "source": row.source,
        "modality": Modality(row.modality),
        "authenticity": Authenticity(row.authenticity),
        "sample": row.sample,
        "content_hash": row.content_hash,
        "metadata": row.metadata,
        "created": row.created,
        "retired_at": row.retired_at,
        "stale": row.stale,
    }
    if row.kind == "xyz":
        axes = [np.frombuffer(packed, dtype="<f8") for packed in (row.x, row.y, row.z)]
        return XYZSignature(points=Points(np.stack(axes, axis=1)), **facts)
    return ImageSignature(
        asset_id=row.asset_id, blank=row.blank, width=row.width, height=row.height, mode=row.mode, **facts
    )
