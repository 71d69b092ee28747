"""The benchmark does what it says, on a few files; nothing here looks at how long anything takes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from array import array
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from dev.benchmark.contestants import CONTESTANTS
from dev.benchmark.contestants.base import Loader, Place, Verdict
from dev.benchmark.contestants.git import Git
from dev.benchmark.environment import RivalsEnvironment
from dev.benchmark.machine import file_system
from dev.benchmark.match import Outcome
from dev.benchmark.measure import Command, Run, Usage, descendants, high_water, resident
from dev.benchmark.programs.parsing import parse
from dev.benchmark.report import Entry, Table, costs_table, faults, figure, middle, seconds_table, spread_of_seconds
from dev.benchmark.scenario import Scenario
from dev.benchmark.tree import NONE, Alteration, Tree
from sigid.sources.formats.hwr import read_hwr
from sigid.sources.formats.png import read_png

PROJECT = Path(__file__).parents[1]
FILES = 40


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the benchmark that holds its files already."""
    folder = tmp_path_factory.mktemp("bench")
    Tree.of(FILES, folder)
    return folder


@pytest.fixture
def tree(data: Path, tmp_path: Path) -> Tree:
    """A tree that may be altered."""
    shutil.copytree(data, tmp_path / "bench")
    return Tree.of(FILES, tmp_path / "bench")


def bench(data: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "dev.benchmark", "--files", str(FILES), "--rounds", "1", "--settle", "0"),
            *("--data", str(data), *arguments),
        ],
        cwd=PROJECT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_sigid_find_and_the_floor_are_measured_and_do_their_work(data: Path) -> None:
    ran = bench(data, "--only", "find", "floor", "--markdown")

    assert ran.returncode == 0, ran.stderr
    rows = [line.split(" | ")[0] for line in ran.stdout.splitlines() if line.startswith("| ")]
    assert (
        rows.count("| sigid") == rows.count("| find -printf") == rows.count("| floor: read, xxh3, parse, insert") == 2
    )
    assert "Not as it should be" not in ran.stdout
    assert f"- files: {FILES}; rounds: 1; " in ran.stdout
    assert not (data / "states").exists()


def test_sigid_knows_what_was_changed_and_removed(data: Path) -> None:
    ran = bench(data, "--only", "sigid", "--markdown")

    assert ran.returncode == 0, ran.stderr
    (sigid, _) = (line for line in ran.stdout.splitlines() if line.startswith("| sigid |"))
    assert sigid.endswith(" | yes |")
    assert " read, not written |" in ran.stdout
    assert "*" not in sigid
    assert len(Tree.of(FILES, data).paths) == FILES


def test_who_takes_too_long_is_reported_and_does_not_end_the_benchmark(data: Path) -> None:
    ran = bench(data, "--only", "list", "--limit", "0.001", "--markdown")

    assert ran.returncode == 0, ran.stderr
    assert "| sigid | over 0.001 s* |\n" in ran.stdout
    assert "\n- list, doit list: over 0.001 s; its last line: (none)\n" in ran.stdout
    assert "Peak memory" not in ran.stdout


def test_a_program_that_is_not_there_is_skipped_with_a_line(data: Path) -> None:
    ran = bench(data, "--only", "git", "find", "list", PATH="/nowhere")

    assert ran.returncode == 0, ran.stderr
    assert "\n- git: git is not installed\n- find: find is not installed\n" in ran.stdout
    assert "git add" not in ran.stdout


def test_rivals_that_cannot_be_installed_are_skipped_with_what_pip_says(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom dev.benchmark.environment import RivalsEnvironment\n"
        "print(RivalsEnvironment(Path(sys.argv[1])).trouble)"
    )

    ran = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "rivals"],
        cwd=PROJECT,
        env=os.environ | {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""},
        check=True,
        capture_output=True,
        text=True,
    )

    assert ran.stdout.startswith("it could not be installed: ")
    assert "No matching distribution found for cocoindex" in ran.stdout
    assert not (tmp_path / "rivals" / "requirements.txt").exists()


