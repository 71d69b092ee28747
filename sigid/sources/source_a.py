"""SOURCE_A: files named by the convention of SigComp2011; two modalities, genuine and forged.

    Offline/Genuine/<signee>_<sample>.png          001_01.PNG
    Offline/Forgeries/<forger><signee>_<sample>.png    0103004_02.png
    Online/Genuine/<signee>_<sample>.hwr           001_1.HWR
    Online/Forgeries/<forger><signee>_<sample>.hwr     0120001_1.HWR

Ids are decimal. In a forgery's name the last three digits are the signee, the four before them the forger.
"""

from __future__ import annotations

import re

from sigid.errors import Reason, Rejected
from sigid.identity import Authenticity, Modality, PersonKey
from sigid.sources.base import Claim, NamedByConvention
from sigid.sources.formats import Format

_FORMATS = {Modality.OFFLINE: Format.PNG, Modality.ONLINE: Format.HWR}
_NAMES = {
    # A seventh digit would make it a forgery's name: a forgery in the wrong folder must not pass as genuine.
    "Genuine": (re.compile(r"(?P<signee>[0-9]{1,6})_(?P<sample>[0-9]{1,9})\.(?P<extension>\w+)"), "<signee>_<sample>"),
    "Forgeries": (
        re.compile(r"(?P<forger>[0-9]{4})(?P<signee>[0-9]{3})_(?P<sample>[0-9]{1,9})\.(?P<extension>\w+)"),
        "<forger, 4 digits><signee, 3 digits>_<sample>",
    ),
}


class SourceA(NamedByConvention):
    """SOURCE_A."""

    name = "source_a"
    directory = "SOURCE_A"
    folders: tuple[str, ...] = ("Offline/Forgeries", "Offline/Genuine", "Online/Forgeries", "Online/Genuine")
    accepts_blank = True

    def claim(self, path: str) -> Claim:
        modality_folder, label, name = path.split("/", 2)
        modality = Modality(modality_folder.lower())
        format_ = _FORMATS[modality]
        pattern, form = _NAMES[label]
        match = pattern.fullmatch(name)
        if match is None or match["extension"].lower() != format_:
            raise Rejected(Reason.NAME_NOT_UNDERSTOOD, f"a name in {modality_folder}/{label} is {form}.{format_}")
        scope = modality.value
        forged = label == "Forgeries"
        return Claim(
            format=format_,
            modality=modality,
            signee=PersonKey(self.name, f"{scope}/genuine", _number(match["signee"])),
            sample=_number(match["sample"]),
            authenticity=Authenticity.FORGED if forged else Authenticity.GENUINE,
            forger=PersonKey(self.name, f"{scope}/forgeries", _number(match["forger"])) if forged else None,
        )


def _number(digits: str) -> str:
    return str(int(digits))
