"""The listing that a load leaves behind, as compact on the disk as it is in memory.

It is a cache: whoever finds it missing, damaged or of another version goes without, and reads the files again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, starmap
from typing import Any, BinaryIO, NamedTuple

import xxhash

from sigid.pipeline.folder import Folder
from sigid.pipeline.listing import Listing
from sigid.private import write_whole

FORMAT_VERSION = 3


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
