"""Rows as CSV that is safe to open in a spreadsheet, which takes some texts for formulas and runs them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from types import SimpleNamespace
from typing import TypeAlias

Cell: TypeAlias = str | int | float | None

_BEGINS_A_FORMULA = tuple("=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20")
"""What OWASP lists under CSV injection, in both widths."""


def lines(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """A line of CSV for the header, and one for each row as it comes: texts are quoted, numbers are not.

    A text that a spreadsheet could take for a formula has an apostrophe before it, which spreadsheets take for "this
    is text". A number stays a number, also a negative one; None is an empty cell.
    """
    writer = csv.writer(SimpleNamespace(write=str), quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    for row in chain([header], rows):
        yield writer.writerow(map(_harmless, row))


def _harmless(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_BEGINS_A_FORMULA) else cell
