"""The file formats that signatures come in: bytes in, a picture's facts or a trajectory's points out.

The readers are imported where files are read, and nowhere else: they bring Pillow with them.
"""

from __future__ import annotations

from enum import StrEnum

from sigid.identity import Kind


class Format(StrEnum):
    """A format, the kind of signature in it, the version of its reader, and the most bytes that a file of it may have.

    Another version has every file of the format read again. The bounds are far above what a signature takes: they
    keep a file that is none from taking the machine's memory. Below them no process needs more than 256 MB: a picture
    takes its bytes, trajectories some twenty times theirs (lists of numbers, points, and SQLite's copies, of this batch
    and of the one before).
    """

    kind: Kind
    version: int
    max_bytes: int

    PNG = "png", Kind.IMAGE, 1, 128 * 2**20
    HWR = "hwr", Kind.XYZ, 1, 4 * 2**20

    def __new__(cls, name: str, kind: Kind, version: int, max_bytes: int) -> Format:
        member = str.__new__(cls, name)
        member._value_ = name
        member.kind = kind
        member.version = version
        member.max_bytes = max_bytes
        return member
