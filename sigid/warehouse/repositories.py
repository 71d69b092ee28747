"""The repositories of the service, on the warehouse's tables."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import select

from sigid.entity import AnySignature, Signee
from sigid.warehouse.records import FORGER, SIGNATURE, SIGNEE, TRAJECTORY
from sigid.warehouse.rows import (
    SIGNATURES,
    forger_rows,
    signature_entity,
    signature_row,
    signee_entity,
    signee_row,
    trajectory_rows,
)
from sigid.warehouse.schema import signature, signee
from sigid.warehouse.session import Access, in_batches


class WarehouseSigneeRepository:
    """A `SigneeRepository` on the table `signee`."""

    def __init__(self, warehouse: Access) -> None:
        self._warehouse = warehouse

    def store(self, *signees: Signee) -> None:
        if signees:
            with self._warehouse.writing() as session:
                session.add(SIGNEE, [signee_row(each, session.moment) for each in signees])

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
        if signatures := list(signatures):
            with self._warehouse.writing() as session:
                session.add(FORGER, forger_rows(signatures))
                session.put(SIGNATURE, [signature_row(each, session.moment) for each in signatures])
                session.put(TRAJECTORY, list(trajectory_rows(signatures)))

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
