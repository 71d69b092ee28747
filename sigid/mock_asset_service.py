"""The asset service in memory; sigid has no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sigid.identity import derive_id

if TYPE_CHECKING:  # a load registers assets, and has no use for entities
    from sigid.entity import Metadata


class MockAssetService:
    """An `AssetService` that anyone can look into: `asset_by_id` (its local URI) and `metadata_by_asset_id`.

    The id follows from the local URI, so that it is the same in every process.
    """

    def __init__(self) -> None:
        self.asset_by_id: dict[str, str] = {}
        self.metadata_by_asset_id: dict[str, Metadata] = {}

    def register_asset(self, local_uri: str, metadata: Metadata) -> str:
        asset_id = derive_id("asset", local_uri)
        self.asset_by_id[asset_id] = local_uri
        self.metadata_by_asset_id[asset_id] = dict(metadata)
        return asset_id
