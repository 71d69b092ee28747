"""Settings: where they come from, in which order, and what is said about one that cannot be used."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from sigid.errors import SettingError, SigidError
from sigid.settings import Settings
from sigid.warehouse.warehouse import open_warehouse

PASSWORD = "S3cret-Pw"  # noqa: S105  # nobody's


def write_toml(folder: Path, *lines: str) -> None:
    (folder / "pyproject.toml").write_text("\n".join(["[tool.sigid]", *lines, ""]), encoding="utf-8")


def write_dotenv(folder: Path, *lines: str) -> None:
    (folder / ".env").write_text("\n".join(lines), encoding="utf-8")


def refusal(folder: Path, **environ: str) -> str:
    with pytest.raises(SettingError) as refused:
        Settings.read(folder, environ)
    text = str(refused.value)
    assert "\n" not in text
    return text


def test_there_is_a_default_for_everything(tmp_path: Path) -> None:
    settings = Settings.read(tmp_path, {})

    assert settings == Settings(
        warehouse="sqlite:///build/warehouse.sqlite",
        datasets=Path("datasets"),
        build=Path("build"),
        workers=len(os.sched_getaffinity(0)),
        cluster="",
    )


def test_the_environment_comes_before_the_dotenv_file_before_pyproject(tmp_path: Path) -> None:
    write_toml(tmp_path, 'datasets = "of pyproject"', 'build = "of pyproject"', "workers = 1")
    write_dotenv(tmp_path, "SIGID_DATASETS=of dotenv", "SIGID_BUILD=of dotenv")

    settings = Settings.read(tmp_path, {"SIGID_DATASETS": "of the environment"})

    assert settings.datasets == Path("of the environment")
    assert settings.build == Path("of dotenv")
    assert settings.workers == 1


@pytest.mark.parametrize("name", ["warehouse", "datasets", "build", "workers", "cluster"])
@pytest.mark.parametrize("place", ["environment", "dotenv", "pyproject"])
def test_each_setting_is_taken_from_each_place(tmp_path: Path, name: str, place: str) -> None:
    environ = {}
    match place:
        case "environment":
            environ[f"SIGID_{name.upper()}"] = "7"
        case "dotenv":
            write_dotenv(tmp_path, f"SIGID_{name.upper()}=7")
        case "pyproject":
            write_toml(tmp_path, f'{name} = "7"')

    assert str(getattr(Settings.read(tmp_path, environ), name)) == "7"


def test_what_is_set_but_empty_counts_as_not_set(tmp_path: Path) -> None:
    write_toml(tmp_path, 'datasets = ""', 'build = "of pyproject"', 'workers = ""')
    write_dotenv(tmp_path, "SIGID_BUILD=", "SIGID_WORKERS", 'SIGID_CLUSTER="of dotenv"')

    settings = Settings.read(tmp_path, {"SIGID_BUILD": "", "SIGID_CLUSTER": "", "SIGID_WAREHOUSE": ""})

    assert settings == Settings(
        warehouse="sqlite:///of pyproject/warehouse.sqlite",
        datasets=Path("datasets"),
        build=Path("of pyproject"),
        workers=Settings.read(tmp_path / "elsewhere", {}).workers,
        cluster="of dotenv",
    )


def test_the_warehouse_lies_in_the_build_folder_unless_it_is_said_otherwise(tmp_path: Path) -> None:
    assert Settings.read(tmp_path, {"SIGID_BUILD": "/var/b"}).warehouse == "sqlite:////var/b/warehouse.sqlite"
    assert Settings.read(tmp_path, {"SIGID_BUILD": "/var/b", "SIGID_WAREHOUSE": "x"}).warehouse == "x"


def test_the_users_own_folder_and_environment_are_read(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_dotenv(workplace, "SIGID_BUILD=of dotenv")
    monkeypatch.setenv("SIGID_DATASETS", "of the environment")

    settings = Settings.read()

    assert (settings.datasets, settings.build) == (Path("of the environment"), Path("of dotenv"))


@pytest.mark.parametrize("text", ["", "[project]\nname = 'theirs'", "[tool.other]\nworkers = 0", "tool = 1"])
def test_a_pyproject_that_says_nothing_of_sigid_is_fine(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")

    assert Settings.read(tmp_path, {}).build == Path("build")


@pytest.mark.parametrize("workers", ["0", "-1", "1.5", "two", "1025", "٣", "1_0", " ", "9" * 5000])
def test_a_number_of_workers_that_makes_no_sense_is_refused(tmp_path: Path, workers: str) -> None:
    expected = f"SIGID_WORKERS is {workers!r}; it is a number of processes from 1 to 1024"

    assert refusal(tmp_path, SIGID_WORKERS=workers) == expected


@pytest.mark.parametrize("workers", ["1", "1024"])
def test_a_number_of_workers_that_makes_sense_is_taken(tmp_path: Path, workers: str) -> None:
    assert Settings.read(tmp_path, {"SIGID_WORKERS": workers}).workers == int(workers)


def test_a_setting_that_does_not_exist_is_refused_with_those_that_do(tmp_path: Path) -> None:
    write_toml(tmp_path, 'wharehouse = "x"')

    assert refusal(tmp_path) == (
        f"[tool.sigid] in {tmp_path}/pyproject.toml has no setting 'wharehouse'; "
        "there are warehouse, datasets, build, workers, cluster"
    )


@pytest.mark.parametrize("value", ["true", "1.5", "[1]", "2026-01-02", f'["postgresql://me:{PASSWORD}@host/db"]'])
def test_a_setting_of_another_type_is_refused_without_showing_it(tmp_path: Path, value: str) -> None:
    write_toml(tmp_path, f"warehouse = {value}")

    assert refusal(tmp_path) == (
        f"[tool.sigid] warehouse in {tmp_path}/pyproject.toml is neither text nor a whole number; write it as one"
    )


def test_a_pyproject_that_is_no_toml_is_refused_with_the_line(tmp_path: Path) -> None:
    write_toml(tmp_path, f'warehouse = "postgresql://me:{PASSWORD}@host/db')

    text = refusal(tmp_path)

    assert text.startswith(f"{tmp_path}/pyproject.toml is no valid TOML: ")
    assert "line 2" in text
    assert PASSWORD not in text


@pytest.mark.parametrize("text", ["[tool]\nsigid = 1", "[[tool.sigid]]\nworkers = 1"])
def test_settings_that_are_no_table_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")

    assert refusal(tmp_path) == (
        f"tool.sigid in {tmp_path}/pyproject.toml is no table; write [tool.sigid], and a setting a line below it"
    )


@pytest.mark.parametrize("name", ["pyproject.toml", ".env"])
def test_a_file_that_is_no_text_is_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\xff\xfe")

    assert str(tmp_path / name) in refusal(tmp_path)


def test_a_pyproject_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").mkdir()

    assert refusal(tmp_path) == f"{tmp_path}/pyproject.toml cannot be read: Is a directory"


def test_the_settings_show_no_password(tmp_path: Path) -> None:
    settings = Settings.read(tmp_path, {"SIGID_WAREHOUSE": f"postgresql://me:{PASSWORD}@host/db"})

    assert PASSWORD in settings.warehouse
    assert PASSWORD not in f"{settings} {settings!r}"


USE = (
    "SIGID_WAREHOUSE is not the URL of a warehouse that sigid can use; "
    "write it like sqlite:///build/warehouse.sqlite, postgresql+psycopg://user@host/database "
    "or mysql+pymysql://user@host/database"
)
FILE = "SIGID_WAREHOUSE names no file, or more than a file; write it like sqlite:///build/warehouse.sqlite"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", USE),
        (f"build/{PASSWORD}.sqlite", USE),
        (f"me:{PASSWORD}@host/db", USE),
        (f"postgresql://me:{PASSWORD}@host/db", USE),
        (f"postgresql://me:{PASSWORD}@host:port/db", USE),
        (f"sqlite+aiosqlite:///{PASSWORD}", USE),
        ("sqlite://", FILE),
        ("sqlite:///", FILE),
        ("sqlite:///:memory:", FILE),
        (f"sqlite://me:{PASSWORD}@host/warehouse.sqlite", FILE),
        (f"sqlite:///warehouse.sqlite?key={PASSWORD}", FILE),
        ("sqlite:///what?.sqlite", FILE),
        ("sqlite+pysqlite:///warehouse.sqlite", USE),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_in_one_line_that_repeats_nothing_of_it(
    workplace: Path, url: str, expected: str
) -> None:
    with pytest.raises(SettingError, match=f"^{re.escape(expected)}$") as refused:
        open_warehouse(url)

    error: BaseException | None = refused.value
    while error is not None:  # a traceback would show what led to it, too
        assert PASSWORD not in str(error)
        error = error.__cause__ or error.__context__
    assert isinstance(refused.value, SigidError)
    assert list(workplace.iterdir()) == []
