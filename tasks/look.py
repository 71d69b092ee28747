"""catalog, rejects: what is in the warehouse, and what is not let in?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sigid.settings import Settings
from tasks.acting import action


def tasks(settings: Settings) -> Iterator[dict[str, Any]]:
    """One task a table."""
    yield {
        "basename": "catalog",
        "doc": "show what the warehouse holds of each source",
        "actions": [(_catalog, [settings])],
        "uptodate": [False],
    }
    yield {
        "basename": "rejects",
        "doc": "show which files are not let in, and why",
        "actions": [(_rejects, [settings])],
        "uptodate": [False],
    }


@action
def _catalog(settings: Settings) -> None:
    from rich.console import Console

    from sigid.report.catalog import table
    from sigid.warehouse.warehouse import open_warehouse

    with open_warehouse(settings.warehouse) as warehouse:
        Console().print(table(warehouse.catalog()))


@action
def _rejects(settings: Settings) -> None:
    from rich.console import Console

    from sigid.report.rejects import table
    from sigid.warehouse.warehouse import open_warehouse

    with open_warehouse(settings.warehouse) as warehouse:
        Console().print(table(warehouse.rejections()))
