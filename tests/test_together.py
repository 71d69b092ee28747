"""Loads that others read beside, that meet, or that are killed: nothing is seen half, done twice or lost."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from sigid.entity import XYZSignature
from sigid.errors import BusyError, SigidError
from sigid.pipeline.load import load
from sigid.warehouse.ledger import FileLine, Ledger
from tests.trees import (
    Site,
    in_batches_of,
    ordinary_user,
    site_a,
    site_b,
    trajectories,
    trajectory,
)

PROJECT = Path(__file__).parents[1]


@pytest.mark.usefixtures("on_every_database")
def test_a_reader_sees_whole_batches_and_nothing_of_the_one_that_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_batches_of(10, monkeypatch.setattr)
    site = site_a(tmp_path, trajectories(range(45)))
    seen: list[tuple[int, int]] = []

    def look(*_: object) -> None:
        with site.warehouse() as warehouse:
            catalog = warehouse.catalog().get("source_a", {"signatures": 0, "files": 0})
            signatures = list(warehouse.signatures())
        assert len(signatures) == catalog["signatures"]
        assert all(isinstance(each, XYZSignature) and len(each.points) == 1 for each in signatures)
        seen.append((catalog["signatures"], catalog["files"]))

    class Watched(Ledger):
        """Has somebody look when signatures and lines are written, but not committed yet."""

        def write(self, lines: Sequence[FileLine], started: datetime) -> None:
            super().write(lines, started)
            look()

    monkeypatch.setattr("sigid.pipeline.load.Ledger", Watched)
    site.scan()

    load(site.source, site.settings, progress=look)

    assert seen[0] == (0, 0)
    assert seen[1:10:2] == [(10, 10), (20, 20), (30, 30), (40, 40), (45, 45)]  # when a batch was committed
    assert seen[:10:2] == [(0, 0), (10, 10), (20, 20), (30, 30), (40, 40)]  # just before that


LOADER = """
import sys
from pathlib import Path

from sigid.errors import BusyError
from sigid.pipeline.load import load
from tests.trees import Site, in_batches_of

folder, build, warehouse, *waits = sys.argv[1:]
site = Site(Path(folder)).using(build=Path(build), warehouse=warehouse)
in_batches_of(5)

def wait(done, total):
    if waits and done == 5:
        print("waiting", flush=True)
        sys.stdin.readline()

print("ready", flush=True)
try:
    site.scan()
    print(load(site.source, site.settings, progress=wait).problem)
except BusyError as error:
    print(error)
