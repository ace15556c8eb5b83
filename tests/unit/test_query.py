"""Invalid arguments are rejected before any request is sent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sdanalytics import Client, Credentials, InvalidRequest, fetch_report


@pytest.fixture
def offline() -> Client:
    """Return a client whose requests would fail with another error."""
    credentials = Credentials("id", access_token="Atza|token")
    return Client(credentials, 1, base_url="http://127.0.0.1:9")


GOOD: dict[str, Any] = {"record_type": "campaigns", "start": "2026-11-01"}


@pytest.mark.parametrize(
    ("invalid", "message"),
    [
        ({"record_type": "campaign"}, "did you mean 'campaigns'"),
        ({"record_type": "ADGROUPS"}, "did you mean 'adGroups'"),
        ({"record_type": "keywords"}, "productAds"),
        ({"record_type": None}, "got None"),
        ({"start": "01.11.2026"}, "'2026-11-01'"),
        ({"start": "2026-02-30"}, "2026-02-30"),
        ({"start": ""}, "start"),
        ({"start": 20261101}, "20261101"),
        ({"start": None}, "pass start= and end="),
        ({"start": pd.NaT}, "got NaT"),
        ({"start": np.datetime64("NaT", "D")}, "NaT"),
        ({"start": np.int64(5)}, "start"),
        ({"start": datetime(2026, 11, 1, tzinfo=UTC)}, "time zone"),
        ({"end": "yesterday"}, "end must be a day"),
        ({"end": "2026-10-31"}, "before start"),
        ({"start": "2999-01-01"}, "future"),
        ({"end": "2999-01-01"}, "future"),
        ({"metrics": ["cots"]}, "did you mean 'cost'"),
        ({"metrics": ["Clicks"]}, "did you mean 'clicks'"),
        ({"metrics": ["attributedSales14"]}, "did you mean 'attributedSales14d'"),
        ({"metrics": ["qqqq"]}, "available('campaigns') lists them"),
        ({"metrics": ["date"]}, "leave it out"),
        ({"metrics": ["adGroupName"]}, "it is for adGroups, productAds, targets, asins"),
        ({"metrics": ["otherAsin", "cost"]}, "it is for asins"),
        ({"metrics": "cost,clicks"}, "cost,clicks"),
        ({"metrics": []}, "metrics must not be empty"),
        ({"metrics": [3]}, "3"),
        ({"metrics": 3}, "got 3"),
        ({"metrics": [["clicks"]]}, "['clicks']"),
        ({"metrics": [{}]}, "{}"),
        ({"client": "me"}, "client must be a Client or None, got 'me'"),
        ({"refresh": np.array(["auto", "never"])}, "refresh must be one of"),
        ({"metrics": ["vtr"], "segment": "matchedTarget"}, "campaigns+matchedTarget"),
        ({"segment": "matchedTargets"}, "did you mean 'matchedTarget'"),
        ({"segment": "matchedTarget", "record_type": "asins"}, "campaigns, adGroups, targets"),
        ({"tactic": "T00010"}, "T00020, T00030"),
        ({"tactic": []}, "tactic must not be empty"),
        ({"tactic": 20}, "got 20"),
        ({"refresh": "yes"}, "auto, never, always"),
        ({"timeout": 0}, "timeout must be a positive number of seconds, got 0"),
        ({"timeout": float("nan")}, "timeout must be a positive number of seconds, got nan"),
        ({"timeout": 10**400}, "got one of more than 300 digits"),
        ({"timeout": "5"}, "timeout must be a positive number of seconds, got '5'"),
        ({"cache": True}, "cache must be a ReportCache, a path, None or False, got True"),
    ],
)
def test_invalid_arguments_are_rejected_before_any_request(
    offline: Client, invalid: dict[str, Any], message: str
) -> None:
    arguments = GOOD | {"client": offline} | invalid
    with pytest.raises(InvalidRequest) as caught:
        fetch_report(**arguments)
    assert message in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_arguments_are_validated_before_the_credentials() -> None:
    with pytest.raises(InvalidRequest):
        fetch_report("campaign", "2026-11-01")  # type: ignore[arg-type]


def test_all_invalid_metrics_are_named(offline: Client) -> None:
    with pytest.raises(InvalidRequest, match=r"'cots'.*'click'"):
        fetch_report("campaigns", "2026-11-01", metrics=["cots", "click", "cost"], client=offline)
