"""What a source is: where its files lie, and what their names, or an index, say of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from functools import cache
from typing import NamedTuple, Protocol

import xxhash

from sigid.errors import Rejected
from sigid.identity import Authenticity, Modality, PersonKey, derive_id, signature_key
from sigid.sources.formats import Format

EVERY_FOLDER = "*"


class Claim(NamedTuple):
    """What a file says it is, before it is opened.

    `signee` is whose signature it is or imitates; `forger` who imitated it, where that is known; `sample` which one
    of those two it is. `parent` is the key of the very signature that it imitates, where that is known.
    """

    format: Format
    modality: Modality
    signee: PersonKey
    sample: str
    authenticity: Authenticity = Authenticity.GENUINE
    forger: PersonKey | None = None
    parent: str | None = None

    @property
    def key(self) -> str:
        """The key of the signature that it claims to be: two files of one source cannot share it."""
        return signature_key(self.format.kind, self.signee, self.authenticity, self.forger, self.sample)

    @property
    def signature_id(self) -> str:
        """The id of the signature that it claims to be."""
        return derive_id("signature", self.key)

    @property
    def signee_id(self) -> str:
        """The id of the signee whose signature it is or imitates."""
        return derive_id("signee", str(self.signee))

    @property
    def parent_id(self) -> str | None:
        """The id of the signature that it imitates, where that is known."""
        return derive_id("signature", self.parent) if self.parent else None

    def digest(self) -> str:
        """A hash of all of it: another means that the signature is to be registered anew."""
        return xxhash.xxh3_64_hexdigest(f"{self.key}\n{self.format}\n{self.modality}\n{self.parent}".encode())


def extractor_version(source: Source, format_: Format) -> str:
    """The version of that which makes signatures of the source's files of that format."""
    return _version(source.version, format_.version)


@cache  # the same object each time: it is sent with every file, and stands in every line of the ledger
def _version(names: int, reader: int) -> str:
    return f"{names}.{reader}"


class Names(Protocol):
    """What the names of a dataset's files mean, as its index stands."""

    def claim(self, path: str) -> Claim:
        """What the file at `path`, relative to the dataset's root, claims to be. Raises Rejected."""

    def expected(self) -> Iterable[str]:
        """The paths of files that must be there."""

    def whose(self, path: str) -> Iterable[str]:
        """The ids of the signees and signatures that the file at `path`, whatever it is, may be of.

        Also of those that its rejection would name. There are none where the path says nothing.
        """

    def only(self, paths: Collection[str]) -> Names:
        """What makes `claim` say the same of these files, and as little else as can be: other processes get it."""


class Source(Protocol):
    """A kind of dataset. What it says here is all that sigid knows of it."""

    name: str
    """As in ``load_<name>`` and in the warehouse."""
    directory: str
    """The dataset's folder among the datasets."""
    version: int
    """To be raised when the names come to mean something else: everything is then registered anew."""
    folders: tuple[str, ...]
    """Where the files lie, with the folders below; ``EVERY_FOLDER`` alone means each one below the root."""
    index: str | None
    """The file beside these folders that says what the files are, if there is one."""
    accepts_blank: bool
    """Whether an image of no bytes is a placeholder for one that is to come, or a rejection."""

    def names(self, index: bytes | None) -> Names:
        """What the files' names mean, given the content of the index, if there is one.

        Raises DatasetError where the index contradicts itself: then nothing is loaded or retired.
        """

    def meant(self, signee: PersonKey) -> PersonKey:
        """The signee of its own that a key with its name means, as the names of files give his key.

        Raises ValueError, which says how its signees are written, where no file could be of any such.
        """


def holds_files(source: Source, folder: str) -> bool:
    """Whether the files of that folder are the source's; the root's path is empty."""
    if EVERY_FOLDER in source.folders:
        return bool(folder)
    return any(folder == each or folder.startswith(f"{each}/") for each in source.folders)


def meant_folder(source: Source, path: str) -> str | None:
    """The folder that leads to files of the source and has that path, but for capitals."""
    parts = path.lower().split("/")
    for folder in source.folders:
        meant = folder.split("/")[: len(parts)]
        if [part.lower() for part in meant] == parts:
            return "/".join(meant)
    return None


class NamedByConvention(ABC):
    """A source whose files' names say everything: a subclass states `name`, `directory`, `folders` and `claim`."""

    name: str
    directory: str
    folders: tuple[str, ...]
    version = 1
    index: str | None = None
    accepts_blank = False

    @abstractmethod
    def claim(self, path: str) -> Claim:
        """What the file at `path`, relative to the dataset's root, claims to be. Raises Rejected."""

    def expected(self) -> Iterable[str]:
        """No file in particular."""
        return ()

    def whose(self, path: str) -> Iterable[str]:
        """What it claims to be, and whose; nobody's where it lies beside the folders, or claims nothing."""
        if EVERY_FOLDER not in self.folders and not any(path.startswith(f"{folder}/") for folder in self.folders):
            return ()
        try:
            claim = self.claim(path)
        except Rejected:
            return ()
        return claim.signee_id, claim.signature_id

    def meant(self, signee: PersonKey) -> PersonKey:
        """Whoever is named: for a source whose signees may be written in any way."""
        return signee

    def only(self, paths: Collection[str]) -> Names:
        """All of it, which is next to nothing."""
        return self

    def names(self, index: bytes | None) -> Names:
        """The names mean what `claim` says."""
        return self
