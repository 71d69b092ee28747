"""Where a source's files are, and what is kept of them in the build folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sigid.settings import Settings
from sigid.sources.base import Source
from sigid.sources.formats import Format


class Workplace(NamedTuple):
    """Where a source's files are, and what is kept of them in the build folder."""

    source: str
    """Its name."""
    root: Path
    """Absolute, so that whoever is told of it knows where it is."""
    listing: Path
    manifest: Path
    answer: Path
    """What the warehouse last said, and the stamp that its file had then."""
    erased: Path
    """The warehouse's tombstones, as a load last found them."""
    lock: Path
    """The file that is locked while what is kept is written."""
    readers: str
    """The versions of what reads the files: of the source's names and of the formats."""

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other scans and loads of the source out. Raises BusyError where one is under way."""
        from sigid.running import only_one  # who only names the place, as each task does, has no use for it

        with only_one(str(self.lock), f"a scan or load of {self.source}"):
            yield

    def tidy(self) -> None:
        """Remove what was begun to be written by one who was killed over it; only for who is `alone`."""
        for left in self.listing.parent.glob("*.new"):
            left.unlink()

    @classmethod
    def of(cls, source: Source, settings: Settings) -> Workplace:
        cache = settings.build / source.name
        return cls(
            source=source.name,
            root=(settings.datasets / source.directory).absolute(),
            listing=cache / "listing",
            manifest=cache / "manifest",
            answer=cache / "answer",
            erased=cache / "erased",
            lock=cache / "lock",
            readers=".".join(str(version) for version in (source.version, *(each.version for each in Format))),
        )
