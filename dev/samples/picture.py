"""How the pen's movement looks on paper: a scan, cropped around the signature."""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .dice import Dice
from .pen import RATE, Floats

Pixels: TypeAlias = NDArray[np.uint8]
"""(height, width) in grey, or (height, width, 3) in colour; 0 is dark."""

Ink: TypeAlias = tuple[int, int, int]

SCALE = 200 / 25.4
"""Pixels a mm: a scan at 200 dpi."""

MARGIN = 8
"""Pixels of paper left around the signature."""

_SHADES = 31
"""Steps from paper to ink; fewer make smaller files."""

_STEP = 0.8
"""Pixels from one dab of ink to the next, at most."""

_TILE = 64
"""The grain of paper and ink repeats after so many pixels."""

_REACH = np.arange(-4, 5)


def place(points: Floats) -> Floats:
    """(n, 2) column and row, in pixels, of each of the (n, 3) points in the picture that `draw` makes of them."""
    corner = np.array([points[:, 0].min(), points[:, 1].max()])
    pixels: Floats = MARGIN + (points[:, :2] - corner) * [SCALE, -SCALE]
    return pixels


def draw(points: Floats, ink: Ink | None = None) -> Pixels:
    """The picture of the (n, 3) points x, y in mm, y up, and pressure from 0 to 1; in grey if no ink is given.

    A firm pen leaves a broad and dark line, a quick one a thin and pale line, a lifted one none.
    """
    where = place(points)
    width, height = (int(extent) + MARGIN + 1 for extent in where.max(axis=0))
    speed = np.linalg.norm(np.gradient(points[:, :2], axis=0), axis=1) * RATE
    firmness = points[:, 2] / (1.0 + speed / 400.0)
    dabs = _between(np.column_stack((where, firmness, points[:, 2])))
    dabs = dabs[dabs[:, 3] > 0.02]
    cover = _cover(dabs[:, :2], 0.6 + 2.5 * dabs[:, 2], 0.45 + 0.85 * dabs[:, 2], (height, width))
    shade = np.rint(cover * _grain()[np.ix_(np.arange(height) % _TILE, np.arange(width) % _TILE)] * _SHADES) / _SHADES
    if ink is None:
        return np.rint(255.0 * (1.0 - 0.92 * shade)).astype(np.uint8)
    return np.rint(255.0 - shade[..., None] * (255.0 - np.array(ink))).astype(np.uint8)


def _between(rows: Floats) -> Floats:
    """More rows on the Catmull-Rom spline through the (n, m) rows, so that no two places are further than a dab apart.

    The first two columns of a row are its place.
    """
    padded = np.concatenate((rows[:1], rows, rows[-1:]))
    counts = 1 + (np.hypot(*np.diff(rows[:, :2], axis=0).T) / _STEP).astype(np.intp)
    begin = np.repeat(np.arange(len(counts)), counts)
    t = ((np.arange(len(begin)) - np.repeat(np.cumsum(counts) - counts, counts)) / counts[begin])[:, None]
    a, b, c, d = (padded[begin + k] for k in range(4))
    return np.asarray(b + 0.5 * t * ((c - a) + t * ((2 * a - 5 * b + 4 * c - d) + t * (3 * (b - c) + d - a))))


def _cover(centres: Floats, radii: Floats, darkness: Floats, shape: tuple[int, int]) -> Floats:
    """How much ink, from 0 to 1, the round dabs leave on each pixel; where they overlap the darkest counts."""
    columns, rows = (np.rint(centres).astype(np.intp)[:, None, :] + _REACH[:, None]).transpose(2, 0, 1)
    across, down = columns - centres[:, :1], rows - centres[:, 1:]
    distances = np.sqrt(across[:, None, :] ** 2 + down[:, :, None] ** 2)
    ink = np.clip(radii[:, None, None] + 0.5 - distances, 0.0, 1.0) * np.minimum(darkness, 1.0)[:, None, None]
    pixels = rows[:, :, None] * shape[1] + columns[:, None, :]
    cover = np.zeros(shape)
    np.maximum.at(cover.ravel(), pixels.ravel(), ink.ravel())
    return cover


@cache
def _grain() -> Floats:
    """(_TILE, _TILE) from 0.8 to 1: how well the paper takes the ink."""
    dice = Dice("grain")
    return np.array([[dice.between(0.8, 1.0) for _ in range(_TILE)] for _ in range(_TILE)])
