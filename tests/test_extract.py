"""extract: what each file says, read whole and unchanged or not at all; in this process or in several."""

from __future__ import annotations

import errno
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import Pipe
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from struct import Struct
from typing import Any

import pytest

from sigid.errors import Reason, Rejected, SigidError
from sigid.pipeline import apart, pool, study, workers
from sigid.pipeline import extract as extract_module
from sigid.pipeline.crew import InThisProcess
from sigid.pipeline.extract import Batch, Extracted, Plain, Task, extract, read_file
from sigid.pipeline.facts import STAMP, hash_of, stamp_of
from sigid.pipeline.interpret import File, Job, Reading, interpret
from sigid.pipeline.load import load
from sigid.pipeline.workers import executor, in_order
from sigid.sources.formats import Format, hwr
from sigid.sources.formats.png import Picture
from sigid.sources.source_a import SourceA
from tests import poisonous
from tests.at_workers import failing
from tests.trees import THREE_POINTS, Site, in_batches_of, ordinary_user, picture, site_a, trajectories, trajectory

PROJECT = Path(__file__).parents[1]


def read(root: Path, path: str, format_: Format = Format.HWR, known: bytes = b"", *, blank: bool = False) -> Extracted:
    """What extraction makes of one file."""
    (extracted,) = extract(Batch(str(root), blank, [Task(path, format_, known)]))
    return extracted


