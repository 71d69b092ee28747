"""What is measured: a load after something has happened to the files, for the most part."""

from __future__ import annotations

from enum import Enum


class Scenario(Enum):
    """In the order in which a round goes through them: each begins where the one before it ended."""

    READ = "read, not written"
    """No load: all files are read for the first one, and nothing of what they say is written."""
    COLD = "cold"
    """The first load ever."""
    UNCHANGED = "nothing changed"
    ONE = "one changed"
    """One file has new content."""
    PERCENT = "1 % changed"
    """A hundredth of the files have new content."""
    REMOVED = "one removed"
    LIST = "doit list"
    """No load: the tasks are listed."""

    @property
    def is_first(self) -> bool:
        """Whether what the contestant remembers is removed before it."""
        return self in (Scenario.READ, Scenario.COLD)


LOADS = (Scenario.COLD, Scenario.UNCHANGED, Scenario.ONE, Scenario.PERCENT, Scenario.REMOVED)
"""All that have to do with the files."""
