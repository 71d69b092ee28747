"""scan: which files are there, and which of them may have changed? No file is opened."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import xxhash

from sigid.pipeline import listing as listing_
from sigid.pipeline.listing import HASH_SIZE, STAMP, UNREAD, Folder, Listing, kind_stamp, stamp_of
from sigid.private import write_whole
from sigid.running import only_one
from sigid.settings import Settings
from sigid.sources.base import EVERY_FOLDER, Source
from sigid.sources.formats import Format

MAX_DEPTH = 32
"""How many folders may lie in one another; what is deeper is not looked at, and rejected."""

_RACY_NS = 2_000_000_000
_PASSED_OVER = frozenset({".ds_store", "thumbs.db", "desktop.ini"})


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where a source's files are, and what is kept of them in the build folder."""

    root: Path
    listing: Path
    manifest: Path
    lock: Path
    readers: str
    """The versions of what reads the files: of the source's names and of the formats."""

    @classmethod
    def of(cls, source: Source, settings: Settings) -> Workplace:
        cache = settings.build / source.name
        return cls(
            root=settings.datasets / source.directory,
            listing=cache / "listing",
            manifest=cache / "manifest",
            lock=cache / "lock",
            readers=".".join(str(version) for version in (source.version, *(each.version for each in Format))),
        )


def scan(source: Source, settings: Settings) -> Listing | None:
    """Bring the source's manifest up to date: each file's path, and the hash of its content where that is known.

    Returns the new listing, or None where nothing has changed since the last one. What cannot be read is put down
    as that; it is the load that judges it. Raises BusyError where another process scans or loads the source.
    """
    place = Workplace.of(source, settings)
    with only_one(str(place.lock), f"a scan or load of {source.name}"):
        found = look(source, place.root)
        summary = listing_.read_summary(str(place.listing))
        if (
            summary
            and summary.digests == {folder.path: folder.digest() for folder in found.folders}
            and (summary.unreadable, summary.root_missing) == (found.unreadable, found.root_missing)
            and summary.readers == place.readers
            and summary.manifest_stamp == _stamp_of_file(place.manifest).hex()
        ):
            return None
        known = listing_.read_listing(str(place.listing))
        remember(found, known)
        keep(found, place)
        return found


def look(source: Source, root: Path) -> Listing:
    """List the files below `root` that are the source's, with every content still unknown."""
    found = Listing()
    below = [("", 0)]
    while below:
        path, depth = below.pop()
        try:
            folder, folders = _look_into(source, root, path, depth)
        except FileNotFoundError:
            found.root_missing = found.root_missing or not path
            continue
        except OSError as error:
            found.unreadable[path] = error.strerror or "it cannot be read"
            continue
        if folder.names:
            found.folders.append(folder)
        below.extend((each, depth + 1) for each in folders)
    found.folders.sort(key=lambda folder: folder.path)
    return found


def _look_into(source: Source, root: Path, path: str, depth: int) -> tuple[Folder, list[str]]:
    """The folder's files, and the paths of the folders in it that may hold more."""
    holds = _holds(source, path)
    files: list[tuple[str, bytes]] = []
    folders: list[str] = []
    prefix = f"{path}/" if path else ""
    with os.scandir(os.path.join(root, raw(path))) as entries:
        for entry in entries:
            name = shown(entry.name)
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:  # it went while we looked
                continue
            if stat.S_ISDIR(status.st_mode):
                if depth >= MAX_DEPTH:
                    files.append((name, kind_stamp(listing_.TOO_DEEP)))
                elif _leads_to_files(source, prefix + name):
                    folders.append(prefix + name)
            elif stat.S_ISREG(status.st_mode):
                if (holds and not _is_passed_over(name)) or prefix + name == source.index:
                    files.append((name, stamp_of(status)))
            elif holds or _leads_to_files(source, prefix + name) or prefix + name == source.index:
                kind = listing_.SYMLINK if stat.S_ISLNK(status.st_mode) else listing_.NOT_REGULAR
                files.append((name, kind_stamp(kind)))
    files.sort()
    stamps = bytearray(b"".join([stamp for _, stamp in files]))
    return Folder(path, [name for name, _ in files], stamps, bytearray(HASH_SIZE * len(files))), folders


