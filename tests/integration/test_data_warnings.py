"""What is odd about data that are kept is said once, at the user's line."""

from __future__ import annotations

import warnings
from typing import Any

import pandas as pd
import pytest

from sdanalytics import DataWarning, ReportCache, SDAnalyticsWarning, fetch_report, submit_report
from tests.support.box import Box

Rows = list[dict[str, Any]]


def fill(box: Box, rows: Rows) -> None:
    dated = [{"date": box.day(1)} | row for row in rows]
    box.sandbox.set_content(lambda _: dated)


def fetch(box: Box, store: ReportCache, api: str = "v2", **changed: Any) -> pd.DataFrame:
    given: dict[str, Any] = {"metrics": ["clicks", "cost"], "cache": store}
    given["client"] = box.client_for(0, api)
    given["tactic"] = None if api == "v3" else "T00020"
    given |= changed
    return fetch_report("campaigns", box.day(1), **given)


def metadata(frame: pd.DataFrame) -> dict[str, Any]:
    found: dict[str, Any] = frame.attrs["sdanalytics"]
    return found


@pytest.mark.parametrize("api", ["v2", "v3"])
def test_a_metric_that_no_row_has_is_missing_and_named(
    box: Box, store: ReportCache, api: str
) -> None:
    fill(box, [{"campaignId": 1, "cost": 2.0}, {"campaignId": 2, "cost": None}])
    with pytest.warns(DataWarning, match=rf"clicks \(campaigns {box.day(1)}\)") as caught:
        frame = fetch(box, store, api)
    assert [warning.filename for warning in caught] == [__file__]
    assert "cost" not in str(caught[0].message)
    assert frame["clicks"].isna().all()
    assert frame["cost"].tolist()[0] == 2.0


@pytest.mark.parametrize("api", ["v2", "v3"])
def test_a_metric_that_some_row_has_is_not_named(box: Box, store: ReportCache, api: str) -> None:
    fill(box, [{"campaignId": 1}, {"campaignId": 2, "clicks": 0, "cost": 0}])
    assert fetch(box, store, api)["clicks"].isna().tolist() == [True, False]
    fill(box, [{"campaignId": 1, "clicks": 1, "vtr": None}])  # nothing to divide by
    fetch(box, ReportCache(store.path / "2"), api, metrics=["clicks", "vtr"])
    fill(box, [])
    assert fetch(box, store, api, refresh="always").empty


def test_a_metric_that_only_one_tactic_has_is_not_named(box: Box) -> None:
    """The campaigns with video are of one tactic."""
    frame = fetch_report(
        "campaigns", box.day(1), metrics=["videoUnmutes"], client=box.client, cache=False
    )
    assert frame.groupby("tactic", observed=True)["videoUnmutes"].count().tolist() == [1, 0]


def test_many_days_and_metrics_are_said_in_one_warning(box: Box, store: ReportCache) -> None:
    fill(box, [{"campaignId": 1}])
    with pytest.warns(DataWarning) as caught:
        fetch_report(
            "campaigns",
            box.day(20),
            box.day(1),
            metrics=["clicks", "cost"],
            client=box.client,
            cache=store,
        )
    assert len(caught) == 1
    assert "clicks, cost (" in str(caught[0].message)
    assert len(str(caught[0].message)) < 300


def test_what_is_odd_is_said_though_other_days_fail(box: Box, store: ReportCache) -> None:
    fill(box, [{"campaignId": 1, "clicks": 1}])
    with pytest.warns(DataWarning, match="cost"), pytest.raises(Exception, match="too far"):
        fetch_report(
            "campaigns",
            box.day(61),
            box.day(60),
            metrics=["clicks", "cost"],
            client=box.client,
            cache=store,
        )


@pytest.mark.parametrize("api", ["v2", "v3"])
def test_rows_alike_are_kept_counted_and_said(box: Box, store: ReportCache, api: str) -> None:
    rows: Rows = [
        {"campaignId": campaign, "clicks": clicks, "cost": 1.0}
        for campaign, clicks in ((1, 5), (2, 6), (1, 5), (1, 7))
    ]
    fill(box, rows)
    with pytest.warns(DataWarning, match="alike in campaignId.*: 2 more") as caught:
        frame = fetch(box, store, api)
    assert [warning.filename for warning in caught] == [__file__]
    assert frame["clicks"].tolist() == [5, 5, 7, 6]
    assert metadata(frame)["rows_alike"] == 2
    with pytest.warns(DataWarning, match="alike") as caught:
        read = store.read("campaigns", box.day(1))
    assert [warning.filename for warning in caught] == [__file__]
    assert metadata(read)["rows_alike"] == 2


