"""Signatures as a load writes them, and looks them up: rows, with the points packed."""

from __future__ import annotations

import json
from collections.abc import Collection
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


def find_signatures(session: Session, signature_ids: Collection[str]) -> dict[str, Signature]:
    """Those of the signatures that are there, by id. One whose signee or forger is not is as good as none."""
    columns = ", ".join(f"s.{name}" for name in SIGNATURE.columns)
    found = {}
    for ids in in_batches(list(signature_ids)):
        statement = (
            f"SELECT {columns}, t.x, t.y, t.z FROM signature s JOIN signee p ON p.id = s.signee_id"  # noqa: S608  # our own names, and marks for values
            " LEFT JOIN forger f ON f.id = s.forger_id LEFT JOIN trajectory t ON t.signature_id = s.id"
            f" WHERE s.id IN ({marks(ids)}) AND (s.forger_id IS NULL OR f.id IS NOT NULL)"
        )
        for *facts, x, y, z in session.select(statement, ids):
            row = SignatureRow(*facts)
            trajectory = None if x is None else TrajectoryRow(row.id, *map(_packed, (x, y, z)))
            found[row.id] = Signature(row._replace(metadata=_text(row.metadata)), trajectory)
    return found


def _packed(coordinate: object) -> bytes:
    """The packed numbers. SQLite keeps whatever it was given: what is none of that is no point."""
    return coordinate if isinstance(coordinate, bytes) else b""


def _text(metadata: str | dict[str, object]) -> str:
    return metadata if isinstance(metadata, str) else json.dumps(metadata)
