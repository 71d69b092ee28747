"""dlt: its filesystem source, incremental on the modification date, a transformer that parses, merged into DuckDB.

As in its documentation: the incremental cursor keeps files that are no newer than the last run's from being read, and
`merge` with a primary key replaces the rows of those that changed. Rows are yielded by the page.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
from dlt.sources.filesystem import FileItemDict, filesystem

from dev.benchmark.programs.parsing import TABLE, is_signature, parse


@dlt.transformer(name=TABLE, primary_key="path", write_disposition="merge")
def rows(items: list[FileItemDict]) -> Iterator[list[dict[str, Any]]]:
    """What the files of one page say."""
    yield [
        parse(item["relative_path"], item.read_bytes())._asdict() for item in items if is_signature(item["file_name"])
    ]


def load(tree: Path, state: Path) -> None:
    """Load what is new or newer than at the last run."""
    files = filesystem(
        bucket_url=tree.as_uri(),
        file_glob="**/*",
        files_per_page=1000,
        incremental=dlt.sources.incremental("modification_date"),
    )
    pipeline = dlt.pipeline(
        pipeline_name="signatures",
        pipelines_dir=str(state / "pipelines"),
        destination=dlt.destinations.duckdb(str(state / "warehouse.duckdb")),
        dataset_name="signatures",
    )
    pipeline.run(files | rows, loader_file_format="parquet")


if __name__ == "__main__":
    load(Path(os.environ["BENCHMARK_TREE"]), Path(os.environ["BENCHMARK_STATE"]))
