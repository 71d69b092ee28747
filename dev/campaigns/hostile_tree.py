"""hostile-tree: folders full of what somebody wishing harm, or a careless script, may leave in a dataset."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from dev.campaigns.campaign import Campaign, Finding, Ground
from dev.campaigns.ground import Plot
from dev.campaigns.hostile_entries import (
    IGNORED,
    LOADED,
    PARENTS,
    REFUSED_INDEXES,
    SOURCE_A,
    SOURCE_B,
    WITHHELD,
    Entries,
)
from dev.campaigns.inside import NOBODY, as_nobody, common_ground, ledger, loaded
from dev.campaigns.things import deep
from sigid.errors import DatasetError
from sigid.pipeline.escape import raw
from sigid.sources.source_a import SourceA
from sigid.sources.source_b import SourceB

Verdicts = Mapping[str, str]
"""By source and path."""


def _run(ground: Ground) -> Finding:
    with common_ground() as common:
        datasets = common / "datasets"
        withheld = {path: (make, by_root) for path, (make, by_root, _) in WITHHELD.items()}
        depth = {"Online/Genuine/deep": (deep(ground.of(1_200, 3_000)), IGNORED)}  # which takes a while to remove
        _make(datasets / "SOURCE_A", {**SOURCE_A, **withheld, **depth})
        _make(datasets / "SOURCE_B", SOURCE_B)
        (datasets / "SOURCE_B" / "INDEX").write_bytes(_index())
        wrong = [
            *_of_the_program(Plot(datasets, ground.folder / "build")),
            *_of_refused_indexes(Plot(ground.folder / "datasets", ground.folder / "build of indexes")),
            *_of_nobody(Plot(datasets, common / "build")),
        ]
    kinds = Counter(_expected(by_root=True).values())
    verdicts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    figure = f"{kinds.total()} entries: {verdicts}; {len(REFUSED_INDEXES)} INDEXes refused; also as an ordinary user"
    return Finding(figure, wrong)


def _make(root: Path, entries: Entries) -> None:
    for path, (make, _) in sorted(entries.items()):
        place = root / path
        if len(path) < 300:  # what is deeper is there already
            place.parent.mkdir(parents=True, exist_ok=True)
        make(place)


def _index() -> bytes:
    return "\n".join([str(len(PARENTS)), *(f"{id_}    {parent}" for id_, parent in PARENTS.items()), ""]).encode()


def _expected(*, by_root: bool) -> Verdicts:
    """The table, in one."""
    withheld = {path: (root if by_root else nobody) for path, (_, root, nobody) in WITHHELD.items()}
    in_a = {path: verdict for path, (_, verdict) in SOURCE_A.items()} | withheld
    return {
        **{f"source_a/{path}": verdict for path, verdict in in_a.items()},
        **{f"source_b/{path}": verdict for path, (_, verdict) in SOURCE_B.items()},
    }


def _differences(plot: Plot, *, by_root: bool) -> Iterator[str]:
    """What became of the entries, where that is not what the table says."""
    shown = ledger(plot)
    yield from (f"{path!r} is listed with what cannot be printed" for path in shown if not path.isprintable())
    found = {raw(path): verdict for path, verdict in shown.items()}
    expected = _expected(by_root=by_root)
    for path in sorted({*found, *expected}, key=ascii):
        is_, should = found.get(path, IGNORED), expected.get(path, "not there at all")
        if is_ != should:
            yield f"{path!a} is {is_} instead of {should}, {'by root' if by_root else 'by an ordinary user'}"


def _of_the_program(plot: Plot) -> Iterator[str]:
    """The first run, the next one, which must find nothing to do, and what they tell."""
    for which in ("first", "second"):
        run = plot.doit()
        if run.code or "Traceback" in run.words:
            yield f"the {which} run ends with {run.code}: {run.last_line}"
        yield from _differences(plot, by_root=True)
    rejections = [verdict for verdict in _expected(by_root=True).values() if verdict not in (LOADED, IGNORED)]
    told = plot.doit("rejects")
    lines = told.out.rstrip("\n").split("\n")
    if told.code or len(lines) != len(rejections) or not all(line.replace("\t", "").isprintable() for line in lines):
        yield f"of {len(rejections)} rejections {len(lines)} lines are told, with code {told.code}: {told.last_line}"


def _of_refused_indexes(plot: Plot) -> Iterator[str]:
    """Each INDEX is refused in one line, and what was loaded before stands."""
    root = plot.datasets / "SOURCE_B"
    _make(root, SOURCE_B)
    (root / "INDEX").write_bytes(_index())
    loaded(SourceB(), plot)
    before = ledger(plot)
    for name, content in REFUSED_INDEXES.items():
        (root / "INDEX").write_bytes(content)
        try:
            loaded(SourceB(), plot)
        except DatasetError as error:
            if not str(error).isprintable() or len(str(error)) > 500:
                yield f"the INDEX with {name} is refused in unprintable words: {error!r}"
        else:
            yield f"the INDEX with {name} is not refused"
        if ledger(plot) != before:
            yield f"the INDEX with {name} changed what was loaded"


def _of_nobody(plot: Plot) -> Iterator[str]:
    """An ordinary user comes to the same verdicts, but for what is withheld from him."""
    plot.build.mkdir()
    os.chown(plot.build, NOBODY, NOBODY)
    for source in (SourceA(), SourceB()):
        words = as_nobody(lambda source=source: str(loaded(source, plot).problem))  # type: ignore[misc]
        locked = "the folder Online/Genuine/locked could not be read"
        if not (locked in words if source.name == "source_a" else words == "None"):
            yield f"a load of {source.name} by an ordinary user ends with: {words.strip()}"
    yield from _differences(plot, by_root=False)


CAMPAIGN = Campaign(
    name="hostile-tree",
    shows="each entry of a hostile tree gets the verdict that a table has for it, and the sound ones are loaded",
    run=_run,
    needs_root=True,
)
