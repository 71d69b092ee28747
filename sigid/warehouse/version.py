"""Whether what is in a database is a warehouse, of a schema that this sigid knows."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

from sigid.errors import WarehouseError
from sigid.warehouse.records import SCHEMA_VERSION, TABLES


def has_schema(where: str, tables: Set[str], versions: Sequence[tuple[Any, ...]]) -> bool:
    """Whether it has the schema; it has nothing at all otherwise.

    `tables` are those that are in the way, `versions` the first two rows of the table `schema_version`, if it is among
    them. Raises WarehouseError for everything else, which stays as it is.
    """
    match versions:
        case [(int(version), *_)] if version > SCHEMA_VERSION:
            raise WarehouseError(
                f"the warehouse {where} has schema version {version}, this sigid knows {SCHEMA_VERSION}; "
                "use the sigid that wrote it, or a newer one"
            )
        case [(version, *_)] if version == SCHEMA_VERSION and type(version) is int and tables >= TABLES:
            return True
    if tables:
        raise WarehouseError(f"{where} is a database, but not one of sigid; point SIGID_WAREHOUSE elsewhere")
    return False
