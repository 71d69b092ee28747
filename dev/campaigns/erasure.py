"""erasure: `doit erase` is killed before each system call that changes the disk, and no byte of the person is left."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dev.campaigns.campaign import Campaign, Finding, Ground
from dev.campaigns.ground import Plot, clean_digest, first_files, lay, two_at_a_time
from dev.campaigns.points import Point, disturbed, in_files, points_of
from sigid.entity import XYZSignature
from sigid.sources.source_a import SourceA
from sigid.warehouse.warehouse import open_warehouse

_KILL = "signal=SIGKILL"
_LOAD = "load_source_a"


@dataclass(frozen=True, slots=True)
class _Person:
    """Who is erased, and what must not be found of him."""

    key: str
    plot: Plot
    """Where he is loaded."""
    canaries: dict[str, bytes]
    clean: str
    """The digest of a load of everybody else."""

    @property
    def command(self) -> tuple[str, ...]:
        return ("erase", "--signee", self.key)

    def found_in(self, build: Path) -> Iterator[str]:
        """Each thing of his that is in a file there."""
        for file in build.rglob("*"):
            content = file.read_bytes() if file.is_file() else b""
            yield from (f"{what} is in {file.name}" for what, canary in self.canaries.items() if canary in content)


def _run(ground: Ground) -> Finding:
    dice = random.Random(ground.seed)
    person = _person(ground, dice)
    points = points_of(person.plot.copied(ground.folder / "watched"), ground.folder / "log", *person.command)
    chosen = sorted(dice.sample(range(len(points)), ground.of(6, len(points))))
    by_load: list[bool] = []
    trials = [(number, points[number]) for number in chosen]
    failures = list(_complaints_of_canaries(person))
    failures += two_at_a_time(partial(_complaints, ground.folder, person, by_load), trials)
    return Finding(
        f"killed at {len(chosen)} of {len(points)} points of an erasure ({in_files(points)}), and ended by the same "
        f"command, or a load ({sum(by_load)} times): none of {len(person.canaries)} canaries in any byte",
        failures,
    )


def _person(ground: Ground, dice: random.Random) -> _Person:
    """Somebody of whom there are trajectories."""
    files = first_files(ground.seed)
    keys = {path: str(SourceA().claim(path).signee) for path in files}
    key = dice.choice(sorted({key for path, key in keys.items() if path.startswith("Online/Genuine/")}))
    plot = Plot(ground.folder / "datasets", ground.folder / "loaded")
    others = Plot(ground.folder / "others", ground.folder / "loaded others")
    lay(plot.datasets, files)
    lay(others.datasets, {path: content for path, content in files.items() if keys[path] != key})
    if (run := plot.doit(_LOAD)).code:
        raise RuntimeError(f"a load that nothing disturbs fails: {run.words}")
    canaries = {f"the path {path}": path.encode() for path in files if keys[path] == key}
    with open_warehouse(f"sqlite:///{plot.warehouse}") as warehouse:
        for signature in warehouse.signatures(signee=key):
            canaries["his id"] = signature.signee_id.encode()
            canaries[f"the id {signature.id}"] = signature.id.encode()
            if isinstance(signature, XYZSignature):
                canaries[f"the first points of {signature.id}"] = signature.points.array[:8, 0].tobytes()
                canaries[f"further points of {signature.id}"] = signature.points.array[40:46, 1].tobytes()
    return _Person(key, plot, canaries, clean_digest(others, ground.folder / "clean"))


def _complaints_of_canaries(person: _Person) -> Iterator[str]:
    """A canary that is not there before the erasure would say nothing."""
    found = {each.rpartition(" is in ")[0] for each in person.found_in(person.plot.build)}
    yield from (f"{what} is not there before" for what in person.canaries.keys() - found)


def _complaints(folder: Path, person: _Person, by_load: list[bool], trial: tuple[int, Point]) -> Iterator[str]:
    number, point = trial
    plot = person.plot.copied(folder / str(number) / "build")
    run, hit = disturbed(plot, folder / str(number) / "log", point, _KILL, *person.command)
    if not hit or run.code != -9:
        yield f"killed at {point}: it was not hit there, and ends with {run.code}"
    by_load.append(number % 2 == 0 and _has_begun(plot, person))
    for command in ((_LOAD,) if by_load[-1] else person.command, (_LOAD,)):
        if (run := plot.doit(*command)).code:
            yield f"killed at {point}: then {command[0]} ends with {run.code}: {run.last_line}"
        yield from (f"killed at {point}: after {command[0]}, {each}" for each in person.found_in(plot.build))
    if plot.digest() != person.clean:
        yield f"killed at {point}: the content is not that of a load of everybody else"
    if (verdict := plot.integrity()) != "ok":
        yield f"killed at {point}: the warehouse is damaged: {verdict}"
    shutil.rmtree(plot.build)


def _has_begun(plot: Plot, person: _Person) -> bool:
    """Whether his rows are gone: then a load is to do the rest."""
    with open_warehouse(f"sqlite:///{plot.warehouse}") as warehouse:
        return not warehouse.signatures(signee=person.key, retired=True).count()


CAMPAIGN = Campaign(
    "erasure",
    "an erasure that is killed before any system call that changes the disk is ended by the next one, byte for byte",
    _run,
    programs=("strace",),
)
