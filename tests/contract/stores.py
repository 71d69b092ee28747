"""The stores that are held to one contract: the mocks, and a warehouse on each kind of database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TypeAlias

from sigid.mock_asset_service import MockAssetService
from sigid.mock_signature_repository import MockSignatureRepository
from sigid.mock_signee_repository import MockSigneeRepository
from sigid.service import AssetService, SignatureApplicationService, SignatureRepository, SigneeRepository
from sigid.warehouse import schema
from sigid.warehouse.repositories import WarehouseSignatureRepository, WarehouseSigneeRepository
from sigid.warehouse.warehouse import open_warehouse


@dataclass(frozen=True)
class Stores:
    """Two repositories that belong together, and a look at all that is in them."""

    signees: SigneeRepository
    signatures: SignatureRepository
    transaction: Callable[[], AbstractContextManager[object]]
    content: Callable[[], object]
    """Everything that is stored, in a form that can be compared."""

    def service(self, assets: AssetService | None = None) -> SignatureApplicationService:
        """A service that registers here."""
        return SignatureApplicationService(
            self.signees, self.signatures, assets or MockAssetService(), self.transaction
        )


OpenStores: TypeAlias = Callable[[], AbstractContextManager[Stores]]
"""Opens stores that are empty, and like no others."""


@contextmanager
def mocks() -> Iterator[Stores]:
    """The mocks."""
    signees, signatures = MockSigneeRepository(), MockSignatureRepository()

    def content() -> object:
        kept = [signature for of_signee in signatures.signatures_by_signee_id.values() for signature in of_signee]
        return (
            {id_: signee.model_dump_json(exclude={"signatures"}) for id_, signee in signees.signee_by_id.items()},
            sorted(signature.model_dump_json() for signature in kept),
        )

    yield Stores(signees, signatures, nullcontext, content)


@contextmanager
def in_warehouse(url: str) -> Iterator[Stores]:
    """A warehouse in a database."""
    with open_warehouse(url) as warehouse:

        def content() -> object:
            with warehouse.reading() as connection:
                return {
                    table.name: connection.execute(table.select().order_by(*table.primary_key)).all()
                    for table in schema.metadata.sorted_tables
                }

        signees, signatures = WarehouseSigneeRepository(warehouse), WarehouseSignatureRepository(warehouse)
        yield Stores(signees, signatures, warehouse.transaction, content)
