"""extract: what does each file say? One read: hash it; if the hash is another, a signature or a rejection."""

from __future__ import annotations

import errno
import os
import stat
import time
from enum import Enum
from typing import NamedTuple, TypeAlias

from sigid.errors import Reason, Rejected
from sigid.pipeline.facts import hash_of, stamp_of
from sigid.sources.formats import Format, hwr, png
from sigid.sources.formats.png import Picture

_TRIES = 3
_FIRST_READ = 64 * 1024  # a larger buffer costs more than the second read of the few files that need one
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_TOGETHER = 64  # files that a disk is asked for at once, so that it is busy while they are parsed
_CAN_FETCH = hasattr(os, "posix_fadvise")  # macOS can't
_SETTLING_NS = 20_000_000  # file systems stamp changes by a clock that ticks up to every 10 ms


class Task(NamedTuple):
    """A file to be read. `known` is the hash of a content that need not be parsed once more, if there is one."""

    path: str
    """Relative to the dataset's root, as the file system has it."""
    format: Format
    known: bytes


class Plain(Enum):
    """What there is to say where that is all."""

    SAME = "same"
    """The content is the known one."""
    BLANK = "blank"
    """A placeholder of no bytes."""
    GONE = "gone"
    """The file went while we looked."""


Said: TypeAlias = Picture | bytes | tuple[Reason, str] | Plain
"""A picture; a trajectory's points as packed float64 (all x, all y, all z); a rejection; or nothing more to tell."""


class Extracted(NamedTuple):
    """What reading a file has shown. Without a content hash it was not read whole."""

    said: Said
    content_hash: bytes = b""
    stamp: bytes = b""
    size: int = 0

    @property
    def rejection(self) -> tuple[Reason, str] | None:
        """Why the file is not let in, if it isn't."""
        return None if isinstance(self.said, (Picture, bytes, Plain)) else self.said


class Batch(NamedTuple):
    """Files below one root that are to be read together."""

    root: str
    accepts_blank: bool
    tasks: list[Task]


def extract(batch: Batch) -> list[Extracted]:
    """Read the files, in this process or in another one; nothing that a file contains makes this raise."""
    extracted: list[Extracted] = []
    with _Files(batch.root) as files:
        for start in range(0, len(batch.tasks), _TOGETHER):
            tasks = batch.tasks[start : start + _TOGETHER]
            for task in tasks:
                files.expect(task.path)
            extracted += [_extract(files, task, batch.accepts_blank) for task in tasks]
    return extracted


def _extract(files: _Files, task: Task, accepts_blank: bool) -> Extracted:
    try:
        content, stamp = _read_unchanged(files, task.path, task.format, task.format.max_bytes)
    except Rejected as rejected:
        return Extracted((rejected.reason, rejected.detail))
    except FileNotFoundError:
        return Extracted(Plain.GONE)
    content_hash = hash_of(content)
    said = Plain.SAME if content_hash == task.known else _parse(task.format, content, accepts_blank)
    return Extracted(said, content_hash, stamp, len(content))


def _parse(format_: Format, content: bytes, accepts_blank: bool) -> Said:
    if not content and accepts_blank and format_ is Format.PNG:
        return Plain.BLANK
    try:
        return png.read_png(content) if format_ is Format.PNG else hwr.read_hwr(content)
    except Rejected as rejected:
        return rejected.reason, rejected.detail
    except MemoryError:
        return Reason.TOO_LARGE, f"{len(content)} bytes are more than this machine's memory can take"


def read_file(root: str, path: str, what: str, limit: int) -> tuple[bytes, bytes]:
    """The content and the stamp of one file below the root, as they are read for `extract`."""
    with _Files(root) as files:
        return _read_unchanged(files, path, what, limit)


def _read_unchanged(files: _Files, path: str, what: str, limit: int) -> tuple[bytes, bytes]:
    """The content and the stamp of a file that stood still while it was read.

    Raises Rejected where it can't be read, or did not stand still three times; FileNotFoundError where it is gone.
    """
    trouble = None
    for trial in range(_TRIES):
        if trial:
            time.sleep(0.02 * trial)
        try:
            descriptor = files.open(path)
            try:
                if unchanged := _read_if_unchanged(descriptor, what, limit):
                    return unchanged
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            raise
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EMLINK):
                raise Rejected(Reason.SYMLINK, "it is a symbolic link, or lies behind one") from error
            if error.errno == errno.ENXIO:
                raise Rejected(Reason.NOT_REGULAR, "it is no regular file") from error
            trouble = Rejected(Reason.UNREADABLE, error.strerror or "it cannot be read")
            if error.errno in (errno.EACCES, errno.EPERM):
                break
    raise trouble or Rejected(Reason.UNSTABLE, f"it changed while it was read, {_TRIES} times")


