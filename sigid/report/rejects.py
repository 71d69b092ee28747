"""The rejections: a row a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, TextIO

from sigid.report.terminal import console, is_terminal, printable, readers_choice, tabbed
from sigid.warehouse.read import Rejection

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_ROWS_A_TABLE = 1000  # a table is laid out as a whole


def write(rejections: Iterable[Rejection], out: TextIO) -> None:
    """Write the rejections as they come: in tables on a terminal, elsewhere as lines of cells between tabs.

    Nothing is cut off: what is too long for its column goes on in the next line.
    """
    with readers_choice(out):
        if is_terminal(out):
            _draw(iter(rejections), console(out))
        else:
            out.writelines(tabbed(_cells(rejection)) for rejection in rejections)


def _draw(rejections: Iterator[Rejection], screen: Console) -> None:
    rows = list(islice(rejections, _ROWS_A_TABLE))
    if not rows:
        screen.print("Nothing is rejected.")
    while rows:
        screen.print(_table(rows))
        rows = list(islice(rejections, _ROWS_A_TABLE))


def _table(rejections: Sequence[Rejection]) -> Table:
    from rich.table import Table

    table = Table(title="rejections")
    for name in ("source", "path", "reason", "detail"):
        table.add_column(name, overflow="fold")
    for rejection in rejections:
        table.add_row(*map(printable, _cells(rejection)))
    return table


def _cells(rejection: Rejection) -> tuple[str, str, str, str]:
    return rejection.source, rejection.path, rejection.reason.value, rejection.detail
