"""What every signee repository and every signature repository promises."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sigid.entity import AnySignature, Forger, ImageSignature, Points, Signee, XYZSignature, new_id
from sigid.identity import Authenticity, Modality, PersonKey
from tests.contract.stores import OpenStores, Stores

THREE = [(1.0, 2.0, 3.0), (4.0, 5.0, 6.0), (7.0, 8.0, 9.0)]
SOMEONE = Signee.of(PersonKey("lab", "genuine", "1"))
SOMEONE_ELSE = Signee.of(PersonKey("lab", "genuine", "2"))
A_MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)

PICTURE = ImageSignature(
    signee_id=SOMEONE.id,
    id=f"{1:026}",
    source="lab",
    modality=Modality.ONLINE,
    asset_id="an asset",
    width=3,
    height=2,
    mode="RGBA",
    sample="1",
    content_hash="0f" * 16,
    metadata={"dpi": 400},
)
BLANK = ImageSignature(signee_id=SOMEONE.id, id=f"{2:026}", asset_id="an asset", blank=True)
TRAJECTORY = XYZSignature(signee_id=SOMEONE.id, id=f"{3:026}", source="lab", points=Points(THREE), sample="2")
FORGERY = XYZSignature(
    signee_id=SOMEONE.id,
    id=f"{4:026}",
    authenticity=Authenticity.FORGED,
    forger=Forger.of(PersonKey("lab", "forgeries", "1")),
    parent_id=TRAJECTORY.id,
    points=Points(THREE[:1]),
)
ORPHAN = FORGERY.model_copy(update={"id": f"{5:026}", "forger": None, "parent_id": new_id()})
RETIRED = TRAJECTORY.model_copy(update={"id": f"{6:026}", "retired_at": A_MOMENT})
STALE = PICTURE.model_copy(update={"id": f"{7:026}", "stale": True})

ALL: list[AnySignature] = [PICTURE, BLANK, TRAJECTORY, FORGERY, ORPHAN, RETIRED, STALE]
each = pytest.mark.parametrize(
    "signature", ALL, ids=["picture", "blank", "trajectory", "forgery", "orphan", "retired", "stale"]
)

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(autouse=True)
def known_signees(stores: Stores) -> None:
    """A signature's signee is always stored before it."""
    stores.signees.store(SOMEONE, SOMEONE_ELSE)


@pytest.mark.parametrize("signee", [SOMEONE, Signee()], ids=["by his number", "without one"])
def test_a_signee_is_found_as_he_was_stored(stores: Stores, signee: Signee) -> None:
    stores.signees.store(signee)

    assert stores.signees.find([signee.id]) == {signee.id: signee}


def test_a_signee_is_found_without_his_signatures(stores: Stores) -> None:
    signee = Signee()
    signee.new_xyz_signature(THREE)
    stores.signees.store(signee)

    assert stores.signees.find([signee.id])[signee.id].signatures == []
    assert stores.signatures.of_signee(signee.id) == []


def test_storing_a_signee_twice_keeps_him_as_he_was(stores: Stores) -> None:
    before = stores.content()

    stores.signees.store(SOMEONE)
    stores.signees.store(SOMEONE.model_copy(update={"created": A_MOMENT}))

    assert stores.content() == before


def test_a_signee_who_is_stored_twice_in_one_call_is_kept_once(stores: Stores) -> None:
    signee = Signee()

    stores.signees.store(signee, signee)

    assert stores.signees.find([signee.id]) == {signee.id: signee}


def test_storing_no_signee_does_nothing(stores: Stores) -> None:
    before = stores.content()

    stores.signees.store()

    assert stores.content() == before


def test_only_the_signees_who_are_there_are_found(stores: Stores) -> None:
    assert stores.signees.find([SOMEONE.id, new_id()]) == {SOMEONE.id: SOMEONE}
    assert stores.signees.find([new_id()]) == {}
    assert stores.signees.find([]) == {}


@each
def test_a_signature_is_found_as_it_was_stored(stores: Stores, signature: AnySignature) -> None:
    stores.signatures.store([signature])

    assert stores.signatures.find([signature.id]) == {signature.id: signature}
    assert stores.signatures.of_signee(SOMEONE.id) == [signature]


def test_several_signatures_are_stored_at_once(stores: Stores) -> None:
    stores.signatures.store(iter(ALL))

    assert stores.signatures.find([signature.id for signature in ALL]) == {signature.id: signature for signature in ALL}


def test_storing_no_signature_does_nothing(stores: Stores) -> None:
    before = stores.content()

    stores.signatures.store([])

    assert stores.content() == before


@each
def test_storing_a_signature_twice_changes_nothing(stores: Stores, signature: AnySignature) -> None:
    stores.signatures.store([signature])
    before = stores.content()

    stores.signatures.store([signature])
    stores.signatures.store([signature, signature])

    assert stores.content() == before


