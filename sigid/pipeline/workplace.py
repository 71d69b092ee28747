"""Where a source's files are, and what is kept of them in the build folder."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from sigid.settings import Settings
from sigid.sources.base import Source
from sigid.sources.formats import Format


class Workplace(NamedTuple):
    """Where a source's files are, and what is kept of them in the build folder."""

    root: Path
    """Absolute, so that whoever is told of it knows where it is."""
    listing: Path
    manifest: Path
    answer: Path
    """What the warehouse last said, and the stamp that its file had then."""
    erased: Path
    """The warehouse's tombstones, as a load last found them."""
    lock: Path
    readers: str
    """The versions of what reads the files: of the source's names and of the formats."""

    def tidy(self) -> None:
        """Remove what was begun to be written by one who was killed over it; the lock must be held."""
        for left in self.listing.parent.glob("*.new"):
            left.unlink()

    @classmethod
    def of(cls, source: Source, settings: Settings) -> Workplace:
        cache = settings.build / source.name
        return cls(
            root=(settings.datasets / source.directory).absolute(),
            listing=cache / "listing",
            manifest=cache / "manifest",
            answer=cache / "answer",
            erased=cache / "erased",
            lock=cache / "lock",
            readers=".".join(str(version) for version in (source.version, *(each.version for each in Format))),
        )
