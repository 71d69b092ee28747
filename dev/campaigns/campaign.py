"""What a campaign is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Scale(Enum):
    """How much of a campaign is done."""

    SHORT = "short"
    """A seeded sample, in a few seconds: the tests run it."""
    FULL = "full"
    """All of it."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a campaign takes place, and by what dice."""

    folder: Path
    """An empty folder, the campaign's own."""
    scale: Scale
    seed: int

    def of(self, short: int, full: int) -> int:
        """How many, at this scale."""
        return full if self.scale is Scale.FULL else short


@dataclass(frozen=True, slots=True)
class Finding:
    """What a campaign came to."""

    figure: str
    """One line in numbers: what was done how often, and what came of it."""
    failures: Sequence[str] = ()
    """What should not have happened, a line each, with what it takes to see it again."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """One kind of fault."""

    name: str
    shows: str
    """What must hold whatever is done, in one sentence."""
    run: Callable[[Ground], Finding]
    programs: tuple[str, ...] = ()
    """What must be installed besides. Where one is missing the campaign has failed: it is not skipped."""
    needs_root: bool = False
