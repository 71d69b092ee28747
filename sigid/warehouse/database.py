"""The one place that opens a database by its URL."""

from __future__ import annotations

from sigid.warehouse import location
from sigid.warehouse.session import Database
from sigid.warehouse.version import refuse_older


def open_database(url: str) -> Database:
    """Open the database of that URL and make the schema in it where there is none.

    Raises SettingError for a URL that cannot be used, WarehouseError where the database or its schema cannot.
    """
    database = database_at(url)
    try:
        version = database.version()
        if version is None:
            database.make()
        else:
            refuse_older(database.name, version)
    except BaseException:
        database.close()
        raise
    return database


def database_at(url: str) -> Database:
    """The database of that URL, whatever the version of its schema, or without any.

    Raises SettingError for a URL that cannot be used, WarehouseError for a file that cannot be.
    """
    location.check(url)
    # One module a database, and only the chosen one is imported.
    match location.scheme_of(url):
        case "sqlite":
            from sigid.warehouse.sqlite import SqliteDatabase
            from sigid.warehouse.sqlite_file import file_of

            return SqliteDatabase(file_of(url))
        case "postgresql+psycopg":
            from sigid.warehouse.postgresql import PostgresqlDatabase

            return PostgresqlDatabase(url)
        case "mysql+pymysql":
            from sigid.warehouse.mysql import MysqlDatabase

            return MysqlDatabase(url)
    raise AssertionError("no such database has passed the check")
