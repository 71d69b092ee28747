"""doit as a user runs it."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sigid.warehouse.records import SCHEMA_VERSION
from sigid.warehouse.roles import Roles
from sigid.warehouse.warehouse import open_warehouse
from tasks.state import ContentChecker
from tests.databases import SqliteFiles
from tests.users import PROJECT, User

LISTED = [
    *("scan_source_a", "scan_source_b", "plan_source_a", "plan_source_b"),
    *(
        "load_source_a",
        "load_source_b",
        "catalog",
        "rejects",
        "report",
        "export",
        "verify",
        "erase",
        "migrate",
        "grant",
    ),
]
HEAVY = {"sqlalchemy", "alembic", "pydantic", "numpy", "pyarrow", "PIL", "rich", "dotenv"}
CANARY = "s3cret"
WAY_OUT = "nothing was done: `doit migrate` brings it there"


def without_doits_own(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if "doit.sqlite3" not in name}


@pytest.fixture
def user(tmp_path: Path) -> User:
    return User(tmp_path)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> User:
    """Someone who has loaded all sources, and changes nothing."""
    user = User(tmp_path_factory.mktemp("loaded"))
    user.doit()
    return user


def test_the_tasks_are_listed_in_the_order_of_the_datas_way_a_line_each(user: User) -> None:
    lines = user.doit("list").splitlines()

    assert [line.split()[0] for line in lines] == LISTED
    assert all(len(line.split()) > 3 for line in lines)


def test_listing_looks_at_no_dataset_and_makes_no_warehouse(user: User) -> None:
    user.environment["SIGID_DATASETS"] = str(user.folder / "nowhere")

    user.doit("list")

    assert not (user.build / "warehouse.sqlite").exists()


def test_loading_the_dodo_file_imports_nothing_heavy(user: User) -> None:
    code = "import sys, dodo; print(*sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, env=user.environment, capture_output=True, text=True, check=True
    )

    assert not HEAVY & {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize("task", ["load_source_a", "load_source_b"])
def test_the_help_of_a_load_explains_its_options(user: User, task: str) -> None:
    helped = user.doit("help", task)

    for option in ("--strict", "--rehash", "--allow-removals"):
        assert option in helped


@pytest.mark.parametrize("source", ["source_a", "source_b"])
def test_a_load_ends_with_a_line_of_counts_and_is_done_once(user: User, source: str) -> None:
    first = user.doit(f"load_{source}")
    digest = user.digest()

    second = user.doit(f"load_{source}")

    assert f"{source}: " in first.splitlines()[-1]
    assert "see doit rejects" in first.splitlines()[-1]
    assert f"-- load_{source}" in second or "0 added, 0 changed" in second
    assert user.digest() == digest


def test_an_unchanged_run_writes_nothing_into_the_warehouse(loaded: User) -> None:
    warehouse = loaded.build / "warehouse.sqlite"
    loaded.doit()  # what was racy is not any more
    before = warehouse.read_bytes()

    output = loaded.doit()

    assert "-- load_source_a" in output
    assert "-- load_source_b" in output
    assert warehouse.read_bytes() == before


def test_strict_fails_where_rejections_stand_also_when_nothing_has_changed(loaded: User) -> None:
    output = loaded.doit("load_source_a", "--strict", code=1)

    assert "32 files are rejected" in output


def test_rehash_reads_everything_again_and_changes_nothing(loaded: User) -> None:
    digest = loaded.digest()

    output = loaded.doit("load_source_a", "--rehash")

    assert "0 added, 0 changed, 47 unchanged, 0 retired, 32 rejected" in output
    assert loaded.digest() == digest


def test_a_verification_of_a_sound_warehouse_counts_what_it_looked_at_and_writes_nothing(loaded: User) -> None:
    before = loaded.files()

    output = loaded.doit("verify")

    assert output == (
        "verified 67 signatures, 24 signees, 12 forgers, 108 lines of the ledger and 2 loads, and read 91 files again: "
        "0 wrong; nothing was written\n"
    )
    assert without_doits_own(loaded.files()) == without_doits_own(before)


def test_a_verification_of_a_sample_tells_the_seed_that_chooses_it_again(loaded: User) -> None:
    output = loaded.doit("verify", "--sample=5", "--source=source_b")

    (seed,) = re.findall("read 5 files again \\(at most 5 of each source, (--seed [0-9a-f]{8})\\): 0 wrong", output)
    assert loaded.doit("verify", "--sample=5", "--source=source_b", *seed.split()) == output


def test_a_verification_that_finds_damage_names_it_and_fails_until_it_is_mended(user: User) -> None:
    user.doit()
    with closing(sqlite3.connect(user.build / "warehouse.sqlite", isolation_level=None)) as connection:
        ((id_,),) = connection.execute("SELECT min(signature_id) FROM trajectory").fetchall()
        ((path,),) = connection.execute("SELECT path FROM source_file WHERE signature_id = ?", [id_]).fetchall()
        connection.execute("UPDATE trajectory SET x = zeroblob(8) WHERE signature_id = ?", [id_])

    output = user.doit("verify", code=1)

    first, last, failed = output.splitlines()
    assert first.startswith(f"! source_a/{path}: it has ")
    assert first.endswith(" numbers; `doit load_source_a --rehash` puts it right")
    assert last.endswith(": 1 wrong; nothing was written")
    assert failed == "verify failed: 1 found wrong, as told above"
    user.doit("load_source_a")
    user.doit("verify", code=1)
    user.doit("load_source_a", "--rehash")
    user.doit("verify")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "there is nothing to verify in"),
        (b"garbage" * 1000, "file is not a database; restore it from a backup, or move it away and load again"),
    ],
)
def test_a_file_that_is_no_warehouse_is_told_in_one_line_and_left_alone(user: User, content: bytes, told: str) -> None:
    user.build.mkdir()
    (user.build / "warehouse.sqlite").write_bytes(content)

    (line,) = user.doit("verify", code=1).splitlines()

    assert line.startswith("verify failed: ")
    assert told in line
    assert (user.build / "warehouse.sqlite").read_bytes() == content


def test_a_verification_is_asked_for_sources_and_numbers_that_there_are(loaded: User) -> None:
    assert "--source='x' is no source; there are source_a, source_b" in loaded.doit("verify", "--source=x", code=1)
    assert "--sample='-1' is no number of files" in loaded.doit("verify", "--sample=-1", code=1)


def test_a_plan_says_what_a_load_does_and_writes_nothing(user: User) -> None:
    planned = user.doit("plan_source_a")

    assert not (user.build / "warehouse.sqlite").exists()
    assert not (user.build / "source_a").exists()
    assert "47 to add (+), 0 to change (~), 0 to retire (-), 32 to reject (!)" in planned
    assert "47 added, 0 changed, 0 unchanged, 0 retired, 32 rejected" in user.doit("load_source_a")


def test_the_catalogue_and_the_rejections_are_shown_whole(loaded: User) -> None:
    catalogue = loaded.doit("catalog")
    rejects = loaded.doit("rejects")

    with open_warehouse(f"sqlite:///{loaded.build}/warehouse.sqlite") as warehouse:
        for rejection in warehouse.rejections():
            assert rejection.path in rejects
            assert rejection.detail in rejects
        assert str(warehouse.catalog()["source_a"]["points"]) in catalogue.replace(",", "")


def test_clean_removes_the_caches_and_never_the_warehouse(user: User) -> None:
    user.doit("load_source_a")
    digest, before = user.digest(), user.files()

    said = user.doit("clean", "-n")
    unchanged = user.files()
    done = user.doit("clean")

    cache = user.build / "source_a"
    assert {name for name in unchanged if "doit" not in name} == {name for name in before if "doit" not in name}
    for name in ("manifest", "listing"):
        assert str(cache / name) in said
        assert str(cache / name) in done
        assert not (cache / name).exists()
    assert user.digest() == digest
    assert "0 added, 0 changed" in user.doit("load_source_a")
    assert user.digest() == digest


def test_clean_removes_the_report_and_the_export_too(user: User) -> None:
    """doit itself cleans what `doit` alone would run, and these show people's signatures."""
    user.doit("load_source_a")
    user.doit("report")
    user.doit("export")

    user.doit("clean", "catalog")
    there = [(user.build / name).exists() for name in ("report", "export")]
    user.doit("clean")

    assert there == [True, True]
    assert [(user.build / name).exists() for name in ("report", "export")] == [False, False]
    assert (user.build / "warehouse.sqlite").exists()


