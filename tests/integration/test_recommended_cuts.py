"""Recommendations for the sandbox's accounts, of which it is known what each target brings."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import sdanalytics as sda

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
METRICS = [
    "campaignName", "costType", "currency", "clicks", "viewImpressions", "cost",
    "attributedConversions14d", "attributedSales14d", "viewAttributedConversions14d",
    "viewAttributedSales14d",
]  # fmt: skip


@pytest.mark.parametrize(
    ("first", "last"), [("2026-09-01", "2026-09-07"), ("2026-08-01", "2026-08-28")]
)
def test_of_cuts_at_most_one_in_ten_is_wrong(first: str, last: str) -> None:
    with sda.sandbox.start(now=lambda: NOW, delay=0.0, campaigns=60) as service:
        drawn = service.truth("targets", first, last, metrics=METRICS)
        expected = service.truth("targets", first, last, metrics=METRICS, expected=True)
    truth = sda.summarize(expected, "targetId").set_index("targetId")["acos"]
    for target in (0.15, 0.3, 0.5):
        result = sda.recommend(drawn, target_acos=target)
        acos = truth[result["targetId"]].to_numpy()
        is_cut = result["action"] == "cut"
        is_scaled = result["action"] == "scale"
        wrong = is_cut & (acos <= target)
        assert wrong.sum() <= 0.1 * is_cut.sum()
        assert (is_scaled & (acos > target)).sum() <= 0.1 * is_scaled.sum()
        above = result["cost"][acos > target].sum()
        freed = result["cost"][is_cut].sum()
        assert freed > 0.2 * above
        true_waste = (result["cost"] * (1 - target / acos)).clip(lower=0).sum()
        assert result["waste"].sum() == pytest.approx(true_waste, rel=0.15)
