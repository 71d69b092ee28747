"""What registering signatures promises, whatever it registers them in."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import String

from sigid.entity import AnySignature, Metadata, Points, Signee
from sigid.identity import Authenticity, PersonKey
from sigid.mock_asset_service import MockAssetService
from sigid.mock_signature_repository import MockSignatureRepository
from sigid.mock_signee_repository import MockSigneeRepository
from sigid.service import (
    AnyNewSignature,
    NewImageSignature,
    NewXYZSignature,
    Outcome,
    Registered,
    Registration,
    SignatureApplicationService,
    SignatureRepository,
    SigneeRepository,
)
from sigid.warehouse.schema import signature
from tests.contract.batches import BATCHES, Batch, in_calls, register
from tests.contract.stores import OpenStores, Stores

KEY = "source_a/online/genuine/1"
FORGER = PersonKey("source_a", "online/forgeries", "120")
THREE = [(1.0, 2.0, 3.0), (4.0, 5.0, 6.0), (7.0, 8.0, 9.0)]

PICTURE = NewImageSignature(local_uri="scans/1.png", sample="1", width=3, height=2, mode="L", metadata={"dpi": 400})
TRAJECTORY = NewXYZSignature(points=Points(THREE), sample="2", metadata={"hertz": 200})
FORGERY = NewXYZSignature(points=Points(THREE), sample="2", authenticity=Authenticity.FORGED, forger=FORGER)


@pytest.fixture
def assets() -> MockAssetService:
    return MockAssetService()


@pytest.fixture
def service(stores: Stores, assets: MockAssetService) -> SignatureApplicationService:
    return stores.service(assets)


def outcomes(registration: Registration) -> list[Outcome]:
    return [registered.outcome for registered in registration.signatures]


def found(stores: Stores, registration: Registration) -> list[AnySignature]:
    """The signatures that were registered, in that order."""
    by_id = stores.signatures.find([registered.signature_id for registered in registration.signatures])
    return [by_id[registered.signature_id] for registered in registration.signatures]


def test_without_a_key_each_call_makes_a_new_signee(stores: Stores, service: SignatureApplicationService) -> None:
    one = service.register_signatures([PICTURE, TRAJECTORY])
    other = service.register_signatures([PICTURE, TRAJECTORY])

    assert one.signee_id != other.signee_id
    assert outcomes(one) == outcomes(other) == [Outcome.ADDED] * 2
    assert len(stores.signatures.of_signee(one.signee_id)) == len(stores.signatures.of_signee(other.signee_id)) == 2


def test_a_call_returns_what_it_did_in_the_order_given(stores: Stores, service: SignatureApplicationService) -> None:
    service.register_signatures([PICTURE], KEY)

    registration = service.register_signatures([TRAJECTORY, PICTURE], KEY)

    trajectory, picture = found(stores, registration)
    assert (trajectory.kind, picture.kind) == ("xyz", "image")
    assert registration == Registration(
        Signee.of(PersonKey.parse(KEY)).id,
        (Registered(trajectory.id, Outcome.ADDED), Registered(picture.id, Outcome.UNCHANGED)),
    )
    assert [registration.count(outcome) for outcome in Outcome] == [1, 0, 0, 1]


def test_a_key_names_the_signee(stores: Stores, service: SignatureApplicationService) -> None:
    registration = service.register_signatures([TRAJECTORY], KEY)

    signee = stores.signees.find([registration.signee_id])[registration.signee_id]
    assert (signee.source, signee.collection, signee.external_id) == ("source_a", "online/genuine", "1")
    assert [signature.source for signature in found(stores, registration)] == ["source_a"]


def test_a_signee_may_be_registered_before_his_signatures(stores: Stores, service: SignatureApplicationService) -> None:
    before = service.register_signatures([], KEY)
    after = service.register_signatures([TRAJECTORY], KEY)

    assert list(stores.signees.find([before.signee_id])) == [after.signee_id]
    assert (before.signatures, outcomes(after)) == ((), [Outcome.ADDED])


def test_the_same_call_again_stores_nothing(stores: Stores, service: SignatureApplicationService) -> None:
    first = service.register_signatures([PICTURE, TRAJECTORY, FORGERY], KEY)
    before = stores.content()

    again = service.register_signatures([PICTURE, TRAJECTORY, FORGERY], KEY)

    assert stores.content() == before
    assert outcomes(again) == [Outcome.UNCHANGED] * 3
    assert found(stores, again) == found(stores, first)


class CountingSigneeRepository(MockSigneeRepository):
    """Counts whom it is asked to store."""

    asked = 0

    def store(self, *signees: Signee) -> None:
        self.asked += len(signees)
        super().store(*signees)


class CountingSignatureRepository(MockSignatureRepository):
    """Counts what it is asked to store."""

    asked = 0

    def store(self, signatures: Iterable[AnySignature]) -> None:
        self.asked += len(signatures := list(signatures))
        super().store(signatures)


def test_the_same_call_again_asks_for_nothing_to_be_stored() -> None:
    signees, signatures = CountingSigneeRepository(), CountingSignatureRepository()
    service = SignatureApplicationService(signees, signatures, MockAssetService())

    for _ in range(2):
        service.register_signatures([PICTURE, TRAJECTORY, FORGERY], KEY)

    assert (signees.asked, signatures.asked) == (1, 3)


def test_the_same_signature_twice_in_one_call_is_registered_once(
    stores: Stores, service: SignatureApplicationService
) -> None:
    registration = service.register_signatures([PICTURE, TRAJECTORY, PICTURE], KEY)

    assert outcomes(registration) == [Outcome.ADDED, Outcome.ADDED, Outcome.UNCHANGED]
    assert len(stores.signatures.of_signee(registration.signee_id)) == 2


def test_further_signatures_are_added_under_a_known_key(stores: Stores, service: SignatureApplicationService) -> None:
    first = service.register_signatures([PICTURE], KEY)
    second = service.register_signatures([TRAJECTORY], KEY)

    assert first.signee_id == second.signee_id
    assert stores.signatures.of_signee(first.signee_id) == sorted(
        found(stores, first) + found(stores, second), key=lambda signature: signature.id
    )


def test_a_trajectory_without_a_sample_is_known_by_its_points(
    stores: Stores, service: SignatureApplicationService
) -> None:
    new = NewXYZSignature(points=Points(THREE))

    service.register_signatures([new], KEY)
    again = service.register_signatures([new, NewXYZSignature(points=Points(THREE[1:]))], KEY)

    assert outcomes(again) == [Outcome.UNCHANGED, Outcome.ADDED]
    assert len(stores.signatures.of_signee(again.signee_id)) == 2


def test_a_picture_without_a_sample_is_known_by_where_it_lies(
    stores: Stores, service: SignatureApplicationService
) -> None:
    service.register_signatures([NewImageSignature(local_uri="scans/1.png")], KEY)
    again = service.register_signatures([NewImageSignature(local_uri=f"scans/{n}.png") for n in (1, 2)], KEY)

    assert outcomes(again) == [Outcome.UNCHANGED, Outcome.ADDED]
    assert len(stores.signatures.of_signee(again.signee_id)) == 2


@pytest.mark.parametrize(
    ("new", "facts"),
    [
        (TRAJECTORY, {"points": Points(THREE[1:])}),
        (TRAJECTORY, {"metadata": {"hertz": 100}}),
        (FORGERY, {"parent_id": "the one that it imitates"}),
        (PICTURE, {"content_hash": "0f" * 16}),
        (PICTURE, {"metadata": {}}),
        (PICTURE, {"width": None}),
        (PICTURE, {"blank": True}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_other_facts_replace_a_signature_under_its_id_and_it_keeps_its_date(
    stores: Stores, service: SignatureApplicationService, new: AnyNewSignature, facts: dict[str, Any]
) -> None:
    (old,) = found(stores, service.register_signatures([new], KEY))

    registration = service.register_signatures([new.model_copy(update=facts)], KEY)

    (replaced,) = found(stores, registration)
    assert outcomes(registration) == [Outcome.REPLACED]
    assert (replaced.id, replaced.created) == (old.id, old.created)
    assert {name: getattr(replaced, name) for name in facts} == facts
    assert stores.signatures.of_signee(registration.signee_id) == [replaced]


def test_a_zero_with_another_sign_is_another_point(stores: Stores, service: SignatureApplicationService) -> None:
    service.register_signatures([NewXYZSignature(points=Points([(0.0, 0.0, 0.0)]), sample="1")], KEY)

    registration = service.register_signatures([NewXYZSignature(points=Points([(0.0, -0.0, 0.0)]), sample="1")], KEY)

    (replaced,) = found(stores, registration)
    assert replaced.kind == "xyz"
    assert math.copysign(1, replaced.points[0].y) == -1


def test_a_trajectory_and_a_picture_of_one_sample_are_two_signatures(
    stores: Stores, service: SignatureApplicationService
) -> None:
    service.register_signatures([PICTURE], KEY)

    registration = service.register_signatures([TRAJECTORY.model_copy(update={"sample": "1"})], KEY)

    assert outcomes(registration) == [Outcome.ADDED]
    assert sorted(each.kind for each in stores.signatures.of_signee(registration.signee_id)) == ["image", "xyz"]


def test_a_picture_that_was_moved_is_the_same_one_and_stays_where_the_asset_service_has_it(
    stores: Stores, service: SignatureApplicationService, assets: MockAssetService
) -> None:
    picture = PICTURE.model_copy(update={"content_hash": "0f" * 16})
    service.register_signatures([picture], KEY)
    before = stores.content()

    registration = service.register_signatures([picture.model_copy(update={"local_uri": "elsewhere.png"})], KEY)

    assert stores.content() == before
    assert outcomes(registration) == [Outcome.UNCHANGED]
    assert list(assets.asset_by_id.values()) == ["scans/1.png"]


def test_a_picture_with_other_content_is_handed_to_the_asset_service_anew(
    stores: Stores, service: SignatureApplicationService, assets: MockAssetService
) -> None:
    service.register_signatures([PICTURE], KEY)

    registration = service.register_signatures(
        [PICTURE.model_copy(update={"local_uri": "rescanned.png", "metadata": {"dpi": 600}})], KEY
    )

    (replaced,) = found(stores, registration)
    assert replaced.kind == "image"
    assert assets.asset_by_id[replaced.asset_id] == "rescanned.png"
    assert assets.metadata_by_asset_id[replaced.asset_id] == {"dpi": 600}


@pytest.mark.parametrize(
    ("state", "outcome"),
    [({"retired_at": datetime(2026, 1, 2, tzinfo=UTC)}, Outcome.RESTORED), ({"stale": True}, Outcome.REPLACED)],
    ids=["retired", "stale"],
)
@pytest.mark.parametrize("new", [PICTURE, TRAJECTORY], ids=["picture", "trajectory"])
def test_a_signature_that_was_retired_or_stale_is_as_before_once_it_is_registered_again(
    stores: Stores,
    service: SignatureApplicationService,
    new: AnyNewSignature,
    state: dict[str, Any],
    outcome: Outcome,
) -> None:
    (signature,) = found(stores, service.register_signatures([new], KEY))
    before = stores.content()
    stores.signatures.store([signature.model_copy(update=state)])

    registration = service.register_signatures([new], KEY)

    assert outcomes(registration) == [outcome]
    assert stores.content() == before


def test_metadata_is_kept_with_the_signature_and_handed_to_the_asset_service(
    stores: Stores, service: SignatureApplicationService, assets: MockAssetService
) -> None:
    picture, trajectory = found(stores, service.register_signatures([PICTURE, TRAJECTORY], KEY))

    assert (picture.metadata, trajectory.metadata) == ({"dpi": 400}, {"hertz": 200})
    assert picture.kind == "image"
    assert assets.metadata_by_asset_id[picture.asset_id] == {"dpi": 400}


def test_a_forgery_is_told_from_a_genuine_signature_with_its_forger_and_the_signature_that_it_imitates(
    stores: Stores, service: SignatureApplicationService
) -> None:
    (genuine,) = found(stores, service.register_signatures([TRAJECTORY], KEY))

    imitation = FORGERY.model_copy(update={"parent_id": genuine.id})
    registration = service.register_signatures([imitation], KEY)

    (forgery,) = found(stores, registration)
    assert genuine.authenticity is Authenticity.GENUINE
    assert forgery.authenticity is Authenticity.FORGED
    assert forgery.signee_id == genuine.signee_id
    assert forgery.parent_id == genuine.id
    assert forgery.forger is not None
    assert (forgery.forger.collection, forgery.forger.external_id) == ("online/forgeries", "120")
    assert forgery.id != genuine.id


def test_each_forger_has_samples_of_his_own(stores: Stores, service: SignatureApplicationService) -> None:
    another = FORGERY.model_copy(update={"forger": PersonKey("source_a", "online/forgeries", "121")})
    unknown = FORGERY.model_copy(update={"forger": None})

    registration = service.register_signatures([TRAJECTORY, FORGERY, another, unknown], KEY)

    assert {new.sample for new in (TRAJECTORY, FORGERY, another, unknown)} == {"2"}
    assert len(stores.signatures.of_signee(registration.signee_id)) == 4


@pytest.mark.parametrize("facts", [{"forger": FORGER}, {"parent_id": "the one that it imitates"}])
def test_a_signature_with_a_forger_or_a_parent_cannot_pass_as_genuine(facts: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"is forged; say authenticity=Authenticity\.FORGED"):
        NewXYZSignature(points=Points(THREE), **facts)


def test_a_misspelt_fact_is_refused() -> None:
    with pytest.raises(ValidationError, match="smaple"):
        NewXYZSignature(points=Points(THREE), smaple="1")  # type: ignore[call-arg]


def test_outcomes_are_counted_by_name(service: SignatureApplicationService) -> None:
    """Of any name there were none: only the enum's own members were counted."""
    registration = service.register_signatures([NewXYZSignature(points=[(1.0, 2.0, 3.0)])])

    assert (registration.count("added"), registration.count(Outcome.UNCHANGED)) == (1, 0)
    with pytest.raises(ValueError, match="'new' is not a valid Outcome"):
        registration.count("new")


