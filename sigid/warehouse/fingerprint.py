"""The one question that an unchanged run asks the warehouse: do you hold what this manifest lists?

It is asked without SQLAlchemy, whose import alone takes longer than everything else that such a run does.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sigid.warehouse.location import file_of, is_there


def fingerprint_of(manifest: str, lines: int, signatures: int) -> str:
    """What the last load of a source leaves behind: the digest of the manifest, and the rows that it led to."""
    return f"{manifest}-{lines}-{signatures}"


def holds(url: str, source: str, manifest: str) -> bool:
    """Whether the warehouse holds, of this source, just what a manifest of that digest lists.

    It does not where rows were removed since, where there is no warehouse, or where the question can't be answered.
    """
    if not is_there(url):
        return False
    try:
        with closing(sqlite3.connect(f"{Path(file_of(url)).absolute().as_uri()}?mode=rw", uri=True)) as connection:
            row = connection.execute(
                "SELECT fingerprint, (SELECT count(*) FROM source_file WHERE source = :source),"
                " (SELECT count(*) FROM signature WHERE source = :source)"
                " FROM load WHERE source = :source ORDER BY id DESC LIMIT 1",
                {"source": source},
            ).fetchone()
    except sqlite3.Error:
        return False
    return row is not None and row[0] == fingerprint_of(manifest, row[1], row[2])
