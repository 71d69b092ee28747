"""Numbers in sentences."""

from __future__ import annotations


def counted(number: int, one: str, many: str | None = None) -> str:
    """The number with what it is of: "1 file", "2,000 files"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
