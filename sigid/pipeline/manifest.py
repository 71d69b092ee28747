"""The manifest of a source: a line a file, its content's hash and its path, as the xxhsum tools have them.

Lines are in the order of their paths (by code point, and so by byte). Where no hash is known there is a word instead,
which takes as much room: where files have changed, and none has come or gone, words are put in place of others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sigid.pipeline.listing import WORD_SIZE, Listing, Place, stamp_of
from sigid.pipeline.workplace import Workplace
from sigid.private import write_whole

_FEW = 200  # one word is put in its place in the time that fifty lines take to be written
_LINES_AT_ONCE = 10_000
_UNREADABLE = "unreadable"


def write(found: Listing, place: Workplace, changed: Sequence[Place] | None = None) -> None:
    """Write the manifest.

    Where the files that have `changed` are known, and the manifest stands that has the listing's stamp, it is that one
    but for their words.
    """
    parts = _with_words(found, place, changed) if changed is not None and not found.unreadable else None
    write_whole(str(place.manifest), parts or _lines(found), sync=False)
    for left in place.manifest.parent.glob("*.new"):  # by one who was killed while he wrote
        left.unlink()
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
        for folder, index in changed:
            start = _line_of(text, f"  {folder.path_of(index)}\n".encode())
            text[start : start + WORD_SIZE] = folder.word(index).encode()
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


def _line_of(text: bytearray, rest: bytes) -> int:
    """Where the line begins that goes on like this after its word. Raises ValueError where there is none."""
    low, high = 0, len(text)
    while low < high:
        middle = text.rfind(b"\n", low, (low + high) // 2) + 1 or low
        end = text.index(b"\n", middle) + 1
        its_rest = text[middle + WORD_SIZE : end]
        if its_rest == rest:
            return middle
        low, high = (end, high) if its_rest < rest else (low, middle)
    raise ValueError("there is no such line")
