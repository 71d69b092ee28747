"""What a scan sees: each file's stamp, and the hash of its content where that is known.

A listing is as compact as its file in the build folder: about 60 bytes a file, whatever the number of files. It is a
cache: whoever finds it missing, damaged or of another version goes without, and reads the files again.
"""

from __future__ import annotations

import json
import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from os import stat_result
from typing import Any, BinaryIO, NamedTuple

import xxhash

from sigid.private import write_whole

FORMAT_VERSION = 2

_LINES_AT_ONCE = 1000

STAMP = struct.Struct("<qqqQ")
"""Size in bytes, mtime and ctime in nanoseconds, inode: the file is unchanged only while all four stand."""

_SIZE = struct.Struct("<q")

HASH_SIZE = 16
UNKNOWN = bytes(HASH_SIZE)
"""In the place of a hash: the file is to be read."""
UNREAD = UNKNOWN[:-1] + b"\1"
"""In the place of a hash: the file's name, or an index, decides; what it contains does not matter."""
_WORDS = {UNKNOWN.hex(): "unknown", UNREAD.hex(): "unread"}

VOID = -1  # no file has this size
SYMLINK = -2
NOT_REGULAR = -3
TOO_DEEP = -4
_KINDS = {SYMLINK: "symlink", NOT_REGULAR: "not_regular", TOO_DEEP: "too_deep"}


def stamp_of(status: stat_result) -> bytes:
    """The stamp of a regular file."""
    return STAMP.pack(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def kind_stamp(kind: int) -> bytes:
    """The stamp of what is no regular file, or no file at all."""
    return STAMP.pack(kind, 0, 0, 0)


def hash_of(content: bytes) -> bytes:
    """xxh3-128."""
    return xxhash.xxh3_128_digest(content)


@dataclass(slots=True)
class Folder:
    """One folder: its files' names, and side by side with them their stamps and content hashes.

    They stand as the system lists them, which is the same order while no file comes or goes: to put a great many
    names in order takes long, and only who finds that something has changed has a use for it.
    """

    path: str
    """Relative to the root, "" for the root itself."""
    names: list[str]
    stamps: bytearray
    hashes: bytearray
    _order: array[int] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, path: str, names: list[str]) -> Folder:
        """Files of which no more than the names is known."""
        return cls(path, names, bytearray(STAMP.size * len(names)), bytearray(HASH_SIZE * len(names)))

    def path_of(self, index: int) -> str:
        """The path of the file, relative to the root."""
        return f"{self.path}/{self.names[index]}" if self.path else self.names[index]

    def stamp(self, index: int) -> bytes:
        return bytes(self.stamps[index * STAMP.size : (index + 1) * STAMP.size])

    def kind(self, index: int) -> str | None:
        """Why this is no file that can be read, if it is none."""
        return _KINDS.get(self.size(index))

    def size(self, index: int) -> int:
        """In bytes; negative where there is no such thing."""
        (size,) = _SIZE.unpack_from(self.stamps, index * STAMP.size)
        return int(size)

    def content(self, index: int) -> bytes:
        """The content's hash, or `UNKNOWN`, or `UNREAD`."""
        return bytes(self.hashes[index * HASH_SIZE : (index + 1) * HASH_SIZE])

    def record(self, index: int, content: bytes, stamp: bytes | None = None) -> None:
        """Put down what reading the file has shown; a stamp that may hide a later change is void."""
        self.hashes[index * HASH_SIZE : (index + 1) * HASH_SIZE] = content
        if stamp is not None:
            self.stamps[index * STAMP.size : (index + 1) * STAMP.size] = stamp

    def order(self) -> array[int]:
        """The indexes of the files in the order of their names (by code point)."""
        if self._order is None:
            self._order = array("I", sorted(range(len(self.names)), key=self.names.__getitem__))
        return self._order

    def keep(self, indexes: Sequence[int]) -> None:
        """Drop all files but these."""
        self.stamps = bytearray(b"".join([self.stamp(index) for index in indexes]))
        self.hashes = bytearray(b"".join([self.content(index) for index in indexes]))
        self.names = [self.names[index] for index in indexes]
        self._order = None

    def remember(self, before: Folder) -> None:
        """Take over what was known of the files whose stamps stand, and of those that are never read."""
        if (self.names, self.stamps) == (before.names, before.stamps):
            self.hashes = before.hashes
            return
        theirs = iter(before.order())
        place = next(theirs, None)
        for index in self.order():
            name = self.names[index]
            while place is not None and before.names[place] < name:
                place = next(theirs, None)
            if place is not None and before.names[place] == name:
                content = before.content(place)
                if content == UNREAD or self.stamp(index) == before.stamp(place):
                    self.record(index, content)

    def lines(self, indexes: Iterable[int]) -> Iterator[str]:
        """Some files' lines in the manifest."""
        prefix = f"{self.path}/" if self.path else ""
        for index in indexes:
            content = self.hashes[index * HASH_SIZE : (index + 1) * HASH_SIZE].hex()
            word = (self.kind(index) or _WORDS[content]) if content in _WORDS else content
            yield f"{word:<32}  {prefix}{self.names[index]}\n"

    def dump(self) -> tuple[bytes | bytearray, ...]:
        """Its names, stamps and hashes."""
        return "\n".join(self.names).encode(), self.stamps, self.hashes

    @classmethod
    def parse(cls, path: str, count: int, body: bytes) -> Folder:
        """The opposite of `dump`, put together."""
        end = len(body) - count * (STAMP.size + HASH_SIZE)
        names = body[:end].decode().split("\n") if count else []
        if len(names) != count:
            raise ValueError("the names do not match the stamps")
        middle = end + count * STAMP.size
        return cls(path, names, bytearray(body[end:middle]), bytearray(body[middle:]))


