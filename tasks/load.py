"""load_<source>: register what changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from doit.task import Task

from sigid.errors import SigidError
from sigid.pipeline.listing import read_summary
from sigid.pipeline.scan import Workplace
from sigid.settings import Settings
from sigid.sources.base import Source
from sigid.sources.registry import SOURCES
from sigid.warehouse.fingerprint import holds
from tasks import scan
from tasks.acting import action

_PARAMS = [
    {
        "name": "strict",
        "long": "strict",
        "type": bool,
        "default": False,
        "help": "fail where files are rejected (they are recorded, and the rest is loaded, all the same)",
    },
    {
        "name": "rehash",
        "long": "rehash",
        "type": bool,
        "default": False,
        "help": "read every file, whatever its size, dates and inode say",
    },
    {
        "name": "allow_removals",
        "long": "allow-removals",
        "type": bool,
        "default": False,
        "help": "retire the signatures of files that are gone, however many they are",
    },
]


def tasks(settings: Settings) -> Iterator[dict[str, Any]]:
    """One task a source. It has nothing to do while the warehouse holds what the manifest lists."""
    for source in SOURCES:
        place = Workplace.of(source, settings)
        yield {
            "basename": name(source),
            "doc": f"load what changed in {source.directory} into the warehouse",
            "actions": [(_load, [source, settings])],
            "task_dep": [scan.name(source)],
            "file_dep": [str(place.manifest)],
            "uptodate": [(_is_current, [source, settings])],
            "params": _PARAMS,
        }


def name(source: Source) -> str:
    """The task's name."""
    return f"load_{source.name}"


def names() -> list[str]:
    """The names of all these tasks."""
    return [name(source) for source in SOURCES]


def _is_current(task: Task, source: Source, settings: Settings) -> bool:
    """Whether the warehouse itself says that it holds what the manifest lists, and nothing else was asked for."""
    if any((task.options or {}).values()):
        return False
    summary = read_summary(str(Workplace.of(source, settings).listing))
    return summary is not None and summary.files > 0 and holds(settings.warehouse, source.name, summary.manifest)


@action
def _load(source: Source, settings: Settings, strict: bool, rehash: bool, allow_removals: bool) -> SigidError | None:
    from sigid.pipeline.load import Options, load
    from tasks.progress import progress

    with progress(f"reading {source.name}") as show:
        loaded = load(source, settings, Options(strict, rehash, allow_removals), show)
    counts = loaded.counts
    show.say(
        f"{source.name}: {counts.added} added, {counts.changed} changed, {counts.unchanged} unchanged, "
        f"{counts.retired} retired, {counts.rejected} rejected" + ("; see doit rejects" if counts.rejected else "")
    )
    return loaded.problem
