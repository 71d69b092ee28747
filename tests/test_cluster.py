"""A cluster extracts: with a real scheduler and real workers, which die, see too little, or are of another version."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import platform
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import distributed
import pytest
from dask import config
from distributed.core import rpc

from sigid.errors import Reason, SettingError, SigidError
from sigid.pipeline import study, workers
from sigid.pipeline.cluster import connect, versions, work
from sigid.pipeline.cluster.sight import as_seen_here
from sigid.pipeline.interpret import File, Job, Reading, interpret
from sigid.pipeline.load import Loaded, load
from sigid.pipeline.workers import executor
from sigid.settings import Settings
from sigid.sources.base import Source
from sigid.sources.registry import SOURCES
from tests.at_workers import Notes, collecting, failing, signing, slowly
from tests.test_readme import README
from tests.trees import Anything, Site, in_batches_of, later, picture, site_a, trajectories, trajectory

PROJECT = Path(__file__).parents[1]


def job(root: Path, *paths: str) -> Job:
    """The files at these paths below the root, whatever they are called."""
    source = Anything()
    return Job(str(root), source, source.names(None), None, [File(path) for path in paths])


NOTHING = job(Path("/nowhere"))

_T = TypeVar("_T")


def eventually(look: Callable[[], _T], seconds: float = 20) -> _T:
    """What a look shows, once it shows something."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
    return seen


_WORKER = ("--nthreads", "1", "--no-nanny", "--memory-limit", "0", "--local-directory", "scratch")


class Dask:
    """A scheduler and its workers, each a process of its own, whose current folder is `folder`."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self._log = (folder / "log").open("ab")
        self._numbers = count()
        file = folder / "scheduler.json"
        place = ["--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file)]
        self.scheduler = self._start("scheduler", *place, **environment)
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        """By address."""
        self.address = str(json.loads(eventually(lambda: file.exists() and file.read_text()) or "")["address"])

    def start_workers(self, number: int, **environment: str) -> list[str]:
        """The addresses of new workers; without a nanny, who would start another one for each that is killed."""
        names = [f"worker-{next(self._numbers)}" for _ in range(number)]
        processes = {
            name: self._start("worker", self.address, *_WORKER, "--name", name, **environment) for name in names
        }
        eventually(lambda: processes.keys() <= self._registered().keys())
        addresses = self._registered()
        self.workers |= {addresses[name]: process for name, process in processes.items()}
        return [addresses[name] for name in processes]

    def stop(self, *addresses: str) -> None:
        """End these workers."""
        for address in addresses:
            end(self.workers.pop(address))
        eventually(lambda: not self._registered().keys() & set(addresses))

    def end(self) -> None:
        for process in [*self.workers.values(), self.scheduler]:
            end(process)
        self._log.close()

    def _registered(self) -> dict[str, str]:
        """The workers' addresses, by name."""

        async def ask() -> Any:
            async with rpc(self.address) as scheduler:
                return await scheduler.identity(n_workers=-1)

        return {worker["name"]: address for address, worker in asyncio.run(ask())["workers"].items()}

    def _start(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        environment = os.environ | {"PYTHONPATH": str(PROJECT)} | environment
        command = [sys.executable, "-m", "dask", *arguments, "--no-dashboard"]
        return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=self._log, stderr=self._log)


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dask]:
    """A scheduler with two workers, and so at the end of each test."""
    started = Dask(tmp_path_factory.mktemp("dask"))
    try:
        started.start_workers(2)
        yield started
    finally:
        started.end()


