"""What the benchmark asks of whoever takes part."""

from __future__ import annotations

import os
import shutil
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from dev.benchmark.environment import RivalsEnvironment
from dev.benchmark.measure import Command
from dev.benchmark.programs.parsing import TABLE
from dev.benchmark.scenario import LOADS, Scenario
from dev.benchmark.tree import PROJECT, Alteration, Tree

_NOT_INHERITED = ("SIGID_", "GIT_", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True)
class Place:
    """What the contestants share."""

    tree: Tree
    states: Path
    """The folder that holds a folder for each contestant's own files."""
    rivals: RivalsEnvironment
    workers: int
    """With how many processes each may read files that can be told so."""


@dataclass(frozen=True)
class Verdict:
    """Whether a contestant did what it was started for."""

    fault: str = ""
    """What it did not do."""
    drops_removed: bool | None = None
    """Whether it knows that a removed file is gone; None where that was not the question."""


class Contestant(ABC):
    """A program that is run in scenarios. What it remembers from run to run lies in its `state`."""

    name: ClassVar[str]
    """On the command line."""
    title: ClassVar[str]
    """In the table."""
    scenarios: ClassVar[Collection[Scenario]] = LOADS
    """Those that mean anything to it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.tree = place.tree
        self.state = place.states / self.name

    def missing(self) -> str:
        """Why it cannot take part on this machine; nothing where it can. May install what it needs."""
        return ""

    @abstractmethod
    def version(self) -> str:
        """Of the program, for the description; nothing where it goes without saying."""

    def forget(self) -> None:
        """Remove what it remembers, so that the next run is its first."""
        shutil.rmtree(self.state, ignore_errors=True)
        self.state.mkdir(parents=True)

    @abstractmethod
    def command(self, scenario: Scenario) -> Command:
        """What is run and measured."""

    @abstractmethod
    def verdict(self, scenario: Scenario, alteration: Alteration, output: Path) -> Verdict:
        """Whether the run just ended did what it was started for, by its output and what it left."""

    def take_in(self) -> None:  # noqa: B027  (most have nothing to do)
        """Have it bring its state up to date with the files, where its run in the scenario did not."""

    def environment(self, **variables: str) -> Mapping[str, str]:
        """The environment of its program: no setting of sigid reaches it, and it finds what lies in `programs`.

        Python keeps what it has compiled, as it does wherever nobody has told it otherwise.
        """
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
        return {**inherited, "PYTHONPATH": str(PROJECT), "LC_ALL": "C.UTF-8", **variables}


class Loader(Contestant):
    """A contestant that fills a database with a row a file."""

    @abstractmethod
    def held(self, paths: Collection[str]) -> tuple[int, Mapping[str, int]]:
        """How many files its database holds, and the size in bytes that it knows of each of the paths it holds."""

    def verdict(self, scenario: Scenario, alteration: Alteration, output: Path) -> Verdict:
        """By its database: a row for each file, and for each changed one the row of its new content."""
        paths = alteration.paths or (self.tree.paths[0], self.tree.paths[-1])
        rows, sizes = self.held(paths)
        there = [path for path in paths if path not in alteration.removed]
        stale = [path for path in there if sizes.get(path) != (self.tree.root / path).stat().st_size]
        if stale:
            return Verdict(f"its database has not what is in {len(stale)} of {len(there)} files, such as {stale[0]}")
        kept = sum(path in sizes for path in alteration.removed)
        if rows != (expected := len(self.tree.paths) - len(alteration.removed) + kept):
            return Verdict(f"its database holds {rows} files; there are {expected}")
        return Verdict(drops_removed=not kept if alteration.removed else None)


def held_in_sqlite(database: Path, paths: Collection[str]) -> tuple[int, Mapping[str, int]]:
    """What `Loader.held` returns, of a database with the table of the plain programs."""
    with closing(sqlite3.connect(database)) as connection:
        (rows,) = connection.execute(f"SELECT count(*) FROM {TABLE}").fetchone()  # noqa: S608  (of constants)
        query = f"SELECT path, size FROM {TABLE} WHERE path = ?"  # noqa: S608  (of constants)
        return rows, dict(row for path in paths for row in connection.execute(query, (path,)))


def first_line(output: bytes) -> str:
    """The first line of what a program says of its version."""
    return output.decode(errors="replace").partition("\n")[0].strip()
