"""The mistakes of newcomers: each message names what is meant, in the words that they used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import sdanalytics as sda
from sdanalytics import Client, InvalidRequest, ReportCache
from tests.support.clock import JumpingClock
from tests.support.samples import sample_frame

ACCOUNT = {
    "SDANALYTICS_CLIENT_ID": "id", "SDANALYTICS_CLIENT_SECRET": "secret",
    "SDANALYTICS_REFRESH_TOKEN": "token", "SDANALYTICS_PROFILE_ID": "12",
}  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"refresh": True}, "got True; did you mean 'always'"),
        ({"refresh": False}, "got False; did you mean 'never'"),
        ({"tactic": "audiences"}, "got 'audiences'; did you mean 'T00030'"),
        ({"tactic": "Contextual"}, "got 'Contextual'; did you mean 'T00020'"),
        ({"tactic": "T0030"}, "did you mean 'T00030'"),
    ],
)
def test_words_for_parameters_are_understood(arguments: Any, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        sda.fetch_report("campaigns", "2026-11-01", **arguments)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("REGION", "US", "must be one of NA, EU, FE, got 'US'; did you mean 'NA'"),
        ("REGION", "de", "must be one of NA, EU, FE, got 'DE'; did you mean 'EU'"),
        ("API", "v4", "must be one of v2, v3"),
        ("PROFILE_ID", "abc", "must be the number of a profile"),
        ("BASE_URL", "nowhere", "must be a URL"),
        ("TOKEN_URL", "nowhere", "must be a URL"),
        ("STORAGE_HOSTS", "http://a/b", "must be host names"),
    ],
)
def test_wrong_variables_are_named(variable: str, value: str, message: str) -> None:
    name = f"SDANALYTICS_{variable}"
    with pytest.raises(InvalidRequest, match=f"^{name}: {variable.lower()} {message}"):
        Client.from_env(ACCOUNT | {name: value})


def test_the_login_of_a_local_service_that_goes_to_amazon_is_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    local = ACCOUNT | {"SDANALYTICS_BASE_URL": "http://127.0.0.1:8080"}
    Client.from_env(local)
    assert "set SDANALYTICS_TOKEN_URL, too" in caplog.text
    caplog.clear()
    for login in ("TOKEN_URL", "ACCESS_TOKEN"):
        variables = local | {f"SDANALYTICS_{login}": "http://127.0.0.1:8081"}
        assert Client.from_env(variables).base_url == "http://127.0.0.1:8080"
    assert Client.from_env(ACCOUNT | {"SDANALYTICS_BASE_URL": "https://proxy.example.org"})
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("by", "meant"),
    [("campaign", "campaignName"), ("Campaign", "campaignName"), ("status", "campaignStatus")],
)
def test_words_for_columns_suggest_names_rather_than_ids(by: str, meant: str) -> None:
    with pytest.raises(InvalidRequest, match=f"no column '{by}'; did you mean '{meant}'"):
        sda.summarize(sample_frame("campaigns", 2, 2), by)


def test_an_end_in_the_future_says_a_day_that_has_begun_everywhere() -> None:
    clock = JumpingClock(datetime(2026, 11, 28, 18, tzinfo=UTC))  # the 29th where it is latest
    client = Client(sda.Credentials("id", access_token="t"), 1, clock=clock)
    end = clock.now().date() + timedelta(2)
    with pytest.raises(InvalidRequest, match="request days up to 2026-11-28 "):
        sda.plan_report("campaigns", "2026-11-01", end, client=client)


def test_reading_an_empty_store_says_that_it_is_empty(store: ReportCache) -> None:
    with pytest.raises(InvalidRequest, match=r"nothing is stored in .*store: fetch_report fills"):
        store.read("campaigns", "2026-11-01")
