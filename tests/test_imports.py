"""Who may import whom: one way, in no circle, and nothing heavy where nothing is to be done."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

import sigid

PROJECT = Path(__file__).parents[1]

BOTTOM = {"sigid.errors", "sigid.identity", "sigid.outcome", "sigid.private", "sigid.version"}
MOCKS = {"sigid.mock_signee_repository", "sigid.mock_signature_repository", "sigid.mock_asset_service"}
MAY_IMPORT = {
    "dodo": {"tasks", "sigid.warehouse.location", "sigid.settings", "sigid.errors"},
    "tasks": {
        *("tasks", "sigid.pipeline", "sigid.export", "sigid.report", "sigid.warehouse", "sigid.sources"),
        *("sigid.settings", "sigid.running", "sigid.folder", *BOTTOM),
    },
    "sigid.export": {
        *("sigid.export", "sigid.pipeline.images", "sigid.report", "sigid.warehouse", "sigid.sources.formats.png"),
        *("sigid.folder", *BOTTOM),
    },
    "sigid.pipeline": {
        *("sigid.pipeline", "sigid.warehouse", "sigid.sources", "sigid.mock_asset_service", "sigid.entity"),
        *("sigid.settings", "sigid.running", *BOTTOM),
    },
    "sigid.report": {"sigid.report", "sigid.warehouse", "sigid.entity", "sigid.folder", *BOTTOM},
    "sigid.warehouse": {
        *("sigid.warehouse", "sigid.mock_asset_service", "sigid.service", "sigid.entity"),
        *("sigid.settings", "sigid.running", *BOTTOM),
    },
    "sigid.sources": {"sigid.sources", *BOTTOM},
    "sigid.example": {"sigid.service", *MOCKS},
    **{mock: {"sigid.entity", "sigid.identity"} for mock in MOCKS},
    "sigid.service": {"sigid.entity", "sigid.identity", "sigid.outcome", "sigid.errors"},
    "sigid.entity": {"sigid.identity", "sigid.errors"},
    "sigid.folder": {"sigid.running", "sigid.private", "sigid.errors"},
    "sigid.running": {"sigid.private", "sigid.errors"},
    "sigid.settings": {"sigid.errors"},
    **{module: set() for module in BOTTOM},
}
"""Of each module, or all modules of a package, those of ours that it may know. ``sigid`` itself is the face."""

ONLY_IN = {
    "doit": {"dodo", "tasks"},
    "sqlalchemy": {"sigid.warehouse"},
    "alembic": {"sigid.warehouse.migrate", "sigid.warehouse.migrations"},
    "sqlite3": {"sigid.warehouse.sqlite", "sigid.warehouse.sqlite_file", "sigid.export.shuffle", "tasks.state"},
    "psycopg": {
        *("sigid.warehouse.postgresql", "sigid.warehouse.postgresql_server", "sigid.warehouse.postgresql_roles"),
    },
    "pymysql": {"sigid.warehouse.mysql", "sigid.warehouse.mysql_driver", "sigid.warehouse.mysql_server"},
    "tenacity": {"sigid.pipeline.again"},
    "pydantic": {"sigid.entity", "sigid.service"},
    "PIL": {"sigid.sources.formats", "sigid.pipeline.images", "sigid.report.html.thumbnail"},
    "jinja2": {"sigid.report.html.pages"},
    "markupsafe": {"sigid.report.html.pages"},
    "orjson": {"sigid.sources.formats.hwr"},
    "zlib_ng": {"sigid.sources.formats.png"},
    "dotenv": {"sigid.settings"},
    "tomllib": {"sigid.settings"},
    "distributed": {f"sigid.pipeline.cluster.{module}" for module in ("connect", "versions", "work")},
    "pickle": {"sigid.pipeline.apart", "sigid.pipeline.cluster.work"},
    "multiprocessing": {"sigid.pipeline.apart", "sigid.pipeline.pool", "sigid.report.progress", "tasks.scan"},
    "pyarrow": {"sigid.warehouse.arrow", "sigid.warehouse.selection", "sigid.export"},
    "pandas": {"sigid.warehouse.selection"},
    "polars": {"sigid.warehouse.selection"},
    "rich": {"sigid.report", "sigid.example", "tasks"},
}
"""What each of these libraries is kept to, so that it can be replaced there."""

HEAVY = {
    *("sqlalchemy", "alembic", "pydantic", "pydantic_core", "numpy", "PIL", "rich", "dotenv", "jinja2"),
    *("psycopg", "pymysql", "tenacity", "dask", "pyarrow", "pandas", "polars"),
}


def is_in(module: str, packages: set[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


@cache
def modules() -> dict[str, Path]:
    """Our modules by name."""
    files = [*PROJECT.glob("sigid/**/*.py"), *PROJECT.glob("tasks/**/*.py"), PROJECT / "dodo.py"]
    return {".".join(file.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


def names_imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "an import says in full what it imports"
            for alias in node.names:
                yield f"{node.module}.{alias.name}"


@cache
def imports(module: str) -> frozenset[str]:
    """What the module imports anywhere: on top, in a function, or for the type checker alone."""
    names = names_imported(ast.parse(modules()[module].read_text(encoding="utf-8")))
    return frozenset(name if name in modules() else _module_of(name) for name in names)


def _module_of(name: str) -> str:
    parent = name.rpartition(".")[0]
    return parent if parent in modules() else name


@pytest.mark.parametrize("module", sorted(modules().keys() - {"sigid"}))
def test_a_module_knows_only_those_below_it(module: str) -> None:
    (allowed,) = (allowed for package, allowed in MAY_IMPORT.items() if is_in(module, {package}))

    ours = {name for name in imports(module) if is_in(name, {"sigid", "tasks", "dodo"})}

    assert {name for name in ours if not is_in(name, allowed)} == set()


def test_nobody_within_goes_through_the_face() -> None:
    assert [module for module in modules() if "sigid" in imports(module)] == []


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_known_only_where_it_is_needed(library: str) -> None:
    users = {module for module in modules() if any(is_in(name, {library}) for name in imports(module))}

    assert users, f"nobody imports {library}; take it out of the table"
    assert {module for module in users if not is_in(module, ONLY_IN[library])} == set()


def test_there_is_no_circle_not_even_for_the_type_checker() -> None:
    ours = {module: imports(module) & modules().keys() for module in modules()}

    TopologicalSorter(ours).prepare()  # raises CycleError, which names the circle


def loaded_with(*names: str) -> set[str]:
    """The heavy libraries that are in memory once these modules are."""
    program = "import importlib, json, sys; [importlib.import_module(name) for name in sys.argv[1:]]"
    ran = subprocess.run(
        [sys.executable, "-c", f"{program}; print(json.dumps(list(sys.modules)))", *names],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    )
    return HEAVY & set(json.loads(ran.stdout))


def test_importing_sigid_loads_nothing_heavy() -> None:
    assert loaded_with("sigid") == set()


def test_what_dodo_imports_and_a_run_without_changes_needs_loads_nothing_heavy() -> None:
    dodo = {name for name in imports("dodo") if name in modules()}

    assert {"tasks.scan", "tasks.load"} <= dodo
    assert loaded_with(*dodo, "sigid.pipeline.scan", "sigid.warehouse.fingerprint") == set()


def test_a_process_that_only_reads_files_loads_nothing_heavy() -> None:
    assert loaded_with("sigid.pipeline.interpret") == set()


def test_a_name_of_the_face_loads_what_it_needs() -> None:
    assert loaded_with("sigid.warehouse.warehouse") == {"sqlalchemy", "pydantic", "pydantic_core", "numpy"}


def test_the_face_fits_on_a_screen_and_shows_what_it_says() -> None:
    tree = ast.parse(modules()["sigid"].read_text(encoding="utf-8"))
    for_the_type_checker = {name.rpartition(".")[2] for name in names_imported(tree) if name.startswith("sigid.")}

    assert sigid.__all__ == sorted(sigid.__all__)
    assert len(sigid.__all__) <= 24
    assert set(sigid.__all__) == for_the_type_checker


@pytest.mark.parametrize("name", sigid.__all__)
def test_each_name_of_the_face_is_there(name: str) -> None:
    thing = getattr(sigid, name)

    home = next(each for each in imports("sigid") if each in modules() and hasattr(import_module(each), name))
    assert thing is getattr(import_module(home), name)


def test_a_name_that_the_face_does_not_have_is_missing_as_everywhere() -> None:
    with pytest.raises(AttributeError, match="module 'sigid' has no attribute 'open_warehose'"):
        _ = sigid.open_warehose


def test_sigid_tells_type_checkers_that_it_is_typed() -> None:
    assert (PROJECT / "sigid" / "py.typed").is_file()
