"""The warehouse's tables, the same on every database.

Others write queries against these names; they change only with `SCHEMA_VERSION`. What a load writes, it writes
without SQLAlchemy, as `records` has it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from textwrap import dedent
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    DateTime,
    Dialect,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    inspect,
    text,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateIndex, CreateTable, DDLElement
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import TypeEngine, UserDefinedType

from sigid.warehouse.records import SCHEMA_VERSION
from sigid.warehouse.views import VIEWS

_MYSQL = ("mysql", "mariadb")


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC, aware of it in Python, without a time zone in databases that have none."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(DateTime().with_variant(mysql.DATETIME(fsp=6), *_MYSQL))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and value.replace(tzinfo=UTC)


class _Float64Array(UserDefinedType[bytes]):
    """An array of the database's own, which the driver hands over packed."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "double precision[]"


class _JsonText(TypeDecorator[Any]):
    """JSON where the database's own would round large numbers."""

    impl = mysql.LONGTEXT
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        return json.dumps(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


class characters(GenericFunction[int]):  # noqa: N801  # it is written like the function that it is
    """How many characters a text has."""

    type = Integer()
    inherit_cache = True


@compiles(characters)
def _length(element: characters, compiler: Any, **more: Any) -> str:
    return f"length({compiler.process(element.clauses, **more)})"


@compiles(characters, *_MYSQL)
def _char_length(element: characters, compiler: Any, **more: Any) -> str:
    return f"char_length({compiler.process(element.clauses, **more)})"


def by_code_point(length: int) -> String:
    """Text that is compared by its code points, whatever the database's language."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


ULID = by_code_point(26)
KEY = by_code_point(255)
HASH = by_code_point(32)
SHA256 = by_code_point(64)
PACKED = LargeBinary().with_variant(_Float64Array(), "postgresql").with_variant(mysql.LONGBLOB(), *_MYSQL)
"""Little-endian float64."""

# InnoDB takes no more than 3072 bytes, which are 768 characters, in one key.
LOADED_SOURCE = KEY.with_variant(String(64), *_MYSQL)
PATH = by_code_point(1024).with_variant(String(704), *_MYSQL)

metadata = MetaData()

# All text by its code points, blanks at its end included; the two servers have the same under different names.
_ON: dict[str, Any] = {
    **{f"{name}_engine": "InnoDB" for name in _MYSQL},
    **{f"{name}_row_format": "DYNAMIC" for name in _MYSQL},
    **{f"{name}_charset": "utf8mb4" for name in _MYSQL},
    "mysql_collate": "utf8mb4_0900_bin",
    "mariadb_collate": "utf8mb4_nopad_bin",
}

schema_version = Table("schema_version", metadata, Column("version", Integer, primary_key=True), **_ON)

signee = Table(
    "signee",
    metadata,
    Column("id", ULID, primary_key=True),
    Column("source", KEY, nullable=False),
    Column("collection", KEY, nullable=False),
    Column("external_id", KEY),
    Column("created", UtcDateTime, nullable=False),
    UniqueConstraint("source", "collection", "external_id"),
    **_ON,
)

forger = Table(
    "forger",
    metadata,
    Column("id", ULID, primary_key=True),
    Column("source", KEY, nullable=False),
    Column("collection", KEY, nullable=False),
    Column("external_id", KEY, nullable=False),
    UniqueConstraint("source", "collection", "external_id"),
    **_ON,
)

signature = Table(
    "signature",
    metadata,
    Column("id", ULID, primary_key=True),
    Column("signee_id", ULID, ForeignKey("signee.id"), nullable=False, index=True),
    Column("forger_id", ULID, ForeignKey("forger.id")),
    # No foreign key: the imitated signature may be rejected, or not be here yet.
    Column("parent_id", ULID),
    Column("source", KEY, nullable=False, index=True),
    Column("kind", String(8), nullable=False),
    Column("modality", String(8), nullable=False),
    Column("authenticity", String(8), nullable=False),
    Column("sample", KEY),
    Column("asset_id", KEY),
    Column("blank", Boolean, nullable=False),
    Column("width", Integer),
    Column("height", Integer),
    Column("mode", String(16)),
    Column("point_count", Integer),
    Column("content_hash", HASH),
    Column("metadata", JSON().with_variant(_JsonText(), *_MYSQL), nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Column("retired_at", UtcDateTime),
    Column("stale", Boolean, nullable=False),
    CheckConstraint("kind IN ('image', 'xyz')", name="kind"),
    CheckConstraint("modality IN ('offline', 'online')", name="modality"),
    CheckConstraint("authenticity IN ('genuine', 'forged')", name="authenticity"),
    CheckConstraint("parent_id <> id", name="no_parent_of_itself"),
    CheckConstraint("(kind = 'image') = (asset_id IS NOT NULL)", name="an_image_is_an_asset"),
    CheckConstraint("(kind = 'xyz') = (point_count IS NOT NULL)", name="a_trajectory_has_points"),
    **_ON,
)

trajectory = Table(
    "trajectory",
    metadata,
    Column("signature_id", ULID, ForeignKey("signature.id"), primary_key=True),
    Column("x", PACKED, nullable=False),
    Column("y", PACKED, nullable=False),
    Column("z", PACKED, nullable=False),
    **_ON,
)
"""Each column holds one coordinate of all points: as an array where the database has them, packed elsewhere."""

load = Table(
    "load",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("source", KEY, nullable=False),
    Column("started", UtcDateTime, nullable=False),
    Column("finished", UtcDateTime),
    Column("added", Integer, nullable=False, default=0),
    Column("changed", Integer, nullable=False, default=0),
    Column("unchanged", Integer, nullable=False, default=0),
    Column("retired", Integer, nullable=False, default=0),
    Column("rejected", Integer, nullable=False, default=0),
    Column("fingerprint", Text),
    Index("ix_load_source", "source", "id"),
    **_ON,
)
"""A row a load that wrote something. `fingerprint` says which files' content the warehouse held at its end."""

_REJECTED = text("reason IS NOT NULL")

source_file = Table(
    "source_file",
    metadata,
    Column("source", LOADED_SOURCE, primary_key=True),
    Column("path", PATH, primary_key=True),
    Column("content_hash", HASH),
    Column("size", Integer),
    Column("extractor_version", String(32)),
    Column("claim", String(16)),
    Column("state", String(8), nullable=False),
    Column("reason", String(32)),
    Column("detail", Text),
    Column("signature_id", ULID, ForeignKey("signature.id")),
    Column("load_id", Integer, ForeignKey("load.id"), nullable=False),
    CheckConstraint("state IN ('loaded', 'rejected', 'missing', 'gone')", name="state"),
    CheckConstraint("(state IN ('rejected', 'missing')) = (reason IS NOT NULL)", name="a_rejection_has_a_reason"),
    # Few files are rejected: to count them takes no look at all the others, nor to enter those a look at this.
    Index("ix_source_file_reason", "source", "reason", postgresql_where=_REJECTED, sqlite_where=_REJECTED),
    sqlite_with_rowid=False,
    **_ON,
)
"""The ledger. Ordered by `path` in code points, as a scan's listing is, so that the two are compared in one pass."""

erasure = Table(
    "erasure",
    metadata,
    Column("mac", SHA256, primary_key=True),
    Column("hmac_key", SHA256, nullable=False),
    Column("erased", UtcDateTime, nullable=False),
    Column("finished", UtcDateTime),
    **_ON,
)
"""What was erased, and must not come back: HMAC-SHA256 of the ids of signees and signatures, each with its key."""


def make(connection: Connection) -> None:
    """Make the tables and views where they are not there, and put down their version."""
    metadata.create_all(connection)
    make_views(connection, VIEWS)
    if connection.execute(schema_version.select()).first() is None:
        connection.execute(schema_version.insert(), {"version": SCHEMA_VERSION})


def script(dialect: Dialect) -> str:
    """The statements that make on a database of that dialect what is not there yet, as `make` does."""
    tables = metadata.sorted_tables
    indices = [index for table in tables for index in sorted(table.indexes, key=lambda each: str(each.name))]
    made: list[DDLElement] = [CreateTable(table, if_not_exists=True) for table in tables]
    made += [CreateIndex(index, if_not_exists=True) for index in indices]
    statements = [str(each.compile(dialect=dialect)).strip() for each in made]
    statements += [f"CREATE VIEW IF NOT EXISTS {name} AS {dedent(query).strip()}" for name, query in VIEWS.items()]
    there = "SELECT 1 FROM schema_version"
    statements.append(f"INSERT INTO schema_version SELECT {SCHEMA_VERSION} WHERE NOT EXISTS ({there})")
    return "".join(f"{statement};\n\n" for statement in statements)


def make_views(connection: Connection, queries: Mapping[str, str]) -> None:
    """Make the views of these names where they are not there."""
    there = inspect(connection).get_view_names()
    for name, query in queries.items():
        if name not in there:
            connection.exec_driver_sql(f"CREATE VIEW {name} AS {dedent(query).strip()}")