def test_an_export_is_written_replaced_and_cleaned_and_says_where_it_is(user: User) -> None:
    user.doit("load_source_a")
    folder = user.build / "export"

    first = user.doit("export", "--images", "--source", "source_a")
    digest = json.loads((folder / "manifest.json").read_text())["warehouse"]["digest"]
    user.doit("export", "--seed", "2", "--shares", "50,25,25")
    splits = json.loads((folder / "manifest.json").read_text())["splits"]
    would = user.doit("clean", "-n", "export")
    there = folder.exists()
    done = user.doit("clean", "export")

    (line,) = first.splitlines()
    assert line.startswith(f"{folder}: 47 signatures, ")
    assert line.endswith("; manifest.json says what they are")
    assert digest == user.digest()
    assert splits == {"by": "signee", "seed": "2", "shares": {"train": 50, "validation": 25, "test": 25}}
    assert str(folder) in would
    assert there
    assert str(folder) in done
    assert not [each for each in user.build.iterdir() if each.name.startswith("export")]


def test_an_export_under_pseudonyms_can_be_had_again_elsewhere(user: User) -> None:
    user.doit("load_source_a")
    options = ("--pseudonymise", "--images", "--key-file", str(user.folder / "key"))

    user.doit("export", *options, "--folder", str(user.folder / "one"))
    user.doit("export", *options, "--folder", str(user.folder / "two"))

    manifests = [(user.folder / name / "manifest.json").read_bytes() for name in ("one", "two")]
    assert manifests[0] == manifests[1]
    assert b'"pseudonymise": true' in manifests[0]
    assert not (user.build / "export").exists()