def _holds(source: Source, path: str) -> bool:
    """Whether the files of that folder are the source's."""
    if EVERY_FOLDER in source.folders:
        return bool(path)
    return any(path == folder or path.startswith(f"{folder}/") for folder in source.folders)


def _leads_to_files(source: Source, path: str) -> bool:
    """Whether that folder holds files of the source, or one below it does."""
    return _holds(source, path) or any(folder.startswith(f"{path}/") for folder in source.folders)


def _is_passed_over(name: str) -> bool:
    """Whether a file manager left it."""
    return name.startswith("._") or name.lower() in _PASSED_OVER


def remember(found: Listing, known: Listing | None) -> None:
    """Take over from an earlier listing the hashes of the files whose stamps stand."""
    earlier = {folder.path: folder for folder in known.folders} if known else {}
    for folder in found.folders:
        if (before := earlier.get(folder.path)) is None:
            continue
        if folder.names == before.names and folder.stamps == before.stamps:
            folder.hashes = before.hashes
            continue
        place_of = {name: place for place, name in enumerate(before.names)}
        for index, name in enumerate(folder.names):
            place = place_of.get(name)
            if place is None:
                continue
            content = before.content(place)
            if content == UNREAD or folder.stamp(index) == before.stamp(place):
                folder.record(index, content)


def keep(found: Listing, place: Workplace) -> str:
    """Write the manifest, unless it stands as it is, and the listing.

    Returns a digest of the manifest and of the versions of what reads its files: another one calls for a load.
    """
    hashed = xxhash.xxh3_128()
    for line in found.manifest():
        hashed.update(line)
    try:
        stands = xxhash.xxh3_128_digest(place.manifest.read_bytes()) == hashed.digest()
    except OSError:
        stands = False
    if not stands:
        write_whole(str(place.manifest), found.manifest())
    for left in place.listing.parent.glob("*.new"):  # by one who was killed while he wrote
        left.unlink()
    hashed.update(place.readers.encode())
    digest = hashed.hexdigest()
    listing_.store(str(place.listing), found, digest, _stamp_of_file(place.manifest), place.readers)
    return digest


def trusted_stamp(stamp: bytes, clock: int) -> bytes:
    """The stamp, or one that no file has where the file changed so late before `clock` that it may change unseen.

    That is git's rule for entries that are racily clean; the clock is the file system's, in nanoseconds.
    """
    _, modified, changed, inode = STAMP.unpack(stamp)
    return stamp if changed < clock - _RACY_NS else STAMP.pack(listing_.VOID, modified, changed, inode)


def clock(place: Workplace) -> int:
    """The file system's own time, in nanoseconds, which a wrong or faked clock of this process does not touch.

    It is that of a change made to the lock, which the caller holds.
    """
    os.utime(place.lock)
    return place.lock.stat().st_ctime_ns


def _stamp_of_file(path: Path) -> bytes:
    try:
        return stamp_of(path.stat())
    except OSError:
        return b""


def shown(name: str) -> str:
    """A file's name as text that can be printed and stored: what cannot is escaped, and so is the backslash."""
    if name.isprintable() and "\\" not in name:
        return name
    return "".join(_escaped(character) for character in name)


def raw(path: str) -> str:
    """The opposite of `shown`."""
    return "".join(_unescaped(path)) if "\\" in path else path


def _escaped(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if character.isprintable():
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8, as os.fsdecode gives it
        return f"\\x{code - 0xDC00:02x}"
    return f"\\U{code:08x}"


def _unescaped(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        if text[at] != "\\":
            yield text[at]
            at += 1
        elif text[at + 1] == "\\":
            yield "\\"
            at += 2
        elif text[at + 1] == "x":
            yield chr(0xDC00 + int(text[at + 2 : at + 4], 16))
            at += 4
        else:
            yield chr(int(text[at + 2 : at + 10], 16))
            at += 10
