"""Which lines do two texts have in common, where most stand in the same order in both?

They are compared by the piece: to make a string of each line, and to put them in order, takes ten times as long.
"""

from __future__ import annotations

from typing import NamedTuple

_SPARE, _SHARE = 100, 20
"""So many lines may be in one text alone, and one of so many besides: then it is worth while."""
_NEAR = 1 << 12  # characters among which the other text's line is looked for,
_FAR_LOOKS = 10  # and so many times, if it is not among them, in all that follows
_PIECE = 1 << 8  # characters that are compared at first; as long as they are the same, twice as many each time


class Run(NamedTuple):
    """Lines that follow one another in both texts."""

    here: int
    """Which line is the first one here,"""
    there: int
    """and which it is in the other text."""
    lines: int


def common_runs(text: str, other: str) -> list[Run] | None:
    """The lines that both have, none of which is in one of them twice; None where the order or much else is different.

    The texts are without a line feed at their ends; one without any character has no line.
    """
    if text == other:
        return [Run(0, 0, text.count("\n") + 1)] if text else []
    here, there = _Text(text), _Text(other)
    runs = []
    spare, far_looks = _SPARE + text.count("\n") // _SHARE, _FAR_LOOKS
    while True:
        if length := _same(here, there):
            line, place = here.line, there.line
            there.skip(length)
            runs.append(Run(line, place, here.skip(length)))
        if here.at == len(here.text) or there.at == len(there.text):
            break
        new, gone = here.distance_to(there.current(), _NEAR), there.distance_to(here.current(), _NEAR)
        if not new and not gone and far_looks:
            far_looks -= 1
            new, gone = here.distance_to(there.current()), there.distance_to(here.current())
        if new and (not gone or new < gone):
            here.drop(new)
        elif gone:
            there.drop(gone)
        else:
            here.drop(len(here.current()))
            there.drop(len(there.current()))
        if len(here.dropped) + len(there.dropped) > spare:
            return None
    if here.dropped or there.dropped:
        for each in (here, there):
            each.drop(len(each.text) - each.at)
    return None if here.dropped & there.dropped else runs


class _Text:
    """A text, and how far it has been gone through."""

    def __init__(self, text: str) -> None:
        self.text = f"{text}\n" if text else ""
        self.at = 0
        self.line = 0
        self.dropped: set[str] = set()
        """The lines that the other one seems not to have."""

    def current(self) -> str:
        return self.text[self.at : self.text.index("\n", self.at) + 1]

    def distance_to(self, line: str, most: int | None = None) -> int:
        """How many characters further that line begins; 0 if not among so many, or not at all."""
        return max(self.text.find(f"\n{line}", self.at, most and self.at + most) + 1 - self.at, 0)

    def skip(self, length: int) -> int:
        """Pass so many characters. Returns how many lines they are."""
        lines = self.text.count("\n", self.at, self.at + length)
        self.at += length
        self.line += lines
        return lines

    def drop(self, length: int) -> None:
        self.dropped.update(self.text[self.at : self.at + length].split("\n")[:-1])
        self.skip(length)


def _same(here: _Text, there: _Text) -> int:
    """How many characters are the same in both from where they are on, in whole lines."""
    length, step, grows = 0, _PIECE, True
    while step:
        here_at, there_at = here.at + length, there.at + length
        piece = here.text[here_at : here_at + step]
        if len(piece) == step and piece == there.text[there_at : there_at + step]:
            length += step
            step = 2 * step if grows else step // 2
        else:
            grows = False
            step //= 2
    return max(here.text.rfind("\n", here.at, here.at + length) + 1 - here.at, 0)
