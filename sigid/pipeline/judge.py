"""What a file is taken for before it is opened: by its name, by an index, by its kind, and beside its rivals."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from itertools import chain, pairwise

import xxhash

from sigid.errors import Reason, Rejected
from sigid.pipeline.changes import Found
from sigid.pipeline.claims import put_down
from sigid.pipeline.facts import CLAIM_SIZE, NO_CLAIM, UNASKED
from sigid.pipeline.folder import Folder
from sigid.pipeline.listing import Listing, Place
from sigid.sources.base import Claim, Names, Source, extractor_version, holds_files, meant_folder
from sigid.sources.formats import Format

_CLAIMS_AT_ONCE = 250_000
_NEVER_TOO_LARGE = range(min(format_.max_bytes for format_ in Format) + 1)


class Judge:
    """Says of each file of a listing what its name, the file system and the other names say of it.

    A hash of what each name claims is kept in the listing: those names are compared that have it in common.
    """

    def __init__(self, source: Source, listing: Listing, names: Names) -> None:
        self._source = source
        self._listing = listing
        self._names = names
        self._rivals: dict[str, list[str]] = {}
        self._doubtful = {UNASKED, NO_CLAIM}

    def all(self) -> Iterator[Place]:
        """Where every file is, in the order of the paths; without the index."""
        for folder, index in self._listing:
            if folder.path or folder.names[index] != self._source.index:
                yield folder, index

    def compare_all(self, processes: int) -> None:
        """Find the names that claim to be one signature, among all; so many processes ask them."""
        for folder in self._listing.folders:
            if self._source.index:  # which may be another one now
                folder.claims = array("Q", bytes(CLAIM_SIZE * len(folder.names)))
        put_down(self._listing.folders, self._claim_hash, processes)
        self._compare(self._with(self._shared()))

    def compare_new(self) -> list[Place]:
        """Find those names among the ones that are affected by what is new, changed or gone since the listing's base.

        Returns where the affected files are, in the order of the paths.
        """
        new = self._listing.unknown()
        for folder, index in new:
            folder.claims[index] = self._claim_hash(folder, index)
        claims = {folder.claims[index] for folder, index in new} | set(self._listing.departed.values())
        beside = self._with(claims)
        self._compare(beside)
        affected = {folder.path_of(index): (folder, index) for folder, index in (*new, *beside)}
        return [affected[path] for path in sorted(affected)]

    def _claim_hash(self, folder: Folder, index: int) -> int:
        """What the name claims, as the listing keeps it, where it may already be."""
        known = folder.claims[index]
        if known != UNASKED or folder.kind(index) is not None:
            return known
        try:
            return _short_hash(self._names.claim(folder.path_of(index)).key)
        except Rejected:
            return NO_CLAIM

    def _shared(self) -> set[int]:
        """The claims that more than one name makes; so many of them at a time that their numbers take no room."""
        parts = len(self._listing) // _CLAIMS_AT_ONCE + 1
        shared: set[int] = set()
        for part in range(parts):
            claims = chain.from_iterable(folder.claims for folder in self._listing.folders)
            some = sorted(claim for claim in claims if (claim >> 8) % parts == part)
            shared.update(one for one, other in pairwise(some) if one == other)
        return shared

    def _with(self, claims: set[int]) -> list[Place]:
        """Where the files are that make one of these claims."""
        claims = claims - {UNASKED, NO_CLAIM}
        return [
            (folder, index)
            for folder in self._listing.folders
            if not claims.isdisjoint(folder.claims)
            for index, claim in enumerate(folder.claims)
            if claim in claims
        ]

    def _compare(self, places: Iterable[Place]) -> None:
        by_key: dict[str, list[str]] = {}
        for folder, index in places:
            if folder.kind(index) is None:
                path = folder.path_of(index)
                by_key.setdefault(self._names.claim(path).key, []).append(path)
                self._doubtful.add(folder.claims[index])
        self._rivals = {key: sorted(paths) for key, paths in by_key.items() if len(paths) > 1}

    def judge(self, folder: Folder, index: int) -> Found:
        """What is known of a file before it is read."""
        path, content = folder.path_of(index), folder.content(index)
        try:
            claim = self._claim(folder, index, path)
        except Rejected as rejected:
            return Found(path, content, rejection=(rejected.reason, rejected.detail))
        return Found(path, content, claim.digest(), extractor_version(self._source, claim.format))

    def rejection(self, folder: Folder, index: int) -> tuple[Reason, str] | None:
        """Why the file is rejected unread, if it is; where nothing speaks for that, its name is not gone into."""
        if folder.claims[index] not in self._doubtful and folder.size(index) in _NEVER_TOO_LARGE:
            return None
        return self.judge(folder, index).rejection

    def _claim(self, folder: Folder, index: int, path: str) -> Claim:
        if kind := folder.kind(index):
            raise Rejected(kind, self._why_no_file(kind, folder, path))
        claim = self._names.claim(path)
        if self._rivals and (rivals := self._rivals.get(claim.key)):
            other, *more = [rival for rival in rivals if rival != path]
            also = f" (and {len(more)} more)" if more else ""
            raise Rejected(Reason.IDENTITY_CONFLICT, f"{other}{also} claims to be the same signature; keep one of them")
        if (size := folder.size(index)) > claim.format.max_bytes:
            raise Rejected(Reason.TOO_LARGE, f"{size} bytes; a {claim.format} has at most {claim.format.max_bytes}")
        return claim

    def _why_no_file(self, kind: Reason, folder: Folder, path: str) -> str:
        if kind is Reason.NAME_NOT_UNDERSTOOD:
            return f"what it holds is passed over; the source's folder is {meant_folder(self._source, path)}"
        if kind is Reason.SYMLINK and not holds_files(self._source, folder.path):
            return _FOLDERS_LINK
        return _KINDS[kind]


_KINDS = {
    Reason.SYMLINK: "it is a symbolic link; put the file itself here",
    Reason.NOT_REGULAR: "it is no regular file",
    Reason.TOO_DEEP: "it lies too deep to be looked into, or its path is too long",
}
_FOLDERS_LINK = "it is a symbolic link; put the folder itself here, or mount it"
"""Where no files of the source can be, and so a folder is meant: what a link leads to is not looked at."""


def _short_hash(key: str) -> int:
    return xxhash.xxh3_64_intdigest(key.encode()) | 2  # neither UNASKED nor NO_CLAIM