def test_a_forger_may_be_named_as_the_signee_is() -> None:
    """Who forged it could be said with a class alone that `sigid` does not show."""
    new = NewImageSignature(local_uri="1.png", authenticity=Authenticity.FORGED, forger=cast(Any, "lab/forgers/1"))

    assert new.forger == PersonKey("lab", "forgers", "1")
    assert NewImageSignature.model_validate_json(new.model_dump_json()) == new
    with pytest.raises(ValidationError, match="'lab//1' is not a key; write it like"):
        NewImageSignature(local_uri="1.png", authenticity=Authenticity.FORGED, forger=cast(Any, "lab//1"))


@pytest.mark.parametrize("size", [0, -1, 2**31])
def test_a_picture_of_impossible_size_is_refused(size: int) -> None:
    """SQLite took a width of 2**40 pixels, and no table could be made of the warehouse any more."""
    with pytest.raises(ValidationError, match="width"):
        NewImageSignature(local_uri="1.png", width=size)


def room(column: str) -> int:
    """How many characters the databases hold."""
    type_ = signature.c[column].type
    assert isinstance(type_, String)
    assert type_.length is not None
    return type_.length


MOST = {column: room(column) for column in ("sample", "mode", "content_hash", "parent_id")}


@pytest.mark.parametrize("fact", MOST)
@pytest.mark.parametrize("text", ["\ud800", "a\0b", "1\n", None], ids=["half a pair", "NUL", "line break", "too long"])
def test_a_text_that_not_every_database_holds_is_refused(fact: str, text: str | None) -> None:
    """SQLite took what PostgreSQL refused, and half a pair of code units was Python's own error."""
    facts = {"local_uri": "1.png", "authenticity": "forged"}
    longest = "1" * MOST[fact]

    assert getattr(NewImageSignature.model_validate({**facts, fact: longest}), fact) == longest
    with pytest.raises(ValidationError, match=fact):
        NewImageSignature.model_validate({**facts, fact: longest + "1" if text is None else text})


