"""Invalid traffic: clicks and impressions of no shopper, which are taken out of the reports.

The gross numbers of a day are known when it ends. What is left of them falls as invalid ones are
found, clicks within three days: they add up to the gross numbers at any moment.
"""

from __future__ import annotations

import random
from typing import Final, NamedTuple

from sdanalytics.sandbox.simulation.apportion import MetricValues

_DAYS_TO_FIND: Final = 3
"""Days after which all invalid clicks have been taken out."""
_FOUND_A_DAY: Final = 0.01
"""Invalid clicks taken out on each of these days, by valid clicks."""


class _InvalidShares(NamedTuple):
    """Invalid clicks and impressions of a campaign, by its valid ones."""

    clicks: float
    impressions: float


def invalid_click_factor(age: float) -> float:
    """Return clicks as reported, by valid ones, `age` days after their day began."""
    days_left = max(0.0, _DAYS_TO_FIND - age)
    return 1.0 + _FOUND_A_DAY * days_left


def gross_traffic(
    campaign_id: int, clicks: float, impressions: float, reported: MetricValues
) -> MetricValues:
    """Return the metrics of the invalid traffic of an ad group's day.

    Parameters
    ----------
    campaign_id : int
    clicks, impressions : float
        Valid ones.
    reported : dict of str to int
        `clicks` and `impressions` as the reports have them at the moment.
    """
    shares = _invalid_shares(campaign_id)
    gross_clicks = round(clicks * (1.0 + shares.clicks))
    gross_impressions = round(impressions * (1.0 + shares.impressions))
    return {
        "grossClickThroughs": gross_clicks,
        "grossImpressions": gross_impressions,
        "invalidClickThroughs": gross_clicks - reported["clicks"],
        "invalidImpressions": gross_impressions - reported["impressions"],
    }


def _invalid_shares(campaign_id: int) -> _InvalidShares:
    rng = random.Random(f"invalid/{campaign_id}")
    return _InvalidShares(
        clicks=rng.uniform(_DAYS_TO_FIND * _FOUND_A_DAY, 0.05),
        impressions=rng.uniform(0.01, 0.03),
    )