@pytest.fixture
def other_dask(tmp_path: Path) -> Iterator[Dask]:
    """A scheduler that lets a batch die but once, without workers."""
    folder = tmp_path / "dask"
    folder.mkdir()
    started = Dask(folder, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0")
    try:
        yield started
    finally:
        started.end()


@contextmanager
def additional_worker(dask: Dask, **environment: str) -> Iterator[str]:
    (address,) = dask.start_workers(1, **environment)
    try:
        yield address
    finally:
        dask.stop(address)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work for everybody."""
    in_batches_of(5, monkeypatch.setattr)
    monkeypatch.setattr(workers, "FILES_WORTH_A_PROCESS", 1)


def refusal(address: str) -> str:
    """What is said when that cluster is asked to read a file, in one line."""
    with pytest.raises(SigidError) as refused, executor(settings_for(address), 1):
        pytest.fail("it was let in")
    assert "\n" not in str(refused.value)
    return str(refused.value)


def settings_for(address: str) -> Settings:
    return Settings.read(Path("/nowhere"), {"SIGID_CLUSTER": address})


# What it does


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
@pytest.mark.usefixtures("small_batches")
def test_one_process_many_and_a_cluster_come_to_the_same(source: Source, tmp_path: Path, dask: Dask) -> None:
    def loaded(way: str, **settings: Any) -> tuple[Loaded, str]:
        site = Site(tmp_path / way, source).using(datasets=PROJECT / "datasets", **settings)
        return site.load(), site.digest()

    one = loaded("one", workers=1)
    many = loaded("many", workers=2)
    elsewhere = loaded("elsewhere", cluster=dask.address)

    assert one[0].counts.added > 0
    assert one == many == elsewhere


def test_the_files_are_read_by_the_workers(dask: Dask) -> None:
    with executor(settings_for(dask.address), 1) as elsewhere:
        futures = [elsewhere.submit(signing, NOTHING) for _ in range(8)]
        for future in futures:
            assert future.result() == []
        assert elsewhere.ahead == 4

    readers = {file.name for file in dask.folder.glob("read by *")}
    assert readers == {f"read by {process.pid}" for process in dask.workers.values()}


def test_a_worker_looks_for_garbage_rarely_while_it_reads_and_then_as_before(tmp_path: Path, dask: Dask) -> None:
    """Among all that Dask has in memory it looked several times a batch, which was a tenth of the time."""
    with executor(settings_for(dask.address), 1) as elsewhere:
        assert elsewhere.submit(collecting, job(tmp_path)).result() == []

    with distributed.Client(dask.address, set_as_default=False) as client:
        (usual,) = {threshold[0] for threshold in client.run(gc.get_threshold).values()}
    assert int((tmp_path / "threshold").read_text()) > 10 * usual


def test_the_benchmark_measures_loads_that_are_read_on_a_cluster(tmp_path: Path, dask: Dask) -> None:
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "dev.benchmark", "--files", "40", "--rounds", "1", "--settle", "0"),
            *("--only", "cluster", "--data", tmp_path, "--markdown"),
        ],
        cwd=PROJECT,
        env=os.environ | {"SIGID_BENCH_CLUSTER": dask.address},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[2].startswith("|  | read, not written | cold |")
    assert sum(line.startswith("| sigid, read on a cluster |") for line in lines) == 2
    assert "*" not in ran.stdout


@pytest.mark.parametrize(
    ("ahead", "batches", "times_larger"),
    [
        (4, 0, 1),
        (4, 31, 1),
        (4, 32, 2),
        (4, 1_000_000, 4),
        (64, 200, 1),
        (64, 1_000_000, 2),
    ],
    ids=["none", "few", "some", "many", "few among many workers", "many among many workers"],
)
def test_where_there_is_enough_for_all_workers_batches_are_larger(
    ahead: int, batches: int, times_larger: int, dask: Dask
) -> None:
    """20,000 files in batches of 1,000 were read by twenty workers, however many there were."""
    with executor(settings_for(dask.address), 1) as elsewhere:
        assert elsewhere.ahead == 4
        elsewhere.ahead = ahead

        assert elsewhere.times_larger(batches) == times_larger


def test_a_cluster_whose_last_worker_leaves_while_it_is_reached_is_waited_for(
    dask: Dask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How large its batches are was then a division by zero."""
    monkeypatch.setattr(distributed.Client, "nthreads", lambda _: {})

    with executor(settings_for(dask.address), 1) as elsewhere:
        assert elsewhere.times_larger(1000) == 4


def test_workers_that_join_have_work_too(other_dask: Dask) -> None:
    """How much is under way was fixed at the start: a load that began with one worker gave work to two, however many
    had joined since.
    """
    other_dask.start_workers(1)

    with executor(settings_for(other_dask.address), 1) as elsewhere:
        assert elsewhere.ahead == 2
        other_dask.start_workers(2)

        eventually(lambda: elsewhere.ahead == 6)


def test_who_joins_has_no_more_batches_made_than_their_results_find_room_for(dask: Dask) -> None:
    with executor(settings_for(dask.address), 1) as elsewhere:
        assert isinstance(elsewhere, work.Cluster)
        times_larger = elsewhere.times_larger(1000)
        elsewhere._give_work_to(1000)

        assert (times_larger, elsewhere.ahead) == (4, 32)


def test_a_load_that_has_no_file_to_read_asks_no_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = site_a(tmp_path)
    later(monkeypatch)
    site.load()

    again = site.using(cluster="tcp://127.0.0.1:1").load()

    assert again.problem is None


def test_a_dataset_whose_path_is_relative_is_found_by_workers_that_work_elsewhere(workplace: Path, dask: Dask) -> None:
    site = site_a(workplace, trajectories(range(3))).using(datasets=Path("datasets"), cluster=dask.address)

    assert site.counts() == {"added": 3}


def test_workers_that_only_the_scheduler_reaches_do_as_well(
    tmp_path: Path, dask: Dask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "_is_reached", lambda _worker: False)
    monkeypatch.setattr("distributed.client.gather_from_workers", None)  # by which a client fetches directly

    assert site_a(tmp_path, trajectories(range(3))).using(cluster=dask.address).counts() == {"added": 3}


# What becomes of it when somebody dies


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """45 files, in nine batches (a cluster takes two in one) that take their time."""
    in_batches_of(5, monkeypatch.setattr)
    monkeypatch.setattr(study, "interpret", slowly)
    site = site_a(tmp_path, trajectories(range(45)))
    site.scan()
    return site


def local_digest(site: Site) -> str:
    """The digest that a load without a cluster comes to."""
    other = site.afresh()
    other.scan()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "interpret", interpret)
        assert load(other.source, other.settings).problem is None
    return other.digest()


