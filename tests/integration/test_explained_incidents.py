"""Explanations of the sandbox's incidents, of which it is known which campaign has them."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd

import sdanalytics as sda
from sdanalytics.sandbox.simulation.advertisers import ADVERTISERS
from sdanalytics.sandbox.simulation.demand import has_incident
from tests.support.samples import US


def test_the_campaign_of_an_incident_explains_it() -> None:
    """Of what is to be expected of the traffic, so that no order is chance."""
    advertiser = ADVERTISERS[US]
    (campaign,) = (c for c in advertiser.started_by(date(2026, 7, 1)) if c.has_incidents)
    days = [date(2026, 7, 1) + timedelta(number) for number in range(140)]
    incidents = [day for day in days if has_incident(campaign, day)]
    assert len(incidents) == 6
    with sda.sandbox.start(delay=0) as sandbox:
        for day in incidents:
            week_before = day - timedelta(7)
            before, after = (
                sandbox.truth("campaigns", d, profile_id=US, expected=True)
                for d in (week_before, day)
            )
            frame = pd.concat([before, after], ignore_index=True)
            frame.attrs = before.attrs
            for metric in ("acos", "roas"):
                explanation = sda.explain(
                    frame, (week_before, week_before), (day, day), metric=metric
                )
                first = explanation.iloc[0]
                assert first["campaignName"] == campaign.name
                change = explanation["contribution"].sum()
                assert first["contribution"] / change > 0.8
