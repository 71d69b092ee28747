"""What is said of a cluster in more than one place."""

from __future__ import annotations

from sigid.errors import SigidError

STANDS = "what was committed stands"
START = "start some (dask worker) and run again"


def gone(address: str) -> SigidError:
    """What to raise where the scheduler no longer answers."""
    return SigidError(f"the scheduler at {address} is gone, or the way to it; {STANDS}: start it and run again")


def in_a_line(error: object) -> str:
    """An exception, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".removesuffix(": ").split())
