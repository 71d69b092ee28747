"""What is measured: a load after something has happened to the files."""

from __future__ import annotations

from enum import Enum


class Scenario(Enum):
    """In the order in which a round goes through them: each begins where the one before it ended."""

    COLD = "cold"
    """The first load ever: whatever the contestant remembers has been removed."""
    UNCHANGED = "nothing changed"
    ONE = "one changed"
    """One file has new content."""
    PERCENT = "1 % changed"
    """A hundredth of the files have new content."""
    REMOVED = "one removed"
    LIST = "doit list"
    """No load: the tasks are listed."""


LOADS = (Scenario.COLD, Scenario.UNCHANGED, Scenario.ONE, Scenario.PERCENT, Scenario.REMOVED)
"""All that have to do with the files."""