def test_a_trajectory_is_its_points_column_by_column(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(THREE_POINTS)

    extracted = read(tmp_path, "file")

    assert isinstance(extracted.said, bytes)
    assert list(array("d", extracted.said)) == [1, 4, 7, 2, 5, 8, 3, 6, 9]
    assert extracted.content_hash == hash_of(THREE_POINTS)
    assert extracted.stamp == stamp_of((tmp_path / "file").stat())
    assert extracted.size == len(THREE_POINTS)


def test_a_picture_is_its_size_and_mode(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(picture(width=7, height=5))

    assert read(tmp_path, "file", Format.PNG).said == Picture(7, 5, "L")


def test_an_invalid_file_is_a_rejection_with_the_hash_of_its_content(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"1,2")

    extracted = read(tmp_path, "file")

    assert extracted.rejection == extracted.said
    assert extracted.rejection
    assert extracted.rejection[0] is Reason.WRONG_COLUMN_COUNT
    assert extracted.content_hash == hash_of(b"1,2")


def test_known_content_is_not_parsed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract_module, "_parse", lambda *_: pytest.fail("it is known"))
    (tmp_path / "file").write_bytes(b"neither valid nor looked at")

    extracted = read(tmp_path, "file", known=hash_of(b"neither valid nor looked at"))

    assert (extracted.said, extracted.rejection) == (Plain.SAME, None)


@pytest.mark.parametrize(
    ("format_", "blank", "outcome"),
    [
        (Format.PNG, True, Plain.BLANK),
        (Format.PNG, False, Reason.EMPTY),
        (Format.HWR, True, Reason.EMPTY),
        (Format.HWR, False, Reason.EMPTY),
    ],
)
def test_only_a_picture_may_be_blank_and_only_where_the_source_says_so(
    tmp_path: Path, format_: Format, blank: bool, outcome: Plain | Reason
) -> None:
    (tmp_path / "file").touch()

    extracted = read(tmp_path, "file", format_, blank=blank)

    assert (extracted.rejection[0] if extracted.rejection else extracted.said) == outcome


def test_outcomes_are_in_the_order_of_the_files_whatever_their_folders(tmp_path: Path) -> None:
    paths = ["a/1", "b/1", "a/2", "top", "b/c/1", "b/2"]
    for n, path in enumerate(paths):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(trajectory((n, n, n)))

    extracted = extract(Batch(str(tmp_path), False, [Task(path, Format.HWR, b"") for path in paths]))

    assert [array("d", each.said)[0] for each in extracted if isinstance(each.said, bytes)] == [*range(6)]


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_bytes(THREE_POINTS)
    (tmp_path / "link").symlink_to("a")
    tasks = [Task(path, Format.HWR, b"") for path in ("a/file", "link/file", "none/file", "a/file/file", "a/none", "a")]
    before = os.listdir("/proc/self/fd")

    extract(Batch(str(tmp_path), False, tasks))

    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize(
    "path", ["link", "folder/link", "to_folder/file", "folder/to_above/folder/file", "loop", "dead"]
)
def test_no_part_of_a_path_is_followed_if_it_is_a_link(tmp_path: Path, path: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_bytes(THREE_POINTS)
    (tmp_path / "folder" / "link").symlink_to("file")
    (tmp_path / "folder" / "to_above").symlink_to("..")
    (tmp_path / "link").symlink_to("folder/file")
    (tmp_path / "to_folder").symlink_to("folder")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dead").symlink_to("nowhere")

    extracted = read(tmp_path, path)

    assert extracted.rejection
    assert extracted.rejection[0] is Reason.SYMLINK
    assert extracted.content_hash == b""


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume" / "file").write_bytes(THREE_POINTS)
    (tmp_path / "root").symlink_to("volume")

    assert isinstance(read(tmp_path / "root", "file").said, bytes)


def test_a_pipe_a_socket_a_device_and_a_folder_are_told_from_a_file_without_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")

        outcomes = [read(tmp_path, path).said for path in ("pipe", "folder", "socket")]

    assert [*outcomes, read(Path("/dev"), "zero").said] == [(Reason.NOT_REGULAR, "it is no regular file")] * 4


@pytest.mark.parametrize("format_", Format)
def test_a_file_that_is_too_large_is_refused_without_being_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_: Format
) -> None:
    with (tmp_path / "file").open("wb") as file:
        file.truncate(10 * 2**30)
    monkeypatch.setattr(os, "read", lambda *_: pytest.fail("it is too large"))

    extracted = read(tmp_path, "file", format_)

    detail = f"{10 * 2**30} bytes; a {format_} has at most {format_.max_bytes}"
    assert extracted.said == (Reason.TOO_LARGE, detail)


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 131_072, 3_000_000])
def test_a_file_of_any_size_is_read_whole(tmp_path: Path, size: int) -> None:
    content = bytes(range(251)) * (size // 251 + 1)
    (tmp_path / "file").write_bytes(content[:size])

    assert read_file(str(tmp_path), "file", "file", size) == (content[:size], stamp_of((tmp_path / "file").stat()))


def test_a_large_file_takes_no_more_memory_than_it_has_bytes(tmp_path: Path) -> None:
    # It was read in pieces, and took twice its size when they were joined: a picture of 256 MB took 560 MB.
    size = 16 * 2**20
    (tmp_path / "file").write_bytes(bytes(size))

    tracemalloc.start()
    try:
        read_file(str(tmp_path), "file", "file", size)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 1.1 * size


def test_a_file_that_is_gone_is_no_rejection(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()

    for path in ("file", "folder/file", "nowhere/file"):
        assert read(tmp_path, path) == Extracted(Plain.GONE)
    assert read(tmp_path / "nowhere", "file") == Extracted(Plain.GONE)


def test_a_file_that_may_not_be_read_is_unreadable() -> None:
    with ordinary_user() as folder:
        (folder / "folder").mkdir()
        (folder / "folder" / "file").write_bytes(THREE_POINTS)
        (folder / "file").write_bytes(THREE_POINTS)
        (folder / "file").chmod(0)
        (folder / "folder").chmod(0)

        assert read(folder, "file") == Extracted((Reason.UNREADABLE, "Permission denied"))
        assert read(folder, "folder/file") == Extracted((Reason.UNREADABLE, "Permission denied"))

        (folder / "folder").chmod(0o700)


def test_a_file_that_the_disk_cannot_give_is_tried_again_and_then_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(THREE_POINTS)
    tries = Counter[str]()

    def failing(*_: object) -> bytes:
        tries["read"] += 1
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "read", failing)

    assert read(tmp_path, "file") == Extracted((Reason.UNREADABLE, "Input/output error"))
    assert tries["read"] == 3


def test_a_file_for_which_the_memory_does_not_suffice_is_rejected_and_the_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(THREE_POINTS)
    (tmp_path / "b").write_bytes(picture())

    def greedy(_content: bytes) -> None:
        raise MemoryError

    monkeypatch.setattr(hwr, "read_hwr", greedy)

    one, other = extract(Batch(str(tmp_path), False, [Task("a", Format.HWR, b""), Task("b", Format.PNG, b"")]))

    assert one.rejection == (Reason.TOO_LARGE, "23 bytes are more than this machine's memory can take")
    assert isinstance(other.said, Picture)


# Files that others write meanwhile


def interrupted(monkeypatch: pytest.MonkeyPatch, times: int, change: Callable[[], object]) -> None:
    """Have the file change after it was read and before it is closed, that many times."""
    left = iter(range(times))
    undisturbed = extract_module._read

    def read_and_change(descriptor: int, size: int) -> bytes:
        content = undisturbed(descriptor, size)
        if next(left, None) is not None:
            change()
        return content

    monkeypatch.setattr(extract_module, "_read", read_and_change)


CHANGES: dict[str, Callable[[Path], object]] = {
    "rewritten": lambda file: file.write_bytes(b"4,5,6\n"),
    "rewritten with its date kept": lambda file: os.utime(file, (file.write_bytes(b"4,5,6\n"), 0)),
    "appended to": lambda file: file.open("ab").write(b"4,5,6\n"),
    "cut short": lambda file: os.truncate(file, 0),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_file_that_changes_once_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], object]
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"1,2,3\n")
    time.sleep(0.03)  # it would be read again all the same if it had changed just before
    interrupted(monkeypatch, 1, lambda: change(file))

    content, _ = read_file(str(tmp_path), "file", "file", 1000)

    assert content == file.read_bytes() != b"1,2,3\n"


