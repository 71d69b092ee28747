"""Who is in which split: by the signee, for good."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sigid.errors import SettingError
from sigid.export.split import Shares, Split, Splits
from sigid.identity import derive_id

IDS = st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=26, max_size=26)
SHARES = st.tuples(*[st.integers(0, 1000)] * 3).filter(any).map(lambda shares: Shares(*shares))
SIGNEES = [derive_id("signee", f"source_a/online/genuine/{number}") for number in range(3000)]


@given(st.text(), SHARES, st.sets(IDS), st.sets(IDS))
def test_those_who_are_added_move_nobody(seed: str, shares: Shares, before: set[str], added: set[str]) -> None:
    splits = {each: Splits(seed, shares).of(each) for each in before}

    later = {each: Splits(seed, shares).of(each) for each in sorted(before | added)}

    assert later | splits == later


@given(st.text(), IDS, SHARES)
def test_a_split_without_a_share_gets_nobody(seed: str, signee: str, shares: Shares) -> None:
    split = Splits(seed, shares).of(signee)

    assert shares[list(Split).index(split)] > 0


@given(st.text(), IDS, SHARES, st.integers(1, 1000))
def test_shares_in_other_numbers_are_the_same_shares(seed: str, signee: str, shares: Shares, times: int) -> None:
    multiplied = Shares(*(share * times for share in shares))

    assert Splits(seed, multiplied).of(signee) == Splits(seed, shares).of(signee)


@given(st.text(), IDS, st.integers(1, 99), st.integers(0, 99))
def test_who_is_trained_on_still_is_where_that_share_grows(seed: str, signee: str, share: int, more: int) -> None:
    some = Splits(seed, Shares(share, 100 - share, 0)).of(signee)

    if some is Split.TRAIN:
        assert Splits(seed, Shares(share + more, 100 - share, 0)).of(signee) is Split.TRAIN


def test_the_splits_are_about_as_large_as_their_shares() -> None:
    counts = Counter(map(Splits("0", Shares(70, 20, 10)).of, SIGNEES))

    for split, share in zip(Split, (0.7, 0.2, 0.1), strict=True):
        assert abs(counts[split] / len(SIGNEES) - share) < 0.03


def test_another_seed_puts_others_into_the_splits() -> None:
    one, other = (Splits(seed, Shares(50, 25, 25)) for seed in ("0", "1"))

    assert 0.5 < sum(one.of(each) != other.of(each) for each in SIGNEES) / len(SIGNEES) < 0.75


def test_published_splits_stay_as_they_are() -> None:
    """What was once written must come out of every later sigid: whoever changes the hash breaks experiments."""
    splits = Splits("0", Shares())

    assert "".join(splits.of(each)[1] for each in SIGNEES[:40]) == PUBLISHED


PUBLISHED = "rrererrrrrerrrraarrarrrraeeerrrrarreerre"


@pytest.mark.parametrize(
    "text", ["", "80", "80,20", "80,10,10,0", "0,0,0", "-1,1,1", "a,b,c", "1.5,1,1", "²,1,1", "1000001,1,1"]
)
def test_shares_that_are_none_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(SettingError, match="write them like 80,10,10"):
        Shares.parse(text)


def test_shares_are_read() -> None:
    assert Shares.parse("70,0,30") == Shares(train=70, validation=0, test=30)
