"""Where a warehouse is: what its URL says, told without SQLAlchemy, whose import takes longer than an unchanged run."""

from __future__ import annotations

from typing import Any, Protocol

from sigid.errors import SettingError


class Reach(Protocol):
    """What sigid asks of a kind of database before it opens one."""

    def check(self, url: str) -> None:
        """Raise SettingError where the URL cannot be used; it repeats nothing of the URL, which may hold a password."""

    def is_there(self, url: str) -> bool:
        """Whether there is a warehouse, whatever its state. Raises WarehouseError where that cannot be known."""

    def ask(self, url: str, question: str, value: str) -> tuple[Any, ...] | None:
        """The first row that answers the question, in which the value stands wherever there is a question mark.

        None where there is no such row, or the question cannot be answered. Raises ConnectionLost where a server cannot
        be reached, so that nobody waits for it twice.
        """


def scheme_of(url: str) -> str:
    """What says which kind of database it is."""
    return url.partition(":")[0]


def check(url: str) -> None:
    """Raise SettingError where no warehouse can be at that URL."""
    _reach(url).check(url)


def is_there(url: str) -> bool:
    """Whether there is a warehouse at that URL to be asked, whatever its state."""
    return _reach(url).is_there(url)


def ask(url: str, question: str, value: str) -> tuple[Any, ...] | None:
    """Ask the warehouse at that URL one question, as `Reach` describes it."""
    return _reach(url).ask(url, question, value)


def _reach(url: str) -> Reach:
    match scheme_of(url):
        case "sqlite":
            from sigid.warehouse import sqlite_file

            return sqlite_file
        case "postgresql+psycopg":
            from sigid.warehouse import postgresql_server

            return postgresql_server
    raise SettingError(
        "SIGID_WAREHOUSE is not the URL of a warehouse that sigid can use; write it like "
        "sqlite:///build/warehouse.sqlite or postgresql+psycopg://user@host/database"
    )