def test_a_sku_tells_rows_apart(box: Box, store: ReportCache) -> None:
    same = {"campaignId": 1, "adGroupId": 2, "asin": "A", "otherAsin": "B"}
    sales = "attributedSales14dOtherSKU"
    fill(box, [same | {"sku": sku, sales: 1.0} for sku in ("s", "t", "s")])
    given: dict[str, Any] = {"tactic": "T00020", "client": box.client, "cache": store}
    with pytest.warns(DataWarning, match="1 more"):
        frame = fetch_report("asins", box.day(1), metrics=["sku"], **given)
    assert metadata(frame)["rows_alike"] == 1
    with pytest.warns(DataWarning, match="the metric sku tells them apart"):
        fetch_report("asins", box.day(1), metrics=[sales], **given)


def test_frames_without_anything_odd_say_so(box: Box, store: ReportCache) -> None:
    frame = fetch_report("campaigns", box.day(3), box.day(1), client=box.client, cache=store)
    for found in (frame, store.read("campaigns", box.day(3), box.day(1))):
        assert metadata(found)["rows_alike"] == 0
        assert metadata(found)["other_currencies"] == []


@pytest.mark.parametrize(
    ("currencies", "others"),
    [(["EUR"], ["EUR"]), (["USD", "EUR", None], ["EUR"]), (["eur", "usd"], ["EUR"])],
)
@pytest.mark.parametrize("api", ["v2", "v3"])
def test_another_currency_is_said(
    box: Box, store: ReportCache, api: str, currencies: list[str | None], others: list[str]
) -> None:
    field = "campaignBudgetCurrencyCode" if api == "v3" else "currency"
    fill(box, [{"campaignId": n, "cost": 1.0, field: c} for n, c in enumerate(currencies)])
    with pytest.warns(DataWarning, match=f"in {others[0]}, .* currency is USD") as caught:
        frame = fetch(box, store, api, metrics=["currency", "cost"])
    assert [warning.filename for warning in caught] == [__file__]
    assert metadata(frame)["currency"] == "USD"
    assert metadata(frame)["other_currencies"] == others
    with pytest.warns(DataWarning, match="currency is USD"):
        store.read("campaigns", box.day(1))


def test_ambiguous_rows_of_the_other_version_are_said(box: Box, store: ReportCache) -> None:
    metrics = ["clicks", "attributedSales7d"]
    listed = fetch(box, store, cache=False)["campaignId"][0]
    campaign = {"campaignId": int(listed)}
    fill(box, [campaign | {"clicks": n, "attributedSales7d": n / 2} for n in (3, 4)])
    with pytest.warns(DataWarning, match="alike"):
        fetch(box, store, metrics=metrics)
    fill(box, [campaign | {"clicks": 7}])
    with pytest.warns(DataWarning, match="1 row of campaigns T00020 .* several") as caught:
        frame = fetch(box, store, "v3", metrics=["clicks"], refresh="always", tactic="T00020")
    assert [warning.filename for warning in caught] == [__file__]
    assert frame["clicks"].tolist() == [7]
    read = store.read("campaigns", box.day(1), metrics=metrics, tactic="T00020")
    assert read["attributedSales7d"].isna().all()


def test_a_job_says_it_once_where_its_result_is_used(box: Box, store: ReportCache) -> None:
    fill(box, [{"campaignId": 1, "clicks": 1}])
    job = submit_report(
        "campaigns", box.day(1), metrics=["clicks", "cost"], client=box.client, cache=store
    )
    with warnings.catch_warnings(record=True, action="always") as caught:
        job.wait()
        assert not caught
        job.result()
        job.result()
    assert [(w.filename, w.category) for w in caught] == [(__file__, DataWarning)]
    assert issubclass(DataWarning, SDAnalyticsWarning)
    assert issubclass(DataWarning, UserWarning)
