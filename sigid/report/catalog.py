"""The catalogue: a row a number, a column a source."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any, TextIO

from sigid.report import sheet
from sigid.report.form import Form, to_stream
from sigid.report.terminal import console, is_terminal, printable, readers_choice, tabbed
from sigid.warehouse.read import COUNTS

if TYPE_CHECKING:
    from rich.table import Table

Catalog = Mapping[str, Mapping[str, Any]]
"""What `Warehouse.catalog` gives."""


def write(catalog: Catalog, out: TextIO) -> None:
    """Write the catalogue: as a table on a terminal, elsewhere as lines of cells between tabs."""
    if is_terminal(out):
        with readers_choice(out):
            console(out).print(_table(catalog))
    else:
        to_stream(lines(catalog, Form.TABS), out)


def lines(catalog: Catalog, form: Form) -> Iterator[str]:
    """The catalogue for other programs; as JSON it is what `Warehouse.catalog` gives."""
    if form is Form.JSON:
        yield json.dumps(catalog, indent=2) + "\n"
        return
    cells: Iterator[tuple[str | int, ...]] = ((name, *counts) for name, counts in rows(catalog))
    if form is Form.CSV:
        yield from sheet.lines(("count", *catalog), cells)
    else:
        yield from map(tabbed, chain([("count", *catalog)], cells))


def rows(catalog: Catalog) -> Iterator[tuple[str, list[int]]]:
    """Each number's name, and the number for each source; the rejections of each reason follow on their sum."""
    sources = catalog.values()
    for name in COUNTS:
        yield name, [counts[name] for counts in sources]
        if name == "rejected":
            for reason in sorted({reason for counts in sources for reason in counts["rejected_by_reason"]}):
                yield f"rejected:{reason}", [counts["rejected_by_reason"].get(reason, 0) for counts in sources]


def _table(catalog: Catalog) -> Table:
    from rich.table import Table

    table = Table(title="catalogue", caption=None if catalog else "Nothing is loaded: doit loads all sources.")
    table.add_column("count", overflow="fold")
    for source in catalog:
        table.add_column(printable(source), justify="right", overflow="fold")
    for name, counts in rows(catalog):
        table.add_row(printable(name), *(f"{count:,}" for count in counts))
    return table
