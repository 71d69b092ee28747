"""Looks into a DuckDB file for the check: `duckdb_rows DATABASE <PATHS` writes the count and those paths' sizes."""

from __future__ import annotations

import json
import sys

import duckdb

from dev.benchmark.programs.parsing import TABLE

if __name__ == "__main__":
    paths = json.load(sys.stdin)
    with duckdb.connect(sys.argv[1], read_only=True) as connection:
        table = f"signatures.{TABLE}"
        count = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608  (of constants)
        found = connection.execute(
            f"SELECT path, size FROM {table} WHERE list_contains(?, path)",  # noqa: S608  (of constants)
            [paths],
        )
        json.dump([count and count[0], dict(found.fetchall())], sys.stdout)