def test_a_worker_killed_in_the_middle_of_a_batch_changes_nothing(site: Site, dask: Dask, tmp_path: Path) -> None:
    notes = Notes(tmp_path)
    victim, survivor = dask.workers
    pid, other_pid = dask.workers[victim].pid, dask.workers[survivor].pid
    lost: set[str] = set()

    def kill_one(done: int, _total: int) -> None:
        if not lost:
            lost.update(eventually(lambda: notes.under_way(pid)))
            dask.stop(victim)
            assert done < 45

    try:
        loaded = load(site.source, site.using(cluster=dask.address).settings, progress=kill_one)
    finally:
        dask.start_workers(1)

    assert loaded.problem is None
    assert loaded.counts.added == 45
    assert lost <= notes.batches("ended", other_pid)
    assert site.digest() == local_digest(site.using(cluster=""))


def test_a_batch_that_kills_its_workers_ends_the_load_in_one_line(site: Site, other_dask: Dask, tmp_path: Path) -> None:
    (victim,) = other_dask.start_workers(1)

    def kill(_done: int, _total: int) -> None:
        if other_dask.workers:
            eventually(lambda: Notes(tmp_path).under_way(other_dask.workers[victim].pid))
            other_dask.stop(victim)

    with pytest.raises(SigidError) as ended:
        load(site.source, site.using(cluster=other_dask.address).settings, progress=kill)

    assert re.fullmatch(
        "each worker that was to read Online/Genuine/00[0-9]{2}_1.HWR and what follows died, 1 in all, "
        f"the last one {victim}, perhaps for want of memory; what was committed stands: run again, "
        "with more memory a worker if it happens again",
        str(ended.value),
    )
    assert 0 < site.catalog()["signatures"] < 45


def test_a_cluster_that_loses_its_last_worker_is_given_up(
    site: Site, dask: Dask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "DESERTED_SECONDS", 1)

    def kill(_done: int, _total: int) -> None:
        dask.stop(*dask.workers)

    try:
        with pytest.raises(SigidError) as ended:
            load(site.source, site.using(cluster=dask.address).settings, progress=kill)
    finally:
        dask.start_workers(2)

    assert str(ended.value) == (
        f"the scheduler at {dask.address} has no worker left; what was committed stands: "
        "start some (dask worker) and run again"
    )


