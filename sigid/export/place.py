"""Where an export lies: written aside, then put in its place as a whole. What is not one of ours is left alone."""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sigid.errors import SettingError
from sigid.private import private_folder
from sigid.running import only_one

MANIFEST = "manifest.json"
"""The file that makes a folder an export of ours; it lists all the others."""

MARK = "sigid export"
"""What the manifest says it is of."""

_AT_WORKING_FOLDER, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux


@contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """A folder, for its owner alone, to write an export into, which at the end stands at `folder`, synced.

    An export of ours that stands there is replaced; a kill at any time leaves that one or the new one. Raises
    SettingError where anything else stands there, and BusyError where another process exports to it.
    """
    refuse_other(folder)
    private_folder(str(folder.parent))
    with only_one(str(lock_of(folder)), f"an export to {folder}"):
        for unfinished in leftovers(folder):
            shutil.rmtree(unfinished)
        aside = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", suffix=".new", dir=folder.parent))
        try:
            yield aside
            _sync(aside)
            refuse_other(folder)
            _put(aside, folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def lock_of(folder: Path) -> Path:
    """The file that is locked while somebody exports to the folder."""
    return folder.with_name(f"{folder.name}.lock")


def leftovers(folder: Path) -> list[Path]:
    """What killed exports to the folder have left beside it."""
    name = re.compile(rf"{re.escape(folder.name)}\.\w{{8}}\.new(\.old)?")
    return sorted(each for each in folder.parent.iterdir() if name.fullmatch(each.name) and each.is_dir())


def refuse_other(folder: Path) -> None:
    """Raise SettingError where something stands at the folder's place that is neither empty nor an export of ours."""
    if not os.path.lexists(folder):
        return
    way_out = "move it away, or name another folder with --folder"
    if folder.is_symlink() or not folder.is_dir():
        raise SettingError(f"{folder} is no folder, and an export would take its place; {way_out}")
    if strange := _strange(folder):
        raise SettingError(f"{folder} holds {strange!r}, which is of no export; {way_out}")


def _strange(folder: Path) -> str | None:
    """Something in the folder, by its path there, that no manifest of ours lists."""
    listed = _listed(folder)
    names = _files(folder) if listed else iter(sorted(os.listdir(folder)))
    return next((name for name in names if name not in listed), None)


def _files(folder: Path) -> Iterator[str]:
    """All that is below the folder but folders, by path."""
    for above, folders, files in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(above, name))]
        yield from (os.path.relpath(os.path.join(above, name), folder) for name in sorted(files + links))


def _listed(folder: Path) -> set[str]:
    """The files that the folder has by its manifest, and that itself; none where there is no manifest of ours."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        return {MANIFEST, *(str(each["path"]) for each in manifest["files"])} if manifest["format"] == MARK else set()
    except (OSError, ValueError, LookupError, TypeError):
        return set()


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
        folder.rename(before)  # a kill right here leaves no export; the system offers nothing better
        aside.rename(folder)
        shutil.rmtree(before)
    _sync_folder(folder.parent)


def _exchange(one: Path, other: Path) -> bool:
    """Have the two change places, as one step; False where the system or the file system cannot do that."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    paths = (_AT_WORKING_FOLDER, os.fsencode(one), _AT_WORKING_FOLDER, os.fsencode(other))
    return rename is not None and rename(*paths, _EXCHANGE) == 0
