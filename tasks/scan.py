"""scan_<source>: which files are there, which may have changed?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from sigid.pipeline.scan import Workplace, scan
from sigid.settings import Settings
from sigid.sources.base import Source
from sigid.sources.registry import SOURCES
from tasks.acting import action


def tasks(settings: Settings) -> Iterator[dict[str, Any]]:
    """One task a source; its target is the manifest."""
    for source in SOURCES:
        place = Workplace.of(source, settings)
        yield {
            "basename": name(source),
            "doc": f"list the files of {source.directory} and which of them may have changed",
            "actions": [(_scan, [source, settings])],
            "targets": [str(place.manifest)],
            "uptodate": [False],
            "clean": [partial(_clean, place)],
        }


def name(source: Source) -> str:
    """The task's name."""
    return f"scan_{source.name}"


@action
def _scan(source: Source, settings: Settings) -> None:
    scan(source, settings)


def _clean(place: Workplace, dryrun: bool) -> None:
    """Remove what a scan has written; the next one is slower."""
    for file in (place.manifest, place.listing, place.lock):
        if file.exists():
            print(f"{name_of(dryrun)} {file}")  # noqa: T201  # doit's own clean prints, too
            if not dryrun:
                file.unlink()
    if not dryrun and place.lock.parent.is_dir() and not any(place.lock.parent.iterdir()):
        place.lock.parent.rmdir()


def name_of(dryrun: bool) -> str:
    return "would remove" if dryrun else "removing"
