"""The lines that two texts have in common, where most stand in the same order in both."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import example, given
from hypothesis import strategies as st

from sigid.pipeline.runs import common_runs

LINES = st.lists(st.text("ab\r\u2028é", min_size=1, max_size=3), unique=True)


def in_both(lines: Sequence[str], others: Sequence[str]) -> set[str] | None:
    """The lines that the runs have; each is the same one in both."""
    runs = common_runs("\n".join(lines), "\n".join(others))
    if runs is None:
        return None
    found: list[str] = []
    for here, there, count in runs:
        assert lines[here : here + count] == others[there : there + count]
        found += lines[here : here + count]
    assert len(found) == len(set(found))
    return set(found)


@given(LINES, LINES)
@example(["a", "b"], ["b", "a"])
@example(["b", "ab"], ["ab"])
def test_all_lines_that_both_have_are_found_or_it_is_said_that_the_order_differs(
    lines: list[str], others: list[str]
) -> None:
    common = set(lines) & set(others)

    found = in_both(lines, others)

    assert found in (common, None)
    if [line for line in lines if line in common] == [line for line in others if line in common]:
        assert found == common


def numbered(count: int) -> list[str]:
    return [f"{number * 7919 % 99991:05}_{'x' * (number % 50)}" for number in range(count)]


def test_of_many_lines_those_that_have_come_and_gone_are_found() -> None:
    chosen = random.Random(3)  # noqa: S311  # nothing is secret
    lines = numbered(20_000)
    others = [line for line in lines if chosen.random() > 0.01]
    for _ in range(200):
        others.insert(chosen.randrange(len(others)), f"new {chosen.random()}")

    assert in_both(lines, others) == set(lines) & set(others)
    assert in_both(others, lines) == set(lines) & set(others)


def test_a_stretch_that_is_longer_than_what_is_looked_at_at_once_is_found() -> None:
    lines = numbered(20_000)

    assert in_both(lines, lines[:5000] + lines[5800:]) == {*lines[:5000], *lines[5800:]}
    assert in_both(lines, lines[1:]) == {*lines[1:]}
    assert in_both(lines, lines[:-1]) == {*lines[:-1]}
    assert in_both(lines, [*lines, *(f"new {number}" for number in range(30_000))]) == {*lines}


def test_where_much_is_different_it_is_not_looked_for() -> None:
    lines = numbered(20_000)
    half = [line for number, line in enumerate(lines) if number % 2]

    assert common_runs("\n".join(lines), "\n".join(half)) is None
    assert common_runs("\n".join(lines), "\n".join(reversed(lines))) is None


def test_of_nothing_nothing_is_found() -> None:
    assert common_runs("", "") == []
    assert common_runs("", "a\nb") == []
    assert common_runs("a\nb", "") == []
