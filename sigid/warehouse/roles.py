"""Who may do what with a warehouse on a server."""

from __future__ import annotations

from typing import NamedTuple

from sigid.errors import SettingError
from sigid.warehouse.records import TABLES
from sigid.warehouse.views import VIEWS


class Roles(NamedTuple):
    """The names of the roles."""

    owner: str = "sigid_owner"
    """Changes the schema, as a migration does, and erases."""
    loader: str = "sigid_loader"
    """Runs loads and reads back; deletes nothing, and changes no table."""
    reader: str = "sigid_reader"
    """Sees the views."""


class Right(NamedTuple):
    """What a role may do, and with which tables or views."""

    role: str
    may: str
    names: list[str]


_ONLY_READ = {"erasure", "schema_version"}
"""By the loader."""


def rights(roles: Roles) -> list[Right]:
    """What the roles have besides what an owner may do anyway, in the words that SQL has for it everywhere.

    Raises SettingError where two of them are one, who then could do more than he should.
    """
    if not all(roles) or len(set(roles)) < len(roles):
        raise SettingError("owner, loader and reader are to be three roles; give each a name of its own")
    return [
        Right(roles.loader, "SELECT, INSERT, UPDATE", sorted(TABLES - _ONLY_READ)),
        Right(roles.loader, "SELECT", sorted(_ONLY_READ)),
        Right(roles.reader, "SELECT", sorted(VIEWS)),
    ]
