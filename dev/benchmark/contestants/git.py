"""git: `add` reads and keeps all that is new, `status` says what has changed. It does not parse."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from dev.benchmark.contestants.base import Contestant, Verdict, first_line
from dev.benchmark.measure import Command
from dev.benchmark.scenario import Scenario
from dev.benchmark.tree import Alteration

_ADD = ("git", "add", "--all")
_NOBODY = ("-c", "user.name=nobody", "-c", "user.email=nobody")
_NOTHING_AFTERWARDS = ("-c", "gc.auto=0", "-c", "maintenance.auto=false")
"""Otherwise a commit of so much has the repository packed, in the background, while the next contestant runs."""
_COMMIT = (
    *("git", *_NOBODY, *_NOTHING_AFTERWARDS),
    *("commit", "--quiet", "--allow-empty", "--no-verify", "--message", "what is there"),
)


class Git(Contestant):
    """`git add` for cold, `git status` for the others; its repository lies outside of the tree.

    What was added, or a `status` has found, is committed before the next scenario: each sees its own changes alone.
    """

    name = "git"
    title = "git add, git status"

    def missing(self) -> str:
        return "" if shutil.which("git") else "git is not installed"

    def version(self) -> str:
        return first_line(subprocess.run(["git", "--version"], capture_output=True, check=True).stdout)

    def forget(self) -> None:
        super().forget()
        subprocess.run(["git", "init", "--quiet"], env=self._environment(), cwd=self.tree.root, check=True)

    def command(self, scenario: Scenario) -> Command:
        arguments = _ADD if scenario is Scenario.COLD else ("git", "status", "--porcelain")
        return Command(arguments, self.tree.root, self._environment())

    def verdict(self, scenario: Scenario, alteration: Alteration, output: Path) -> Verdict:
        """By its index after `add`, and by what `status` lists: each altered file, and nothing else."""
        if scenario is Scenario.COLD:
            listed = subprocess.run(
                ["git", "ls-files"], env=self._environment(), cwd=self.tree.root, capture_output=True, check=True
            )
            added = set(listed.stdout.decode().splitlines())
            left_out = [path for path in self.tree.paths if path not in added]
            return Verdict(f"it did not add {len(left_out)} files, such as {left_out[0]}" if left_out else "")
        found = {line[3:]: line[1] for line in output.read_text().splitlines()}
        expected = dict.fromkeys(alteration.changed, "M")
        drops = [found.pop(path, "") == "D" for path in alteration.removed]
        if found != expected:
            return Verdict(f"it found {len(found)} changed files; there are {len(expected)}")
        return Verdict(drops_removed=all(drops) if drops else None)

    def take_in(self) -> None:
        for command in (_ADD, _COMMIT):
            subprocess.run(command, env=self._environment(), cwd=self.tree.root, check=True)

    def _environment(self) -> dict[str, str]:
        """Nobody's own settings of git hold."""
        own = {
            "GIT_DIR": str(self.state / "repository"),
            "GIT_WORK_TREE": str(self.tree.root),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        return {**self.environment(), **own}
