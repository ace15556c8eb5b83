"""`plots.data`: which arguments it takes, and what it says of others."""

from __future__ import annotations

import warnings
from typing import Any

import pandas as pd
import pytest

from sdanalytics import InvalidRequest, compare, summarize
from sdanalytics import plots as typed_plots
from tests.support.figures import text_below
from tests.support.samples import GERMANY, US, sample_frame

plots: Any = typed_plots  # the tests read attributes of artists that matplotlib's types lack


@pytest.mark.parametrize("option", ["ax", "title", "facet", "color"])
def test_arguments_of_the_look_are_refused_by_name(option: str) -> None:
    frame = sample_frame("campaigns", 7, 1)
    with pytest.raises(InvalidRequest, match=f"got {option}: leave out"):
        plots.data("trend", frame, **{option: None})


def test_arguments_that_a_figure_does_not_have_are_refused() -> None:
    frame = sample_frame("campaigns", 7, 1)
    with pytest.raises(InvalidRequest, match=r"those of plots\.pacing: too many positional"):
        plots.data("pacing", frame, "cost")
    with pytest.raises(InvalidRequest, match="multiple values for argument 'metric'"):
        plots.data("top", frame, "cost", metric="sales")


def test_the_name_of_the_figure_comes_first() -> None:
    with pytest.raises(InvalidRequest, match=r"got DataFrame: pass it first, as in plots\.data"):
        plots.data(sample_frame("campaigns", 7, 1), "top")


@pytest.mark.parametrize("by", [None, "campaignName"])
def test_a_trend_of_no_rows_is_an_empty_table(by: str | None) -> None:
    table = plots.data("trend", sample_frame("campaigns", 7, 1).iloc[:0], by=by)
    assert table.empty
    assert table.columns.tolist()[:3] == ["date", "name", "cost"]


@pytest.mark.parametrize("n", [3, 8])
def test_all_others_are_in_the_table_of_top_if_they_have_a_bar(n: int) -> None:
    frame = sample_frame("campaigns", 28, 1)
    table = plots.data("top", frame, n=n)
    bars = plots.top(frame, n=n).patches
    assert table["cost"].tolist() == [bar.get_width() for bar in bars]


class TestTitles:
    def test_a_summary_is_of_the_days_that_were_summarized(self) -> None:
        frame = sample_frame("campaigns", 28, 1)
        last_week = frame[frame["date"] >= "2026-11-13"]
        axes = plots.top(summarize(last_week, "campaignName"))
        assert ", 13 to 19 Nov 2026, " in axes.get_title(loc="left")

    def test_weeks_are_of_the_days_in_them(self) -> None:
        weeks = summarize(sample_frame("campaigns", 28, 1), freq="W")
        axes = plots.trend(weeks)
        assert ", 23 Oct to 19 Nov 2026, " in axes.get_title(loc="left")
        later = plots.trend(weeks.iloc[1:])
        assert ", 26 Oct to 19 Nov 2026, " in later.get_title(loc="left")

    def test_one_profile_of_several_is_named(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            frames = [
                sample_frame("campaigns", 7, 1).assign(
                    profile_id=US, accountName="Northwind", countryCode="US"
                ),
                sample_frame("campaigns", 7, 1, profile_id=GERMANY).assign(
                    profile_id=GERMANY, accountName="Alpen", countryCode="DE"
                ),
            ]
            both = pd.concat(frames, ignore_index=True)
        one = both[both["profile_id"] == US]
        assert plots.trend(one).get_title(loc="left").endswith(", Northwind US")
        two = plots.trend(both, "clicks").get_title(loc="left")
        assert two.endswith(", 2 profiles")


def test_top_of_changes_says_where_the_part_of_those_without_a_ratio_is() -> None:
    days = ["2026-11-01", "2026-11-01", "2026-11-02", "2026-11-02"]
    frame = pd.DataFrame(
        {
            "date": pd.to_datetime(days),
            "campaignName": ["Tents", "Stoves"] * 2,
            "costType": "CPC",
            "cost": [10.0, 10.0, 20.0, 20.0],
            "attributedSales14d": [30.0, 0.0, 30.0, 40.0],
        }
    )
    changes = compare(frame, (days[0], days[0]), (days[2], days[2]), by="campaignName")
    below = text_below(plots.top(changes, "acos_change"))
    assert "1 of 2 campaigns without ACOS in one of the periods: waterfall(explain" in below
    assert "without" not in text_below(plots.top(changes, "cost_change"))
