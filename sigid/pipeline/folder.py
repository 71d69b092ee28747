"""The files of one folder, and side by side with their names what is known of them.

About 60 bytes a file, in memory as on the disk, whatever the number of files.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, compress, repeat
from math import ceil
from typing import overload

from sigid.errors import Reason
from sigid.pipeline.facts import CLAIM_SIZE, HASH_SIZE, KINDS, STAMP, TOO_LARGE, UNKNOWN, UNREAD
from sigid.pipeline.runs import Run, common_runs

WORD_SIZE = 2 * HASH_SIZE
"""How many characters a manifest has for a hash, or for the word that stands in its place."""

_WORDS = {UNKNOWN: "unknown", UNREAD: "unread", TOO_LARGE: "too_large"}
_NO_HASH = UNKNOWN[:-1]

_SIZE = struct.Struct("<q")
_SIZE_SIGN = _SIZE.size - 1
_NEGATIVE = 128


class Names(Sequence[str]):
    """The names of a folder's files in one text, a line each: a string each takes four times the room."""

    __slots__ = ("_count", "_ends", "text")

    def __init__(self, text: str, count: int) -> None:
        self.text = text
        self._count = count
        self._ends: array[int] | None = None

    @classmethod
    def of(cls, names: Sequence[str]) -> Names:
        """These, of which none has a line break in it."""
        return cls("\n".join(names), len(names))

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [*self][index]
        if not 0 <= index < self._count:  # which is how a sequence is seen to end
            raise IndexError(index)
        ends = self._ends or self._found()
        return self.text[ends[index - 1] + 1 if index else 0 : ends[index]]

    def __iter__(self) -> Iterator[str]:
        return iter(self.text.split("\n") if self._count else ())

    def __len__(self) -> int:
        return self._count

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, Names) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def pieces(self, size: int) -> Iterator[Names]:
        """All of them, about so many at a time."""
        room = ceil((len(self.text) + 1) * size / self._count) if self._count else 0
        start = 0
        while room and start <= len(self.text):
            stop = self.text.find("\n", start + room - 1)
            piece = self.text[start : stop if stop >= 0 else None]
            yield Names(piece, piece.count("\n") + 1)
            start += len(piece) + 1

    def _found(self) -> array[int]:
        """Where the names end, which is found out when it is first asked for."""
        names = self.text.split("\n") if self._count else []
        self._ends = array("i", accumulate((len(name) + 1 for name in names), initial=-1))[1:]
        return self._ends


