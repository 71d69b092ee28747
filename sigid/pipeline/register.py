"""register: what valid files say, as signatures under the keys that their names claim.

It does with rows what `SignatureApplicationService.register_batch` does with entities, by the same rule and under the
same ids: an entity a file would cost more than everything else that a load does with the file.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from sigid.identity import PersonKey, derive_id
from sigid.mock_asset_service import MockAssetService
from sigid.outcome import Outcome, outcome_of
from sigid.pipeline.extract import Extracted, Plain
from sigid.pipeline.study import Item
from sigid.sources.base import Claim, Source
from sigid.sources.formats.png import Picture
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
from sigid.warehouse.signatures import Signature

Find: TypeAlias = Callable[[Collection[str]], Mapping[str, Signature]]
"""Gives the signatures that are known under some ids."""


class Result(NamedTuple):
    """What becomes of one valid file."""

    item: Item
    extracted: Extracted
    signature: Signature
    outcome: Outcome

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


_VERBS = {
    Outcome.ADDED: "added",
    Outcome.RESTORED: "added",
    Outcome.REPLACED: "changed",
    Outcome.UNCHANGED: "unchanged",
}


def registered(valid: Iterable[tuple[Item, Extracted]], find: Find, moment: Moment) -> list[Result]:
    """What becomes of what the files say, given what is known. Nothing is written."""
    new = [(item, extracted, _signature(item.claim, extracted, moment)) for item, extracted in valid]
    known = find([signature.row.id for _, _, signature in new])
    results = []
    for item, extracted, signature in new:
        before = known.get(signature.row.id)
        outcome = outcome_of(signature, before)
        if before is not None:
            row = signature.row._replace(created=before.row.created, asset_id=before.row.asset_id)
            signature = Signature(row, signature.trajectory)
        results.append(Result(item, extracted, signature, outcome))
    return results


def store(results: Iterable[Result], source: Source, session: Session, moment: Moment) -> None:
    """Write the signatures that are not there as they are, each after its signee, its forger and its asset."""
    signees: dict[PersonKey, SigneeRow] = {}
    forgers: dict[PersonKey, ForgerRow] = {}
    signatures: list[SignatureRow] = []
    trajectories: list[TrajectoryRow] = []
    assets = MockAssetService()
    for item, _, (row, trajectory), outcome in results:
        if outcome is Outcome.UNCHANGED:
            continue
        signee, forger = item.claim.signee, item.claim.forger
        if signee not in signees:
            signees[signee] = SigneeRow(row.signee_id, *signee, moment)
        if forger is not None and row.forger_id is not None and forger not in forgers:
            forgers[forger] = ForgerRow(row.forger_id, *forger)
        if trajectory is not None:
            trajectories.append(trajectory)
        else:
            row = row._replace(asset_id=assets.register_asset(f"{source.directory}/{item.found.path}", {}))
        signatures.append(row)
    with session.transaction():
        session.add(SIGNEE, list(signees.values()))
        session.add(FORGER, list(forgers.values()))
        session.put(SIGNATURE, signatures)
        session.put(TRAJECTORY, trajectories)


@lru_cache(maxsize=256)  # a person's files lie side by side
def _person_id(kind: str, key: PersonKey) -> str:
    return derive_id(kind, str(key))


def _signature(claim: Claim, extracted: Extracted, moment: Moment) -> Signature:
    """What the file says, as rows; the asset of a picture is still to be registered."""
    outcome = extracted.outcome
    id_ = claim.signature_id
    width = height = mode = point_count = trajectory = None
    if isinstance(outcome, bytes):
        size = len(outcome) // 3
        trajectory = TrajectoryRow(id_, outcome[:size], outcome[size : 2 * size], outcome[2 * size :])
        point_count = size // 8
    elif isinstance(outcome, Picture):
        width, height, mode = outcome
    row = SignatureRow(
        id_,
        _person_id("signee", claim.signee),
        _person_id("forger", claim.forger) if claim.forger else None,
        claim.parent_id,
        claim.signee.source,
        claim.format.kind.value,
        claim.modality.value,
        claim.authenticity.value,
        claim.sample,
        None,
        outcome is Plain.BLANK,
        width,
        height,
        mode,
        point_count,
        extracted.content_hash.hex(),
        "{}",
        moment,
    )
    return Signature(row, trajectory)