def test_a_path_that_is_no_text_is_refused() -> None:
    with pytest.raises(ValidationError, match="local_uri"):
        NewImageSignature(local_uri=os.fsdecode(b"\xff.png"))


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("{}/b/c", "the source of the key 'nn"),
        ("a/{}/c", "the collection of the key 'a/nn"),
        ("a/b/{}", "the external_id of the key 'a/b/nn"),
        ("{}", "the external_id of the key 'service/nn"),
    ],
)
def test_a_key_that_not_every_database_holds_is_refused(
    service: SignatureApplicationService, key: str, told: str
) -> None:
    """SQLite took it, and PostgreSQL refused the whole registration."""
    service.register_signatures([PICTURE], key.format("n" * 255))

    with pytest.raises(ValueError, match="256 characters; 255 is the most") as refused:
        service.register_signatures([PICTURE], key.format("n" * 256))

    assert str(refused.value).startswith(told)


def test_a_sample_may_be_named_in_any_script() -> None:
    name = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u7b7e\u540d \U0001f58b"

    assert NewImageSignature(local_uri="1.png", sample=name).sample == name


def test_points_may_be_given_as_the_first_design_had_them() -> None:
    assert NewXYZSignature(points=[(1.0, 2.0, 3.0)]).points[0].x == 1.0


