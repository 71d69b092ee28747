"""catalog and rejects, as they are looked at on a terminal and taken by other programs."""

from __future__ import annotations

import csv
import json
import os
import shutil
import stat
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from sigid.errors import Reason
from sigid.warehouse.warehouse import open_warehouse
from tests.users import PROJECT, User

AS_OWNER_ONLY = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
"""Has permissions hold for root, too."""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> User:
    """Someone who has loaded all sources, of which a folder has the name of a formula."""
    user = User(tmp_path_factory.mktemp("loaded"))
    folder = user.own_datasets() / "SOURCE_B/=1+1"
    folder.mkdir()
    (folder / "file").write_bytes(b"")
    user.doit()
    return user


def known_to(user: User) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """The catalogue and the rejections, as Python has them."""
    with open_warehouse(f"sqlite:///{user.build}/warehouse.sqlite") as warehouse:
        rejections = [
            {"source": each.source, "path": each.path, "reason": each.reason.value, "detail": each.detail}
            for each in warehouse.rejections()
        ]
        return warehouse.catalog(), rejections


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text)))


def test_on_a_terminal_both_are_tables_with_every_number_and_every_path(loaded: User) -> None:
    catalog, rejections = known_to(loaded)

    counted = loaded.on_terminal("catalog")
    listed = loaded.on_terminal("rejects", COLUMNS="1000")

    assert "catalogue" in counted
    assert f"{catalog['source_a']['points']:,}" in counted
    assert "\x1b[" in listed
    assert all(each["path"] in listed and each["detail"] in listed for each in rejections)


def test_the_catalogue_as_json_is_what_python_has(loaded: User) -> None:
    catalog, _ = known_to(loaded)

    whole = loaded.doit("catalog", "--format", "json")
    part = loaded.doit("catalog", "--format", "json", "--source", "source_b")

    assert json.loads(whole) == catalog
    assert json.loads(part) == {"source_b": catalog["source_b"]}


def test_the_rejections_as_json_are_an_object_a_line(loaded: User) -> None:
    _, rejections = known_to(loaded)

    lines = loaded.doit("rejects", "--format", "json").splitlines()

    assert [json.loads(line) for line in lines] == rejections


def test_as_csv_there_are_a_header_and_rows_and_nothing_else(loaded: User) -> None:
    catalog, rejections = known_to(loaded)

    counts = rows(loaded.doit("catalog", "--format", "csv"))
    listed = rows(loaded.doit("rejects", "--format", "csv", "--source", "source_b"))

    assert {row["count"]: int(row["source_b"]) for row in counts if ":" not in row["count"]} == {
        name: count for name, count in catalog["source_b"].items() if name != "rejected_by_reason"
    }
    assert [row | {"path": row["path"].removeprefix("'")} for row in listed] == [
        each for each in rejections if each["source"] == "source_b"
    ]


def test_the_rejections_of_one_reason_are_asked_for(loaded: User) -> None:
    _, rejections = known_to(loaded)

    listed = loaded.doit("rejects", "--reason", "identity_conflict", "--format", "json")

    assert [json.loads(line) for line in listed.splitlines()] == [
        each for each in rejections if each["reason"] == Reason.IDENTITY_CONFLICT
    ]


@pytest.mark.parametrize(("name", "form"), [("r.csv", "csv"), ("R.JSON", "json"), ("r", "tabs")])
def test_a_file_is_its_owners_alone_and_its_name_says_the_format(loaded: User, name: str, form: str) -> None:
    written = loaded.doit("rejects", "--format", form)
    file = loaded.folder / f"for {form}" / name

    said = loaded.doit("rejects", "--output", str(file))

    assert said == f"written to {file}\n"
    assert file.read_text() == written
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert os.listdir(file.parent) == [name]


def test_what_is_no_file_is_not_replaced(loaded: User) -> None:
    pipe = loaded.folder / "pipe"
    os.mkfifo(pipe)

    refused = loaded.doit("catalog", "--output", str(pipe), code=1)

    assert refused == f"catalog failed: {pipe} is no regular file and stays as it is; name a file, " + (
        "or write to standard output\n"
    )
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("task", ["catalog", "rejects"])
def test_of_a_source_that_is_unknown_it_is_said_which_there_are(loaded: User, task: str) -> None:
    refused = loaded.doit(task, "--source", "source_x", code=1)

    assert refused == f"{task} failed: --source='source_x' is no source; there are source_a, source_b\n"


def test_of_a_reason_that_is_unknown_it_is_said_which_there_are(loaded: User) -> None:
    refused = loaded.doit("rejects", "--reason", "emty", code=3)

    assert len(refused.splitlines()) == 1
    assert all(reason in refused for reason in Reason)


def test_a_name_that_is_a_formula_is_a_text_in_a_spreadsheet_and_stays_itself_elsewhere(loaded: User) -> None:
    listed = {form: loaded.doit("rejects", "--reason", "not_listed", "--format", form) for form in ("csv", "json")}

    assert "'=1+1/file" in [row["path"] for row in rows(listed["csv"])]
    assert "=1+1/file" in [json.loads(line)["path"] for line in listed["json"].splitlines()]


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may write everywhere")
def test_who_may_write_nothing_in_the_build_folder_sees_all_that_is_there(loaded: User, tmp_path: Path) -> None:
    """All but `verify` said that the warehouse could not be used, as a readonly database was to be written."""
    user = User(tmp_path)
    user.environment["SIGID_DATASETS"] = loaded.environment["SIGID_DATASETS"]
    shutil.copytree(loaded.build, user.build)
    before = user.files()
    tasks = ["catalog", "rejects", "plan_source_a", "verify", "erase --dry-run"]
    written = [f"{task} --folder {tmp_path / task}" for task in ("export", "report")]
    allowed = {each: stat.S_IMODE(each.stat().st_mode) for each in (user.build, *user.build.rglob("*"))}
    for each, mode in allowed.items():
        each.chmod(mode & 0o500)
    try:
        said = {task: doit_as_owner_only(user, *task.split()) for task in (*tasks, *written)}
        refused = doit_as_owner_only(user, "load_source_a", code=2)
    finally:
        for each, mode in allowed.items():
            each.chmod(mode)

    assert said["catalog"] == loaded.doit("catalog")
    assert said["rejects"] == loaded.doit("rejects")
    assert (tmp_path / "export/manifest.json").exists()
    assert (tmp_path / "report/index.html").exists()
    assert f"{user.build}/source_a/lock cannot be made (Permission denied); check the permissions" in refused
    assert user.files() == before


def doit_as_owner_only(user: User, *arguments: str, code: int = 0) -> str:
    command = [*AS_OWNER_ONLY * (os.geteuid() == 0), sys.executable, "-m", "doit", *arguments]
    done = subprocess.run(command, cwd=PROJECT, env=user.environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr
