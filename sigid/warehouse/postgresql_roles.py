"""Roles on a PostgreSQL server: who owns a warehouse, who loads, and who reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from sigid.warehouse.records import TABLES
from sigid.warehouse.roles import Roles, rights
from sigid.warehouse.views import VIEWS


def grant(connection: psycopg.Connection[TupleRow], roles: Roles) -> Iterator[str]:
    """As `Database.grant`, of the schema that the server puts first, in the transaction of that connection."""
    ((schema, database, owner),) = _rows(
        connection,
        "SELECT current_schema, current_database(), pg_get_userbyid(relowner)"
        " FROM pg_class WHERE oid = 'schema_version'::regclass",
    )
    granted = rights(roles)
    for role in roles:
        yield from _made(connection, role)
    yield from _handed_over(connection, roles.owner, schema, owner)
    _say(connection, "REVOKE ALL ON {} FROM {}, {}, PUBLIC", [*TABLES, *VIEWS], [roles.loader], [roles.reader])
    _say(connection, "GRANT USAGE ON SCHEMA {} TO {}, {}", [schema], [roles.loader], [roles.reader])
    for right in granted:
        _say(connection, f"GRANT {right.may} ON {{}} TO {{}}", right.names, [right.role])
        yield f"{right.role}: {right.may.lower()} on {', '.join(right.names)}"
    for role, may in ((roles.loader, "CONNECT"), (roles.reader, "CONNECT"), (roles.loader, "TEMPORARY")):
        ((may_already,),) = _rows(connection, "SELECT has_database_privilege(%s, %s, %s)", [role, database, may])
        if not may_already:  # everybody may, unless that was taken from them; only the database's owner gives it back
            _say(connection, f"GRANT {may} ON DATABASE {{}} TO {{}}", [database], [role])
            yield f"{role}: {may.lower()} on database {database}"


def _made(connection: psycopg.Connection[TupleRow], role: str) -> Iterator[str]:
    if _rows(connection, "SELECT FROM pg_roles WHERE rolname = %s", [role]):
        yield f"{role}: is there"
    else:
        _say(connection, "CREATE ROLE {} NOLOGIN", [role])
        yield f"{role}: made; nobody logs in as it, it is granted to those who log in"


def _handed_over(connection: psycopg.Connection[TupleRow], owner: str, schema: str, former: str) -> Iterator[str]:
    """Have the owner own the tables and views; whose they were is one of its members, and may do what he could do."""
    _say(connection, "GRANT USAGE, CREATE ON SCHEMA {} TO {}", [schema], [owner])
    if former != owner:
        ((may_already,),) = _rows(connection, "SELECT pg_has_role(%s, %s, 'USAGE')", [former, owner])
        if not may_already:
            _say(connection, "GRANT {} TO {}", [owner], [former])
            yield f"{former}: a member of {owner}"
    for name in (*TABLES, *VIEWS):
        _say(connection, "ALTER TABLE {} OWNER TO {}", [name], [owner])
    yield f"{owner}: owns {', '.join(sorted((*TABLES, *VIEWS)))}"


def _say(connection: psycopg.Connection[TupleRow], statement: str, *names: list[str]) -> None:
    """Say it, with lists of names in the places that are left open."""
    connection.execute(sql.SQL(statement).format(*(sql.SQL(", ").join(map(sql.Identifier, each)) for each in names)))


def _rows(connection: psycopg.Connection[TupleRow], question: str, values: list[str] | None = None) -> list[Any]:
    return connection.execute(sql.SQL(question), values).fetchall()
