"""SOURCE_B: an INDEX of UUIDs with parent links, and an image for each.

    INDEX
    <first character of the id>/<first 8 characters of the id>

Line 1 of INDEX is the number of signatures. Each further line is a signature's id, four spaces, and the id of the
signature that it imitates, or nothing. One without a parent is genuine, and the only known sample of its signee.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Set

from sigid.errors import DatasetError, Reason, Rejected
from sigid.identity import Authenticity, Kind, Modality, PersonKey, derive_id, signature_key
from sigid.sources.base import EVERY_FOLDER, Claim, Names
from sigid.sources.formats import Format

NAME = "source_b"

_UUID = rb"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_LINE = rb"(%b) {4}(%b)?" % (_UUID, _UUID)
_PATH_LENGTH = len("0/01234567")
_COUNT = rb"[0-9]{1,18}"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class SourceB:
    """SOURCE_B."""

    name = NAME
    directory = "SOURCE_B"
    version = 1
    folders: tuple[str, ...] = (EVERY_FOLDER,)
    index: str | None = "INDEX"
    accepts_blank = True

    def names(self, index: bytes | None) -> Names:
        parent_by_id = _parse(index or b"")
        return _Index(parent_by_id, _cycles(parent_by_id))

    def meant(self, signee: PersonKey) -> PersonKey:
        """He whose genuine signature has that id, which is in lower case as a rule: INDEX may list it in another."""
        id_ = signee.external_id.strip().lower()
        if signee.collection or not re.fullmatch(_UUID, id_.encode()):
            raise ValueError(f"its signees are written {NAME}/<id of the genuine signature, a UUID>")
        return _signee(id_)


class _Index:
    """What INDEX says of each file."""

    def __init__(self, parent_by_id: Mapping[str, str], cyclic: Set[str]) -> None:
        self._parent_by_id = parent_by_id
        self._cyclic = cyclic
        self._ids_by_path: dict[str, list[str]] = {}
        for id_ in parent_by_id:
            self._ids_by_path.setdefault(f"{id_[0]}/{id_[:8]}", []).append(id_)

    def expected(self) -> Iterable[str]:
        return self._ids_by_path

    def only(self, paths: Collection[str]) -> Names:
        ids = [id_ for path in paths for id_ in self._ids_by_path.get(path, ())]
        parents = {id_: self._parent_by_id[id_] for id_ in ids}
        grandparents = {id_: self._parent_by_id[id_] for id_ in parents.values() if id_ in self._parent_by_id}
        return _Index({**parents, **grandparents}, self._cyclic & parents.keys())

    def claim(self, path: str) -> Claim:
        ids = self._ids_by_path.get(path, [])
        if not ids:
            raise Rejected(Reason.NOT_LISTED, "INDEX lists no signature whose file this is")
        if len(ids) > 1:
            raise Rejected(
                Reason.SHARED_FILE, f"INDEX lists {len(ids)} signatures whose file this is: {', '.join(ids)}"
            )
        (id_,) = ids
        parent = self._parent_by_id[id_]
        if not parent:
            return Claim(Format.PNG, Modality.ONLINE, _signee(id_), id_)
        self._check_parent(id_, parent)
        return Claim(
            Format.PNG,
            Modality.ONLINE,
            _signee(parent),
            id_,
            Authenticity.FORGED,
            parent=signature_key(Kind.IMAGE, _signee(parent), Authenticity.GENUINE, None, parent),
        )

    def whose(self, path: str) -> Iterable[str]:
        try:
            claim = self.claim(path)
        except Rejected:  # what is said of it may name any of these
            return [each for id_ in self._lineage(path) for each in self._ids_of(id_)]
        return claim.signee_id, claim.signature_id

    def _lineage(self, path: str) -> dict[str, None]:
        """The ids that may be meant by the path, and all that these lead to by their parents."""
        lineage: dict[str, None] = {}
        for id_ in self._ids_by_path.get(path[:_PATH_LENGTH], ()):  # a copy beside it may have a longer name
            while id_ and id_ not in lineage:
                lineage[id_] = None
                id_ = self._parent_by_id.get(id_, "")
        return lineage

    def _ids_of(self, id_: str) -> tuple[str, str]:
        """The id of the signee whose only genuine signature it would be, and that of the signature."""
        parent = self._parent_by_id.get(id_, "")
        authenticity = Authenticity.FORGED if parent else Authenticity.GENUINE
        key = signature_key(Kind.IMAGE, _signee(parent or id_), authenticity, None, id_)
        return derive_id("signee", str(_signee(id_))), derive_id("signature", key)

    def _check_parent(self, id_: str, parent: str) -> None:
        if parent == id_:
            raise Rejected(Reason.PARENT_IS_SELF, f"INDEX says that {id_} is a forgery of itself")
        if parent not in self._parent_by_id:
            raise Rejected(Reason.PARENT_UNKNOWN, f"INDEX does not list the parent {parent} of {id_}")
        if id_ in self._cyclic:
            raise Rejected(Reason.PARENT_CYCLE, f"INDEX leads from {id_} by its parents back to it")
        if self._parent_by_id[parent]:
            raise Rejected(Reason.PARENT_FORGED, f"INDEX says that the parent {parent} of {id_} is forged itself")


def _signee(genuine: str) -> PersonKey:
    return PersonKey(NAME, "", genuine)


def _parse(index: bytes) -> dict[str, str]:
    """Each signature's parent, or "", by the signature's id in the spelling of its own line."""
    lines = [line.removesuffix(b"\r") for line in index.split(b"\n")]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise DatasetError("INDEX is empty; its first line is the number of signatures")
    if lines[0].startswith(_BYTE_ORDER_MARK):
        raise DatasetError("line 1 of INDEX begins with a byte order mark; save it as UTF-8 without one")
    if not re.fullmatch(_COUNT, lines[0]):
        raise DatasetError(f"line 1 of INDEX is {_shown(lines[0])}; it is the number of signatures")
    parents: dict[str, str] = {}
    spelling: dict[str, str] = {}
    form = re.compile(_LINE)  # here, because `doit list` imports this module and parses no index
    for number, line in enumerate(lines[1:], start=2):
        match = form.fullmatch(line)
        if match is None:
            raise DatasetError(
                f"line {number} of INDEX is {_shown(line)}; "
                "it is an id (UUID), four spaces, and the parent's id or nothing"
            )
        id_, parent = match[1].decode(), (match[2] or b"").decode()
        if spelling.setdefault(id_.lower(), id_) != id_ or id_ in parents:
            raise DatasetError(f"line {number} of INDEX lists {id_} a second time; an id is listed once")
        parents[id_] = parent
    if len(parents) != int(lines[0]):
        raise DatasetError(
            f"line 1 of INDEX says {int(lines[0])} signatures, but it lists {len(parents)}; mend the one or the other"
        )
    return {id_: spelling.get(parent.lower(), parent) for id_, parent in parents.items()}


def _cycles(parent_by_id: Mapping[str, str]) -> set[str]:
    """The ids from which the parents lead back to themselves."""
    cyclic: set[str] = set()
    done: set[str] = set()
    for start in parent_by_id:
        trail: dict[str, None] = {}
        id_ = start
        while id_ and id_ not in done and id_ not in trail:
            trail[id_] = None
            id_ = parent_by_id.get(id_, "")
        if id_ in trail:
            ahead = list(trail)
            cyclic.update(ahead[ahead.index(id_) :])
        done.update(trail)
    return cyclic


def _shown(line: bytes) -> str:
    """At most 60 characters of a line, on one line."""
    text = ascii(line[:60].decode("latin-1"))
    return text + "..." if len(line) > 60 else text
