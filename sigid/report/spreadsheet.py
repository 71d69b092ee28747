"""Tables as CSV, safe to open in a spreadsheet: no text is taken for a formula there."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from typing import TextIO

# OWASP, CSV Injection; the last four are full-width forms of the first four, which some spreadsheets take for them.
_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def write(header: Sequence[str], rows: Iterable[Sequence[object]], out: TextIO) -> None:
    """Write the header and the rows as they come. Text is in quotes, a number is not.

    An apostrophe goes before text that a spreadsheet would take for a formula.
    """
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow([_harmless(cell) for cell in header])
    writer.writerows([_harmless(cell) for cell in row] for row in rows)


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_BEGINS_A_FORMULA) else cell