def measured(program: str, limit: float, output: Path) -> dict[str, float | None]:
    """What `measure` finds out about a program of Python, in a process that has no other children."""
    starter = (
        "import json, os, sys\n"
        "from pathlib import Path\n"
        "from dev.benchmark.measure import Command, adopting_orphans, descendants, measure\n"
        "command = Command((sys.executable, '-c', sys.argv[1]), Path('/'), dict(os.environ))\n"
        "with adopting_orphans():\n"
        "    run = measure(command, Path(sys.argv[3]), float(sys.argv[2]))\n"
        "    left = len(list(descendants(os.getpid())))\n"
        "print(json.dumps({'status': run.status, 'left': left, **vars(run.usage)}))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", starter, program, str(limit), output],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, float | None] = json.loads(ran.stdout)
    return found


def test_memory_is_that_of_the_main_process_and_its_workers_apart(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys, time\n"
        "held = b'.' * 30_000_000\n"
        "worker = 'import time; held = [bytearray(b\".\" * 60_000_000)]; print(1, flush=True); time.sleep(0.2)'\n"
        "with subprocess.Popen([sys.executable, '-c', worker], stdout=subprocess.PIPE) as started:\n"
        "    started.stdout.read()\n"
        "time.sleep(0.1)\n"
    )

    found = measured(program, 60, tmp_path / "log")

    assert (found["status"], found["left"]) == (0, 0)
    main, workers = found["main_memory"], found["workers_memory"]
    assert main is not None
    assert workers is not None
    assert 30_000_000 < main < 60_000_000 < workers


def test_the_work_of_a_process_that_nobody_waits_for_counts(tmp_path: Path) -> None:
    """What sigid's fork server starts did not: a load that kept two processors busy seemed to idle half the time."""
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    program = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {busy!r}])"

    found = measured(program, 60, tmp_path / "log")

    assert found["status"] == 0
    assert found["cpu_seconds"] is not None
    assert found["cpu_seconds"] >= 0.3


def test_a_program_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    orphan = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
    program = f"import subprocess, sys, time; subprocess.run([sys.executable, '-c', {orphan!r}]); time.sleep(600)"

    found = measured(program, 0.5, tmp_path / "log")

    assert (found["status"], found["left"]) == (None, 0)


def test_the_status_and_the_last_line_of_a_program_that_fails_are_known(tmp_path: Path) -> None:
    log = tmp_path / "log"

    found = measured("import sys; print('one'); sys.exit('no such table\\n\\n')", 60, log)

    assert found["status"] == 1
    assert Run(Usage(0, 0, 0, 0), 1, log).last_line == "no such table"


def test_what_the_kernel_says_of_memory_is_read() -> None:
    assert (
        high_water(b"Name:\tpython\nVmPeak:\t   99999 kB\nVmHWM:\t   12340 kB\nVmRSS:\t   10000 kB\n") == 12340 * 1024
    )
    assert high_water(b"Name:\tpython\nState:\tZ (zombie)\n") == 0
    assert resident(b"7000 250 120 1 0 900 0\n") == 250 * os.sysconf("SC_PAGE_SIZE")
    assert resident(b"") == 0


def test_descendants_are_children_and_theirs() -> None:
    program = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout is not None
        started.stdout.readline()
        found = list(descendants(os.getpid()))
        started.communicate("\n")

    assert started.pid in found
    assert len(found) >= 2
    assert started.pid not in list(descendants(os.getpid()))


def test_the_file_system_is_that_of_the_innermost_mount() -> None:
    mounts = (
        "1 0 8:1 / / rw - ext4 /dev/a rw\n"
        "2 1 0:5 / /srv rw shared:1 - xfs /dev/b rw\n"
        "3 1 0:6 / /srv/a\\040folder rw - btrfs /dev/c rw\n"
    )

    found = [file_system(path, mounts) for path in ("/home", "/srv", "/srv/x", "/srvx", "/srv/a folder/b")]

    assert found == ["ext4", "xfs", "xfs", "ext4", "btrfs"]


