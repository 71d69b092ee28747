"""From outcomes to tables: medians, ratios of pairs, and what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from dev.benchmark.match import Outcome
from dev.benchmark.measure import Usage
from dev.benchmark.scenario import Scenario

Row = tuple[str, ...]

_MEMORY_IN = (Scenario.COLD, Scenario.UNCHANGED)


@dataclass(frozen=True)
class Entry:
    """A contestant in the table, with the outcomes of the match that it played, its opponent's too."""

    name: str
    title: str
    outcomes: Sequence[Outcome]


@dataclass(frozen=True)
class Table:
    """A heading for each column, and the rows; the first column is text, the others are figures."""

    heading: Row
    rows: Sequence[Row]

    def markdown(self) -> str:
        """As Markdown."""
        rule = ("---", *["--:"] * (len(self.heading) - 1))
        return "".join(f"| {' | '.join(row)} |\n" for row in (self.heading, rule, *self.rows))

    def text(self) -> str:
        """For a terminal."""
        widths = [max(map(len, column)) for column in zip(self.heading, *self.rows, strict=True)]
        lines = []
        for row in (self.heading, *self.rows):
            first, *others = (
                cell.rjust(width) if place else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            lines.append("  ".join((first, *others)).rstrip() + "\n")
        return "".join(lines)


def seconds_table(entries: Sequence[Entry], baseline: str) -> Table:
    """Wall seconds of each scenario that anybody played, and whether a removed file's row goes."""
    scenarios = [each for each in Scenario if any(each is outcome.scenario for outcome in _all(entries))]
    table = Table(
        ("", *(scenario.value for scenario in scenarios), "removed file's row goes?"),
        [_seconds_row(entry, scenarios, baseline) for entry in entries],
    )
    return table if Scenario.REMOVED in scenarios else Table(table.heading[:-1], [row[:-1] for row in table.rows])


def _seconds_row(entry: Entry, scenarios: Sequence[Scenario], baseline: str) -> Row:
    cells = []
    for scenario in scenarios:
        mine = _of(entry, scenario)
        against = "" if entry.name == baseline else ratio(mine, _of(entry, scenario, baseline))
        cells.append(", ".join(filter(None, (_cell(mine), against))))
    answers = [outcome.verdict.drops_removed for outcome in entry.outcomes if outcome.contestant == entry.name]
    known = [answer for answer in answers if answer is not None]
    return (entry.title, *cells, ("yes" if all(known) else "no") if known else "-")


def costs_table(entries: Sequence[Entry]) -> Table:
    """Peak memory in MB and CPU seconds, medians, where there is a load with something to do and one with nothing."""
    figures: tuple[tuple[str, Callable[[Usage], str]], ...] = (
        ("MB", lambda usage: f"{usage.main_memory / 1e6:.0f}"),
        ("workers MB", lambda usage: f"{usage.workers_memory / 1e6:.0f}"),
        ("CPU s", lambda usage: f"{usage.cpu_seconds:.2f}"),
    )
    heading = ("", *(f"{scenario.value}: {what}" for scenario in _MEMORY_IN for what, _ in figures))
    rows = []
    for entry in entries:
        usages = [[each.usage for each in _of(entry, scenario) if each.usage] for scenario in _MEMORY_IN]
        if any(usages):
            cells = (show(middle(used)) if used else "-" for used in usages for _, show in figures)
            rows.append((entry.title, *cells))
    return Table(heading, rows)


def middle(usages: Sequence[Usage]) -> Usage:
    """The median of each figure."""
    return Usage(
        seconds=median(usage.seconds for usage in usages),
        cpu_seconds=median(usage.cpu_seconds for usage in usages),
        main_memory=round(median(usage.main_memory for usage in usages)),
        workers_memory=round(median(usage.workers_memory for usage in usages)),
    )


def faults(entries: Iterable[Entry]) -> Iterator[str]:
    """What did not go as it should, each thing once."""
    told = set()
    for entry in entries:
        for outcome in entry.outcomes:
            told_of = (outcome.contestant, outcome.scenario)
            if outcome.verdict.fault and told_of not in told:
                told.add(told_of)
                yield f"{outcome.contestant}, {outcome.scenario.value}: {outcome.verdict.fault}"


def spread_of_seconds(usages: Sequence[Usage]) -> str:
    """The median, and the fastest and the slowest run: `1.23 (1.20-1.31)`."""
    seconds = [usage.seconds for usage in usages]
    if len(seconds) == 1:
        return figure(seconds[0])
    return f"{figure(median(seconds))} ({figure(min(seconds))}-{figure(max(seconds))})"


def figure(seconds: float) -> str:
    """Seconds with three digits that count, but no more than milliseconds."""
    return f"{seconds:.{3 if seconds < 1 else 2 if seconds < 10 else 1 if seconds < 100 else 0}f}"


def ratio(mine: Sequence[Outcome], others: Sequence[Outcome]) -> str:
    """How many times as long as the other, the median over the pairs of runs that had the same round: `4.1x`."""
    theirs = {outcome.round: outcome.usage.seconds for outcome in others if outcome.usage}
    ratios = [each.usage.seconds / theirs[each.round] for each in mine if each.usage and each.round in theirs]
    if not ratios:
        return ""
    middle_one = median(ratios)
    return f"{middle_one:.{2 if middle_one < 10 else 0}f}x"


def _cell(outcomes: Sequence[Outcome]) -> str:
    """What is shown of a contestant's runs in a scenario; a star where any of them did not do all it should."""
    usages = [outcome.usage for outcome in outcomes if outcome.usage]
    if not outcomes:
        return "-"
    shown = spread_of_seconds(usages) if usages else outcomes[0].failure
    return shown + "*" * any(outcome.verdict.fault for outcome in outcomes)


def _of(entry: Entry, scenario: Scenario, contestant: str | None = None) -> list[Outcome]:
    name = contestant or entry.name
    return [each for each in entry.outcomes if each.contestant == name and each.scenario is scenario]


def _all(entries: Iterable[Entry]) -> Iterator[Outcome]:
    return (outcome for entry in entries for outcome in entry.outcomes)
