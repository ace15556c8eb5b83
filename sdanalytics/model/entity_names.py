"""Columns with names of campaigns, ad groups, targets and profiles, and those with their ids."""

from __future__ import annotations

from typing import Final

CAMPAIGN_ID: Final = "campaignId"
"""The column that campaigns are told apart by."""
ID_BY_NAME: Final = {
    "campaignName": CAMPAIGN_ID,
    "adGroupName": "adGroupId",
    "targetingText": "targetId",
    "targetingExpression": "targetId",
}
"""The id of what a column names: two campaigns may have the same name."""
NAME_BY_ID: Final = {
    CAMPAIGN_ID: "campaignName",
    "adGroupId": "adGroupName",
    "targetId": "targetingText",
    "profile_id": "accountName",
}
"""The name of what a column has the ids of."""
