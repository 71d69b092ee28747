"""Who signs, and how: a person his own signature, or a forger that of another."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .dice import Dice
from .form import Form, form_of
from .pen import RATE, Complexes, Floats, Strokes, move


@dataclass(frozen=True)
class Signing:
    """One act of signing: it is drawn as a picture, recorded as a trajectory, or both."""

    person: str
    sample: int
    forger: str = ""
    """Who copies the person's signature; nobody: it is genuine."""

    @property
    def key(self) -> str:
        """What tells this signing from every other, in a form that stays."""
        return f"{self.person}/{self.forger}/{self.sample}"


@dataclass(frozen=True)
class Manner:
    """How well a hand follows a form; deviations and lengths are in heights of a small letter."""

    misjudged: float
    """Deviation that a forger repeats, for he sees the form otherwise than its owner."""
    wavering: float
    """Deviation that differs from sample to sample."""
    haste: float
    """Pace, where 1 is the owner's."""
    tremor: float
    """Amplitude of the physiological tremor, 7 to 12 Hz."""


GENUINE = Manner(misjudged=0.0, wavering=0.055, haste=1.0, tremor=0.004)
FORGED = Manner(misjudged=0.16, wavering=0.09, haste=0.72, tremor=0.022)

_PRESSURE = 0.75
"""Usual pressure of a hard stroke, where 1 is the most that the tablet can tell."""


def sign(seed: int, signing: Signing) -> Floats:
    """The (n, 3) points of one signing, as `pen.move` gives them."""
    form = form_of(seed, signing.person)
    dice = Dice(seed, signing.key)
    if not signing.forger:
        return _write(form, GENUINE, dice)
    seen = _misjudge(form, FORGED, Dice(seed, "eye", signing.person, signing.forger))
    return _write(seen, FORGED, dice)


def _misjudge(form: Form, manner: Manner, dice: Dice) -> Form:
    off = manner.misjudged
    return replace(
        form,
        targets=form.targets + _scatter(dice, off, len(form.targets)),
        bends=form.bends * dice.about(1.0, off) + [dice.about(0.0, off) for _ in form.bends],
        height=form.height * dice.about(1.0, 0.5 * off),
        slant=form.slant + dice.about(0.0, 0.5 * off),
        slope=form.slope + dice.about(0.0, 0.2 * off),
    )


def _write(form: Form, manner: Manner, dice: Dice) -> Floats:
    off = manner.wavering
    upright = form.targets + _scatter(dice, off, len(form.targets))
    slanted = upright + np.tan(form.slant + dice.about(0.0, 0.3 * off)) * upright.imag
    turned = slanted * np.exp(1j * (form.slope + dice.about(0.0, 0.3 * off)))
    chords = np.diff(turned * form.height * dice.about(1.0, 0.5 * off))
    bends = form.bends + [dice.about(0.0, off) for _ in form.bends]
    # Long strokes take more time, but not in proportion: the hand's isochrony.
    beats = form.beat / manner.haste * (0.6 + 0.4 * np.sqrt(np.abs(chords) / form.height))
    beats = beats * [dice.about(1.0, off) for _ in beats]
    strokes = Strokes(
        chords=chords,
        bends=np.where(np.abs(bends) < 0.01, 0.01, bends),
        onsets=np.concatenate(([0.0], np.cumsum(beats)[:-1])),
        delays=np.full(len(chords), np.log(2.2 * form.beat)),
        slurs=np.full(len(chords), form.slur),
        presses=form.presses * dice.about(_PRESSURE, off),
    )
    points = move(strokes)
    points[:, :2] += form.height * manner.tremor * _tremor(dice, len(points))
    return points


def _scatter(dice: Dice, spread: float, count: int) -> Complexes:
    return np.array([complex(dice.about(0.0, spread), dice.about(0.0, spread)) for _ in range(count)])


def _tremor(dice: Dice, count: int) -> Floats:
    """(count, 2) of about unit size: three waves in each direction."""
    times = np.arange(count)[:, None] / RATE
    hertz = np.array([dice.between(7.0, 12.0) for _ in range(6)])
    phases = np.array([dice.between(0.0, 2.0 * np.pi) for _ in range(6)])
    swings: Floats = np.sin(2.0 * np.pi * hertz * times + phases).reshape(count, 3, 2).sum(axis=1)
    return swings