@pytest.mark.parametrize("number", ["", "1/2"])
def test_a_forger_whose_key_would_name_somebody_else_is_refused(number: str) -> None:
    with pytest.raises(ValidationError, match="are not empty and contain no slash"):
        NewXYZSignature(
            points=Points(THREE), authenticity=Authenticity.FORGED, forger=PersonKey("lab", "forgers", number)
        )


@pytest.mark.parametrize("key", ["/", "source_a//1", "source_a/", "a\n"])
def test_a_malformed_key_is_refused_with_nothing_stored(
    stores: Stores, service: SignatureApplicationService, key: str
) -> None:
    before = stores.content()

    with pytest.raises(ValueError, match="is not a key"):
        service.register_signatures([PICTURE], key)

    assert stores.content() == before


def test_a_batch_with_a_key_that_names_somebody_else_is_refused_with_nothing_stored(
    stores: Stores, service: SignatureApplicationService
) -> None:
    before = stores.content()

    with pytest.raises(ValueError, match="contain no slash"):
        service.register_batch([(PersonKey("lab", "", "1"), [PICTURE]), (PersonKey("lab", "", "1/2"), [PICTURE])])

    assert stores.content() == before


def test_two_that_claim_one_sample_are_refused_with_nothing_stored(
    stores: Stores, service: SignatureApplicationService, assets: MockAssetService
) -> None:
    before = stores.content()
    rival = PICTURE.model_copy(update={"local_uri": "scans/2.png"})

    with pytest.raises(ValueError, match=f"two signatures under the key '{KEY}' claim to be sample '1'"):
        service.register_signatures([TRAJECTORY, PICTURE, rival], KEY)

    assert stores.content() == before
    assert assets.asset_by_id == {}


