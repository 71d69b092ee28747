"""The signee repository in memory."""

from __future__ import annotations

from collections.abc import Collection

from sigid.entity import Signee


class MockSigneeRepository:
    """A `SigneeRepository` that anyone can look into: `signee_by_id`."""

    def __init__(self) -> None:
        self.signee_by_id: dict[str, Signee] = {}

    def store(self, *signees: Signee) -> None:
        for signee in signees:
            self.signee_by_id.setdefault(signee.id, signee)

    def find(self, signee_ids: Collection[str]) -> dict[str, Signee]:
        return {
            id_: self.signee_by_id[id_].model_copy(update={"signatures": []})
            for id_ in signee_ids
            if id_ in self.signee_by_id
        }
