"""What every source must keep, whatever it is: a new one is held to this without a line of test of its own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row

from sigid.identity import PersonKey
from sigid.pipeline.interpret import Job, Reading, interpret
from sigid.pipeline.load import Loaded, Options, load
from sigid.pipeline.scan import scan
from sigid.settings import Settings
from sigid.sources.base import Source
from sigid.sources.registry import SOURCES
from sigid.warehouse.ledger import Counts
from sigid.warehouse.schema import metadata
from sigid.warehouse.warehouse import open_warehouse
from tests.databases import Databases

DATASETS = Path(__file__).parents[1] / "datasets"

every_source = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)


@pytest.fixture
def settings(tmp_path: Path, warehouse_url: str) -> Settings:
    settings = Settings.read(folder=tmp_path, environ={})
    return replace(settings, datasets=DATASETS, build=tmp_path / "build", warehouse=warehouse_url, workers=1)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the files that extraction is asked to read."""
    paths: list[str] = []

    def noting(job: Job) -> list[Reading]:
        paths.extend(file.path for file in job.files)
        return interpret(job)

    monkeypatch.setattr("sigid.pipeline.study.interpret", noting)
    return paths


def run(source: Source, settings: Settings, *, rehash: bool = False) -> Loaded:
    scan(source, settings)
    return load(source, settings, Options(rehash=rehash))


def digest(settings: Settings) -> str:
    with open_warehouse(settings.warehouse) as warehouse:
        return warehouse.digest()


def rows(settings: Settings) -> dict[str, Sequence[Row[Any]]]:
    """All that stands in the warehouse."""
    with open_warehouse(settings.warehouse) as warehouse, warehouse.reading() as connection:
        return {
            table.name: connection.execute(table.select().order_by(*table.primary_key)).all()
            for table in metadata.sorted_tables
        }


@every_source
def test_its_dataset_says_where_it_is_from(source: Source) -> None:
    readme = (DATASETS / source.directory / "README.md").read_text(encoding="utf-8").lower()

    assert "licence" in readme


@every_source
def test_its_name_tells_its_task_and_its_place(source: Source) -> None:
    assert source.name == source.name.lower()
    assert source.name.isidentifier()
    assert [other.name for other in SOURCES].count(source.name) == 1
    assert [other.directory for other in SOURCES].count(source.directory) == 1


@every_source
def test_its_signees_are_written_as_it_would_have_them(source: Source, settings: Settings) -> None:
    """Another key is refused where somebody is to be erased."""
    run(source, settings)

    keys = [PersonKey(row.source, row.collection, row.external_id) for row in rows(settings)["signee"]]

    assert keys
    assert [source.meant(key) for key in keys] == keys


@every_source
def test_loading_it_twice_registers_it_once(source: Source, settings: Settings) -> None:
    first = run(source, settings)
    before = digest(settings), rows(settings)

    second = run(source, settings)

    assert first.counts.added > 0
    assert second.counts == Counts(unchanged=first.counts.added, rejected=first.counts.rejected)
    assert (digest(settings), rows(settings)) == before


@every_source
def test_an_unchanged_file_is_not_read_again(source: Source, settings: Settings, read: list[str]) -> None:
    run(source, settings)
    racy = {path for path in read if age(source, path) < 3}
    read.clear()

    run(source, settings)

    assert set(read) <= racy


@every_source
def test_reading_everything_again_changes_nothing(source: Source, settings: Settings) -> None:
    run(source, settings)
    before = digest(settings), rows(settings)

    again = run(source, settings, rehash=True)

    assert (again.counts.added, again.counts.changed, again.counts.retired) == (0, 0, 0)
    assert (digest(settings), rows(settings)) == before


@every_source
def test_two_warehouses_of_the_same_files_agree(
    source: Source, settings: Settings, databases: Databases, tmp_path: Path
) -> None:
    other = replace(settings, build=tmp_path / "other", warehouse=databases.url(tmp_path / "other"))

    run(source, settings)
    run(source, other)

    def ids(of: Settings) -> list[object]:
        return [row.id for row in rows(of)["signature"]]

    assert ids(settings) == ids(other)
    assert digest(settings) == digest(other)


def age(source: Source, path: str) -> float:
    """Seconds since the file last changed."""
    return time.time() - (DATASETS / source.directory / path).stat().st_ctime
