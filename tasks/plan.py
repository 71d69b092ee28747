"""plan_<source>: what would a load do?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from sigid.errors import SigidError
from sigid.settings import Settings
from sigid.sources.base import Source
from sigid.sources.registry import SOURCES
from tasks.acting import SHOWS, action
from tasks.helping import examples


def tasks(settings: Settings) -> Iterator[dict[str, Any]]:
    """One task a source."""
    for source in SOURCES:
        yield {
            "basename": f"plan_{source.name}",
            "doc": f"show what a load of {source.directory} would do, and write nothing",
            "actions": [(_plan, [source, settings])],
            **examples(
                ("", "see what would be added, changed, retired and rejected"), ("| grep '^!'", "only the rejected")
            ),
            **SHOWS,
        }


@action
def _plan(source: Source, settings: Settings) -> SigidError | None:
    from sigid.pipeline.plan import plan
    from sigid.report import steps

    return steps.write(source.name, plan(source, settings), sys.stdout)
