"""Files that hold biometric data, or tell of it, are for their owner alone, whatever the umask."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress


def private_folder(path: str) -> None:
    """Make the folder, and those above it, with mode 0700 where they are missing; leave what is there as it is."""
    path = os.path.abspath(path)
    if not os.path.isdir(path):
        private_folder(os.path.dirname(path))
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            if not os.path.isdir(path):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path) from None


def private_file(path: str) -> None:
    """Make an empty file with mode 0600 where there is none.

    One that is there is not even opened: closing it again would undo every lock that this process holds on it, and
    SQLite relies on such locks.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def why_not_made(error: OSError) -> str:
    """Why a file could not be made, or a folder for it, and the way out."""
    if error.errno in (errno.ENOTDIR, errno.ENOENT):
        return f"({error.filename} is no folder, and cannot become one); name another place"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"({error.strerror}); make room there"
    return f"({error.strerror}); check the permissions of its folder"


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Have what the system refuses say of which file: where it is asked by descriptor, it has no name to tell."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = path
        raise


def write_whole(path: str, parts: Iterable[bytes | bytearray | memoryview], *, sync: bool = True) -> None:
    """Put the bytes in the place of the file, whole or not at all: written aside, synced, then renamed.

    What is known by its stamp or digest, and can be made again, need not be synced: a power cut leaves some other
    file then, and whoever reads it sees that. The file has mode 0600, its folder is made where it is missing.
    """
    folder = os.path.dirname(path) or "."
    private_folder(folder)
    descriptor, aside = tempfile.mkstemp(prefix=os.path.basename(path) + ".", suffix=".new", dir=folder)
    try:
        with naming(path), open(descriptor, "wb") as file:
            file.writelines(parts)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        with suppress(FileNotFoundError):  # a stop may come when it has its name already
            os.unlink(aside)
        raise
