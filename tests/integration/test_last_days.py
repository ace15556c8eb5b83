"""Days as people say them: the last so many whole days, where the profile is."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics import Client, Credentials, InvalidRequest, NotConfigured, ReportCache
from sdanalytics.sandbox import ScriptedResponse
from sdanalytics.sandbox.router import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN
from tests.support.box import Box
from tests.support.clock import JumpingClock

BETWEEN_DATES = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
"""A moment at which it is the 20th in Los Angeles, and the 21st in Berlin and Tokyo."""


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock(BETWEEN_DATES)


def client_without_profile(box: Box, api: Any = None) -> Client:
    credentials = Credentials(CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN)
    urls: Any = {"base_url": box.sandbox.base_url, "token_url": box.sandbox.token_url}
    return Client(credentials, api=api, clock=box.clock, **urls)


def days_in(frame: pd.DataFrame) -> list[date]:
    return [day.date() for day in frame["date"].drop_duplicates()]


@pytest.mark.parametrize(("advertiser", "today"), [(0, 20), (1, 21), (2, 21)])
def test_the_last_days_end_yesterday_where_the_profile_is(
    box: Box, store: ReportCache, advertiser: int, today: int
) -> None:
    client = box.client_for(advertiser)
    assert client.today == date(2026, 11, today)
    frame = sda.fetch_report("campaigns", days=3, client=client, cache=store)
    expected = [client.today - timedelta(ago) for ago in (3, 2, 1)]
    assert days_in(frame) == expected
    requests = len(box.sandbox.requests)
    again = sda.fetch_report(
        "campaigns", days=3, client=box.client_for(advertiser), cache=store, refresh="never"
    )
    pd.testing.assert_frame_equal(again, frame)
    plan = sda.plan_report("campaigns", days=4, client=box.client_for(advertiser), cache=store)
    assert plan.to_request == [client.today - timedelta(4)]
    job = sda.submit_report("campaigns", days=1, client=client, cache=store)
    assert (job.query.start, job.query.end) == (expected[-1], expected[-1])
    assert days_in(job.result()) == expected[-1:]
    assert len(box.sandbox.requests) == requests  # the store knows the profile, and the days


def test_stored_days_are_read_by_the_time_zone_of_the_store(
    box: Box, store: ReportCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    sda.fetch_report("campaigns", "2026-11-15", "2026-11-20", client=box.client_for(1), cache=store)
    later = datetime(2026, 11, 21, 22, 30, tzinfo=UTC)  # in Berlin, half an hour before midnight
    for moment, first in ((later, 19), (later + timedelta(hours=1), 20)):
        frame = store.read("campaigns", days=2, as_of=moment)
        assert days_in(frame)[0] == date(2026, 11, first)
    monkeypatch.setattr("sdanalytics.store.cache_reads.Clock", lambda: box.clock)
    for read in (store.read, store.history):
        assert days_in(read("campaigns", days=3)) == [date(2026, 11, day) for day in (18, 19, 20)]


def test_the_profile_is_requested_once_for_the_date_and_the_report(box: Box) -> None:
    client = box.client
    frame = sda.fetch_report("campaigns", days=1, client=client, cache=False)
    assert days_in(frame) == [client.today - timedelta(1)]
    assert box.sandbox.count("profiles") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, r"start must be a day, got none: pass start= and end=.* or days=14"),
        ({"end": "2026-11-03"}, "start must be a day, got none"),
        ({"start": "2026-11-01", "days": 3}, "days must be passed alone, got start= beside it"),
        ({"end": "2026-11-01", "days": 3}, "days must be passed alone, got end= beside it"),
        ({"days": 0}, "days must be a whole number from 1 .* got 0; for other days pass start="),
        ({"days": -1}, "got -1"),
        ({"days": 1.5}, "got 1.5"),
        ({"days": True}, "got True"),
        ({"days": "14"}, "got '14'"),
        ({"days": 10**9}, "got 1000000000"),
        ({"days": 61}, "days must be at most 60 for campaigns.* got 61: pass days=60, or start="),
    ],
)
def test_impossible_days_are_refused_before_any_request(
    box: Box, store: ReportCache, arguments: Any, message: str
) -> None:
    calls: list[Any] = [sda.fetch_report, sda.submit_report, sda.plan_report]
    for call in calls:
        with pytest.raises(InvalidRequest, match=message):
            call("campaigns", client=client_without_profile(box), cache=store, **arguments)
    if arguments != {"days": 61}:  # a store keeps more than the service
        for read in (store.read, store.history):
            with pytest.raises(InvalidRequest, match=message):
                read("campaigns", **arguments)
    assert box.sandbox.requests == []


def test_the_limit_is_the_history_of_the_record_type_and_version(box: Box) -> None:
    for record_type, days in (("campaigns", 65), ("invalidTraffic", 365)):
        limits: dict[str, Any] = {"client": box.client_for(0, "v3"), "cache": False}
        plan = sda.plan_report(record_type, days=days, **limits)  # type: ignore[arg-type]
        assert len(plan.to_request) == days
        with pytest.raises(InvalidRequest, match=f"at most {days} for {record_type}"):
            sda.plan_report(record_type, days=days + 1, **limits)  # type: ignore[arg-type]


def test_the_only_profile_of_a_login_is_taken(box: Box, store: ReportCache) -> None:
    every = box.client.profiles()
    own = every.iloc[1]
    document = {
        "profileId": int(own["profileId"]), "countryCode": "DE", "currencyCode": "EUR",
        "timezone": "Europe/Berlin", "accountInfo": {"name": "Alpenglück", "type": "vendor"},
    }  # fmt: skip
    listed = ScriptedResponse(200, json.dumps([document]))
    box.sandbox.script_responses("profiles", listed)
    client = client_without_profile(box)
    frame = sda.fetch_report("campaigns", days=2, client=client, cache=store)
    assert frame.attrs["sdanalytics"]["profile_id"] == str(own["profileId"])
    assert client.profile_id == own["profileId"]
    assert box.sandbox.count("profiles") == 2  # one of them by this test
    assert store.entries()["profile_id"].unique().tolist() == [str(own["profileId"])]


def test_of_several_profiles_the_error_lists_what_tells_them_apart(
    box: Box, store: ReportCache
) -> None:
    client = client_without_profile(box)
    request = sda.ReportRequest("20261118", "clicks", "T00020")
    calls: list[Any] = [
        lambda: sda.fetch_report("campaigns", "2026-11-18", client=client, cache=store),
        lambda: sda.submit_report("campaigns", days=2, client=client, cache=store),
        lambda: sda.plan_report("campaigns", days=2, client=client, cache=store),
        lambda: client.today,
        lambda: client.request_report("campaigns", request),
    ]
    for call in calls:
        with pytest.raises(NotConfigured, match="one of the 3 profiles of this login") as caught:
            call()
        for profile in box.client.profiles().itertuples():
            named = f"{profile.profileId} ({profile.accountName}, {profile.countryCode}, "
            assert f"{named}{profile.accountType})" in str(caught.value)
    assert client.profile_id is None
    assert len(client.profiles()) == 3
    chosen = client.for_profile(box.sandbox.profile_ids[2])
    assert len(sda.fetch_report("campaigns", days=1, client=chosen, cache=store)) > 0


def test_of_hundreds_of_profiles_an_error_lists_twenty(box: Box) -> None:
    documents = [{"profileId": number, "timezone": "UTC"} for number in range(1, 301)]
    listed = ScriptedResponse(200, json.dumps(documents))
    box.sandbox.script_responses("profiles", listed)
    with pytest.raises(NotConfigured, match="and 280 more, which Client") as caught:
        _ = client_without_profile(box).today
    assert len(str(caught.value)) < 1000


def test_a_login_without_profiles_is_told_where_to_look(box: Box, store: ReportCache) -> None:
    box.sandbox.script_responses("profiles", ScriptedResponse(200, "[]"))
    with pytest.raises(NotConfigured, match="no profile in this region: check the region"):
        sda.fetch_report("campaigns", days=2, client=client_without_profile(box), cache=store)


def test_the_deadline_of_a_call_is_also_that_of_its_look_up(box: Box, store: ReportCache) -> None:
    box.sandbox.script_responses("profiles", *[ScriptedResponse(503, "")] * 50)
    began = box.clock.monotonic()
    with pytest.raises((sda.ReportTimeout, sda.ServerError)):
        sda.fetch_report("campaigns", days=2, client=box.client, cache=store, timeout=3)
    assert box.clock.monotonic() - began <= 3
