"""What signees and signatures are: values that are complete, checked at birth, and as cheap as their points."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError
from ulid import ULID

from sigid.entity import AnySignature, BaseSignature, Forger, ImageSignature, Points, Signee, XYZPoint, XYZSignature
from sigid.identity import Authenticity, Modality, PersonKey

THREE = [(1.0, 2.0, 3.0), (4.0, 5.0, 6.0), (7.0, 8.0, 9.0)]
COORDINATES = st.floats(allow_nan=False, allow_infinity=False)
TRIPLES = st.lists(st.tuples(COORDINATES, COORDINATES, COORDINATES), min_size=1, max_size=5)
ODD_NUMBERS = [(-0.0, 5e-324, 2.2250738585072014e-308), (1e15, -1e15, 0.1 + 0.2), (1.7976931348623157e308, 1 / 3, 0.0)]

MAKERS: list[Callable[[], BaseModel]] = [
    Signee,
    lambda: ImageSignature(signee_id="someone", asset_id="a picture"),
    lambda: XYZSignature(signee_id="someone", points=Points(THREE)),
]
made = pytest.mark.parametrize("make", MAKERS, ids=["signee", "picture", "trajectory"])


@made
def test_each_has_an_id_of_its_own_which_is_a_ulid(make: Callable[[], Any]) -> None:
    one, other = make().id, make().id

    assert isinstance(one, str)
    assert str(ULID.from_str(one)) == one
    assert one != other


@made
def test_each_knows_when_it_was_made_in_utc(make: Callable[[], Any]) -> None:
    before = datetime.now(UTC)

    created = make().created

    assert before <= created <= datetime.now(UTC)
    assert created.utcoffset() == timedelta(0)


@pytest.mark.parametrize("field", ["created", "retired_at"])
def test_a_time_without_its_zone_is_refused(field: str) -> None:
    naive = datetime(2026, 1, 2)

    with pytest.raises(ValidationError, match="timezone"):
        ImageSignature.model_validate({"signee_id": "someone", "asset_id": "a picture", field: naive})


@made
def test_nothing_is_shared_between_two_that_were_made_alike(make: Callable[[], Any]) -> None:
    one, other = make(), make()

    shared = [
        name
        for name in type(one).model_fields
        if isinstance(getattr(one, name), list | dict) and getattr(one, name) is getattr(other, name)
    ]

    assert shared == []


def test_a_signature_keeps_its_metadata_whatever_becomes_of_the_callers_dictionary() -> None:
    metadata = {"device": {"dpi": [400]}}
    signature = ImageSignature(signee_id="someone", asset_id="a picture", metadata=metadata)

    metadata["device"]["dpi"].append(600)

    assert signature.metadata == {"device": {"dpi": [400]}}


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {"deep": -float("inf")}, (1, 2), object()])
def test_metadata_that_json_cannot_say_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError, match="metadata"):
        ImageSignature(signee_id="someone", asset_id="a picture", metadata={"key": value})


def test_a_signature_does_not_change() -> None:
    signature = ImageSignature(signee_id="someone", asset_id="a picture")

    with pytest.raises(ValidationError, match="frozen"):
        signature.asset_id = "another one"  # type: ignore[misc]


def test_a_signee_is_given_new_signatures() -> None:
    signee = Signee()

    picture = signee.new_image_signature("a picture")
    trajectory = signee.new_xyz_signature(THREE)

    assert signee.signatures == [picture, trajectory]
    assert isinstance(picture, ImageSignature)
    assert picture.signee_id == trajectory.signee_id == signee.id
    assert picture.asset_id == "a picture"
    assert trajectory.points[0].x == 1.0


def test_what_nothing_else_is_said_of_is_genuine() -> None:
    signature = Signee().new_xyz_signature(THREE)

    assert signature.authenticity is Authenticity.GENUINE
    assert (signature.forger, signature.forger_id, signature.parent_id) == (None, None, None)


def test_a_picture_is_offline_and_a_trajectory_online_unless_it_is_said_otherwise() -> None:
    signee = Signee()

    assert signee.new_image_signature("a picture").modality is Modality.OFFLINE
    assert signee.new_xyz_signature(THREE).modality is Modality.ONLINE
    assert signee.new_image_signature("a picture", modality=Modality.ONLINE).modality is Modality.ONLINE


def test_a_signee_and_a_forger_of_the_same_number_are_two_people() -> None:
    key = PersonKey("source_a", "online", "1")

    assert Signee.of(key).id != Forger.of(key).id


def test_a_key_names_the_same_signee_each_time() -> None:
    key = PersonKey("source_a", "online/genuine", "1")

    signee = Signee.of(key)

    assert signee.id == Signee.of(key).id
    assert (signee.source, signee.collection, signee.external_id) == ("source_a", "online/genuine", "1")
    assert signee.new_xyz_signature(THREE).source == "source_a"


def test_two_signatures_state_the_same_whenever_they_were_registered() -> None:
    signature = Signee().new_xyz_signature(THREE)
    later = signature.model_copy(update={"created": signature.created + timedelta(days=1)})
    stale = signature.model_copy(update={"stale": True})

    assert signature.states_the_same_as(later)
    assert not signature.states_the_same_as(stale)


def test_a_picture_and_a_trajectory_never_state_the_same() -> None:
    facts = {"signee_id": "someone", "id": "an id"}

    assert not ImageSignature(asset_id="a picture", **facts).states_the_same_as(XYZSignature(points=THREE, **facts))


def test_a_point_has_three_coordinates_by_name_and_by_place() -> None:
    point = Signee().new_xyz_signature(THREE).points[0]

    x, y, z = point

    assert (point.x, point.y, point.z) == (x, y, z) == (1.0, 2.0, 3.0)


@pytest.mark.parametrize(
    "given_as",
    [
        THREE,
        [list(triple) for triple in THREE],
        [XYZPoint(x=x, y=y, z=z) for x, y, z in THREE],
        [(1, 2, 3), (4, 5, 6), (7, 8, 9)],
        np.arange(1.0, 10.0).reshape(3, 3),
        np.arange(1.0, 10.0).reshape(3, 3).tolist(),
        np.asfortranarray(np.arange(1, 10, dtype=np.int16).reshape(3, 3)),
        iter(THREE),
        Points(THREE),
    ],
    ids=["triples", "lists", "points", "integers", "array", "nested lists", "small integers", "iterator", "itself"],
)
def test_points_are_one_array_of_float64_whatever_they_were_given_as(given_as: Any) -> None:
    array = np.asarray(Points(given_as))

    assert array.dtype == np.float64
    assert array.tolist() == [list(triple) for triple in THREE]


def test_points_are_handed_out_as_they_lie_there_without_a_copy() -> None:
    points = Points(THREE)

    assert np.asarray(points) is np.asarray(points)
    assert np.asarray(points, dtype=np.float32).dtype == np.float32


@pytest.mark.parametrize(
    "pass_on",
    [lambda points: points, Points, copy.copy, copy.deepcopy, lambda points: pickle.loads(pickle.dumps(points))],  # noqa: S301  # its own
)
def test_points_cannot_be_written_to_wherever_they_are_passed_on(pass_on: Callable[[Points], Points]) -> None:
    points = pass_on(Points(THREE))

    with pytest.raises(ValueError, match="read-only"):
        np.asarray(points)[0, 0] = 5.0
    assert points == THREE


def test_points_do_not_change_with_the_array_that_they_were_made_of() -> None:
    array = np.array(THREE)
    view = array.view()
    view.setflags(write=False)
    of_array, of_view = Points(array), Points(view)

    array[0, 0] = 5.0

    assert of_array == of_view == THREE


@pytest.mark.parametrize("nothing", [[], (), np.empty((0, 3)), iter(())], ids=["list", "tuple", "array", "iterator"])
def test_a_trajectory_without_points_cannot_be_built(nothing: Any) -> None:
    with pytest.raises(ValueError, match=r"^a trajectory has at least one point$"):
        Points(nothing)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("make", [list, np.array], ids=["list", "array"])
def test_a_number_that_is_not_finite_is_refused_with_its_point(value: float, make: Callable[[Any], Any]) -> None:
    expected = f"every coordinate is finite; point 1 is (1.0, {value}, 3.0)"

    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        Points(make([(1.0, 2.0, 3.0), (1.0, value, 3.0)]))


@pytest.mark.parametrize(
    "values",
    [
        [(1.0, 2.0), (1.0, 2.0, 3.0)],
        [1.0, 2.0, 3.0],
        [("1", "2", "3")],
        ["123"],
        [(1.0, None, "3")],
        [(2**70, "2", 3)],
        [(1j, 2.0, 3.0)],
        np.array([[1j, 2.0, 3.0]]),
        np.array([["1", "2", "3"]]),
        [(True, False, True)],
        [(10**400, 0, 0)],
        5,
    ],
    ids=repr,
)
def test_what_is_not_three_numbers_is_no_point(values: Any) -> None:
    with pytest.raises(ValueError, match=r"^each point of a trajectory is three numbers: \(x, y, z\)$"):
        Points(values)


@pytest.mark.parametrize(
    "values", [[(1.0, 2.0)], [(1.0, 2.0, 3.0, 4.0)], [[(1.0, 2.0, 3.0)]], np.zeros(3), np.array(1.0)]
)
def test_an_array_of_another_shape_is_refused_with_its_shape(values: Any) -> None:
    expected = f"a trajectory is n points of three numbers each, not an array of shape {np.shape(values)}"

    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        Points(values)


@pytest.mark.parametrize("hidden", [3.0, float("nan")])
def test_a_masked_number_is_none(hidden: float) -> None:
    """What stood below the mask was taken, were it not even finite: it is masked when numpy asks whether it is."""
    masked = np.ma.masked_array([[1.0, 2.0, hidden]], mask=[[False, False, True]])

    with pytest.raises(ValueError, match="each point of a trajectory is three numbers"):
        Points(masked)


def test_points_are_taken_from_a_table_of_another_library() -> None:
    """Gone through, a table gives its columns: one of three rows would be turned, and others were refused."""

    class Table:
        def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
            return np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])

        def __iter__(self) -> Any:
            return iter([[1.0, 4.0, 7.0], [2.0, 5.0, 8.0], [3.0, 6.0, 9.0]])

    assert Points(Table()) == [(1.0, 2.0, 3.0), (4.0, 5.0, 6.0), (7.0, 8.0, 9.0)]


def test_a_signature_with_such_points_cannot_be_built_either() -> None:
    with pytest.raises(ValidationError, match="a trajectory has at least one point"):
        XYZSignature.model_validate({"signee_id": "someone", "points": []})


def test_points_are_a_sequence() -> None:
    points = Points(THREE)

    assert len(points) == 3
    assert [tuple(point) for point in points] == THREE
    assert [tuple(point) for point in reversed(points)] == THREE[::-1]
    assert tuple(points[-1]) == THREE[-1]
    assert [tuple(point) for point in points[1:]] == THREE[1:]
    assert points[5:] == []
    assert XYZPoint(x=4, y=5, z=6) in points
    assert points.index(XYZPoint(x=7, y=8, z=9)) == 2
    with pytest.raises(IndexError):
        points[3]


def test_points_are_equal_to_the_same_points_in_any_form() -> None:
    points = Points(THREE)

    assert points == Points(THREE)
    assert points == THREE
    assert points == np.array(THREE)
    assert points != Points(THREE[:2])
    assert points != Points([*THREE[:2], (7.0, 8.0, 9.5)])
    assert points != []
    assert points != "123"


def test_points_show_how_many_they_are_and_not_whose() -> None:
    assert repr(Points(THREE)) == "<3 points>"


SOMEONE = PersonKey("source_a", "online/genuine", "1")
FORGERY: dict[str, Any] = {
    "authenticity": Authenticity.FORGED,
    "forger": Forger.of(PersonKey("source_a", "online/forgeries", "1")),
    "parent_id": "the one that it imitates",
    "sample": "1",
    "metadata": {"hertz": 200, "notes": [None, True, "ž", -0.5]},
    "content_hash": "0f" * 16,
    "stale": True,
    "retired_at": datetime(2026, 1, 2, 3, 4, 5, 678901, UTC),
}


def signatures() -> list[AnySignature]:
    signee = Signee.of(SOMEONE)
    signee.new_image_signature("a picture", blank=True, width=0, height=0, mode="L", **FORGERY)
    signee.new_image_signature("another one")
    signee.new_xyz_signature(THREE, **FORGERY)
    signee.new_xyz_signature(THREE)
    return signee.signatures


@pytest.mark.parametrize("signature", signatures(), ids=lambda signature: signature.kind)
def test_a_signature_is_read_back_from_its_json(signature: BaseSignature) -> None:
    read = type(signature).model_validate_json(signature.model_dump_json())

    assert read == signature


@pytest.mark.parametrize("signature", signatures(), ids=lambda signature: signature.kind)
def test_its_kind_says_which_signature_a_json_is(signature: BaseSignature) -> None:
    any_signature: TypeAdapter[AnySignature] = TypeAdapter(AnySignature)

    assert any_signature.validate_json(signature.model_dump_json()) == signature


def test_a_signee_is_read_back_from_his_json_with_all_his_signatures() -> None:
    signee = Signee.of(SOMEONE).model_copy(update={"signatures": signatures()})

    read = Signee.model_validate_json(signee.model_dump_json())

    assert read == signee
    assert [type(signature) for signature in read.signatures] == [type(each) for each in signee.signatures]


def test_a_json_of_an_unknown_kind_is_refused() -> None:
    json = signatures()[0].model_dump_json().replace('"image"', '"sound"')

    with pytest.raises(ValidationError, match="'image', 'xyz'"):
        TypeAdapter(AnySignature).validate_json(json)


@given(TRIPLES)
@example(ODD_NUMBERS)
def test_points_come_back_from_json_exact_to_the_bit(triples: list[tuple[float, float, float]]) -> None:
    signature = XYZSignature(signee_id="someone", points=Points(triples))

    read = XYZSignature.model_validate_json(signature.model_dump_json())

    assert np.asarray(read.points).tobytes() == np.array(triples).tobytes()


def test_points_are_read_from_what_a_model_object_a_point_dumped() -> None:
    signature = XYZSignature.model_validate({"signee_id": "1", "points": [{"x": 1, "y": 2, "z": 3}]})

    assert list(signature.points[0]) == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_a_trajectory_has_a_json_schema(mode: Literal["validation", "serialization"]) -> None:
    points = XYZSignature.model_json_schema(mode=mode)["properties"]["points"]

    assert (points["type"], points["items"]["type"]) == ("array", "array")
