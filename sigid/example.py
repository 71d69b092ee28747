"""Registers one image and one trajectory of one signee with the mocks, and prints the three stores.

Run it with ``python -m sigid.example``.
"""

from __future__ import annotations

from rich.pretty import pprint

from sigid.mock_asset_service import MockAssetService
from sigid.mock_signature_repository import MockSignatureRepository
from sigid.mock_signee_repository import MockSigneeRepository
from sigid.service import NewImageSignature, NewXYZSignature, SignatureApplicationService


def main() -> None:
    """Run the example."""
    signees = MockSigneeRepository()
    signatures = MockSignatureRepository()
    assets = MockAssetService()
    service = SignatureApplicationService(signees, signatures, assets)

    service.register_signatures(
        [
            NewImageSignature(local_uri="scans/0001.png", metadata={"dpi": 400}),
            NewXYZSignature(points=[(1.0, 2.0, 3.0), (4.0, 5.0, 6.0)], metadata={"hertz": 200}),
        ],
        idempotence_key="example/1",
    )

    pprint({"signee_by_id": signees.signee_by_id})
    pprint({"signatures_by_signee_id": signatures.signatures_by_signee_id})
    pprint({"asset_by_id": assets.asset_by_id, "metadata_by_asset_id": assets.metadata_by_asset_id})


if __name__ == "__main__":
    main()
