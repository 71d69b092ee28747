"""resources: files that are large, or become large; and many of them. No process may take more than 256 MB."""

from __future__ import annotations

import shutil
import struct
import sys
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from dev.campaigns.campaign import Campaign, Finding, Ground
from dev.campaigns.ground import Plot
from dev.campaigns.hostile_entries import uuid
from dev.campaigns.inside import ledger
from dev.campaigns.png_pictures import chunk
from dev.campaigns.things import Thing, bomb, made, png_of, png_with, sparse
from sigid.errors import Reason
from sigid.sources.formats import Format

MOST_BYTES = 256 * 2**20
"""Of memory, that any process may take."""

_MEGABYTE = 2**20
_GIGABYTE = 2**30
_HWR, _PNG = "Online/Genuine/001_1.HWR", "Offline/Genuine/001_01.png"
_LOADED = "loaded"


@dataclass(frozen=True, slots=True)
class Load:
    """What a load of some large thing took."""

    name: str
    seconds: float
    peak: int
    complaint: str | None

    def __str__(self) -> str:
        return f"{self.name} {self.seconds:.1f} s {self.peak / _MEGABYTE:.0f} MB"


def _deflated_rows(width: int, height: int, pixel: int) -> bytes:
    """A picture of zeros, packed without ever being whole in memory."""
    packer = zlib.compressobj(9)
    row = bytes(1 + width * pixel)
    data = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    depth, colour = (16, 6) if pixel == 8 else (8, 0)
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND")


def _with_head(head: bytes, size: int) -> Thing:
    """A file that begins like that, says that it has that size, and holds no more."""

    def make(path: Path) -> None:
        sparse(size)(path)
        with path.open("r+b") as file:
            file.write(head)

    return make


_IHDR = struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 0)
_LARGE_CHUNK = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", _IHDR) + struct.pack(">I4s", 2**27, b"prVt")

