"""Roles on a MariaDB or MySQL server: what would make them."""

from __future__ import annotations

from collections.abc import Iterator

from sigid.warehouse.roles import Roles, rights


def statements(database: str, roles: Roles) -> Iterator[str]:
    """What somebody who may do it says to the server, so that the roles have their rights in that database.

    Raises SettingError as `rights` does.
    """
    granted = rights(roles)
    for role in roles:
        yield f"CREATE ROLE IF NOT EXISTS {_quoted(role)};"
    pattern = database.replace("_", r"\_").replace("%", r"\%")  # of names of databases, where no table's follows
    yield f"GRANT ALL PRIVILEGES ON {_quoted(pattern)}.* TO {_quoted(roles.owner)};"
    for right in granted:
        for name in right.names:
            yield f"GRANT {right.may} ON {_quoted(database)}.{_quoted(name)} TO {_quoted(right.role)};"


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"
