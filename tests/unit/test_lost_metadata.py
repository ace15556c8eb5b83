"""Frames whose metadata pandas has dropped, and metadata that pandas must be able to write."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics.errors import SDAnalyticsWarning
from tests.support.figures import text_below
from tests.support.samples import GERMANY, US, day, sample_frame

METRICS = ["costType", "campaignName", "cost", "attributedSales14d", "viewAttributedSales14d"]


def without_currency(profile_id: int) -> pd.DataFrame:
    return sample_frame("campaigns", 14, 1, metrics=METRICS, profile_id=profile_id)


@pytest.fixture
def mixed() -> pd.DataFrame:
    return pd.concat([without_currency(US), without_currency(GERMANY)], ignore_index=True)


@pytest.mark.parametrize(
    "call",
    [
        lambda df: sda.summarize(df, "campaignName", "W", total=True),
        lambda df: sda.compare(df, (day(14), day(8)), (day(7), day(1)), by="tactic"),
        lambda df: sda.plots.trend(df, "cost", by="campaignName"),
        lambda df: sda.plots.top(df, "acos", dot="cost"),
        lambda df: sda.plots.efficiency(df, size="cost"),
        lambda df: sda.plots.calendar(df, "cost"),
    ],
)
def test_money_of_unknown_currency_is_warned_of_once(
    mixed: pd.DataFrame, call: Callable[[pd.DataFrame], Any]
) -> None:
    with pytest.warns(SDAnalyticsWarning, match="currency of this money is unknown") as caught:
        call(mixed)
    plt.close("all")
    assert [warning.filename for warning in caught] == [__file__]


def test_rows_without_a_currency_are_warned_of() -> None:
    with_currency = sample_frame("campaigns", 14, 1, metrics=[*METRICS, "currency"])
    mixed = pd.concat([with_currency, without_currency(GERMANY)])
    with pytest.warns(SDAnalyticsWarning, match="currency"):
        sda.summarize(mixed)


def test_a_csv_file_loses_the_currency() -> None:
    text = without_currency(US).to_csv(index=False)
    frame = pd.read_csv(io.StringIO(text), parse_dates=["date"])
    with pytest.warns(SDAnalyticsWarning, match="currency"):
        sda.summarize(frame)


def test_a_known_currency_needs_no_warning(mixed: pd.DataFrame) -> None:
    sda.summarize(without_currency(US))  # a warning would be an error here
    sda.summarize(mixed.assign(currency="USD"))
    sda.summarize(mixed[["date", "tactic", "campaignName"]].assign(clicks=1))
    same = pd.concat([without_currency(US), without_currency(US)])
    assert same.attrs["sdanalytics"]["currency"] == "USD"
    sda.summarize(same)


@pytest.mark.parametrize(
    ("freq", "text"),
    [
        (pd.offsets.MonthBegin(), "MS"),
        (pd.offsets.Week(weekday=5), "W-SAT"),
        (pd.offsets.QuarterEnd(startingMonth=3), "QE-MAR"),
        (pd.Timedelta(days=7), "168h"),
        (timedelta(days=1), "24h"),
        ("MS", "MS"),
        (None, None),
    ],
)
def test_frequencies_may_be_objects_and_are_kept_as_text(
    freq: Any, text: str | None, tmp_path: Any
) -> None:
    frame = sample_frame("campaigns", 14, 1)
    weekly = sda.summarize(frame, "campaignName", freq)
    assert weekly.attrs["sdanalytics"]["freq"] == text
    json.dumps(weekly.attrs)
    weekly.to_parquet(tmp_path / "weekly.parquet")
    pd.testing.assert_frame_equal(weekly, sda.summarize(frame, "campaignName", text))
    if text is not None:
        sda.plots.trend(weekly, "cost")
        plt.close("all")


def test_a_frequency_that_pandas_does_not_know_is_named() -> None:
    with pytest.raises(sda.InvalidRequest, match="freq must be a frequency"):
        sda.summarize(sample_frame("campaigns", 14, 1), freq=object())  # type: ignore[arg-type]


def test_figures_of_merged_frames_say_that_ages_are_not_known() -> None:
    targets = sample_frame("campaigns", 14, 1)
    costs = pd.DataFrame({"campaignId": targets["campaignId"].unique(), "margin": 0.3})
    merged = targets.merge(costs, on="campaignId")
    assert merged.attrs == {}
    for frame in (merged, pd.concat([targets.head(50), merged.tail(50)])):
        for draw in (sda.plots.trend, sda.plots.calendar):
            assert "restatable days are not known" in text_below(draw(frame, "sales"))
    assert "not known" not in text_below(sda.plots.trend(targets, "sales"))
    plt.close("all")


def test_warnings_point_at_the_line_of_the_user() -> None:
    targets = sample_frame("targets", 2, 2).drop(columns="costType", errors="ignore")
    namespace = {"sda": sda, "targets": targets}
    code = compile("\n\nsda.plots.top(targets, 'orders', by='tactic')", "user.py", "exec")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec(code, namespace)
    plt.close("all")
    assert [(warning.filename, warning.lineno) for warning in caught] == [("user.py", 3)]
    assert issubclass(caught[0].category, SDAnalyticsWarning)


def test_more_is_a_change_above_zero_from_a_credit_too() -> None:
    frame = sample_frame("campaigns", 14, 1)[["date", "tactic", "currency", "cost"]].copy()
    first = frame["date"] <= pd.Timestamp(day(8))
    frame["cost"] = 0.0
    frame.loc[first.idxmax(), "cost"] = -10.0
    frame.loc[(~first).idxmax(), "cost"] = 5.0
    changes = sda.compare(frame, (day(14), day(8)), (day(7), day(1)), metrics=["cost"])
    assert changes["cost_change"].tolist() == [15.0]
    assert changes["cost_change_share"].tolist() == [1.5]
