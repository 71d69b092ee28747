"""Between rows and entities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from sqlalchemy import Row, Select, select

from sigid.entity import AnySignature, Forger, ImageSignature, Points, Signee, XYZSignature
from sigid.identity import Authenticity, Modality
from sigid.warehouse.schema import forger, signature, trajectory

_FORGER = {column.name: column.label(f"forger_{column.name}") for column in forger.columns if column.name != "id"}
_POINTS = [trajectory.c[axis] for axis in "xyz"]

SIGNATURES: Select[Any] = (
    select(*signature.columns, *_FORGER.values(), *_POINTS).outerjoin_from(signature, forger).outerjoin(trajectory)
)
"""Everything that makes a signature an entity; narrow it with ``where`` and ``order_by``."""


def signee_row(entity: Signee) -> dict[str, Any]:
    return {
        "id": entity.id,
        "source": entity.source,
        "collection": entity.collection,
        "external_id": entity.external_id,
        "created": entity.created,
    }


def signee_entity(row: Row[Any]) -> Signee:
    return Signee(
        id=row.id, source=row.source, collection=row.collection, external_id=row.external_id, created=row.created
    )


def forger_rows(signatures: Iterable[AnySignature]) -> list[dict[str, Any]]:
    forgers = {each.forger.id: each.forger for each in signatures if each.forger}
    return [
        {"id": each.id, "source": each.source, "collection": each.collection, "external_id": each.external_id}
        for each in forgers.values()
    ]


def signature_row(entity: AnySignature) -> dict[str, Any]:
    image = entity if isinstance(entity, ImageSignature) else None
    return {
        "id": entity.id,
        "signee_id": entity.signee_id,
        "forger_id": entity.forger_id,
        "parent_id": entity.parent_id,
        "source": entity.source,
        "kind": entity.kind,
        "modality": entity.modality.value,
        "authenticity": entity.authenticity.value,
        "sample": entity.sample,
        "asset_id": image and image.asset_id,
        "blank": image is not None and image.blank,
        "width": image and image.width,
        "height": image and image.height,
        "mode": image and image.mode,
        "point_count": len(entity.points) if isinstance(entity, XYZSignature) else None,
        "content_hash": entity.content_hash,
        "metadata": entity.metadata,
        "created": entity.created,
        "retired_at": entity.retired_at,
        "stale": entity.stale,
    }


def trajectory_rows(signatures: Iterable[AnySignature]) -> Iterator[dict[str, Any]]:
    for each in signatures:
        if isinstance(each, XYZSignature):
            axes = np.asarray(each.points).T.astype("<f8", copy=False)
            yield {"signature_id": each.id, **{name: axis.tobytes() for name, axis in zip("xyz", axes, strict=True)}}


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
