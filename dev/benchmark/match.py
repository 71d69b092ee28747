"""A match: two contestants in turn through all scenarios, round by round, so that a noisy machine hits both."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dev.benchmark.contestants.base import Contestant, Verdict
from dev.benchmark.measure import Run, Usage, measure
from dev.benchmark.scenario import Scenario
from dev.benchmark.tree import NONE, Alteration, Tree

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rules:
    """What holds in all matches."""

    rounds: int
    limit: float
    """Seconds after which a run is given up."""
    settle: float
    """Seconds that files rest after a change. Within two of them sigid, like git, takes a file for one that may yet
    change unseen, and reads it once more in the run after; most files that are loaded are older."""
    logs: Path
    """The folder for what the programs write."""


@dataclass(frozen=True)
class Outcome:
    """One run of a contestant. With a fault, it did not do what it was started for."""

    contestant: str
    scenario: Scenario
    round: int
    usage: Usage | None
    """None where the run failed."""
    verdict: Verdict
    failure: str = ""
    """In a word how it failed, if it did; the verdict says more."""


class Match:
    """A contestant, or two: the one that all are compared with, and another. The latter sets the scenarios.

    Who ends with a failure, or takes too long, is out: his state is nobody knows what. Without the other there is no
    match to go on with.
    """

    def __init__(self, contestants: Sequence[Contestant], tree: Tree, rules: Rules) -> None:
        self._contestants = contestants
        self._scenarios = [each for each in Scenario if each in contestants[-1].scenarios]
        self._tree = tree
        self._rules = rules
        self._out: set[str] = set()

    def play(self) -> Iterator[Outcome]:
        """Play all rounds."""
        for contestant in self._contestants:
            contestant.forget()
        for number in range(self._rules.rounds):
            order = self._contestants if number % 2 == 0 else self._contestants[::-1]
            if Scenario.COLD not in self._scenarios and Scenario.UNCHANGED in self._scenarios:
                yield from (each for each in self._run(order, Scenario.COLD, 0, NONE) if each.usage is None)
            for scenario in self._scenarios:
                if self._contestants[-1].name not in self._out:
                    yield from self._run(order, scenario, number, self._prepare(scenario))
            self._tree.put_back()

    def _prepare(self, scenario: Scenario) -> Alteration:
        alteration = self._tree.alter(scenario)
        if alteration != NONE or scenario is Scenario.COLD:
            time.sleep(self._rules.settle)
        return alteration

    def _run(
        self, order: Sequence[Contestant], scenario: Scenario, number: int, alteration: Alteration
    ) -> Iterator[Outcome]:
        for contestant in order:
            if contestant.name in self._out or scenario not in contestant.scenarios:
                continue
            if scenario.is_first:
                contestant.forget()
            outcome = self._measured(contestant, scenario, number, alteration)
            _tell(outcome)
            if outcome.usage is None:
                self._out.add(contestant.name)
            yield outcome

    def _measured(self, contestant: Contestant, scenario: Scenario, number: int, alteration: Alteration) -> Outcome:
        output = self._rules.logs / f"{contestant.name} - {scenario.value}.log"
        os.sync()  # what others have written is not for this one to wait for
        run = measure(contestant.command(scenario), output, self._rules.limit)
        if failure := _failure(run, self._rules.limit):
            fault = f"{failure}; its last line: {run.last_line or '(none)'}"
            return Outcome(contestant.name, scenario, number, None, Verdict(fault), failure)
        try:
            verdict = contestant.verdict(scenario, alteration, output)
            contestant.take_in()
        except (OSError, ValueError, sqlite3.Error, subprocess.CalledProcessError) as error:
            verdict = Verdict(f"what it left cannot be read: {error}")
        return Outcome(contestant.name, scenario, number, run.usage, verdict)


def _failure(run: Run, limit: float) -> str:
    """In a word how a run failed, if it did."""
    if run.status is None:
        return f"over {limit:g} s"
    return f"exit status {run.status}" if run.status else ""


def _tell(outcome: Outcome) -> None:
    seconds = f"{outcome.usage.seconds:.3f} s" if outcome.usage else ""
    told = " ".join(filter(None, (seconds, outcome.verdict.fault)))
    log.info("%s, %s: %s", outcome.contestant, outcome.scenario.value, told)