@dataclass(slots=True)
class Folder:
    """One folder: its files' names, and side by side with them what is known of the files.

    They stand as the system lists them, which is the same order while no file comes or goes: to put a great many
    names in order takes long, and only who finds that something has changed has a use for it.
    """

    path: str
    """Relative to the root, "" for the root itself."""
    names: Names
    stamps: bytearray | memoryview = field(default_factory=bytearray)
    """One after the other; none before they are taken."""
    hashes: bytearray = field(default_factory=bytearray)
    """Of the contents; none before `make_room`."""
    claims: array[int] = field(default_factory=lambda: array("Q"))
    """A hash each of the key that the name claims: whoever else claims it is among those with the same hash. None
    before `make_room`."""
    _order: array[int] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, path: str, names: Sequence[str]) -> Folder:
        """Files of which no more than the names is known."""
        return cls(path, Names.of(names))

    def make_room(self) -> None:
        """For what can be known of the files, which is unknown by now. Who only compares stamps has no use for it."""
        self.hashes = bytearray(HASH_SIZE * len(self.names))
        self.claims = array("Q", bytes(CLAIM_SIZE * len(self.names)))

    def path_of(self, index: int) -> str:
        """The path of the file, relative to the root."""
        return f"{self.path}/{self.names[index]}" if self.path else self.names[index]

    def stamp(self, index: int) -> bytes:
        return bytes(self.stamps[index * STAMP.size : (index + 1) * STAMP.size])

    def kind(self, index: int) -> Reason | None:
        """Why this is no file that can be read, if it is none."""
        return KINDS.get(self.size(index))

    def kinds(self) -> list[tuple[int, Reason]]:
        """The files that can't be read, and why."""
        signs = self.stamps[_SIZE_SIGN :: STAMP.size]
        if not signs or max(signs) < _NEGATIVE:
            return []
        return [(index, kind) for index, sign in enumerate(signs) if sign >= _NEGATIVE and (kind := self.kind(index))]

    def size(self, index: int) -> int:
        """In bytes; negative where there is no such thing."""
        size: int = _SIZE.unpack_from(self.stamps, index * STAMP.size)[0]
        return size

    def content(self, index: int) -> bytes:
        """The content's hash, or what stands in its place."""
        return bytes(self.hashes[index * HASH_SIZE : (index + 1) * HASH_SIZE])

    def record(self, index: int, content: bytes, stamp: bytes | None = None) -> None:
        """Put down what reading the file has shown; a stamp that may hide a later change is void."""
        self.hashes[index * HASH_SIZE : (index + 1) * HASH_SIZE] = content
        if stamp is not None:
            self.stamp_again(index, stamp)

    def stamp_again(self, index: int, stamp: bytes) -> None:
        """Give the file another stamp."""
        self.stamps[index * STAMP.size : (index + 1) * STAMP.size] = stamp

    def order(self) -> array[int]:
        """The indexes of the files in the order of their names (by code point)."""
        if self._order is None:
            names = [*self.names]
            self._order = array("I", sorted(range(len(names)), key=names.__getitem__))
        return self._order

    def add(self, names: Sequence[str], stamp: bytes) -> None:
        """Put in what has these names, all of it with that stamp, before there is room for more."""
        self.names = Names.of([*self.names, *names])
        self.stamps = bytearray(self.stamps) + stamp * len(names)
        self._order = None

    def keep(self, indexes: Sequence[int]) -> None:
        """Drop all files but these."""
        self.stamps = bytearray(b"".join([self.stamp(index) for index in indexes]))
        self.hashes = bytearray(b"".join([self.content(index) for index in indexes]))
        self.claims = array("Q", [claim for index in indexes for claim in self.claims[index : index + 1]])
        self.names = Names.of([self.names[index] for index in indexes])
        self._order = None

    def remember(self, before: Folder) -> Iterator[int]:
        """Take over what was known of the files whose stamps stand, and of those that are never read.

        Yields which of the files before are here no more.
        """
        gone = bytearray(b"\1" * len(before.names))
        runs = common_runs(self.names.text, before.names.text)
        for here, there, count in self._met(before) if runs is None else runs:
            self._take_over(before, here, there, count)
            gone[there : there + count] = bytes(count)
        return compress(range(len(gone)), gone)

    def _met(self, before: Folder) -> Iterator[Run]:
        """The files that were there before, where they stand in another order; neighbours in both together."""
        first = first_place = count = 0
        for here, place in self._same_names(before):
            if count and here - first == place - first_place == count:
                count += 1
                continue
            if count:
                yield Run(first, first_place, count)
            first, first_place, count = here, place, 1
        if count:
            yield Run(first, first_place, count)

    def _same_names(self, before: Folder) -> Iterator[tuple[int, int]]:
        """Where the files are that were there before, and where they were, in the order of their names."""
        mine = iter(self.order())
        here: int | None = next(mine, None)
        for place in before.order():
            name = before.names[place]
            while here is not None and self.names[here] < name:
                here = next(mine, None)
            if here is None:
                return
            if self.names[here] == name:
                yield here, place

    def _take_over(self, before: Folder, here: int, there: int, count: int) -> None:
        """Take over what was known of some files that follow one another here and there."""
        if count == len(self.names) == len(before.names):
            self.hashes, self.claims = before.hashes, before.claims
        else:
            mine, its = (slice(start * HASH_SIZE, (start + count) * HASH_SIZE) for start in (here, there))
            self.hashes[mine] = before.hashes[its]
            self.claims[here : here + count] = before.claims[there : there + count]
        for index in _differences(self.stamps, here, before.stamps, there, count):
            if not self._is_unread_as(before, here + index, there + index):
                self.record(here + index, UNKNOWN)

    def _is_unread_as(self, before: Folder, index: int, place: int) -> bool:
        """Whether the file was not worth reading before, and is the same kind of thing."""
        return before.content(place) == UNREAD and self.kind(index) == before.kind(place)

    def unknown(self) -> Iterator[int]:
        """The files whose content is unknown."""
        at = self.hashes.find(UNKNOWN)
        while at >= 0:
            index, beside = divmod(at, HASH_SIZE)
            if not beside:
                yield index
            at = self.hashes.find(UNKNOWN, (index + 1) * HASH_SIZE)

    def word(self, index: int) -> str:
        """What the manifest says of the file: the hash, or why there is none."""
        content = self.content(index)
        word = (self.kind(index) or _WORDS[content]) if content in _WORDS else content.hex()
        return f"{word:<{WORD_SIZE}}"

    def lines(self, indexes: Sequence[int]) -> str:
        """Some files' lines in the manifest."""
        hashes = b"".join([self.hashes[index * HASH_SIZE : (index + 1) * HASH_SIZE] for index in indexes])
        words = hashes.hex(" ", -HASH_SIZE).split()
        if _NO_HASH in hashes:
            words = [self.word(index) for index in indexes]
        names = map(self.names.__getitem__, indexes)
        prefix = f"  {self.path}/" if self.path else "  "
        return "".join(chain.from_iterable(zip(words, repeat(prefix), names, repeat("\n"))))

    def dump(self) -> tuple[bytes | bytearray | memoryview, ...]:
        """Its names, and what is known of the files."""
        return self.names.text.encode(), self.stamps, self.hashes, memoryview(self.claims).cast("B")

    @classmethod
    def parse(cls, path: str, count: int, body: bytes) -> Folder:
        """The opposite of `dump`, put together."""
        end = len(body) - count * (STAMP.size + HASH_SIZE + CLAIM_SIZE)
        names = Names(body[:end].decode(), count)
        hashes = end + count * STAMP.size
        claims = hashes + count * HASH_SIZE
        view = memoryview(body)
        return cls(path, names, bytearray(view[end:hashes]), bytearray(view[hashes:claims]), array("Q", body[claims:]))


def _differences(
    stamps: bytearray | memoryview, first: int, others: bytearray | memoryview, first_other: int, count: int
) -> Iterator[int]:
    """Which of so many stamps, from the first ones on, differ."""
    size = STAMP.size
    if others[first_other * size : (first_other + count) * size] == stamps[first * size : (first + count) * size]:
        return
    for start in range(0, count, _TOGETHER):
        stop = min(start + _TOGETHER, count)
        mine = bytes(stamps[(first + start) * size : (first + stop) * size])
        its = bytes(others[(first_other + start) * size : (first_other + stop) * size])
        if mine != its:
            for at in range(0, len(mine), size):
                if mine[at : at + size] != its[at : at + size]:
                    yield start + at // size


_TOGETHER = 100  # stamps are compared at once, and only where some of them differ one by one