@contextmanager
def stopped(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """It is there, and does nothing."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def test_a_cluster_of_which_nothing_is_heard_any_more_is_given_up_and_the_worker_named(
    other_dask: Dask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker whose storage hangs keeps telling Dask that it is alive: the load waited for ever, without a word."""
    monkeypatch.setattr(work, "SILENT_SECONDS", 2)
    (worker,) = other_dask.start_workers(1)

    with executor(settings_for(other_dask.address), 1) as elsewhere, stopped(other_dask.workers[worker]):
        future = elsewhere.submit(interpret, NOTHING)

        with pytest.raises(SigidError) as ended:
            future.result(30)

    assert str(ended.value) == (
        f"nothing was heard for 2 s of what the worker {worker} had to read, perhaps for want of its storage; "
        "what was committed stands: start it again and run again"
    )


def test_a_scheduler_of_which_nothing_is_heard_any_more_is_given_up(
    other_dask: Dask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "SILENT_SECONDS", 2)
    monkeypatch.setattr(work, "BUSY_SECONDS", 1)
    other_dask.start_workers(1)

    with executor(settings_for(other_dask.address), 1) as elsewhere, stopped(other_dask.scheduler):
        future = elsewhere.submit(interpret, NOTHING)

        with pytest.raises(
            SigidError, match=f"^nothing was heard for 2 s of what the scheduler at {other_dask.address} "
        ):
            future.result(30)


def test_when_the_scheduler_dies_what_was_committed_stands_and_the_next_run_ends_it(
    site: Site, other_dask: Dask
) -> None:
    other_dask.start_workers(1)
    started = time.monotonic()

    with pytest.raises(SigidError) as ended:
        load(
            site.source,
            site.using(cluster=other_dask.address).settings,
            progress=lambda _done, _total: end(other_dask.scheduler),
        )

    assert str(ended.value) == (
        f"the scheduler at {other_dask.address} is gone, or the way to it; what was committed stands: "
        "start it and run again"
    )
    assert time.monotonic() - started < 20
    assert site.catalog()["signatures"] == 5
    assert load(site.source, site.using(cluster="").settings).counts.added == 40
    assert site.digest() == local_digest(site)


LOADER = """
import sys
from pathlib import Path

from sigid.errors import SigidError
from sigid.pipeline import study
from sigid.pipeline.load import load
from tests.at_workers import slowly
from tests.trees import Site, in_batches_of

site = Site(Path(sys.argv[1])).using(cluster=sys.argv[2])
in_batches_of(1)
study.interpret = slowly
try:
    load(site.source, site.settings, progress=lambda done, _total: print(done, flush=True))
except SigidError as error:
    print(error)
except KeyboardInterrupt:
    print("interrupted")
"""


def said_by_a_loader(site: Site, dask: Dask, then: Callable[[subprocess.Popen[str]], object]) -> str:
    """All that another process says, which loads the site, after its first batch and what is done to it then."""
    command = [sys.executable, "-c", LOADER, str(site.folder), dask.address]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as loader:
        assert loader.stdout
        assert loader.stdout.readline() == f"{4 // len(dask.workers)}\n"  # 45 files, each a batch of usual size
        then(loader)
        return re.sub(r"^([0-9]+\n)*", "", loader.stdout.read())


def test_an_interrupt_ends_the_load_quietly_and_takes_back_what_is_under_way(
    site: Site, dask: Dask, tmp_path: Path
) -> None:
    said = said_by_a_loader(site, dask, lambda loader: loader.send_signal(signal.SIGINT))

    assert said == "interrupted\n"
    begun = len(list(tmp_path.glob("began *")))
    time.sleep(0.5)
    assert len(list(tmp_path.glob("began *"))) == begun < 20


def test_nothing_is_said_of_a_scheduler_that_dies_but_that(site: Site, other_dask: Dask) -> None:
    other_dask.start_workers(1)

    said = said_by_a_loader(site, other_dask, lambda _loader: end(other_dask.scheduler))

    assert re.fullmatch("the scheduler at .* is gone, or the way to it; .*\n", said)


def test_a_mistake_of_ours_shows_as_itself(dask: Dask) -> None:
    with executor(settings_for(dask.address), 1) as elsewhere:
        future = elsewhere.submit(failing, NOTHING)

        with pytest.raises(ZeroDivisionError, match="a mistake of ours"):
            future.result()


# What a worker does not see


def test_a_file_that_a_worker_does_not_see_is_unreadable_and_nothing_is_retired(workplace: Path, dask: Dask) -> None:
    """The datasets lie below the current folder, which is another one for the workers."""
    here = Path("/proc/self/cwd/datasets")
    files = trajectories(range(5))
    site = site_a(workplace, files)
    site.load()
    _, missing, other, _, removed = files
    copies = dask.folder / "datasets"
    shutil.copytree(site.settings.datasets, copies)
    (copies / "SOURCE_A" / missing).unlink()
    (copies / "SOURCE_A" / other).write_bytes(trajectory((7, 7, 7), (8, 8, 8)))
    site.remove(removed)
    names = "|".join(dask.workers)

    try:
        loaded = site.using(datasets=here, cluster=dask.address).load(rehash=True)
    finally:
        shutil.rmtree(copies)

    assert site.rejections() == {missing: Reason.UNREADABLE, other: Reason.UNREADABLE}
    assert re.fullmatch(f"the worker ({names}) does not see it, and it is there", site.details()[missing])
    assert re.fullmatch(f"the worker ({names}) has another file in its place", site.details()[other])
    assert (loaded.counts.unchanged, loaded.counts.rejected, loaded.counts.retired) == (3, 2, 0)
    assert len(site.live()) == 5


def test_where_a_worker_sees_nothing_of_a_dataset_nothing_is_lost_and_the_next_run_mends_it(
    workplace: Path, dask: Dask
) -> None:
    site = site_a(workplace, {**trajectories(range(3)), "Offline/Genuine/001_01.png": picture()})
    site.load()
    digest = site.digest()

    site.using(datasets=Path("/proc/self/cwd/datasets"), cluster=dask.address).load(rehash=True)
    unseen = site.rejections()
    site.using(cluster="").load(rehash=True)

    assert set(unseen.values()) == {Reason.UNREADABLE}
    assert len(unseen) == 4
    assert site.digest() == digest


def test_what_only_a_worker_cannot_read_is_told_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    denied = Reading((Reason.UNREADABLE, "Permission denied"))

    seen = as_seen_here(job(tmp_path, "there", "gone"), [denied, denied], "tcp://w", time.time_ns())

    assert seen == [Reading((Reason.UNREADABLE, "Permission denied, says the worker tcp://w")), denied]


def test_a_file_that_changed_since_a_worker_read_it_is_no_other_one(tmp_path: Path) -> None:
    one = job(tmp_path, "file")
    (tmp_path / "file").write_bytes(trajectory((1, 2, 3)))
    time.sleep(0.03)
    asked = time.time_ns()
    read = interpret(one)
    time.sleep(0.03)

    (tmp_path / "file").write_bytes(trajectory((1, 2, 3), (4, 5, 6)))
    changed = as_seen_here(one, read, "tcp://w", asked)
    time.sleep(0.03)
    other = as_seen_here(one, read, "tcp://w", time.time_ns())

    assert changed == read
    assert [each.rejection for each in other] == [
        (Reason.UNREADABLE, "the worker tcp://w has another file in its place")
    ]


# Who is refused


def test_another_sigid_at_a_worker_is_refused_at_once(tmp_path: Path, dask: Dask) -> None:
    shutil.copytree(PROJECT / "sigid", tmp_path / "sigid", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "sigid/sources/formats/hwr.py").open("a") as file:
        file.write("# reads otherwise\n")

    with additional_worker(dask, PYTHONPATH=str(tmp_path)) as worker:
        refused = refusal(dask.address)

    there, here = re.findall("[0-9a-f]{16}", refused)
    assert refused == (
        f"the worker {worker} has sigid {there}, and who loads has sigid {here}; "
        "install the same sigid[cluster] there and start it again"
    )
    assert here == versions.ours()["sigid"] != there


def test_a_worker_without_sigid_is_refused_at_once(tmp_path: Path, dask: Dask) -> None:
    (tmp_path / "sigid").mkdir()
    (tmp_path / "sigid/__init__.py").touch()

    with additional_worker(dask, PYTHONPATH=str(tmp_path)) as worker:
        refused = refusal(dask.address)

    assert refused.startswith(f"the worker {worker} cannot say which sigid it has (")
    assert "No module named 'sigid.pipeline'" in refused
    assert refused.endswith("); install the same sigid[cluster] there and start it again")


@pytest.mark.parametrize("name", ["Python", "png", "hwr", "numpy", "pillow", "distributed", "cloudpickle", "msgpack"])
def test_each_version_that_matters_is_compared_at_the_workers(name: str) -> None:
    ours = versions.ours()

    versions.refuse_workers({"tcp://w": ours})
    with pytest.raises(SettingError) as refused:
        versions.refuse_workers({"tcp://v": ours, "tcp://w": {**ours, name: "0.1"}})

    assert str(refused.value).startswith(
        f"the worker tcp://w has {name} 0.1, and who loads has {name} {ours[name]}; install the same sigid[cluster]"
    )


@pytest.mark.parametrize("name", ["Python", "distributed", "cloudpickle", "msgpack"])
def test_each_version_that_matters_is_compared_at_the_scheduler(name: str) -> None:
    ours = {**versions.ours(), "python": platform.python_version(), "pandas": "7"}

    versions.refuse_scheduler("tcp://s", ours)
    with pytest.raises(SettingError, match=f"^the scheduler tcp://s has {name} 0.1, and who loads has {name} "):
        versions.refuse_scheduler("tcp://s", {**ours, name.lower(): "0.1"})


def test_a_scheduler_of_another_version_is_refused_at_once(tmp_path: Path) -> None:
    older = tmp_path / "cloudpickle-0.1.dist-info"
    older.mkdir()
    (older / "METADATA").write_text("Name: cloudpickle\nVersion: 0.1\n")
    started = Dask(tmp_path, PYTHONPATH=str(tmp_path))

    try:
        refused = refusal(started.address)
    finally:
        started.end()

    assert refused.startswith(f"the scheduler {started.address} has cloudpickle 0.1, and who loads has cloudpickle ")


def test_a_worker_of_another_version_that_joins_later_refuses_the_work(
    dask: Dask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with executor(settings_for(dask.address), 1) as elsewhere:
        monkeypatch.setattr(work, "ours", lambda: {**VERSIONS, "hwr": "99"})  # so theirs is another one

        future = elsewhere.submit(interpret, NOTHING)

        with pytest.raises(SettingError) as refused:
            future.result()
    assert re.fullmatch(
        f"the worker ({'|'.join(dask.workers)}) has hwr 1, and who loads has hwr 99; "
        r"install the same sigid\[cluster\] there and start it again",
        str(refused.value),
    )


VERSIONS = versions.ours()


def test_a_worker_without_sigid_that_joins_later_is_named(tmp_path: Path, other_dask: Dask) -> None:
    (tmp_path / "sigid").mkdir()
    (tmp_path / "sigid/__init__.py").touch()
    (first,) = other_dask.start_workers(1)

    with executor(settings_for(other_dask.address), 1) as elsewhere:
        (late,) = other_dask.start_workers(1, PYTHONPATH=str(tmp_path))
        other_dask.stop(first)
        future = elsewhere.submit(interpret, NOTHING)

        with pytest.raises(SettingError, match=f"^the worker {late} cannot say which sigid it has"):
            future.result()


# What the README says


def test_the_commands_of_the_readme_start_a_cluster_that_loads(tmp_path: Path) -> None:
    (section,) = re.findall(r"^## On a cluster\n(.*?)^##", README, re.MULTILINE | re.DOTALL)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mine = {"10.0.0.1": "127.0.0.1", "8786": str(port), "/srv/datasets": str(PROJECT / "datasets"), "-1": "1"}
    for theirs, replacement in mine.items():
        section = section.replace(theirs, replacement)
    scheduler, worker, loading = (
        line.split() for line in re.findall("^    ((?:dask|SIGID).*)$", section, re.MULTILINE)
    )
    settings = dict(word.split("=") for word in loading[:2])
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "SIGID_BUILD": str(tmp_path / "build"), **settings}

    def start(*command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=PROJECT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    with start(*scheduler) as first, start(*worker, "--local-directory", str(tmp_path)) as second:
        try:
            with start(*loading[2:]) as loader:
                said = loader.communicate()[0]
        finally:
            second.terminate()  # and its children with it
            second.communicate()
            first.terminate()
            first.communicate()

    assert loader.returncode == 0, said
    assert re.search("^source_a: [1-9][0-9]* added", said, re.MULTILINE)


# Nobody there


def test_a_worker_that_does_not_say_its_version_is_named(dask: Dask, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is stopped had the load wait until Dask gave it up, which takes up to ten minutes, before it began."""
    monkeypatch.setattr(versions, "VERSIONS_SECONDS", 2)

    with additional_worker(dask) as worker, stopped(dask.workers[worker]):
        refused = refusal(dask.address)

    assert refused == f"the worker {worker} does not answer; end it, or start it again, and run again"


def test_a_scheduler_that_dies_while_it_is_asked_is_told_as_such(
    other_dask: Dask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Dask says then is an OSError: it was told as one of a file that could not be written."""
    other_dask.start_workers(1)
    ask = versions.ask_workers

    async def ask_the_dead(client: distributed.Client) -> Any:
        end(other_dask.scheduler)
        return await ask(client)

    monkeypatch.setattr(connect, "ask_workers", ask_the_dead)

    assert refusal(other_dask.address) == (
        f"the scheduler at {other_dask.address} is gone, or the way to it; what was committed stands: "
        "start it and run again"
    )


def test_a_file_of_dasks_own_settings_that_it_cannot_read_is_told_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("distributed: [unclosed")
    asking = """
from sigid.errors import SettingError
from sigid.pipeline.cluster.connect import executor
try:
    with executor("tcp://127.0.0.1:1"):
        pass
except SettingError as error:
    print(error)
"""

    told = subprocess.run(
        [sys.executable, "-c", asking],
        cwd=PROJECT,
        env=os.environ | {"DASK_CONFIG": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert told.startswith(
        f"Dask's own configuration can't be used (ValueError: A dask config file at '{tmp_path}/mine"
    )
    assert told.count("\n") == 1


def test_a_certificate_that_is_not_there_is_told() -> None:
    """It was said that something listens there and does not answer, which had not been asked yet."""
    with config.set({"distributed.comm.tls.ca-file": "/nowhere", "distributed.comm.tls.client.cert": "/nowhere"}):
        refused = refusal("tls://127.0.0.1:1")

    assert refused.startswith("Dask's own configuration can't be used (FileNotFoundError: ")


def test_a_certificate_that_is_not_taken_is_told() -> None:
    told = OSError("Dask's own words")
    told.__cause__ = ssl.SSLError("certificate verify failed")

    assert connect._trouble("tls://127.0.0.1:1", told) == "SSLError: ('certificate verify failed',)"


@pytest.mark.parametrize("first", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\x10\0\0\0\0\0\0\0" + b"\xff" * 16])
def test_what_speaks_first_is_no_scheduler(first: bytes) -> None:
    """Its first bytes were taken for a length, and it was said that there is no memory for that."""
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as aside:

        def speak() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(first)
                connection.recv(1)

        aside.submit(speak)
        refused = refusal(f"tcp://127.0.0.1:{server.getsockname()[1]}")

    assert "(something else listens there)" in refused


@pytest.mark.parametrize(
    "address", ["127.0.0.1:8786", "tcp://", "tcp://host", "udp://host:1", "tcp://me:pw@host:1", "7"]
)
def test_what_is_no_address_of_a_scheduler_is_refused(address: str) -> None:
    with pytest.raises(SettingError) as refused, executor(settings_for(address), 0):
        pytest.fail("it was let in")

    assert str(refused.value) == (
        f"SIGID_CLUSTER is {address!r}; it is the address of a Dask scheduler, like tcp://10.0.0.1:8786"
    )


def test_dask_that_is_not_installed_is_told_with_the_way_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)

    assert refusal("tcp://127.0.0.1:1") == (
        "SIGID_CLUSTER needs Dask, which is not installed: pip install 'sigid[cluster]'"
    )


@pytest.mark.parametrize("listens", [False, True], ids=["nobody listens", "somebody listens and is silent"])
def test_a_scheduler_that_does_not_answer_is_told_soon(listens: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "CONNECT_SECONDS", 1)
    started = time.monotonic()

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listens:
            server.listen()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        refused = refusal(address)

    trouble = "something listens there, and does not answer" if listens else "Connection refused"
    assert refused == (
        f"no Dask scheduler answers at SIGID_CLUSTER, {address} ({trouble}); "
        "start it (dask scheduler), or unset SIGID_CLUSTER to read the files on this machine"
    )
    assert time.monotonic() - started < 3


def test_a_worker_is_not_taken_for_a_scheduler(dask: Dask) -> None:
    worker = next(iter(dask.workers))

    assert refusal(worker) == f"SIGID_CLUSTER, {worker}, is a Dask worker; name the scheduler"


def test_a_scheduler_without_workers_is_told_soon(other_dask: Dask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "WORKERS_SECONDS", 0.3)

    assert refusal(other_dask.address) == (
        f"the scheduler at {other_dask.address} has no worker; start some (dask worker) and run again"
    )
