"""change-detection: edits that a file's size and date do not show, on file systems with fine and with coarse stamps."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import xxhash

from dev.campaigns.campaign import Campaign, Finding, Ground
from dev.campaigns.edits import EDITS, FUTURE_NS
from dev.campaigns.ground import RESTED_SECONDS, Plot
from dev.campaigns.inside import loaded, settings_of
from sigid.pipeline.scan import scan
from sigid.sources.source_a import SourceA

_SOURCE = SourceA()


@dataclass(frozen=True, slots=True)
class Disk:
    """Files on one file system, some for each kind of edit, and where they are loaded."""

    name: str
    plot: Plot
    count: int

    def files(self, kind: int) -> list[Path]:
        """Those to which this kind of edit is done."""
        folder = self.plot.datasets / "SOURCE_A" / "Online" / "Genuine"
        return [folder / f"{kind + 1}{number:04}_1.HWR" for number in range(self.count)]

    def make(self) -> None:
        """Write the files, and load them at once."""
        self.files(0)[0].parent.mkdir(parents=True)
        for kind, edit in enumerate(EDITS):
            for number, file in enumerate(self.files(kind)):
                file.write_bytes(_content(kind, number, 0))
                if "future" in edit:
                    os.utime(file, ns=(FUTURE_NS, FUTURE_NS))
        self.load()

    def edit(self, version: int) -> None:
        """Do to all of them what is to be done to each."""
        for kind, edit in enumerate(EDITS.values()):
            edit(self.files(kind), [_content(kind, number, version) for number in range(self.count)])

    def load(self) -> int:
        """Load what changed, and say how many files were read."""
        totals = [0]
        loaded(_SOURCE, self.plot, progress=lambda _done, total: totals.append(total))
        return totals[-1]

    def missed(self, when: str) -> Iterator[str]:
        """The edits that the warehouse does not know of."""
        with closing(sqlite3.connect(self.plot.warehouse)) as connection:
            known = dict(connection.execute("SELECT path, content_hash FROM source_file").fetchall())
        for kind, name in enumerate(EDITS):
            missed = [file.name for file in self.files(kind) if known.get(f"Online/Genuine/{file.name}") != _hash(file)]
            if missed:
                yield f"{self.name}, {when}: {len(missed)} of {self.count} files {name} are missed, such as {missed[0]}"

    def dump(self) -> str:
        """All that the warehouse holds."""
        with closing(sqlite3.connect(self.plot.warehouse)) as connection:
            return "\n".join(connection.iterdump())


def _content(kind: int, number: int, version: int) -> bytes:
    return b"%06d,%06d,%06d\n" % (kind, number, version) * 3


def _hash(file: Path) -> str:
    return xxhash.xxh3_128_hexdigest(file.read_bytes())


def _run(ground: Ground) -> Finding:
    count = ground.of(14, 200)
    with _coarse_disk(ground.folder) as coarse:
        disks = [
            Disk(name, Plot(place / "datasets", ground.folder / f"build of {name}"), count)
            for name, place in (("fine stamps", ground.folder), ("stamps of 1 s", coarse))
        ]
        for disk in disks:
            disk.make()
        wrong = [why for disk in disks for why in _edited(disk, 1, "edited at once")]
        time.sleep(RESTED_SECONDS)
        reads, complaints = zip(*(_rescanned(disk) for disk in disks), strict=True)
        wrong += [why for each in complaints for why in each]
        wrong += [why for disk in disks for why in _edited(disk, 2, "edited after a rest")]
        wrong += [why for disk in disks for why in _edited(disk, 3, "edited at once again")]
    edits = 3 * len(disks) * len(EDITS) * count
    once_more = " and ".join(map(str, reads))
    figure = (
        f"{len(EDITS)} kinds of edits on {len(disks)} file systems, {count} files each, three times: {edits:,} edits, "
        f"{len(wrong)} complaints; 2 s later a quiet run reads {once_more} files once more, the next none"
    )
    return Finding(figure, wrong)


def _edited(disk: Disk, version: int, when: str) -> Iterator[str]:
    disk.edit(version)
    disk.load()
    yield from disk.missed(when)


def _rescanned(disk: Disk) -> tuple[int, list[str]]:
    """How many files the first quiet run reads, and what is wrong with it and the next one."""
    before = disk.dump()
    once_more = disk.load()
    wrong = []
    if scan(_SOURCE, settings_of(disk.plot)) is not None:
        wrong.append(f"{disk.name}: a quiet scan takes something for changed")
    if read := disk.load():
        wrong.append(f"{disk.name}: a quiet load reads {read} files")
    if disk.dump() != before:
        wrong.append(f"{disk.name}: a quiet load writes rows")
    return once_more, wrong


@contextmanager
def _coarse_disk(folder: Path) -> Iterator[Path]:
    """A file system whose stamps have whole seconds: ext4 with small inodes."""
    image, mount = folder / "image", folder / "mount"
    image.touch()
    os.truncate(image, 64 * 2**20)
    mount.mkdir()
    subprocess.run(["mkfs.ext4", "-q", "-I", "128", image], check=True, capture_output=True)
    subprocess.run(["mount", "-o", "loop", image, mount], check=True)
    try:
        yield mount
    finally:
        subprocess.run(["umount", "--lazy", mount], check=True)  # also where something of it is still open


CAMPAIGN = Campaign(
    name="change-detection",
    shows="an edit is seen whatever size, date and name it leaves, and where nothing is edited nothing is read",
    run=_run,
    programs=("mkfs.ext4", "mount"),
    needs_root=True,
)
