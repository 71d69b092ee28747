"""The repositories of the service, on the warehouse's tables."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import select

from sigid.entity import AnySignature, Signee
from sigid.warehouse.database import Access, in_batches
from sigid.warehouse.rows import (
    SIGNATURES,
    forger_rows,
    signature_entity,
    signature_row,
    signee_entity,
    signee_row,
    trajectory_rows,
)
from sigid.warehouse.schema import forger, signature, signee, trajectory


class WarehouseSigneeRepository:
    """A `SigneeRepository` on the table `signee`."""

    def __init__(self, warehouse: Access) -> None:
        self._warehouse = warehouse

    def store(self, *signees: Signee) -> None:
        if not signees:
            return
        with self._warehouse.transaction() as connection:
            known = self.find([each.id for each in signees])
            if new := {each.id: signee_row(each) for each in signees if each.id not in known}:
                connection.execute(signee.insert(), list(new.values()))

    def find(self, signee_ids: Collection[str]) -> dict[str, Signee]:
        with self._warehouse.reading() as connection:
            return {
                row.id: signee_entity(row)
                for ids in in_batches(list(signee_ids))
                for row in connection.execute(select(signee).where(signee.c.id.in_(ids)))
            }


class WarehouseSignatureRepository:
    """A `SignatureRepository` on the tables `signature`, `forger` and `trajectory`."""

    def __init__(self, warehouse: Access) -> None:
        self._warehouse = warehouse

    def store(self, signatures: Iterable[AnySignature]) -> None:
        signatures = list(signatures)
        rows = {
            forger: forger_rows(signatures),
            signature: [signature_row(each) for each in signatures],
            trajectory: list(trajectory_rows(signatures)),
        }
        with self._warehouse.transaction() as connection:
            for table, of_table in rows.items():
                if of_table:
                    connection.execute(self._warehouse.database.upsert(table), of_table)

    def find(self, signature_ids: Collection[str]) -> dict[str, AnySignature]:
        with self._warehouse.reading() as connection:
            return {
                row.id: signature_entity(row)
                for ids in in_batches(list(signature_ids))
                for row in connection.execute(SIGNATURES.where(signature.c.id.in_(ids)))
            }

    def of_signee(self, signee_id: str) -> list[AnySignature]:
        with self._warehouse.reading() as connection:
            rows = connection.execute(SIGNATURES.where(signature.c.signee_id == signee_id).order_by(signature.c.id))
            return [signature_entity(row) for row in rows]
