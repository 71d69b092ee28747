"""How often Python looks for garbage while a load makes rows by the thousand, none of which is in a cycle."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_OBJECTS = 200_000  # a few batches' worth; Python's own 700 has it look at everything several times a batch


def collect_rarely() -> None:
    """Have it look rarely, and not at what is there already, for the rest of the process."""
    gc.freeze()
    gc.set_threshold(_OBJECTS, *gc.get_threshold()[1:])


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Have it look rarely, and not at what is there already: that takes a third of the time of making rows."""
    before = gc.get_threshold()
    collect_rarely()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
