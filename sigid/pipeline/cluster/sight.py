"""What a worker says of files, held against how they are seen from here."""

from __future__ import annotations

import os

from sigid.errors import Reason
from sigid.pipeline.escape import raw
from sigid.pipeline.extract import Plain
from sigid.pipeline.facts import STAMP
from sigid.pipeline.interpret import File, Job, Reading


def as_seen_here(job: Job, results: list[Reading], worker: str, asked: int) -> list[Reading]:
    """The worker's results, but for files that it does not see as this machine does: those are unreadable.

    `asked` is when. Whether the worker has the same files is looked up for one of a batch; and for all of them, where
    that is another one or any is not there.
    """
    read = list(zip(job.files, results, strict=True))
    sample = next((each for each in read if each[1].stamp), None)
    strange = sample is not None and _is_another(job.root, *sample, asked)
    if not strange and all(result.content_hash for result in results):
        return results
    return [_as_seen_here(job.root, *each, worker, asked) for each in read]


def _as_seen_here(root: str, file: File, result: Reading, worker: str, asked: int) -> Reading:
    path = os.path.join(root, raw(file.path))
    if result.said is Plain.GONE and os.path.lexists(path):
        return _unreadable(result, f"the worker {worker} does not see it, and it is there")
    if result.rejection and result.rejection[0] is Reason.UNREADABLE and os.access(path, os.R_OK):
        return _unreadable(result, f"{result.rejection[1]}, says the worker {worker}")
    if result.stamp and _is_another(root, file, result, asked):
        return _unreadable(result, f"the worker {worker} has another file in its place")
    return result


def _unreadable(result: Reading, detail: str) -> Reading:
    return Reading((Reason.UNREADABLE, detail), claim=result.claim, version=result.version)


def _is_another(root: str, file: File, result: Reading, asked: int) -> bool:
    """Whether the file is another one here. Inodes do not tell: some shared storage gives each machine its own."""
    try:
        here = os.lstat(os.path.join(root, raw(file.path)))
    except OSError:
        return False
    rested = here.st_ctime_ns < asked
    return rested and (here.st_size, here.st_mtime_ns) != STAMP.unpack(result.stamp)[:2]
