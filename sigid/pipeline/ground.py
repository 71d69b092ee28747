"""Whose the files are that lie in the datasets, as far as their names say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from sigid.errors import DatasetError
from sigid.pipeline.names import names_of
from sigid.pipeline.scan import look
from sigid.pipeline.workplace import Workplace
from sigid.settings import Settings
from sigid.sources.base import Names, Source
from sigid.sources.registry import SOURCES
from sigid.warehouse.tombstones import Tombstones


class Ground:
    """What lies in the datasets, and who or what the names there are of."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._names: dict[str, Names | None] = {}
        self.doubts: dict[str, str] = {}
        """The sources whose names say nothing now, and why."""

    def whose(self, source: str, path: str) -> Iterable[str]:
        """As `Names.whose`; nobody's where the source's names say nothing now, which is noted."""
        names = self._names_of(source)
        return names.whose(path) if names else ()

    def _names_of(self, source: str) -> Names | None:
        if source not in self._names:
            self._names[source] = self._read_names(source)
        return self._names[source]

    def _read_names(self, name: str) -> Names | None:
        source = next((source for source in SOURCES if source.name == name), None)
        if source is None:
            self.doubts[name] = "this sigid does not know such a source"
            return None
        try:
            return names_of(source, str(self._root(source)))
        except DatasetError as error:
            self.doubts[name] = str(error)
            return None

    def _root(self, source: Source) -> Path:
        return Workplace.of(source, self._settings).root

    def files(self) -> Iterator[tuple[Source, str]]:
        """All that lie there, each as its source and its path."""
        for source in SOURCES:
            for folder, index in look(source, self._root(source), self._settings.workers):
                yield source, folder.path_of(index)

    def left(self, tombstones: Tombstones) -> list[str]:
        """The paths of those that are covered and still lie there."""
        return [
            str(self._root(source) / path)
            for source, path in self.files()
            if tombstones.cover(self.whose(source.name, path))
        ]

    def indexes(self, tombstones: Tombstones) -> list[str]:
        """The paths of the indexes that still list what is covered."""
        return [
            str(self._root(source) / source.index)
            for source in SOURCES
            if source.index and (names := self._names_of(source.name))
            if any(tombstones.cover(names.whose(path)) for path in names.expected())
        ]
