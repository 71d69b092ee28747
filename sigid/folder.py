"""A folder that is made as a whole: written aside, then put in its place. What is not one of ours is left alone."""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sigid.errors import SettingError
from sigid.private import private_folder, write_whole
from sigid.running import only_one

MANIFEST = "manifest.json"
"""The file that makes a folder one of ours; it lists all the others."""

_AT_WORKING_FOLDER, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux


class WholeFolder(NamedTuple):
    """A folder, and what is in it, such as "export"."""

    path: Path
    what: str

    @property
    def mark(self) -> str:
        """What the manifest says it is of."""
        return f"sigid {self.what}"

    @property
    def lock(self) -> Path:
        """The file that is locked while somebody writes it."""
        return self.path.with_name(f"{self.path.name}.lock")

    @property
    def leftovers(self) -> list[Path]:
        """What killed processes that wrote it have left beside it."""
        name = re.compile(rf"{re.escape(self.path.name)}\.\w{{8}}\.new(\.old)?")
        there = self.path.parent.iterdir() if self.path.parent.is_dir() else ()
        return sorted(each for each in there if name.fullmatch(each.name) and each.is_dir())

    @contextmanager
    def written_whole(self) -> Iterator[Path]:
        """A folder, for its owner alone, to write into, with a manifest; at the end it stands at the path, synced.

        One of ours that stands there is replaced; a kill at any time leaves that one or the new one. Raises
        SettingError where anything else stands there, and BusyError where another process writes it.
        """
        self.refuse_other()
        private_folder(str(self.path.parent))
        with self.alone():
            for unfinished in self.leftovers:
                shutil.rmtree(unfinished)
            aside = Path(tempfile.mkdtemp(prefix=f"{self.path.name}.", suffix=".new", dir=self.path.parent))
            try:
                yield aside
                _sync(aside)
                self.refuse_other()
                _put(aside, self.path)
            finally:
                shutil.rmtree(aside, ignore_errors=True)

    def write_manifest(self, aside: Path, facts: Mapping[str, Any]) -> None:
        """Put the facts down, whose `files` are all that was written aside, each with its `path`."""
        text = json.dumps({"format": self.mark, **facts}, indent=2) + "\n"
        write_whole(str(aside / MANIFEST), [text.encode()])

    def remove(self) -> None:
        """Remove it, and what killed processes have left. Raises what `written_whole` does."""
        self.refuse_other()
        if not (self.path.exists() or self.leftovers or self.lock.exists()):
            return
        with self.alone():
            for each in (self.path, *self.leftovers):
                if each.exists():
                    shutil.rmtree(each)
            self.lock.unlink(missing_ok=True)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes out. Raises BusyError where one is at it."""
        with only_one(str(self.lock), f"{self.one} to {self.path}"):
            yield

    def refuse_other(self) -> None:
        """Raise SettingError where something stands at the path that is neither empty nor one of ours."""
        if not os.path.lexists(self.path):
            return
        way_out = "move it away, or name another folder with --folder"
        if self.path.is_symlink() or not self.path.is_dir():
            raise SettingError(f"{self.path} is no folder, and {self.one} would take its place; {way_out}")
        if strange := self._strange():
            raise SettingError(f"{self.path} holds {strange!r}, which is of no {self.what}; {way_out}")

    @property
    def one(self) -> str:
        """What it is, with its article."""
        return f"an {self.what}" if self.what[0] in "aeiou" else f"a {self.what}"

    def _strange(self) -> str | None:
        """Something in the folder, by its path there, that no manifest of ours lists."""
        listed = self._listed()
        names = _files(self.path) if listed else iter(sorted(os.listdir(self.path)))
        return next((name for name in names if name not in listed), None)

    def _listed(self) -> set[str]:
        """The files that the folder has by its manifest, and that itself; none where there is no manifest of ours."""
        try:
            manifest = json.loads((self.path / MANIFEST).read_bytes())
            if manifest["format"] != self.mark:
                return set()
            return {MANIFEST, *(str(each["path"]) for each in manifest["files"])}
        except (OSError, ValueError, LookupError, TypeError):
            return set()


def _files(folder: Path) -> Iterator[str]:
    """All that is below the folder but folders, by path."""
    for above, folders, files in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(above, name))]
        yield from (os.path.relpath(os.path.join(above, name), folder) for name in sorted(files + links))


def _sync(folder: Path) -> None:
    """Have the entries of the folder, and of those below it, on the disk. Their files are synced already."""
    for each in (folder, *(below for below in folder.rglob("*") if below.is_dir())):
        _sync_folder(each)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put(aside: Path, folder: Path) -> None:
    if not folder.exists():
        aside.rename(folder)
    elif not _exchange(aside, folder):
        before = aside.with_name(f"{aside.name}.old")
        folder.rename(before)  # a kill right here leaves none; the system offers nothing better
        aside.rename(folder)
        shutil.rmtree(before)
    _sync_folder(folder.parent)


def _exchange(one: Path, other: Path) -> bool:
    """Have the two change places, as one step; False where the system or the file system cannot do that."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    paths = (_AT_WORKING_FOLDER, os.fsencode(one), _AT_WORKING_FOLDER, os.fsencode(other))
    return rename is not None and rename(*paths, _EXCHANGE) == 0
