"""What holding a warehouse against itself, or against its files, brings to light."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Mark(StrEnum):
    """How a finding is to be taken."""

    WRONG = "!"
    """It is damage, or something that could not be looked at."""
    SINCE = "~"
    """It is no damage: files have changed since the last load, or it is worth knowing for another reason."""


class Finding(NamedTuple):
    """One line of what was found: whose it is, what it is, and what is to be done about it."""

    mark: Mark
    culprit: str
    what: str
    way_out: str = ""


def load(source: str) -> str:
    """The way out where a load sees by itself that something is missing."""
    return f"`doit load_{source}` registers it again"


def rehash(source: str) -> str:
    """The way out where only a load that believes nothing sees it."""
    return f"`doit load_{source} --rehash` puts it right"


BACKUP = "no load mends it: restore a backup"
"""The way out where files do not say what was there."""
