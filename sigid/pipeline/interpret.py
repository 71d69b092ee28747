"""interpret: what files say under the names that they have, as the rows of signatures or as rejections.

That is all of a load that can be done anywhere, in any number of processes: files are read, and nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from sigid.errors import Reason
from sigid.identity import PersonKey, derive_id
from sigid.pipeline.escape import raw
from sigid.pipeline.extract import Batch, Extracted, Plain, Task, extract
from sigid.sources.base import Claim, Names, Source, extractor_version
from sigid.sources.formats.png import Picture
from sigid.warehouse.records import Moment, SignatureRow, TrajectoryRow
from sigid.warehouse.signatures import Signature


class Known(NamedTuple):
    """What the ledger has on a file whose line may still stand."""

    content_hash: str
    claim: str | None
    version: str | None


class File(NamedTuple):
    """A file that is to be read."""

    path: str
    """As the listing has it."""
    known: Known | None = None


class Job(NamedTuple):
    """Files below one root that are to be read together. `names` need mean something for these files alone."""

    root: str
    source: Source
    names: Names
    moment: Moment
    """When signatures that are new will have been made."""
    files: list[File]


class Registrable(NamedTuple):
    """A valid file as rows, and the keys of the persons that they name; a picture's asset is still to be registered."""

    row: SignatureRow
    trajectory: TrajectoryRow | None
    signee: PersonKey
    forger: PersonKey | None

    @property
    def signature(self) -> Signature:
        """The rows."""
        return Signature(self.row, self.trajectory)


Said: TypeAlias = Registrable | tuple[Reason, str] | Plain
"""A signature; a rejection; or nothing to tell (`SAME`, `GONE`)."""


class Reading(NamedTuple):
    """What reading a file has shown. Without a content hash it was not read whole."""

    said: Said
    content_hash: bytes = b""
    stamp: bytes = b""
    size: int = 0
    claim: str = ""
    """The digest of what the name claims."""
    version: str = ""
    """The version of that which has read it."""

    @property
    def rejection(self) -> tuple[Reason, str] | None:
        """Why the file is not let in, if it isn't."""
        return None if isinstance(self.said, (Registrable, Plain)) else self.said


class Readings(list[Reading]):
    """Readings on their way to another process: a named tuple takes five times as long to send as a plain one."""

    def __reduce__(self) -> tuple[Callable[..., Readings], tuple[Any, ...]]:
        return _unpacked, ([(_plain(each.said), *each[1:]) for each in self],)


def _plain(said: Said) -> Said | list[Any]:
    """The same; a signature as a list, by which it is told from the others."""
    if not isinstance(said, Registrable):
        return said
    row, trajectory, signee, forger = said
    return [tuple(row), trajectory and tuple(trajectory), signee, forger]


def _unpacked(plain: list[tuple[Any, ...]]) -> Readings:
    return Readings(Reading(_said_of(said), *others) for said, *others in plain)


def _said_of(plain: Said | list[Any]) -> Said:
    if not isinstance(plain, list):
        return plain
    row, trajectory, signee, forger = plain
    return Registrable(SignatureRow._make(row), trajectory and TrajectoryRow._make(trajectory), signee, forger)


def interpret(job: Job) -> list[Reading]:
    """Read the files, whose names have been understood before; nothing that a file contains makes this raise."""
    source = job.source
    claims = [job.names.claim(file.path) for file in job.files]
    digests = [claim.digest() for claim in claims]
    versions = [extractor_version(source, claim.format) for claim in claims]
    tasks = [
        Task(raw(path), claim.format, _hash_that_stands(known, digest, version))
        for (path, known), claim, digest, version in zip(job.files, claims, digests, versions, strict=True)
    ]
    extracted = extract(Batch(job.root, source.accepts_blank, tasks))
    return Readings(
        Reading(_said(claim, each, job.moment), each.content_hash, each.stamp, each.size, digest, version)
        for claim, each, digest, version in zip(claims, extracted, digests, versions, strict=True)
    )


def _hash_that_stands(known: Known | None, claim: str, version: str) -> bytes:
    """The hash of the content of which the ledger still says what becomes of it, if there is one."""
    if known is None or (known.claim, known.version) != (claim, version):
        return b""
    return bytes.fromhex(known.content_hash)


def _said(claim: Claim, extracted: Extracted, moment: Moment) -> Said:
    if extracted.rejection:
        return extracted.rejection
    if extracted.said is Plain.SAME or extracted.said is Plain.GONE:
        return extracted.said
    return _registrable(claim, extracted, moment)


def _registrable(claim: Claim, extracted: Extracted, moment: Moment) -> Registrable:
    said = extracted.said
    id_ = claim.signature_id
    signee, signee_id = _person("signee", claim.signee)
    forger, forger_id = _person("forger", claim.forger) if claim.forger else (None, None)
    width = height = mode = point_count = trajectory = None
    if isinstance(said, bytes):
        size = len(said) // 3
        trajectory = TrajectoryRow(id_, said[:size], said[size : 2 * size], said[2 * size :])
        point_count = size // 8
    elif isinstance(said, Picture):
        width, height, mode = said
    row = SignatureRow(
        id_,
        signee_id,
        forger_id,
        claim.parent_id,
        signee.source,
        claim.format.kind.value,
        claim.modality.value,
        claim.authenticity.value,
        claim.sample,
        None,
        said is Plain.BLANK,
        width,
        height,
        mode,
        point_count,
        extracted.content_hash.hex(),
        "{}",
        moment,
    )
    return Registrable(row, trajectory, signee, forger)


@lru_cache(maxsize=256)  # a person's files lie side by side
def _person(kind: str, key: PersonKey) -> tuple[PersonKey, str]:
    """The person's key, the same object each time so that it is sent but once, and his id."""
    return key, derive_id(kind, str(key))
