"""The README of a made dataset: it says what the plan says, so it cannot be wrong about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from .sample import Dataset, Sample

_TEXT = """\
{title}
Made by `{command}`. Nothing in it is real: invented people with random
letters for names sign with a simulated pen.

{about}

## What its files become

| becomes | files |
|---|--:|
{counts}{oddities}
## Licence

CC0 1.0: https://creativecommons.org/publicdomain/zero/1.0/
"""

_ODDITIES = """
## What is odd on purpose

| file | oddity | becomes |
|---|---|---|
{rows}"""


def title(dataset: Dataset) -> str:
    """The first line of the README, by which a dataset is known to be made."""
    return f"# {dataset.name}: made, not collected\n"


def render(dataset: Dataset, command: str, samples: Iterable[Sample]) -> str:
    """The README, in Markdown, of a dataset with the given files, made by the given command."""
    counts: Counter[str] = Counter()
    rows = []
    for sample in samples:
        counts[sample.fate] += 1
        if sample.oddity:
            rows.append(f"| `{sample.path}` | {sample.oddity} | `{sample.fate}` |\n")
    return _TEXT.format(
        title=title(dataset),
        command=command,
        about=dataset.about,
        counts="".join(f"| `{fate}` | {count:,} |\n" for fate, count in counts.items()),
        oddities=_ODDITIES.format(rows="".join(rows)) if rows else "",
    )
