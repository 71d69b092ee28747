"""unreadable: files and folders that the disk or the system does not give out, and files that go meanwhile."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from types import MappingProxyType

from dev.campaigns.campaign import Campaign, Finding, Ground
from dev.campaigns.ground import Plot, clean_digest, first_files, lay, two_at_a_time
from dev.campaigns.inside import NOBODY, as_nobody, common_ground, ledger, loaded
from sigid.errors import Reason
from sigid.sources.source_a import SourceA

_LOADED = "loaded"


@dataclass(frozen=True, slots=True)
class Fault:
    """What the disk answers to one system call on one path; and what a load must make of that."""

    name: str
    call: str
    error: str
    path: str
    """Relative to SOURCE_A: a file's, or a folder's."""
    verdicts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What becomes of files, but for those that stay as they were."""
    code: int = 0

    def prefix(self, plot: Plot) -> Sequence[str]:
        """Has the program meet it."""
        inject = ("-e", f"trace={self.call}", "-e", f"inject={self.call}:error={self.error}")
        path = plot.datasets.resolve() / "SOURCE_A" / self.path
        return ("strace", "-f", "-qqq", "-o", "/dev/null", "-P", str(path), *inject)


def _faults(files: Sequence[str], dice: Random) -> list[Fault]:
    file = dice.choice(files)
    folder = str(Path(dice.choice(files)).parent)
    unreadable = {file: Reason.UNREADABLE}
    return [
        Fault("read", "read", "EIO", file, unreadable),
        Fault("the second try to read", "read", "EIO:when=1", file),
        Fault("read, for network storage", "read", "ESTALE", file, unreadable),
        Fault("stat of the open file", "newfstatat,fstat", "EIO", file, unreadable),
        Fault("list a folder", "getdents64", "EIO", folder, code=1),
        Fault("list the root", "getdents64", "EIO", "", code=1),
    ]


def _run(ground: Ground) -> Finding:
    dice = Random(ground.seed)
    files = first_files(ground.seed)
    with common_ground() as common:
        base = Plot(common / "base" / "datasets", common / "base" / "build")
        lay(base.datasets, files)
        clean = clean_digest(base, common / "clean")
        base.doit("load_source_a")
        paths = [f"{path}" for path in files if files[path]]
        faults = [fault for _ in range(6) for fault in _faults(paths, dice)]
        faults = dice.sample(faults, ground.of(3, len(faults)))
        checks = [
            partial(_injected, _copy(base, common / f"fault {n}"), fault, clean) for n, fault in enumerate(faults)
        ]
        firsts = [partial(_at_first, base, common / f"first {n}", fault, clean) for n, fault in enumerate(faults[:1])]
        wrong = two_at_a_time(lambda check: check(), [*checks, *firsts])
        changes = dice.sample(sorted(_CHANGES), ground.of(2, len(_CHANGES)))
        for number, name in enumerate(changes):
            wrong += _meanwhile(_copy(base, common / f"change {number}"), name, dice.choice(paths), clean)
        withheld = [dice.choice(paths), str(Path(dice.choice(paths)).parent)]
        for number, path in enumerate(withheld):
            wrong += _withheld(_copy(base, common / f"withheld {number}"), path, clean)
    figure = (
        f"{len(checks) + len(firsts)} loads with EIO or ESTALE, {len(changes)} with a file that changes its kind "
        f"between scan and read, {len(withheld)} by a user without the right: {len(wrong)} complaints"
    )
    return Finding(figure, wrong)


def _copy(base: Plot, folder: Path) -> Plot:
    """The same, loaded, with files and a build folder of its own."""
    shutil.copytree(base.datasets, folder / "datasets")
    return Plot(folder / "datasets", base.copied(folder / "build").build)


def _injected(plot: Plot, fault: Fault, clean: str) -> Iterator[str]:
    """What is wrong with a load that meets the fault, and with the next one, which does not."""
    name = f"EIO at {fault.name} of {fault.path or 'SOURCE_A'}"
    before = ledger(plot)
    run = plot.doit("load_source_a", prefix=fault.prefix(plot))
    if run.code != fault.code or "Traceback" in run.words:
        yield f"{name}: ends with {run.code} instead of {fault.code}: {run.last_line}"
    yield from _unlike(plot, before | _of_source_a(fault.verdicts), name)
    yield from _unmended(plot, name, clean)


