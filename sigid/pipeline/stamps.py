"""The stamps of many files, taken by as many processes as pay: that is where the time of a scan goes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from stat import S_IFDIR, S_IFLNK, S_IFMT, S_ISREG
from typing import NamedTuple

from sigid.pipeline.escape import all_raw, raw
from sigid.pipeline.facts import GONE, NOT_REGULAR, STAMP, SYMLINK, TOO_DEEP, kind_stamp, stamp_of
from sigid.pipeline.folder import Folder, Names
from sigid.pipeline.helpers import Helpers, Shared

FILES_WORTH_A_PROCESS = 10_000
"""Below about so many files a process takes longer to start than it saves."""

_PART_FILES = 4096
_KINDS = {S_IFLNK: SYMLINK, S_IFDIR: TOO_DEEP}  # a folder is named among the files only where it lies too deep
_GONE = kind_stamp(GONE)


def take(root: str, folders: Iterable[Folder], processes: int) -> tuple[list[Folder], dict[str, OSError]]:
    """Take the stamp of each file that the folders name; the names of files that have gone meanwhile are dropped.

    About so many processes do it, with this one; the others begin while the folders are still being gathered. Returns
    the folders, and what the system says of those whose files can't be looked at, by their paths; they have no names.
    """
    works: list[_Work] = []
    known = 0
    with Helpers() as helpers:
        for batch in _batches(folders):
            works.append(_Work(root, batch))
            if works[-1].files >= FILES_WORTH_A_PROCESS and helpers.busy() < processes - 1:
                helpers.start(partial(_share, works))
                known = len(works)
        files = sum(work.files for work in works)
        informed = helpers.busy() if known == len(works) else 0  # the others end when all that they know of is begun
        for _ in range(1 + informed, min(processes, files // FILES_WORTH_A_PROCESS)):
            helpers.start(partial(_share, works))
        _share(works)
    failed: dict[str, OSError] = {}
    for work in works:
        failed |= work.finish()
    return [folder for work in works for folder in work.folders], failed


def _batches(folders: Iterable[Folder]) -> Iterator[list[Folder]]:
    """Each a process's worth at least, and a part of all that came before: a large process is slow to copy."""
    batch: list[Folder] = []
    files = before = 0
    for folder in folders:
        batch.append(folder)
        files += len(folder.names)
        if files >= max(FILES_WORTH_A_PROCESS, before // 4):
            yield batch
            before += files
            batch, files = [], 0
    if batch:
        yield batch


def _share(works: Sequence[_Work]) -> None:
    for work in works:
        work.share()


class _Part(NamedTuple):
    """Some files of one folder: few enough that nobody waits long for the process that does them."""

    folder: Folder
    names: Names
    place: int
    """Of the first one, among all files."""

    def raw_names(self) -> Sequence[str]:
        """The files' names as the system has them."""
        return all_raw([*self.names])


class _Work:
    """The stamps of some folders' files, which this process takes together with its helpers."""

    def __init__(self, root: str, folders: Sequence[Folder]) -> None:
        self.files = sum(len(folder.names) for folder in folders)
        self._root = root
        self.folders = folders
        self._parts = list(_parts(folders))
        self._shared = Shared([len(part.names) * STAMP.size for part in self._parts], self._stamps)

    def share(self) -> None:
        """Do parts until none is left to begin."""
        self._shared.share()

    def _stamps(self, number: int) -> bytes:
        part = self._parts[number]
        with self._opened(part.folder) as folder:
            return b"".join([_stamp(name, folder) for name in part.raw_names()])

    def finish(self) -> dict[str, OSError]:
        """Do what is not done, and give the folders their stamps."""
        again = [self._parts[number] for number in self._shared.undone()]
        failed: dict[str, OSError] = {}
        for part in again:
            try:
                self._do_one_by_one(part)
            except OSError as error:
                failed[part.folder.path] = error
        self._hand_over()
        for folder in {part.folder.path: part.folder for part in again}.values():
            folder.keep([] if folder.path in failed else _there(folder))
        return failed

    def _do_one_by_one(self, part: _Part) -> None:
        self._put(part.place, _GONE * len(part.names))
        with suppress(FileNotFoundError), self._opened(part.folder) as folder:
            for place, name in enumerate(part.raw_names(), part.place):
                with suppress(FileNotFoundError):
                    self._put(place, _stamp(name, folder))

    def _hand_over(self) -> None:
        stamps = memoryview(self._shared.memory)
        start = 0
        for folder in self.folders:
            stop = start + len(folder.names) * STAMP.size
            folder.stamps = stamps[start:stop]
            start = stop

    @contextmanager
    def _opened(self, folder: Folder) -> Iterator[int]:
        descriptor = os.open(os.path.join(self._root, raw(folder.path)), os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _put(self, place: int, stamps: bytes) -> None:
        self._shared.memory[place * STAMP.size : place * STAMP.size + len(stamps)] = stamps


def _parts(folders: Sequence[Folder]) -> Iterator[_Part]:
    place = 0
    for folder in folders:
        for names in folder.names.pieces(_PART_FILES):
            yield _Part(folder, names, place)
            place += len(names)


def _stamp(name: str, folder: int) -> bytes:
    status = os.lstat(name, dir_fd=folder)
    if S_ISREG(status.st_mode):
        return stamp_of(status)
    return kind_stamp(_KINDS.get(S_IFMT(status.st_mode), NOT_REGULAR))


def _there(folder: Folder) -> list[int]:
    return [index for index in range(len(folder.names)) if folder.stamp(index) != _GONE]
