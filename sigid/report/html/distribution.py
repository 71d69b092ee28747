"""How often each whole number occurs, and the bins that a histogram has of it."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

_FAR_OUT = 3
"""What lies so many times further beyond three quarters of all than these are spread has a place at the end."""


class Bin(NamedTuple):
    """The whole numbers from `low` to `high`."""

    low: int
    high: int

    @property
    def label(self) -> str:
        """The numbers, as they are said."""
        return f"{self.low:,}" if self.low == self.high else f"{self.low:,} to {self.high:,}"


class Distribution(Counter[int]):
    """How often each whole number occurs."""

    def quantile(self, share: float) -> int:
        """The smallest number that this share of all are not above. Raises ValueError where there are none."""
        wanted, seen = share * self.total(), 0
        for value in sorted(self):
            seen += self[value]
            if seen >= wanted and seen:
                return value
        raise ValueError("there are no numbers")

    @property
    def summary(self) -> str:
        """The middle of it, and its ends, in words."""
        low, quarter, median, three_quarters, high = map(self.quantile, (0, 0.25, 0.5, 0.75, 1))
        if low == high:
            return f"all {low:,}"
        return f"median {median:,}, middle half {quarter:,} to {three_quarters:,}, all {low:,} to {high:,}"

    def in_bins(self, bins: Sequence[Bin]) -> list[int]:
        """How many there are in each of the bins, which hold all numbers there are."""
        lows, counts = [each.low for each in bins], [0] * len(bins)
        for value, times in self.items():
            counts[bisect_right(lows, value) - 1] += times
        return counts


def bins_of(all_: Distribution, at_most: int = 24) -> list[Bin]:
    """Bins of one width, a round one, for all numbers; the last one is wider where a few are far beyond the rest."""
    low, quarter, three_quarters, high = map(all_.quantile, (0, 0.25, 0.75, 1))
    fence = three_quarters + _FAR_OUT * max(three_quarters - quarter, three_quarters // 4, 1)
    top = high if high <= 2 * fence - low else max(value for value in all_ if value <= fence)
    width = _round_width((top - low) // at_most + 1)
    bins = [Bin(start, start + width - 1) for start in range(low - low % width, top + 1, width)]
    return bins if bins[-1].high >= high else [*bins, Bin(bins[-1].high + 1, high)]


def _round_width(least: int) -> int:
    """The smallest of 1, 2, 5, 10, 20, 50... that is no smaller."""
    power = 1
    while 10 * power < least:
        power *= 10
    return next(each * power for each in (1, 2, 5, 10) if each * power >= least)
