"""scan_<source>: which files are there, which may have changed?"""

from __future__ import annotations

import multiprocessing  # as doit has
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sigid.errors import SigidError
from sigid.pipeline.workplace import Workplace
from sigid.settings import Settings
from sigid.sources.base import Source
from sigid.sources.registry import SOURCES
from tasks.acting import action
from tasks.helping import examples

if TYPE_CHECKING:
    from sigid.pipeline.listing import Listing


def tasks(settings: Settings) -> Iterator[dict[str, Any]]:
    """One task a source; its target is the manifest."""
    for source in SOURCES:
        place = Workplace.of(source, settings)
        yield {
            "basename": name(source),
            "doc": f"list the files of {source.directory} and which of them may have changed",
            "actions": [(_scan, [source, settings])],
            "teardown": [(_put_down, [source, settings])],
            "targets": [str(place.manifest)],
            "uptodate": [False],
            **examples(("", "see what a load will look at; it does this by itself")),
            "clean": [(remove_caches, [source, settings])],
        }


def name(source: Source) -> str:
    """The task's name."""
    return f"scan_{source.name}"


_found: dict[str, Listing] = {}


@action
def _scan(source: Source, settings: Settings) -> None:
    from sigid.pipeline.scan import scan

    # In a process that doit has started (`doit -n 2`) nobody hears of what was found: the manifest tells of it.
    found = scan(source, settings, ahead_of_load=multiprocessing.parent_process() is None)
    if found is not None:  # it may be empty
        _found[source.name] = found


@action
def _put_down(source: Source, settings: Settings) -> None:
    from sigid.pipeline.scan import put_down

    found = take(source)
    if found is not None:
        put_down(found, source, settings)


def has_found(source: Source) -> bool:
    """Whether the source's scan has found something in this run that no load has taken yet."""
    return source.name in _found


def take(source: Source) -> Listing | None:
    """What the source's scan has found in this run, if that was in this process; it is forgotten here."""
    return _found.pop(source.name, None)


def remove_caches(source: Source, settings: Settings, dryrun: bool) -> None:
    """Remove what scans and loads keep in the build folder, unless one is under way; the next one is slower."""
    place = Workplace.of(source, settings)
    files = [
        file
        for kept in (place.manifest, place.listing, place.answer, place.erased, place.lock)
        for file in _with_unfinished(kept)
    ]
    for file in files:
        print(f"{name(source)} - removing file '{file}'")  # noqa: T201  # as doit's own clean does
    if dryrun or not files:
        return
    try:
        with place.alone():
            for file in (*files, place.lock):
                file.unlink(missing_ok=True)
    except (SigidError, OSError) as error:
        raise SystemExit(f"{name(source)} is not cleaned: {error}") from error
    with suppress(OSError):  # something else is in it
        place.lock.parent.rmdir()


def _with_unfinished(file: Path) -> list[Path]:
    """The file, where there is one, and what a killed process had begun to write in its place."""
    return [each for each in (file, *file.parent.glob(f"{file.name}.*.new")) if each.is_file()]
