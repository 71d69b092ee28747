"""doit as it is, but some files bring down the process that reads them: `python -m dev.campaigns.poisoned TASK`.

`POISONED_FATE` says how, and `POISONED_FILES` at which names, with commas between them. Batches are small, two
processes are thought to be worth it where the settings allow them, and what hangs is given up soon.
"""

from __future__ import annotations

import os
import resource
import runpy
import signal
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

from sigid.pipeline import apart, pool, study, workers
from sigid.pipeline.interpret import Job, Reading, interpret

BATCH_FILES = 10
APART_SECONDS = 2
POOL_SECONDS = 4


def read(job: Job) -> list[Reading]:
    """Interpret, unless a poisoned file is to be read."""
    poisoned = os.environ.get("POISONED_FILES", "").split(",")
    for file in job.files:
        if file.path.rpartition("/")[2] in poisoned:
            FATES[os.environ["POISONED_FATE"]]()
    return interpret(job)


def _exhaust_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (2**29, 2**29))
    bytearray(2**30)


FATES: Mapping[str, Callable[[], object]] = MappingProxyType(
    {
        "SIGSEGV": lambda: os.kill(os.getpid(), signal.SIGSEGV),
        "SIGKILL": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "no memory": _exhaust_memory,
        "an end without a word": lambda: os._exit(3),
        "a hang": lambda: time.sleep(600),
        "SIGSTOP": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    }
)


def main() -> None:
    """Run doit so."""
    from dev.campaigns import poisoned  # by this name the processes of the pool find it

    setattr(study, "interpret", poisoned.read)  # noqa: B010  # it is theirs only by import
    study.BATCH_FILES = BATCH_FILES
    workers.FILES_WORTH_A_PROCESS = BATCH_FILES
    apart.SECONDS = APART_SECONDS
    pool.Pool.seconds = POOL_SECONDS
    runpy.run_module("doit", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
