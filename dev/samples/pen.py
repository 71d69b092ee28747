"""How a pen moves: strokes planned as arcs, executed as overlapping lognormals.

The sigma-lognormal model of the kinematic theory of rapid human movements: R. Plamondon and M. Djioua, "A multi-level
representation paradigm for handwriting stroke generation", Human Movement Science 25 (2006) 586-607, equations 16-20;
used to synthesise signatures in J. Galbally et al., "Synthetic on-line signature generation", Pattern Recognition 45
(2012) 2610-2621.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]

RATE = 200.0
"""Points a second, as the tablet of SigComp2011 took them."""

PRESSURE_LEVELS = 1023
"""The tablet's hardest pressure; 0 is a pen in the air."""


@dataclass(frozen=True)
class Strokes:
    """k strokes as the hand plans them, one after the other; places are complex: x + iy, y up.

    Each is an arc that the pen runs through with a lognormal velocity. A stroke begins while the one before it still
    runs, so the pen cuts the corners between them: that is what makes it look like handwriting.
    """

    chords: Complexes
    """(k,) from each stroke's beginning to its end, mm."""
    bends: Floats
    """(k,) by how much the direction turns on the way, rad, counter-clockwise; not 0."""
    onsets: Floats
    """(k,) when the command is given, s, ascending."""
    delays: Floats
    """(k,) mu: the log of the median response time to the command, log s."""
    slurs: Floats
    """(k,) sigma: the spread of that response, log s; more means longer tails and rounder corners."""
    presses: Floats
    """(k,) pressure of the pen, 1 is hard; negative while it travels in the air."""


def move(strokes: Strokes) -> Floats:
    """The (n, 3) points that a tablet records, `RATE` a second.

    x and y are in mm from where the pen comes down, y up; the third is its pressure from 0, in the air, to 1.
    """
    first = strokes.onsets[0] + np.exp(strokes.delays[0] - 2.0 * strokes.slurs[0])
    last = strokes.onsets[-1] + np.exp(strokes.delays[-1] + 2.0 * strokes.slurs[-1])
    times = first + np.arange(int((last - first) * RATE)) / RATE
    elapsed = np.maximum(times - strokes.onsets[:, None], 1e-9)
    deviates = (np.log(elapsed) - strokes.delays[:, None]) / strokes.slurs[:, None]
    turns = np.exp(1j * strokes.bends[:, None] * _normal_cdf(deviates))
    arcs = (strokes.chords / (np.exp(1j * strokes.bends) - 1.0))[:, None] * (turns - 1.0)
    vigour = np.exp(-0.5 * deviates**2) / (strokes.slurs[:, None] * elapsed)
    pressure = (strokes.presses[:, None] * vigour).sum(axis=0) / np.maximum(vigour.sum(axis=0), 1e-9)
    place = arcs.sum(axis=0)
    points: Floats = np.column_stack((place.real, place.imag, np.clip(pressure, 0.0, 1.0)))
    return points


def _normal_cdf(deviates: Floats) -> Floats:
    """The standard normal distribution function, off by 7.5e-8 at most.

    Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 26.2.17.
    """
    t = 1.0 / (1.0 + 0.2316419 * np.abs(deviates))
    series = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    tail: Floats = np.exp(-0.5 * deviates**2) / np.sqrt(2.0 * np.pi) * series
    return 0.5 + np.sign(deviates) * (0.5 - tail)
