"""The kinds of databases that a warehouse can be in, as tests make and tamper with them."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

KINDS = ("sqlite", "postgresql", "mariadb")
"""The names. `conftest` has a fixture `<name>_databases` for each."""


FILLED = ("signee", "forger", "signature", "trajectory", "load", "source_file")
"""The tables that loads fill, those first that others refer to."""


class Databases(Protocol):
    """One kind of database, of which a test makes as many as it likes."""

    def url(self, folder: Path) -> str:
        """Of the database that belongs to that folder, which may not be there yet; it has nothing in it at first."""

    def execute(self, url: str, *statements: str) -> list[Any]:
        """What the database itself answers to the last of the statements, which say what they like to it."""

    def tamper(self, url: str, statement: str) -> int:
        """Have it write what no check and no key of the schema lets in. Returns how many rows that touched."""

    def make_older(self, url: str, version: int, like: str) -> None:
        """Make a warehouse of that version of the schema, with the rows of the one at the URL `like`."""

    def snapshot(self, url: str) -> object:
        """Something that is equal as long as nothing was written."""

    def remove(self, url: str) -> None:
        """Have it be as it was at first."""


class SqliteFiles:
    """A file each."""

    def url(self, folder: Path) -> str:
        return f"sqlite:///{folder / 'sigid.sqlite'}"

    def execute(self, url: str, *statements: str) -> list[Any]:
        with closing(sqlite3.connect(_file_of(url), isolation_level=None)) as connection:
            return [connection.execute(statement).fetchall() for statement in statements][-1]

    def tamper(self, url: str, statement: str) -> int:
        with closing(sqlite3.connect(_file_of(url), isolation_level=None)) as connection:
            connection.execute("PRAGMA ignore_check_constraints=ON")
            return connection.execute(statement).rowcount

    def make_older(self, url: str, version: int, like: str) -> None:
        _file_of(url).parent.mkdir(parents=True, exist_ok=True)
        rows = [f"INSERT INTO main.{table} SELECT * FROM filled.{table}" for table in FILLED]  # noqa: S608  # of constants
        self.execute(url, *schema_of_version(version, "sqlite"), f"ATTACH '{_file_of(like)}' AS filled", *rows)

    def snapshot(self, url: str) -> object:
        return {path.name: (path.stat().st_mode, path.read_bytes()) for path in sorted(_file_of(url).parent.iterdir())}

    def remove(self, url: str) -> None:
        shutil.rmtree(_file_of(url).parent)


def schema_of_version(version: int, kind: str) -> list[str]:
    """The statements that make the schema of that version, as the sigid of that time did."""
    file = Path(__file__).parent / "data" / f"schema_version_{version}" / f"{kind}.sql"
    return file.read_text().removesuffix(";\n").split(";\n")


def _file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))