"""


@contextmanager
def loader(site: Site, *arguments: str, build: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """Another process, which says that it is ready, then loads the site in small batches, and says how it went."""
    settings = [str(build or site.settings.build), site.settings.warehouse]
    command = [sys.executable, "-c", LOADER, str(site.folder), *settings, *arguments]
    with subprocess.Popen(
        command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield process


def last_words(process: subprocess.Popen[str], answer: str = "") -> str:
    """What the process says from now on, to either output, when it has been answered.

    `communicate` would not do: it knows nothing of what was read together with an earlier line.
    """
    assert process.stdin
    assert process.stdout
    assert process.stderr
    with process.stdin:
        process.stdin.write(answer)
    return (process.stdout.read() + process.stderr.read()).strip()


@pytest.mark.usefixtures("on_every_database")
def test_a_second_load_at_the_same_time_is_told_who_is_at_it(tmp_path: Path) -> None:
    site = site_a(tmp_path, trajectories(range(20)))

    with loader(site, "and waits") as other:
        assert other.stdout
        assert other.stdout.readline() == "waiting\n"
        with pytest.raises(BusyError) as scanning:
            site.scan()
        with pytest.raises(BusyError) as loading:
            load(site.source, site.settings)
        committed = site.catalog()["signatures"]
        said = last_words(other, "go on\n")

    message = f"a scan or load of source_a is under way (process {other.pid}); run again when it has ended"
    assert (str(scanning.value), str(loading.value)) == (message, message)
    assert committed == 5
    assert said == "None"
    assert site.counts() == {"unchanged": 20}


def test_a_second_load_in_the_same_process_is_told_so_and_leaves_the_first_its_lock(tmp_path: Path) -> None:
    # The lock is the process's: a second thread went ahead, and when it closed the file a second process did, too.
    site = site_a(tmp_path, trajectories(range(20)))
    said: list[str] = []

    def others(_done: int, _total: int) -> None:
        with pytest.raises(BusyError) as caught:
            site.scan()
        said.append(str(caught.value))
        with loader(site) as other:
            said.append(last_words(other))

    site.scan()
    load(site.source, site.settings, progress=others)

    message = f"a scan or load of source_a is under way (process {os.getpid()}); run again when it has ended"
    assert said == [message, message]
    assert site.counts() == {"unchanged": 20}


def test_a_build_folder_that_cannot_be_made_is_named() -> None:
    with ordinary_user() as folder:
        site = site_a(folder)
        folder.chmod(0o500)

        with pytest.raises(SigidError) as caught:
            site.scan()

        assert str(caught.value) == (
            f"{site.cache}/lock cannot be made (Permission denied); check the permissions of its folder"
        )
        folder.chmod(0o700)


def test_a_second_load_from_another_build_folder_is_told_who_is_at_it(tmp_path: Path) -> None:
    site = site_a(tmp_path, trajectories(range(20)))

    with loader(site, "and waits", build=tmp_path / "other") as other:
        assert other.stdout
        assert other.stdout.readline() == "waiting\n"
        with pytest.raises(BusyError) as caught:
            site.load()
        last_words(other, "go on\n")

    assert str(caught.value) == (
        f"a load of source_a into {tmp_path}/warehouse/sigid.sqlite is under way (process {other.pid}); "
        "run again when it has ended"
    )


@pytest.mark.usefixtures("on_every_database")
def test_another_source_can_be_loaded_at_the_same_time(tmp_path: Path) -> None:
    site, other_source = site_a(tmp_path, trajectories(range(20))), site_b(tmp_path)

    with loader(site, "and waits") as other:
        assert other.stdout
        assert other.stdout.readline() == "waiting\n"
        counts = other_source.counts()
        last_words(other, "go on\n")

    assert counts == {"added": 7}
    assert site.counts() == {"unchanged": 20}


@pytest.mark.usefixtures("on_every_database")
def test_the_lock_of_a_killed_load_is_free_at_once(tmp_path: Path) -> None:
    site = site_a(tmp_path, trajectories(range(20)))
    with loader(site, "and waits") as other:
        assert other.stdout
        assert other.stdout.readline() == "waiting\n"
        other.kill()
        other.wait()

        counts = site.counts()

    assert counts == {"added": 15, "unchanged": 5}
    assert site.digest() == site.clean_digest()


@pytest.mark.usefixtures("on_every_database")
@pytest.mark.parametrize("build", ["build", "another build folder"])
def test_two_loads_at_once_register_everything_once(tmp_path: Path, build: str) -> None:
    site = site_a(tmp_path, trajectories(range(100)))

    with loader(site) as one, loader(site, build=tmp_path / build) as other:
        said = [last_words(one), last_words(other)]

    assert "None" in said
    assert all(
        each == "None" or re.fullmatch(r"a .*load of source_a .*is under way \(.*process \d+\); .*", each)
        for each in said
    )
    assert site.catalog() == {
        "files": 100,
        "signatures": 100,
        "trajectories": 100,
        "genuine": 100,
        "signees": 100,
        "points": 100,
    }
    assert site.digest() == site.clean_digest()


def killed_at(site: Site, seconds: float) -> bool:
    """Have another process load the site, and kill it after so long. Returns whether it was still at it."""
    with loader(site) as process:
        time.sleep(seconds)
        process.kill()
    return process.returncode == -signal.SIGKILL


def first_load(site: Site) -> None:
    """Everything is new."""


def later_load(site: Site) -> None:
    """Something of every kind is to be done."""
    site.load()
    paths = sorted(str(path.relative_to(site.root)) for path in site.root.rglob("*.HWR"))
    site.remove(*paths[:15])
    site.write({path: trajectory((1, 2, 3)) for path in paths[15:95]})
    site.write({f"Offline/Genuine/{n:03}_1.PNG": b"" for n in range(80)})
    for n, path in enumerate(paths[95:130]):
        site.rename(path, f"Online/Genuine/{95 + n}_001.hwr")


@pytest.mark.parametrize("prepare", [first_load, later_load])
def test_a_load_that_is_killed_at_any_instant_is_finished_by_the_next_one(
    tmp_path: Path, prepare: Callable[[Site], None]
) -> None:
    prepared = site_a(tmp_path / "prepared", trajectories(range(200)))
    prepare(prepared)
    clean = prepared.clean_digest()
    chance = random.Random(2011)  # noqa: S311  # repeatable is what it must be
    with loader(Site(shutil.copytree(prepared.folder, tmp_path / "timed"))) as process:
        begun = time.monotonic()
        process.wait()
        duration = time.monotonic() - begun
    landed = 0

    for trial in range(20):
        site = Site(shutil.copytree(prepared.folder, tmp_path / f"trial {trial}"))
        for _ in range(chance.choice([1, 1, 2])):
            landed += killed_at(site, chance.uniform(0, duration))

        assert site.load().problem is None

        assert site.digest() == clean
        assert site.execute("PRAGMA integrity_check") == [("ok",)]
        before = site.written()
        site.load()
        assert site.written() == before
        assert not list(site.cache.glob("*.new"))
        if landed >= 5:
            return
    pytest.fail(f"only {landed} kills landed")
