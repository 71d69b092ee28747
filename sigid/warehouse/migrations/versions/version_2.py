"""Readers have views, and rejections are counted without a look at all other files."""

from __future__ import annotations

from alembic.operations import Operations
from sqlalchemy import inspect, text

from sigid.warehouse.schema import make_views

revision = "2"
down_revision = "1"


def upgrade(op: Operations) -> None:
    """Do what is not done yet: where a database cannot undo such changes, some may have been made before."""
    there = inspect(op.get_bind())
    index = "ix_source_file_reason"
    if index not in {each["name"] for each in there.get_indexes("source_file")}:
        rejected = text("reason IS NOT NULL")
        op.create_index(index, "source_file", ["source", "reason"], postgresql_where=rejected, sqlite_where=rejected)
    make_views(op.get_bind(), _VIEWS)


_VIEWS = {
    "signatures": """
        SELECT s.id, s.source, s.signee_id, p.collection, p.external_id AS signee, s.forger_id, f.external_id AS forger,
            s.parent_id, s.kind, s.modality, s.authenticity, s.sample, s.blank, s.width, s.height, s.mode,
            s.point_count, s.content_hash, s.created, s.stale
        FROM signature s JOIN signee p ON p.id = s.signee_id LEFT JOIN forger f ON f.id = s.forger_id
        WHERE s.retired_at IS NULL
    """,
    "trajectories": """
        SELECT t.signature_id, s.point_count, t.x, t.y, t.z
        FROM trajectory t JOIN signature s ON s.id = t.signature_id
        WHERE s.retired_at IS NULL
    """,
    "signees": """
        SELECT p.id, p.source, p.collection, p.external_id,
            count(CASE WHEN s.authenticity = 'genuine' THEN 1 END) AS genuine,
            count(CASE WHEN s.authenticity = 'forged' THEN 1 END) AS forged
        FROM signee p JOIN signature s ON s.signee_id = p.id
        WHERE s.retired_at IS NULL
        GROUP BY p.id, p.source, p.collection, p.external_id
    """,
    "rejection_counts": """
        SELECT source, reason, count(*) AS files
        FROM source_file
        WHERE reason IS NOT NULL
        GROUP BY source, reason
    """,
}
