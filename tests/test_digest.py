"""The digest of a warehouse: equal if and only if the content is, whatever its history."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sigid.entity import Points
from sigid.errors import Reason
from sigid.identity import Authenticity, PersonKey
from sigid.service import AnyNewSignature, NewImageSignature, NewXYZSignature
from sigid.warehouse import schema
from sigid.warehouse.ledger import FileLine, State
from sigid.warehouse.repositories import WarehouseSignatureRepository
from sigid.warehouse.warehouse import Warehouse, open_warehouse
from tests.contract.batches import BATCHES, Batch, in_calls, register
from tests.databases import Databases
from tests.trees import enter

OpenWarehouse: TypeAlias = Callable[[], AbstractContextManager[Warehouse]]

KEY = "source_a/online/genuine/1"
FORGER = PersonKey("source_a", "online/forgeries", "120")
PICTURE = NewImageSignature(
    local_uri="1.png", sample="1", width=3, height=2, mode="L", metadata={"dpi": 400}, content_hash="0f" * 16
)
TRAJECTORY = NewXYZSignature(points=[(1.0, 2.0, 3.0), (4.0, 5.0, 6.0)], sample="2", content_hash="1f" * 16)
FORGERY = TRAJECTORY.model_copy(
    update={"authenticity": Authenticity.FORGED, "forger": FORGER, "parent_id": "the one that it imitates"}
)
A_MOMENT = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def another(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> OpenWarehouse:
    """Opens warehouses that are empty, and like no others."""
    return lambda: open_warehouse(databases.url(tmp_path_factory.mktemp("warehouse")))


def fill(warehouse: Warehouse) -> None:
    """A genuine picture and a forged trajectory, each with its file, and two rejections."""
    picture, forgery = warehouse.service().register_signatures([PICTURE, FORGERY], KEY).signatures
    enter(
        warehouse,
        "source_a",
        [
            FileLine("1.png", State.LOADED, "0f" * 16, 3, "1.1", "a claim", signature_id=picture.signature_id),
            FileLine("2.hwr", State.LOADED, "1f" * 16, 3, "1.1", "a claim", signature_id=forgery.signature_id),
            FileLine("3.hwr", State.REJECTED, "2f" * 16, 3, "1.1", reason=Reason.EMPTY, detail="it is empty"),
            FileLine("4.hwr", State.MISSING, reason=Reason.FILE_MISSING, detail="INDEX lists it"),
        ],
        A_MOMENT,
    )


@pytest.fixture
def digest_after(warehouse: Warehouse, warehouse_url: str, databases: Databases) -> Callable[[str], tuple[str, str]]:
    """Gives the digest of a filled warehouse before and after a statement that changes it behind its back."""
    fill(warehouse)

    def before_and_after(statement: str) -> tuple[str, str]:
        before = warehouse.digest()
        assert databases.tamper(warehouse_url, statement)
        return before, warehouse.digest()

    return before_and_after


def test_a_digest_is_64_hexadecimal_digits_even_of_nothing(warehouse: Warehouse) -> None:
    empty = warehouse.digest()
    fill(warehouse)

    for digest in (empty, warehouse.digest()):
        assert len(digest) == 64
        assert digest == f"{int(digest, 16):064x}"
    assert empty == "0" * 64 != warehouse.digest()


def test_the_same_content_has_the_same_digest_anywhere_and_next_year(warehouse: Warehouse) -> None:
    fill(warehouse)

    assert warehouse.digest() == "373ce0305131d111e2087721128de95d227e5315a84b263901f8ea72b1a6c017"


@settings(max_examples=12)
@given(data=st.data(), batch=BATCHES)
def test_no_order_repetition_or_split_of_registering_is_in_the_digest(
    another: OpenWarehouse, data: st.DataObject, batch: Batch
) -> None:
    with another() as one, another() as other:
        register(one.service(), batch)
        for call in data.draw(in_calls(batch)):
            register(other.service(), call)

        assert one.digest() == other.digest()


def test_what_came_and_went_is_not_in_the_digest(warehouse: Warehouse, another: OpenWarehouse) -> None:
    fill(warehouse)
    registration = warehouse.service().register_signatures([TRAJECTORY], "source_a/online/genuine/2")
    repository = WarehouseSignatureRepository(warehouse)
    (signature,) = repository.of_signee(registration.signee_id)
    repository.store([signature.model_copy(update={"retired_at": A_MOMENT})])
    picture, *_ = warehouse.signatures(authenticity="genuine")
    enter(warehouse, "source_a", [FileLine("5.hwr", State.REJECTED, reason=Reason.EMPTY, detail="")], A_MOMENT)
    enter(
        warehouse,
        "source_a",
        [FileLine("5.hwr", State.GONE), FileLine("01.png", State.GONE, signature_id=picture.id)],
        A_MOMENT,
    )

    with another() as fresh:
        fill(fresh)
        assert fresh.digest() == warehouse.digest()


def test_which_signatures_share_a_signee_without_a_number_is_in_the_digest_but_not_his_id(
    another: OpenWarehouse,
) -> None:
    def digest_of(*signees: list[AnyNewSignature]) -> str:
        with another() as warehouse:
            for new_signatures in signees:
                warehouse.service().register_signatures(new_signatures)
            return warehouse.digest()

    digest = digest_of([PICTURE, TRAJECTORY], [PICTURE])

    assert digest == digest_of([PICTURE], [TRAJECTORY, PICTURE])
    assert digest != digest_of([PICTURE, PICTURE], [TRAJECTORY])
    assert digest != digest_of([PICTURE, TRAJECTORY, PICTURE])


FACTS = {
    "signee_id": "(SELECT id FROM signee WHERE external_id = '2')",
    "forger_id": "NULL",
    "parent_id": "'another one'",
    "source": "'source_b'",
    "kind": "CASE kind WHEN 'xyz' THEN 'image' ELSE 'xyz' END",
    "modality": "CASE modality WHEN 'online' THEN 'offline' ELSE 'online' END",
    "authenticity": "'genuine'",
    "sample": "'3'",
    "blank": "NOT blank",
    "width": "4",
    "height": "4",
    "mode": "'RGB'",
    "point_count": "4",
    "content_hash": "'ff'",
    "metadata": """'{"dpi": 401}'""",
    "retired_at": "'2026-01-02 00:00:00.000000'",
    "stale": "NOT stale",
}
"""Each column of a signature that states a fact of the domain, and another fact."""

NO_FACTS = {
    "asset_id": "'another asset'",
    "created": "'2001-01-01 00:00:00.000000'",
}
"""Each column that does not: a surrogate, or a time of ours."""


def test_each_column_of_a_signature_is_a_fact_or_is_not() -> None:
    assert {column.name for column in schema.signature.columns} == FACTS.keys() | NO_FACTS.keys() | {"id"}


@pytest.mark.parametrize("column", FACTS)
def test_each_fact_of_a_signature_is_in_the_digest(
    warehouse: Warehouse, digest_after: Callable[[str], tuple[str, str]], column: str
) -> None:
    warehouse.service().register_signatures([], "source_a/online/genuine/2")

    before, after = digest_after(f"UPDATE signature SET {column} = {FACTS[column]} WHERE kind = 'xyz'")  # noqa: S608  # both are above

    assert before != after


@pytest.mark.parametrize("column", NO_FACTS)
def test_what_is_no_fact_of_a_signature_is_not_in_the_digest(
    digest_after: Callable[[str], tuple[str, str]], column: str
) -> None:
    before, after = digest_after(f"UPDATE signature SET {column} = {NO_FACTS[column]} WHERE kind = 'image'")  # noqa: S608  # both are above

    assert before == after


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE signee SET source = 'source_b'",
        "UPDATE signee SET collection = 'offline/genuine'",
        "UPDATE signee SET external_id = '2'",
        "UPDATE forger SET source = 'source_b'",
        "UPDATE forger SET collection = 'offline/forgeries'",
        "UPDATE forger SET external_id = '2'",
        "UPDATE source_file SET path = 'another/1.png' WHERE path = '1.png'",
        "UPDATE source_file SET path = 'another/3.hwr' WHERE path = '3.hwr'",
        "UPDATE source_file SET source = 'source_b' WHERE path = '3.hwr'",
        "UPDATE source_file SET reason = 'truncated' WHERE path = '3.hwr'",
        "UPDATE source_file SET detail = 'it has no bytes' WHERE path = '3.hwr'",
        "DELETE FROM source_file WHERE path = '4.hwr'",
    ],
)
def test_each_fact_beside_the_signatures_is_in_the_digest(
    digest_after: Callable[[str], tuple[str, str]], statement: str
) -> None:
    before, after = digest_after(statement)

    assert before != after


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE signee SET created = '2001-01-01 00:00:00.000000'",
        "UPDATE source_file SET extractor_version = '2.2'",
        """UPDATE "load" SET started = '2001-01-01 00:00:00.000000', added = 9, fingerprint = 'another'""",
    ],
)
def test_what_tells_of_a_run_is_not_in_the_digest(
    digest_after: Callable[[str], tuple[str, str]], statement: str
) -> None:
    before, after = digest_after(statement)

    assert before == after


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("point", [0, 1])
def test_one_bit_of_one_coordinate_is_in_the_digest(
    warehouse: Warehouse, another: OpenWarehouse, point: int, axis: int
) -> None:
    array = np.array(TRAJECTORY.points)
    array[point, axis] = np.nextafter(array[point, axis], np.inf)

    warehouse.service().register_signatures([TRAJECTORY], KEY)
    with another() as other:
        other.service().register_signatures([TRAJECTORY.model_copy(update={"points": Points(array)})], KEY)
        assert warehouse.digest() != other.digest()


def test_a_coordinate_cannot_pass_for_one_of_another_axis_or_point(another: OpenWarehouse) -> None:
    digests = set()
    for points in ([(1, 2, 3), (4, 5, 6)], [(2, 1, 3), (4, 5, 6)], [(4, 5, 6), (1, 2, 3)], [(1, 2, 3)]):
        with another() as warehouse:
            warehouse.service().register_signatures([TRAJECTORY.model_copy(update={"points": Points(points)})], KEY)
            digests.add(warehouse.digest())

    assert len(digests) == 4


@pytest.mark.parametrize(
    "metadata",
    [{"dpi": 400.0}, {"dpi": "400"}, {"dpi": True}, {"dpi": None}, {"DPI": 400}, {"dpi": [400]}, {}],
    ids=str,
)
def test_metadata_that_reads_alike_is_told_apart(
    warehouse: Warehouse, another: OpenWarehouse, metadata: dict[str, Any]
) -> None:
    warehouse.service().register_signatures([PICTURE], KEY)

    with another() as other:
        other.service().register_signatures([PICTURE.model_copy(update={"metadata": metadata})], KEY)
        assert warehouse.digest() != other.digest()


def test_the_order_in_which_metadata_was_written_is_not_in_the_digest(
    warehouse: Warehouse, another: OpenWarehouse
) -> None:
    warehouse.service().register_signatures([PICTURE.model_copy(update={"metadata": {"a": 1, "b": 2}})], KEY)

    with another() as other:
        other.service().register_signatures([PICTURE.model_copy(update={"metadata": {"b": 2, "a": 1}})], KEY)
        assert warehouse.digest() == other.digest()
