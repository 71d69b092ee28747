"""An erasure: what went, and what is left for others to delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TextIO

from sigid.report.terminal import printable, readers_choice


def write(
    rows: Mapping[str, int],
    files: Sequence[str],
    indexes: Sequence[str],
    doubts: Mapping[str, str],
    in_advance: Sequence[str],
    out: TextIO,
    *,
    is_done: bool,
) -> None:
    """Write how many rows of each table went, or would, and who was noted in advance; then the files still there."""
    would_be = "" if is_done else "would be "
    counts = ", ".join(f"{table} {count}" for table, count in rows.items() if count)
    with readers_choice(out):
        if counts or not in_advance:
            out.write(f"{would_be}erased: {counts or 'no rows'}\n")
        for text in in_advance:
            out.write(printable(f"{would_be}noted in advance: {text}; no row is of it yet") + "\n")
        for source, doubt in doubts.items():
            out.write(printable(f"{source}: files that became no signature could not be told apart: {doubt}") + "\n")
        if files:
            out.write(
                f"{len(files)} files are still there, and left out by every load; to be deleted by whoever may:\n"
            )
            out.writelines(f"{printable(file)}\n" for file in files)
        for index in indexes:
            out.write(printable(f"{index} still lists them; take them out of it when the files are deleted") + "\n")
