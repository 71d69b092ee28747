"""All campaigns, in the order in which they are run."""

from __future__ import annotations

from dev.campaigns.campaign import Campaign
from dev.campaigns.hwr_texts import HWR_TEXTS

_ALL: tuple[Campaign, ...] = (HWR_TEXTS,)

CAMPAIGNS = {campaign.name: campaign for campaign in _ALL}