def test_what_an_export_cannot_do_is_told_in_one_line(loaded: User) -> None:
    for options, words in (
        (("--source", "source_x"), "nothing of the source 'source_x'"),
        (("--shares", "all"), "write them like 80,10,10"),
        (("--key-file", "key"), "add --pseudonymise"),
        (("--folder", str(PROJECT / "tests")), "move it away, or name another folder with --folder"),
    ):
        (line,) = loaded.doit("export", *options, code=1).splitlines()
        assert line.startswith("export failed: ")
        assert words in line


def test_what_is_no_export_is_not_cleaned_away(user: User) -> None:
    notes = user.build / "export" / "notes"
    notes.parent.mkdir(parents=True)
    notes.write_text("mine")

    said = user.doit("clean", "export", code=1)

    assert "export is not cleaned: " in said
    assert notes.read_text() == "mine"


def test_the_help_of_an_export_explains_its_options_with_an_example(user: User) -> None:
    helped = user.doit("help", "export")

    for option in ("folder", "source", "images", "pseudonymise", "key-file", "seed", "shares"):
        assert f"--{option}" in helped
    assert "doit export --images --pseudonymise --folder shared" in helped


@pytest.mark.parametrize("content", [None, b"", b"no database", b"SQLite format 3\x00" + bytes(5000)])
def test_doits_own_database_may_be_lost_or_damaged(user: User, content: bytes | None) -> None:
    user.doit("load_source_a")
    digest = user.digest()
    state = user.build / "doit.sqlite3"
    if content is None:
        state.unlink()
    else:
        state.write_bytes(content)

    user.doit("load_source_a")

    assert user.digest() == digest


