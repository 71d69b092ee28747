"""What a scan sees: each file's stamp, and the hash of its content where that is known.

A listing is as compact as its file in the build folder: about 60 bytes a file, whatever the number of files. It is a
cache: whoever finds it missing, damaged or of another version goes without, and reads the files again.
"""

from __future__ import annotations

import json
import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate, chain, compress, repeat, starmap
from math import ceil
from os import stat_result
from typing import Any, BinaryIO, NamedTuple, TypeAlias, overload

import xxhash

from sigid.errors import Reason
from sigid.pipeline.runs import Run, common_runs
from sigid.private import write_whole
from sigid.warehouse.tombstones import Tombstones

FORMAT_VERSION = 3

STAMP = struct.Struct("<qqqQ")
"""Size in bytes, mtime and ctime in nanoseconds, inode: the file is unchanged only while all four stand."""

_SIZE = struct.Struct("<q")
_SIZE_SIGN = _SIZE.size - 1
_NEGATIVE = 128

HASH_SIZE = 16
UNKNOWN = bytes(HASH_SIZE)
"""In the place of a hash: the file is to be read."""
UNREAD = UNKNOWN[:-1] + b"\1"
"""In the place of a hash: the file's name, or an index, decides; what it contains does not matter."""
TOO_LARGE = UNKNOWN[:-1] + b"\2"
"""In the place of a hash: the file's size decides, until its stamp is another."""
_WORDS = {UNKNOWN: "unknown", UNREAD: "unread", TOO_LARGE: "too_large"}
_NO_HASH = UNKNOWN[:-1]
WORD_SIZE = 2 * HASH_SIZE

CLAIM_SIZE = 8
UNASKED = 0
"""In the place of the hash of what a file's name claims: nobody has asked yet."""
NO_CLAIM = 1
"""In its place: the name says nothing."""

# In the place of a size; no file has one of these.
VOID = -1
SYMLINK = -2
NOT_REGULAR = -3
TOO_DEEP = -4
MISSPELT = -5
GONE = -6  # while its stamp was taken; no listing keeps it
_KINDS = {
    SYMLINK: Reason.SYMLINK,
    NOT_REGULAR: Reason.NOT_REGULAR,
    TOO_DEEP: Reason.TOO_DEEP,
    MISSPELT: Reason.NAME_NOT_UNDERSTOOD,
}


def stamp_of(status: stat_result) -> bytes:
    """The stamp of a regular file."""
    return STAMP.pack(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def kind_stamp(kind: int) -> bytes:
    """The stamp of what is no regular file, or no file at all."""
    return STAMP.pack(kind, 0, 0, 0)


def hash_of(content: bytes) -> bytes:
    """xxh3-128."""
    return xxhash.xxh3_128_digest(content)


class Names(Sequence[str]):
    """The names of a folder's files in one text, a line each: a string each takes four times the room."""

    __slots__ = ("_count", "_ends", "text")

    def __init__(self, text: str, count: int) -> None:
        self.text = text
        self._count = count
        self._ends: array[int] | None = None

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(self._count))]
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
    names: Sequence[str]
    stamps: bytearray
    hashes: bytearray
    """Of the contents."""
    claims: array[int]
    """A hash each of the key that the name claims: whoever else claims it is among those with the same hash."""
    _order: array[int] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, path: str, names: Sequence[str]) -> Folder:
        """Files of which no more than the names is known."""
        count = len(names)
        stamps, hashes = bytearray(STAMP.size * count), bytearray(HASH_SIZE * count)
        return cls(path, names, stamps, hashes, array("Q", bytes(CLAIM_SIZE * count)))

    def path_of(self, index: int) -> str:
        """The path of the file, relative to the root."""
        return f"{self.path}/{self.names[index]}" if self.path else self.names[index]

    def stamp(self, index: int) -> bytes:
        return bytes(self.stamps[index * STAMP.size : (index + 1) * STAMP.size])

    def kind(self, index: int) -> Reason | None:
        """Why this is no file that can be read, if it is none."""
        return _KINDS.get(self.size(index))

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
            self.stamps[index * STAMP.size : (index + 1) * STAMP.size] = stamp

    def order(self) -> array[int]:
        """The indexes of the files in the order of their names (by code point)."""
        if self._order is None:
            names = [*self.names]
            self._order = array("I", sorted(range(len(names)), key=names.__getitem__))
        return self._order

    def compact(self) -> None:
        """Keep the names in less room: it pays for who has more to do with them than to compare them."""
        self.names = Names(self._text(), len(self.names))

    def _text(self) -> str:
        return self.names.text if isinstance(self.names, Names) else "\n".join(self.names)

    def keep(self, indexes: Sequence[int]) -> None:
        """Drop all files but these."""
        self.stamps = bytearray(b"".join([self.stamp(index) for index in indexes]))
        self.hashes = bytearray(b"".join([self.content(index) for index in indexes]))
        self.claims = array("Q", [self.claims[index] for index in indexes])
        self.names = [self.names[index] for index in indexes]
        self._order = None

    def remember(self, before: Folder) -> Iterator[int]:
        """Take over what was known of the files whose stamps stand, and of those that are never read.

        Yields which of the files before are here no more.
        """
        gone = bytearray(b"\1" * len(before.names))
        runs = common_runs(self._text(), before._text())
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
        return self._text().encode(), self.stamps, self.hashes, memoryview(self.claims).cast("B")

    @classmethod
    def parse(cls, path: str, count: int, body: bytes) -> Folder:
        """The opposite of `dump`, put together."""
        end = len(body) - count * (STAMP.size + HASH_SIZE + CLAIM_SIZE)
        names = Names(body[:end].decode(), count)
        hashes = end + count * STAMP.size
        claims = hashes + count * HASH_SIZE
        view = memoryview(body)
        return cls(path, names, bytearray(view[end:hashes]), bytearray(view[hashes:claims]), array("Q", body[claims:]))


