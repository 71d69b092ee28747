"""Reading back: the catalogue, the signatures in their order, the rejections, and what a reader sees of a load."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import numpy as np
import pytest

from sigid.entity import AnySignature, Points, Signee
from sigid.errors import Reason
from sigid.identity import Authenticity, Modality, PersonKey
from sigid.service import NewImageSignature, NewXYZSignature
from sigid.warehouse.ledger import FileLine, State
from sigid.warehouse.read import Rejection
from sigid.warehouse.repositories import WarehouseSignatureRepository
from sigid.warehouse.warehouse import Warehouse, open_warehouse
from tests.trees import enter

STARTED = datetime(2026, 1, 2, tzinfo=UTC)
THREE = [(1.0, 2.0, 3.0), (4.0, 5.0, 6.0), (7.0, 8.0, 9.0)]


def picture(sample: str, **facts: Any) -> NewImageSignature:
    return NewImageSignature(local_uri=f"{sample}.png", sample=sample, **facts)


def trajectory(sample: str, **facts: Any) -> NewXYZSignature:
    return NewXYZSignature(points=Points(THREE), sample=sample, **facts)


def forged_by(number: str) -> dict[str, Any]:
    return {"authenticity": Authenticity.FORGED, "forger": PersonKey("source_a", "offline/forgeries", number)}


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    """A warehouse with a little of everything."""
    service = warehouse.service()
    service.register_signatures(
        [
            picture("10"),
            picture("2", blank=True),
            picture("1", **forged_by("30")),
            picture("3", **forged_by("4")),
            picture("1", **forged_by("4")),
            picture("1", authenticity=Authenticity.FORGED),
        ],
        "source_a/offline/genuine/10",
    )
    service.register_signatures([picture("1", **forged_by("30"))], "source_a/offline/genuine/9")
    (stale, retired) = service.register_signatures(
        [trajectory("1"), trajectory("2")], "source_a/online/genuine/10"
    ).signatures
    service.register_signatures([trajectory("1")], "source_a/online/genuine/2")
    service.register_signatures([picture("b", modality=Modality.ONLINE, width=3, height=2)], "source_b/b")

    loaded: dict[str, Any] = {"content_hash": "0f" * 16, "size": 3, "extractor_version": "1"}
    enter(
        warehouse,
        "source_a",
        [
            FileLine("good", State.LOADED, **loaded),
            FileLine("gone", State.GONE),
            FileLine("odd", State.REJECTED, reason=Reason.NAME_NOT_UNDERSTOOD, detail="a name is <signee>_<sample>"),
            FileLine("empty", State.REJECTED, reason=Reason.EMPTY, detail="it is empty", **loaded),
            FileLine("bad", State.REJECTED, reason=Reason.EMPTY, detail="so is it", signature_id=stale.signature_id),
        ],
        STARTED,
    )
    enter(
        warehouse,
        "source_b",
        [FileLine("a/aaaaaaaa", State.MISSING, reason=Reason.FILE_MISSING, detail="INDEX lists it")],
        STARTED,
    )
    repository = WarehouseSignatureRepository(warehouse)
    signature = repository.find([retired.signature_id])[retired.signature_id]
    repository.store([signature.model_copy(update={"retired_at": STARTED})])
    return warehouse


def told(signatures: Iterator[AnySignature]) -> list[str]:
    """Each signature as its source, who imitated it, and its sample."""
    return [
        f"{each.source} by {each.forger.external_id if each.forger else 'somebody'}: {each.sample}"
        if each.authenticity is Authenticity.FORGED
        else f"{each.source} {each.sample}"
        for each in signatures
    ]


def test_the_catalogue_counts_everything_by_source(filled: Warehouse) -> None:
    assert filled.catalog() == {
        "source_a": {
            "files": 4,
            "signatures": 9,
            "images": 7,
            "trajectories": 2,
            "blank": 1,
            "genuine": 4,
            "forged": 5,
            "signees": 4,
            "without_genuine": 1,
            "forgers": 2,
            "points": 6,
            "rejected": 3,
            "stale": 1,
            "retired": 1,
            "rejected_by_reason": {"empty": 2, "name_not_understood": 1},
        },
        "source_b": {
            "files": 0,
            "signatures": 1,
            "images": 1,
            "trajectories": 0,
            "blank": 0,
            "genuine": 1,
            "forged": 0,
            "signees": 1,
            "without_genuine": 0,
            "forgers": 0,
            "points": 0,
            "rejected": 1,
            "stale": 0,
            "retired": 0,
            "rejected_by_reason": {"file_missing": 1},
        },
    }
    counts = [count for of_source in filled.catalog().values() for count in of_source.values()]
    assert {type(count) for count in counts} == {int, dict}


def test_the_catalogue_of_an_empty_warehouse_is_empty(warehouse: Warehouse) -> None:
    assert warehouse.catalog() == {}


def test_a_source_of_which_everything_is_rejected_is_in_the_catalogue(warehouse: Warehouse) -> None:
    enter(warehouse, "source_a", [FileLine("bad", State.REJECTED, reason=Reason.EMPTY, detail="")], STARTED)

    counts = warehouse.catalog()["source_a"]

    assert (counts["files"], counts["rejected"], counts["signatures"], counts["points"]) == (1, 1, 0, 0)


def test_signatures_come_by_source_signee_forger_and_sample_each_in_its_own_numbering(filled: Warehouse) -> None:
    assert told(filled.signatures()) == [
        "source_a by 30: 1",  # offline 9
        "source_a 2",  # offline 10
        "source_a 10",
        "source_a by somebody: 1",
        "source_a by 4: 1",
        "source_a by 4: 3",
        "source_a by 30: 1",
        "source_a 1",  # online 2
        "source_a 1",  # online 10
        "source_b b",
    ]


@pytest.mark.parametrize(
    ("narrowed", "expected"),
    [
        ({"source": "source_b"}, ["source_b b"]),
        ({"source": "source_c"}, []),
        ({"modality": "online"}, ["source_a 1", "source_a 1", "source_b b"]),
        ({"modality": Modality.ONLINE, "source": "source_a"}, ["source_a 1", "source_a 1"]),
        ({"authenticity": "genuine"}, ["source_a 2", "source_a 10", "source_a 1", "source_a 1", "source_b b"]),
        ({"authenticity": Authenticity.FORGED, "signee": "9"}, ["source_a by 30: 1"]),
        ({"signee": "10", "authenticity": "genuine"}, ["source_a 2", "source_a 10", "source_a 1"]),
        ({"signee": "source_a/online/genuine/10"}, ["source_a 1"]),
        ({"signee": "source_b/b"}, ["source_b b"]),
        ({"signee": Signee.of(PersonKey("source_a", "offline/genuine", "9")).id}, ["source_a by 30: 1"]),
        ({"signee": "1"}, []),
        ({"signee": "source_a/online/genuine/10", "retired": True}, ["source_a 1", "source_a 2"]),
    ],
    ids=str,
)
def test_signatures_are_narrowed_down(filled: Warehouse, narrowed: dict[str, Any], expected: list[str]) -> None:
    assert told(filled.signatures(**narrowed)) == expected


def test_a_signee_without_a_collection_is_found_by_the_key_he_was_registered_under(warehouse: Warehouse) -> None:
    warehouse.service().register_signatures([trajectory("1")], "Zoë")

    assert told(warehouse.signatures(signee="Zoë")) == told(warehouse.signatures(signee="service/Zoë")) == ["service 1"]


@pytest.mark.parametrize("narrowed", [{"modality": "spoken"}, {"authenticity": "true"}])
def test_what_does_not_exist_is_refused_before_anything_is_read(warehouse: Warehouse, narrowed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"spoken|true"):
        warehouse.signatures(**narrowed)


def test_signatures_are_read_back_whole(filled: Warehouse) -> None:
    (forgery,) = filled.signatures(signee="9")
    (stale,) = filled.signatures(signee="source_a/online/genuine/10")

    assert forgery.forger is not None
    assert (forgery.forger.collection, forgery.forger.external_id) == ("offline/forgeries", "30")
    assert stale.stale
    assert stale.kind == "xyz"
    assert stale.points == THREE
    assert stale.created.tzinfo is UTC


def test_rejections_come_by_source_and_path_with_reason_and_detail(filled: Warehouse) -> None:
    of_a = [
        Rejection("source_a", "bad", Reason.EMPTY, "so is it"),
        Rejection("source_a", "empty", Reason.EMPTY, "it is empty"),
        Rejection("source_a", "odd", Reason.NAME_NOT_UNDERSTOOD, "a name is <signee>_<sample>"),
    ]
    of_b = [Rejection("source_b", "a/aaaaaaaa", Reason.FILE_MISSING, "INDEX lists it")]

    assert list(filled.rejections()) == of_a + of_b
    assert list(filled.rejections(source="source_b")) == of_b
    assert list(filled.rejections(source="source_c")) == []
    assert list(filled.rejections(reason="empty")) == of_a[:2]
    assert list(filled.rejections(source="source_b", reason=Reason.EMPTY)) == []
    with pytest.raises(ValueError, match="'emty' is not a valid Reason"):
        list(filled.rejections(reason="emty"))


def test_a_reader_sees_whole_batches_only(warehouse: Warehouse, warehouse_url: str) -> None:
    warehouse.service().register_signatures([trajectory("1")], "1")
    with open_warehouse(warehouse_url) as readers:
        before = readers.digest()

        with warehouse.transaction():
            warehouse.service().register_signatures([trajectory("2")], "1")
            warehouse.service().register_signatures([trajectory("3")], "1")
            assert told(warehouse.signatures()) == ["service 1", "service 2", "service 3"]
            assert told(readers.signatures()) == ["service 1"]
            assert readers.digest() == before

        assert told(readers.signatures()) == ["service 1", "service 2", "service 3"]


def test_a_reader_who_has_begun_reads_on_in_the_state_that_he_began_with(
    warehouse: Warehouse, warehouse_url: str
) -> None:
    warehouse.service().register_signatures([trajectory(str(sample)) for sample in range(1000)], "1")
    with open_warehouse(warehouse_url) as readers:
        reading = readers.signatures()
        seen = 1
        next(reading)

        warehouse.service().register_signatures([trajectory(str(sample)) for sample in range(1000, 2000)], "1")

        assert seen + sum(1 for _ in reading) == 1000
        assert sum(1 for _ in readers.signatures()) == 2000


def test_reading_all_signatures_takes_the_memory_of_a_few_hundred(warehouse: Warehouse) -> None:
    points = np.ones((400, 3))
    service = warehouse.service()
    for person in range(4):
        service.register_signatures(
            [NewXYZSignature(points=Points(points), sample=str(sample)) for sample in range(1000)], str(person)
        )
    size = 4 * 1000 * points.nbytes

    tracemalloc.start()
    try:
        first = list(islice(warehouse.signatures(), 1))
        count = sum(1 for _ in warehouse.signatures())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (len(first), count) == (1, 4000)
    assert peak < size / 3
