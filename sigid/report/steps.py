"""A plan: a line a step, and how many there are of each kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TextIO

from sigid.report.terminal import console, is_terminal, printable, readers_choice, tabbed

_COLOURS = {"+": "green", "~": "yellow", "-": "red", "!": "magenta", "x": "blue"}


def write(name: str, steps: Iterable[tuple[str, str, str]], out: TextIO) -> None:
    """Write the steps as they come, each of them a mark as a diff has it, a path and perhaps a detail; then a sum."""
    counts: Counter[str] = Counter()
    screen = console(out) if is_terminal(out) else None
    with readers_choice(out):
        for mark, path, detail in steps:
            counts[mark] += 1
            if screen:
                screen.print(printable(f"{mark} {path}  {detail}".rstrip()), style=_COLOURS[mark], soft_wrap=True)
            else:
                out.write(tabbed((mark, path, detail)))
        out.write(
            f"{name}: {counts['+']} to add, {counts['~']} to change, {counts['-']} to retire, "
            f"{counts['!']} to reject" + f", {counts['x']} erased" * bool(counts["x"]) + "; nothing was written\n"
        )