def _read_if_unchanged(descriptor: int, what: str, limit: int) -> tuple[bytes, bytes] | None:
    """The content and the stamp of an open file; None where it may have changed meanwhile."""
    before = os.fstat(descriptor)
    settled = _settled(before)
    if not stat.S_ISREG(before.st_mode):
        raise Rejected(Reason.NOT_REGULAR, "it is no regular file")
    size = before.st_size
    if size > limit:
        raise Rejected(Reason.TOO_LARGE, f"{size} bytes; a {what} has at most {limit}")
    content = _read(descriptor, size)
    _await_truncation(descriptor)
    stamp = stamp_of(before)
    if settled and stamp == stamp_of(os.fstat(descriptor)) and len(content) == size:
        return content, stamp
    return None


def _read(descriptor: int, size: int) -> bytes:
    """The whole content, or more than `size` bytes of one that grows."""
    content = os.read(descriptor, min(size + 1, _FIRST_READ))
    if len(content) < _FIRST_READ or len(content) > size:
        return content
    parts: list[bytes] = []  # one, as a rule: several take twice the room while they are joined
    total = 0
    while total <= size and (part := os.pread(descriptor, size + 1 - total, total)):
        parts.append(part)
        total += len(part)
    return b"".join(parts)


def _await_truncation(descriptor: int) -> None:
    """Wait for a truncation that may be under way.

    ext4 shows the new size from its beginning on, and the new times only from its end on: in between a file that is
    about to be rewritten passes for an empty one that rested. Asking where its holes are waits for the end.
    """
    try:
        os.lseek(descriptor, 0, os.SEEK_HOLE)
    except OSError:  # there are none in an empty file, and some file systems don't know
        return


def _settled(status: os.stat_result) -> bool:
    """Whether a change made from now on would show in the stamp."""
    return not 0 <= time.time_ns() - status.st_ctime_ns < _SETTLING_NS


def _has_name(descriptor: int) -> bool:
    """Whether the open file still is one of some folder."""
    try:
        return os.fstat(descriptor).st_nlink > 0
    except OSError:  # as of a file that was removed where a network has it from
        return False


class _Files:
    """Opens files below a root without following links, in any part of the path; keeps the last folder open."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._folder: str | None = None
        self._descriptor = -1
        self._expected: dict[str, int] = {}

    def __enter__(self) -> _Files:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()
        for descriptor in self._expected.values():
            os.close(descriptor)

    def expect(self, path: str) -> None:
        """Open a file that is read soon, and have the system fetch its beginning meanwhile.

        A disk that is asked for one file after the other does nothing between two of them. What is wrong with the
        file is told when it is opened.
        """
        try:
            self._expected[path] = descriptor = self._open(path)
            if _CAN_FETCH:
                os.posix_fadvise(descriptor, 0, _FIRST_READ, os.POSIX_FADV_WILLNEED)
        except (OSError, Rejected):
            return

    def open(self, path: str) -> int:
        """Open a file for reading; the caller closes it."""
        descriptor = self._expected.pop(path, None)
        if descriptor is None:
            return self._open(path)
        if _has_name(descriptor):
            return descriptor
        os.close(descriptor)  # another one may have taken its place
        return self._open(path)

    def _open(self, path: str) -> int:
        folder, _, name = path.rpartition("/")
        if folder != self._folder:
            self._enter(folder)
        return os.open(name, _FILE, dir_fd=self._descriptor)

    def _enter(self, folder: str) -> None:
        self._leave()
        descriptor = os.open(self._root, _FOLDER)
        for part in folder.split("/") if folder else ():
            above = descriptor
            try:
                descriptor = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=above)
            except NotADirectoryError as error:
                raise Rejected(Reason.SYMLINK, "it lies behind a symbolic link, or no folder") from error
            finally:
                os.close(above)
        self._descriptor, self._folder = descriptor, folder

    def _leave(self) -> None:
        if self._folder is not None:
            os.close(self._descriptor)
            self._folder = None
