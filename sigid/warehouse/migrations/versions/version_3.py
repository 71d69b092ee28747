"""What was erased stays erased: there is a table of tombstones."""

from __future__ import annotations

from alembic.operations import Operations
from sqlalchemy import Column, DateTime, String, inspect
from sqlalchemy.dialects import mysql

revision = "3"
down_revision = "2"

_SHA256 = String(64).with_variant(String(64, collation="C"), "postgresql")
_TIME = DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def upgrade(op: Operations) -> None:
    """Do what is not done yet: where a database cannot undo such changes, some may have been made before."""
    if "erasure" not in inspect(op.get_bind()).get_table_names():
        op.create_table(
            "erasure",
            Column("mac", _SHA256, primary_key=True),
            Column("hmac_key", _SHA256, nullable=False),
            Column("erased", _TIME, nullable=False),
            Column("finished", _TIME),
            mysql_engine="InnoDB",
            mysql_row_format="DYNAMIC",
            mysql_charset="utf8mb4",
            mysql_collate="utf8mb4_0900_bin",
            mariadb_engine="InnoDB",
            mariadb_row_format="DYNAMIC",
            mariadb_charset="utf8mb4",
            mariadb_collate="utf8mb4_nopad_bin",
        )
