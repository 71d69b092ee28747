"""What every test may need: a folder and an environment of its own, and an empty warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import hypothesis
import pytest

from sigid.settings import Settings
from sigid.warehouse.warehouse import Warehouse, open_warehouse

hypothesis.settings.register_profile("sigid", deadline=None)  # a slow disk is no failure
hypothesis.settings.load_profile("sigid")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's own settings: a test never finds its developer's warehouse."""
    for setting in fields(Settings):
        monkeypatch.delenv(f"SIGID_{setting.name.upper()}", raising=False)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def warehouse_file(tmp_path: Path) -> Path:
    """Where the warehouse's file is, or will be."""
    return tmp_path / "warehouse.sqlite"


@pytest.fixture
def warehouse(warehouse_file: Path) -> Iterator[Warehouse]:
    """An empty warehouse."""
    with open_warehouse(f"sqlite:///{warehouse_file}") as opened:
        yield opened
