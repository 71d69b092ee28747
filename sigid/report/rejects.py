"""The rejections: a row a file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, TextIO

from sigid.report import sheet
from sigid.report.form import Form, to_stream
from sigid.report.terminal import console, is_terminal, printable, readers_choice, tabbed
from sigid.warehouse.read import Rejection

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_COLUMNS = ("source", "path", "reason", "detail")
_ROWS_A_TABLE = 1000  # a table is laid out as a whole


def write(rejections: Iterable[Rejection], out: TextIO) -> None:
    """Write the rejections as they come: in tables on a terminal, elsewhere as lines of cells between tabs.

    Nothing is cut off: what is too long for its column goes on in the next line.
    """
    if is_terminal(out):
        with readers_choice(out):
            _draw(iter(rejections), console(out))
    else:
        to_stream(lines(rejections, Form.TABS), out)


def lines(rejections: Iterable[Rejection], form: Form) -> Iterator[str]:
    """The rejections for other programs, as they come.

    As JSON they are an object a line, and no array: there may be a great many, and whoever reads an array has to take
    in all of it first.
    """
    rows = map(_cells, rejections)
    if form is Form.CSV:
        return sheet.lines(_COLUMNS, rows)
    if form is Form.JSON:
        return (json.dumps(dict(zip(_COLUMNS, row, strict=True))) + "\n" for row in rows)
    return map(tabbed, rows)


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
    for name in _COLUMNS:
        table.add_column(name, overflow="fold")
    for rejection in rejections:
        table.add_row(*map(printable, _cells(rejection)))
    return table


def _cells(rejection: Rejection) -> tuple[str, str, str, str]:
    return rejection.source, rejection.path, rejection.reason.value, rejection.detail
