"""The one question that an unchanged run asks the warehouse: do you hold what this manifest lists?

It is asked without SQLAlchemy, whose import alone takes longer than everything else that such a run does.
"""

from __future__ import annotations

from typing import NamedTuple

from sigid.warehouse.location import ask
from sigid.warehouse.records import SCHEMA_VERSION

_QUESTION = """
    SELECT fingerprint,
        CASE WHEN fingerprint LIKE ? THEN (SELECT count(*) FROM source_file WHERE source = ?) END,
        CASE WHEN fingerprint LIKE ? THEN (SELECT count(*) FROM signature WHERE source = ?) END,
        (SELECT max(version) FROM schema_version)
    FROM "load" WHERE source = ? ORDER BY id DESC LIMIT 1
"""
"""To count rows takes long where there are many: another manifest's are not counted."""


class Rows(NamedTuple):
    """How many rows a source has in the warehouse."""

    lines: int
    """Of the ledger."""
    signatures: int


def fingerprint_of(manifest: str, rows: Rows) -> str:
    """What the last load of a source leaves behind: the digest of the manifest, and the rows that it led to."""
    return f"{manifest}-{rows.lines}-{rows.signatures}"


def rows_of(fingerprint: str, manifest: str) -> Rows | None:
    """How many rows the manifest led to; None where the fingerprint is not that manifest's."""
    of, *numbers = fingerprint.split("-")
    if not manifest or of != manifest or len(numbers) != len(Rows._fields) or not all(map(str.isdecimal, numbers)):
        return None
    return Rows(*map(int, numbers))


def holds(url: str, source: str, manifest: str) -> bool:
    """Whether the warehouse holds, of this source, just what a manifest of that digest lists.

    It does not where rows were removed since, where there is no warehouse, where it has another schema than today's, or
    where the question can't be answered.
    Raises ConnectionLost where a server cannot be reached.
    """
    like = f"{manifest}-%"
    row = ask(url, _QUESTION, [like, source, like, source, source])
    if row is None:
        return False
    fingerprint, lines, signatures, version = row
    return bool(version == SCHEMA_VERSION and fingerprint == fingerprint_of(manifest, Rows(lines, signatures)))
