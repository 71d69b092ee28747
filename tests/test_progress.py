"""How long work shows how fast it is, and how long it will take."""

from __future__ import annotations

import io
import re
import time

import pytest

from sigid.report.progress import progress


class Clock:
    """Stands, until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


class Terminal(io.StringIO):
    """What a person looks at."""

    def isatty(self) -> bool:
        return True


def test_elsewhere_than_on_a_terminal_it_is_a_line_now_and_then_with_the_rate_and_the_time_left(clock: Clock) -> None:
    out = io.StringIO()
    with progress("reading source_a", out) as show:
        for done in range(0, 1001, 100):
            show(done, 1000)
            clock.now += 4

    assert out.getvalue().splitlines() == [
        "reading source_a: 300 of 1000 files, 25 a second, 28 s left",
        "reading source_a: 600 of 1000 files, 25 a second, 16 s left",
        "reading source_a: 900 of 1000 files, 25 a second, 4 s left",
    ]


def test_what_was_done_before_the_first_step_says_nothing_of_the_rate(clock: Clock) -> None:
    """Of a million signatures, which an export first puts in order, it said after the first that 250 days were left."""
    out = io.StringIO()
    with progress("exporting", out, "signatures") as show:
        clock.now += 22
        show(1, 1000)
        clock.now += 10
        show(501, 1000)

    assert out.getvalue().splitlines() == [
        "exporting: 1 of 1000 signatures",
        "exporting: 501 of 1000 signatures, 50 a second, 10 s left",
    ]


def test_what_begins_again_is_measured_anew(clock: Clock) -> None:
    """A load whose connection was lost goes on with fewer files, and counts them from the first."""
    out = io.StringIO()
    with progress("reading source_a", out) as show:
        for done in (0, 400, 800, 0, 100, 200):
            show(done, 1000)
            clock.now += 10

    assert out.getvalue().splitlines()[-2:] == [
        "reading source_a: 100 of 1000 files, 10 a second, 90 s left",
        "reading source_a: 200 of 1000 files, 10 a second, 80 s left",
    ]


def test_on_a_terminal_a_bar_shows_how_many_are_done_the_rate_and_the_time_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    out = Terminal()
    with progress("reading source_a", out) as show:
        for done in range(100, 600, 100):
            show(done, 1000)
            time.sleep(0.02)

    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())
    assert re.search(r"reading source_a .* 500/1000 [\d,]+/s \d:\d\d:\d\d", drawn)
