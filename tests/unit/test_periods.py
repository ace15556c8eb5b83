"""Comparisons and summaries say which days they have: of two periods, of a week, of a month."""

from __future__ import annotations

import json
import warnings
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.dates import date2num

import sdanalytics as sda
from sdanalytics import InvalidRequest
from sdanalytics import plots as typed_plots
from tests.support.figures import text_below
from tests.support.rows import small

plots: Any = typed_plots  # the tests read attributes of artists that matplotlib's types lack


@pytest.fixture
def frame() -> pd.DataFrame:
    """Return two campaigns on 42 days: from Thursday, 2026-10-01, to 2026-11-11."""
    days = [day for day in pd.date_range("2026-10-01", "2026-11-11") for _ in range(2)]
    count = len(days)
    rows = small(
        date=days,
        campaignName=["a", "b"] * (count // 2),
        campaignId=[1, 2] * (count // 2),
        costType=["CPC", "VCPM"] * (count // 2),
        impressions=list(range(1000, 1000 + count)),
        clicks=list(range(10, 10 + count)),
        cost=[1.0 + n for n in range(count)],
        attributedConversions14d=[2] * count,
        viewAttributedConversions14d=[4] * count,
        attributedSales14d=[20.0] * count,
        viewAttributedSales14d=[50.0] * count,
    )
    rows["campaignId"] = rows["campaignId"].astype("Int64")
    rows.attrs["sdanalytics"] = {"record_type": "campaigns", "currency": "USD"}
    return rows


# -- two periods ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        # Seven days of which the frame has one, and seven days.
        (("2026-09-25", "2026-10-01"), ("2026-10-02", "2026-10-08"),
         ["lacks 6 of the 7 days of period_a (2026-09-25, 2026-09-26, 2026-09-27, ...)"]),
        (("2026-10-01", "2026-10-07"), ("2026-10-08", "2026-10-21"), ["they have 7 and 14 days"]),
        (("2026-10-01", "2026-10-08"), ("2026-10-08", "2026-10-15"), ["they overlap"]),
        (("2026-10-08", "2026-10-14"), ("2026-10-01", "2026-10-07"), ["period_b is before"]),
        (("2026-10-01", "2026-10-03"), ("2026-11-11", "2026-11-12"),
         ["they have 3 and 2 days", "lacks 1 of the 2 days of period_b (2026-11-12)"]),
    ],
)  # fmt: skip
def test_periods_that_differ_are_said_and_compared_as_asked(
    frame: pd.DataFrame, a: Any, b: Any, said: list[str]
) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(2):  # a cell that is run again
            changes = sda.compare(frame, a, b, metrics=["cost"])
    assert [warning.category for warning in caught] == [sda.PeriodWarning] * 2
    assert [warning.filename for warning in caught] == [__file__] * 2
    for text in said:
        assert text in str(caught[0].message)
    for side, (first, last) in {"a": a, "b": b}.items():
        days = frame[frame["date"].between(first, last)]
        assert changes[f"cost_{side}"].tolist() == [days["cost"].sum()]
        period = changes.attrs["sdanalytics"][f"period_{side}"]
        assert period == {
            "start": first,
            "end": last,
            "length": (date.fromisoformat(last) - date.fromisoformat(first)).days + 1,
            "days": days["date"].nunique(),
        }
    json.dumps(changes.attrs)


def test_two_weeks_that_are_there_need_no_warning(frame: pd.DataFrame) -> None:
    weeks = ("2026-10-01", "2026-10-07"), ("2026-10-08", "2026-10-14")
    changes = sda.compare(frame, *weeks)  # a warning would be an error here
    assert changes.attrs["sdanalytics"]["period_a"]["days"] == 7
    weekly = sda.summarize(frame, "campaignName", freq="W")
    whole = ("2026-10-05", "2026-10-11"), ("2026-10-12", "2026-10-18")
    by_week = sda.compare(weekly, *whole, metrics=["cost"])
    assert by_week["cost_a"].tolist() == [frame[frame["date"].between(*whole[0])]["cost"].sum()]
    assert by_week.attrs["sdanalytics"]["period_a"]["days"] == 7


def test_a_frame_in_any_order_has_the_same_comparison(frame: pd.DataFrame) -> None:
    weeks = ("2026-10-03", "2026-10-09"), ("2026-10-20", "2026-10-26")
    in_order = sda.compare(frame, *weeks, by="campaignName", raw=True)
    shuffled = frame.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(
        sda.compare(shuffled, *weeks, by="campaignName", raw=True), in_order
    )


def test_a_period_that_ends_before_it_begins_is_refused(frame: pd.DataFrame) -> None:
    with pytest.raises(InvalidRequest, match=r"period_a must end on or after .* swap the two"):
        sda.compare(frame, ("2026-10-07", "2026-10-01"), ("2026-10-08", "2026-10-14"))


def test_raw_columns_are_compared_on_request(frame: pd.DataFrame) -> None:
    weeks = ("2026-10-01", "2026-10-07"), ("2026-10-08", "2026-10-14")
    frame["attributedSales1d"] = 1.0
    main = sda.compare(frame, *weeks, by="campaignId")
    everything = sda.compare(frame, *weeks, by="campaignId", raw=True)
    assert main.columns[:3].tolist() == ["campaignId", "campaignName", "costType"]
    compared = [
        name.removesuffix("_change") for name in main.columns.tolist() if name.endswith("_change")
    ]
    assert compared[:3] == ["cost", "orders", "sales"]
    assert {"acos", "roas", "cvr", "purchase_rate", "clicks", "impressions"} - {*compared} == {
        "purchase_rate"
    }  # without viewable impressions
    assert "attributedConversions14d" in compared  # the orders behind cvr
    assert not {"attributedSales1d", "viewAttributedSales14d"} & {*compared}
    assert {"attributedSales1d_a", "viewAttributedSales14d_change"} <= {*everything}
    assert list(everything)[: len(list(main)) - 12] == list(main)[: len(list(main)) - 12]


# -- ratios of comparisons ------------------------------------------------------------------


def test_changes_of_ratios_are_ranked_but_not_added_up(frame: pd.DataFrame) -> None:
    weeks = ("2026-10-01", "2026-10-07"), ("2026-10-08", "2026-10-14")
    frame["tactic"] = np.where(frame["campaignName"] == "a", "T00020", "T00030")
    frame["country"] = "US"
    changes = sda.compare(frame, *weeks, by=["campaignName", "country"])
    axes = plots.top(changes, "acos_change", by="campaignName")
    widths = [bar.get_width() for bar in axes.patches]
    assert widths == sorted(changes["acos_change"], reverse=True)
    for metric in ("acos_change", "acos_b", "cost_change_share", "ctr_change"):
        with pytest.raises(InvalidRequest, match=f"{metric} must not be added up.*explain"):
            plots.top(changes, metric, by="country")
        with pytest.raises(InvalidRequest, match="must not be added up"):
            plots.top(changes, "cost_change", by="country", hue=metric)
    summed = plots.top(changes, "cost_change", by="country")
    assert summed.patches[0].get_width() == pytest.approx(changes["cost_change"].sum())
    lost = pd.concat([changes, changes.assign(campaignName="c")])
    lost.attrs = {}
    with pytest.raises(InvalidRequest, match="acos_change must not be added up"):
        plots.top(lost, "acos_change", by="country")


# -- weeks and months -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("freq", "days", "is_whole"),
    [
        ("W", [4, 7, 7, 7, 7, 7, 3], [False, True, True, True, True, True, False]),
        ("W-WED", [7] * 6, [True] * 6),
        ("MS", [31, 11], [True, False]),
        ("ME", [31, 11], [True, False]),
        ("QS", [42], [False]),
        ("14D", [14] * 3, [True] * 3),
    ],
)
def test_buckets_say_how_many_days_they_have(
    frame: pd.DataFrame, freq: str, days: list[int], is_whole: list[bool]
) -> None:
    summary = sda.summarize(frame, freq=freq)
    assert summary.columns[:3].tolist() == ["date", "days", "is_whole"]
    assert summary["days"].tolist() == days
    assert str(summary["days"].dtype) == "Int64"
    assert summary["is_whole"].tolist() == is_whole
    by_name = sda.summarize(frame[frame["clicks"] != 20], "campaignName", freq)
    assert by_name["days"].tolist() == [n for n in days for _ in range(2)]  # the frame's days
    total = sda.summarize(frame, freq=freq, total=True).iloc[-1]
    assert (total["days"], total["is_whole"]) == (42, all(is_whole))


