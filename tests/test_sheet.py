"""CSV that a spreadsheet opens without running any of it."""

from __future__ import annotations

import csv
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sigid.report import sheet


def read(text: str) -> list[list[str]]:
    return list(csv.reader(StringIO(text, newline="")))


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_a_text_that_a_spreadsheet_could_run_has_an_apostrophe_before_it(first: str) -> None:
    text = f"{first}cmd|' /C calc'!A0"

    ((cell,),) = read("".join(sheet.lines([text], [])))

    assert cell == f"'{text}"


def test_a_number_stays_a_number_and_nothing_an_empty_cell() -> None:
    _, line = sheet.lines("abcd", [(-5, 1.5, None, "-5")])

    assert line == """-5,1.5,"","'-5"\n"""


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1), min_size=1))
def test_what_is_written_is_read_again_and_no_cell_begins_a_formula(rows: list[list[str]]) -> None:
    header, *others = rows

    cells = read("".join(sheet.lines(header, others)))

    assert [[cell.removeprefix("'") for cell in row] for row in cells] == [
        [cell.removeprefix("'") for cell in row] for row in rows
    ]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in cells for cell in row)