def _differences(stamps: bytearray, first: int, others: bytearray, first_other: int, count: int) -> Iterator[int]:
    """Which of so many stamps, from the first ones on, differ."""
    below = [(0, count)]
    while below:
        start, stop = below.pop()
        mine, its = (slice((at + start) * STAMP.size, (at + stop) * STAMP.size) for at in (first, first_other))
        if stamps[mine] == others[its]:
            continue
        if stop - start == 1:
            yield start
            continue
        size = ceil((stop - start) / _PARTS)
        below += [(at, min(at + size, stop)) for at in reversed(range(start, stop, size))]


_PARTS = 8  # into which stamps of which some differ are cut; with halves a difference takes twice as long to find


@dataclass(slots=True)
class Listing:
    """All of a dataset's folders that hold files."""

    folders: list[Folder] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    """Folders that are there and cannot be read, and what the system says of each."""
    root_missing: bool = False
    base: str = ""
    """The digest of the manifest that the last load left, where what it knew was taken over."""
    manifest_stamp: str = ""
    """The stamp of the manifest that was written with it."""
    departed: dict[str, int] = field(default_factory=dict)
    """The files that have gone since, and the hashes of what they claimed to be."""
    without: Tombstones = field(default_factory=Tombstones)
    """The tombstones of what was left out of the last load's listing, and perhaps of this one."""
    erased: list[str] = field(default_factory=list)
    """The paths of files that are there and left out."""

    def __iter__(self) -> Iterator[tuple[Folder, int]]:
        """Every file, as its folder and its index there, in the order of the paths (by code point)."""
        for folder, order in self.stretches():
            for index in order:
                yield folder, index

    def __len__(self) -> int:
        return sum(len(folder.names) for folder in self.folders)

    def digest(self) -> str:
        """A hash of everything but the content hashes: another one means that some file may have changed."""
        hashed = xxhash.xxh3_128(json.dumps([self.root_missing, sorted(self.unreadable.items())]).encode())
        for folder in self.folders:
            names, stamps, *_ = folder.dump()
            hashed.update(f"\n{folder.path}\n{len(folder.names)}\n".encode())
            hashed.update(names)
            hashed.update(stamps)
        return hashed.hexdigest()

    def content_digest(self) -> str:
        """A hash of what the manifest says: another one means that the manifest is another."""
        hashed = xxhash.xxh3_128(json.dumps(sorted(self.unreadable)).encode())
        for folder in self.folders:
            names, _, hashes, _ = folder.dump()
            hashed.update(f"\n{folder.path}\n{len(folder.names)}\n".encode())
            hashed.update(names)
            hashed.update(hashes)
            hashed.update(json.dumps(folder.kinds()).encode())
        return hashed.hexdigest()

    def hidden(self) -> list[str]:
        """Where there may be files that are not listed: in folders that can't be read, and behind links."""
        kinds = ((folder, *each) for folder in self.folders for each in folder.kinds())
        links = [folder.path_of(index) for folder, index, kind in kinds if kind is Reason.SYMLINK]
        return [*self.unreadable, *links]

    def is_empty(self) -> bool:
        """Whether there is nothing but, perhaps, folders that would be the source's in other letters."""
        sizes = (folder.size(index) for folder in self.folders for index in range(len(folder.names)))
        return all(size == MISSPELT for size in sizes)

    def compact(self) -> None:
        """Have all folders keep their names in less room."""
        for folder in self.folders:
            folder.compact()

    def unknown(self) -> list[Place]:
        """The files whose content is unknown."""
        return [(folder, index) for folder in self.folders for index in folder.unknown()]

    def about_unknown(self) -> int:
        """About how many files these are: fewer where hashes of others end or begin like an unknown one."""
        return sum(folder.hashes.count(UNKNOWN) for folder in self.folders)

    def stretches(self) -> Iterator[tuple[Folder, array[int]]]:
        """Every file, as stretches of a folder's `order` that come one after the other in the order of the paths."""
        below: dict[str, list[Folder]] = {}
        by_path = {folder.path: folder for folder in self.folders}
        for folder in sorted(self.folders, key=lambda each: each.path + "/"):
            parent = folder.path
            while parent:
                parent = parent.rpartition("/")[0]
                if parent in by_path:
                    break
            if folder.path:
                below.setdefault(parent, []).append(folder)
        return _in_order(by_path.get("") or Folder.of("", []), below)


