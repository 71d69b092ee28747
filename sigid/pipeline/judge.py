"""What a file is taken for before it is opened: by its name, by an index, by its kind, and beside its rivals."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise

import xxhash

from sigid.errors import Reason, Rejected
from sigid.pipeline.changes import Found
from sigid.pipeline.listing import Folder, Listing
from sigid.sources.base import Claim, Names, Source


class Judge:
    """Says of each file of a listing what its name, the file system and the other names say of it.

    It goes through the listing once to find the names that claim to be one signature, and keeps eight bytes a file.
    """

    def __init__(self, source: Source, listing: Listing, names: Names) -> None:
        self._source = source
        self._listing = listing
        self._names = names
        self._rivals = self._find_rivals()

    def files(self) -> Iterator[tuple[Folder, int]]:
        """Where in the listing each file is, in the order of the paths; without the index."""
        for folder, index in self._listing:
            if folder.path or folder.names[index] != self._source.index:
                yield folder, index

    def judge(self, folder: Folder, index: int) -> tuple[Found, Claim | None]:
        """What is known of a file before it is read, and what it claims to be unless it is rejected unread."""
        path, content = folder.path_of(index), folder.content(index)
        try:
            claim = self._claim(folder, index, path)
        except Rejected as rejected:
            return Found(path, content, rejection=(rejected.reason, rejected.detail)), None
        return Found(path, content, claim.digest(), f"{self._source.version}.{claim.format.version}"), claim

    def _claim(self, folder: Folder, index: int, path: str) -> Claim:
        if kind := folder.kind(index):
            raise Rejected(Reason(kind), _KINDS[Reason(kind)])
        claim = self._names.claim(path)
        if self._rivals and (rivals := self._rivals.get(claim.key)):
            other, *more = [rival for rival in rivals if rival != path]
            also = f" (and {len(more)} more)" if more else ""
            raise Rejected(Reason.IDENTITY_CONFLICT, f"{other}{also} claims to be the same signature; keep one of them")
        if (size := folder.size(index)) > claim.format.max_bytes:
            raise Rejected(Reason.TOO_LARGE, f"{size} bytes; a {claim.format} has at most {claim.format.max_bytes}")
        return claim

    def _find_rivals(self) -> dict[str, list[str]]:
        """The paths that claim one key, by that key."""
        hashes = array("Q", (_short_hash(claim.key) for _, claim in self._claims()))
        shared = {one for one, other in pairwise(sorted(hashes)) if one == other}
        rivals: dict[str, list[str]] = {}
        for path, claim in self._claims() if shared else ():
            if _short_hash(claim.key) in shared:
                rivals.setdefault(claim.key, []).append(path)
        return {key: paths for key, paths in rivals.items() if len(paths) > 1}

    def _claims(self) -> Iterator[tuple[str, Claim]]:
        for folder, index in self.files():
            if folder.kind(index) is None:
                path = folder.path_of(index)
                with suppress(Rejected):
                    yield path, self._names.claim(path)


_KINDS = {
    Reason.SYMLINK: "it is a symbolic link; put the file itself here",
    Reason.NOT_REGULAR: "it is no regular file",
    Reason.TOO_DEEP: "it lies too deep to be looked into",
}


def _short_hash(key: str) -> int:
    return xxhash.xxh3_64_intdigest(key.encode())
