"""SOURCE_A: the files' names say whose signature it is, who wrote it, and which sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count, islice

from sigid.errors import Reason

from . import hwr, odd
from .dice import Dice
from .hand import Signing
from .sample import Dataset, Fate, Order, Sample, blank, picture, trajectory

ABOUT = """\
Signatures by convention of names: drawn on paper (`Offline`, PNG) and on a tablet (`Online`, HWR), genuine and forged.

    Offline/Genuine/<signee>_<sample>.PNG             Offline/Forgeries/<forger><signee>_<sample>.png
    Online/Genuine/<signee>_<sample>.HWR              Online/Forgeries/<forger><signee>_<sample>.HWR

The signee of a forgery is the last three digits before `_`, the forger the four before them. HWR: x, y, pressure;
200 points a second, 200 lines a mm, y up, pressure 0 (in the air) to 1023. The picture `001_02` and the trajectory
`001_2` are one movement of the pen. Numbers of samples have gaps; signee 8 (offline) and signee 12 (online) have
forgeries but nothing genuine."""


@dataclass(frozen=True)
class Title:
    """What a name says."""

    modality: str
    signee: int
    sample: int
    forger: int | None = None

    @property
    def folder(self) -> str:
        """Where the file lies."""
        return f"{self.modality}/{'Forgeries' if self.forger else 'Genuine'}"

    def path(self, extension: str) -> str:
        """The path of the file, relative to the dataset's root."""
        forger = f"{self.forger:04}" if self.forger else ""
        sample = f"{self.sample:02}" if self.modality == "Offline" else self.sample
        return f"{self.folder}/{forger}{self.signee:03}_{sample}.{extension}"

    def signing(self) -> Signing:
        """The act of signing; one picture and one trajectory come of it."""
        return Signing(f"A/{self.signee}", self.sample, str(self.forger or ""))


_EXTENSIONS = {
    "Offline/Genuine": "PNG",
    "Offline/Forgeries": "png",
    "Online/Genuine": "HWR",
    "Online/Forgeries": "HWR",
}
"""As they mostly are; the case says nothing about the class, though it looks so."""

_FEW_GENUINE = {
    "Offline": {1: (1, 2, 3, 5), 2: (1, 2, 4), 3: (1, 3), 5: (2, 3, 4), 12: (1, 2)},
    "Online": {1: (1, 2, 3), 2: (1, 4), 3: (1, 2, 6), 5: (2, 3), 8: (5, 7)},
}
_FEW_FORGED = {
    "Offline": {(101, 1): (1, 2), (102, 1): (1,), (103, 2): (2, 3), (104, 3): (1,), (105, 5): (1, 3), (206, 8): (1, 2)},
    "Online": {(101, 1): (1, 2), (107, 1): (1, 3), (108, 2): (1,), (109, 3): (2,), (110, 5): (1, 2), (211, 12): (1,)},
}
_FEW_BLANK = (
    Title("Offline", 1, 5),
    Title("Offline", 3, 3),
    Title("Offline", 12, 2),
    Title("Offline", 1, 1, 102),
    Title("Offline", 5, 3, 105),
)

_SAMPLES = 24
"""Genuine samples of a person in a large dataset, as in SigComp2011, before gaps."""

_COPIES = 4
"""Samples that a forger makes of one signature."""

_THREE_DIGITS, _FOUR_DIGITS = 999, 9999


def plan(order: Order) -> Iterator[Sample]:
    """Every file of the dataset but its README."""
    if order.files is None:
        yield from (_blank(order.seed, title) if title in _FEW_BLANK else _sound(order.seed, title) for title in _few())
    else:
        yield from (_sound(order.seed, title) for title in _many(order.files))
    if order.defects:
        yield from _odd(order.seed)


def _sound(seed: int, title: Title) -> Sample:
    make = picture if title.modality == "Offline" else trajectory
    return Sample(_cased_path(seed, title), partial(make, seed, title.signing()))


