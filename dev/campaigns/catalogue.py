"""All campaigns, in the order in which they are run."""

from __future__ import annotations

from dev.campaigns import (
    change_detection,
    environment,
    hostile_tree,
    hwr_texts,
    png_mutants,
    resources,
    torn_reads,
    unreadable,
)
from dev.campaigns.campaign import Campaign

_ALL: tuple[Campaign, ...] = (
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
