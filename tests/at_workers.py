"""What workers of a cluster do in tests, in the place of `interpret`."""

from __future__ import annotations

import gc
import os
import time
from pathlib import Path

from sigid.pipeline.interpret import Job, Reading, interpret


def slowly(job: Job) -> list[Reading]:
    """Interpret, and put down beside the datasets who has begun and who has ended which batch."""
    place = Path(job.root).parents[1]
    note = f"{os.getpid()} {job.files[0].path.replace('/', ' ')}"
    (place / f"began {note}").touch()
    time.sleep(0.2)
    results = interpret(job)
    (place / f"ended {note}").touch()
    return results


class Notes:
    """What was put down of who has read which batch."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def batches(self, verb: str, pid: int) -> set[str]:
        """The batches that this process has begun, or has ended."""
        return {file.name.split(" ", 2)[2] for file in self._folder.glob(f"{verb} {pid} *")}

    def under_way(self, pid: int) -> set[str]:
        return self.batches("began", pid) - self.batches("ended", pid)


def signing(_job: Job) -> list[Reading]:
    """Read nothing, and put down in the worker's own folder who did."""
    Path(f"read by {os.getpid()}").touch()
    time.sleep(0.05)
    return []


def collecting(job: Job) -> list[Reading]:
    """Read nothing, and put down below the root how often this process looks for garbage meanwhile."""
    (Path(job.root) / "threshold").write_text(str(gc.get_threshold()[0]))
    return []


def failing(_job: Job) -> list[Reading]:
    raise ZeroDivisionError("a mistake of ours")
