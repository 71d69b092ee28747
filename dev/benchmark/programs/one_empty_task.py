"""The least that `doit list` can be asked to list."""

from __future__ import annotations

from typing import Any


def task_empty() -> dict[str, Any]:
    """Do nothing."""
    return {"actions": []}
