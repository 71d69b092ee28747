"""CocoIndex: a walk of a local folder, a memoised function that declares a file's row, a table in SQLite.

As in its documentation: the connectors `localfs` and `sqlite`, a component a file (`mount_each`), so that a file that
stands is not read again and the row of one that is gone is deleted. `COCOINDEX_DB` says where it keeps its state.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import cocoindex
from cocoindex.connectors import localfs, sqlite
from cocoindex.resources.file import FileLike, PatternFilePathMatcher

from dev.benchmark.programs.parsing import TABLE, Row, parse

TREE = cocoindex.ContextKey[Path]("tree")
DATABASE = cocoindex.ContextKey[sqlite.ManagedConnection]("database")


@cocoindex.lifespan
def resources(builder: cocoindex.EnvironmentBuilder) -> Iterator[None]:
    """Where the files lie, and the database: in WAL mode, with `synchronous=NORMAL` as SQLite advises for it."""
    builder.provide(TREE, Path(os.environ["BENCHMARK_TREE"]))
    with sqlite.managed_connection(os.environ["BENCHMARK_DATABASE"], load_vec=False) as managed:
        with managed.readonly() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
        builder.provide(DATABASE, managed)
        yield


@cocoindex.fn(memo=True)
async def load_file(file: FileLike[Path], table: sqlite.TableTarget[Row]) -> None:
    """Declare the row of one file."""
    table.declare_row(row=parse(file.file_path.path.as_posix(), await file.read()))


@cocoindex.fn
async def load() -> None:
    """Declare the table, and mount a component for each file."""
    schema = await sqlite.TableSchema.from_class(Row, primary_key=["path"])
    table = await sqlite.mount_table_target(DATABASE, TABLE, schema)
    matcher = PatternFilePathMatcher(included_patterns=["**/*.[pP][nN][gG]", "**/*.[hH][wW][rR]"])
    files = localfs.walk_dir(TREE, recursive=True, path_matcher=matcher)
    await cocoindex.mount_each(load_file, files.items(), table)


if __name__ == "__main__":
    cocoindex.App(cocoindex.AppConfig(name="Signatures"), load).update_blocking()
