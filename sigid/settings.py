"""Settings: from the environment, or a `.env` file, or `[tool.sigid]` in `pyproject.toml`, in this order."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sigid.errors import SettingError

_DEFAULTS = {"warehouse": "", "datasets": "datasets", "build": "build", "workers": "", "cluster": ""}


@dataclass(frozen=True)
class Settings:
    """Where things are, and what may be used to work on them."""

    warehouse: str = field(repr=False)
    """The warehouse's SQLAlchemy URL. It may hold a password: it is not shown."""
    datasets: Path
    """The folder of the sources' folders."""
    build: Path
    """The folder for caches and outputs."""
    workers: int
    """How many processes look at files and extract them."""
    cluster: str
    """The address of a Dask scheduler that extracts instead; empty for none."""

    @classmethod
    def read(cls, folder: Path = Path(), environ: Mapping[str, str] = os.environ) -> Settings:
        """The settings in force for someone who works in `folder`.

        A variable that is set but empty counts as not set. Raises SettingError for a value that cannot be used.
        """
        values = dict(_DEFAULTS)
        for found in (_from_pyproject(folder / "pyproject.toml"), _from_dotenv(folder / ".env"), environ):
            for name in _DEFAULTS:
                if value := found.get(f"SIGID_{name.upper()}"):
                    values[name] = value
        build = Path(values["build"])
        return cls(
            warehouse=values["warehouse"] or f"sqlite:///{build / 'warehouse.sqlite'}",
            datasets=Path(values["datasets"]),
            build=build,
            workers=_workers(values["workers"]),
            cluster=values["cluster"],
        )


def _workers(text: str) -> int:
    if not text:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= 1024):
        raise SettingError(f"SIGID_WORKERS is {text!r}; it is a number of processes from 1 to 1024")
    return int(text)


def _from_dotenv(file: Path) -> Mapping[str, str]:
    if not file.is_file():
        return {}
    from dotenv import dotenv_values  # most runs have no such file

    try:
        return {name: value for name, value in dotenv_values(file).items() if value is not None}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{file} cannot be read: {error}") from error


def _from_pyproject(file: Path) -> Mapping[str, str]:
    """The settings in the file, by the names of the variables that override them."""
    import tomllib

    try:
        tools = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {})
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{file} is no valid TOML: {error}") from error
    except OSError as error:
        raise SettingError(f"{file} cannot be read: {error.strerror}") from error
    table = tools.get("sigid", {}) if isinstance(tools, dict) else {}
    if not isinstance(table, dict):
        raise SettingError(f"tool.sigid in {file} is no table; write [tool.sigid], and a setting a line below it")
    for name, value in table.items():
        if name not in _DEFAULTS:
            raise SettingError(f"[tool.sigid] in {file} has no setting {name!r}; there are {', '.join(_DEFAULTS)}")
        if not isinstance(value, (str, int)) or isinstance(value, bool):  # a value may hold a password: not shown
            raise SettingError(f"[tool.sigid] {name} in {file} is neither text nor a whole number; write it as one")
    return {f"SIGID_{name.upper()}": str(value) for name, value in table.items()}