FILES: Mapping[str, tuple[str, Thing, str]] = {
    "10 GB trajectory": (_HWR, sparse(10 * _GIGABYTE), Reason.TOO_LARGE),
    "10 GB picture": (_PNG, sparse(10 * _GIGABYTE), Reason.TOO_LARGE),
    "1 GB line": (_HWR, _with_head(b"1,2,3", _GIGABYTE), Reason.TOO_LARGE),
    "longest line": (_HWR, made(lambda: b"1" * Format.HWR.max_bytes), Reason.MALFORMED_LINE),
    "most blanks": (_HWR, made(lambda: b" " * Format.HWR.max_bytes), Reason.EMPTY),
    "most line ends": (_HWR, made(lambda: b"\n" * Format.HWR.max_bytes), Reason.EMPTY),
    "most points": (_HWR, made(lambda: b"1 2 3\n" * (Format.HWR.max_bytes // 6)), _LOADED),
    "largest picture that is none": (_PNG, sparse(Format.PNG.max_bytes), Reason.NOT_PNG),
    "largest chunk that is cut": (_PNG, _with_head(_LARGE_CHUNK, Format.PNG.max_bytes), Reason.TRUNCATED),
    "25 megapixels": (_PNG, made(lambda: _deflated_rows(5000, 5000, 1)), _LOADED),
    "25 megapixels of 8 bytes": (_PNG, made(lambda: _deflated_rows(5000, 5000, 8)), _LOADED),
    "2,500 megapixels": (_PNG, made(lambda: png_of(50_000, 50_000, b"")), Reason.TOO_MANY_PIXELS),
    "256 MB of pixels in 2 x 2": (_PNG, made(lambda: png_of(2, 2, bytes(_GIGABYTE // 4))), Reason.DAMAGED),
    "256 MB of text": (_PNG, made(lambda: png_with((b"zTXt", b"Comment\0\0" + bomb(_GIGABYTE // 4)))), _LOADED),
    "100,000 chunks": (_PNG, made(lambda: png_with(*[(b"tEXt", b"a\0b")] * 100_000)), _LOADED),
}
"""Where a large file lies, what it is, and what becomes of it."""


def _run(ground: Ground) -> Finding:
    chosen = Random(ground.seed).sample(sorted(FILES), ground.of(4, len(FILES)))
    with ThreadPoolExecutor(2) as threads:
        loads = list(threads.map(partial(_of_file, ground), chosen))
    loads += [_of_large_files(ground), _of_index(ground), _of_folder(ground)]
    most = max(load.peak for load in loads)
    figure = f"at most {most / _MEGABYTE:.0f} MB a process; {', '.join(map(str, loads))}"
    return Finding(figure, [load.complaint for load in loads if load.complaint])


def _of_file(ground: Ground, name: str) -> Load:
    path, make, verdict = FILES[name]
    plot = _plot(ground, name)
    file = plot.datasets / "SOURCE_A" / path
    file.parent.mkdir(parents=True)
    make(file)
    return _measured(name, plot, "load_source_a", {f"source_a/{path}": verdict})


def _of_large_files(ground: Ground) -> Load:
    """As many trajectories as are allowed to be that large, one after the other."""
    count = ground.of(4, 20)
    plot = _plot(ground, "large")
    folder = plot.datasets / "SOURCE_A" / "Online" / "Genuine"
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number:03}_1.HWR").write_bytes(b"1 2 3\n" * (Format.HWR.max_bytes // 6 - number))
    return _measured(f"{count} of the most points", plot, "load_source_a", {}, _LOADED, count)


def _of_index(ground: Ground) -> Load:
    """An INDEX in which each signature is a forgery of the one before."""
    count = ground.of(20_000, 100_000)
    plot = _plot(ground, "chain")
    lines = [f"{count}", f"{uuid(0)}    ", *(f"{uuid(number)}    {uuid(number - 1)}" for number in range(1, count))]
    (plot.datasets / "SOURCE_B").mkdir(parents=True)
    (plot.datasets / "SOURCE_B" / "INDEX").write_text("\n".join(lines))
    return _measured(f"chain of {count:,} parents", plot, "load_source_b", {}, Reason.FILE_MISSING, count)


_NAMES_OF_ONE = 10_000  # to make and remove so many files takes longer than to load them


def _of_folder(ground: Ground) -> Load:
    """Many files in one folder, read by two processes."""
    count = ground.of(4_000, 200_000)
    plot = _plot(ground, "folder")
    folder = plot.datasets / "SOURCE_A" / "Online" / "Genuine"
    folder.mkdir(parents=True)
    for first in range(0, count, _NAMES_OF_ONE):
        one = folder / f"{first:06}_1.HWR"
        one.write_bytes(b"%d,2,3\n" % first)
        for number in range(first + 1, min(count, first + _NAMES_OF_ONE)):
            (folder / f"{number:06}_1.HWR").hardlink_to(one)
    load = _measured(f"folder of {count:,} files", plot, "load_source_a", {}, _LOADED, count)
    shutil.rmtree(folder)
    return load


def _plot(ground: Ground, name: str) -> Plot:
    return Plot(ground.folder / name / "datasets", ground.folder / name / "build")


def _measured(name: str, plot: Plot, task: str, verdicts: Mapping[str, str], of_all: str = "", count: int = 0) -> Load:
    """What the load took, and what is wrong with it: the files must have these verdicts, or so many of them one."""
    file = plot.datasets.with_name("peak")
    prefix: Sequence[str] = (sys.executable, "-m", "dev.campaigns.peak", str(file))
    run = plot.doit(task, prefix=prefix, environment={"SIGID_WORKERS": "2"})
    peak = int(file.read_text())
    found = ledger(plot) if plot.warehouse.exists() else {}
    complaint = None
    if run.code or "Traceback" in run.words:
        complaint = f"{name}: ends with {run.code}: {run.last_line}"
    elif found != verdicts if verdicts else list(found.values()) != [of_all] * count:
        complaint = f"{name}: {len(found)} files, such as {sorted(found.items())[:2]}"
    elif peak > MOST_BYTES:
        complaint = f"{name}: a process took {peak / _MEGABYTE:.0f} MB"
    return Load(name, run.seconds, peak, complaint)


CAMPAIGN = Campaign(
    name="resources",
    shows="no file takes more than 256 MB of any process, however large it is or becomes, nor do very many",
    run=_run,
)
