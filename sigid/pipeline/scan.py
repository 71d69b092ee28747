"""scan: which files are there, and which of them may have changed? No file is opened."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import xxhash

from sigid.errors import BusyError, Reason
from sigid.pipeline import erased, manifest, stamps
from sigid.pipeline.erased import Remembered
from sigid.pipeline.escape import all_shown, raw, shown
from sigid.pipeline.facts import MISSPELT, STAMP, TOO_DEEP, VOID, kind_stamp
from sigid.pipeline.folder import Folder
from sigid.pipeline.listing import Listing, Place
from sigid.pipeline.stored import Summary, read_summary, remember, store
from sigid.pipeline.workplace import Workplace
from sigid.settings import Settings
from sigid.sources.base import Source, holds_files, meant_folder

MAX_DEPTH = 32
"""How many folders may lie in one another; what is deeper is not looked at, and rejected."""

MAX_PATH = 704
"""How many characters a path may have as the ledger has it: some databases take no more. What has a longer one is not
looked at, and rejected under the beginning of its path and a hash of all of it."""

_MAX_NAME = 255  # characters, where none is escaped
_ROOM = 32  # characters, which the path of a folder leaves at least, for names that are cut
_RACY_NS = 2_000_000_000
_PASSED_OVER = frozenset({".ds_store", "thumbs.db", "desktop.ini"})


def scan(source: Source, settings: Settings, *, ahead_of_load: bool = False) -> Listing | None:
    """Bring the source's manifest up to date: each file's path, and the hash of its content where that is known.

    Returns the new listing, for a load, or None where the manifest stands that the last load left. What cannot be read
    is put down as that; it is the load that judges it. What was erased is left out. Where it runs `ahead_of_load`,
    which writes the manifest anew, the last load's may stay meanwhile: `put_down` writes it where none follows.

    Raises BusyError where another process scans or loads the source, and DatasetError where something was erased and
    what the files are can't be known.
    """
    place = Workplace.of(source, settings)
    with place.alone():
        place.tidy()
        found = look(source, place.root, settings.workers)
        walk, known = found.digest(), erased.read(place)
        summary = summary_of(place)
        stands = summary is not None and summary.manifest_stamp == manifest.stamp(place)
        if summary and stands and summary.digest == known.digest(walk):
            return None
        recall(found, place)
        if known.tombstones:
            _leave_out(found, source, place, known, walk)
            if summary and stands and summary.digest == found.digest():
                return None
        if summary and summary.manifest == digest_of(found, place):
            keep(found, place)
            return None
        if not (ahead_of_load and stands):
            manifest.write(found, place, found.unknown())
        return found


def put_down(found: Listing, source: Source, settings: Settings) -> None:
    """Write the manifest of what a scan has found, unless another load has left one meanwhile, or is at it."""
    place = Workplace.of(source, settings)
    with suppress(BusyError), place.alone():
        summary = summary_of(place)
        if summary and (summary.manifest, summary.manifest_stamp) == (found.base, manifest.stamp(place)):
            manifest.write(found, place, found.unknown())


def _leave_out(found: Listing, source: Source, place: Workplace, known: Remembered, walk: str) -> None:
    from sigid.pipeline.names import names_of  # few have anything to leave out

    if len(found):
        erased.leave_out(found, source, names_of(source, str(place.root)), known.tombstones)
        erased.write(place, known._replace(walk=walk, listing=found.digest()))


def recall(found: Listing, place: Workplace) -> None:
    """Take over from the last load's listing what still holds of it."""
    found.make_room()
    found.without = erased.read(place).tombstones
    if summary_of(place):
        remember(found, str(place.listing))


def look(source: Source, root: Path, processes: int = 1) -> Listing:
    """List the files below `root` that are the source's, with every content still unknown."""
    found = Listing()
    too_long: dict[str, list[str]] = {}
    folders, failed = stamps.take(str(root), _named(source, root, found, too_long), processes)
    _add_too_long(folders, too_long)
    found.folders = sorted((folder for folder in folders if folder.names), key=lambda folder: folder.path)
    found.unreadable.update((path, _words_for(error)) for path, error in failed.items())
    _put_down_misspelt(source, found)
    return found


def _put_down_misspelt(source: Source, found: Listing) -> None:
    """Tell folders that are here for their names from those that lie too deep."""
    for folder in found.folders:
        for index, kind in () if holds_files(source, folder.path) else folder.kinds():
            if kind is Reason.TOO_DEEP:
                folder.stamp_again(index, kind_stamp(MISSPELT))


def _add_too_long(folders: list[Folder], too_long: Mapping[str, list[str]]) -> None:
    """Put down what has too long a path, under names that are cut, in the folders in which it lies."""
    by_path = {folder.path: folder for folder in folders} if too_long else {}
    for path, names in too_long.items():
        if path not in by_path:
            folders.append(by_path.setdefault(path, Folder.of(path, [])))
        by_path[path].add(names, kind_stamp(TOO_DEEP))


