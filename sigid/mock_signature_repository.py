"""The signature repository in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sigid.entity import AnySignature


class MockSignatureRepository:
    """A `SignatureRepository` that anyone can look into: `signatures_by_signee_id`."""

    def __init__(self) -> None:
        self.signatures_by_signee_id: dict[str, list[AnySignature]] = {}

    def store(self, signatures: Iterable[AnySignature]) -> None:
        for signature in signatures:
            for kept in self.signatures_by_signee_id.values():
                kept[:] = [each for each in kept if each.id != signature.id]
            self.signatures_by_signee_id.setdefault(signature.signee_id, []).append(signature)

    def find(self, signature_ids: Collection[str]) -> dict[str, AnySignature]:
        wanted = frozenset(signature_ids)
        return {
            signature.id: signature
            for kept in self.signatures_by_signee_id.values()
            for signature in kept
            if signature.id in wanted
        }

    def of_signee(self, signee_id: str) -> list[AnySignature]:
        return sorted(self.signatures_by_signee_id.get(signee_id, []), key=lambda signature: signature.id)
