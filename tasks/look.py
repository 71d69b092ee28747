"""catalog, rejects: what is in the warehouse, and what is not let in?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from sigid.errors import WarehouseError
from sigid.settings import Settings
from sigid.warehouse.location import is_there
from tasks.acting import SHOWS, action

_NONE_YET = "there is no warehouse yet: `doit` loads all sources into one; SIGID_WAREHOUSE says where it is"


def tasks(settings: Settings) -> Iterator[dict[str, Any]]:
    """One task a table."""
    yield {
        "basename": "catalog",
        "doc": "show what the warehouse holds of each source",
        "actions": [(_catalog, [settings])],
        **SHOWS,
    }
    yield {
        "basename": "rejects",
        "doc": "show which files are not let in, and why",
        "actions": [(_rejects, [settings])],
        **SHOWS,
    }


@action
def _catalog(settings: Settings) -> None:
    from sigid.report import catalog
    from sigid.warehouse.warehouse import open_warehouse

    if not is_there(settings.warehouse):
        raise WarehouseError(_NONE_YET)
    with open_warehouse(settings.warehouse) as warehouse:
        catalog.write(warehouse.catalog(), sys.stdout)


@action
def _rejects(settings: Settings) -> None:
    from sigid.report import rejects
    from sigid.warehouse.warehouse import open_warehouse

    if not is_there(settings.warehouse):
        raise WarehouseError(_NONE_YET)
    with open_warehouse(settings.warehouse) as warehouse:
        rejects.write(warehouse.rejections(), sys.stdout)
