"""Bringing a warehouse of an older schema to today's, when that is asked for.

The steps are Alembic's, and so is what they are made of. Which of them a warehouse has behind it, its own table
`schema_version` says, in the transaction of the step: there is no second record of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory

from sigid.errors import WarehouseError
from sigid.warehouse.database import database_at
from sigid.warehouse.records import SCHEMA_VERSION
from sigid.warehouse.schema import schema_version

SCRIPTS = Path(__file__).with_name("migrations")


def migrate(url: str, tell: Callable[[str], None]) -> None:
    """Migrate the warehouse at that URL, and tell line by line what is done.

    Raises WarehouseError where there is none, or not one that this sigid knows, or the database refuses, and BusyError
    where a load or a migration is under way. It is as it was then; only a database that can't undo changes of a schema
    keeps what was done, and the next migration does the rest.
    """
    with closing(database_at(url)) as database:
        version = database.version()
        if version is None:
            raise WarehouseError(f"there is nothing to migrate in {database.name}; the first load makes a warehouse")
        if version == SCHEMA_VERSION:
            tell(f"{database.name} has schema version {version}, as this sigid does; there is nothing to do")
            return
        tell(f"{database.name} has schema version {version}, to become {SCHEMA_VERSION}: {database.before_migrating}")
        with database.migrating() as connection:
            op = Operations(MigrationContext.configure(connection))
            version = connection.execute(schema_version.select()).scalar_one()  # another one may have done it meanwhile
            for step in _steps(version):
                step.module.upgrade(op)
                connection.execute(schema_version.update().values(version=int(step.revision)))
        tell(f"{database.name} has schema version {SCHEMA_VERSION}")


def _steps(version: int) -> Iterator[Script]:
    """What leads from that version to today's, one version after the other."""
    upwards = ScriptDirectory(SCRIPTS).iterate_revisions(str(SCHEMA_VERSION), str(version))
    return reversed(list(upwards))
