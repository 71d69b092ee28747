"""The catalogue as a table: a row a number, a column a source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from sigid.warehouse.read import COUNTS


def table(catalog: Mapping[str, Mapping[str, Any]]) -> Table:
    """The counts of `Warehouse.catalog`."""
    rendered = Table(title="catalogue", caption=None if catalog else "The warehouse is empty: doit loads all sources.")
    rendered.add_column()
    for source in catalog:
        rendered.add_column(source, justify="right")
    for count in COUNTS:
        rendered.add_row(count.replace("_", " "), *(f"{counts[count]:,}" for counts in catalog.values()))
    return rendered