@dataclass(slots=True)
class Listing:
    """All of a dataset's folders that hold files."""

    folders: list[Folder] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    """Folders that are there and cannot be read, and what the system says of each."""
    root_missing: bool = False

    def __iter__(self) -> Iterator[tuple[Folder, int]]:
        """Every file, as its folder and its index there, in the order of the paths (by code point)."""
        for folder, start, stop in self._stretches():
            for index in folder.order()[start:stop]:
                yield folder, index

    def __len__(self) -> int:
        return sum(len(folder.names) for folder in self.folders)

    def digest(self) -> str:
        """A hash of everything but the content hashes: another one means that some file may have changed."""
        hashed = xxhash.xxh3_128(json.dumps([self.root_missing, sorted(self.unreadable.items())]).encode())
        for folder in self.folders:
            names, stamps, _ = folder.dump()
            hashed.update(f"\n{folder.path}\n{len(folder.names)}\n".encode())
            hashed.update(names)
            hashed.update(stamps)
        return hashed.hexdigest()

    def hidden(self) -> list[str]:
        """Where there may be files that are not listed: in folders that can't be read, and behind links."""
        link = kind_stamp(SYMLINK)
        with_links = [folder for folder in self.folders if link in folder.stamps]
        links = [
            folder.path_of(index)
            for folder in with_links
            for index in range(len(folder.names))
            if folder.size(index) == SYMLINK
        ]
        return [*self.unreadable, *links]

    def manifest(self) -> Iterator[bytes]:
        """Lines of content hash, two blanks and path, as the xxhsum tools have them; in the order of the paths.

        Where no hash is known there is a word instead. Each piece is some lines.
        """
        for folder, start, stop in self._stretches():
            for first in range(start, stop, _LINES_AT_ONCE):
                yield "".join(folder.lines(folder.order()[first : min(first + _LINES_AT_ONCE, stop)])).encode()
        for path in sorted(self.unreadable):
            yield f"{'unreadable':<32}  {path}/\n".encode()

    def _stretches(self) -> Iterator[tuple[Folder, int, int]]:
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


