"""What is drawn as bars: where each bar stands on a drawing of fixed size, which the page stretches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sigid.report.html.distribution import Bin, Distribution, bins_of
from sigid.report.html.words import counted

WIDTH, PANEL, SCALE, GAP = 320, 64, 18, 22
"""The drawing's width; a panel's height, the height of the scale below and of the words above it."""
_LABELS = 5


class Bar(NamedTuple):
    """A bar, with what is said of it."""

    x: float
    y: float
    width: float
    height: float
    says: str


class Panel(NamedTuple):
    """The bars of one series."""

    series: str
    """What it is of, such as "genuine"; its colour goes by that."""
    heading: str
    words: str
    top: float
    bottom: float
    bars: list[Bar]


class Tick(NamedTuple):
    """A number on the scale."""

    x: float
    anchor: str
    label: str


class Histogram(NamedTuple):
    """How often numbers occur, a panel a series, all on one scale."""

    title: str
    panels: list[Panel]
    ticks: list[Tick]
    height: float
    width: float = WIDTH


def histogram(title: str, things: tuple[str, str], series: Mapping[str, Distribution]) -> Histogram | None:
    """The histogram of those series that have numbers; None where none has. `things` says one and many."""
    there = {name: numbers for name, numbers in series.items() if numbers}
    if not there:
        return None
    bins = bins_of(Distribution(sum(map(Distribution, there.values()), start=Distribution())))
    panels = []
    for place, (name, numbers) in enumerate(there.items()):
        top = place * (PANEL + GAP) + GAP
        counts = numbers.in_bins(bins)
        heading = f"{name} (up to {counted(max(counts), *things)})"
        bars = _bars(bins, counts, things, top)
        panels.append(Panel(name, heading, f"{name}: {numbers.summary}", top, top + PANEL, bars))
    return Histogram(title, panels, _ticks(bins), panels[-1].bottom + SCALE)


def _bars(bins: Sequence[Bin], counts: Sequence[int], things: tuple[str, str], top: float) -> list[Bar]:
    step, most = WIDTH / len(bins), max(counts)
    bars = []
    for place, (bin_, count) in enumerate(zip(bins, counts, strict=True)):
        if count:
            height = max(1.5, PANEL * count / most)  # a single one is still to be seen
            says = f"{bin_.label}: {counted(count, *things)}"
            left, upper = round(place * step + 0.5, 2), round(top + PANEL - height, 2)
            bars.append(Bar(left, upper, round(step - 1, 2), round(height, 2), says))
    return bars


def _ticks(bins: Sequence[Bin]) -> list[Tick]:
    """The first number of some bins; the last one says where those begin that are beyond the scale."""
    step = WIDTH / len(bins)
    every = -(-len(bins) // _LABELS)
    labelled = range(0, len(bins) - every // 2, every)
    ticks = [Tick(round(place * step, 2), "start", f"{bins[place].low:,}") for place in labelled]
    if len(bins) > 1 and bins[-1].high - bins[-1].low > bins[0].high - bins[0].low:
        ticks = [tick for tick in ticks if tick.x < WIDTH - 100]
        ticks.append(Tick(WIDTH, "end", f"{bins[-1].low:,} and more"))
    return ticks
