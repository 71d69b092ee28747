"""The first schema, which no migration leads to."""

from __future__ import annotations

revision = "1"
down_revision = None
