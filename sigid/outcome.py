"""What registering does with a signature: the same rule for entities and for the rows of a load."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Protocol, Self, TypeVar


class Outcome(StrEnum):
    """What registering did with a signature."""

    ADDED = "added"
    REPLACED = "replaced"
    RESTORED = "restored"
    """It was retired, and is back."""
    UNCHANGED = "unchanged"


class Stated(Protocol):
    """A signature in some form, which states facts."""

    @property
    def retired_at(self) -> Any:
        """When it was retired, if it was."""

    def states_the_same_as(self, other: Self) -> bool:
        """Whether both state the same facts, whenever they were registered."""


_R = TypeVar("_R", bound=Stated)


def outcome_of(new: _R, known: _R | None) -> Outcome:
    """What becomes of a signature, given the one that is known under its id."""
    if known is None:
        return Outcome.ADDED
    if new.states_the_same_as(known):
        return Outcome.UNCHANGED
    return Outcome.RESTORED if known.retired_at else Outcome.REPLACED
