"""torn-reads: files that others write while they are read."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from dev.campaigns.campaign import Campaign, Finding, Ground
from dev.campaigns.starter import PROJECT
from dev.campaigns.torn_writer import POINTS, WRITERS, content
from sigid.errors import Reason
from sigid.pipeline.extract import Batch, Extracted, Task, extract
from sigid.sources.formats import Format

_READERS = 4  # of each file; they mostly wait for it to stand still


class _Read(NamedTuple):
    """What a read gave, and from when to when it took."""

    verdict: str
    begun: float
    ended: float


def _run(ground: Ground) -> Finding:
    with ThreadPoolExecutor(len(WRITERS)) as threads:
        reads = list(threads.map(partial(_reads_under, ground=ground), WRITERS))
    verdicts = Counter(read.verdict for each in reads for read in each)
    wrong = [
        f"under a {kind} writer: {read.verdict}"
        for kind, each in zip(WRITERS, reads, strict=True)
        for read in each
        if read.verdict not in _SOUND
    ]
    wrong += [f"no read was {verdict}: the writers write too much or too little" for verdict in _MET - set(verdicts)]
    kinds = ", ".join(f"{count:,} {verdict}" for verdict, count in verdicts.most_common())
    return Finding(f"{verdicts.total():,} reads under {', '.join(WRITERS)} writers: {kinds}", wrong)


_WHOLE, _UNSTABLE, _AT_REST = "whole", "unstable", "of a file that was left half written for 15 ms and more"
_MET = {_WHOLE, _UNSTABLE}
_SOUND = {*_MET, _AT_REST}


def _reads_under(kind: str, ground: Ground) -> list[_Read]:
    """Reads of a file that a process of its own writes meanwhile."""
    file = ground.folder / kind
    file.write_bytes(content(0))
    command = [sys.executable, "-m", "dev.campaigns.torn_writer", kind, str(file), str(ground.seed)]
    with subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        while file.stat().st_mtime_ns:  # until the first version
            time.sleep(0.01)
        with ThreadPoolExecutor(_READERS) as threads:
            reads = list(threads.map(_read, [file] * ground.of(40, 700)))
        halting = json.loads(writer.communicate()[0])
    return list(_without_what_rested(reads, halting))


def _read(file: Path) -> _Read:
    begun = time.monotonic()
    (extracted,) = extract(Batch(str(file.parent), False, [Task(file.name, Format.HWR, b"")]))
    return _Read(_verdict(extracted), begun, time.monotonic())


def _verdict(extracted: Extracted) -> str:
    if not isinstance(extracted.said, bytes):
        is_unstable = extracted.rejection and extracted.rejection[0] is Reason.UNSTABLE
        return _UNSTABLE if is_unstable else f"torn, taken for {extracted.said}"
    numbers = array("d", extracted.said)
    if len(numbers) == 3 * POINTS and len(set(numbers)) == 1:
        return _WHOLE
    return f"torn, let in with {len(numbers) // 3} points of the versions {sorted(set(numbers))[:9]}"


def _without_what_rested(reads: list[_Read], halting: list[tuple[float, float]]) -> Iterator[_Read]:
    """The reads; of a version that its writer left half written for long nobody can tell that it was not whole."""
    for read in reads:
        rested = any(start < read.ended and read.begun < stop for start, stop in halting)
        yield read._replace(verdict=_AT_REST) if rested and read.verdict not in _MET else read


CAMPAIGN = Campaign(
    name="torn-reads",
    shows="what is read while others write it is a whole version or unstable, never a mixture",
    run=_run,
)
