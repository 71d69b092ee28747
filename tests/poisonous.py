"""Readers that two files bring down, in the place of `interpret`, for processes that know nothing of a test's own."""

from __future__ import annotations

import faulthandler
import os
import resource
import signal
import time
from collections.abc import Callable

from sigid.pipeline.interpret import Job, Reading, interpret

NAMES = ("0007_1.HWR", "0031_1.HWR")
"""Of the files."""


def crashing(job: Job) -> list[Reading]:
    return _read(job, lambda: os.kill(os.getpid(), signal.SIGSEGV))


def killed(job: Job) -> list[Reading]:
    return _read(job, lambda: os.kill(os.getpid(), signal.SIGKILL))


def ending(job: Job) -> list[Reading]:
    return _read(job, lambda: os._exit(3))


def exhausting(job: Job) -> list[Reading]:
    """Take more memory than the process may."""
    return _read(job, _exhaust)


def hanging(job: Job) -> list[Reading]:
    return _read(job, lambda: time.sleep(600))


def stopped(job: Job) -> list[Reading]:
    return _read(job, lambda: os.kill(os.getpid(), signal.SIGSTOP))


def _exhaust() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (2**29, 2**29))
    bytearray(2**30)


def _read(job: Job, fate: Callable[[], object]) -> list[Reading]:
    if any(file.path.endswith(NAMES) for file in job.files):
        faulthandler.disable()  # it is meant, and nobody wants to read of it
        fate()
    return interpret(job)
