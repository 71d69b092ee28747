"""The fault campaigns, a sample of each: `dev/faults` does all of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dev.campaigns.__main__ import carried_out, main, wanting
from dev.campaigns.campaign import Campaign, Finding, Ground, Scale
from dev.campaigns.catalogue import CAMPAIGNS


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_a_campaign_finds_nothing(name: str, tmp_path: Path) -> None:
    if not os.environ.get("CI") and (want := wanting(CAMPAIGNS[name])):
        pytest.skip(want)

    finding = carried_out(CAMPAIGNS[name], Scale.SHORT, seed=1, below=tmp_path)

    assert list(finding.failures) == []


def test_a_campaign_that_cannot_be_carried_out_has_failed(tmp_path: Path) -> None:
    def never(_ground: Ground) -> Finding:
        pytest.fail("it was begun all the same")

    campaign = Campaign("none", "nothing", never, programs=("no-such-program", "sh"))

    finding = carried_out(campaign, Scale.SHORT, seed=1, below=tmp_path)

    assert finding.failures == ["no-such-program must be installed: apt-get install no-such-program"]


def test_a_finding_is_told_in_a_line_and_its_failures_below(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def campaign(name: str, *failures: str) -> Campaign:
        return Campaign(name, "something", lambda _ground: Finding("3 tried", failures))

    told = {each.name: each for each in (campaign("sound"), campaign("broken", "one was lost"))}
    monkeypatch.setattr("dev.campaigns.__main__.CAMPAIGNS", told)

    assert main([]) == 1
    assert main(["sound"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["sound", "ok"], ["broken", "1"], ["one", "was"], ["sound", "ok"]]
    assert lines[1].endswith("3 tried")
