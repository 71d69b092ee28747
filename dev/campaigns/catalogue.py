"""All campaigns, in the order in which they are run."""

from __future__ import annotations

from dev.campaigns import crash_points
from dev.campaigns.campaign import Campaign

_ALL: tuple[Campaign, ...] = (crash_points.CAMPAIGN,)

CAMPAIGNS = {campaign.name: campaign for campaign in _ALL}
