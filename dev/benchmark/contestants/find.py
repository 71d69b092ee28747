"""find: what it takes to ask each file's size and date, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from dev.benchmark.contestants.base import Contestant, Verdict, first_line
from dev.benchmark.measure import Command
from dev.benchmark.scenario import Scenario
from dev.benchmark.tree import Alteration


class Find(Contestant):
    """`find -type f -printf '%s %T@ %p\\n'`. It remembers nothing, so that there is one scenario for it."""

    name = "find"
    title = "find -printf"
    scenarios = (Scenario.UNCHANGED,)

    def missing(self) -> str:
        return "" if shutil.which("find") else "find is not installed"

    def version(self) -> str:
        return first_line(subprocess.run(["find", "--version"], capture_output=True, check=True).stdout)

    def command(self, scenario: Scenario) -> Command:
        arguments = ("find", str(self.tree.root), "-type", "f", "-printf", r"%s %T@ %p\n")
        return Command(arguments, self.state, self.environment())

    def verdict(self, scenario: Scenario, alteration: Alteration, output: Path) -> Verdict:
        listed = output.read_bytes().count(b"\n")
        files = len(self.tree.paths)
        return Verdict() if listed >= files else Verdict(f"it listed {listed} files; there are {files}")
