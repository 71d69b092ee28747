"""plan_<source>: what would a load do?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from sigid.settings import Settings
from sigid.sources.base import Source
from sigid.sources.registry import SOURCES
from tasks.acting import action


def tasks(settings: Settings) -> Iterator[dict[str, Any]]:
    """One task a source."""
    for source in SOURCES:
        yield {
            "basename": f"plan_{source.name}",
            "doc": f"show what a load of {source.directory} would do, and write nothing",
            "actions": [(_plan, [source, settings])],
            "uptodate": [False],
        }


@action
def _plan(source: Source, settings: Settings) -> None:
    from rich.console import Console
    from rich.text import Text

    from sigid.pipeline.plan import Step, plan

    console = Console(soft_wrap=True, highlight=False)
    steps: Counter[Step] = Counter()
    for planned in plan(source, settings):
        steps[planned.step] += 1
        line = f"{planned.step} {planned.path}" + (f"  {planned.detail}" if planned.detail else "")
        console.print(Text(line, style=_STYLES[planned.step.name]))
    console.print(
        f"{source.name}: {steps[Step.ADD]} to add, {steps[Step.CHANGE]} to change, {steps[Step.RETIRE]} to retire, "
        f"{steps[Step.REJECT]} to reject; nothing was written"
    )


_STYLES = {"ADD": "green", "CHANGE": "yellow", "RETIRE": "red", "REJECT": "magenta"}