def test_the_same_tree_is_altered_in_the_same_way(data: Path, tmp_path: Path) -> None:
    trees = []
    for name in ("one", "two"):
        shutil.copytree(data, tmp_path / name)
        trees.append(Tree.of(FILES, tmp_path / name))

    changed = [tree.alter(Scenario.ONE) for tree in trees]

    assert changed[0] == changed[1]
    (path,) = changed[0].changed
    contents = {(tree.root / path).read_bytes() for tree in trees}
    assert len(contents) == 1


def test_a_change_gives_files_content_of_another_size_that_is_sound(tree: Tree) -> None:
    for _ in range(FILES):
        before = {path: (tree.root / path).stat().st_size for path in tree.paths}

        (changed,) = tree.alter(Scenario.ONE).changed

        after = {path: (tree.root / path).stat().st_size for path in tree.paths}
        assert [path for path in tree.paths if after[path] != before[path]] == [changed]
        content = (tree.root / changed).read_bytes()
        read_png(content) if changed.lower().endswith(".png") else read_hwr(content)


def test_a_hundredth_is_at_least_one(tree: Tree) -> None:
    assert len(tree.alter(Scenario.PERCENT).changed) == 1
    assert tree.alter(Scenario.UNCHANGED) == tree.alter(Scenario.COLD) == NONE


def test_what_an_interrupted_benchmark_had_removed_is_put_back(tree: Tree) -> None:
    (removed,) = tree.alter(Scenario.REMOVED).removed
    assert not (tree.root / removed).exists()

    again = Tree(tree.datasets)

    assert removed in again.paths
    assert len(again.paths) == FILES


def test_the_plain_parser_reads_what_sigid_reads(tree: Tree) -> None:
    for path in tree.paths:
        content = (tree.root / path).read_bytes()
        row = parse(path, content)
        if row.points is None:
            assert (row.width, row.height) == (read_png(content).width, read_png(content).height)
        else:
            x, y, z = (array("d", row.points)[axis::3] for axis in range(3))
            assert (x + y + z).tobytes() == read_hwr(content)


class Fake(Loader):
    """A contestant whose database is a dictionary."""

    name = "fake"
    title = "Fake"
    sizes: dict[str, int]

    def version(self) -> str:
        return "1"

    def command(self, scenario: Scenario) -> Command:
        raise NotImplementedError

    def held(self, paths: Collection[str]) -> tuple[int, Mapping[str, int]]:
        return len(self.sizes), {path: self.sizes[path] for path in paths if path in self.sizes}

    def judged(self, alteration: Alteration) -> Verdict:
        return self.verdict(Scenario.COLD, alteration, Path("/nowhere"))


@pytest.fixture
def fake(tree: Tree, tmp_path: Path) -> Fake:
    """A contestant that has loaded the whole tree."""
    made = Fake(Place(tree, tmp_path / "states", RivalsEnvironment(tmp_path / "rivals"), 1))
    made.sizes = {path: (tree.root / path).stat().st_size for path in tree.paths}
    return made


def test_programs_keep_what_python_has_compiled_of_them(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the environment forbade that, each run of sigid was told to take 40 to 80 ms longer than it does."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")

    assert "PYTHONDONTWRITEBYTECODE" not in fake.environment()


def test_who_has_all_rows_has_done_its_work(fake: Fake) -> None:
    assert fake.judged(NONE) == Verdict()


def test_who_lacks_a_row_has_not(fake: Fake, tree: Tree) -> None:
    del fake.sizes[tree.paths[7]]

    assert fake.judged(NONE).fault == f"its database holds {FILES - 1} files; there are {FILES}"


def test_who_did_not_notice_a_change_has_not(fake: Fake, tree: Tree) -> None:
    alteration = tree.alter(Scenario.ONE)

    verdict = fake.judged(alteration)

    assert verdict.fault == f"its database has not what is in 1 of 1 files, such as {alteration.changed[0]}"


def test_who_keeps_the_row_of_a_removed_file_is_told_apart_from_who_drops_it(fake: Fake, tree: Tree) -> None:
    alteration = tree.alter(Scenario.REMOVED)

    kept = fake.judged(alteration)
    del fake.sizes[alteration.removed[0]]
    dropped = fake.judged(alteration)

    assert (kept, dropped) == (Verdict(drops_removed=False), Verdict(drops_removed=True))


