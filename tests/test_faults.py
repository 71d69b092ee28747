"""The fault campaigns, a sample of each: `dev/faults` does all of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev.campaigns.__main__ import carried_out
from dev.campaigns.campaign import Scale
from dev.campaigns.catalogue import CAMPAIGNS


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_a_campaign_finds_nothing(name: str, tmp_path: Path) -> None:
    finding = carried_out(CAMPAIGNS[name], Scale.SHORT, seed=1, below=tmp_path)

    assert list(finding.failures) == []
