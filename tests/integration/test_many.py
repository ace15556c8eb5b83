"""Many profiles in one call: one login, one store, and a rate limit and errors for each."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics import Client, Credentials, ReportCache, fetch_report, plan_report, submit_report
from sdanalytics.fetch import many_profiles
from sdanalytics.sandbox import Report, ScriptedResponse
from sdanalytics.sandbox.simulation.advertisers import select_advertisers
from tests.support.box import Box
from tests.support.clock import JumpingClock
from tests.support.curves import make_curve, shares

US, GERMANY, JAPAN = 1842030415361601, 2750418263940173, 3961527384950284
FRONT = ["profile_id", "accountName", "countryCode", "currency"]


def client_with_rate(box: Box, create_rate: float) -> Client:
    return Client(
        Credentials.from_env(box.sandbox.environment),
        box.sandbox.profile_ids[0],
        base_url=box.sandbox.base_url,
        token_url=box.sandbox.token_url,
        create_rate=create_rate,
        clock=box.clock,
    )


def fetch(
    box: Box, store: ReportCache, first: int = 3, last: int = 1, **options: Any
) -> pd.DataFrame:
    """Fetch all profiles."""
    arguments = {"client": box.client, "cache": store, "profiles": "all", **options}
    return fetch_report("campaigns", box.day(first), box.day(last), **arguments)


def facts(frame: pd.DataFrame) -> dict[str, Any]:
    """Return the facts of each profile of a frame."""
    profiles: dict[str, Any] = frame.attrs["sdanalytics"]["profiles"]
    return profiles


def on_profile(box: Box, profile_id: int, change: Callable[[Report], None]) -> None:
    """Change the reports of one profile as they are created."""

    def apply(report: Report) -> None:
        if report.profile_id == profile_id:
            change(report)

    box.sandbox.set_content(apply)


def created(box: Box, profile_id: int) -> list[float]:
    """Return when the reports of a profile were requested, in seconds."""
    return [r.asked_at for r in box.sandbox.reports.values() if r.profile_id == profile_id]


def test_profiles_share_a_token_and_a_store_but_not_the_rate_limit(
    clock: JumpingClock, store: ReportCache
) -> None:
    box = Box(clock, delay=20.0)
    with box.sandbox:
        fetch(box, store, 7, client=client_with_rate(box, create_rate=0.5))
        assert box.sandbox.count("token") == box.sandbox.count("profiles") == 1
        times = [created(box, profile_id) for profile_id in (US, GERMANY, JAPAN)]
    for moments in times:
        assert len(moments) == 14
        assert moments[-1] - moments[0] > 24  # 26, less what the others let pass
    # No profile waited for another: all had begun before any had ended.
    assert max(moments[0] for moments in times) < min(moments[-1] for moments in times)
    assert store.entries().groupby("profile_id").size().tolist() == [14, 14, 14]
    assert store.pending().empty


def test_the_frame_has_each_profile_as_if_it_were_fetched_alone(
    box: Box, store: ReportCache
) -> None:
    df = fetch(box, store)
    assert df.columns[:6].tolist() == [*FRONT, "date", "tactic"]
    keys = df[["profile_id", "date", "tactic", "campaignId"]]
    assert keys.equals(keys.sort_values(list(keys.columns), ignore_index=True))
    for number, (name, country, currency) in enumerate(
        [
            ("Northwind Outdoor", "US", "USD"),
            ("Alpenglück GmbH", "DE", "EUR"),
            ("青葉商店", "JP", "JPY"),
        ]
    ):
        client = box.client_for(number)
        alone = fetch(box, store, client=client, profiles=None)
        rows = df[df["profile_id"] == client.profile_id].reset_index(drop=True)
        found = rows[FRONT[1:]].drop_duplicates().astype("str").to_numpy().tolist()
        assert found == [[name, country, currency]]
        same = [column for column in alone if column != "currency"]
        pd.testing.assert_frame_equal(rows[same], alone[same], check_categorical=False)
        own = facts(df)[str(client.profile_id)]
        expected = alone.attrs["sdanalytics"]
        for entry in ("currency", "timezone", "start", "fetched_on", "restatable_from"):
            assert own[entry] == expected[entry]
        assert (own["account_name"], own["missing_days"], own["error"]) == (name, [], None)
    json.dumps(df.attrs)  # plain values


def test_last_days_are_those_where_each_profile_is(box: Box, store: ReportCache) -> None:
    # It is 18 o'clock in London, so that Japan is a day ahead.
    client = Client(
        Credentials.from_env(box.sandbox.environment),
        base_url=box.sandbox.base_url,
        token_url=box.sandbox.token_url,
        clock=box.clock,
    )
    options: Any = {"client": client, "cache": store, "profiles": "all"}
    df = fetch_report("campaigns", days=2, **options)
    texts = df["date"].astype("str")
    days = texts.groupby(df["profile_id"]).unique()
    assert list(days[US]) == [box.day(2), box.day(1)]
    assert list(days[JAPAN]) == [box.day(1), box.day(0)]
    metadata = df.attrs["sdanalytics"]
    assert (metadata["start"], metadata["end"]) == (box.day(2), box.day(0))
    assert (facts(df)[str(US)]["end"], facts(df)[str(JAPAN)]["end"]) == (box.day(1), box.day(0))
    plan = plan_report("campaigns", days=2, **options)
    assert "3 profiles, 6 days: 0 to fetch" in str(plan)


def test_the_dtypes_do_not_depend_on_the_data(box: Box, store: ReportCache) -> None:
    box.sandbox.set_content(lambda report: [])
    empty = fetch(box, store, profiles=[US, JAPAN])
    box.sandbox.set_content(lambda report: None)
    df = fetch(box, store, 6, 5, profiles=[US, GERMANY])
    assert len(empty) == 0 < len(df)
    assert empty.dtypes.astype("str").equals(df.dtypes.astype("str"))
    shown = {name: str(dtype) for name, dtype in df.dtypes.items()}
    assert [shown[name] for name in FRONT] == ["Int64", "str", "category", "category"]
    without = fetch(box, store, 6, 5, profiles=[GERMANY], metrics=["clicks"])
    assert without.columns.tolist() == [*FRONT, "date", "tactic", "campaignId", "clicks"]
    assert without["currency"].unique().tolist() == ["EUR"]


def test_facts_of_campaigns_are_joined_for_each_profile(box: Box, store: ReportCache) -> None:
    box.sandbox.script_responses("campaigns", ScriptedResponse(403, "{}"))
    options: Any = {"client": box.client, "cache": store, "metrics": ["costType", "clicks"]}
    with pytest.warns(sda.DataWarning, match="costType"):
        df = fetch_report("targets", box.day(1), profiles="all", **options)
    known = df["costType"].notna().groupby(df["profile_id"]).all()
    assert sorted(known.tolist()) == [False, True, True]
    assert df["costType"].cat.categories.tolist() == ["CPC", "VCPM"]


def test_metadata_are_right_for_all_profiles(box: Box, store: ReportCache) -> None:
    fetch(box, store, 8, 8, profiles=[JAPAN])
    box.clock.pass_time(6 * 3600)
    df = fetch(box, store, 8)
    metadata = df.attrs["sdanalytics"]
    assert metadata["currency"] is None
    assert (metadata["days_fetched"], metadata["days_from_cache"]) == (23, 1)
    oldest = {profile: values["oldest_fetched_at"] for profile, values in facts(df).items()}
    assert oldest[str(JAPAN)] < oldest[str(US)]
    assert metadata["oldest_fetched_at"] == oldest[str(JAPAN)]
    firsts = [values["restatable_from"] for values in facts(df).values()]
    assert metadata["restatable_from"] == min(firsts)


def test_summaries_and_figures_know_the_currencies_of_profiles(
    box: Box, store: ReportCache
) -> None:
    df = fetch(box, store)
    with pytest.raises(sda.InvalidRequest, match="JPY"):
        sda.summarize(df)
    by_name = sda.summarize(df, "accountName")
    assert by_name["currency"].tolist() == ["EUR", "USD", "JPY"]
    assert by_name["profile_id"].tolist() == [GERMANY, US, JAPAN]
    costs = [df.loc[df["profile_id"] == p, "cost"].sum() for p in (GERMANY, US, JAPAN)]
    assert by_name["cost"].tolist() == pytest.approx(costs)
    by_id = sda.summarize(df, "profile_id")
    assert by_id["accountName"].tolist() == ["Northwind Outdoor", "Alpenglück GmbH", "青葉商店"]
    assert by_id["countryCode"].tolist() == ["US", "DE", "JP"]
    days = (box.day(3), box.day(3)), (box.day(2), box.day(2))
    change = sda.compare(df, *days, by="accountName", metrics=["cost"])
    assert change["cost_a"].notna().all()
    lines = sda.plots.trend(df, "acos", by="accountName").get_lines()
    assert len(lines) >= 3
    with pytest.raises(sda.InvalidRequest, match="several currencies"):
        sda.plots.top(df, "cost", by="accountName")


def test_rows_of_one_profile_are_like_a_frame_of_it(box: Box, store: ReportCache) -> None:
    df = fetch(box, store, 20)
    part = df[df["profile_id"] == JAPAN]
    alone = fetch(box, store, 20, client=box.client_for(2), profiles=None)
    axes = [sda.plots.trend(frame, "sales") for frame in (part, alone)]
    assert axes[0].get_ylabel() == axes[1].get_ylabel() == "sales (JPY)"
    shades = [[patch.get_x() for patch in ax.patches] for ax in axes]  # type: ignore[attr-defined]
    artists = [[type(artist).__name__ for artist in ax.get_children()] for ax in axes]
    assert shades[0] == shades[1]
    assert artists[0] == artists[1]


def test_final_numbers_are_of_one_profile_at_a_time(box: Box, store: ReportCache) -> None:
    df = fetch(box, store, 20, profiles=[US, GERMANY])
    alone = fetch(box, store, 20, profiles=None)
    known = {"orders": shares(0.5), "sales": shares(0.4)}
    curve = make_curve({"CPC": known, "VCPM": known})
    curve.attrs["sdanalytics"]["source"] = box.client.source
    for final in (curve, True):
        with pytest.raises(sda.InvalidRequest, match="one profile at a time"):
            sda.summarize(df, "profile_id", final=final)
    part = sda.summarize(df[df["profile_id"] == US], final=curve)
    expected = sda.summarize(alone, final=curve)
    assert part["sales_final"].iloc[0] > part["sales"].iloc[0]
    columns = ["sales_final", "sales_final_low", "sales_final_high", "maturity"]
    pd.testing.assert_frame_equal(part[columns], expected[columns])
    with pytest.raises(sda.InvalidRequest, match="curve must be of the frame's profile_id"):
        sda.summarize(df[df["profile_id"] == GERMANY], final=curve)
    with pytest.warns(sda.ImmatureWarning, match="one profile at a time"):
        sda.compare(df, (box.day(9), box.day(8)), (box.day(2), box.day(1)), by="profile_id")


def test_a_profile_that_fails_costs_the_others_nothing(
    clock: JumpingClock, store: ReportCache
) -> None:
    box = Box(clock, unregistered=[JAPAN], profiles=4)
    nameless = box.sandbox.profile_ids[3]
    with box.sandbox:
        advertisers = select_advertisers(box.sandbox.settings).values()
        documents = [advertiser.to_document() for advertiser in advertisers]
        documents[3]["timezone"] = "Nowhere/City"
        box.sandbox.script_responses("profiles", ScriptedResponse(200, json.dumps(documents)))
        with pytest.raises(sda.PartialFetchError, match="3 of 5 profiles") as caught:
            fetch(box, store, profiles=[US, GERMANY, JAPAN, nameless, 77])
    failures = caught.value.failures
    kinds = {profile_id: type(error) for profile_id, error in failures.items()}
    assert kinds == {
        "77": sda.NotConfigured,
        str(JAPAN): sda.Forbidden,
        str(nameless): sda.NotConfigured,
    }
    assert "time zone" in str(failures[str(nameless)])
    frame = caught.value.frame
    assert frame is not None
    assert frame["profile_id"].unique().tolist() == [US, GERMANY]
    assert facts(frame)[str(JAPAN)]["missing_days"] == [box.day(3), box.day(2), box.day(1)]
    assert facts(frame)[str(JAPAN)]["error"].startswith("Forbidden: ")
    assert facts(frame)["77"]["error"].startswith("NotConfigured: ")
    assert len(store.entries()) == 2 * 6
    assert sda.summarize(frame, "profile_id")["cost"].gt(0).all()


def test_when_all_fail_for_one_reason_it_is_the_error(
    clock: JumpingClock, store: ReportCache
) -> None:
    box = Box(clock, unregistered=[US, GERMANY, JAPAN])
    with box.sandbox, pytest.raises(sda.Forbidden, match="Sponsored Display") as caught:
        fetch(box, store)
    assert "3 profiles" in "".join(caught.value.__notes__)


def test_whole_days_of_a_profile_are_kept_when_others_fail(box: Box, store: ReportCache) -> None:
    def fail_one(report: Report) -> None:
        day = box.day(2).replace("-", "")
        if report.request["reportDate"] == day and report.request["tactic"] == "T00020":
            report.status = "FAILURE"

    on_profile(box, GERMANY, fail_one)
    for refresh in ("auto", "always"):
        with pytest.raises(sda.PartialFetchError, match="1 of 3 profiles") as caught:
            fetch(box, store, refresh=refresh)
        [(profile_id, error)] = caught.value.failures.items()
        assert profile_id == str(GERMANY)
        assert isinstance(error, sda.ReportFailed | sda.PartialFetchError)
        frame = caught.value.frame
        assert frame is not None
        days = frame.groupby("profile_id")["date"].unique()
        assert [str(day.date()) for day in days[GERMANY]] == [box.day(3), box.day(1)]
        assert len(days[US]) == len(days[JAPAN]) == 3
        assert facts(frame)[str(GERMANY)]["missing_days"] == [box.day(2)]
    box.sandbox.set_content(lambda report: None)
    assert fetch(box, store).groupby("profile_id")["date"].nunique().tolist() == [3, 3, 3]


def test_the_timeout_is_that_of_the_whole_call(box: Box, store: ReportCache) -> None:
    def never_end(report: Report) -> None:
        report.ready_at = float("inf")

    on_profile(box, US, never_end)
    began = box.clock.monotonic()
    with pytest.raises(sda.PartialFetchError, match="1 of 3 profiles") as caught:
        fetch(box, store, timeout=600)
    assert box.clock.monotonic() - began < 700
    assert isinstance(caught.value.failures[str(US)], sda.ReportTimeout)
    assert caught.value.frame is not None
    assert caught.value.frame["profile_id"].unique().tolist() == [GERMANY, JAPAN]


@pytest.mark.parametrize(
    ("choose", "expected"),
    [
        (lambda listed: listed[listed["countryCode"] != "DE"], [US, JAPAN]),
        (lambda listed: listed["currencyCode"] == "EUR", [GERMANY]),
        (lambda listed: listed["profileId"].tolist()[::-1], [US, GERMANY, JAPAN]),
        ([str(JAPAN), US, US], [US, JAPAN]),
        (GERMANY, [GERMANY]),
    ],
)
def test_profiles_are_chosen(
    box: Box, store: ReportCache, choose: Any, expected: list[int]
) -> None:
    plan = plan_report("campaigns", box.day(1), client=box.client, cache=store, profiles=choose)
    assert plan.partitions["profile_id"].unique().tolist() == expected
    assert plan.partitions.dtypes["profile_id"] == "Int64"


@pytest.mark.parametrize("profiles", ["every", [], 5.0, [US, "x"], {"a": 1}, -1, True])
def test_invalid_profiles_are_rejected_before_any_request(box: Box, profiles: Any) -> None:
    with pytest.raises(sda.InvalidRequest, match="profiles must be 'all', a list of profile ids"):
        fetch_report("campaigns", box.day(1), client=box.client, cache=False, profiles=profiles)
    assert box.sandbox.requests == []


@pytest.mark.parametrize(
    ("choose", "message"),
    [
        (lambda listed: listed[listed["countryCode"] == "XX"], "got none"),
        (lambda listed: listed[["countryCode"]], "without profileId"),
        (lambda listed: [77], "77, which is not there"),
        (lambda listed: None, "got None"),
    ],
)
def test_functions_must_choose_profiles(box: Box, choose: Any, message: str) -> None:
    with pytest.raises(sda.InvalidRequest, match=message):
        fetch_report("campaigns", box.day(1), client=box.client, cache=False, profiles=choose)
    assert box.sandbox.count("request_report") == 0


def test_stored_profiles_need_no_request(box: Box, store: ReportCache) -> None:
    first = fetch(box, store)
    count = len(box.sandbox.requests)
    again = fetch(box, store, profiles=[JAPAN, GERMANY, US])
    assert len(box.sandbox.requests) == count
    pd.testing.assert_frame_equal(again, first)
    assert again.attrs["sdanalytics"]["days_from_cache"] == 9


def test_a_plan_counts_the_days_of_each_profile(box: Box, store: ReportCache) -> None:
    fetch(box, store, profiles=[US])
    span = box.day(3), box.day(1)
    options: Any = {"client": box.client, "cache": store, "profiles": [US, GERMANY, 77]}
    plan = plan_report("campaigns", *span, **options)
    assert "2 profiles, 6 days: 3 to fetch (6 reports to request), 3 from the cache" in str(plan)
    assert "1 profile that cannot be fetched (77)" in str(plan)
    assert list(plan.failures) == ["77"]
    assert box.sandbox.count("request_report") == 6
    with pytest.raises(sda.NotConfigured, match="77"):
        plan_report("campaigns", *span, **(options | {"profiles": [77]}))


def test_one_bar_shows_all_profiles(
    box: Box, store: ReportCache, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch(box, store, progress=True)
    shown = capsys.readouterr().err
    assert "all profiles campaigns: 9 of 9 days" in shown
    assert "of 3 days" not in shown


def test_a_warning_about_several_profiles_is_given_once(box: Box, store: ReportCache) -> None:
    double = [{"campaignId": 5, "clicks": 1}, {"campaignId": 5, "clicks": 2}]
    box.sandbox.set_content(lambda report: double)
    with pytest.warns(sda.DataWarning) as caught:
        fetch(box, store, 1, profiles=[US, JAPAN], metrics=["clicks"])
    [message] = [str(w.message) for w in caught if "alike" in str(w.message)]
    assert message.endswith(f"(2 profiles {US}, {JAPAN})")


def test_all_profiles_are_fetched_in_the_background_and_cancelled(store: ReportCache) -> None:
    with sda.sandbox.start(delay=600) as sandbox:
        last = sandbox.today - timedelta(1)
        job = submit_report("campaigns", last, client=sandbox.client, cache=store, profiles="all")
        end = time.monotonic() + 30
        pause = threading.Event()
        while job.status().reports_in_flight < 6 and time.monotonic() < end:
            pause.wait(0.02)
        assert job.status().days == 3
        assert "of all profiles: running: 0 of 3 days, 6 reports in flight" in repr(job)
        began = time.monotonic()
        job.cancel()
        assert job.wait(30)
        assert time.monotonic() - began < 10
        with pytest.raises(sda.Cancelled):
            job.result()
    assert len(store.pending()) == 6


def test_a_limited_number_of_profiles_is_fetched_at_a_time(
    clock: JumpingClock, store: ReportCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many_profiles, "MAX_PROFILES_AT_A_TIME", 2)
    box = Box(clock, profiles=5, delay=100.0)
    with box.sandbox:
        df = fetch(box, store, 1, metrics=["cost"], client=box.client_for(0, "v3"))
        assert df["profile_id"].nunique() == 5
        moments = sorted(report.asked_at for report in box.sandbox.reports.values())
    assert len(moments) == 5
    assert moments[2] - moments[0] > 50
    assert moments[4] - moments[2] > 50
