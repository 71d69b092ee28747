"""All campaigns, in the order in which they are run."""

from __future__ import annotations

from dev.campaigns import (
    change_detection,
    crash_points,
    environment,
    erasure,
    failed_writes,
    hostile_tree,
    hwr_texts,
    png_mutants,
    power_cuts,
    random_kills,
    resources,
    signals,
    together,
    torn_reads,
    unreadable,
    worker_faults,
)
from dev.campaigns.campaign import Campaign

_ALL: tuple[Campaign, ...] = (
    crash_points.CAMPAIGN,
    failed_writes.CAMPAIGN,
    random_kills.CAMPAIGN,
    power_cuts.CAMPAIGN,
    together.CAMPAIGN,
    signals.CAMPAIGN,
    worker_faults.CAMPAIGN,
    erasure.CAMPAIGN,
    change_detection.CAMPAIGN,
    torn_reads.CAMPAIGN,
    unreadable.CAMPAIGN,
    hostile_tree.CAMPAIGN,
    png_mutants.CAMPAIGN,
    hwr_texts.CAMPAIGN,
    resources.CAMPAIGN,
    environment.CAMPAIGN,
)

CAMPAIGNS = {campaign.name: campaign for campaign in _ALL}
