"""Signatures as a load writes them, and looks them up: rows, with the points packed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from sigid.warehouse.records import SIGNATURE, Moment, SignatureRow, TrajectoryRow
from sigid.warehouse.session import Session, in_batches, marks


class Signature(NamedTuple):
    """A row of the table `signature`, and that of the table `trajectory` that belongs to it."""

    row: SignatureRow
    trajectory: TrajectoryRow | None

    @property
    def retired_at(self) -> Moment | None:
        """When it was retired, if it was."""
        return self.row.retired_at

    def states_the_same_as(self, other: Signature) -> bool:
        """Whether both state the same facts, whenever they were registered and whichever asset they are."""
        return self.trajectory == other.trajectory and self._facts() == other._facts()

    def _facts(self) -> SignatureRow:
        return self.row._replace(created=None, asset_id=None)


def find_signatures(session: Session, contents: Mapping[str, str | None]) -> dict[str, Signature]:
    """What is there under the ids, each of them with the hash of a content. What has another content lacks its points.

    A signature whose signee or forger is not there is as good as none.
    """
    columns = ", ".join(f"s.{name}" for name in SIGNATURE.columns)
    rows = (
        SignatureRow(*facts)
        for ids in in_batches(list(contents))
        for facts in session.select(
            f"SELECT {columns} FROM signature s JOIN signee p ON p.id = s.signee_id"  # noqa: S608  # our own names, and marks for values
            f" LEFT JOIN forger f ON f.id = s.forger_id WHERE s.id IN ({marks(ids)})"
            " AND (s.forger_id IS NULL OR f.id IS NOT NULL)",
            ids,
        )
    )
    found = {row.id: row._replace(metadata=_text(row.metadata)) for row in rows}
    trajectories = {
        id_: TrajectoryRow(id_, *map(_packed, axes))
        for ids in in_batches([id_ for id_, row in found.items() if row.content_hash == contents[id_]])
        for id_, *axes in session.select(
            f"SELECT signature_id, x, y, z FROM trajectory WHERE signature_id IN ({marks(ids)})",  # noqa: S608  # our own names, and marks for values
            ids,
        )
    }
    return {id_: Signature(row, trajectories.get(id_)) for id_, row in found.items()}


def _packed(coordinate: object) -> bytes:
    """The packed numbers. SQLite keeps whatever it was given: what is none of that is no point."""
    return coordinate if isinstance(coordinate, bytes) else b""


def _text(metadata: str | dict[str, object]) -> str:
    return metadata if isinstance(metadata, str) else json.dumps(metadata)
