"""The files that all contestants load, and what happens to them between the runs."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random

from dev.benchmark.programs.parsing import is_signature
from dev.benchmark.scenario import Scenario
from dev.samples.hand import Signing
from dev.samples.sample import picture, trajectory

PROJECT = Path(__file__).parents[2]
SOURCE = "SOURCE_A"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Alteration:
    """What has happened to the tree since everybody loaded it last; paths are relative to its root."""

    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """All files that it concerns."""
        return self.changed + self.removed


NONE = Alteration()


class Tree:
    """SOURCE_A of the sample maker, in a folder of the benchmark's own. What is done to it is the same each time."""

    def __init__(self, datasets: Path) -> None:
        """Of what is there already; a file that an interrupted benchmark had removed is put back."""
        self.datasets = datasets
        self.root = datasets / SOURCE
        self._aside = datasets / "removed"
        self._generation = 0
        self.put_back()
        self.paths = sorted(
            os.path.relpath(os.path.join(folder, name), self.root)
            for folder, _, names in os.walk(self.root)
            for name in names
            if is_signature(name)
        )

    @classmethod
    def of(cls, files: int, folder: Path) -> Tree:
        """A tree of so many files: what an earlier benchmark left in the folder, or a new one."""
        datasets = folder / f"data-{files}"
        if datasets.is_dir():
            tree = cls(datasets)
            if len(tree.paths) == files:
                return tree
            shutil.rmtree(datasets)
        log.info("making %s files", f"{files:,}")
        unfinished = folder / "data-unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        options = ("--source", SOURCE, "--files", str(files), "--out", str(unfinished))
        subprocess.run([sys.executable, "-m", "dev.samples", *options], cwd=PROJECT, check=True)
        unfinished.rename(datasets)
        return cls(datasets)

    def read(self) -> None:
        """Read all files, so that the system holds as much of them in memory for the first who loads them as later."""
        for path in self.paths:
            (self.root / path).read_bytes()

    def alter(self, scenario: Scenario) -> Alteration:
        """Do to the files what the scenario is about."""
        self._generation += 1
        match scenario:
            case Scenario.ONE:
                return self._change(1)
            case Scenario.PERCENT:
                return self._change(max(1, len(self.paths) // 100))
            case Scenario.REMOVED:
                return self._remove()
            case _:
                return NONE

    def put_back(self) -> None:
        """Bring back what was removed."""
        for path in self._aside.rglob("*"):
            if path.is_file():
                path.rename(self.root / path.relative_to(self._aside))
        shutil.rmtree(self._aside, ignore_errors=True)

    def _change(self, count: int) -> Alteration:
        changed = self._pick(count)
        for path in changed:
            self._rewrite(path)
        return Alteration(changed=changed)

    def _remove(self) -> Alteration:
        removed = self._pick(1)
        for path in removed:
            (self._aside / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).rename(self._aside / path)
        return Alteration(removed=removed)

    def _pick(self, count: int) -> tuple[str, ...]:
        dice = Random(f"{self._generation}/{count}")  # noqa: S311  (repeatable is what it must be, not secret)
        return tuple(sorted(dice.sample(self.paths, count)))

    def _rewrite(self, path: str) -> None:
        """Give a file another signature as content, of another size: by it the new one is known in a database."""
        file = self.root / path
        size = file.stat().st_size
        sign = picture if path.lower().endswith(".png") else trajectory
        seed = 1000 * self._generation
        while len(content := sign(seed, Signing(path, 1))) == size:
            seed += 1
        file.write_bytes(content)
