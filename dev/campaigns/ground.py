"""What campaigns on the whole program share: small datasets, `doit` run on them, and what it must come to."""

from __future__ import annotations

import atexit
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from dev.campaigns import starter
from dev.campaigns.starter import PROJECT
from dev.samples import source_a
from dev.samples.sample import Order
from sigid.warehouse.warehouse import open_warehouse

DOIT = ("-m", "doit")
SMALL_BATCHES = ("-m", "dev.campaigns.small_batches")
"""doit, with batches that are so small that a few files make several."""
LIMIT_SECONDS = 120
"""A run that takes longer hangs."""
RESTED_SECONDS = 2.2
"""What changed so long ago is believed by its stamp: sigid's rule has two seconds."""

T = TypeVar("T")
U = TypeVar("U", str, bytes)


@dataclass(frozen=True, slots=True)
class Run:
    """How a run of the program ended, and what it said."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def words(self) -> str:
        """What it said, errors last."""
        return self.out + self.err

    @property
    def counts(self) -> str:
        """The line of counts of its last load; empty where there is none."""
        lines = [line for line in self.out.splitlines() if line.startswith("source_") and " added, " in line]
        return lines[-1] if lines else ""

    @property
    def last_line(self) -> str:
        """What it said last."""
        return self.words.strip().rpartition("\n")[2]


@dataclass(frozen=True, slots=True)
class Plot:
    """A piece of the ground: datasets, and the build folder with the warehouse that they are loaded into."""

    datasets: Path
    build: Path
    program: tuple[str, ...] = DOIT
    """What python is told to run."""
    url: str = ""
    """Of a warehouse elsewhere."""

    @property
    def warehouse(self) -> Path:
        """The SQLite file."""
        return self.build / "warehouse.sqlite"

    @property
    def environment(self) -> dict[str, str]:
        """Everybody's, without anybody's settings but the plot's own."""
        settings = {
            "SIGID_DATASETS": str(self.datasets),
            "SIGID_BUILD": str(self.build),
            "SIGID_WAREHOUSE": self.url or f"sqlite:///{self.warehouse}",
            "SIGID_WORKERS": "1",
        }
        return {name: value for name, value in os.environ.items() if not name.startswith("SIGID_")} | settings

    def copied(self, build: Path) -> Plot:
        """The same datasets, before a copy of the build folder."""
        if self.build.exists():
            shutil.copytree(self.build, build)
        return replace(self, build=build)

    def command(self, *arguments: str) -> list[str]:
        """What runs the program."""
        return [sys.executable, *self.program, *arguments]

    def start(
        self,
        *arguments: str,
        environment: Mapping[str, str] = MappingProxyType({}),
        prefix: Iterable[str] = (),
    ) -> subprocess.Popen[str]:
        """Run the program on the plot, behind `prefix`, such as strace and its options."""
        return subprocess.Popen(
            [*prefix, *self.command(*arguments)],
            cwd=PROJECT,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="backslashreplace",
        )

    def doit(
        self,
        *arguments: str,
        environment: Mapping[str, str] = MappingProxyType({}),
        prefix: Iterable[str] = (),
    ) -> Run:
        """Run the program to its end, which comes soon: -9 is the code of one that hangs."""
        begun = time.monotonic()
        with self.start(*arguments, environment=environment, prefix=prefix) as process:
            return awaited(process, begun)

    def once_more(self, *arguments: str) -> Run:
        """Run the program in a process that has begun already: it takes a third of the time."""
        begun = time.monotonic()
        code, out, err = starter.run([*self.program[1:], *arguments], self.environment, LIMIT_SECONDS)
        return Run(code, out, err, time.monotonic() - begun)

    def digest(self) -> str:
        """Of what the warehouse holds."""
        with open_warehouse(self.url or f"sqlite:///{self.warehouse}") as warehouse:
            return warehouse.digest()

    def integrity(self) -> str:
        """What SQLite says of the warehouse's file; `ok` where there is none to be asked."""
        if self.url or not self.warehouse.exists():
            return "ok"
        with closing(sqlite3.connect(self.warehouse)) as connection:
            (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
            strays = connection.execute("PRAGMA foreign_key_check").fetchall()
        return f"{len(strays)} rows without what they refer to" if strays else str(verdict)

    def trouble(self, clean: str) -> Iterator[str]:
        """What is wrong after a fault: one more run must come to the content of a clean one, the next find it done."""
        if (verdict := self.integrity()) != "ok":
            yield f"the warehouse is damaged: {verdict}"
        yield from self.unsettled(clean)

    def unsettled(self, clean: str) -> Iterator[str]:
        """What of a run and of one more is not as it must be."""
        yield from _complaints("the next run", run := self.once_more("load_source_a"), code=0)
        if run.code == 0 and self.digest() != clean:
            yield f"the next run ends with 0, and the content is not that of a clean one: {run.counts}"
        before = self._content()
        yield from _complaints("the run after that", again := self.once_more("load_source_a"), code=0)
        if "-- load_source_a" not in again.out or self._content() != before:
            yield f"the run after that has something to do: {again.last_line}"
        if left := [str(file.relative_to(self.build)) for file in self.build.rglob("*.new")]:
            yield f"{left} are left behind"

    def _content(self) -> bytes:
        return b"" if self.url else self.warehouse.read_bytes()


def awaited(process: subprocess.Popen[str], begun: float, limit: float = LIMIT_SECONDS) -> Run:
    """The end of a process that began then; one that hangs is killed."""
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        for pid in (process.pid, *descendants(process.pid)):  # they hold its output open
            os.kill(pid, signal.SIGKILL)
        out, err = process.communicate()
        err += f"it hung for {limit} s\n"
    return Run(process.returncode, out or "", err or "", time.monotonic() - begun)


def descendants(pid: int) -> list[int]:
    """The processes that it has started and that are there, and that those have."""
    return [each for child in children_of(pid) for each in (child, *descendants(child))]


def children_of(pid: int) -> list[int]:
    """The processes that it has started, by any of its threads, and that are there."""
    try:
        tasks = [task / "children" for task in Path(f"/proc/{pid}/task").iterdir()]
        return [int(child) for task in tasks for child in task.read_text().split()]
    except OSError:  # it ends
        return []


def at_work(plot: Plot, start: Callable[[], subprocess.Popen[U]]) -> subprocess.Popen[U]:
    """A load that has just begun its work: it is beyond its imports, and holds the lock of the source."""
    lock = plot.build / "source_a" / "lock"
    before = _stamp(lock)
    process = start()
    while _stamp(lock) == before and process.poll() is None:
        time.sleep(0.001)
    return process


def _stamp(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def seconds_of_work(plot: Plot, folder: Path, *arguments: str) -> float:
    """How long the work of a load takes while another one is done beside it; in copies, made in the folder."""
    plots = [plot.copied(folder / str(each)) for each in range(2)]
    processes = [at_work(each, partial(each.start, *arguments)) for each in plots]
    begun = time.monotonic()
    for process in processes:
        process.communicate()
    return time.monotonic() - begun


def _complaints(which: str, run: Run, code: int) -> Iterator[str]:
    if "Traceback" in run.words:
        yield f"{which} has a traceback: {run.last_line}"
    if run.code != code:
        yield f"{which} ends with {run.code}: {run.last_line}"


@dataclass(frozen=True, slots=True)
class Case:
    """A load that is to be disturbed: the plot before it, and the digest that a clean run comes to."""

    name: str
    plot: Plot
    clean: str


@cache
def cases(seed: int) -> tuple[Case, Case]:
    """A first load of 40 files; and a later one, of 20 new, 10 changed and 10 removed files beside 20 that stand.

    They are made once for all campaigns, which work on copies of the build folders, and removed at the end.
    """
    folder = Path(tempfile.mkdtemp(prefix="sigid-campaigns-"))
    atexit.register(shutil.rmtree, folder)
    first, later = (
        Plot(folder / name / "datasets", folder / name / "build", SMALL_BATCHES) for name in ("first", "later")
    )
    lay(first.datasets, first_files(seed))
    lay(later.datasets, first_files(seed))
    later.doit("load_source_a")
    lay(later.datasets, later_files(seed))
    rested_at = time.monotonic() + RESTED_SECONDS
    made = (
        Case("first load", first, clean_digest(first, folder / "clean first")),
        Case("later load", later, clean_digest(later, folder / "clean later")),
    )
    time.sleep(max(0.0, rested_at - time.monotonic()))
    return made


def clean_digest(plot: Plot, build: Path) -> str:
    """The digest of one load of the plot's datasets into a new warehouse."""
    clean = replace(plot, build=build, url="")
    run = clean.doit("load_source_a")
    if run.code:
        raise RuntimeError(f"a load that nothing disturbs fails: {run.words}")
    return clean.digest()


@cache
def first_files(seed: int, count: int = 40) -> Mapping[str, bytes]:
    """So many sound files of SOURCE_A, by their paths."""
    plan = source_a.DATASET.plan(Order(seed, count, defects=False))
    return MappingProxyType({sample.path: sample.make() for sample in plan if sample.make})


@cache
def later_files(seed: int, count: int = 40) -> Mapping[str, bytes]:
    """The same files, and half as many new ones, but a quarter of them changed and another quarter removed."""
    files = dict(first_files(seed, count + count // 2))
    chosen = random.Random(seed).sample(sorted(first_files(seed, count)), count // 2)
    for path in chosen[: count // 4]:
        others = [file for file in first_files(seed, count) if file[-3:].lower() == path[-3:].lower()]
        files[path] = files[others[others.index(path) - 1]]
    for path in chosen[count // 4 :]:
        del files[path]
    return MappingProxyType(files)


def lay(datasets: Path, files: Mapping[str, bytes]) -> None:
    """Have SOURCE_A consist of these files; those that are there already are not touched."""
    root = datasets / source_a.DATASET.name
    for file in [each for each in root.rglob("*") if each.is_file()]:
        if files.get(str(file.relative_to(root))) != file.read_bytes():
            file.unlink()
    for path, content in files.items():
        file = root / path
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)


def two_at_a_time(work: Callable[[T], Iterable[str]], jobs: Iterable[T]) -> list[str]:
    """What all jobs complain of, in their order; as many are done at once as pay on two processors."""
    with ThreadPoolExecutor(2) as threads:
        return [complaint for complaints in threads.map(lambda job: list(work(job)), jobs) for complaint in complaints]
