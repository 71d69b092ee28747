"""A program that writes one file again and again: `python -m dev.campaigns.torn_writer in-place FILE SEED`.

Each version is one number, many times over, so that a part of one and a part of another are seen to be that. It ends
when its input does, and prints when a version stayed half written for so long that nobody can tell it from a whole one.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from random import Random

POINTS = 4_000
"""Of each version; all versions have the same size."""

_PIECES = 4
_BETWEEN_PIECES_SECONDS = 0.002
_LONGEST_REST_SECONDS = 0.06
_HALTING_SECONDS = 0.015  # a file that rested for 20 ms is taken for one that is not being written


def content(number: int) -> bytes:
    """A version."""
    return (b"%06d,%06d,%06d\n" % (number, number, number)) * POINTS


def _in_place(file: Path, text: bytes) -> None:
    _write(file, os.O_WRONLY, text)


def _truncating(file: Path, text: bytes) -> None:
    _write(file, os.O_WRONLY | os.O_TRUNC, text)


def _replacing(file: Path, text: bytes) -> None:
    aside = file.with_suffix(".aside")
    _write(aside, os.O_WRONLY | os.O_CREAT, text)
    aside.replace(file)


WRITERS: dict[str, Callable[[Path, bytes], None]] = {
    "in-place": _in_place,
    "truncating": _truncating,
    "replacing": _replacing,
}


def _write(file: Path, flags: int, text: bytes) -> None:
    descriptor = os.open(file, flags)
    for piece in _pieces(text):
        os.write(descriptor, piece)
        time.sleep(_BETWEEN_PIECES_SECONDS)
    os.utime(descriptor, ns=(0, 0))  # so that its date says nothing
    os.close(descriptor)


def _pieces(text: bytes) -> Iterator[bytes]:
    size = len(text) // _PIECES
    yield from (text[at * size : None if at == _PIECES - 1 else (at + 1) * size] for at in range(_PIECES))


def main(kind: str, file: Path, seed: int) -> None:
    """Write until the input ends."""
    dice = Random(seed)
    halting: list[tuple[float, float]] = []
    for number in count(1):
        begun = time.monotonic()
        WRITERS[kind](file, content(number % 1_000_000))
        if time.monotonic() - begun > _HALTING_SECONDS:
            halting.append((begun, time.monotonic()))
        if select.select([sys.stdin], [], [], dice.uniform(0, _LONGEST_REST_SECONDS))[0]:
            break
    sys.stdout.write(json.dumps(halting))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