@pytest.mark.parametrize(
    "successor",
    [
        TRAJECTORY.model_copy(update={"points": Points(THREE[1:])}),
        TRAJECTORY.model_copy(update={"metadata": {"hertz": 200}, "retired_at": A_MOMENT}),
        TRAJECTORY.model_copy(update={"created": A_MOMENT}),
        TRAJECTORY.model_copy(update={"signee_id": SOMEONE_ELSE.id}),
    ],
    ids=["other points", "other facts", "another time", "another signee"],
)
def test_a_signature_takes_the_place_of_the_one_with_its_id_and_leaves_nothing_of_it(
    open_stores: OpenStores, stores: Stores, successor: AnySignature
) -> None:
    stores.signatures.store([TRAJECTORY])

    stores.signatures.store([successor])

    with open_stores() as others:
        others.signees.store(SOMEONE, SOMEONE_ELSE)
        others.signatures.store([successor])
        assert stores.content() == others.content()
        assert stores.signatures.find([TRAJECTORY.id]) == {TRAJECTORY.id: successor}


def test_of_two_with_one_id_in_one_call_the_later_one_is_kept(stores: Stores) -> None:
    later = TRAJECTORY.model_copy(update={"points": Points(THREE[1:])})

    stores.signatures.store([TRAJECTORY, later])

    assert stores.signatures.of_signee(SOMEONE.id) == [later]


def test_only_the_signatures_that_are_there_are_found(stores: Stores) -> None:
    stores.signatures.store([PICTURE])

    assert stores.signatures.find([PICTURE.id, TRAJECTORY.id]) == {PICTURE.id: PICTURE}
    assert stores.signatures.find([TRAJECTORY.id]) == {}
    assert stores.signatures.find([]) == {}


def test_signees_and_signatures_are_found_among_more_ids_than_a_statement_takes(stores: Stores) -> None:
    stores.signatures.store([PICTURE])
    unknown = [f"{number:026}" for number in range(300_000)]

    assert list(stores.signees.find([*unknown, SOMEONE.id])) == [SOMEONE.id]
    assert list(stores.signatures.find([*unknown, PICTURE.id])) == [PICTURE.id]


def test_a_signees_signatures_come_in_the_order_of_their_ids_with_forgeries_and_retired_ones(stores: Stores) -> None:
    stores.signatures.store(ALL)
    stores.signatures.store([PICTURE.model_copy(update={"id": new_id(), "signee_id": SOMEONE_ELSE.id})])

    assert stores.signatures.of_signee(SOMEONE.id) == sorted(ALL, key=lambda signature: signature.id)


def test_who_has_no_signatures_has_none(stores: Stores) -> None:
    assert stores.signatures.of_signee(SOMEONE.id) == []
    assert stores.signatures.of_signee(new_id()) == []


def test_one_forger_may_have_made_many_forgeries(stores: Stores) -> None:
    another = FORGERY.model_copy(update={"id": new_id()})

    stores.signatures.store([FORGERY, another])

    assert [signature.forger for signature in stores.signatures.of_signee(SOMEONE.id)] == [FORGERY.forger] * 2


@pytest.fixture(scope="module")
def old_stores(open_stores: OpenStores) -> Iterator[Stores]:
    """Stores that are in use: each example puts its signature in the place of the last one's."""
    with open_stores() as stores:
        stores.signees.store(SOMEONE)
        yield stores


@given(metadata=st.dictionaries(st.text(), JSON, max_size=3))
@example({"": [None, True, 1, 1.0, -0.0, 1e-300, 2**70, "\0", "ž"]})
def test_metadata_comes_back_as_the_same_json(old_stores: Stores, metadata: dict[str, Any]) -> None:
    old_stores.signatures.store([TRAJECTORY.model_copy(update={"metadata": metadata})])

    found = old_stores.signatures.find([TRAJECTORY.id])[TRAJECTORY.id]

    assert json.dumps(found.metadata, sort_keys=True) == json.dumps(metadata, sort_keys=True)


@given(triples=st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=5))
@example([(-0.0, 5e-324, 2.2250738585072014e-308), (1e15, -1e15, 0.1 + 0.2), (1.7976931348623157e308, 1 / 3, 0.0)])
def test_points_come_back_exact_to_the_bit(old_stores: Stores, triples: list[tuple[float, float, float]]) -> None:
    old_stores.signatures.store([TRAJECTORY.model_copy(update={"points": Points(triples)})])

    found = old_stores.signatures.find([TRAJECTORY.id])[TRAJECTORY.id]

    assert isinstance(found, XYZSignature)
    assert np.asarray(found.points).tobytes() == np.array(triples).tobytes()


def test_many_points_come_back_in_their_order(stores: Stores) -> None:
    array = np.arange(300_000, dtype=np.float64).reshape(-1, 3)

    stores.signatures.store([TRAJECTORY.model_copy(update={"points": Points(array)})])

    (found,) = stores.signatures.of_signee(SOMEONE.id)
    assert isinstance(found, XYZSignature)
    assert found.points == array


@pytest.mark.parametrize("moment", [A_MOMENT, A_MOMENT.astimezone(timezone(timedelta(hours=-9, minutes=-30)))])
def test_times_come_back_aware_and_to_the_microsecond(stores: Stores, moment: datetime) -> None:
    stores.signees.store(signee := Signee(created=moment))
    stores.signatures.store([TRAJECTORY.model_copy(update={"created": moment, "retired_at": moment})])

    (signature,) = stores.signatures.of_signee(SOMEONE.id)
    found = [stores.signees.find([signee.id])[signee.id].created, signature.created, signature.retired_at]
    assert [time and time.astimezone(UTC).isoformat() for time in found] == ["2026-01-02T03:04:05.678901+00:00"] * 3
    assert all(time and time.tzinfo for time in found)
