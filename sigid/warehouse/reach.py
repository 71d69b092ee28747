"""What each kind of database has to answer before it is opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol


class FileStamp(NamedTuple):
    """What changes with the file of a warehouse; the times are in nanoseconds."""

    size: int
    modified: int
    changed: int
    inode: int
    device: int


class Reach(Protocol):
    """What sigid asks of a kind of database before it opens one."""

    def check(self, url: str) -> None:
        """Raise SettingError where the URL cannot be used; it repeats nothing of it that may hold a password."""

    def is_there(self, url: str) -> bool:
        """Whether there is a warehouse, whatever its state. Raises WarehouseError where that cannot be known."""

    def stamp(self, url: str) -> FileStamp | None:
        """The stamp of its file; None where it is in none, or where something of it lies in another file."""

    def ask(self, url: str, question: str, values: Sequence[str]) -> tuple[Any, ...] | None:
        """The first row that answers the question, in which each value stands as a question mark.

        None where there is no such row, or the question cannot be answered. Raises ConnectionLost where a server cannot
        be reached, so that nobody waits for it twice.
        """
