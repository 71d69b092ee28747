"""All campaigns, in the order in which they are run."""

from __future__ import annotations

from dev.campaigns.campaign import Campaign

_ALL: tuple[Campaign, ...] = ()

CAMPAIGNS = {campaign.name: campaign for campaign in _ALL}
