"""catalog, rejects: what is in the warehouse, and what is not let in?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from sigid.settings import Settings
from tasks.acting import SHOWS, action, there


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

    with open_warehouse(there(settings)) as warehouse:
        catalog.write(warehouse.catalog(), sys.stdout)


@action
def _rejects(settings: Settings) -> None:
    from sigid.report import rejects
    from sigid.warehouse.warehouse import open_warehouse

    with open_warehouse(there(settings)) as warehouse:
        rejects.write(warehouse.rejections(), sys.stdout)
