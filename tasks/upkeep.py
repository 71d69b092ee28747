"""migrate, grant: what is done to a warehouse as a whole, when somebody asks for it and never by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sigid.settings import Settings
from sigid.warehouse.roles import Roles
from tasks.acting import SHOWS, action, tell, there
from tasks.helping import examples, option


def tasks(settings: Settings) -> Iterator[dict[str, Any]]:
    """One task a work."""
    yield {
        "basename": "migrate",
        "doc": "bring a warehouse of an older schema to the one of this sigid, which no other task does",
        "actions": [(_migrate, [settings])],
        **examples(("", "do it whole, or not at all; make a copy of the warehouse before")),
        **SHOWS,
    }
    yield {
        "basename": "grant",
        "doc": "make the roles of a warehouse on a server: its owner, a loader who deletes nothing, a reader of views",
        "actions": [(_grant, [settings])],
        "params": [
            option(name, default, f"the {name}'s name ({default})") for name, default in Roles()._asdict().items()
        ],
        **examples(("", "make the roles, or mend them"), ("--reader=visitor", "have the reader's role called visitor")),
        **SHOWS,
    }


@action
def _migrate(settings: Settings) -> None:
    from sigid.warehouse.migrate import migrate

    migrate(there(settings), tell)


@action
def _grant(settings: Settings, owner: str, loader: str, reader: str) -> None:
    from contextlib import closing

    from sigid.warehouse.database import open_database

    with closing(open_database(there(settings))) as database:
        for line in list(database.grant(Roles(owner, loader, reader))):  # all of it is done by then, or nothing
            tell(line)
