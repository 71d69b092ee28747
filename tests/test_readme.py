"""What the README tells people to type works as written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from PIL import Image

from sigid.errors import Reason
from sigid.settings import Settings
from sigid.warehouse.views import VIEWS
from tests.databases import Databases

PROJECT = Path(__file__).parents[1]
README = (PROJECT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The README's fenced blocks of that language, without their indentation."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", README, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(text) for _, text in found]


def block(language: str, phrase: str) -> str:
    """The first of these blocks that has the phrase in it."""
    return next(text for text in blocks(language) if phrase in text)


def doit(project: Path, *arguments: str, warehouse: str = "") -> str:
    """What a doit command prints that succeeds."""
    return run(project, "-m", "doit", *arguments, warehouse=warehouse)


def run(project: Path, *arguments: str, warehouse: str = "") -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIGID_")}
    environment["SIGID_WAREHOUSE"] = warehouse
    environment["PYTHONPATH"] = str(project)
    done = subprocess.run(
        [sys.executable, *arguments], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project that may be changed."""
    copy = tmp_path / "sigid"
    copy.mkdir()
    for name in ("sigid", "tasks", "datasets", "dodo.py", "pyproject.toml"):
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, copy / name)
    return copy


def test_the_first_load_and_the_next_one_say_what_is_shown(project: Path) -> None:
    shown = re.findall(r"^    \.  scan_source_a\n(?:    .+\n)+", README, re.MULTILINE)
    time.sleep(2.1)  # only files that have rested are not looked into again

    said = [doit(project, "load_source_a") for _ in range(2)]

    assert said == list(map(textwrap.dedent, shown))


def test_the_examples_of_reading_and_registering_run(project: Path, warehouse_url: str) -> None:
    doit(project, warehouse=warehouse_url)

    examples = (block("python", phrase) for phrase in (".catalog()", ".pairs(", ".register_signatures("))
    reading, pairing, registering = (run(project, "-c", code, warehouse=warehouse_url) for code in examples)

    assert re.search(r"^source_a \d+ signatures of \d+ signees$", reading, re.MULTILINE)
    assert re.search(r"^[1-9]\d* pairs, made one by one$", pairing, re.MULTILINE)
    assert re.search(r"^True \(\d+, \d+\) \(\d+, \d+\)$", pairing, re.MULTILINE)
    assert "authenticity" in pairing
    assert re.search(r"^[0-9a-f]{64}$", reading, re.MULTILINE)
    assert registering == "added unchanged\n"


def test_the_example_of_sql_finds_the_signatures_of_a_signee(
    project: Path, warehouse_url: str, databases: Databases
) -> None:
    doit(project, "load_source_a", warehouse=warehouse_url)

    rows = databases.execute(warehouse_url, blocks("sql")[0])

    assert rows
    assert any(forger for _, _, forger in rows)
    assert not all(forger for _, _, forger in rows)


def test_there_is_an_example_of_each_view_and_it_finds_something(
    project: Path, warehouse_url: str, databases: Databases
) -> None:
    doit(project, "load_source_a", warehouse=warehouse_url)

    examples = blocks("sql")[1:]

    assert {name for name in VIEWS for query in examples if re.search(rf"(FROM|JOIN) {name}\b", query)} == VIEWS.keys()
    for query in examples:
        assert databases.execute(warehouse_url, query), query


def test_the_examples_of_taking_away_run(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(project / "hugging-face"))
    doit(project)
    doit(project, *block("sh", "doit export").removeprefix("doit ").split())

    examples = [text for text in blocks("python") if "build/export" in text]
    duckdb, pandas, hugging_face = (run(project, "-c", code) for code in examples)

    assert re.search(r"source_a .* online .* train .* genuine .* \d+ .* \d+", duckdb)
    assert re.search(r"^forged +[1-9]\d*$", pandas, re.MULTILINE)
    assert re.search(r"^\(\d+, \d+\)$", hugging_face, re.MULTILINE)
    assert "List(Value('float64'))" in hugging_face


def test_the_recipe_adds_a_source_that_is_planned_loaded_and_read(project: Path) -> None:
    (project / "sigid/sources/source_c.py").write_text(block("python", "class SourceC"))
    registry = project / "sigid/sources/registry.py"
    lines = registry.read_text().replace("    SourceB(),\n", "    SourceB(),\n    SourceC(),\n")
    registry.write_text(lines.replace("\n\nSOURCES", "\nfrom sigid.sources.source_c import SourceC\n\nSOURCES"))
    scans = project / "datasets/SOURCE_C/scans"
    scans.mkdir(parents=True)
    for name in ("U1S1.PNG", "U1S21.png", "notes.txt"):
        Image.new("L", (30, 10), 255).save(scans / name, format="PNG")

    listed = doit(project, "list")
    planned = doit(project, "plan_source_c")
    loaded = doit(project, "load_source_c")
    catalogue = run(project, "-c", "import sigid\nwith sigid.open_warehouse() as w: print(w.catalog()['source_c'])")

    assert "load_source_c" in listed
    assert "2 to add (+), 0 to change (~), 0 to retire (-), 1 to reject (!)" in planned
    assert "2 added, 0 changed, 0 unchanged, 0 retired, 1 rejected" in loaded
    assert "'genuine': 1, 'forged': 1, 'signees': 1" in catalogue


def test_the_recipe_names_the_registry_lines_to_add() -> None:
    assert "`from sigid.sources.source_c import SourceC`" in README
    assert "`SourceC(),` in `SOURCES`" in README


def test_every_reason_code_is_explained() -> None:
    explained = set(re.findall(r"`(\w+)`", README[README.index("## What is not let in") : README.index("## Adding")]))

    assert {reason.value for reason in Reason} <= explained


def test_every_setting_is_explained_with_its_default() -> None:
    settings = Settings.read(folder=Path("/nowhere"), environ={})

    for name in Settings.__dataclass_fields__:
        assert f"| `SIGID_{name.upper()}` |" in README
    assert f"`{settings.warehouse}`" in README
    assert f"`{settings.datasets}`" in README
    assert f"`{settings.build}`" in README


def test_every_task_is_explained() -> None:
    listed = {line.split()[0] for line in doit(PROJECT, "list").splitlines()}

    for task in listed:
        stage = re.sub(r"_source_\w$", "_<source>", task)
        assert f"| `{stage}` |" in README, task


def test_what_security_md_names_is_there() -> None:
    text = (PROJECT / "SECURITY.md").read_text(encoding="utf-8")

    assert "(SECURITY.md)" in README
    named = set(re.findall(r"`(?:tests/)?(test_\w+\.py)`", text))
    assert len(named) > 10
    assert {name for name in named if not (PROJECT / "tests" / name).is_file()} == set()
