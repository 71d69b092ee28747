"""The stamps of a scan's files are the same however many processes take them, and whatever becomes of those."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sigid.pipeline import helpers, stamps
from sigid.pipeline.facts import STAMP
from sigid.pipeline.folder import Folder
from sigid.pipeline.helpers import Helpers
from sigid.pipeline.listing import Listing
from sigid.pipeline.scan import look
from sigid.pipeline.stamps import _Work
from tests.trees import SAMPLE_A, Anything, Site, ordinary_user, site_a

PROJECT = Path(__file__).parents[1]

NAMES = st.sampled_from(["a", "a.b", "a-b", "b", "é", "~", "back\\slash", "new\nline", "\udcff", "INDEX", "._a"])
TREES = st.sets(st.lists(NAMES, min_size=2, max_size=4).map("/".join), max_size=40)


pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@pytest.fixture
def small_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have even a few files be worth another process, also in this one, which has threads that do nothing here."""
    monkeypatch.setattr(stamps, "FILES_WORTH_A_PROCESS", 4)
    monkeypatch.setattr(stamps, "_PART_FILES", 3)
    monkeypatch.setattr(helpers, "has_one_thread", lambda: True)


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The processes that are started."""
    started: list[int] = []
    fork = os.fork

    def counted() -> int:
        pid = fork()
        started.append(pid)
        return pid

    monkeypatch.setattr(os, "fork", counted)
    return started


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path, Anything()).write({f"{folder}/{n:02}": b"1" * n for folder in "abc" for n in range(20)})


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """In the end there is no process, running or dead, and no open file, that was not there before."""

    def here() -> tuple[list[str], set[str]]:
        children = {pid for file in Path("/proc/self/task").glob("*/children") for pid in file.read_text().split()}
        return os.listdir("/proc/self/fd"), children

    before = here()
    yield
    assert here() == before


def in_a_helper(do: Callable[[], object]) -> Callable[[], bool]:
    """Does it in each process but this one, and says whether that is one."""
    here = os.getpid()

    def maybe() -> bool:
        if os.getpid() == here:
            return False
        do()
        return True

    return maybe


def look_at(site: Site, processes: int) -> Listing:
    return look(site.source, site.root, processes)


@pytest.mark.usefixtures("small_shares")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TREES, st.integers(2, 4))
def test_any_tree_is_listed_alike_by_one_and_by_several_processes(paths: set[str], processes: int) -> None:
    files = {path for path in paths if not any(other.startswith(f"{path}/") for other in paths)}
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder), Anything()).write({path: path.encode(errors="replace") for path in files})
        (site.root / "a link").mkdir(parents=True)
        (site.root / "a link" / "to nowhere").symlink_to("nowhere")

        assert look_at(site, processes) == look_at(site, 1)


@pytest.mark.usefixtures("small_shares", "nothing_left")
def test_several_processes_are_at_work_where_there_are_many_files(site: Site, forks: list[int]) -> None:
    found = look_at(site, 2)

    assert len(found) == 60
    assert len(forks) >= 1


@pytest.mark.usefixtures("nothing_left")
def test_few_files_are_not_worth_another_process(site: Site, forks: list[int]) -> None:
    look_at(site, 8)

    assert forks == []


@pytest.mark.usefixtures("small_shares")
def test_who_may_use_one_process_starts_no_other(site: Site, forks: list[int]) -> None:
    look_at(site, 1)

    assert forks == []


def test_a_process_with_threads_is_not_copied(site: Site, forks: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamps, "FILES_WORTH_A_PROCESS", 4)
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        found = look_at(site, 4)
    finally:
        done.set()
        thread.join()

    assert forks == []
    assert len(found) == 60


IN_A_PROCESS_OF_ITS_OWN = """
import os, sys
from pathlib import Path
from sigid.pipeline import helpers, stamps
from sigid.pipeline.scan import look
from sigid.sources.source_a import SourceA