Place: TypeAlias = tuple[Folder, int]
"""Where in a listing a file is: its folder, and its index there."""


def _in_order(folder: Folder, below: dict[str, list[Folder]]) -> Iterator[tuple[Folder, array[int]]]:
    done = 0
    for child in below.get(folder.path, ()):
        relative = child.path[len(folder.path) + 1 :] if folder.path else child.path
        reached = bisect_left(folder.order(), relative + "/", done, key=folder.names.__getitem__)
        yield folder, folder.order()[done:reached]
        yield from _in_order(child, below)
        done = reached
    yield folder, folder.order()[done:]


class Summary(NamedTuple):
    """The first line of a stored listing: enough to tell that nothing has changed since it was stored."""

    digest: str
    """The listing's."""
    files: int
    manifest: str
    """The digest of the manifest, and of what reads its files."""
    manifest_stamp: str
    """The stamp of the manifest's file, in hexadecimal."""
    readers: str
    """The versions of what reads the files."""
    contents: str
    """The digest of the second line."""


class _Kept(NamedTuple):
    """What the second line says of each folder: where in what follows it is."""

    path: str
    files: int
    length: int
    """Of what is kept of it, in bytes."""
    digest: str
    """Of what is kept of it."""


def store(path: str, listing: Listing, manifest: str, manifest_stamp: str, readers: str) -> None:
    """Write the listing, with the digest and the stamp of the manifest, and what it says besides in its `Summary`."""
    folders = []
    for folder in listing.folders:
        hashed = xxhash.xxh3_128()
        for part in (parts := folder.dump()):
            hashed.update(part)
        folders.append(_Kept(folder.path, len(folder.names), sum(map(len, parts)), hashed.hexdigest()))
    contents = _line(folders)
    summary = Summary(listing.digest(), len(listing), manifest, manifest_stamp, readers, contents[:32].decode())
    lines = (_line({"version": FORMAT_VERSION, **summary._asdict()}), contents)
    write_whole(path, chain(lines, *(folder.dump() for folder in listing.folders)), sync=False)


def read_summary(path: str) -> Summary | None:
    """What a stored listing says of itself; None where there is none that can be trusted."""
    try:
        with open(path, "rb") as file:
            return _summary(file)
    except _UNTRUSTED:
        return None


def stored_folders(path: str) -> Iterator[Folder]:
    """The folders of the stored listing, one by one, as far as they can be trusted."""
    with suppress(*_UNTRUSTED), open(path, "rb") as file:
        digest = _summary(file).contents
        line = file.readline()
        if line[:32].decode() != digest:
            raise ValueError("the second line is not that of the first")
        for kept in starmap(_Kept, _parsed(line)):
            body = file.read(kept.length)
            if xxhash.xxh3_128_hexdigest(body) != kept.digest:
                raise ValueError(f"what is kept of {kept.path} is damaged")
            yield Folder.parse(kept.path, kept.files, body)


def remember(found: Listing, path: str) -> None:
    """Take over what the stored listing knows of the files whose stamps stand, as far as it can be trusted."""
    now = {folder.path: folder for folder in found.folders}
    departed: dict[str, int] = {}
    files = 0
    for before in stored_folders(path):
        files += len(before.names)
        folder = now.get(before.path) or Folder.of(before.path, [])
        departed.update((before.path_of(place), before.claims[place]) for place in folder.remember(before))
    summary = read_summary(path)
    if summary and summary.files == files:  # all of it could be trusted
        found.base, found.departed, found.manifest_stamp = summary.manifest, departed, summary.manifest_stamp


_UNTRUSTED = (OSError, ValueError, TypeError, KeyError, AttributeError)


def _summary(file: BinaryIO) -> Summary:
    facts = _parsed(file.readline())
    if facts.pop("version") != FORMAT_VERSION:
        raise ValueError("another version")
    return Summary(**facts)


def _line(facts: Any) -> bytes:
    """As JSON, after its own digest."""
    text = json.dumps(facts).encode()
    return b"%b %b\n" % (xxhash.xxh3_128_hexdigest(text).encode(), text)


def _parsed(line: bytes) -> Any:
    digest, _, text = line.rstrip(b"\n").partition(b" ")
    if digest.decode() != xxhash.xxh3_128_hexdigest(text):
        raise ValueError("the line is damaged")
    return json.loads(text)
