"""What suits who reads: drawn on a terminal; elsewhere plain lines, for grep, cut and awk to take apart."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console


def is_terminal(out: TextIO) -> bool:
    """Whether it is read on a screen that can be drawn on."""
    return out.isatty() and os.environ.get("TERM") != "dumb"


def console(out: TextIO) -> Console:
    """Draws on a terminal. A file's name is never taken for markup."""
    from rich.console import Console  # of no use where there is no terminal

    return Console(file=out, markup=False, emoji=False, highlight=False)


def printable(text: str) -> str:
    """The text with all that is escaped that would move a cursor, change a colour or begin a line."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def tabbed(cells: Iterable[object]) -> str:
    """The cells on one line, with a tab between two of them."""
    return "\t".join(printable(str(cell)) for cell in cells) + "\n"


@contextmanager
def readers_choice(out: TextIO) -> Iterator[None]:
    """Hand over at the end what was written. A reader who has seen enough, as `head` has, may leave before.

    Raises OSError where it cannot be written for another reason: the disk that takes it is full. Nothing is written to
    `out` from then on.
    """
    try:
        yield
        out.flush()
    except BrokenPipeError:
        _silence(out)
    except OSError:
        _silence(out)
        raise


def _silence(out: TextIO) -> None:
    """Have nobody read it: or else Python complains, at exit, of what is still to be flushed."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, out.fileno())
    os.close(silence)
