"""Which sigid this is."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
"""The version that `pyproject.toml` says, for where sigid runs without having been installed."""
