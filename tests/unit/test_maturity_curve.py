"""Maturity curves of days that grow as the test says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sdanalytics import InvalidRequest
from sdanalytics.analysis.curves import estimate_curve
from tests.support.simulated_history import METADATA

AGES = np.arange(61)
DAYS = 120
FAST, SLOWER, SLOW = (np.exp(-AGES / days) for days in (3, 5, 8))
CLICK_RATE = 0.1
"""Orders by clicks."""


def add_up_shares(delay: Any) -> Any:
    """Return the share that is known at each age."""
    return np.cumsum(delay) / delay.sum()


def simulate(
    delays: Mapping[str, Sequence[Any]],
    orders: Mapping[str, float],
    *,
    every: int = 1,
    seed: int = 1,
) -> pd.DataFrame:
    """Return the history of days whose orders come with delays, fetched every so many days.

    The delays of a group are those of parts of the calendar of equal length.
    """
    generator = np.random.default_rng(seed)
    frames: list[pd.DataFrame] = []
    for campaign, (name, parts) in enumerate(delays.items()):
        for day in range(DAYS):
            delay = parts[day * len(parts) // DAYS]
            count = generator.poisson(orders[name])
            arrived = np.cumsum(generator.multinomial(count, delay / delay.sum()))
            mornings = day + 1 + AGES
            is_fetched = (mornings <= DAYS) & (mornings % every == 0)
            known = arrived[is_fetched]
            frames.append(
                pd.DataFrame({
                    "date": pd.Timestamp("2026-06-01") + pd.Timedelta(days=day),
                    "tactic": "T00020",
                    "campaignId": campaign,
                    "costType": "CPC",
                    "name": name,
                    "age": AGES[is_fetched],
                    "clicks": generator.poisson(orders[name] / CLICK_RATE),
                    "attributedConversions14d": known,
                })
            )  # fmt: skip
    frame = pd.concat(frames, ignore_index=True)
    days = pd.to_timedelta(frame["age"] + 1, unit="D")
    frame["fetched_at"] = (frame["date"] + days).dt.tz_localize("UTC")
    frame.attrs["sdanalytics"] = dict(METADATA)
    counts = ["age", "clicks", "attributedConversions14d"]
    return frame.astype(dict.fromkeys(counts, "Int64"))


def select(curve: pd.DataFrame, name: str | None = None, metric: str = "orders") -> pd.DataFrame:
    """Return the rows of a metric by age."""
    rows = curve[curve["metric"] == metric]
    if name is not None:
        rows = rows[rows["name"] == name]
    return rows.set_index("age")


def log_width(curve: pd.DataFrame, name: str | None = None) -> Any:
    """Return the width of the bounds of the youngest days."""
    rows = select(curve, name).iloc[:7]
    return np.log(rows["share_high"] / rows["share_low"])


def test_groups_keep_delays_that_differ() -> None:
    delays = {"fast": [FAST], "slow": [SLOW]}
    curve = estimate_curve(simulate(delays, {"fast": 200, "slow": 200}), ["name"], "vintages")
    for name, delay in (("fast", FAST), ("slow", SLOW)):
        known = select(curve, name)["share"].to_numpy()
        assert known == pytest.approx(add_up_shares(delay)[:42], rel=0.05)


def test_small_groups_that_are_alike_borrow_from_the_whole() -> None:
    names = [f"group {number}" for number in range(8)]
    history = simulate({name: [SLOW] for name in names}, dict.fromkeys(names, 3))
    curve = estimate_curve(history, ["name"], "vintages")
    truth = add_up_shares(SLOW)
    for name in names:
        rows = select(curve, name)
        assert rows["share"].iloc[:14].to_numpy() == pytest.approx(truth[:14], rel=0.15)
    # A group alone would have an error of 20 %: its share of the youngest days rests on 20 orders.
    assert (log_width(curve, names[0]) < 0.2).all()


@pytest.mark.parametrize("every", [1, 7])
@pytest.mark.parametrize("first", [0.01, 0.9])
def test_what_is_known_at_first_may_be_little_or_much(first: float, every: int) -> None:
    delay = np.where(AGES == 0, first, (1 - first) * np.exp(-AGES) * (np.e - 1))
    curve = estimate_curve(simulate({"a": [delay]}, {"a": 500}, every=every), [], "vintages")
    rows = select(curve).iloc[:14]
    truth = add_up_shares(delay)[:14]
    assert (rows["share_low"] < truth * 1.02).all()
    assert (rows["share_high"] > truth * 0.98).all()
    assert rows["share"].to_numpy()[2:] == pytest.approx(truth[2:], rel=0.1)


def test_numbers_that_shrink_have_shares_above_one() -> None:
    history = simulate({"a": [FAST]}, {"a": 100})
    removed = 1 - 0.03 * np.minimum(history["age"].astype(float) / 3, 1)
    history["clicks"] = (history["clicks"].astype(float) * 10 * removed).round().astype("Int64")
    rows = select(estimate_curve(history, [], "vintages"), metric="clicks")
    assert rows["share"].iloc[0] == pytest.approx(1 / 0.97, abs=0.003)
    assert rows["share"].iloc[5:].to_numpy() == pytest.approx(1, abs=0.002)


def test_a_part_of_a_day_is_never_taken_for_a_day() -> None:
    history = simulate({"a": [FAST]}, {"a": 100})
    first = history[history["age"] == 0]
    part = first.assign(age=-1, attributedConversions14d=1)
    part["age"] = part["age"].astype("Int64")
    both = pd.concat([history, part], ignore_index=True)
    both.attrs = dict(history.attrs)
    expected = estimate_curve(history, [], "auto")
    pd.testing.assert_frame_equal(estimate_curve(both, [], "auto"), expected)


def test_bounds_are_wide_where_the_delay_changes() -> None:
    orders = {"a": 200.0}
    steady = estimate_curve(simulate({"a": [FAST]}, orders), [], "vintages")
    changing = estimate_curve(simulate({"a": [FAST, SLOWER] * 2}, orders), [], "vintages")
    assert (log_width(changing) > 3 * log_width(steady)).all()
    for delay in (FAST, SLOWER):
        truth = add_up_shares(delay)[:3]
        youngest = select(changing).iloc[:3]
        assert (youngest["share_low"] < 1.2 * truth).all()
        assert (1.2 * youngest["share_high"] > truth).all()


def test_one_snapshot_gives_a_curve_with_wide_bounds() -> None:
    history = simulate({"a": [FAST], "b": [FAST]}, {"a": 150, "b": 150})
    newest = history.groupby("date")["age"].transform("max")
    snapshot = history[history["age"] == newest]
    snapshot.attrs = dict(history.attrs)
    curve = estimate_curve(snapshot, [], "auto")
    assert set(curve["method"]) == {"cross-section"}
    rows = select(curve)
    truth = add_up_shares(FAST)[:42]
    assert rows["share"].to_numpy() == pytest.approx(truth, rel=0.15)
    assert rows["share"].is_monotonic_increasing
    assert ((rows["share_low"] < truth) & (truth < rows["share_high"])).mean() > 0.7
    vintages = estimate_curve(history, [], "auto")
    assert set(vintages["method"]) == {"vintages"}
    assert (log_width(curve) > 2 * log_width(vintages)).all()
    clicks = select(curve, metric="clicks")
    assert (clicks["share"] == 1).all()
    assert clicks["share_high"].iloc[0] > 1.02


def test_without_versions_or_final_days_there_is_no_curve() -> None:
    history = simulate({"a": [FAST]}, {"a": 50})
    newest = history.groupby("date")["age"].transform("max")
    young = history[(history["age"] == newest) & (history["age"] < 30)]
    young.attrs = dict(history.attrs)
    with pytest.raises(InvalidRequest, match=r"in two versions.*best every morning"):
        estimate_curve(young, [], "vintages")
    with pytest.raises(InvalidRequest, match=r"the store has 2: fetch the last 60 days"):
        estimate_curve(young, [], "cross-section")
    with pytest.raises(InvalidRequest, match=r"in two versions.*; .*fetch the last 60 days"):
        estimate_curve(young, [], "auto")
