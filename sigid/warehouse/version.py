"""Which schema what is in a database has, and whether this sigid can use it."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

from sigid.errors import WarehouseError
from sigid.warehouse.records import SCHEMA_VERSION, SIGNATURE, TABLES


def version_of(where: str, tables: Set[str], versions: Sequence[tuple[Any, ...]]) -> int | None:
    """The version of its schema, which is today's or an older one; None where it has nothing at all.

    `tables` are those that are in the way, `versions` the first two rows of the table `schema_version`, if it is among
    them. Raises WarehouseError for everything else, which stays as it is.
    """
    match versions:
        case [(int(version), *_)] if version > SCHEMA_VERSION:
            raise WarehouseError(
                f"the warehouse {where} has schema version {version}, this sigid knows {SCHEMA_VERSION}; "
                "use the sigid that wrote it, or a newer one"
            )
        case [(int(version), *_)] if version == SCHEMA_VERSION and tables >= TABLES:
            return version
        case [(int(version), *_)] if 0 < version < SCHEMA_VERSION and SIGNATURE.name in tables:
            return version
    if tables:
        raise WarehouseError(f"{where} is a database, but not one of sigid; point SIGID_WAREHOUSE elsewhere")
    return None


def refuse_older(where: str, version: int) -> None:
    """Raise WarehouseError for a warehouse that is to be migrated first."""
    if version < SCHEMA_VERSION:
        raise WarehouseError(
            f"the warehouse {where} has schema version {version}, this sigid works with {SCHEMA_VERSION}; "
            "nothing was done: `doit migrate` brings it there"
        )
