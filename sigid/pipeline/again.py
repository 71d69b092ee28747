"""again: what a lost connection interrupted is done again, from what was committed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sigid.errors import BusyError, ConnectionLost

T = TypeVar("T")

_TIMES = 5
_FIRST_WAIT_SECONDS = 1.0


def again(do: Callable[[], T]) -> T:
    """Do it, and once more whenever the connection is lost: at once, then after longer and longer waits, five times.

    Raises what the last try raised. That another one is at it is no reason to give up either, once it was we who were:
    the server may take a while to notice that a connection is gone, and with it the lock.
    """
    try:
        return do()
    except ConnectionLost:
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential, wait_random

        retrying = Retrying(
            stop=stop_after_attempt(_TIMES),
            wait=wait_exponential(multiplier=_FIRST_WAIT_SECONDS) + wait_random(0, _FIRST_WAIT_SECONDS / 2),
            retry=retry_if_exception_type((ConnectionLost, BusyError)),
            reraise=True,
        )
        return retrying(do)
