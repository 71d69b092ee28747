"""All campaigns, in the order in which they are run."""

from __future__ import annotations

from dev.campaigns import crash_points, failed_writes, power_cuts, random_kills, signals, together, worker_faults
from dev.campaigns.campaign import Campaign

_ALL: tuple[Campaign, ...] = (
    crash_points.CAMPAIGN,
    failed_writes.CAMPAIGN,
    random_kills.CAMPAIGN,
    power_cuts.CAMPAIGN,
    together.CAMPAIGN,
    signals.CAMPAIGN,
    worker_faults.CAMPAIGN,
)

CAMPAIGNS = {campaign.name: campaign for campaign in _ALL}
