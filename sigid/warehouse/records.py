"""The rows that a load writes, column by column as `schema` has them, told without SQLAlchemy and without entities."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

Moment: TypeAlias = Any
"""A time as the database at hand takes it: see `Session.moment`."""


class SigneeRow(NamedTuple):
    """A row of the table `signee`."""

    id: str
    source: str
    collection: str
    external_id: str | None
    created: Moment


class ForgerRow(NamedTuple):
    """A row of the table `forger`."""

    id: str
    source: str
    collection: str
    external_id: str


class SignatureRow(NamedTuple):
    """A row of the table `signature`."""

    id: str
    signee_id: str
    forger_id: str | None
    parent_id: str | None
    source: str
    kind: str
    modality: str
    authenticity: str
    sample: str | None
    asset_id: str | None
    blank: bool
    width: int | None
    height: int | None
    mode: str | None
    point_count: int | None
    content_hash: str | None
    metadata: str
    created: Moment
    retired_at: Moment | None = None
    stale: bool = False


class TrajectoryRow(NamedTuple):
    """A row of the table `trajectory`: one coordinate of all points after the other, packed float64."""

    signature_id: str
    x: bytes
    y: bytes
    z: bytes


class FileRow(NamedTuple):
    """A row of the table `source_file`."""

    source: str
    path: str
    content_hash: str | None
    size: int | None
    extractor_version: str | None
    claim: str | None
    state: str
    reason: str | None
    detail: str | None
    signature_id: str | None
    load_id: int


class ErasureRow(NamedTuple):
    """A row of the table `erasure`: that something was erased, told to nobody who does not ask for its id."""

    mac: str
    hmac_key: str
    erased: Moment
    finished: Moment | None = None


class Table(NamedTuple):
    """Where rows of one kind go."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    indexed: tuple[str, ...] = ()
    """Columns that an index has, or a foreign key: as a rule they follow from the key, and stay as they are."""


SIGNEE = Table("signee", SigneeRow._fields, ("id",))
FORGER = Table("forger", ForgerRow._fields, ("id",))
SIGNATURE = Table("signature", SignatureRow._fields, ("id",), ("signee_id", "forger_id", "source"))
TRAJECTORY = Table("trajectory", TrajectoryRow._fields, ("signature_id",))
SOURCE_FILE = Table("source_file", FileRow._fields, ("source", "path"))

ERASURE = Table("erasure", ErasureRow._fields, ("mac",))

ERASED_FROM = ("erasure", "source_file", "trajectory", "signature", "forger", "signee")
"""The tables that hold something of persons, after that which says who was erased."""

SCHEMA_VERSION = 3
"""Of what `schema` defines: the tables that `TABLES` names, and the views. `migrations` leads to each from the last."""

TABLES = {
    *(each.name for each in (SIGNEE, FORGER, SIGNATURE, TRAJECTORY, SOURCE_FILE, ERASURE)),
    *("load", "schema_version"),
}