def test_a_missing_day_makes_a_week_a_part(frame: pd.DataFrame) -> None:
    rows = frame[frame["date"] != "2026-10-14"]
    assert sda.summarize(rows, freq="W")["days"].tolist() == [4, 7, 6, 7, 7, 7, 3]
    assert sda.summarize(rows, freq="W")["is_whole"].tolist()[2] is False
    weekly = sda.summarize(rows, freq="W")
    months = sda.summarize(weekly, freq="MS")
    assert months["days"].tolist() == [4 + 7 + 6 + 7, 7 + 7 + 3]


def test_days_need_no_count(frame: pd.DataFrame) -> None:
    assert "days" not in sda.summarize(frame, freq="D")
    assert "days" not in sda.summarize(frame, "campaignName")


def test_part_weeks_are_drawn_hollow(frame: pd.DataFrame) -> None:
    axes = plots.trend(sda.summarize(frame, freq="W"), "sales")
    (hollow,) = axes.collections
    assert hollow.get_facecolor()[0].tolist() == [1, 1, 1, 1]
    assert len(hollow.get_offsets()) == 2
    assert "hollow: not all days" in text_below(axes)
    days = pd.to_datetime(["2026-10-04", "2026-11-11"])  # the last day with data
    drawn = axes.get_lines()[0]
    for (x, y), day in zip(hollow.get_offsets().tolist(), days, strict=True):
        at = drawn.get_xdata().tolist().index(day.to_datetime64().astype("datetime64[s]"))
        assert y == drawn.get_ydata()[at]
        assert x == date2num(day)  # type: ignore[no-untyped-call]
    whole = plots.trend(sda.summarize(frame, freq="W-WED"), "sales", by=None)
    assert not whole.collections
    assert "hollow" not in text_below(whole)
    axes.figure.canvas.draw()


