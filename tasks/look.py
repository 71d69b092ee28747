"""catalog, rejects: what is in the warehouse, and what is not let in?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sigid.errors import Reason, SigidError
from sigid.report.form import Form
from sigid.settings import Settings
from sigid.sources.registry import SOURCES
from tasks.acting import SHOWS, action, tell, there
from tasks.helping import examples, option

if TYPE_CHECKING:
    from sigid.warehouse.warehouse import Warehouse


_FORMS = [
    (Form.TABS.value, "cells between tabs, as in a pipe"),
    (Form.CSV.value, "safe to open in a spreadsheet"),
    (Form.JSON.value, "for programs; rejections are an object a line"),
]
_PARAMS = [
    option("source", "", "only this source"),
    option(
        "format",
        "",
        "how it is written; else it is a table on a terminal, and tabs in a pipe",
        name="form",
        choices=_FORMS,
    ),
    option("output", "", "write it to this file, for you alone; .csv and .json in its name say the format"),
]
_REASON = option("reason", "", "only what is rejected for this reason", choices=[(each.value, "") for each in Reason])


def tasks(settings: Settings) -> Iterator[dict[str, Any]]:
    """One task a table."""
    yield {
        "basename": "catalog",
        "doc": "show what the warehouse holds of each source",
        "actions": [(_catalog, [settings])],
        "params": _PARAMS,
        **examples(
            ("", "all sources side by side"),
            ("--source source_a --format json", "one source, for a program"),
            ("--output catalogue.csv", "for a spreadsheet"),
        ),
        **SHOWS,
    }
    yield {
        "basename": "rejects",
        "doc": "show which files are not let in, and why",
        "actions": [(_rejects, [settings])],
        "params": [*_PARAMS, _REASON],
        **examples(
            ("", "every file that is not let in"),
            ("--source source_a --reason truncated", "of one source, for one reason"),
            ("--output rejects.csv", "for a spreadsheet"),
            ("--format json | jq -r .path", "for a program"),
        ),
        **SHOWS,
    }


@action
def _catalog(settings: Settings, source: str, form: str, output: str) -> None:
    from sigid.report import catalog
    from sigid.warehouse.warehouse import open_warehouse

    with open_warehouse(there(settings)) as warehouse:
        only = _known(source, warehouse)
        found = {name: counts for name, counts in warehouse.catalog().items() if only in (None, name)}
        _show(catalog, found, form, output)


@action
def _rejects(settings: Settings, source: str, form: str, output: str, reason: str) -> None:
    from sigid.report import rejects
    from sigid.warehouse.warehouse import open_warehouse

    with open_warehouse(there(settings)) as warehouse:
        _show(rejects, warehouse.rejections(_known(source, warehouse), reason or None), form, output)


def _known(source: str, warehouse: Warehouse) -> str | None:
    """The source of that name; None, which stands for all, where no name is given. Raises SigidError."""
    names = {each.name for each in SOURCES}
    if source and source not in names:
        names |= warehouse.catalog().keys()  # a service registers under names of its own
    if source and source not in names:
        raise SigidError(f"--source={source!r} is no source; there are {', '.join(sorted(names))}")
    return source or None


def _show(table: Any, content: Any, form: str, output: str) -> None:
    """Have the module `table` write the content in that form, to that file, or as suits whoever reads it."""
    from sigid.report.form import to_file, to_stream

    if output:
        to_file(table.lines(content, Form(form) if form else Form.suits(output)), output)
        tell(f"written to {output}")
    elif form:
        to_stream(table.lines(content, Form(form)), sys.stdout)
    else:
        table.write(content, sys.stdout)