def _named(source: Source, root: Path, found: Listing, too_long: dict[str, list[str]]) -> Iterator[Folder]:
    """The folders that hold files, with the files' names alone. What can't be read is put down as that.

    What has `too_long` a path is put down there, by folder, under names that are cut.
    """
    below = [("", 0)]
    while below:
        path, depth = below.pop()
        try:
            names, folders = _look_into(source, root, path, depth)
        except FileNotFoundError:
            found.root_missing = found.root_missing or not path
            continue
        except OSError as error:
            found.unreadable[path] = _words_for(error)
            continue
        if names:
            listed = all_shown(names)
            if listed is not names or len(path) >= MAX_PATH - _MAX_NAME:
                listed, cut = _cut(path, listed)
                if cut:
                    too_long[path] = cut
            yield Folder.of(path, listed)
        below.extend((each, depth + 1) for each in folders)


def _look_into(source: Source, root: Path, path: str, depth: int) -> tuple[list[str], list[str]]:
    """The names of the folder's files, as the system has them, and the paths of folders in it that may hold more."""
    holds = holds_files(source, path)
    files: list[str] = []
    others: list[str] = []
    misspelt: list[str] = []
    folders: list[str] = []
    prefix = f"{path}/" if path else ""
    with os.scandir(os.path.join(root, raw(path))) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                files.append(entry.name)
            elif not entry.is_dir(follow_symlinks=False) or _is_too_deep(below := prefix + shown(entry.name), depth):
                others.append(entry.name)
            elif _leads_to_files(source, below):
                folders.append(below)
            elif meant_folder(source, below):
                misspelt.append(entry.name)
    if holds:
        return [*_without_passed_over(files), *others], folders
    files = [name for name in files if prefix + name == source.index]
    others = [name for name in others if _leads_to_files(source, prefix + name) or prefix + name == source.index]
    return [*files, *others, *misspelt], folders


def _is_too_deep(folder: str, above: int) -> bool:
    """Whether a folder that lies in so many others is not looked into."""
    return above >= MAX_DEPTH or len(folder) > MAX_PATH - _ROOM


def _cut(folder: str, names: list[str]) -> tuple[list[str], list[str]]:
    """The names whose paths the ledger takes, and the others, cut, each with a hash of all of it at the end."""
    room = MAX_PATH - len(f"{folder}/")
    cut = [name[: room - 17] + "~" + xxhash.xxh3_64_hexdigest(name.encode()) for name in names if len(name) > room]
    return [name for name in names if len(name) <= room], cut


def _words_for(error: OSError) -> str:
    return error.strerror or "it cannot be read"


def _leads_to_files(source: Source, path: str) -> bool:
    """Whether that folder holds files of the source, or one below it does."""
    return holds_files(source, path) or any(folder.startswith(f"{path}/") for folder in source.folders)


def _without_passed_over(names: list[str]) -> list[str]:
    """The names but those of what file managers leave, which most folders hold nothing of."""
    together = "/" + "/".join(names).lower()
    if not any(mark in together for mark in ("/._", *_PASSED_OVER)):
        return names
    return [name for name in names if not (name.startswith("._") or name.lower() in _PASSED_OVER)]


def digest_of(found: Listing, place: Workplace) -> str:
    """A digest of the manifest and of the versions of what reads its files: another one calls for a load."""
    return xxhash.xxh3_128_hexdigest(f"{found.content_digest()} {place.readers}".encode())


def keep(found: Listing, place: Workplace, changed: Sequence[Place] | None = None) -> str:
    """Write the manifest, unless it stands as it is, and the listing. Returns the digest of what the manifest says.

    Where the files that have `changed` are known, the manifest is that of the listing's stamp but for them.
    """
    digest = digest_of(found, place)
    summary = summary_of(place)
    if summary is None or (summary.manifest, summary.manifest_stamp) != (digest, manifest.stamp(place)):
        manifest.write(found, place, changed)
    store(str(place.listing), found, digest, manifest.stamp(place), place.readers)
    return digest


def trusted_stamp(stamp: bytes, clock: int) -> bytes:
    """The stamp, or one that no file has where the file changed so late before `clock` that it may change unseen.

    That is git's rule for entries that are racily clean; the clock is the file system's, in nanoseconds.
    """
    _, modified, changed, inode = STAMP.unpack(stamp)
    return stamp if is_at_rest(changed, clock) else STAMP.pack(VOID, modified, changed, inode)


def is_at_rest(changed: int, clock: int) -> bool:
    """Whether what last changed at that time can't change unseen any more; both are the file system's nanoseconds."""
    return changed < clock - _RACY_NS


def clock(place: Workplace) -> int:
    """The file system's own time, in nanoseconds, which a wrong or faked clock of this process does not touch.

    It is that of a change made to the file of the lock, which stays what it is. Raises OSError where there is none yet.
    """
    os.utime(place.lock)
    return place.lock.stat().st_ctime_ns


def summary_of(place: Workplace) -> Summary | None:
    """What the listing that the last load left says of itself; None where it is of no use."""
    summary = read_summary(str(place.listing))
    return summary if summary and summary.readers == place.readers else None
