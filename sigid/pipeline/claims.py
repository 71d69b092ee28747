"""What a great many names claim, asked by as many processes as pay."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from itertools import chain, repeat
from typing import NamedTuple

from sigid.pipeline.facts import CLAIM_SIZE, UNASKED
from sigid.pipeline.folder import Folder
from sigid.pipeline.helpers import Helpers, Shared

FILES_WORTH_A_PROCESS = 10_000
"""Below about so many files a process takes longer to start than it saves."""

_PART_FILES = 4096

ClaimOf = Callable[[Folder, int], int]
"""What the name of one of a folder's files claims, as the listing keeps it."""


class _Part(NamedTuple):
    folder: Folder
    start: int
    stop: int

    def claims(self, claim_of: ClaimOf) -> array[int]:
        return array("Q", map(claim_of, repeat(self.folder), range(self.start, self.stop)))


def put_down(folders: Iterable[Folder], claim_of: ClaimOf, processes: int) -> None:
    """Put down in the folders what those names claim that have not been asked yet."""
    parts = list(chain.from_iterable(map(_parts, folders)))
    worth = sum(part.stop - part.start for part in parts) // FILES_WORTH_A_PROCESS
    sizes = [(part.stop - part.start) * CLAIM_SIZE for part in parts]
    shared = Shared(sizes, lambda number: parts[number].claims(claim_of).tobytes())
    with Helpers() as helpers:
        for _ in range(1, min(processes, worth)):
            helpers.start(shared.share)
        shared.share()
    undone = set(shared.undone())
    start = 0
    for number, (part, size) in enumerate(zip(parts, sizes, strict=True)):
        made = array("Q", shared.memory[start : start + size]) if number not in undone else part.claims(claim_of)
        part.folder.claims[part.start : part.stop] = made
        start += size


def _parts(folder: Folder) -> Iterable[_Part]:
    if UNASKED not in folder.claims:
        return ()
    count = len(folder.names)
    return (_Part(folder, start, min(start + _PART_FILES, count)) for start in range(0, count, _PART_FILES))
