"""Readers that two files bring down, in the place of `extract`, for processes that know nothing of a test's own."""

from __future__ import annotations

import faulthandler
import os
import resource
import signal
import time
from collections.abc import Callable

from sigid.pipeline.extract import Batch, Extracted, extract

NAMES = ("0007_1.HWR", "0031_1.HWR")
"""Of the files."""


def crashing(batch: Batch) -> list[Extracted]:
    return _read(batch, lambda: os.kill(os.getpid(), signal.SIGSEGV))


def killed(batch: Batch) -> list[Extracted]:
    return _read(batch, lambda: os.kill(os.getpid(), signal.SIGKILL))


def ending(batch: Batch) -> list[Extracted]:
    return _read(batch, lambda: os._exit(3))


def exhausting(batch: Batch) -> list[Extracted]:
    """Take more memory than the process may."""
    return _read(batch, _exhaust)


def hanging(batch: Batch) -> list[Extracted]:
    return _read(batch, lambda: time.sleep(600))


def stopped(batch: Batch) -> list[Extracted]:
    return _read(batch, lambda: os.kill(os.getpid(), signal.SIGSTOP))


def _exhaust() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (2**29, 2**29))
    bytearray(2**30)


def _read(batch: Batch, fate: Callable[[], object]) -> list[Extracted]:
    if any(task.path.endswith(NAMES) for task in batch.tasks):
        faulthandler.disable()  # it is meant, and nobody wants to read of it
        fate()
    return extract(batch)
