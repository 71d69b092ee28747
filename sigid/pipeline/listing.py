"""What a scan sees: all folders of a dataset, and what became of those files that the last load knew."""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import xxhash

from sigid.errors import Reason
from sigid.pipeline.facts import MISSPELT, UNKNOWN
from sigid.pipeline.folder import Folder
from sigid.warehouse.tombstones import Tombstones


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

    def make_room(self) -> None:
        """For what can be known of the files."""
        for folder in self.folders:
            folder.make_room()

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