def test_a_file_that_does_not_stand_still_is_unstable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"1,2,3\n")
    interrupted(monkeypatch, 3, lambda: (tmp_path / "file").write_bytes(b"4,5,6\n"))

    assert read(tmp_path, "file") == Extracted((Reason.UNSTABLE, "it changed while it was read, 3 times"))


def test_a_file_that_grows_is_not_read_beyond_the_size_it_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100)
    parts = Counter[str]()
    whole_read = os.read

    def growing(descriptor: int, size: int) -> bytes:
        with (tmp_path / "file").open("ab") as file:
            file.write(b"x" * 200_000)
        part = whole_read(descriptor, size)
        parts["bytes"] += len(part)
        return part

    monkeypatch.setattr(os, "read", growing)

    with pytest.raises(Rejected) as caught:
        read_file(str(tmp_path), "file", "file", 300_000)

    assert caught.value.reason in (Reason.UNSTABLE, Reason.TOO_LARGE)
    assert parts["bytes"] <= 101 + 200_101


def test_a_read_that_ends_before_the_file_does_is_not_taken_for_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(THREE_POINTS)
    whole_read = os.read
    monkeypatch.setattr(os, "read", lambda descriptor, size: whole_read(descriptor, size)[:-1])

    assert read(tmp_path, "file") == Extracted((Reason.UNSTABLE, "it changed while it was read, 3 times"))


def test_a_file_that_another_replaces_while_it_is_read_is_the_one_or_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"1,2,3\n")
    (tmp_path / "new").write_bytes(b"4,5,6\n")
    time.sleep(0.03)
    interrupted(monkeypatch, 1, lambda: (tmp_path / "new").replace(tmp_path / "file"))

    content, stamp = read_file(str(tmp_path), "file", "file", 1000)

    assert content in (b"1,2,3\n", b"4,5,6\n")
    assert (stamp == stamp_of((tmp_path / "file").stat())) == (content == b"4,5,6\n")


