"""Libraries of tables, imported when a test first uses one.

They start threads as soon as they are imported, and beside those sigid starts no copies of its process: what tests of
such copies tell would be about something else.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


class _Later:
    """A module that is not imported yet."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("_", "pytest")) and name != "__version__":  # pytest asks all that it finds in a module
            raise AttributeError(name)
        return getattr(import_module(self._name), name)


duckdb: Any = _Later("duckdb")
pandas: Any = _Later("pandas")
polars: Any = _Later("polars")
pyarrow: Any = _Later("pyarrow")
pyarrow_parquet: Any = _Later("pyarrow.parquet")