def test_a_signature_that_claims_to_be_its_own_parent_is_refused_with_nothing_stored(
    stores: Stores, service: SignatureApplicationService
) -> None:
    (registered,) = service.register_signatures([FORGERY], KEY).signatures
    before = stores.content()

    with pytest.raises(ValueError, match="claims to be its own parent"):
        service.register_signatures([FORGERY.model_copy(update={"parent_id": registered.signature_id})], KEY)

    assert stores.content() == before


class BrokenAssetService(MockAssetService):
    """Takes one picture over, and then breaks down."""

    def register_asset(self, local_uri: str, metadata: Metadata) -> str:
        if self.asset_by_id:
            raise ConnectionError("the asset service is not there")
        return super().register_asset(local_uri, metadata)


@pytest.mark.parametrize("key", ["", KEY], ids=["without a key", "with a key"])
def test_an_asset_service_that_breaks_down_leaves_nothing_behind(stores: Stores, key: str) -> None:
    before = stores.content()
    another = PICTURE.model_copy(update={"local_uri": "scans/2.png", "sample": "3"})

    with pytest.raises(ConnectionError):
        stores.service(BrokenAssetService()).register_signatures([PICTURE, TRAJECTORY, another], key)

    assert stores.content() == before


def test_what_an_asset_service_broke_off_is_completed_by_the_next_try(
    stores: Stores, service: SignatureApplicationService
) -> None:
    another = PICTURE.model_copy(update={"local_uri": "scans/2.png", "sample": "3"})
    with pytest.raises(ConnectionError):
        stores.service(BrokenAssetService()).register_signatures([PICTURE, another], KEY)

    assert outcomes(service.register_signatures([PICTURE, another], KEY)) == [Outcome.ADDED] * 2


