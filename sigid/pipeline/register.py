"""register: what valid files say, as signatures under the keys that their names claim.

It does with rows what `SignatureApplicationService.register_batch` does with entities, by the same rule and under the
same ids: an entity a file would cost more than everything else that a load does with the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sigid.identity import PersonKey
from sigid.mock_asset_service import MockAssetService
from sigid.outcome import Outcome, outcome_of
from sigid.pipeline.interpret import Reading, Registrable
from sigid.pipeline.study import Item
from sigid.sources.base import Source
from sigid.warehouse.ledger import State
from sigid.warehouse.records import (
    FORGER,
    SIGNATURE,
    SIGNEE,
    TRAJECTORY,
    ForgerRow,
    Moment,
    SignatureRow,
    SigneeRow,
    TrajectoryRow,
)
from sigid.warehouse.session import Session
from sigid.warehouse.signatures import Signature, find_signatures


class Result(NamedTuple):
    """What becomes of one valid file."""

    item: Item
    reading: Reading
    new: Registrable
    signature: Signature
    outcome: Outcome
    known: Signature | None
    """What is there under its id, as `find_signatures` gives it."""

    @property
    def superseded(self) -> str | None:
        """The id of the signature that the file was until now, if it is another one."""
        line = self.item.line
        return line.signature_id if line and line.signature_id != self.signature.row.id else None

    @property
    def verb(self) -> str:
        """The count of a load that it belongs to: a file that became another signature has changed."""
        line = self.item.line
        if line is not None and line.state is State.LOADED and self.superseded:
            return "changed"
        return _VERBS[self.outcome]


_ASSET = SignatureRow._fields.index("asset_id")
_VERBS = {
    Outcome.ADDED: "added",
    Outcome.RESTORED: "added",
    Outcome.REPLACED: "changed",
    Outcome.UNCHANGED: "unchanged",
}


def registered(valid: Sequence[tuple[Item, Reading, Registrable]], session: Session | None) -> list[Result]:
    """What becomes of what the files say, given what is known, if there is a warehouse. Nothing is written."""
    contents = {new.row.id: new.row.content_hash for _, _, new in valid}
    known = find_signatures(session, contents) if session else {}
    results = []
    for item, reading, new in valid:
        signature = new.signature
        before = known.get(signature.row.id)
        outcome = outcome_of(signature, before)
        if before is not None:
            row = signature.row._replace(created=before.row.created, asset_id=before.row.asset_id)
            signature = Signature(row, signature.trajectory)
        results.append(Result(item, reading, new, signature, outcome, before))
    return results


def store(results: Iterable[Result], source: Source, session: Session, moment: Moment) -> None:
    """Write the signatures that are not there as they are, each after its signee, its forger and its asset."""
    signees: dict[PersonKey, SigneeRow] = {}
    forgers: dict[PersonKey, ForgerRow] = {}
    pictures: list[SignatureRow] = []
    movements: list[SignatureRow] = []
    trajectories: list[TrajectoryRow] = []
    assets = MockAssetService()
    for item, _, (_, _, signee, forger), (row, trajectory), outcome, _ in results:
        if outcome is Outcome.UNCHANGED:
            continue
        if signee not in signees:
            signees[signee] = SigneeRow(row.signee_id, *signee, moment)
        if forger is not None and row.forger_id is not None and forger not in forgers:
            forgers[forger] = ForgerRow(row.forger_id, *forger)
        if trajectory is not None:
            trajectories.append(trajectory)
            movements.append(row)
        else:
            asset_id = assets.register_asset(f"{source.directory}/{item.path}", {})
            pictures.append(SignatureRow._make((*row[:_ASSET], asset_id, *row[_ASSET + 1 :])))
    with session.transaction():
        session.add(SIGNEE, list(signees.values()))
        session.add(FORGER, list(forgers.values()))
        session.put(SIGNATURE, pictures)
        session.put(SIGNATURE, movements)
        session.put(TRAJECTORY, trajectories)
