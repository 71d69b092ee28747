"""The ports in memory beside the repositories (whose contract is in `contract/`), and the example that uses them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ulid import ULID

from sigid import example
from sigid.entity import Metadata
from sigid.mock_asset_service import MockAssetService
from sigid.mock_signature_repository import MockSignatureRepository
from sigid.mock_signee_repository import MockSigneeRepository
from sigid.service import NewImageSignature, NewXYZSignature, SignatureApplicationService

PROJECT = Path(__file__).parents[1]


def test_a_picture_gets_the_same_asset_each_time() -> None:
    one, other = MockAssetService(), MockAssetService()

    ids = {assets.register_asset("scans/1.png", {}) for assets in (one, one, other)}

    assert len(ids) == len(one.asset_by_id) == 1
    assert one.register_asset("scans/2.png", {}) not in ids


@pytest.mark.parametrize("seed", ["0", "1"])
def test_a_picture_gets_the_same_asset_in_every_process(seed: str) -> None:
    program = "from sigid.mock_asset_service import MockAssetService as M; print(M().register_asset('scans/1.png', {}))"
    there = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT,
        env={**os.environ, "PYTHONHASHSEED": seed},
        check=True,
        capture_output=True,
        text=True,
    )

    assert there.stdout.strip() == MockAssetService().register_asset("scans/1.png", {})


def test_an_asset_is_looked_up_by_its_id_which_is_a_ulid() -> None:
    assets = MockAssetService()
    metadata: Metadata = {"dpi": 400}

    asset_id = assets.register_asset("scans/1.png", metadata)
    metadata["dpi"] = 600

    assert str(ULID.from_str(asset_id)) == asset_id
    assert assets.asset_by_id == {asset_id: "scans/1.png"}
    assert assets.metadata_by_asset_id == {asset_id: {"dpi": 400}}


def test_the_mocks_can_be_looked_into() -> None:
    signees, signatures = MockSigneeRepository(), MockSignatureRepository()
    service = SignatureApplicationService(signees, signatures, MockAssetService())

    registration = service.register_signatures(
        [NewImageSignature(local_uri="scans/1.png"), NewXYZSignature(points=[(1.0, 2.0, 3.0)])]
    )

    (signee,) = signees.signee_by_id.values()
    assert signee.id == registration.signee_id
    assert signatures.signatures_by_signee_id == {signee.id: signee.signatures}
    assert [signature.kind for signature in signee.signatures] == ["image", "xyz"]


def test_a_signee_has_each_of_his_signatures_once() -> None:
    """One that came twice in a call was his twice, though it was stored once."""
    signees, signatures = MockSigneeRepository(), MockSignatureRepository()
    new = NewXYZSignature(points=[(1.0, 2.0, 3.0)], sample="1")

    registration = SignatureApplicationService(signees, signatures, MockAssetService()).register_signatures(
        [new, new], "example/1"
    )

    signee = signees.signee_by_id[registration.signee_id]
    assert signee.signatures == signatures.signatures_by_signee_id[signee.id]


def test_the_example_prints_the_three_stores(capsys: pytest.CaptureFixture[str]) -> None:
    example.main()

    shown = capsys.readouterr().out
    for store in ("signee_by_id", "signatures_by_signee_id", "asset_by_id", "metadata_by_asset_id"):
        assert f"'{store}'" in shown
    for fact in ("ImageSignature(", "XYZSignature(", "scans/0001.png", "'dpi': 400", "'hertz': 200"):
        assert fact in shown


def test_the_example_runs_as_the_readme_says(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "sigid.example"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        check=True,
        capture_output=True,
        text=True,
    )

    assert "'signee_by_id'" in ran.stdout
    assert ran.stderr == ""
    assert list(tmp_path.iterdir()) == []
