"""A plan: a line a step, and how many there are of each kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO

from sigid.errors import DatasetError, RemovalsWithheld, SigidError
from sigid.report.terminal import console, is_terminal, printable, readers_choice, tabbed

if TYPE_CHECKING:
    from rich.console import Console

Step = tuple[str, str, str]
"""A mark as a diff has it, a path, and perhaps a detail."""

_COLOURS = {"+": "green", "~": "yellow", "-": "red", "!": "magenta", "x": "blue"}


def write(name: str, steps: Iterable[Step], out: TextIO) -> SigidError | None:
    """Write the steps as they come, then what the marks mean and how many there are of each.

    Returns the problem that the plan ends with, if it does. Raises what keeps it from being made at all.
    """
    counts: Counter[str] = Counter()
    problem = None
    screen = console(out) if is_terminal(out) else None
    with readers_choice(out):
        try:
            for step in steps:
                counts[step[0]] += 1
                _write_step(step, out, screen)
        except (DatasetError, RemovalsWithheld) as error:
            if not counts and isinstance(error, DatasetError):
                raise
            problem = error
        out.write(
            f"{name}: {counts['+']} to add (+), {counts['~']} to change (~), {counts['-']} to retire (-), "
            f"{counts['!']} to reject (!)"
            + f", {counts['x']} erased (x)" * bool(counts["x"])
            + "; nothing was written\n"
        )
    return problem


def _write_step(step: Step, out: TextIO, screen: Console | None) -> None:
    if screen is None:
        out.write(tabbed(step))
        return
    mark, path, detail = step
    screen.print(printable(f"{mark} {path}"), style=_COLOURS[mark], end="", soft_wrap=True)
    screen.print(printable(f"  {detail}".rstrip()), soft_wrap=True)
