"""Facts of the campaign on every report: from the report, or else from the list of campaigns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pandas as pd
import pytest
from requests.adapters import HTTPAdapter

import sdanalytics as sda
from sdanalytics import DataWarning, ReportCache, fetch_report
from sdanalytics.model.metrics import CAMPAIGN_FACTS
from sdanalytics.model.partition import Partition
from sdanalytics.sandbox import Report, ScriptedResponse
from sdanalytics.sandbox.listings import describe_campaign
from sdanalytics.sandbox.simulation.advertisers import ADVERTISERS
from tests.support.box import Box
from tests.support.clock import JumpingClock
from tests.support.rows import REPORTS
from tests.support.samples import SOURCE, US, day, store_payload

FACTS = list(CAMPAIGN_FACTS)
APIS = ("v2", "v3")
ASKED = [*FACTS, "clicks"]
CREATES = ("request_report", "create_report")
BROKEN = {
    "403": [ScriptedResponse(403, '{"code": "FORBIDDEN", "details": "no such permission"}')],
    "404": [ScriptedResponse(404, '{"code": "NOT_FOUND", "details": "nothing here"}')],
    "500": [ScriptedResponse(500)],
    "connection": [ScriptedResponse(0)],
    "page": [ScriptedResponse(200, "<html>Sign in</html>")],
    "429": [ScriptedResponse(429, headers={"Retry-After": "70"})],
}
"""Responses without a list."""


def fetch(
    box: Box, api: str, store: ReportCache | bool, record_type: str = "targets", **options: Any
) -> pd.DataFrame:
    """Fetch a report of the day before yesterday, unless told otherwise."""
    days = options.pop("days", (2, 2))
    client = box.client_for(options.pop("advertiser", 0), api)
    call: Any = fetch_report
    frame: pd.DataFrame = call(
        record_type, *map(box.day, days), client=client, cache=store, **options
    )
    return frame


def created(box: Box) -> int:
    return sum(map(box.sandbox.count, CREATES))


def listed(box: Box, advertiser: int = 0) -> pd.DataFrame:
    """Return the facts that the sandbox lists, by campaign."""
    of_profile = ADVERTISERS[box.sandbox.profile_ids[advertiser]]
    today = of_profile.today(box.clock.now())
    rows = []
    for campaign in of_profile.started_by(today):
        document = describe_campaign(of_profile, campaign, today)
        rows.append(
            {
                "campaignId": document["campaignId"],
                "costType": document["costType"].upper(),
                "portfolioId": document.get("portfolioId"),
                "campaignName": document["name"],
                "campaignStatus": document["state"],
            }
        )
    frame = pd.DataFrame(rows).astype({"campaignId": "Int64", "portfolioId": "Int64"})
    return frame.set_index("campaignId")


def assert_has_facts(frame: pd.DataFrame, box: Box, names: list[str] = FACTS) -> None:
    """Check that each row has the facts that the list has of its campaign."""
    expected = listed(box).loc[frame["campaignId"], names].reset_index(drop=True)
    found = frame[names].astype(dict.fromkeys(names, object))
    pd.testing.assert_frame_equal(found, expected.astype(object), check_dtype=False)


@pytest.fixture(params=APIS)
def api(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def unlisted() -> list[int]:
    """Return the campaigns that the sandbox does not list, to be changed."""
    return []


@pytest.fixture
def box(clock: JumpingClock, unlisted: list[int]) -> Iterator[Box]:
    of_clock = Box(clock, unlisted=unlisted)
    with of_clock.sandbox:
        yield of_clock


# -- fetched, stored, read -----------------------------------------------------------------


@pytest.mark.parametrize(("record_type", "segment"), REPORTS)
def test_facts_may_be_asked_for_with_any_report(
    box: Box, store: ReportCache, api: str, record_type: str, segment: str | None
) -> None:
    options: dict[str, Any] = {"segment": segment, "metrics": [*FACTS, "clicks"]}
    if record_type == "asins":
        options["metrics"] = FACTS
    frame = fetch(box, api, store, record_type, **options)
    assert len(frame) > 5
    assert frame.columns[-len(options["metrics"]) :].tolist() == options["metrics"]
    # What the campaigns report says of the day wins; the others have today's.
    assert_has_facts(frame, box, FACTS if record_type != "campaigns" else FACTS[:3])
    assert frame[FACTS].dtypes.astype(str).tolist() == ["category", "Int64", "str", "category"]
    assert frame["costType"].cat.categories.tolist() == ["CPC", "VCPM"]
    assert frame["portfolioId"].notna().any()
    requests = len(box.sandbox.requests)
    pd.testing.assert_frame_equal(fetch(box, api, store, record_type, **options), frame)
    read: Any = store.read
    again = read(record_type, box.day(2), **options)
    pd.testing.assert_frame_equal(again, frame)
    assert len(box.sandbox.requests) == requests
    defaults = fetch(box, api, False, record_type, segment=segment)
    assert_has_facts(defaults, box, ["costType", "campaignName"])


def test_days_that_were_stored_before_have_them_without_another_report(
    box: Box, store: ReportCache, api: str
) -> None:
    old = fetch(box, api, store, days=(9, 3), metrics=["clicks"])
    reports = created(box)
    campaigns_requests = box.sandbox.count("campaigns")
    assert campaigns_requests == (0 if api == "v2" else 2)
    plan = sda.plan_report(
        "targets", box.day(9), box.day(3), metrics=[*FACTS, "clicks"],
        client=box.client_for(0, api), cache=store,
    )  # fmt: skip
    assert plan.to_request == []
    frame = fetch(box, api, store, days=(9, 3), metrics=[*FACTS, "clicks"])
    assert_has_facts(frame, box)
    assert created(box) == reports
    assert box.sandbox.count("campaigns") == 2  # a page, and an empty one
    read = store.read("targets", box.day(9), box.day(3))
    assert_has_facts(read, box, ["costType", "campaignName"])
    pd.testing.assert_frame_equal(read[list(old)], old)
    assert read.attrs["sdanalytics"]["campaigns_read_at"].startswith("2026-11-20T18:")


@pytest.mark.filterwarnings("ignore:the list of campaigns could not be read")
@pytest.mark.parametrize("profiles", [None, [US]])
@pytest.mark.parametrize("is_list_broken", [False, True])
def test_days_that_arrived_have_them_although_others_failed(
    box: Box, store: ReportCache, profiles: list[int] | None, is_list_broken: bool
) -> None:
    failing = box.day(3).replace("-", "")

    def content(report: Report) -> None:
        if report.request["reportDate"] == failing:
            report.status = "FAILURE"

    box.sandbox.set_content(content)
    if is_list_broken:
        box.sandbox.script_responses("campaigns", *BROKEN["403"] * 8)
    with pytest.raises(sda.PartialFetchError) as caught:
        fetch(box, "v2", store, days=(4, 2), profiles=profiles)
    assert "could not be fetched" in str(caught.value)
    read = store.read("targets", box.day(4), box.day(2))
    if profiles:
        assert caught.value.frame is not None
        assert caught.value.frame["costType"].notna().all() != is_list_broken
    if is_list_broken:
        assert "costType" not in read or read["costType"].isna().all()
    else:
        assert read["date"].nunique() == 2
        assert_has_facts(read, box, ["costType", "campaignName"])


def test_a_call_that_needs_no_list_reads_none(box: Box, store: ReportCache) -> None:
    frame = fetch(box, "v2", store, "campaigns")
    assert frame[["costType", "campaignName", "campaignStatus"]].notna().all(axis=None)
    fetch(box, "v2", store, "targets", metrics=["campaignName", "clicks"])
    assert box.sandbox.count("campaigns") == 0


def change_rows(box: Box, api: str, change: Callable[[list[dict[str, Any]]], Any]) -> None:
    """Have the sandbox send other rows of campaigns than its own."""
    fetch(box, api, False, "campaigns", metrics=ASKED)
    own = {json.dumps(r.request): r.rows for r in box.sandbox.reports.values()}

    def content(report: Report) -> Any:
        rows = [dict(row) for row in own[json.dumps(report.request)]]
        change(rows)
        return rows

    box.sandbox.set_content(content)


def test_the_report_of_a_day_wins(box: Box, store: ReportCache, api: str) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        rows[0] |= {"costType": "cpc", "campaignStatus": "PAUSED", "campaignName": "Then"}
        rows[1] |= {"costType": None, "campaignStatus": None, "campaignName": None}

    change_rows(box, api, change)
    frame = fetch(box, api, store, "campaigns", metrics=ASKED)
    changed = frame[frame["campaignName"] == "Then"]
    assert len(changed) == (2 if api == "v2" else 1)
    assert set(changed["costType"]) == {"CPC"}
    assert set(changed["campaignStatus"]) == {"paused"}
    others = frame[frame["campaignName"] != "Then"].reset_index(drop=True)
    assert_has_facts(others, box, ["costType", "portfolioId", "campaignName"])
    assert others["campaignStatus"].notna().all()
    query = "select costType, campaignStatus from campaigns where campaignName = 'Then'"
    assert len(store.sql(query)) == len(changed)


# -- one spelling --------------------------------------------------------------------------


@pytest.mark.parametrize("wire", [str.upper, str.lower, str.title])
def test_words_have_one_spelling_whatever_the_wire_writes(
    box: Box, store: ReportCache, api: str, wire: Callable[[str], str]
) -> None:
    usual = fetch(box, api, False, "campaigns", metrics=ASKED)

    def change(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            for name in ("costType", "campaignStatus"):
                row[name] = wire(row[name])

    change_rows(box, api, change)
    frame = fetch(box, api, store, "campaigns", metrics=ASKED)
    pd.testing.assert_frame_equal(frame, usual)
    found = store.sql("select distinct costType from campaigns order by all")
    assert found["costType"].tolist() == ["CPC", "VCPM"]


def test_words_that_are_not_known_have_one_spelling_too(
    box: Box, store: ReportCache, api: str
) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        rows[0]["costType"], rows[1]["costType"] = "vCPA", "VCPA"

    change_rows(box, api, change)
    frame = fetch(box, api, store, "campaigns", metrics=ASKED)
    assert frame["costType"].cat.categories.tolist() == ["CPC", "VCPA", "VCPM"]


def test_words_that_were_stored_in_other_spellings_are_read_as_one(store: ReportCache) -> None:
    for ago, words in ((3, ("vCPM", "ENABLED", "usd")), (2, ("VCPM", "enabled", "USD"))):
        columns = ["campaignId", "costType", "campaignStatus", "currency"]
        row = dict(zip(columns, (7, *words), strict=True))
        partition = Partition(SOURCE, str(US), "campaigns", None, "T00020", day(ago))
        store_payload(store, partition, json.dumps([row]).encode(), columns)
    frame = store.read("campaigns", day(3), day(2))
    for name, word in {"costType": "VCPM", "campaignStatus": "enabled", "currency": "USD"}.items():
        assert frame[name].tolist() == [word, word]
        assert "ENABLED" not in frame[name].cat.categories
        result = store.sql(f"select distinct {name} from campaigns where {name} = '{word}'")
        assert result[name].tolist() == [word]
        [count] = store.sql(f"select count(*) as n from campaigns where {name} = '{word}'")["n"]
        assert count == 2
    assert store.verify().empty


# -- when the list is read ---------------------------------------------------------------------


def test_the_list_is_read_again_when_a_campaign_is_not_on_it(
    box: Box, store: ReportCache, unlisted: list[int], api: str
) -> None:
    new = int(fetch(box, api, False)["campaignId"][0])
    unlisted.append(new)
    before = fetch(box, api, store)
    is_new = before["campaignId"] == new
    assert before.loc[is_new, "costType"].isna().all()
    assert before.loc[~is_new, "costType"].notna().all()
    assert set(before.loc[~is_new, "tactic"]) == {"T00020", "T00030"}
    unlisted.clear()
    requests = box.sandbox.count("campaigns")
    fetch(box, api, store)  # nothing is fetched: the list that is stored will do
    assert box.sandbox.count("campaigns") == requests
    fetch(box, api, store, days=(3, 3))
    assert box.sandbox.count("campaigns") == requests + 2
    reports = created(box)
    after = fetch(box, api, store)
    assert_has_facts(after, box, ["costType", "campaignName"])
    assert set(after["tactic"]) == {"T00020", "T00030"}  # those of version 3 as well
    assert after["date"].is_monotonic_increasing
    assert created(box) == reports
    counted = store.sql(
        "select tactic, count(*) as n, count(costType) as known from targets "
        f"where date = '{box.day(2)}' group by all order by all"
    )
    sizes = after.groupby("tactic", observed=True).size()
    assert counted.to_numpy().tolist() == [[name, n, n] for name, n in sizes.items()]
    one = f"select count(*) as n from targets where date = '{box.day(2)}' and tactic = $tactic"
    for name, n in sizes.items():
        assert store.sql(one, {"tactic": name})["n"].tolist() == [n]
        alone = fetch(box, api, store, tactic=name)
        expected = after[after["tactic"] == name].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, expected, check_categorical=False)


def test_the_list_is_read_again_after_a_day_when_a_report_is_fetched(
    box: Box, store: ReportCache, clock: JumpingClock, api: str
) -> None:
    fetch(box, api, store, days=(20, 19))
    assert box.sandbox.count("campaigns") == 2
    fetch(box, api, store, days=(18, 17))
    assert box.sandbox.count("campaigns") == 2
    clock.pass_time(25 * 3600)
    fetch(box, api, store, days=(20, 18), refresh="never")
    assert box.sandbox.count("campaigns") == 2
    fetch(box, api, store, "productAds", days=(16, 16))
    assert box.sandbox.count("campaigns") == 4
    # Also where the report has all facts itself: what is stored stays up to date.
    clock.pass_time(25 * 3600)
    fetch(box, api, store, "campaigns", days=(16, 16))
    assert box.sandbox.count("campaigns") == 6
    read_at = store.sql("select max(read_at) as read_at from campaign_list")["read_at"]
    assert abs(read_at[0] - pd.Timestamp(clock.now()).tz_convert(None)) < pd.Timedelta("1min")


def test_campaigns_that_are_no_longer_listed_keep_their_facts(
    box: Box, store: ReportCache, clock: JumpingClock, unlisted: list[int]
) -> None:
    frame = fetch(box, "v2", store)
    gone = int(frame["campaignId"][0])
    unlisted.append(gone)
    clock.pass_time(25 * 3600)
    fetch(box, "v2", store, days=(9, 9))
    read = store.read("targets", frame["date"][0], metrics=FACTS)
    assert read.loc[read["campaignId"] == gone, "costType"].notna().all()
    count = "select count(distinct read_at) as n from campaign_list"
    assert store.sql(count)["n"].tolist() == [2]


# -- a list that cannot be had ---------------------------------------------------------------


@pytest.mark.parametrize("kind", BROKEN)
def test_a_list_that_cannot_be_had_costs_no_report(
    box: Box, store: ReportCache, clock: JumpingClock, api: str, kind: str
) -> None:
    box.sandbox.script_responses("campaigns", *BROKEN[kind] * 300)
    started = clock.monotonic()
    match = "list of campaigns could not be read.*costType, portfolioId, campaignStatus are missing"
    with pytest.warns(DataWarning, match=match) as caught:
        frame = fetch(box, api, store, metrics=[*FACTS, "cost"])
    assert len(caught) == 1
    waited = clock.monotonic() - started
    if kind != "429":
        assert waited < 40
        assert box.sandbox.count("campaigns") <= 5
    elif api == "v2":
        assert waited < 100
    # In version 3 the tactics are worth waiting for.
    assert len(frame) > 10
    assert frame["cost"].sum() > 0
    assert frame[["costType", "portfolioId", "campaignStatus"]].isna().all(axis=None)
    assert frame["campaignName"].notna().all()  # which the report has
    assert set(frame["tactic"]) == ({"T00020", "T00030"} if api == "v2" else {"unknown"})
    with pytest.warns(DataWarning, match="no list of the profile's campaigns"):
        store.read("targets", box.day(2), metrics=FACTS)
    assert "costType" not in store.read("targets", box.day(2))

    box.sandbox.clear_script()
    reports = created(box)
    again = fetch(box, api, store, metrics=[*FACTS, "cost"])
    assert_has_facts(again, box)
    assert set(again["tactic"]) == {"T00020", "T00030"}
    costs = again.set_index("targetId")["cost"]
    pd.testing.assert_series_equal(costs[frame["targetId"]], frame.set_index("targetId")["cost"])
    read = store.read("targets", box.day(2), metrics=[*FACTS, "cost"])
    pd.testing.assert_frame_equal(read, again)
    assert created(box) == reports
    requests = len(box.sandbox.requests)
    fetch(box, api, store, metrics=[*FACTS, "cost"])
    assert len(box.sandbox.requests) == requests


def test_rows_of_one_tactic_without_the_list_are_an_error_and_no_empty_frame(
    box: Box, store: ReportCache
) -> None:
    expected = fetch(box, "v3", False, tactic="T00030")
    box.sandbox.script_responses("campaigns", *BROKEN["403"] * 50)
    for _ in range(2):
        with pytest.raises(sda.Forbidden, match="no such permission"):
            fetch(box, "v3", store, tactic="T00030")
    with pytest.warns(DataWarning) as caught:
        read = store.read("targets", box.day(2), tactic="T00030")
    assert "left out: their tactic is not known" in str(caught[0].message)
    assert read.empty
    box.sandbox.clear_script()
    reports = created(box)
    frame = fetch(box, "v3", store, tactic="T00030")
    assert frame["targetId"].tolist() == expected["targetId"].tolist()
    assert set(frame["tactic"]) == {"T00030"}
    assert created(box) == reports


def test_an_old_list_will_do_when_it_cannot_be_read_again(
    box: Box, store: ReportCache, clock: JumpingClock, api: str
) -> None:
    fetch(box, api, store)
    clock.pass_time(25 * 3600)
    box.sandbox.script_responses("campaigns", *BROKEN["500"] * 50)
    requests = box.sandbox.count("campaigns")
    frame = fetch(box, api, store, days=(9, 9))  # a warning would be an error
    assert box.sandbox.count("campaigns") == requests + 2
    assert frame["costType"].notna().all()


def test_what_stands_in_for_the_network_and_has_no_list_costs_no_report(
    box: Box, store: ReportCache
) -> None:
    send = HTTPAdapter.send

    def replay(self: HTTPAdapter, request: Any, *args: Any, **kwargs: Any) -> Any:
        if "/sd/campaigns?" in request.url:
            raise LookupError(f"no recorded request with {request.headers['Authorization']}")
        return send(self, request, *args, **kwargs)

    with (
        mock.patch.object(HTTPAdapter, "send", replay),
        pytest.warns(
            DataWarning, match=r"could not be read \(LookupError\): costType are"
        ) as caught,
    ):
        frame = fetch(box, "v2", store)
    assert "Bearer" not in str(caught[0].message)
    assert frame["clicks"].sum() > 0


def test_a_call_from_the_cache_does_not_wait_long_for_a_list(
    box: Box, store: ReportCache, clock: JumpingClock
) -> None:
    fetch(box, "v2", store, metrics=["clicks"])
    box.sandbox.script_responses("campaigns", ScriptedResponse(429, headers={"Retry-After": "60"}))
    started = clock.monotonic()
    with pytest.warns(DataWarning, match="could not be read"):
        frame = fetch(box, "v2", store, metrics=["costType", "clicks"])
    assert clock.monotonic() - started < 15
    assert frame["clicks"].notna().all()


def test_a_job_that_is_cancelled_while_the_list_is_read_is_cancelled(store: ReportCache) -> None:
    with sda.sandbox.start(delay=0) as service:
        service.script_responses("campaigns", ScriptedResponse(None, delay=1.0))
        job = sda.submit_report("targets", service.today, client=service.client, cache=store)
        while not service.count("campaigns"):
            assert not job.wait(0.01)
        job.cancel()
        assert job.wait(30)
        with pytest.raises(sda.Cancelled):
            job.result()
        again = fetch_report("targets", service.today, client=service.client, cache=store)
        assert again["costType"].notna().all()
        assert service.count("request_report") == 2


# -- kept in the store ---------------------------------------------------------------------


def test_a_list_of_an_earlier_release_has_the_tactics_and_is_replaced(
    box: Box, store: ReportCache, api: str
) -> None:
    expected = fetch(box, api, False)
    path = store.path / "campaigns" / f"source={box.client.source}"
    path.mkdir(parents=True)
    tactics = dict(zip(expected["campaignId"], expected["tactic"], strict=True))
    file = path / f"profile_id={box.client.profile_id}.json"
    file.write_text(json.dumps({str(key): tactic for key, tactic in tactics.items()}))
    frame = fetch(box, api, store)
    assert_has_facts(frame, box, ["costType", "campaignName"])
    assert set(frame["tactic"]) == {"T00020", "T00030"}
    assert json.loads(file.read_text())["read_at"] is not None
    assert store.verify().empty


def test_the_list_is_a_table_of_queries(box: Box, store: ReportCache) -> None:
    columns = [
        "source", "profile_id", "campaignId", "tactic", *CAMPAIGN_FACTS, "read_at",
    ]  # fmt: skip
    assert store.sql("select * from campaign_list").columns.tolist() == columns
    for advertiser in (0, 1):
        fetch(box, "v2", store, advertiser=advertiser)
    frame = store.sql("select * from campaign_list order by profile_id, campaignId")
    assert frame.dtypes.astype(str).to_dict() == {
        "source": "str", "profile_id": "str", "campaignId": "Int64", "tactic": "str",
        "costType": "str", "portfolioId": "Int64", "campaignName": "str",
        "campaignStatus": "str", "read_at": "datetime64[s]",
    }  # fmt: skip
    for advertiser in (0, 1):
        of_profile = frame["profile_id"] == str(box.sandbox.profile_ids[advertiser])
        found = frame[of_profile].set_index("campaignId")[FACTS].astype(object)
        expected = listed(box, advertiser).sort_index()[FACTS].astype(object)
        pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    joined = store.sql(
        "select count(*) as n from targets t join campaign_list c using (source, profile_id, "
        "campaignId) where t.costType = c.costType and t.portfolioId is not distinct from "
        "c.portfolioId and t.campaignName = c.campaignName"
    )
    assert joined["n"].tolist() == store.sql("select count(*) as n from targets")["n"].tolist()


@pytest.mark.parametrize(("record_type", "segment"), REPORTS)
def test_views_have_the_facts_of_frames(
    box: Box, store: ReportCache, record_type: str, segment: str | None
) -> None:
    fetch(box, "v3", store, record_type, segment=segment, metrics=["campaignName"])
    read: Any = store.read
    frame = read(record_type, box.day(2), metrics=FACTS, segment=segment)
    view = f"{record_type}_{segment}" if segment else record_type
    names = ", ".join(["tactic", "campaignId", *FACTS])
    found = store.sql(f"select {names} from {view} order by all")
    expected = frame[found.columns.tolist()].astype({"tactic": "str"})
    expected = expected.sort_values(found.columns.tolist(), ignore_index=True)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, check_categorical=False)
    assert found["costType"].notna().all()


def test_a_damaged_list_is_no_list(box: Box, store: ReportCache, api: str) -> None:
    frame = fetch(box, api, store)
    [file] = (store.path / "campaigns").rglob("*.json")
    file.write_text('{"read_at": "2026-11-20", "campaigns": {"campaignId": ["x"]}}')
    assert store.verify()["path"].tolist() == [str(file)]
    assert store.sql("select count(*) as n from campaign_list")["n"].tolist() == [0]
    pd.testing.assert_frame_equal(fetch(box, api, store), frame)
    assert store.verify().empty
