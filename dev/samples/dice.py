"""Chance that falls the same way on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Random numbers that depend on the given names alone.

    Of `random` only `Random(str).random()` is used: its sequence is promised to stand from one Python version to the
    next, which numpy's distributions and the other methods of `Random` are not. Nothing here calls the C library's
    mathematics either.
    """

    def __init__(self, *names: object) -> None:
        self._random = Random("/".join(map(str, names)))  # noqa: S311  (repeatable is what it must be, not secret)

    def between(self, low: float, high: float) -> float:
        """A number from `low` to `high`, each as likely."""
        return low + (high - low) * self._random.random()

    def about(self, middle: float, spread: float) -> float:
        """A number around `middle` with standard deviation `spread`, never further off than six of them.

        The sum of twelve uniform numbers (Irwin-Hall) stands for the normal distribution.
        """
        roll = self._random.random
        return middle + spread * (sum([roll() for _ in range(12)]) - 6.0)

    def chance(self, share: float) -> bool:
        """True in `share` of all cases."""
        return self._random.random() < share

    def pick(self, choices: Sequence[T]) -> T:
        """One of `choices`, each as likely."""
        return choices[int(self._random.random() * len(choices))]