class FirstSigneeRepository:
    """As in the first design: it can store, and nothing else."""

    def __init__(self) -> None:
        self.signees: list[Signee] = []

    def store(self, signee: Signee) -> None:
        self.signees.append(signee)


class FirstSignatureRepository:
    """As in the first design: it can store, and nothing else."""

    def __init__(self) -> None:
        self.signatures: list[AnySignature] = []

    def store(self, signatures: Iterable[AnySignature]) -> None:
        self.signatures.extend(signatures)


def test_adapters_of_the_first_design_work_without_a_key() -> None:
    signees, signatures = FirstSigneeRepository(), FirstSignatureRepository()
    service = SignatureApplicationService(
        cast(SigneeRepository, signees), cast(SignatureRepository, signatures), MockAssetService()
    )

    registration = service.register_signatures([PICTURE, TRAJECTORY])

    assert [signee.id for signee in signees.signees] == [registration.signee_id]
    assert signees.signees[0].signatures == signatures.signatures
    assert [signature.id for signature in signatures.signatures] == [
        each.signature_id for each in registration.signatures
    ]


def test_two_stores_agree_on_every_id_and_another_year_changes_nothing(open_stores: OpenStores) -> None:
    with open_stores() as one, open_stores() as other:
        registrations = [
            stores.service().register_signatures([PICTURE, TRAJECTORY, FORGERY], KEY) for stores in (one, other)
        ]

    assert registrations[0] == registrations[1]


def facts(stores: Stores, batch: Batch) -> list[dict[str, Any]]:
    """Everything but the dates of all that the batch's signees have signed."""
    return [
        signature.model_dump(exclude={"created"})
        for signee in sorted({Signee.of(key).id for key, _ in batch})
        for signature in stores.signatures.of_signee(signee)
    ]


@settings(max_examples=12)
@given(data=st.data(), batch=BATCHES)
def test_registering_a_batch_in_any_split_into_calls_and_twice_comes_to_the_same(
    open_stores: OpenStores, data: st.DataObject, batch: Batch
) -> None:
    with open_stores() as one, open_stores() as other:
        register(one.service(), batch)
        for call in data.draw(in_calls(batch)):
            register(other.service(), call)
        assert facts(one, batch) == facts(other, batch)
        assert len(facts(one, batch)) == len(batch)

        before = one.content()
        again = register(one.service(), batch)

        assert {outcome for registration in again for outcome in outcomes(registration)} <= {Outcome.UNCHANGED}
        assert one.content() == before