def test_doits_own_database_may_be_held_by_another_program(user: User) -> None:
    user.doit("load_source_a")
    digest = user.digest()
    holder = sqlite3.connect(user.build / "doit.sqlite3", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")

    user.doit("load_source_a")
    holder.close()

    assert user.digest() == digest


DATABASE_THAT_CANNOT_BE_MADE = """
import sys

import dodo
from doit.dependency import JSONCodec, SqliteDB

database = SqliteDB(sys.argv[1], JSONCodec())
database.set("a task", "what it depends on", "a state")
print(database.get("a task", "what it depends on"), database.get("another", "what it depends on"))
database.dump()
"""


def test_a_full_disk_keeps_doits_own_database_in_memory(user: User) -> None:
    # The run ended with doit's traceback where the disk was full, or damaged, when the database was to be made.
    command = [sys.executable, "-c", DATABASE_THAT_CANNOT_BE_MADE, str(user.folder / "nowhere" / "doit.sqlite3")]

    done = subprocess.run(command, cwd=PROJECT, env=user.environment, capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("a state None\n", "")


def refusals() -> Iterator[tuple[str, dict[str, str], str, int]]:
    yield "workers", {"SIGID_WORKERS": "many"}, "SIGID_WORKERS is 'many'", 3
    yield "url", {"SIGID_WAREHOUSE": f"postgresql://me:{CANARY}@host/db"}, "SIGID_WAREHOUSE is not the URL", 3
    yield "datasets", {"SIGID_DATASETS": "/nowhere"}, "set SIGID_DATASETS", 1
    yield "folder", {"SIGID_WAREHOUSE": "sqlite:////tmp"}, "SIGID_WAREHOUSE names a folder, /tmp", 3
    yield "cluster", {"SIGID_CLUSTER": "127.0.0.1:8786"}, "SIGID_CLUSTER is '127.0.0.1:8786'", 1


@pytest.mark.parametrize(
    ("setting", "words", "code"), [each[1:] for each in refusals()], ids=[r[0] for r in refusals()]
)
def test_a_setting_that_cannot_be_used_is_told_in_one_line(
    user: User, setting: dict[str, str], words: str, code: int
) -> None:
    user.environment |= setting

    output = user.doit("load_source_a", code=code)

    assert [words in line for line in output.splitlines()].count(True) == 1
    assert CANARY not in output
    assert not any(CANARY.encode() in content for content in user.files().values())


def test_a_warehouse_of_a_newer_schema_is_refused_and_left_alone(user: User) -> None:
    user.doit("load_source_a")
    with sqlite3.connect(user.build / "warehouse.sqlite") as connection:
        connection.execute("UPDATE schema_version SET version = 99")
    connection.close()

    output = user.doit("load_source_a", "--rehash", code=1)

    assert "schema version 99" in output


def test_a_warehouse_of_an_older_schema_is_refused_until_it_is_migrated(user: User) -> None:
    user.doit()
    digest = user.digest()
    (user.folder / "older").mkdir()
    older = f"sqlite:///{user.folder}/older/sigid.sqlite"
    SqliteFiles().make_older(older, 1, f"sqlite:///{user.build}/warehouse.sqlite")
    user.environment["SIGID_WAREHOUSE"] = older

    for task in ("load_source_a", "plan_source_a", "catalog", "rejects", "report", "export", "erase", "grant"):
        refused = user.doit(task, code=1).splitlines()[-1]
        assert refused.startswith(f"{task} failed: the warehouse ")
        assert refused.endswith(f"has schema version 1, this sigid works with {SCHEMA_VERSION}; {WAY_OUT}")
    before, done = user.doit("migrate").splitlines()
    again = user.doit("migrate").splitlines()

    assert f"has schema version 1, to become {SCHEMA_VERSION}: it is done whole or not at all" in before
    assert done.endswith(f"has schema version {SCHEMA_VERSION}")
    assert again == [f"{done}, as this sigid does; there is nothing to do"]
    with open_warehouse(older) as warehouse:
        assert warehouse.digest() == digest
    assert "source_a: 0 added, 0 changed, " in user.doit("load_source_a")


def test_what_is_asked_of_a_warehouse_that_is_not_there_makes_none(user: User) -> None:
    for task in ("catalog", "rejects", "report", "export", "verify", "erase", "migrate", "grant"):
        assert "there is no warehouse yet" in user.doit(task, code=1)

    assert not (user.build / "warehouse.sqlite").exists()


def test_a_file_has_no_roles_to_grant(loaded: User) -> None:
    (line,) = loaded.doit("grant").splitlines()

    assert line.endswith("is a file, which has no roles: its permissions say who may read and write it")


def test_a_person_is_erased_and_the_files_that_still_lie_there_are_listed(user: User) -> None:
    datasets = user.own_datasets()
    user.doit()
    he = ("--signee", "source_a/online/genuine/1")
    genuine = sorted(str(file) for file in (datasets / "SOURCE_A/Online/Genuine").glob("001_*.HWR"))
    before = user.digest(), without_doits(user.files())

    rehearsed = user.doit("erase", *he, "--dry-run")
    assert (user.digest(), without_doits(user.files())) == before
    told = user.doit("erase", *he).splitlines()
    loaded = user.doit()
    planned = user.doit("plan_source_a")
    again = user.doit("erase")

    assert told[0].startswith("erased: signature ")
    assert rehearsed.splitlines()[0] == told[0].replace("erased", "would be erased")
    assert "files are still there, and left out by every load; to be deleted by whoever may:" in told[1]
    assert set(genuine) < set(told[2:])
    assert f", {len(told) - 2} erased; see doit rejects" in loaded
    assert "x\tOnline/Genuine/001_1.HWR\terased" in planned
    assert planned.splitlines()[-1].endswith(f", {len(told) - 2} erased (x); nothing was written")
    assert again == "erased: no rows\n"
    assert not [name for name, content in user.files().items() if b"Online/Genuine/001_" in content]
    assert str(datasets / "SOURCE_A/Online/Genuine/001_1.HWR.bak") in told


def test_an_erasure_names_the_report_and_the_export_that_may_still_show_him(user: User) -> None:
    user.doit("load_source_a")
    user.doit("report")
    user.doit("export")
    he = ("--signee", "source_a/online/genuine/1")

    told = user.doit("erase", *he).splitlines()
    user.doit("clean", "report", "export")
    again = user.doit("erase")

    assert told[-2:] == [
        f"{user.build}/{made} was made before and may show what is erased; `doit clean {made}` removes it"
        for made in ("export", "report")
    ]
    assert again == "erased: no rows\n"


def test_who_is_still_to_come_is_noted_in_advance_and_it_is_told(user: User) -> None:
    """It said "erased: no rows", as of anybody who was erased before, and so of a key that nobody can have."""
    user.doit("load_source_a")
    ghost = ("--signee", "source_a/online/genuine/4711", "--in-advance")

    rehearsed = user.doit("erase", *ghost, "--dry-run")
    told = user.doit("erase", *ghost)
    again = user.doit("erase", *ghost)
    refused = user.doit("erase", "--signee", "source_a/online/genuine/001", "--in-advance", code=1)

    assert told == "noted in advance: source_a/online/genuine/4711; no row is of it yet\n"
    assert rehearsed == f"would be {told}"
    assert again == "erased: no rows\n"
    assert refused == (
        "erase failed: source_a/online/genuine/001: no file of source_a can be of one who is written so; "
        "say source_a/online/genuine/1; nothing was erased\n"
    )


def without_doits(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files but doit's database, which notes that a task was run."""
    return {name: content for name, content in files.items() if "doit.sqlite3" not in name}


def test_erasures_are_exported_and_applied(user: User) -> None:
    user.own_datasets()
    user.doit()
    backup = user.folder / "backup.sqlite"
    with sqlite3.connect(user.build / "warehouse.sqlite") as connection:
        connection.execute("VACUUM INTO ?", [str(backup)])
    connection.close()
    file = user.folder / "erasures.json"
    told = user.doit("erase", "--signee", "source_a/online/genuine/1")
    digest = user.digest()

    assert user.doit("erase", "--export", str(file)) == f"1 erasures are in {file}\n"
    user.environment["SIGID_WAREHOUSE"] = f"sqlite:///{backup}"
    assert user.doit("erase", "--apply", str(file)) == told

    with open_warehouse(f"sqlite:///{backup}") as warehouse:
        assert warehouse.digest() == digest


def test_a_warehouse_that_is_moved_away_does_not_bring_back_who_was_erased(user: User) -> None:
    """`--apply` could not be said where there was no warehouse, and the load that made one let him in."""
    user.doit("load_source_a")
    user.doit("erase", "--signee", "source_a/online/genuine/1")
    before = user.digest()
    file = user.folder / "erasures.json"
    user.doit("erase", "--export", str(file))
    warehouse = user.build / "warehouse.sqlite"

    warehouse.unlink()
    planned = user.doit("plan_source_a")
    loaded = user.doit("load_source_a")
    taken_over = user.digest()
    warehouse.unlink()
    user.doit("clean", "scan_source_a", "scan_source_b")
    refused = user.doit("erase", "--apply", str(file), "--dry-run", code=1)
    applied = user.doit("erase", "--apply", str(file))
    user.doit("load_source_a")

    assert "x\tOnline/Genuine/001_1.HWR\terased" in planned
    assert "has nothing of source_a yet: 1 erasures hold in it, too, that " in loaded
    assert "erase failed: there is no warehouse yet" in refused
    assert applied.startswith("erased: no rows\n")
    assert before == taken_over == user.digest()


def test_somebody_can_be_noted_before_there_is_a_warehouse(user: User) -> None:
    told = user.doit("erase", "--signee", "source_b/" + "0" * 8 + "-0000-4000-8000-000000000000", "--in-advance")

    assert told.startswith("noted in advance: source_b/")
    assert (user.build / "warehouse.sqlite").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--signee", "source_a/online/genuine/777"], "neither in the warehouse nor among the files"),
        (["--signee", "/"], "--signee: '/' is not a key"),
        (["--signature", "001_1.HWR"], "is not the id of a signature"),
        (["--export", "a", "--signee", "source_a/online/genuine/1"], "say it alone"),
        (["--apply", "a", "--signee", "source_a/online/genuine/1"], "--apply erases what its file says"),
        (["--apply", "/nowhere"], "/nowhere cannot be read: No such file or directory"),
    ],
)
def test_an_erasure_that_makes_no_sense_is_refused(loaded: User, arguments: list[str], words: str) -> None:
    digest = loaded.digest()

    refused = loaded.doit("erase", *arguments, code=1)

    assert refused.startswith("erase failed: ")
    assert words in refused
    assert loaded.digest() == digest


def test_the_help_of_what_is_done_to_a_whole_warehouse_explains_it(user: User) -> None:
    assert "doit erase --signee source_a/online/genuine/1" in user.doit("help", "erase")
    assert "bring a warehouse of an older schema to the one of this sigid" in user.doit("help", "migrate")
    for role in Roles():
        assert role in user.doit("help", "grant")


def test_an_index_that_contradicts_itself_loads_nothing_and_the_other_source_is_loaded(user: User) -> None:
    index = user.own_datasets() / "SOURCE_B" / "INDEX"
    index.write_bytes(b"999\n" + index.read_bytes().partition(b"\n")[2])

    output = user.doit(code=1)

    assert "line 1 of INDEX says 999 signatures" in output
    assert "source_a: 47 added" in output
    with open_warehouse(f"sqlite:///{user.build}/warehouse.sqlite") as warehouse:
        assert "source_b" not in warehouse.catalog()


def test_a_source_that_is_gone_is_retired_only_when_that_is_asked_for(user: User) -> None:
    datasets = user.own_datasets()
    user.doit("load_source_a")
    (datasets / "SOURCE_A").rename(datasets / "elsewhere")

    refused = user.doit("load_source_a", code=1)
    allowed = user.doit("load_source_a", "--allow-removals")

    assert "--allow-removals" in refused
    assert "47 retired" in allowed


def test_a_source_that_is_not_where_a_relative_setting_leads_is_named_by_its_whole_path(user: User) -> None:
    """dev/run, said in another folder, told "data3/SOURCE_A is missing", and there was a data3: it is not that one."""
    user.environment["SIGID_DATASETS"] = "data3"

    told = user.doit("load_source_a", code=1)

    assert f"load_source_a failed: {PROJECT}/data3/SOURCE_A is missing; nothing was retired. " in told


def test_a_scan_that_no_load_follows_says_what_may_have_changed(user: User) -> None:
    datasets = user.own_datasets()
    user.doit("load_source_a")
    (datasets / "SOURCE_A/Online/Genuine/001_1.HWR").write_bytes(b"7,8,9\n")

    user.doit("scan_source_a")

    manifest = (user.build / "source_a/manifest").read_text()
    assert re.search(r"^unknown +Online/Genuine/001_1\.HWR$", manifest, re.MULTILINE)


@pytest.mark.parametrize("way", ["process", "thread"])
def test_what_a_scan_finds_is_loaded_whichever_process_has_scanned(user: User, way: str) -> None:
    datasets = user.own_datasets()
    user.doit()
    (datasets / "SOURCE_A/Online/Genuine/001_1.HWR").write_bytes(b"7,8,9\n")

    assert "source_a: 0 added, 1 changed" in user.doit("-n", "2", "-P", way)


def test_a_dodo_file_in_a_dataset_is_never_run(user: User) -> None:
    datasets = user.own_datasets()
    for folder in (datasets, datasets / "SOURCE_A", datasets / "SOURCE_A/Online/Genuine"):
        (folder / "dodo.py").write_text(f"open({str(user.folder / 'run')!r}, 'w')")

    user.doit("load_source_a")

    assert not (user.folder / "run").exists()


def test_what_is_written_is_for_its_owner_alone(user: User) -> None:
    before = os.umask(0o000)
    try:
        user.doit()
    finally:
        os.umask(before)

    for each in (user.build, *user.build.rglob("*")):
        assert each.stat().st_mode & 0o077 == 0, each


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_load_that_is_stopped_says_so_in_one_line_and_the_next_one_does_the_rest(
    user: User, stop: signal.Signals
) -> None:
    process = user.start("load_source_a")
    deadline = time.monotonic() + 60
    while not (user.build / "source_a" / "lock").exists() and time.monotonic() < deadline:
        time.sleep(0.01)

    process.send_signal(stop)
    output, _ = process.communicate(timeout=60)
    user.doit("load_source_a")

    assert "Traceback" not in output
    with open_warehouse(f"sqlite:///{user.build}/warehouse.sqlite") as warehouse:
        assert warehouse.catalog()["source_a"]["signatures"] == 47


def test_who_is_stopped_in_a_callback_at_the_very_end_has_ended() -> None:
    """The stop is repeated a moment later, when nobody heard it any more: the process was killed by it."""
    program = """
import os, signal, sys, time
from tasks import process

class Callback:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        sum(range(10))

class Slow:
    def __del__(self, sleep=time.sleep):
        sleep(0.1)

process.prepare()
callback, sys.kept_until_the_end = Callback(), Slow()
del callback
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (run.returncode, run.stderr) == (0, "")


def test_two_loads_at_once_register_everything_once(user: User) -> None:
    processes = [user.start("load_source_a") for _ in range(2)]

    outputs = [process.communicate(timeout=120)[0] for process in processes]

    assert 0 in [process.returncode for process in processes]
    assert not any("Traceback" in output for output in outputs)
    user.doit("load_source_a")
    with open_warehouse(f"sqlite:///{user.build}/warehouse.sqlite") as warehouse:
        assert warehouse.catalog()["source_a"]["signatures"] == 47


def test_an_unchanged_run_writes_nothing_but_who_holds_the_lock(user: User) -> None:
    user.doit("load_source_a")
    time.sleep(2.1)  # until then what has just changed is looked at once more
    user.doit("load_source_a")
    user.doit("load_source_a")
    before = {each: each.stat() for each in user.build.rglob("*") if each.name != "lock"}

    user.doit("load_source_a")

    after = {each: each.stat() for each in user.build.rglob("*") if each.name != "lock"}
    assert {each: (status.st_ino, status.st_ctime_ns) for each, status in after.items()} == {
        each: (status.st_ino, status.st_ctime_ns) for each, status in before.items()
    }


def test_a_manifest_that_was_touched_is_the_same_and_one_of_another_content_is_not(tmp_path: Path) -> None:
    checker, file = ContentChecker(), tmp_path / "manifest"
    file.write_bytes(b"content")
    state = checker.get_state(str(file), None)
    stands = checker.check_modified(str(file), file.stat(), state)
    os.utime(file, (1, 1))
    touched = checker.check_modified(str(file), file.stat(), state)
    file.write_bytes(b"another")
    os.utime(file, (1, 1))

    changed = checker.check_modified(str(file), file.stat(), state)

    assert (stands, touched, changed) == (False, False, True)
    assert checker.check_modified(str(file), file.stat(), "what an older sigid kept")
