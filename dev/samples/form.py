"""What a signature should look like: the form in the mind of an invented person.

No letters are taken from anybody: a person is a name of random letters in a random style.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TypeAlias

import numpy as np

from .dice import Dice
from .pen import Complexes, Floats

Target: TypeAlias = tuple[float, float, float, float]
"""x, y, bend, press: see letters.toml."""


@dataclass(frozen=True)
class Form:
    """The plan of k strokes and the style in which they are written."""

    targets: Complexes
    """(k + 1,) where the pen comes down and where each stroke ends; x + iy in heights of a small letter, y up."""
    bends: Floats
    """(k,) by how much each stroke turns, rad, counter-clockwise."""
    presses: Floats
    """(k,) 1 is hard, negative is in the air."""
    height: float
    """Of a small letter, mm."""
    slant: float
    """Of the letters, rad, clockwise from upright."""
    slope: float
    """Of the line, rad, counter-clockwise."""
    beat: float
    """From a short stroke to the next, s."""
    slur: float
    """How softly strokes pass into one another: the sigma of their lognormals."""


@lru_cache(maxsize=64)
def form_of(seed: int, person: str) -> Form:
    """The form of a person's signature."""
    dice = Dice(seed, "form", person)
    targets = np.array(_name(dice))
    return Form(
        targets=targets[:, 0] + 1j * targets[:, 1],
        bends=targets[1:, 2] * dice.between(0.75, 1.2),
        presses=targets[1:, 3],
        height=dice.between(3.0, 4.6),
        slant=dice.about(0.28, 0.14),
        slope=dice.about(0.06, 0.05),
        beat=dice.between(0.042, 0.054),
        slur=dice.between(0.22, 0.30),
    )


def _name(dice: Dice) -> list[Target]:
    """The targets of a capital, of small letters that shrink towards the end, and of a paraph."""
    width, stature, shrinking = dice.between(0.85, 1.35), dice.between(0.9, 1.2), dice.between(0.78, 0.97)
    targets, end = _placed(_any("capital", dice), 0.0, width, stature)
    size = 1.0
    for _ in range(int(dice.between(2, 5))):
        letter, end = _placed(_any("small", dice), end + 0.12 * width, width, size)
        targets += letter
        size *= shrinking
    paraph, _ = _placed(_any("paraph", dice), 0.0, end, 1.0)
    return targets + paraph


def _any(kind: str, dice: Dice) -> list[Target]:
    shapes = _letters()[kind]
    return shapes[dice.pick(sorted(shapes))]


@cache
def _letters() -> dict[str, dict[str, list[Target]]]:
    """Kind, then letter, then targets."""
    return tomllib.loads(Path(__file__).with_name("letters.toml").read_text(encoding="utf-8"))


def _placed(letter: list[Target], left: float, width: float, height: float) -> tuple[list[Target], float]:
    """A letter's targets, stretched and moved to `left`, and the x at which the pen leaves it."""
    targets = [(left + x * width, y * height, bend, press) for x, y, bend, press in letter]
    return targets, targets[-1][0] if targets else left