@pytest.mark.parametrize("becomes", [None, b"4,5,6\n"], ids=["removed", "replaced"])
def test_a_file_that_is_another_when_its_turn_comes_is_read_as_it_is_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, becomes: bytes | None
) -> None:
    # Files are opened some together, before the first of them is read.
    for name in ("first", "second"):
        (tmp_path / name).write_bytes(b"1,2,3\n")
    (tmp_path / "new").write_bytes(becomes or b"")
    time.sleep(0.03)
    second = tmp_path / "second"

    def change() -> None:
        if becomes:
            (tmp_path / "new").replace(second)
        else:
            second.unlink()
        time.sleep(0.03)

    interrupted(monkeypatch, 1, change)
    before = os.listdir("/proc/self/fd")

    _, extracted = extract(Batch(str(tmp_path), False, [Task(name, Format.HWR, b"") for name in ("first", "second")]))

    assert extracted.content_hash == (hash_of(becomes) if becomes else b"")
    assert (extracted.said is Plain.GONE) == (becomes is None)
    assert os.listdir("/proc/self/fd") == before


def test_a_file_that_a_network_has_no_more_when_its_turn_comes_is_opened_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What had been opened ahead stayed open: as many of a worker's descriptors were lost."""
    (tmp_path / "file").write_bytes(b"1,2,3\n")
    time.sleep(0.03)
    before = os.listdir("/proc/self/fd")
    fstat, asked = os.fstat, []

    def stale_at_first(descriptor: int) -> os.stat_result:
        asked.append(descriptor)
        if len(asked) == 1:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return fstat(descriptor)

    monkeypatch.setattr(os, "fstat", stale_at_first)
    (extracted,) = extract(Batch(str(tmp_path), False, [Task("file", Format.HWR, b"")]))

    assert extracted.content_hash == hash_of(b"1,2,3\n")
    assert os.listdir("/proc/self/fd") == before


def test_where_few_files_may_be_open_all_are_read(tmp_path: Path) -> None:
    # Those that are opened ahead of their turn must leave room for the others.
    names = [f"{folder}/{number}" for number in range(60) for folder in ("a", "b")]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(THREE_POINTS)
    program = (
        "import os, resource, sys; from sigid.pipeline.extract import Batch, Task, extract; "
        "from sigid.sources.formats import Format; "
        "_, hard = resource.getrlimit(resource.RLIMIT_NOFILE); "
        "resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir('/proc/self/fd')) + 8, hard)); "
        "read = extract(Batch(sys.argv[1], False, [Task(name, Format.HWR, b'') for name in sys.argv[2:]])); "
        "print(sum(isinstance(each.said, bytes) for each in read))"
    )

    done = subprocess.run([sys.executable, "-c", program, str(tmp_path), *names], capture_output=True, text=True)

    assert done.stdout == "120\n", done.stderr


def test_a_read_that_outlasts_the_tick_of_a_coarse_clock_is_not_taken_for_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whether a later change would show in the stamp was asked after the read: if that took longer than the clock's
    # tick, a write in the tick of the one before the read went unseen.
    file = tmp_path / "file"
    tick = 10_000_000

    def coarse_stamp(status: os.stat_result) -> bytes:
        modified, changed = status.st_mtime_ns // tick * tick, status.st_ctime_ns // tick * tick
        return STAMP.pack(status.st_size, modified, changed, status.st_ino)

    def rewrite_and_wait() -> None:
        file.write_bytes(b"4,5,6\n")
        time.sleep(0.03)

    monkeypatch.setattr(extract_module, "stamp_of", coarse_stamp)
    interrupted(monkeypatch, 1, rewrite_and_wait)
    file.write_bytes(b"1,2,3\n")

    content, _ = read_file(str(tmp_path), "file", "file", 1000)

    assert content == b"4,5,6\n"


VERSIONS = [bytes([letter]) * 400_000 for letter in b"abcdef"]


def write_in_place(file: Path, content: bytes) -> None:
    with file.open("r+b") as opened:
        for start in range(0, len(content), 100_000):
            opened.write(content[start : start + 100_000])
            opened.flush()
            time.sleep(0.02)  # a twentieth of that, see below


