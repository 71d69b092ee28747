"""What a scan sees: each file's stamp, and the hash of its content where that is known.

A listing is as compact as its file in the build folder: about 60 bytes a file, whatever the number of files. It is a
cache: whoever finds it missing, damaged or of another version goes without, and reads the files again.
"""

from __future__ import annotations

import json
import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from os import stat_result

import xxhash

from sigid.private import write_whole

FORMAT_VERSION = 1

STAMP = struct.Struct("<qqqQ")
"""Size in bytes, mtime and ctime in nanoseconds, inode: the file is unchanged only while all four stand."""

_SIZE = struct.Struct("<q")

HASH_SIZE = 16
UNKNOWN = bytes(HASH_SIZE)
"""In the place of a hash: the file is to be read."""
UNREAD = UNKNOWN[:-1] + b"\1"
"""In the place of a hash: the file's name, or an index, decides; what it contains does not matter."""

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
    """One folder: its files' names in order, and side by side with them their stamps and content hashes."""

    path: str
    """Relative to the root, "" for the root itself."""
    names: list[str]
    stamps: bytearray
    hashes: bytearray

    def digest(self) -> str:
        """A hash of everything but the content hashes: another one means that some file may have changed."""
        return xxhash.xxh3_128_hexdigest(self._names() + self.stamps)

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

    def dump(self) -> bytes:
        return b"".join((self._names(), b"\0", self.stamps, self.hashes))

    @classmethod
    def parse(cls, path: str, count: int, body: bytes) -> Folder:
        end = len(body) - count * (STAMP.size + HASH_SIZE)
        names = body[: end - 1].decode().split("\n") if count else []
        if len(names) != count:
            raise ValueError("the names do not match the stamps")
        middle = end + count * STAMP.size
        return cls(path, names, bytearray(body[end:middle]), bytearray(body[middle:]))

    def _names(self) -> bytes:
        return "\n".join(self.names).encode()


@dataclass(slots=True)
class Listing:
    """All of a dataset's folders that hold files."""

    folders: list[Folder] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    """Folders that are there and cannot be read, and what the system says of each."""
    root_missing: bool = False

    def __iter__(self) -> Iterator[tuple[Folder, int]]:
        """Every file, as its folder and its index there, in the order of the paths (by code point)."""
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
        top = by_path.get("", Folder("", [], bytearray(), bytearray()))
        return _in_order(top, below)

    def __len__(self) -> int:
        return sum(len(folder.names) for folder in self.folders)

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

        Where no hash is known there is a word instead.
        """
        for folder, index in self:
            content = folder.content(index)
            word = folder.kind(index) or {UNKNOWN: "unknown", UNREAD: "unread"}.get(content) or content.hex()
            yield f"{word:<32}  {folder.path_of(index)}\n".encode()
        for path in sorted(self.unreadable):
            yield f"{'unreadable':<32}  {path}/\n".encode()


def _in_order(folder: Folder, below: dict[str, list[Folder]]) -> Iterator[tuple[Folder, int]]:
    done = 0
    for child in below.get(folder.path, ()):
        relative = child.path[len(folder.path) + 1 :] if folder.path else child.path
        reached = bisect_left(folder.names, relative + "/", done)
        yield from ((folder, index) for index in range(done, reached))
        yield from _in_order(child, below)
        done = reached
    yield from ((folder, index) for index in range(done, len(folder.names)))


@dataclass(frozen=True, slots=True)
class Summary:
    """The first line of a stored listing: enough to tell that nothing has changed since it was stored."""

    digests: dict[str, str]
    """Each folder's digest."""
    unreadable: dict[str, str]
    root_missing: bool
    files: int
    manifest: str
    """The digest of the manifest, and of what reads its files."""
    manifest_stamp: str
    """The stamp of the manifest's file, in hexadecimal."""
    readers: str
    """The versions of what reads the files."""
    bodies: list[tuple[str, int, int]]
    """Where each folder's body is: its path, its number of files, its length in bytes."""
    checksum: str


def store(path: str, listing: Listing, manifest: str, manifest_stamp: bytes, readers: str) -> None:
    """Write the listing, with the digest and the stamp of the manifest, and what it says besides in its `Summary`."""
    bodies = [folder.dump() for folder in listing.folders]
    summary = {
        "version": FORMAT_VERSION,
        "digests": {folder.path: folder.digest() for folder in listing.folders},
        "unreadable": listing.unreadable,
        "root_missing": listing.root_missing,
        "files": len(listing),
        "manifest": manifest,
        "manifest_stamp": manifest_stamp.hex(),
        "readers": readers,
        "bodies": [
            (folder.path, len(folder.names), len(body)) for folder, body in zip(listing.folders, bodies, strict=True)
        ],
        "checksum": _checksum(bodies),
    }
    line = json.dumps(summary).encode()
    write_whole(path, [xxhash.xxh3_128_hexdigest(line).encode(), b" ", line, b"\n", *bodies])


def read_summary(path: str) -> Summary | None:
    """What a stored listing says of itself; None where there is none that can be trusted."""
    try:
        with open(path, "rb") as file:
            return _summary(file.readline())
    except (OSError, ValueError, TypeError, KeyError):
        return None


def read_listing(path: str) -> Listing | None:
    """The stored listing, whole; None where there is none that can be trusted."""
    try:
        with open(path, "rb") as file:
            summary = _summary(file.readline())
            bodies = [file.read(length) for _, _, length in summary.bodies]
        if _checksum(bodies) != summary.checksum:
            return None
        folders = [
            Folder.parse(folder, count, body) for (folder, count, _), body in zip(summary.bodies, bodies, strict=True)
        ]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return Listing(folders, summary.unreadable, summary.root_missing)


def _summary(line: bytes) -> Summary:
    checksum, _, text = line.rstrip(b"\n").partition(b" ")
    if checksum.decode() != xxhash.xxh3_128_hexdigest(text):
        raise ValueError("the first line is damaged")
    facts = json.loads(text)
    if not isinstance(facts, dict) or facts.pop("version") != FORMAT_VERSION:
        raise ValueError("another version")
    return Summary(**facts)


def _checksum(bodies: Iterable[bytes]) -> str:
    hashed = xxhash.xxh3_128()
    for body in bodies:
        hashed.update(body)
    return hashed.hexdigest()
