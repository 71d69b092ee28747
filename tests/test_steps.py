"""A plan as it is read: like a diff, with its sums at the end."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from sigid.errors import DatasetError, RemovalsWithheld, SigidError
from sigid.report import steps
from tests.users import User

GENUINE = "SOURCE_A/Online/Genuine"
SUM = "source_a: 1 to add (+), 1 to change (~), 1 to retire (-), 1 to reject (!); nothing was written"


@pytest.fixture
def editor(tmp_path: Path) -> User:
    """Someone who has loaded SOURCE_A and edited it since, once in each way."""
    user = User(tmp_path)
    datasets = user.own_datasets()
    user.doit("load_source_a")
    (datasets / GENUINE / "008_7.HWR").unlink()
    (datasets / GENUINE / "001_1.HWR").write_bytes(b"1,2,3\n")
    (datasets / GENUINE / "008_8.HWR").write_bytes(b"1,2,3\n")
    (datasets / GENUINE / "\x1b[2Jnotes").write_bytes(b"")
    return user


def ending_in(problem: SigidError) -> Iterator[steps.Step]:
    """A plan without a step."""
    yield from ()
    raise problem


def test_in_a_pipe_it_is_cells_between_tabs_in_the_order_of_the_paths_and_the_sums(editor: User) -> None:
    *lines, sums = editor.doit("plan_source_a").splitlines()

    cells = [line.split("\t") for line in lines]
    assert [(mark, path.removeprefix("Online/Genuine/")) for mark, path, _ in cells] == [
        *(("~", "001_1.HWR"), ("+", "008_8.HWR"), ("!", r"\U0000001b[2Jnotes"), ("-", "008_7.HWR")),
    ]
    assert cells[0][2].endswith(" points -> 1 points")
    assert sums == SUM


def test_on_a_terminal_each_kind_has_its_colour_unless_colours_are_not_wanted(editor: User) -> None:
    coloured = editor.on_terminal("plan_source_a")
    plain = editor.on_terminal("plan_source_a", NO_COLOR="1")

    for sequence in ("32m+ Online", "33m~ Online", "31m- Online", "35m! Online"):
        assert f"\x1b[{sequence}" in coloured
    assert "\x1b" not in plain
    assert "- Online/Genuine/008_7.HWR  its file is gone\n" in plain
    assert plain.splitlines()[-1] == SUM


def test_a_plan_that_ends_in_a_problem_tells_its_sums_all_the_same(editor: User) -> None:
    # It showed the steps and the problem, and no line of how many there were.
    shutil.rmtree(Path(editor.environment["SIGID_DATASETS"]) / "SOURCE_A/Offline")

    *_, sums, problem = editor.doit("plan_source_a", code=1).splitlines()

    assert sums == "source_a: 1 to add (+), 1 to change (~), 0 to retire (-), 1 to reject (!); nothing was written"
    assert problem.startswith("plan_source_a failed: source_a: ")
    assert "files are gone, such as " in problem


def test_what_cannot_be_planned_at_all_has_no_sums() -> None:
    out = StringIO()

    with pytest.raises(DatasetError, match="contradicts itself"):
        steps.write("source_b", ending_in(DatasetError("INDEX contradicts itself")), out)

    assert out.getvalue() == ""


def test_a_plan_that_would_do_nothing_and_ends_in_a_problem_says_both() -> None:
    out = StringIO()
    withheld = RemovalsWithheld("30 files are gone")

    problem = steps.write("source_a", ending_in(withheld), out)

    assert problem is withheld
    assert out.getvalue().startswith("source_a: 0 to add (+)")
