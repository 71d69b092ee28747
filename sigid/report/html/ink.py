"""A pen trajectory as lines: as wide as the pen was pressed, and dotted where it was in the air."""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, MARGIN = 320, 140, 8
"""The drawing's size, in its own units."""
_MOST_POINTS = 2_000
_THIN, _THICK, _WIDTHS = 0.8, 4.0, 8
_EVEN = 1.8
AIR = 0
"""The class of what was not written: the pen was lifted there."""

Floats = NDArray[np.float64]


class Stroke(NamedTuple):
    """A line of one width."""

    path: str
    """As the `d` of SVG has it."""
    width: float
    """0 where the pen was in the air."""


class Ink(NamedTuple):
    """The lines of a trajectory, and what is odd about it, if anything."""

    strokes: list[Stroke]
    doubt: str | None


def drawn(points: Floats) -> Ink:
    """The trajectory of the (n, 3) points x, y and pressure, with y upwards as pen tablets have it.

    Where the third column is the same everywhere it is taken for no pressure, and all lines have one width. Of very
    many points some are drawn, at even distances.
    """
    drawn_ones = np.linspace(0, len(points) - 1, min(len(points), _MOST_POINTS)).round().astype(int)
    places = _fitted(points[drawn_ones, :2])
    classes = _classes(points[:, 2])[drawn_ones]
    return Ink(_strokes(places, classes), _doubt(points))


def _doubt(points: Floats) -> str | None:
    pressure = points[:, 2]
    if (points[:, :2] == points[0, :2]).all():
        return "all points are at one place"
    if pressure.max() <= 0 and pressure.min() < pressure.max():
        return "the pen is nowhere down"
    return None


def _fitted(places: Floats) -> Floats:
    """(n, 2): the places on the drawing, in its middle, as large as they fit."""
    # In halves, as the distance between the largest numbers would not be finite.
    low, high = places.min(axis=0) / 2, places.max(axis=0) / 2
    extent = high - low
    room = np.array([WIDTH, HEIGHT]) - 2.0 * MARGIN
    with np.errstate(divide="ignore", over="ignore"):
        scale = float(np.min(np.where(extent > 0, room / extent, np.inf)))
    if not np.isfinite(scale):
        scale = 0.0
    offset = (places / 2 - low - extent / 2) * scale
    fitted: Floats = np.round(np.array([WIDTH, HEIGHT]) / 2 + offset * (1, -1), 1)
    return fitted


def _classes(pressure: Floats) -> NDArray[np.int64]:
    """(n,): how hard the pen was pressed, from 1 to `_WIDTHS`; `AIR` where it was not."""
    low, high = float(pressure.min()), float(pressure.max())
    if low == high:
        return np.full(len(pressure), -1)
    share = np.maximum(pressure, 0.0) / high if high > 0 else np.zeros_like(pressure)
    return np.where(pressure <= 0, AIR, np.clip(np.ceil(share * _WIDTHS), 1, _WIDTHS)).astype(np.int64)


def _strokes(places: Floats, classes: NDArray[np.int64]) -> list[Stroke]:
    """Lines from point to point, those of one width that follow one another in one; a lone point is a dot."""
    if len(places) == 1:
        return [Stroke(_path(np.repeat(places, 2, axis=0)), _width(int(classes[0])))]
    # A line is as wide as the pen was pressed at its end; the pen is in the air unless it was down at both.
    of_lines = np.where((classes[:-1] == AIR) | (classes[1:] == AIR), AIR, classes[1:])
    strokes, start = [], 0
    for class_, lines in groupby(of_lines.tolist()):
        end = start + len(list(lines))
        strokes.append(Stroke(_path(places[start : end + 1]), _width(class_)))
        start = end
    return strokes


def _path(places: Floats) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in places.tolist())


def _width(class_: int) -> float:
    if class_ == AIR:
        return 0
    return _EVEN if class_ < 0 else round(_THIN + (_THICK - _THIN) * class_ / _WIDTHS, 2)
