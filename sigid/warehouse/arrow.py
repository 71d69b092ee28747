"""Signatures as Arrow's columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import Row

_ROWS_A_BATCH = 1000
_POINTS_A_BATCH = 2**24  # a list's offsets are 32 bits wide, and what is under way is bounded

_TEXT = ("id", "source", "collection", "signee", "signee_id", "forger", "forger_id", "parent_id")
_AXES = ("x", "y", "z")

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in _TEXT),
        *((name, pa.string()) for name in ("kind", "modality", "authenticity", "sample")),
        ("blank", pa.bool_()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("mode", pa.string()),
        ("point_count", pa.int32()),
        *((axis, pa.list_(pa.float64())) for axis in _AXES),
        ("content_hash", pa.string()),
        ("stale", pa.bool_()),
        ("created", pa.timestamp("us", tz="UTC")),
        ("retired_at", pa.timestamp("us", tz="UTC")),
    ]
)
"""A row a signature. `signee` and `forger` are numbers in their collections; of a picture, x, y and z are null."""

_FROM = {"collection": "signee_collection", "signee": "signee_external_id", "forger": "forger_external_id"}


def batches(rows: Iterable[Row[Any]]) -> Iterator[pa.RecordBatch]:
    """The rows of a selection as record batches."""
    some: list[Row[Any]] = []
    points = 0
    for row in rows:
        some.append(row)
        points += row.point_count or 0
        if len(some) == _ROWS_A_BATCH or points >= _POINTS_A_BATCH:
            yield batch_of(some)
            some, points = [], 0
    if some:
        yield batch_of(some)


def batch_of(rows: Sequence[Row[Any]]) -> pa.RecordBatch:
    """These rows as one record batch."""
    arrays = [_points(rows, each.name) if each.name in _AXES else _column(rows, each) for each in SCHEMA]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def _column(rows: Sequence[Row[Any]], field: pa.Field) -> pa.Array:
    name = _FROM.get(field.name, field.name)
    return pa.array([getattr(row, name) for row in rows], field.type)


def _points(rows: Sequence[Row[Any]], axis: str) -> pa.Array:
    """One coordinate of all points, as the warehouse has it packed."""
    packed = [getattr(row, axis) for row in rows]
    offsets = np.zeros(len(packed) + 1, dtype=np.int32)
    np.cumsum([len(each or b"") // 8 for each in packed], out=offsets[1:])
    values = pa.py_buffer(b"".join(each for each in packed if each is not None))
    numbers = pa.Array.from_buffers(pa.float64(), int(offsets[-1]), [None, values])
    missing = pa.array([each is None for each in packed])
    return pa.ListArray.from_arrays(pa.array(offsets), numbers, mask=missing)