def write_truncating(file: Path, content: bytes) -> None:
    with file.open("wb") as opened:
        for start in range(0, len(content), 100_000):
            opened.write(content[start : start + 100_000])
            opened.flush()
            time.sleep(0.02)


def write_replacing(file: Path, content: bytes) -> None:
    file.with_name("aside").write_bytes(content)
    file.with_name("aside").replace(file)


@contextmanager
def writing(write: Callable[[Path, bytes], None], file: Path) -> Iterator[list[tuple[float, float]]]:
    """Write the versions again and again, with a rest after each.

    Gives the times when a version stayed half written for so long that nobody can tell it from a whole one.
    """
    done = threading.Event()
    halting: list[tuple[float, float]] = []

    def work() -> None:
        while not done.is_set():
            for content in VERSIONS:
                begun = time.monotonic()
                write(file, content)
                if time.monotonic() - begun > 0.01:  # it rests for 20 ms by a clock that may be 10 ms behind
                    halting.append((begun, time.monotonic()))
                done.wait(0.03)

    writer = threading.Thread(target=work)
    writer.start()
    try:
        yield halting
    finally:
        done.set()
        writer.join()


@pytest.mark.parametrize("write", [write_in_place, write_truncating, write_replacing])
def test_no_torn_read_is_taken_for_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path, bytes], None]
) -> None:
    file = tmp_path / "file"
    file.write_bytes(VERSIONS[0])
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(seconds / 20))
    outcomes = Counter[str]()
    torn = []

    with writing(write, file) as halting:
        while outcomes["unstable"] < 150 or outcomes["whole"] < 150:
            begun = time.monotonic()
            try:
                content, _stamp = read_file(str(tmp_path), "file", "file", 10**6)
            except Rejected as rejected:
                outcomes[rejected.reason] += 1
            else:
                outcomes["whole"] += 1
                if content not in VERSIONS:
                    torn.append((begun, time.monotonic()))

    assert set(outcomes) == {"whole", "unstable"}
    assert [(a, b) for a, b in torn if not any(c < b and a < d for c, d in halting)] == []


# Processes


def test_few_files_are_read_in_this_process(tmp_path: Path) -> None:
    settings = Site(tmp_path).using(workers=8).settings

    with executor(settings, 2 * workers.FILES_WORTH_A_PROCESS - 1) as chosen:
        assert isinstance(chosen, InThisProcess)


def test_one_worker_is_this_process(tmp_path: Path) -> None:
    with executor(Site(tmp_path).using(workers=1).settings, 10**6) as chosen:
        assert isinstance(chosen, InThisProcess)