def test_git_leaves_nothing_to_be_done_in_the_background(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 100,000 files it packed what it had committed, and whoever was measured next took twice as long."""
    git = Git(Place(tree, tmp_path, RivalsEnvironment(tmp_path), 1))
    git.forget()
    environment = git._environment()
    trace = tmp_path / "trace"
    monkeypatch.setattr(git, "_environment", lambda: environment | {"GIT_TRACE": str(trace)})

    git.take_in()

    told = trace.read_text()
    assert "commit --quiet" in told
    assert "maintenance" not in told
    assert " gc" not in told.replace("gc.auto", "")


def test_every_contestant_is_called_by_its_name() -> None:
    assert {"sigid", "find", "git", "doit", "cocoindex", "dlt", "floor"} <= set(CONTESTANTS)
    assert all(name == contestant.name for name, contestant in CONTESTANTS.items())


def usage(seconds: float) -> Usage:
    return Usage(seconds, 2 * seconds, round(seconds * 10e6), round(seconds * 20e6))


def outcome(contestant: str, number: int, seconds: float, scenario: Scenario = Scenario.COLD) -> Outcome:
    return Outcome(contestant, scenario, number, usage(seconds), Verdict())


def test_ratios_are_medians_of_pairs_and_seconds_show_their_spread() -> None:
    ours = [outcome("sigid", number, seconds) for number, seconds in enumerate([1, 2, 10])]
    theirs = [outcome("rival", number, seconds) for number, seconds in enumerate([4, 6, 20])]
    entries = [Entry("sigid", "sigid", ours), Entry("rival", "The Rival", [*ours, *theirs])]

    table = seconds_table(entries, "sigid")

    assert table.heading == ("", "cold")
    assert table.rows == [("sigid", "2.00 (1.00-10.0)"), ("The Rival", "6.00 (4.00-20.0), 3.00x")]


def test_failures_and_faults_are_shown_and_told_once() -> None:
    failed = Outcome(
        "rival", Scenario.COLD, 0, None, Verdict("exit status 3; its last line: no space"), "exit status 3"
    )
    wrong = Outcome("rival", Scenario.ONE, 0, usage(1.5), Verdict("it found nothing"))
    kept = Outcome("rival", Scenario.REMOVED, 0, usage(1.5), Verdict(drops_removed=False))
    entries = [Entry("rival", "The Rival", [failed, wrong, wrong, kept])]

    assert seconds_table(entries, "sigid").rows == [("The Rival", "exit status 3*", "1.50 (1.50-1.50)*", "1.50", "no")]
    assert list(faults(entries)) == [
        "rival, cold: exit status 3; its last line: no space",
        "rival, one changed: it found nothing",
    ]


def test_costs_are_medians_and_who_has_none_is_left_out() -> None:
    entries = [
        Entry("sigid", "sigid", [outcome("sigid", number, number + 1) for number in range(3)]),
        Entry("list", "List", [outcome("list", 0, 1, Scenario.LIST)]),
    ]

    table = costs_table(entries)

    assert table.rows == [("sigid", "20", "40", "4.00", "-", "-", "-")]
    assert len(table.heading) == 7
    assert middle([usage(1), usage(4)]) == usage(2.5)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.0123, "0.012"), (0.5, "0.500"), (1.234, "1.23"), (12.34, "12.3"), (123.4, "123")]
)
def test_seconds_have_the_digits_that_count(seconds: float, shown: str) -> None:
    assert figure(seconds) == shown
    assert spread_of_seconds([usage(seconds)]) == shown


def test_a_table_is_written_as_markdown_and_as_text() -> None:
    table = Table(("", "cold"), [("sigid", "1.00"), ("a rival", "10.0, 10x")])

    assert table.markdown() == "|  | cold |\n| --- | --: |\n| sigid | 1.00 |\n| a rival | 10.0, 10x |\n"
    assert table.text() == "              cold\nsigid         1.00\na rival  10.0, 10x\n"