def _blank(seed: int, title: Title) -> Sample:
    return Sample(_cased_path(seed, title), blank, Fate.BLANK)


def _cased_path(seed: int, title: Title) -> str:
    usual = _EXTENSIONS[title.folder]
    dice = Dice(seed, "case", title.path(usual))
    return title.path(usual.swapcase() if dice.chance(0.1) else usual)


def _few() -> Iterator[Title]:
    for modality in ("Offline", "Online"):
        for signee, samples in _FEW_GENUINE[modality].items():
            yield from (Title(modality, signee, sample) for sample in samples)
        for (forger, signee), samples in _FEW_FORGED[modality].items():
            yield from (Title(modality, signee, sample, forger) for sample in samples)


def _many(files: int) -> Iterator[Title]:
    """Half pictures, half trajectories; half of each genuine."""
    pictures = files - files // 2
    for modality, total in (("Offline", pictures), ("Online", files - pictures)):
        genuine = total - total // 2
        yield from islice(_genuine(modality), genuine)
        yield from islice(_forged(modality, 1 + genuine // _SAMPLES), total - genuine)


def _genuine(modality: str) -> Iterator[Title]:
    """Signees without end, with gaps among their samples; nothing of the one that stands for those without genuine."""
    without = 8 if modality == "Offline" else 12
    for signee in count(1):
        if signee != without:
            samples = (sample for sample in range(1, _SAMPLES + 1) if (7 * signee + 5 * sample) % 12)
            yield from (Title(modality, signee, sample) for sample in samples)


def _forged(modality: str, signees: int) -> Iterator[Title]:
    """Forgers take the signees in turn; a forgery's name has three digits for the signee, four for the forger."""
    signees = min(max(signees, 12), _THREE_DIGITS)
    for turn in count():
        forger, signee = turn % _FOUR_DIGITS + 1, turn % signees + 1
        yield from (Title(modality, signee, sample, forger) for sample in range(1, _COPIES + 1))


def _odd(seed: int) -> Iterator[Sample]:
    """One file for each thing that can be wrong, and what only looks wrong; every other one among the forgeries."""
    for modality, extension, twists in (("Offline", "png", odd.PICTURES), ("Online", "HWR", odd.TRAJECTORIES)):
        for number, twist in enumerate(twists):
            title = Title(modality, 1, 80 + number, 101 if number % 2 else None)
            make = partial(_twisted, seed, title, twist.twist)
            yield Sample(title.path(extension), make, twist.fate, twist.oddity)
    yield from _conflicts(seed)
    for path, oddity in odd.STRAY_NAMES.items():
        make = partial(picture if path.lower().endswith("png") else trajectory, seed, Signing("A/1", 1))
        yield Sample(path, make, Reason.NAME_NOT_UNDERSTOOD, oddity)
    for folder, (name, content) in zip(_EXTENSIONS, odd.LITTER.items(), strict=True):
        yield Sample(f"{folder}/{name}", partial(bytes, content), Fate.PASSED_OVER, "left behind by a file manager")


def _twisted(seed: int, title: Title, twist: Callable[[bytes], bytes]) -> bytes:
    if title.modality == "Offline":
        return twist(picture(seed, title.signing()))
    return twist(trajectory(seed, title.signing(), hwr.Form.COMMAS))


def _conflicts(seed: int) -> Iterator[Sample]:
    """Two spellings of one identity, which every file system can tell apart."""
    for make, paths in (
        (picture, ("Offline/Genuine/002_80.PNG", "Offline/Genuine/02_80.PNG")),
        (trajectory, ("Online/Genuine/002_80.HWR", "Online/Genuine/2_80.HWR")),
    ):
        for path, other in (paths, paths[::-1]):
            oddity = f"the same sample as `{other.rpartition('/')[2]}`"
            yield Sample(path, partial(make, seed, Signing("A/2", 80)), Reason.IDENTITY_CONFLICT, oddity)


DATASET = Dataset("SOURCE_A", ABOUT, plan)