def _in_order(folder: Folder, below: dict[str, list[Folder]]) -> Iterator[tuple[Folder, int, int]]:
    done = 0
    for child in below.get(folder.path, ()):
        relative = child.path[len(folder.path) + 1 :] if folder.path else child.path
        reached = bisect_left(folder.order(), relative + "/", done, key=folder.names.__getitem__)
        yield folder, done, reached
        yield from _in_order(child, below)
        done = reached
    yield folder, done, len(folder.names)


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


class _Contents(NamedTuple):
    """The second line: what can't be read, and where each folder's names, stamps and hashes are in what follows."""

    root_missing: bool
    unreadable: dict[str, str]
    folders: list[tuple[str, int, int, str]]
    """Of each its path, its number of files, the length of what is kept of it in bytes, and the digest of that."""


def store(path: str, listing: Listing, manifest: str, manifest_stamp: bytes, readers: str) -> None:
    """Write the listing, with the digest and the stamp of the manifest, and what it says besides in its `Summary`."""
    folders = []
    for folder in listing.folders:
        hashed = xxhash.xxh3_128()
        for part in (parts := folder.dump()):
            hashed.update(part)
        folders.append((folder.path, len(folder.names), sum(map(len, parts)), hashed.hexdigest()))
    contents = _line(_Contents(listing.root_missing, listing.unreadable, folders))
    summary = Summary(listing.digest(), len(listing), manifest, manifest_stamp.hex(), readers, contents[:32].decode())
    lines = (_line(summary, version=FORMAT_VERSION), contents)
    write_whole(path, chain(lines, *(folder.dump() for folder in listing.folders)))


def read_summary(path: str) -> Summary | None:
    """What a stored listing says of itself; None where there is none that can be trusted."""
    try:
        with open(path, "rb") as file:
            return _summary(file)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def read_listing(path: str) -> Listing | None:
    """The stored listing, whole; None where there is none that can be trusted."""
    try:
        with open(path, "rb") as file:
            contents = _contents(file)
            return Listing(list(_folders(file, contents)), contents.unreadable, contents.root_missing)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def stored_folders(path: str) -> Iterator[Folder]:
    """The folders of the stored listing, one by one, as far as they can be trusted."""
    with suppress(OSError, ValueError, TypeError, KeyError), open(path, "rb") as file:
        yield from _folders(file, _contents(file))


def _folders(file: BinaryIO, contents: _Contents) -> Iterator[Folder]:
    for path, count, length, digest in contents.folders:
        body = file.read(length)
        if xxhash.xxh3_128_hexdigest(body) != digest:
            raise ValueError(f"what is kept of {path} is damaged")
        yield Folder.parse(path, count, body)


def _contents(file: BinaryIO) -> _Contents:
    digest = _summary(file).contents
    line = file.readline()
    if line[:32].decode() != digest:
        raise ValueError("the second line is not that of the first")
    return _Contents(**_facts(line))


def _summary(file: BinaryIO) -> Summary:
    facts = _facts(file.readline())
    if facts.pop("version") != FORMAT_VERSION:
        raise ValueError("another version")
    return Summary(**facts)


def _line(facts: Summary | _Contents, **more: int) -> bytes:
    """As JSON, after its own digest."""
    text = json.dumps(more | facts._asdict()).encode()
    return b"%b %b\n" % (xxhash.xxh3_128_hexdigest(text).encode(), text)


def _facts(line: bytes) -> dict[str, Any]:
    digest, _, text = line.rstrip(b"\n").partition(b" ")
    if digest.decode() != xxhash.xxh3_128_hexdigest(text):
        raise ValueError("the line is damaged")
    facts = json.loads(text)
    if not isinstance(facts, dict):
        raise TypeError("the line holds something else")
    return facts
