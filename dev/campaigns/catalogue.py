"""All campaigns, in the order in which they are run."""

from __future__ import annotations

from dev.campaigns.campaign import Campaign
from dev.campaigns.change_detection import CHANGE_DETECTION
from dev.campaigns.environment import ENVIRONMENT
from dev.campaigns.hostile_tree import HOSTILE_TREE
from dev.campaigns.hwr_texts import HWR_TEXTS
from dev.campaigns.png_mutants import PNG_MUTANTS
from dev.campaigns.torn_reads import TORN_READS
from dev.campaigns.unreadable import UNREADABLE

_ALL: tuple[Campaign, ...] = (
    CHANGE_DETECTION,
    PNG_MUTANTS,
    HWR_TEXTS,
    TORN_READS,
    HOSTILE_TREE,
    ENVIRONMENT,
    UNREADABLE,
    RESOURCES,
)

CAMPAIGNS = {campaign.name: campaign for campaign in _ALL}
