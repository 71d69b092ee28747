"""The forms that a table is written in, for other programs, and where it is written to."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from enum import StrEnum
from typing import TextIO

from sigid.errors import SigidError
from sigid.private import write_whole
from sigid.report.terminal import readers_choice


class Form(StrEnum):
    """What other programs read."""

    TABS = "tabs"
    CSV = "csv"
    JSON = "json"

    @classmethod
    def suits(cls, path: str) -> Form:
        """The form that a file of that name has."""
        suffix = os.path.splitext(path)[1][1:].lower()
        return cls(suffix) if suffix in (cls.CSV, cls.JSON) else cls.TABS


def to_stream(lines: Iterable[str], out: TextIO) -> None:
    """Write the lines as they come."""
    with readers_choice(out):
        out.writelines(lines)


def to_file(lines: Iterable[str], path: str) -> None:
    """Put the lines in the place of the file, whole or not at all, for its owner alone.

    Raises SigidError where there is something else than a file, which must not be replaced.
    """
    if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
        raise SigidError(f"{path} is no regular file and stays as it is; name a file, or write to standard output")
    write_whole(path, (line.encode(errors="backslashreplace") for line in lines))