# -- total rows -----------------------------------------------------------------------------


def test_total_rows_have_a_label_whatever_the_keys_are(frame: pd.DataFrame) -> None:
    by_id = sda.summarize(frame, "campaignId", total=True)
    assert by_id["campaignName"].tolist() == ["a", "b", "total"]
    nameless = frame.drop(columns="campaignName")
    without = sda.summarize(nameless.assign(costType="CPC"), "campaignId", total=True)
    assert without["costType"].tolist() == ["CPC", "CPC", "total"]
    bare = sda.summarize(nameless[["date", "campaignId", "cost"]], "campaignId", "W", total=True)
    assert bare["label"].tolist()[:2] == ["2026-10-04, 1", "2026-10-04, 2"]
    assert bare["label"].tolist()[-1] == "total"
    assert bare["campaignId"].dtype == "Int64"
    weekly = sda.summarize(frame, freq="W", total=True)
    assert weekly.columns[0] == "label"
    assert weekly["label"].tolist()[-2:] == ["2026-11-15", "total"]
    assert weekly["date"].isna().tolist() == [False] * 7 + [True]
    for summary in (by_id, without, bare, weekly):
        assert sda.summarize(summary)["cost"].tolist() == [frame["cost"].sum()]
    line = plots.trend(weekly, "cost").get_lines()[0]
    assert np.nansum(line.get_ydata()) == frame["cost"].sum()
