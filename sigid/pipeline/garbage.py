"""How often Python looks for garbage while rows are made by the thousand, none of which is in a cycle."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_OBJECTS = 200_000  # a few batches' worth; Python's own 700 has it look at everything several times a batch
_LOCK = Lock()
_found: list[tuple[int, int, int]] = []
"""What each of those who are in `rarely_collected` found."""


def collect_rarely() -> None:
    """Have it look rarely, and not at what is there already, for the rest of the process."""
    gc.freeze()
    gc.set_threshold(_OBJECTS, *gc.get_threshold()[1:])


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Have it look rarely, and not at what is there already: that takes a third of the time of making rows.

    Threads may be here at the same time. After the last one it looks as often as before the first, and at everything.
    """
    with _LOCK:
        _found.append(gc.get_threshold())
        collect_rarely()
    try:
        yield
    finally:
        with _LOCK:
            gc.set_threshold(*_found.pop())
            if not _found:
                gc.unfreeze()
