"""sigid consolidates handwritten signatures from many sources in one warehouse.

import sigid

with sigid.open_warehouse() as warehouse:
    for signature in warehouse.signatures(modality="online", authenticity="genuine"):
        ...
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sigid.entity import AnySignature, ImageSignature, Points, Signee, XYZPoint, XYZSignature
    from sigid.errors import Reason, SigidError
    from sigid.identity import Authenticity, Modality
    from sigid.pipeline.images import open_image
    from sigid.service import NewImageSignature, NewXYZSignature, SignatureApplicationService
    from sigid.warehouse.selection import Pair
    from sigid.warehouse.warehouse import Warehouse, open_warehouse

_HOME = {
    "AnySignature": "entity",
    "Authenticity": "identity",
    "ImageSignature": "entity",
    "Modality": "identity",
    "NewImageSignature": "service",
    "NewXYZSignature": "service",
    "Pair": "warehouse.selection",
    "Points": "entity",
    "Reason": "errors",
    "SigidError": "errors",
    "SignatureApplicationService": "service",
    "Signee": "entity",
    "Warehouse": "warehouse.warehouse",
    "XYZPoint": "entity",
    "XYZSignature": "entity",
    "open_image": "pipeline.images",
    "open_warehouse": "warehouse.warehouse",
}

__all__ = [
    "AnySignature",
    "Authenticity",
    "ImageSignature",
    "Modality",
    "NewImageSignature",
    "NewXYZSignature",
    "Pair",
    "Points",
    "Reason",
    "SigidError",
    "SignatureApplicationService",
    "Signee",
    "Warehouse",
    "XYZPoint",
    "XYZSignature",
    "open_image",
    "open_warehouse",
]


def __getattr__(name: str) -> object:
    """Import a name when it is first asked for: `doit list` must not pay for SQLAlchemy."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
