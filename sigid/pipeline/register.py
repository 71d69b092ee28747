"""register: what valid files say, as signatures under the keys that their names claim."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from sigid.entity import Points
from sigid.identity import PersonKey
from sigid.pipeline.extract import Extracted
from sigid.pipeline.study import Item
from sigid.service import (
    AnyNewSignature,
    NewImageSignature,
    NewXYZSignature,
    Outcome,
    Registered,
    SignatureApplicationService,
)
from sigid.sources.base import Source
from sigid.sources.formats.png import Picture
from sigid.warehouse.ledger import State


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one valid file."""

    item: Item
    extracted: Extracted
    registered: Registered

    @property
    def superseded(self) -> str | None:
        """The id of the signature that the file was until now, if it is another one."""
        line = self.item.line
        return line.signature_id if line and line.signature_id != self.registered.signature_id else None

    @property
    def verb(self) -> str:
        """The count of a load that it belongs to: a file that became another signature has changed."""
        line = self.item.line
        if line is not None and line.state is State.LOADED and self.superseded:
            return "changed"
        return _VERBS[self.registered.outcome]


def register(
    service: SignatureApplicationService, source: Source, valid: Iterable[tuple[Item, Extracted]]
) -> Iterator[Result]:
    """Register what the files say, all of them at once."""
    signees: dict[PersonKey, list[tuple[Item, Extracted, AnyNewSignature]]] = {}
    for item, extracted in valid:
        signees.setdefault(item.claim.signee, []).append((item, extracted, _new_signature(item, extracted, source)))
    registrations = service.register_batch(
        [(key, [new for _, _, new in of_signee]) for key, of_signee in signees.items()]
    )
    for registration, of_signee in zip(registrations, signees.values(), strict=True):
        for registered, (item, extracted, _) in zip(registration.signatures, of_signee, strict=True):
            yield Result(item, extracted, registered)


_VERBS = {
    Outcome.ADDED: "added",
    Outcome.RESTORED: "added",
    Outcome.REPLACED: "changed",
    Outcome.UNCHANGED: "unchanged",
}


def _new_signature(item: Item, extracted: Extracted, source: Source) -> AnyNewSignature:
    claim, outcome = item.claim, extracted.outcome
    facts: dict[str, Any] = {
        "modality": claim.modality,
        "authenticity": claim.authenticity,
        "forger": claim.forger,
        "parent_id": claim.parent_id,
        "sample": claim.sample,
        "content_hash": extracted.content_hash.hex(),
    }
    if isinstance(outcome, bytes):
        return NewXYZSignature(points=Points(np.frombuffer(outcome, dtype=np.float64).reshape(3, -1).T), **facts)
    local_uri = f"{source.directory}/{item.found.path}"
    if isinstance(outcome, Picture):
        return NewImageSignature(local_uri=local_uri, **outcome._asdict(), **facts)
    return NewImageSignature(local_uri=local_uri, blank=True, **facts)
