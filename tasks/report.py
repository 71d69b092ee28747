"""report: pages for a browser, with pictures."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from sigid.settings import Settings
from tasks.acting import SHOWS, action, tell, there
from tasks.helping import examples, option
from tasks.output import remove_output


def tasks(settings: Settings) -> Iterator[dict[str, Any]]:
    """The one task."""
    folder = settings.build / "report"
    yield {
        "basename": "report",
        "doc": "show the warehouse in a browser: counts, what is wrong, and contact sheets",
        "actions": [(_report, [settings, folder])],
        "params": [
            option("folder", "", f"where to, in the place of an earlier report ({folder})"),
            option("sheets", 50, "contact sheets of so many signees of each source (50)"),
            option(
                "signee", "", "the contact sheet of this one instead, with all signatures: an id, a number, or a key"
            ),
        ],
        "clean": [(remove_output, [folder, "report"])],
        **examples(
            ("", "all counts, and contact sheets of a sample"),
            ("--sheets 500", "of a larger one"),
            ("--signee source_a/online/genuine/1", "all signatures under one name"),
        ),
        **SHOWS,
    }


@action
def _report(settings: Settings, usual: Path, folder: str, sheets: int, signee: str) -> None:
    from sigid.pipeline.images import file_bytes
    from sigid.report.html.report import Asked, report
    from sigid.report.html.words import counted
    from sigid.report.progress import progress
    from sigid.warehouse.warehouse import open_warehouse

    asked = Asked(folder=Path(folder) if folder else usual, sheets=sheets, signee=signee or None)
    read = partial(file_bytes, datasets=settings.datasets)
    with open_warehouse(there(settings)) as warehouse, progress("drawing", sys.stdout, "signatures") as show:
        reported = report(warehouse, asked, read, show)
    pages, sheets_of = counted(reported.pages, "page"), counted(reported.sheets, "contact sheet")
    tell(f"{asked.folder}/index.html: {pages}, {sheets_of}; {counted(reported.wrong, 'thing is', 'things are')} wrong")
