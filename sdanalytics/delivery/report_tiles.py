"""The tiles of a report: the main metrics, with intervals and changes."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from sdanalytics.analysis.kpi_definitions import metric_unit
from sdanalytics.delivery.account_findings import AccountFindings
from sdanalytics.delivery.metric_changes import CHANCE_LEVEL, MetricChange
from sdanalytics.delivery.report_sentences import FINAL_LEVEL
from sdanalytics.delivery.report_words import (
    word_chance,
    word_level,
    word_metric,
    word_percent,
    word_points,
    word_range,
)
from sdanalytics.plots.metric_labels import metric_label

_VERDICTS: Final = {
    True: "more than chance",
    False: "within chance",
    None: "",
}


class Tile(NamedTuple):
    """A metric in words.

    Attributes
    ----------
    label : str
    value : str
    interval : str
        Of the final number; empty for reported ones.
    change : str
        Against the days before.
    verdict : str
        Whether chance alone makes such a change; empty where it is not known.
    chance : str
        The bounds behind the verdict.
    """

    label: str
    value: str
    interval: str
    change: str
    verdict: str
    chance: str


def make_tiles(findings: AccountFindings) -> list[Tile]:
    """Return a tile for each metric that is known in both periods."""
    currency = findings.account.currency
    return [_make_tile(change, currency) for change in findings.changes.values()]


def _make_tile(change: MetricChange, currency: str) -> Tile:
    interval = ""
    if math.isfinite(change.low):
        low = word_metric(change.metric, change.low, currency)
        high = word_metric(change.metric, change.high, currency)
        interval = f"{FINAL_LEVEL}: {word_range(low, high)}"
    chance = ""
    if change.chance is not None:
        chance = f"{word_level(CHANCE_LEVEL)}: {word_chance(change.chance)}"
    label = metric_label(change.metric)
    return Tile(
        label=label[0].upper() + label[1:],
        value=word_metric(change.metric, change.after, currency),
        interval=interval,
        change=_word_tile_change(change, currency),
        verdict=_VERDICTS[change.is_beyond_chance],
        chance=chance,
    )


def _word_tile_change(change: MetricChange, currency: str) -> str:
    before = word_metric(change.metric, change.before, currency)
    if not math.isfinite(change.share):
        return f"after {before}"
    share = word_percent(change.share)
    if metric_unit(change.metric) == "fraction":
        share = f"{word_points(change.change)} ({share})"
    return f"{share} after {before}"
