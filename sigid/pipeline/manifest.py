"""The manifest of a source: a line a file, its content's hash and its path, as the xxhsum tools have them.

Lines are in the order of their paths (by code point, and so by byte). Where no hash is known there is a word instead,
which takes as much room: where files have changed, and none has come or gone, words are put in place of others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sigid.pipeline.listing import WORD_SIZE, Listing, Place, stamp_of
from sigid.pipeline.workplace import Workplace
from sigid.private import write_whole

_FEW = 10_000  # of a hundred thousand; so many are found in the time that all lines take to be made
_LINES_AT_ONCE = 10_000
_UNREADABLE = "unreadable"


def write(found: Listing, place: Workplace, changed: Sequence[Place] | None = None) -> None:
    """Write the manifest.

    Where the files that have `changed` are known, and the manifest stands that has the listing's stamp, it is that one
    but for their words.
    """
    parts = _with_words(found, place, changed) if changed is not None and not found.unreadable else None
    write_whole(str(place.manifest), parts or _lines(found), sync=False)
    found.manifest_stamp = stamp(place)


def _with_words(found: Listing, place: Workplace, changed: Sequence[Place]) -> list[bytearray] | None:
    """The manifest with these files' words put in; None where it is not the one that is meant, or they are many."""
    if len(changed) > _FEW or not found.manifest_stamp or found.manifest_stamp != stamp(place):
        return None
    try:
        text = bytearray(place.manifest.stat().st_size)
        with place.manifest.open("rb", buffering=0) as file:
            file.readinto(text)
        if text[text.rfind(b"\n", 0, -1) + 1 :].startswith(_UNREADABLE.encode()):
            return None
        at = 0
        for path, (folder, index) in sorted((folder.path_of(index), (folder, index)) for folder, index in changed):
            at = _line_of(text, path, at)
            text[at : at + WORD_SIZE] = folder.word(index).encode()
    except (OSError, ValueError):
        return None
    return [text]


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


def _line_of(text: bytearray, path: str, start: int) -> int:
    """Where the line of the path begins, from some line's beginning on. Raises ValueError where there is none."""
    rest = f"  {path}\n".encode()
    at = text.index(rest, start) - WORD_SIZE
    while at > start and text[at - 1] != _LINE_FEED:  # a longer path ends like that
        at = text.index(rest, at + WORD_SIZE + 1) - WORD_SIZE
    return at


_LINE_FEED = 10
