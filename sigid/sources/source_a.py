"""SOURCE_A: files named by the convention of SigComp2011; two modalities, genuine and forged.

    Offline/Genuine/<signee>_<sample>.png          001_01.PNG
    Offline/Forgeries/<forger><signee>_<sample>.png    0103004_02.png
    Online/Genuine/<signee>_<sample>.hwr           001_1.HWR
    Online/Forgeries/<forger><signee>_<sample>.hwr     0120001_1.HWR

Ids are decimal. In a forgery's name the last three digits are the signee, the four before them the forger.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from sigid.errors import Reason, Rejected
from sigid.identity import Authenticity, Modality, PersonKey, derive_id
from sigid.sources.base import Claim, NamedByConvention
from sigid.sources.formats import Format

NAME = "source_a"

_FORMATS = {Modality.OFFLINE: Format.PNG, Modality.ONLINE: Format.HWR}

# A seventh digit would make it a forgery's name: a forgery in the wrong folder must not pass as genuine.
_GENUINE_DIGITS = 6
_GENUINE = re.compile(r"()(?P<signee>[0-9]{1,6})_(?P<sample>[0-9]{1,9})\.(?P<extension>\w+)")
_FORGERY = re.compile(r"(?P<forger>[0-9]{4})(?P<signee>[0-9]{3})_(?P<sample>[0-9]{1,9})\.(?P<extension>\w+)")

_SAMPLE = "<sample, up to 9 digits>"

# What a name that is not understood begins with: a copy, another extension, a file in the wrong folder.
_NUMBER = re.compile(r"(?:.*/)?(?P<digits>[0-9]+)_[^/]*")


class _Folder(NamedTuple):
    """What the files of one folder are, and how they are named."""

    modality: Modality
    authenticity: Authenticity
    pattern: re.Pattern[str]
    form: str

    @property
    def path(self) -> str:
        label = "Genuine" if self.authenticity is Authenticity.GENUINE else "Forgeries"
        return f"{self.modality.capitalize()}/{label}"


_FOLDERS = {
    folder.path: folder
    for modality in Modality
    for folder in (
        _Folder(modality, Authenticity.FORGED, _FORGERY, f"<forger, 4 digits><signee, 3 digits>_{_SAMPLE}"),
        _Folder(modality, Authenticity.GENUINE, _GENUINE, f"<signee, up to {_GENUINE_DIGITS} digits>_{_SAMPLE}"),
    )
}


class SourceA(NamedByConvention):
    """SOURCE_A."""

    name = NAME
    directory = "SOURCE_A"
    folders: tuple[str, ...] = tuple(sorted(_FOLDERS))
    accepts_blank = True

    def claim(self, path: str) -> Claim:
        top, label, name = path.split("/", 2)
        modality, authenticity, pattern, form = _FOLDERS[f"{top}/{label}"]
        format_ = _FORMATS[modality]
        if "/" in name:
            raise Rejected(
                Reason.NAME_NOT_UNDERSTOOD, f"it lies in a folder below {top}/{label}; put it into {top}/{label} itself"
            )
        match = pattern.fullmatch(name)
        if match is None or match["extension"].lower() != format_:
            raise Rejected(Reason.NAME_NOT_UNDERSTOOD, f"a name in {top}/{label} is {form}.{format_}")
        forger, signee, sample, _ = match.groups()
        return Claim(
            format_,
            modality,
            _signee(modality, signee),
            _number(sample),
            authenticity,
            PersonKey(NAME, f"{modality}/forgeries", _number(forger)) if forger else None,
        )

    def meant(self, signee: PersonKey) -> PersonKey:
        """He whose number it is, with leading zeros or without."""
        folder = next((path for path in self.folders if path.lower() == signee.collection.strip().lower()), "")
        number = signee.external_id.strip().lstrip("0") or "0"
        if folder and _FOLDERS[folder].authenticity is Authenticity.GENUINE:
            with suppress(Rejected):
                return self.claim(f"{folder}/{number}_1.{_FORMATS[_FOLDERS[folder].modality]}").signee
        forms = (str(_signee(modality, "1")) for modality in Modality)
        raise ValueError(f"its signees are written like {' or '.join(forms)}, with at most {_GENUINE_DIGITS} digits")

    def whose(self, path: str) -> Iterable[str]:
        """Of a name that is not understood, who seems to be meant."""
        return super().whose(path) or _seemingly(path)


def _seemingly(path: str) -> list[str]:
    folder = next((each for prefix, each in _FOLDERS.items() if path.startswith(f"{prefix}/")), None)
    match = _NUMBER.fullmatch(path)
    if folder is None or match is None:
        return []
    digits = match["digits"]
    signee = digits if len(digits) <= _GENUINE_DIGITS else digits[-3:]
    return [derive_id("signee", str(_signee(folder.modality, signee)))]


def _signee(modality: Modality, digits: str) -> PersonKey:
    return PersonKey(NAME, f"{modality}/genuine", _number(digits))


def _number(digits: str) -> str:
    return str(int(digits))
