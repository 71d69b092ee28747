"""The one place that chooses a database by its URL."""

from __future__ import annotations

from sigid.warehouse.location import file_of
from sigid.warehouse.session import Database


def open_database(url: str) -> Database:
    """Open the database of that URL and make the schema in it where there is none.

    Raises SettingError for a URL that cannot be used, WarehouseError where the database or its schema cannot.
    """
    file = file_of(url)
    from sigid.warehouse.sqlite import SqliteDatabase  # one module a database, and only the chosen one is imported

    return SqliteDatabase(file)
