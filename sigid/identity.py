"""Who and what is who: keys from a source's own numbering, and the ids that follow from them.

An id that comes from a key is derived from it and from nothing else, so that two warehouses built from the same files,
today or next year, agree on every id. What a file contains never decides what it is.
"""

from __future__ import annotations

from enum import StrEnum
from hashlib import blake2b
from itertools import product
from typing import NamedTuple

SERVICE = "service"
"""The source of what was registered through the service under a key that names no source, or under none."""

_SEPARATOR = "\x1f"  # ASCII's unit separator: a key cannot contain it


class Authenticity(StrEnum):
    """Whether the signee wrote the signature himself."""

    GENUINE = "genuine"
    FORGED = "forged"


class Kind(StrEnum):
    """The form of a signature: a picture of its ink, or the trajectory of the pen."""

    IMAGE = "image"
    XYZ = "xyz"


class Modality(StrEnum):
    """How the signature was captured: as a picture of its ink, or while it was written."""

    OFFLINE = "offline"
    ONLINE = "online"


class PersonKey(NamedTuple):
    """A person's number in the scope in which it is unique.

    Written as text the parts stand between slashes: ``source_a/online/genuine/1`` is number 1 of the collection
    ``online/genuine`` of ``source_a``.
    """

    source: str
    collection: str
    external_id: str

    @classmethod
    def parse(cls, text: str) -> PersonKey:
        """Read a key: the first part is the source, the last the number, what is between the collection.

        A key of one part belongs to the source ``service``. Raises ValueError where a part is empty or contains
        what cannot be printed.
        """
        parts = text.split("/")
        if not text.isprintable() or not all(part.strip() for part in parts):
            raise ValueError(f"{text!r} is not a key; write it like 'source_a/online/genuine/1'")
        if len(parts) == 1:
            return cls(SERVICE, "", text)
        return cls(parts[0], "/".join(parts[1:-1]), parts[-1])

    def __str__(self) -> str:
        source, collection, external_id = self
        if source and collection and external_id:  # as a rule; a million times the other way takes long
            return f"{source}/{collection}/{external_id}"
        return "/".join(filter(None, self))


def signature_key(
    kind: Kind, signee: PersonKey, authenticity: Authenticity, forger: PersonKey | None, sample: str
) -> str:
    """The key of a signature: whose it is, whether he wrote it, who else did, and which sample of these it is.

    A picture and a trajectory are two signatures, also where they are of one movement of the pen.
    """
    return _SEPARATOR.join((kind, str(signee), authenticity, str(forger or ""), sample))


def derive_id(kind: str, key: str) -> str:
    """The id, in ULID form, of the `kind` of thing (at most 16 ASCII characters) that `key` names.

    It is a BLAKE2b hash of the key in ULID's alphabet. The first of its 128 bits is cleared, so that the part that
    is a time in other ULIDs can be decoded as a date (one without meaning) instead of overflowing.
    """
    digest = blake2b(key.encode(), digest_size=16, person=kind.encode()).digest()
    number = int.from_bytes(digest, "big") & _MOST
    return "".join([_DIGIT_PAIRS[number >> shift & 1023] for shift in _SHIFTS])


_MOST = 2**127 - 1
_SHIFTS = range(120, -1, -10)  # a ULID has 26 digits of 5 bits
_DIGIT_PAIRS = ["".join(pair) for pair in product("0123456789ABCDEFGHJKMNPQRSTVWXYZ", repeat=2)]
