"""A disk whose power can be cut: ext4 on a loop device, which forgets what had not been synced."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("mkfs.ext4", "mount", "umount", "losetup")

_EXT4_IOC_SHUTDOWN = 0x8004587D
_NO_FLUSH_OF_THE_JOURNAL = 2
_MEGABYTES = 96
_BUSY_SECONDS = 10


class Disk:
    """The disk, mounted in a folder."""

    def __init__(self, image: Path, folder: Path) -> None:
        self._image = image
        self.folder = folder

    def cut(self) -> None:
        """Have it stop at once, as without power: nothing is written any more, and all that is asked of it fails."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _EXT4_IOC_SHUTDOWN, struct.pack("I", _NO_FLUSH_OF_THE_JOURNAL))
        finally:
            os.close(descriptor)

    def mount(self) -> None:
        """Mount it; what the journal has is replayed."""
        subprocess.run(["mount", "-o", "loop", self._image, self.folder], check=True, capture_output=True)

    def unmount(self) -> None:
        """Unmount it, once those who were killed have let go of it."""
        deadline = time.monotonic() + _BUSY_SECONDS
        while subprocess.run(["umount", self.folder], check=False, capture_output=True).returncode:
            if time.monotonic() > deadline:
                subprocess.run(["umount", "--lazy", self.folder], check=True)
                raise RuntimeError(f"somebody still uses {self.folder}")
            time.sleep(0.02)


@contextmanager
def disk(place: Path) -> Iterator[Disk]:
    """An empty disk, made in the folder `place`, which is gone with its loop device at the end whatever happens."""
    made = Disk(place / "image", place / "mounted")
    made.folder.mkdir(parents=True)
    with (place / "image").open("wb") as file:
        file.truncate(_MEGABYTES * 2**20)
    subprocess.run(["mkfs.ext4", "-q", "-F", place / "image"], check=True, capture_output=True)
    made.mount()
    try:
        yield made
    finally:
        if os.path.ismount(made.folder):
            made.unmount()
