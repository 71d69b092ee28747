"""What a dataset is made of: files that are planned first, with the fate that awaits each, and made later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from sigid.errors import Reason

from . import hwr, png
from .dice import Dice
from .hand import Signing, sign
from .picture import Ink, draw


class Fate(StrEnum):
    """What a load makes of a file that it does not reject; of the others a `Reason` says it."""

    SIGNATURE = "signature"
    BLANK = "blank placeholder"
    PASSED_OVER = "passed over"
    APART = "no part of the data"


@dataclass(frozen=True)
class Order:
    """What is to be made."""

    seed: int = 1
    files: int | None = None
    """How many sound files; None: the small dataset that the project ships."""
    defects: bool = True
    """Whether the deliberately wrong files are added."""
    wrong_count: bool = False
    """Whether SOURCE_B's INDEX is to contradict itself, so that all of it is refused."""


@dataclass(frozen=True)
class Sample:
    """One file of a dataset."""

    path: str
    """Relative to the dataset's root, with slashes."""
    make: Callable[[], bytes] | None
    """Makes the content; None: the file is expected there, but does not exist."""
    fate: Fate | Reason = Fate.SIGNATURE
    oddity: str = ""
    """What is deliberately odd about it, for the README's table."""


@dataclass(frozen=True)
class Dataset:
    """A source that can be made."""

    name: str
    about: str
    """Its layout, for the README."""
    plan: Callable[[Order], Iterator[Sample]]
    """Names every file but the README, in the same order each time."""


INKS: tuple[Ink | None, ...] = (None, None, (28, 48, 140))
"""Most pictures are scanned in grey, some in colour: they show blue ink."""

FORMS = (*[hwr.Form.COMMAS] * 5, *[hwr.Form.COMMAS_OPEN_END] * 2, hwr.Form.COMMAS_DOS, *[hwr.Form.BLANKS] * 2)


def picture(seed: int, signing: Signing) -> bytes:
    """The PNG file of a signing."""
    return png.encode(draw(sign(seed, signing), Dice(seed, "ink", signing.key).pick(INKS)))


def trajectory(seed: int, signing: Signing, form: hwr.Form | None = None) -> bytes:
    """The HWR file of a signing, in the given form or in any."""
    return hwr.encode(sign(seed, signing), form or Dice(seed, "form", signing.key).pick(FORMS))


def blank() -> bytes:
    """The content of a placeholder for a picture, as in the assignment's own sample."""
    return b""
