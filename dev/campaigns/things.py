"""What may lie in a folder: files of any content, and what is no file."""

from __future__ import annotations

import io
import os
import socket
import stat
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TypeAlias

from PIL import Image

from dev.campaigns.png_pictures import Chunk, file_of, inflated_of, plain, some_chunks, some_pixels

Thing: TypeAlias = Callable[[Path], object]
"""Makes it, at a path whose folder is there."""


def nothing() -> Thing:
    """What another entry makes, or nobody."""
    return lambda _path: None


def text(content: bytes = b"1,2,3\n4,5,6\n") -> Thing:
    """A file of that content."""
    return lambda path: path.write_bytes(content)


def made(make: Callable[[], bytes]) -> Thing:
    """A file whose content takes a while to make."""
    return lambda path: path.write_bytes(make())


def sparse(size: int) -> Thing:
    """A file that says it has that size and holds nothing."""

    def make(path: Path) -> None:
        path.touch()
        os.truncate(path, size)

    return make


def unreadable(content: bytes = b"1,2,3\n") -> Thing:
    """A file that only root may read."""

    def make(path: Path) -> None:
        path.write_bytes(content)
        path.chmod(0)

    return make


def link(target: str) -> Thing:
    """A symbolic link."""
    return lambda path: path.symlink_to(target)


def hard_link(name: str) -> Thing:
    """A second name of a file beside it."""
    return lambda path: path.hardlink_to(path.with_name(name))


def folder() -> Thing:
    """An empty folder."""
    return lambda path: path.mkdir()


def pipe() -> Thing:
    """A pipe that nobody writes to."""
    return os.mkfifo


def unix_socket() -> Thing:
    """A socket that nobody listens at."""

    def make(path: Path) -> None:
        before = os.getcwd()
        os.chdir(path.parent)  # the path of a socket has 107 bytes at most
        try:
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(path.name)
        finally:
            os.chdir(before)

    return make


def device(kind: int, major: int, minor: int) -> Thing:
    """A device that everybody may read."""
    return lambda path: os.mknod(path, kind | 0o666, os.makedev(major, minor))


ZERO = device(stat.S_IFCHR, 1, 5)
LOOP = device(stat.S_IFBLK, 7, 200)


def deep(depth: int) -> Thing:
    """A folder in a folder in a folder, deeper than any path can say, and a file in the last one."""

    def make(path: Path) -> None:
        path.mkdir()
        descriptor = os.open(path, os.O_RDONLY)
        for _ in range(depth):
            os.mkdir("d", dir_fd=descriptor)
            below = os.open("d", os.O_RDONLY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        os.close(os.open("001_1.HWR", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
        os.close(descriptor)

    return make


def locked() -> Thing:
    """A folder that only root may look into, and a file in it."""

    def make(path: Path) -> None:
        path.mkdir()
        (path / "901_1.HWR").write_bytes(b"1,2,3\n")
        path.chmod(0)

    return make


def png(colour: int = 0, depth: int = 8, *, interlaced: bool = False) -> bytes:
    """A sound picture."""
    dice = Random(f"{colour} {depth}")
    return file_of(some_chunks(some_pixels(colour, depth, dice), interlaced=interlaced, dice=dice))


def png_with(*chunks: Chunk, at: int = 1) -> bytes:
    """A sound picture with further chunks."""
    sound = _chunks()
    return file_of([*sound[:at], *chunks, *sound[at:]])


def png_of(width: int, height: int, inflated: bytes, *, depth: int = 8, colour: int = 0) -> bytes:
    """A picture that says it has that size, of these pixels."""
    head = struct.pack(">II", width, height) + bytes([depth, colour, 0, 0, 0])
    return file_of([(b"IHDR", head), (b"IDAT", zlib.compress(inflated)), (b"IEND", b"")])


def png_of_pixels_that_end_early() -> bytes:
    """A picture of 32 rows, ten of which are there, and every checksum is right."""
    return png_of(32, 32, bytes(33 * 10))


def png_that_is_an_animation() -> bytes:
    """Of two frames."""
    file = io.BytesIO()
    Image.new("L", (3, 2)).save(file, "PNG", save_all=True, append_images=[Image.new("L", (3, 2), 9)])
    return file.getvalue()


def other_format(name: str) -> bytes:
    """A picture in another format."""
    file = io.BytesIO()
    Image.new("L", (3, 2)).save(file, name)
    return file.getvalue()


def bomb(size: int) -> bytes:
    """So many bytes of nothing, compressed."""
    return zlib.compress(bytes(size), 9)


def _chunks() -> list[Chunk]:
    pixels = some_pixels(0, 8, Random(1))
    head = plain(pixels)[16:29]
    inflated = inflated_of(pixels, interlaced=False, dice=Random(1))
    return [(b"IHDR", head), (b"IDAT", zlib.compress(inflated)), (b"IEND", b"")]
