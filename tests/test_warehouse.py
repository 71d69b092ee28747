"""The warehouse, on each kind of database: its tables, and that what fails leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from sigid.entity import AnySignature, Points, Signee
from sigid.errors import WarehouseError
from sigid.mock_asset_service import MockAssetService
from sigid.service import NewXYZSignature, SignatureApplicationService
from sigid.warehouse.repositories import WarehouseSignatureRepository, WarehouseSigneeRepository
from sigid.warehouse.warehouse import Warehouse, open_warehouse
from tests.databases import Databases

THREE = [(1.0, 2.0, 3.0), (4.0, 5.0, 6.0), (7.0, 8.0, 9.0)]


@pytest.mark.usefixtures("warehouse")
@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("signee", "id source collection external_id created"),
        ("forger", "id source collection external_id"),
        (
            "signature",
            "id signee_id forger_id parent_id source kind modality authenticity sample asset_id blank width height"
            " mode point_count content_hash metadata created retired_at stale",
        ),
        ("trajectory", "signature_id x y z"),
        (
            "source_file",
            "source path content_hash size extractor_version state reason detail signature_id load_id",
        ),
        ("load", "id source started finished added changed unchanged retired rejected fingerprint"),
    ],
)
def test_the_tables_have_the_columns_that_others_write_queries_against(
    databases: Databases, warehouse_url: str, table: str, columns: str
) -> None:
    assert databases.execute(warehouse_url, f'SELECT {columns.replace(" ", ", ")} FROM "{table}"') == []  # noqa: S608  # of constants


def test_a_signature_of_an_unknown_signee_is_refused_without_a_word_of_the_signature(warehouse: Warehouse) -> None:
    orphan = Signee().new_image_signature("a picture", metadata={"name": "Zoë Q."})

    with pytest.raises(WarehouseError, match=r"(?i)foreign key") as refused:
        WarehouseSignatureRepository(warehouse).store([orphan])

    assert "what was to be written does not fit what is there; nothing of it was written" in str(refused.value)
    assert "Q." not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_warehouse_is_opened_again_as_it_was(warehouse_url: str) -> None:
    with open_warehouse(warehouse_url) as warehouse:
        warehouse.service().register_signatures([NewXYZSignature(points=Points(THREE))], "1")
        before = warehouse.digest()

    with open_warehouse(warehouse_url) as warehouse:
        assert warehouse.digest() == before


class FailingSignatureRepository(WarehouseSignatureRepository):
    """Stores what it is given, and then fails."""

    def store(self, signatures: Iterable[AnySignature]) -> None:
        super().store(signatures)
        raise ConnectionError("the line went dead")


@pytest.mark.parametrize("key", ["", "source_a/online/genuine/1"], ids=["without a key", "with a key"])
def test_a_repository_that_fails_within_a_transaction_leaves_nothing_behind(
    warehouse: Warehouse, warehouse_url: str, databases: Databases, key: str
) -> None:
    service = SignatureApplicationService(
        WarehouseSigneeRepository(warehouse),
        FailingSignatureRepository(warehouse),
        MockAssetService(),
        warehouse.transaction,
    )

    with pytest.raises(ConnectionError):
        service.register_signatures([NewXYZSignature(points=Points(THREE))], key)

    for table in ("signee", "forger", "signature", "trajectory"):
        assert databases.execute(warehouse_url, f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608  # of constants


@pytest.mark.parametrize("key", ["", "source_a/online/genuine/1"], ids=["without a key", "with a key"])
def test_a_call_that_the_database_refuses_half_way_leaves_nothing_behind(
    warehouse: Warehouse, warehouse_url: str, databases: Databases, key: str
) -> None:
    databases.execute(warehouse_url, "DROP VIEW trajectories", "DROP TABLE trajectory")

    with pytest.raises(WarehouseError):
        warehouse.service().register_signatures([NewXYZSignature(points=Points(THREE))], key)

    for table in ("signee", "signature"):
        assert databases.execute(warehouse_url, f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608  # of constants


def test_what_fails_in_an_outer_transaction_undoes_the_registrations_in_it(warehouse: Warehouse) -> None:
    def register_and_fail() -> None:
        with warehouse.transaction():
            warehouse.service().register_signatures([NewXYZSignature(points=Points(THREE))], "1")
            assert warehouse.catalog()["service"]["signatures"] == 1
            raise ConnectionError("the line went dead")

    with pytest.raises(ConnectionError):
        register_and_fail()

    assert warehouse.catalog() == {}
