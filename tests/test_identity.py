"""Ids and keys: derived from a source's own numbering, the same everywhere and for ever."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ulid import ULID

from sigid.identity import Authenticity, Kind, PersonKey, derive_id, signature_key

PUBLISHED = {
    ("signee", "source_a/online/genuine/1"): "1FE7MA9Z69C6XZRPNYYA60XNSP",
    ("forger", "source_a/online/forgeries/120"): "1T12RK8S9GP95XH2YJAQ3TC5HA",
    ("asset", "SOURCE_A/Offline/Genuine/001_01.PNG"): "06QEJHBQCJJQP0QXEA7NBPWPJ4",
    ("signee", "service/Zoë"): "171FASJV26JJSFRMFAEA7BT9K4",
}
"""Ids that others have written down. If this test fails, it is the code that is wrong."""

ONE = PersonKey("source_a", "online/genuine", "1")
FOUR = PersonKey("source_a", "offline/genuine", "4")
FORGER = PersonKey("source_a", "offline/forgeries", "103")

KINDS = st.sampled_from(["signee", "forger", "signature", "asset"])
PARTS = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="/"), min_size=1, max_size=8)
KEYS = st.builds(PersonKey, PARTS, st.lists(PARTS, max_size=3).map("/".join), PARTS)


@pytest.mark.parametrize(("kind", "key"), PUBLISHED)
def test_a_published_id_never_changes(kind: str, key: str) -> None:
    assert derive_id(kind, key) == PUBLISHED[kind, key]


@pytest.mark.parametrize("seed", ["0", "1"])
def test_another_process_derives_the_same_id(seed: str) -> None:
    program = "import sys; from sigid.identity import derive_id; print(derive_id(*sys.argv[1:]))"
    there = subprocess.run(
        [sys.executable, "-c", program, "signee", "source_a/online/genuine/1"],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "PYTHONHASHSEED": seed},
        check=True,
        capture_output=True,
        text=True,
    )

    assert there.stdout.strip() == derive_id("signee", "source_a/online/genuine/1")


@given(KINDS, st.text())
def test_a_derived_id_is_a_ulid_with_a_time_that_can_be_read(kind: str, key: str) -> None:
    id_ = derive_id(kind, key)

    assert re.fullmatch("[0-7][0-9A-HJKMNP-TV-Z]{25}", id_)
    assert str(ULID.from_str(id_)) == id_
    assert datetime(1970, 1, 1, tzinfo=UTC) <= ULID.from_str(id_).datetime


@given(st.tuples(KINDS, st.text("01/", max_size=2)), st.tuples(KINDS, st.text("01/", max_size=2)))
def test_things_that_differ_in_kind_or_key_differ_in_id(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (derive_id(*one) == derive_id(*other)) == (one == other)


def test_a_hundred_thousand_keys_have_as_many_ids() -> None:
    ids = {derive_id("signature", f"source_a/online/genuine/{number}") for number in range(100_000)}

    assert len(ids) == 100_000


def test_a_key_names_source_collection_and_number() -> None:
    assert PersonKey.parse("source_a/online/genuine/1") == PersonKey("source_a", "online/genuine", "1")
    assert PersonKey.parse("source_b/1") == PersonKey("source_b", "", "1")


def test_a_key_of_one_part_belongs_to_the_service() -> None:
    assert PersonKey.parse("order 66") == PersonKey("service", "", "order 66")


@given(KEYS)
def test_a_key_is_read_back_from_its_text(key: PersonKey) -> None:
    assert PersonKey.parse(str(key)) == key


@given(st.lists(PARTS, min_size=2, max_size=5).map("/".join))
def test_a_key_is_written_as_it_was_read(text: str) -> None:
    assert str(PersonKey.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", " ", "/", "/1", "source_a/", "source_a//1", "source_a/ /1", "a/b\n", "a/\t1", "a/\x1f1", "a/\xa0", "a/\ud800"],
)
def test_a_malformed_key_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="is not a key; write it like 'source_a/online/genuine/1'") as refused:
        PersonKey.parse(text)

    assert repr(text) in str(refused.value)


@pytest.mark.parametrize(
    ("key", "published"),
    [
        (signature_key(Kind.XYZ, ONE, Authenticity.GENUINE, None, "1"), "1153C18QG114FAWDTG8QM7YGMT"),
        (signature_key(Kind.IMAGE, FOUR, Authenticity.FORGED, FORGER, "2"), "123GP7ABD3JV038413SJ39V5MP"),
    ],
)
def test_the_published_id_of_a_signature_never_changes(key: str, published: str) -> None:
    assert derive_id("signature", key) == published


ALIKE = st.builds(PersonKey, st.just("a"), st.sampled_from(["", "1"]), st.sampled_from(["1", "2"]))
SIGNATURES = st.tuples(
    st.sampled_from(Kind), ALIKE, st.sampled_from(Authenticity), st.none() | ALIKE, st.text("1\x1f", max_size=2)
)


@given(SIGNATURES, SIGNATURES)
def test_signatures_that_differ_in_anything_differ_in_key(
    one: tuple[Kind, PersonKey, Authenticity, PersonKey | None, str],
    other: tuple[Kind, PersonKey, Authenticity, PersonKey | None, str],
) -> None:
    assert (signature_key(*one) == signature_key(*other)) == (one == other)


def test_sample_1_of_a_forger_is_not_sample_1_of_another_one_nor_of_the_signee() -> None:
    signee = PersonKey("source_a", "online/genuine", "1")
    forgers = [PersonKey("source_a", "online/forgeries", number) for number in ("1", "2")]

    keys = {signature_key(Kind.XYZ, signee, Authenticity.GENUINE, None, "1")}
    keys |= {signature_key(Kind.XYZ, signee, Authenticity.FORGED, forger, "1") for forger in (None, *forgers)}

    assert len(keys) == 4
