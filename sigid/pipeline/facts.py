"""What is known of one file, each fact in so many bytes: its stamp, the hash of its content, that of what it claims.

Where a fact is not known, or does not matter, something stands in its place that none is.
"""

from __future__ import annotations

import struct
from os import stat_result

import xxhash

from sigid.errors import Reason

STAMP = struct.Struct("<qqqQ")
"""Size in bytes, mtime and ctime in nanoseconds, inode: the file is unchanged only while all four stand."""

HASH_SIZE = 16
UNKNOWN = bytes(HASH_SIZE)
"""In the place of a hash: the file is to be read."""
UNREAD = UNKNOWN[:-1] + b"\1"
"""In the place of a hash: the file's name, or an index, decides; what it contains does not matter."""
TOO_LARGE = UNKNOWN[:-1] + b"\2"
"""In the place of a hash: the file's size decides, until its stamp is another."""

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
KINDS = {
    SYMLINK: Reason.SYMLINK,
    NOT_REGULAR: Reason.NOT_REGULAR,
    TOO_DEEP: Reason.TOO_DEEP,
    MISSPELT: Reason.NAME_NOT_UNDERSTOOD,
}
"""Why that is no file that can be read."""


def stamp_of(status: stat_result) -> bytes:
    """The stamp of a regular file."""
    return STAMP.pack(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def kind_stamp(kind: int) -> bytes:
    """The stamp of what is no regular file, or no file at all."""
    return STAMP.pack(kind, 0, 0, 0)


def hash_of(content: bytes) -> bytes:
    """xxh3-128."""
    return xxhash.xxh3_128_digest(content)
