"""The views for those who prefer SQL: what is in the warehouse, without a word of where it came from.

No path, no file's name, no asset and nobody's metadata is in them, and nothing that is retired. They are the same on
every database, and change only with `SCHEMA_VERSION`.
"""

from __future__ import annotations

VIEWS = {
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
"""What each view selects."""
