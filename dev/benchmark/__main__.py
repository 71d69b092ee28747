"""The command line of the benchmark: `dev/bench --help`."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from dev.arguments import at_least
from dev.benchmark import machine, report
from dev.benchmark.contestants import CONTESTANTS
from dev.benchmark.contestants.base import Contestant, Place
from dev.benchmark.environment import RivalsEnvironment
from dev.benchmark.match import Match, Outcome, Rules
from dev.benchmark.measure import adopting_orphans
from dev.benchmark.report import Entry, Table
from dev.benchmark.tree import PROJECT, Tree

log = logging.getLogger("dev.benchmark")


def main(arguments: Sequence[str]) -> None:
    """Make the data, play the matches, write the report."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit("ended by SIGTERM"))
    wanted = _parser().parse_args(arguments)
    folder: Path = wanted.data.resolve()
    logs, states = folder / "logs", folder / "states"
    logs.mkdir(parents=True, exist_ok=True)
    tree = Tree.of(wanted.files, folder)
    place = Place(tree, states, RivalsEnvironment(folder / "rivals"), wanted.workers)
    rules = Rules(wanted.rounds, wanted.limit, wanted.settle, logs)

    taking_part, absent = _those_who_can([CONTESTANTS[name](place) for name in _names(wanted)])
    if not taking_part or taking_part[0].name != wanted.baseline:
        sys.exit(f"{wanted.baseline}, with which the others are compared, cannot take part: {absent[0][1]}")
    matches: list[tuple[Contestant, Sequence[Outcome]]] = []
    interrupted = False
    try:
        tree.read()
        with adopting_orphans():
            matches.extend(_play(taking_part, tree, rules))
    except KeyboardInterrupt:
        interrupted = True
    finally:
        tree.put_back()
        shutil.rmtree(states, ignore_errors=True)
    entries = _entries(taking_part[0], matches)
    facts = [
        f"files: {wanted.files:,}; rounds: {wanted.rounds}; processes, where that can be told: {wanted.workers}",
        *machine.describe(folder),
        "; ".join(dict.fromkeys(filter(None, (contestant.version() for contestant in taking_part)))),
    ]
    faults = [*(f"{name}: {why}" for name, why in absent), *report.faults(entries)]
    if interrupted:
        faults.append("interrupted: only the matches that were over are shown")
    sys.stdout.write(_text(entries, wanted.baseline, faults, facts, wanted.markdown))
    if interrupted:
        sys.exit(128 + signal.SIGINT)


def _names(wanted: argparse.Namespace) -> list[str]:
    """Who is to take part: first the one that all others are compared with."""
    return list(dict.fromkeys([wanted.baseline, *(wanted.only or CONTESTANTS)]))


def _those_who_can(wanted: Sequence[Contestant]) -> tuple[list[Contestant], list[tuple[str, str]]]:
    """Those who can take part, and who can't with the reason."""
    absent = [(each.name, why) for each in wanted if (why := each.missing())]
    for name, why in absent:
        log.info("%s does not take part: %s", name, why)
    names = dict(absent)
    return [each for each in wanted if each.name not in names], absent


def _play(
    contestants: Sequence[Contestant], tree: Tree, rules: Rules
) -> Iterator[tuple[Contestant, Sequence[Outcome]]]:
    """A match of each of the others against the first, or of the first alone: who played, and how it went."""
    first, *rivals = contestants
    for rival in rivals or [first]:
        outcomes = tuple(Match(list(dict.fromkeys((first, rival))), tree, rules).play())
        rival.forget()
        yield rival, outcomes


def _entries(first: Contestant, matches: Sequence[tuple[Contestant, Sequence[Outcome]]]) -> list[Entry]:
    """Those who played, as the table shows them; the first one's figures are from all matches."""
    every = [outcome for _, outcomes in matches for outcome in outcomes]
    rivals = (Entry(rival.name, rival.title, outcomes) for rival, outcomes in matches if rival is not first)
    return [Entry(first.name, first.title, every), *rivals]


def _text(entries: Sequence[Entry], baseline: str, faults: Sequence[str], facts: Sequence[str], markdown: bool) -> str:
    def shown(table: Table) -> str:
        if not table.rows:
            return ""
        return table.markdown() if markdown else table.text()

    def listed(lines: Sequence[str]) -> Iterator[str]:
        return (f"- {line}\n" for line in lines)

    def titled(title: str, lines: Iterable[str]) -> str:
        told = "".join(lines)
        return f"{title}\n\n{told}" if told else ""

    seconds, costs = report.seconds_table(entries, baseline), report.costs_table(entries)
    parts = (
        titled(f"Wall seconds: the median (fastest-slowest), and how many times those of {baseline}.", shown(seconds)),
        titled("Peak memory in MB, of the main process and of all others together; CPU seconds of all.", shown(costs)),
        "".join(listed(facts)),
        titled("Not as it should be (*):", listed(faults)),
    )
    return "\n".join(filter(None, parts))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dev/bench",
        description="Run sigid and its rivals in turn on the same files, and report wall seconds and peak memory.",
        epilog="Who is out of time in a run plays no more of that match. With a million files, name those who can: "
        "--files 1000000 --only scan find git floor. Two need what a variable names: postgresql a database, which is "
        "emptied (SIGID_BENCH_POSTGRESQL), and cluster a Dask scheduler (SIGID_BENCH_CLUSTER)",
    )
    parser.add_argument("--files", type=at_least(5), default=100_000, help="so many (%(default)s)")
    parser.add_argument("--rounds", type=at_least(1), default=5, help="pairs of runs a scenario (%(default)s)")
    parser.add_argument(
        "--only", "--rivals", nargs="+", choices=CONTESTANTS, metavar="NAME", help=f"of {', '.join(CONTESTANTS)} (all)"
    )
    parser.add_argument(
        "--baseline", choices=CONTESTANTS, default="sigid", metavar="NAME", help="whom the others play (%(default)s)"
    )
    parser.add_argument("--limit", type=float, default=600, help="seconds after which a run is given up (%(default)s)")
    parser.add_argument(
        "--settle", type=float, default=2.1, help="seconds that files rest after a change (%(default)s)"
    )
    parser.add_argument(
        "--workers",
        type=at_least(1),
        default=len(os.sched_getaffinity(0)),
        help="processes that read files, where that can be told (%(default)s)",
    )
    parser.add_argument(
        "--data",
        "--keep",
        type=Path,
        default=PROJECT / "build" / "bench",
        help="folder for the files, the rivals' environment and all that is written; what is there is used again "
        "(build/bench)",
    )
    parser.add_argument("--markdown", action="store_true", help="report in Markdown")
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
