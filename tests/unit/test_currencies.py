"""Profiles in several currencies: ratios without one are compared, amounts are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from sdanalytics import InvalidRequest, compare, summarize
from sdanalytics import plots as typed_plots
from tests.support.samples import GERMANY, JAPAN, US, day, sample_frame

plots: Any = typed_plots  # the tests read attributes of artists that matplotlib's types lack
PROFILES = (US, JAPAN, GERMANY)


@pytest.fixture
def profiles() -> pd.DataFrame:
    frames = []
    for profile in PROFILES:
        frame = sample_frame("campaigns", 14, 1, profile_id=profile)
        frames.append(frame.assign(profile_id=str(profile)))
    return pd.concat(frames, ignore_index=True)


@pytest.mark.parametrize("metric", ["acos", "roas", "ctr", "cvr", "purchase_rate", "click_roas"])
def test_ratios_without_a_currency_are_drawn_side_by_side(
    profiles: pd.DataFrame, metric: str
) -> None:
    alone = summarize(profiles, ["profile_id", "date"]).set_index(["profile_id", "date"])[metric]
    axes = plots.trend(profiles, metric, by="profile_id")
    lines = {line.get_label(): line.get_ydata() for line in axes.get_lines()}
    assert {*lines} == {*map(str, PROFILES)}
    for profile, values in lines.items():
        np.testing.assert_allclose(np.asarray(values, "float64"), alone.loc[profile].to_numpy())
    by_profile = summarize(profiles, "profile_id").set_index("profile_id")[metric]
    bars = plots.top(profiles, metric, by="profile_id")
    widths = [bar.get_width() for bar in bars.patches]
    np.testing.assert_allclose(widths, by_profile.sort_values(ascending=False).to_numpy())


@pytest.mark.parametrize("metric", ["cost", "sales", "cpc", "ntb_cpa", "aov"])
def test_amounts_are_not(profiles: pd.DataFrame, metric: str) -> None:
    for draw in (plots.trend, plots.top):
        with pytest.raises(InvalidRequest, match="EUR, JPY, USD"):
            draw(profiles, metric, by="profile_id")


def test_a_ratio_of_money_is_of_one_currency(profiles: pd.DataFrame) -> None:
    for metric in ("acos", "roas"):
        for draw in (plots.trend, plots.calendar):
            with pytest.raises(InvalidRequest, match="EUR, JPY, USD"):
                draw(profiles, metric)
    for metric in ("ctr", "cvr"):
        drawn = plots.trend(profiles, metric).get_lines()[0].get_ydata()
        both = profiles.drop(columns=profiles.columns[profiles.dtypes == "float64"])
        np.testing.assert_allclose(drawn, summarize(both, freq="D")[metric].to_numpy())


def test_others_in_several_currencies_are_left_out(profiles: pd.DataFrame) -> None:
    few = plots.trend(profiles, "acos", by="profile_id", n=1)
    assert len(few.get_lines()) == 1
    with_others = plots.trend(profiles, "ctr", by="profile_id", n=1)
    assert [line.get_label() for line in with_others.get_lines()][1] == "2 others"


def test_comparisons_are_by_currency_too(profiles: pd.DataFrame) -> None:
    weeks = (day(14), day(8)), (day(7), day(1))
    changes = compare(profiles, *weeks, by="profile_id", metrics=["acos", "cost"])
    assert len(changes) == 3
    with pytest.raises(InvalidRequest, match="EUR, JPY, USD"):
        compare(profiles, *weeks, metrics=["acos"])
    clicks = profiles[["date", "clicks", "impressions", "currency"]]
    assert compare(clicks, *weeks, metrics=["ctr"])["ctr_a"].notna().all()


def test_a_total_of_several_currencies_says_to_leave_it_out(profiles: pd.DataFrame) -> None:
    with pytest.raises(InvalidRequest, match=r"EUR, JPY, USD.*leave out total="):
        summarize(profiles, "currency", total=True)
    with pytest.raises(InvalidRequest, match="summarize with 'currency' in by="):
        summarize(profiles, "tactic", total=True)
    assert len(summarize(profiles, "currency")) == 3
