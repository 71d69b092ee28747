"""The rejections as a table: a row a file."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from sigid.warehouse.read import Rejection


def table(rejections: Iterable[Rejection]) -> Table:
    """The rejections of `Warehouse.rejections`."""
    rendered = Table("source", "path", "reason", "detail", title="rejections")
    for rejection in rejections:
        rendered.add_row(
            rejection.source, Text(rejection.path, overflow="fold"), rejection.reason.value, Text(rejection.detail)
        )
    if not rendered.row_count:
        rendered.caption = "Nothing is rejected."
    return rendered