stamps.FILES_WORTH_A_PROCESS = 4
forks = []
os.register_at_fork(after_in_parent=lambda: forks.append(1))
print(len(look(SourceA(), Path(sys.argv[1]), 2)), bool(forks))
"""


def test_a_process_as_the_one_that_doit_runs_in_is_copied(tmp_path: Path) -> None:
    site = site_a(tmp_path)

    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", IN_A_PROCESS_OF_ITS_OWN, site.root],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert (run.stdout.split(), run.stderr) == ([str(len(SAMPLE_A)), "True"], "")


def kill_me() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def stop_me() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)


def want_of_memory() -> None:
    raise MemoryError


def refusal() -> None:
    raise PermissionError


@pytest.mark.usefixtures("small_shares", "nothing_left")
@pytest.mark.parametrize("mishap", [kill_me, stop_me, want_of_memory, refusal, sys.exit])
def test_what_a_process_leaves_undone_is_done_all_the_same(
    site: Site,
    forks: list[int],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    mishap: Callable[[], object],
) -> None:
    expected = look_at(site, 1)
    suffers = in_a_helper(mishap)
    take_one = stamps._stamp

    def stamp(name: str, folder: int) -> bytes:
        if name.endswith("7"):  # having done some, and begun on others
            suffers()
        elif os.getpid() == here:
            time.sleep(0.001)  # so that the helpers get to do some
        return take_one(name, folder)

    here = os.getpid()
    monkeypatch.setattr(stamps, "_stamp", stamp)

    found = look_at(site, 3)

    assert forks
    assert found == expected
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("small_shares", "nothing_left")
def test_where_no_process_can_be_started_this_one_does_all(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = look_at(site, 1)

    def refuse() -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", refuse)

    assert look_at(site, 4) == expected


@pytest.mark.usefixtures("small_shares", "nothing_left")
def test_who_is_interrupted_leaves_no_process_behind(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    sleeps = in_a_helper(lambda: time.sleep(60))

    def share(_work: _Work) -> None:
        if not sleeps():
            raise KeyboardInterrupt

    monkeypatch.setattr(_Work, "share", share)
    begun = time.monotonic()

    with pytest.raises(KeyboardInterrupt):
        look_at(site, 3)

    assert time.monotonic() - begun < 30


@pytest.mark.usefixtures("small_shares", "nothing_left")
def test_who_is_asked_to_end_while_helpers_are_at_work_ends_with_them() -> None:
    def end(_number: int, _frame: object) -> None:
        raise InterruptedError

    before = signal.signal(signal.SIGALRM, end)
    try:
        with pytest.raises(InterruptedError), Helpers() as others:  # noqa: PT012  # waiting for them is what is left
            others.start(lambda: time.sleep(60))
            assert others.busy() == 1
            signal.setitimer(signal.ITIMER_REAL, 0.05)
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("small_shares", "nothing_left")
def test_helpers_that_nobody_can_wait_for_are_waited_for_all_the_same() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with Helpers() as others:
            others.start(lambda: None)
    finally:
        signal.signal(signal.SIGCHLD, before)


@pytest.mark.parametrize("processes", [1, 3])
@pytest.mark.usefixtures("small_shares", "nothing_left")
def test_what_goes_while_we_look_is_not_listed(site: Site, monkeypatch: pytest.MonkeyPatch, processes: int) -> None:
    opened = _Work._opened
    here = os.getpid()

    def remove(work: _Work, folder: Folder) -> object:
        if os.getpid() == here and (site.root / "b").exists():
            site.remove("a/03", "a/19", *(f"b/{n:02}" for n in range(20)))
            (site.root / "b").rmdir()
        while (site.root / "b").exists():
            time.sleep(0.001)
        return opened(work, folder)

    monkeypatch.setattr(_Work, "_opened", remove)

    found = look_at(site, processes)

    monkeypatch.undo()
    assert found == look_at(site, 1)
    assert [(folder.path, len(folder.names)) for folder in found.folders] == [("a", 18), ("c", 20)]
    assert found.unreadable == {}


@pytest.mark.usefixtures("small_shares")
@pytest.mark.parametrize("processes", [1, 3])
def test_a_folder_that_tells_names_only_is_unreadable_and_not_empty(processes: int) -> None:
    with ordinary_user() as folder:
        site = Site(folder, Anything()).write({f"{folder}/{n:02}": b"" for folder in "ab" for n in range(20)})
        (site.root / "a").chmod(0o444)

        found = look_at(site, processes)

        assert found.unreadable == {"a": "Permission denied"}
        assert [(folder.path, len(folder.names)) for folder in found.folders] == [("b", 20)]


def test_a_helper_ends_when_its_original_was_killed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    monkeypatch.setattr(stamps, "_PART_FILES", 3)
    folders = look_at(site, 1).folders

    def stamp(name: str, _folder: int) -> bytes:
        taken.append(name)
        return bytes(STAMP.size)

    monkeypatch.setattr(stamps, "_stamp", stamp)
    work = _Work(str(site.root), folders)
    monkeypatch.setattr(os, "getppid", lambda: 1)
    monkeypatch.setattr(os, "getpid", lambda: 2)

    work.share()

    assert len(taken) == 3
