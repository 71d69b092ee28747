"""What suits who reads: drawn on a terminal; elsewhere plain lines, for grep, cut and awk to take apart."""

from __future__ import annotations

import errno
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


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def readers_choice(out: TextIO) -> Iterator[None]:
    """Hand over at the end what was written. A reader who has seen enough, as `head` has, may leave before.

    Nothing else is written meanwhile, but files that say their names where that cannot be done.
    """
    try:
        yield
    except BrokenPipeError:
        _silence(out)
    except OSError as error:
        hand_over(out)  # which says so, where it is this that cannot be written
        if error.filename is None and error.errno in _NO_ROOM:  # what was lost of it is not kept back any more
            raise _not_written(out, error) from error
        raise
    else:
        hand_over(out)


def hand_over(out: TextIO) -> None:
    """Write what is still kept back, unless the reader has left.

    Raises OSError, under the name of standard output, where that cannot be done; nothing more is written there then.
    """
    try:
        out.flush()
    except BrokenPipeError:
        _silence(out)
    except OSError as error:
        raise _not_written(out, error) from error


def _not_written(out: TextIO, error: OSError) -> OSError:
    _silence(out)
    return OSError(error.errno, error.strerror, "standard output")


def _silence(out: TextIO) -> None:
    """Have all further writing go nowhere: or else Python complains, at exit, of what is still to be flushed."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, out.fileno())
    os.close(nowhere)
