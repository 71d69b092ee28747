"""The columns of an export, with what Hugging Face's `datasets` wants to know of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from sigid.export.pseudonyms import COLUMNS, Pseudonyms
from sigid.export.split import Split
from sigid.warehouse.arrow import SCHEMA, batch_of

_OF_ITS_HISTORY = {"created", "retired_at"}  # two warehouses of one content differ in it
_NAMES_A_FILE = {"content_hash", "path"}

# What readers make of the folders' names: pyarrow, and so pandas, wants to find the same in the files.
_PARTITIONS = {"source": pa.dictionary(pa.int32(), pa.string()), "modality": pa.dictionary(pa.int32(), pa.string())}

_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


class Item(NamedTuple):
    """A signature on its way out."""

    row: Any
    """One of those of a `Selection`."""
    path: str | None
    picture: bytes | None

    @property
    def size(self) -> int:
        """About how many bytes it takes in memory."""
        return 500 + 24 * (self.row.point_count or 0) + len(self.picture or b"")


class Columns:
    """Makes batches, a row a signature: under its own names or, where pseudonyms are given, under those.

    Where images are asked for, the column `image` has each picture's file and path, as `datasets` has them.
    """

    def __init__(self, *, images: bool, pseudonyms: Pseudonyms | None) -> None:
        self._pseudonyms = pseudonyms
        left_out = _OF_ITS_HISTORY | (_NAMES_A_FILE if pseudonyms else set())
        fields = [pa.field(each.name, _PARTITIONS.get(each.name, each.type)) for each in SCHEMA]
        fields += [pa.field("split", pa.string()), pa.field("path", pa.string())]
        fields += [pa.field("image", _IMAGE)] if images else []
        fields = [each for each in fields if each.name not in left_out]
        features = {each.name: _feature(each.type) for each in fields}
        self.schema = pa.schema(fields, {"huggingface": json.dumps({"info": {"features": features}})})

    def batch(self, items: Sequence[Item], split: Split) -> pa.RecordBatch:
        """The items, all of one split, as a batch of the schema."""
        known = batch_of([each.row for each in items])
        arrays = [self._array(each, known, items, split) for each in self.schema]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _array(self, field: pa.Field, known: pa.RecordBatch, items: Sequence[Item], split: Split) -> pa.Array:
        if self._pseudonyms and field.name in COLUMNS:
            return pa.array([self._pseudonyms.column(field.name, each.row) for each in items], field.type)
        match field.name:
            case "split":
                return pa.array([split.value] * len(items), field.type)
            case "path":
                return pa.array([each.path for each in items], field.type)
            case "image":
                return pa.array([self._image(each) for each in items], field.type)
        return known.column(field.name).cast(field.type)

    def _image(self, item: Item) -> dict[str, Any] | None:
        if item.picture is None:
            return None
        return {"bytes": item.picture, "path": None if self._pseudonyms else item.path}


def _feature(kind: pa.DataType) -> Any:
    """The type in the words of `datasets`. A list is written as all its versions read it."""
    if kind == _IMAGE:
        return {"_type": "Image"}
    if pa.types.is_list(kind):
        return [_feature(kind.value_type)]
    if pa.types.is_dictionary(kind):
        return _feature(kind.value_type)
    return {"dtype": {"double": "float64"}.get(str(kind), str(kind)), "_type": "Value"}