def _at_first(base: Plot, build: Path, fault: Fault, clean: str) -> Iterator[str]:
    """What is wrong with a first load that meets the fault: all others are loaded."""
    plot = Plot(base.datasets, build)
    plot.doit("load_source_a", prefix=fault.prefix(plot))
    yield from _unlike(plot, ledger(base) | _of_source_a(fault.verdicts), name := f"a first load, EIO at {fault.name}")
    yield from _unmended(plot, name, clean)


def _of_source_a(verdicts: Mapping[str, str]) -> dict[str, str]:
    return {f"source_a/{path}": verdict for path, verdict in verdicts.items()}


def _unlike(plot: Plot, verdicts: Mapping[str, str], when: str) -> Iterator[str]:
    """What became of the files, where that is not what should have; nothing at all may be retired."""
    found = ledger(plot)
    for path in sorted(found.keys() | verdicts.keys()):
        if found.get(path) != verdicts.get(path):
            yield f"{when}: {path} is {found.get(path)} instead of {verdicts.get(path)}"
    with closing(sqlite3.connect(plot.warehouse)) as connection:
        (retired,) = connection.execute("SELECT count(*) FROM signature WHERE retired_at IS NOT NULL").fetchone()
    if retired:
        yield f"{when}: {retired} signatures are retired"


def _remove(file: Path) -> None:
    file.unlink()


def _make_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _make_link(file: Path) -> None:
    file.unlink()
    file.symlink_to("/etc/passwd")


def _make_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


_CHANGES: Mapping[str, tuple[Callable[[Path], None], str]] = {
    "goes": (_remove, _LOADED),  # the ledger keeps what it says until a scan finds that it is gone
    "becomes a pipe": (_make_pipe, Reason.NOT_REGULAR),
    "becomes a link": (_make_link, Reason.SYMLINK),
    "becomes a folder": (_make_folder, Reason.NOT_REGULAR),
}


def _meanwhile(plot: Plot, name: str, path: str, clean: str) -> Iterator[str]:
    """What is wrong when the file changes its kind between scan and read."""
    file = plot.datasets / "SOURCE_A" / path
    content = file.read_bytes()
    do, verdict = _CHANGES[name]
    before = ledger(plot)
    loaded(SourceA(), plot, meanwhile=lambda: do(file))
    yield from _unlike(plot, before | _of_source_a({path: verdict}), when := f"{path} {name} between scan and read")
    shutil.rmtree(file) if file.is_dir() else file.unlink(missing_ok=True)
    file.write_bytes(content)
    yield from _unmended(plot, when, clean)


def _withheld(plot: Plot, path: str, clean: str) -> Iterator[str]:
    """What is wrong when somebody loads who has no right to a file, or to a folder."""
    withheld = plot.datasets / "SOURCE_A" / path
    mode, is_folder = withheld.stat().st_mode, withheld.is_dir()
    withheld.chmod(0)
    _give_away(plot.build)
    before = ledger(plot)
    words = as_nobody(lambda: str(loaded(SourceA(), plot).problem))
    told = f"the folder {path} could not be read" in words if is_folder else words == "None"
    if not told:
        yield f"a load without the right to {path} ends with: {words.strip()}"
    verdicts = {} if is_folder else {path: Reason.UNREADABLE}
    yield from _unlike(plot, before | _of_source_a(verdicts), when := f"no right to {path}")
    withheld.chmod(mode)
    yield from _unmended(plot, when, clean)


def _unmended(plot: Plot, when: str, clean: str) -> Iterator[str]:
    """What is wrong with the next run, when all can be read again."""
    run = plot.doit("load_source_a")
    if run.code or plot.digest() != clean or plot.integrity() != "ok":
        yield f"{when}: the next run ends with {run.code}, and not with the content of a clean one: {run.last_line}"


def _give_away(folder: Path) -> None:
    for each in [folder, *folder.rglob("*")]:
        os.chown(each, NOBODY, NOBODY)
    os.chmod(folder.parent, 0o755)  # noqa: S103  (anybody may come this far)


CAMPAIGN = Campaign(
    name="unreadable",
    shows="what can't be read is listed, what it was before stands, and all else is loaded",
    run=_run,
    programs=("strace",),
    needs_root=True,
)
