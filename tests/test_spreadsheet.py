"""Tables that are opened in a spreadsheet, where text could do something."""

from __future__ import annotations

import csv
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sigid.report import spreadsheet


def written(*rows: list[object]) -> str:
    out = StringIO()
    spreadsheet.write(("name", "count"), rows, out)
    return out.getvalue()


@pytest.mark.parametrize("begin", [*"=+-@\t\r\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_text_that_begins_a_formula_is_text(begin: str) -> None:
    _, (cell, _) = csv.reader(StringIO(written([f"{begin}cmd|' /C calc'!A0", 1]), newline=""))

    assert cell == f"'{begin}cmd|' /C calc'!A0"


def test_a_number_stays_a_number_and_text_is_in_quotes() -> None:
    assert written(["-1", -1], ["a", 2]) == '"name","count"\n"\'-1",-1\n"a",2\n'


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))))
def test_no_text_gets_out_of_its_cell(names: list[str]) -> None:
    _, *rows = csv.reader(StringIO(written(*([name, 1] for name in names)), newline=""))

    assert [cell.removeprefix("'") for cell, _ in rows] == [name.removeprefix("'") for name in names]
