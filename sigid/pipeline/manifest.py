"""The manifest of a source: a line a file, its content's hash and its path, as the xxhsum tools have them.

Lines are in the order of their paths (by code point, and so by byte). Where no hash is known there is a word instead,
which takes as much room. Where few files have changed, come or gone, the lines of the others stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sigid.pipeline.facts import stamp_of
from sigid.pipeline.folder import WORD_SIZE
from sigid.pipeline.listing import Listing, Place
from sigid.pipeline.workplace import Workplace
from sigid.private import write_whole

_FEW = 10_000  # of a hundred thousand; so many are found in the time that all lines take to be made
_LINES_AT_ONCE = 10_000
_UNREADABLE = "unreadable"
_PATH_AT = WORD_SIZE + 2  # of a line
_STRIDE = 4096  # bytes that are passed at first, in search of a line; then twice as many each time


def write(found: Listing, place: Workplace, changed: Sequence[Place] | None = None) -> None:
    """Write the manifest.

    Where the files that have come or `changed` are known, and the manifest stands that has the listing's stamp, it is
    that one but for their lines, and without those of the files that are gone.
    """
    parts = _edited(found, place, changed) if changed is not None and not found.unreadable else None
    write_whole(str(place.manifest), parts or _lines(found), sync=False)
    found.manifest_stamp = stamp(place)


def _edited(found: Listing, place: Workplace, changed: Sequence[Place]) -> list[bytes | memoryview] | None:
    """The manifest with other lines for these files; None where it is not the one that is meant, or they are many."""
    if len(changed) + len(found.departed) > _FEW or not found.manifest_stamp or found.manifest_stamp != stamp(place):
        return None
    lines = dict.fromkeys([path.encode() for path in found.departed], b"")
    lines.update((folder.path_of(index).encode(), folder.lines([index]).encode()) for folder, index in changed)
    try:
        text = place.manifest.read_bytes()
        if text.startswith(_UNREADABLE.encode(), text.rfind(b"\n", 0, -1) + 1):
            return None
        count, at = text.count(b"\n"), 0
        parts: list[bytes | memoryview] = []
        for path in sorted(lines):
            line = _place_of(text, path, at)
            parts += (memoryview(text)[at:line], lines[path])
            at = text.index(b"\n", line) + 1 if text.startswith(path + b"\n", line + _PATH_AT) else line
            count += bool(lines[path]) - (at > line)
    except (OSError, ValueError):
        return None
    return [*parts, memoryview(text)[at:]] if count == len(found) else None


def stamp(place: Workplace) -> str:
    """The stamp of the manifest's file, in hexadecimal; empty where there is none."""
    try:
        return stamp_of(place.manifest.stat()).hex()
    except OSError:
        return ""


def _lines(found: Listing) -> Iterator[bytes]:
    for folder, order in found.stretches():
        for first in range(0, len(order), _LINES_AT_ONCE):
            yield folder.lines(order[first : first + _LINES_AT_ONCE]).encode()
    for path in sorted(found.unreadable):
        yield f"{_UNREADABLE:<{WORD_SIZE}}  {path}/\n".encode()


def _place_of(text: bytes, path: bytes, start: int) -> int:
    """Where the line of the path begins, or would begin, from some line's beginning on."""
    step, end = _STRIDE, len(text)
    while start < end:
        line = text.rfind(b"\n", start, min(start + step, (start + end) // 2)) + 1 or start
        after = text.index(b"\n", line) + 1
        if text[line + _PATH_AT : after - 1] < path:
            start, step = after, 2 * step
        else:
            end = line
    return start