def test_results_come_in_the_order_of_the_jobs_and_few_are_under_way() -> None:
    under_way = Counter[str]()
    most = []

    def jobs() -> Iterator[tuple[int, float]]:
        for n in range(40):
            under_way["jobs"] += 1
            most.append(under_way["jobs"])
            yield n, (n * 7919 % 5) / 1000

    def wait(seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    with ThreadPoolExecutor(4) as pool:
        results = []
        for label, waited in in_order(pool, wait, jobs(), lambda: 6):
            under_way["jobs"] -= 1
            results.append((label, waited))

    assert results == [(n, (n * 7919 % 5) / 1000) for n in range(40)]
    assert max(most) <= 7  # the six, and the one that is being handed over


def test_an_error_in_a_job_is_raised_where_its_result_is_asked_for() -> None:
    results = in_order(InThisProcess(), lambda n: 1 // n, [("one", 1), ("none", 0)], lambda: 2)

    assert next(results) == ("one", 1)
    with pytest.raises(ZeroDivisionError):
        next(results)


@pytest.fixture
def two_workers(monkeypatch: pytest.MonkeyPatch) -> list[ProcessPoolExecutor]:
    """Small loads take two processes, in small batches; gives the pools that are made."""
    pools: list[ProcessPoolExecutor] = []

    class Pool(ProcessPoolExecutor):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            pools.append(self)

    monkeypatch.setattr(pool, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(workers, "FILES_WORTH_A_PROCESS", 5)
    in_batches_of(10, monkeypatch.setattr)
    return pools


def test_two_processes_say_what_one_says(tmp_path: Path, two_workers: list[ProcessPoolExecutor]) -> None:
    site = site_a(tmp_path, trajectories(range(120))).using(workers=2)
    alone = site.afresh()

    site.load()
    alone.load()

    assert len(two_workers) == 1
    assert site.digest() == alone.digest()
    assert site.catalog()["signatures"] == 120


# Processes that crash and hang


@pytest.fixture
def forking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few files are read in a copy of this process, though libraries have started threads that no load starts."""
    monkeypatch.setattr(workers, "has_one_thread", lambda: True)


DEATHS = {
    poisonous.crashing: "died (SIGSEGV), perhaps for want of memory",
    poisonous.killed: "died (SIGKILL), perhaps for want of memory",
    poisonous.ending: "died (without a word), perhaps for want of memory",
    poisonous.exhausting: "died (without a word), perhaps for want of memory",
    poisonous.hanging: "had not ended after 1 s",
    poisonous.stopped: "had not ended after 1 s",
}


@pytest.mark.parametrize("way", ["forking", "two_workers"])
@pytest.mark.parametrize(("read", "end"), DEATHS.items(), ids=[each.__name__ for each in DEATHS])
def test_a_file_over_which_the_processes_die_or_hang_that_read_it_is_unreadable_and_the_rest_is_loaded(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    way: str,
    read: Callable[[Job], list[Reading]],
    end: str,
) -> None:
    # A load of few files ended by a signal, without a word; one of many with a line. Each time again, at that file.
    request.getfixturevalue(way)
    site = site_a(tmp_path, trajectories(range(60))).using(workers=2)
    monkeypatch.setattr(study, "interpret", read)
    if end.endswith("1 s"):
        monkeypatch.setattr(apart, "SECONDS", 1)
        monkeypatch.setattr(pool.Pool, "seconds", 2)

    loaded = site.load()

    assert loaded.problem is None
    assert (loaded.counts.added, loaded.counts.rejected) == (58, 2)
    assert site.details() == {
        f"Online/Genuine/{name}": f"the process that read it {end}, twice" for name in poisonous.NAMES
    }
    assert set(site.rejections().values()) == {Reason.UNREADABLE}


@pytest.mark.usefixtures("forking")
def test_a_file_over_which_a_process_died_is_read_again_by_the_next_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = site_a(tmp_path, trajectories(range(20)))
    with monkeypatch.context() as patched:
        patched.setattr(study, "interpret", poisonous.ending)
        site.load()

    assert site.counts() == {"added": 1, "unchanged": 19}
    assert site.digest() == site.clean_digest()


@pytest.mark.usefixtures("forking")
def test_a_process_that_is_killed_once_costs_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = site_a(tmp_path, trajectories(range(60)))

    def once(job: Job) -> list[Reading]:
        if (tmp_path / "died").exists():
            return interpret(job)
        (tmp_path / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
        pytest.fail("nobody survives that")

    monkeypatch.setattr(study, "interpret", once)

    assert site.counts() == {"added": 60}
    assert (tmp_path / "died").exists()


@pytest.mark.usefixtures("forking")
def test_a_mistake_of_ours_in_a_process_apart_is_raised_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = site_a(tmp_path, trajectories(range(5)))
    monkeypatch.setattr(study, "interpret", failing)

    with pytest.raises(ZeroDivisionError, match="a mistake of ours"):
        site.load()


def lingering(job: Job) -> list[Reading]:
    """Puts down that it was here, and stays."""
    (Path(job.root) / str(os.getpid())).touch()
    time.sleep(60)
    return []


def begun(folder: Path, count: int) -> list[int]:
    """The processes that have put themselves down there, as soon as they are so many."""
    deadline = time.monotonic() + 30
    while len(found := [int(each.name) for each in folder.iterdir()]) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def job_below(folder: Path) -> Job:
    return Job(str(folder), SourceA(), SourceA(), None, [File("Online/Genuine/001_1.HWR")])


@pytest.mark.usefixtures("forking")
def test_processes_apart_begin_before_their_results_are_asked_for_and_end_with_the_load(tmp_path: Path) -> None:
    with executor(Site(tmp_path).using(workers=2).settings, 1) as apart_:
        assert apart_.ahead == 2
        for _ in range(2):
            apart_.submit(lingering, job_below(tmp_path))
        processes = begun(tmp_path, 2)

    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def telling(job: Job) -> list[Reading]:
    """Says more of a file than a pipe takes, and puts down that it was here."""
    for file in job.files:
        (Path(job.root) / file.path).touch()
    return [Reading((Reason.UNREADABLE, "x" * 2**20)) for _ in job.files]


@pytest.mark.usefixtures("forking")
def test_a_process_apart_reads_on_while_nobody_takes_what_it_says(tmp_path: Path) -> None:
    """It waited, once its pipe was full, and while what another one had said was written, nothing was read."""
    files = [File(str(number)) for number in range(50)]
    with executor(Site(tmp_path).settings, len(files)) as apart_:
        said = apart_.submit(telling, job_below(tmp_path)._replace(files=files))
        deadline = time.monotonic() + 30
        while not (tmp_path / files[-1].path).exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)

        assert said.result() == telling(job_below(tmp_path)._replace(files=files))


@pytest.mark.parametrize("end", ["stops", "dies"])
def test_a_process_may_end_in_the_middle_of_an_answer(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    # The load waited for ever for the rest of what a stopped process had begun to send.
    monkeypatch.setattr(apart, "SECONDS", 0.1)
    answers, theirs = Pipe(duplex=False)
    answer = pickle.dumps(["a result"])
    os.write(theirs.fileno(), Struct("Q").pack(len(answer)) + answer + Struct("Q").pack(len(answer)) + answer[:5])
    if end == "dies":
        theirs.close()

    received = apart.Answers(answers)

    assert received.next() == ["a result"]
    with pytest.raises(TimeoutError if end == "stops" else EOFError):
        received.next()


@pytest.mark.parametrize("end", [signal.SIGSTOP, signal.SIGKILL])
def test_a_worker_may_end_in_the_middle_of_a_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, two_workers: list[ProcessPoolExecutor], end: signal.Signals
) -> None:
    # The pool waited for ever for the rest of the result, and the load for the pool.
    monkeypatch.setattr(pool.Pool, "seconds", 2)
    site = site_a(tmp_path, trajectories(range(60))).using(workers=2)
    site.scan()
    halved = False

    def halve(_done: int, _total: int) -> None:
        nonlocal halved
        if not halved:
            halved = True
            executor: Any = two_workers[-1]
            for pid in executor._processes:
                os.kill(pid, end)
            os.write(executor._result_queue._writer.fileno(), b"\x00\x00\x10\x00half")

    loaded = load(site.source, site.settings, progress=halve)

    assert (loaded.problem, loaded.counts.added) == (None, 60)
    assert site.digest() == site.clean_digest()


def test_a_worker_that_is_stopped_when_all_is_read_is_not_waited_for(
    tmp_path: Path, two_workers: list[ProcessPoolExecutor]
) -> None:
    # The load never came to its end.
    site = site_a(tmp_path, trajectories(range(60))).using(workers=2)
    site.scan()

    def stop(done: int, total: int) -> None:
        executor: Any = two_workers[-1]
        for pid in executor._processes if done == total else ():
            os.kill(pid, signal.SIGSTOP)

    assert load(site.source, site.settings, progress=stop).counts.added == 60


@pytest.mark.usefixtures("two_workers")
@pytest.mark.parametrize("times", [1, 1000])
def test_what_starts_the_workers_may_be_killed_while_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    # The load ended with a traceback: EOFError.
    site = site_a(tmp_path, trajectories(range(60))).using(workers=2)
    start, starts = ForkServerProcess.start, Counter[str]()

    def fail(process: ForkServerProcess) -> None:
        starts["all"] += 1
        if starts["all"] <= times:
            raise EOFError("unexpected EOF")
        start(process)

    monkeypatch.setattr(ForkServerProcess, "start", fail)

    if times == 1:
        assert site.counts() == {"added": 60}
    else:
        with pytest.raises(
            SigidError, match=r"^no process that reads files can be started \(unexpected EOF\); run again$"
        ):
            site.load()


def test_workers_that_are_killed_again_and_again_cost_no_file(
    tmp_path: Path, two_workers: list[ProcessPoolExecutor]
) -> None:
    # A killed worker ended the load: one file over which workers died kept all that came after it out for good.
    site = site_a(tmp_path, trajectories(range(120))).using(workers=2)
    site.scan()

    def kill(_done: int, _total: int) -> None:
        for process in list(two_workers[-1]._processes.values()):
            process.kill()

    loaded = load(site.source, site.settings, progress=kill)

    assert (loaded.problem, loaded.counts.added) == (None, 120)
    assert len(two_workers) > 2  # what was read when they were killed had been said by then
    assert site.digest() == site.clean_digest()


UNGUARDED = """
import sys
from pathlib import Path

from sigid.pipeline import workers
from tests.trees import Site, in_batches_of

print("here is the script")
workers.FILES_WORTH_A_PROCESS = 5
print(Site(Path(sys.argv[1])).using(workers=2).load().counts.added)
"""


def test_a_script_needs_no_guard_around_what_it_does(tmp_path: Path) -> None:
    site_a(tmp_path, trajectories(range(120)))
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)

    run = subprocess.run(
        [sys.executable, script, tmp_path],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(PROJECT), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (run.stdout, run.stderr, run.returncode) == ("here is the script\n120\n", "", 0)


GIVING_UP = """
import sys
from pathlib import Path

from sigid.pipeline import workers
from sigid.warehouse.sqlite import SqliteSession
from tests.trees import Site, in_batches_of

def give_up(*_):
    raise OSError("there is no room")

workers.has_one_thread = lambda: True  # but for those of libraries, which no load starts
SqliteSession.put = give_up
in_batches_of(100)
try:
    Site(Path(sys.argv[1])).using(workers=2).load()
except OSError as error:
    told = error
print(told)
"""


def test_a_load_that_fails_while_its_readers_pipes_are_full_ends(tmp_path: Path) -> None:
    """It told that the disk was full, or nothing where it was stopped, and then waited for them for ever."""
    drawn = trajectory(*((n, n, n) for n in range(1500)))
    site_a(tmp_path, {f"Online/Genuine/{n:03}_1.HWR": b"%d,0,0\n" % n + drawn for n in range(1, 401)})

    run = subprocess.run(
        [sys.executable, "-c", GIVING_UP, tmp_path],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (run.stdout, run.stderr, run.returncode) == ("there is no room\n", "", 0)


STUCK = """
import sys
import time
from pathlib import Path

from sigid.pipeline import pool, workers
from sigid.pipeline.load import load
from tests.trees import Site, in_batches_of

workers.FILES_WORTH_A_PROCESS = 5
in_batches_of(10)
pools = []

class Pool(pool.ProcessPoolExecutor):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        pools.append(self)

def wait(done, total):
    print(*pools[0]._processes, flush=True)
    time.sleep(60)

pool.ProcessPoolExecutor = Pool
site = Site(Path(sys.argv[1])).using(workers=2)
site.scan()
load(site.source, site.settings, progress=wait)
"""


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_workers_of_a_killed_load_end_and_the_next_load_need_not_wait_for_them(tmp_path: Path) -> None:
    site = site_a(tmp_path, trajectories(range(120)))
    killed = subprocess.Popen(
        [sys.executable, "-c", STUCK, tmp_path], cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with killed:
        assert killed.stdout
        pids = [int(pid) for pid in killed.stdout.readline().split()]
        killed.kill()
    assert len(pids) == 2

    counts = site.counts()

    assert counts == {"added": 110, "unchanged": 10}
    deadline = time.monotonic() + 30
    while any(map(is_running, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(is_running, pids))
