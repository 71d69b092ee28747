"""load_<source>: register what changed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from doit.task import Task

from sigid.errors import ConnectionLost, SigidError
from sigid.pipeline.workplace import Workplace
from sigid.settings import Settings
from sigid.sources.base import Source
from sigid.sources.registry import SOURCES
from tasks import scan
from tasks.acting import action, tell
from tasks.helping import examples, option

_PARAMS = [
    option("strict", False, "fail where files are rejected (they are recorded, and the rest is loaded, all the same)"),
    option(
        "rehash",
        False,
        "read every file, whatever its size, dates and inode say, and put right what is stored otherwise",
    ),
    option("allow-removals", False, "retire the signatures of files that are gone, however many they are"),
]
_EXAMPLES = examples(
    ("", "register what is new or changed, retire what is gone"),
    ("--strict", "the same, and fail where a file is rejected"),
    ("--rehash", "trust no size and no date, read everything"),
    ("--allow-removals", "retire what is gone, also where that is much"),
)


def tasks(settings: Settings) -> Iterator[dict[str, Any]]:
    """One task a source. It has nothing to do while the warehouse holds what the manifest lists."""
    for source in SOURCES:
        place = Workplace.of(source, settings)
        nothing_to_do = _HasNothingToDo(source, settings)
        yield {
            "basename": name(source),
            "doc": f"load what changed in {source.directory} into the warehouse",
            "actions": [(_load, [source, settings, nothing_to_do])],
            "task_dep": [scan.name(source)],
            "file_dep": [str(place.manifest)],
            "uptodate": [nothing_to_do],
            "params": _PARAMS,
            **_EXAMPLES,
        }


def name(source: Source) -> str:
    """The task's name."""
    return f"load_{source.name}"


def names() -> list[str]:
    """The names of all these tasks."""
    return [name(source) for source in SOURCES]


class _HasNothingToDo:
    """Whether the warehouse itself says that it holds what the manifest lists, and nothing else was asked for."""

    def __init__(self, source: Source, settings: Settings) -> None:
        self._source = source
        self._settings = settings
        self.unreachable: ConnectionLost | None = None
        """Why it could not be asked, which here nobody could be told: the task says it, and does not wait for it."""

    def __call__(self, task: Task) -> bool:
        from sigid.pipeline.current import is_current

        if any((task.options or {}).values()) or scan.has_found(self._source):
            return False
        try:
            return is_current(self._source, self._settings)
        except ConnectionLost as error:
            self.unreachable = error
            return False

    def __repr__(self) -> str:  # in what doit info says
        return "the warehouse holds what the manifest lists, and no option asks for more"


@action
def _load(
    source: Source,
    settings: Settings,
    asked: _HasNothingToDo,
    strict: bool,
    rehash: bool,
    allow_removals: bool,
) -> SigidError | None:
    if asked.unreachable:
        return asked.unreachable
    from sigid.pipeline.load import Options, load
    from sigid.report.progress import progress

    with progress(f"reading {source.name}", sys.stdout) as show:
        loaded = load(source, settings, Options(strict, rehash, allow_removals), show, scan.take(source))
    counts = loaded.counts
    tell(
        f"{source.name}: {counts.added} added, {counts.changed} changed, {counts.unchanged} unchanged, "
        f"{counts.retired} retired, {counts.rejected} rejected"
        + f", {loaded.erased} erased" * bool(loaded.erased)
        + "; see doit rejects" * bool(counts.rejected)
    )
    return loaded.problem
