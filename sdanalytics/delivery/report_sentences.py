"""The sentences of a report: what changed, why, what to do, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Final, TypeAlias

import pandas as pd

from sdanalytics.analysis.explanation import EXPLAINED
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.rate_changes import Interval
from sdanalytics.analysis.recommend import RECOMMENDED
from sdanalytics.analysis.share_table import CURVE_LEVEL, FROM_SNAPSHOT
from sdanalytics.delivery.account_findings import (
    ACTIONS,
    CAMPAIGNS_OF_CHANGE,
    COMPARISON,
    AccountFindings,
    Judgement,
)
from sdanalytics.delivery.metric_changes import CHANCE_LEVEL, MetricChange
from sdanalytics.delivery.report_words import (
    count_things,
    start_sentence,
    word_chance,
    word_day,
    word_difference,
    word_level,
    word_metric,
    word_name,
    word_number,
    word_percent,
    word_period,
    word_points,
    word_range,
    word_reason,
    word_step,
)
from sdanalytics.plots.metric_labels import metric_label

FINAL_LEVEL: Final = word_level(CURVE_LEVEL)
"""The level of intervals of final numbers."""
Row: TypeAlias = Mapping[Hashable, Any]

_NAMED: Final = 2
"""Contributions that are named."""
_LEAST_CONTRIBUTION: Final = 1e-9
"""Smaller ones are rounding errors."""


def write_sentences(findings: AccountFindings) -> list[str]:
    """Return five sentences about a profile; one, if there was nothing to report."""
    if not findings.has_activity:
        return [_write_inactivity(findings)]
    return [
        _write_sums(findings),
        _write_efficiency(findings),
        _write_reasons(findings),
        _write_actions(findings),
        _write_certainty(findings),
    ]


def _write_inactivity(findings: AccountFindings) -> str:
    period = findings.span.period
    days = word_period(period.first, period.last)
    account = findings.account
    failure = {**account.too_old, **account.failures}.get("campaigns")
    if failure is not None:
        reason = word_reason(failure)
        return f"Nothing can be said of {days}: {reason}"
    return f"No campaign had any activity ({days})."


def _write_sums(findings: AccountFindings) -> str:
    """Say how sales and cost changed."""
    if not findings.changes:
        return _write_gap(findings, COMPARISON, "What changed")
    currency = findings.account.currency
    parts = []
    for metric in ("sales", "cost"):
        change = findings.changes.get(metric)
        if change is None:
            continue
        verb = "is expected to be" if change.is_final else "was"
        if metric == "sales":
            verb = "are expected to be" if change.is_final else "were"
        amount = word_metric(metric, change.after, currency)
        difference = _word_change(change, findings)
        parts.append(f"{metric} {verb} {amount}, {difference}")
    if not parts:
        return "Neither sales nor cost are in the report."
    text = "; ".join(parts)
    return start_sentence(f"{text}.")


def _word_change(change: MetricChange, findings: AccountFindings) -> str:
    """Return how a sum changed against the days before, with the interval of final numbers."""
    days = count_things(findings.span.before.length, "day")
    share = change.share
    if math.isnan(share):
        return f"after none in the {days} before"
    difference = word_difference(share)
    text = f"{difference} in the {days} before"
    if not change.is_final:
        return text
    low = change.divide_by_before(change.change_low)
    high = change.divide_by_before(change.change_high)
    bounds = _word_bounds(low, high, word_percent)
    basis = "on final numbers"
    if findings.is_from_snapshot:
        basis = f"{basis} ({FROM_SNAPSHOT})"
    return f"{text} {bounds}, {basis}"


def _word_bounds(low: float, high: float, word: Callable[[float], str]) -> str:
    """Return the interval of a final number, in brackets."""
    bounds = word_range(word(low), word(high))
    return f"({FINAL_LEVEL}: {bounds})"


def _write_efficiency(findings: AccountFindings) -> str:
    """Say how ACOS changed."""
    acos = findings.changes.get("acos")
    if acos is None:
        return "How ACOS changed is not known: there is no comparison of cost and sales."
    before = _word_share(acos.before)
    after = _word_share(acos.after)
    if math.isnan(acos.after):
        return f"ACOS has no value, because there were no sales; before it was {before}."
    points = word_points(acos.change)
    verb = "was"
    if acos.is_final:
        verb = "is expected to be"
        level_bounds = _word_bounds(acos.low, acos.high, _word_share)
        change_bounds = _word_bounds(acos.change_low, acos.change_high, word_points)
        after = f"{after} {level_bounds}"
        points = f"{points} {change_bounds}"
    if math.isnan(acos.before):
        return f"ACOS {verb} {after}; before it had no value, because there were no sales."
    return f"ACOS {verb} {after}, after {before}: {points}."


def _word_share(value: float) -> str:
    return word_number(value, "fraction")


def _write_reasons(findings: AccountFindings) -> str:
    """Say which campaigns and factors contributed most to the change."""
    table = findings.contributions
    if table is None:
        return _write_gap(findings, CAMPAIGNS_OF_CHANGE, "Why it changed")
    metadata = frame_metadata(table)
    explained = metadata[EXPLAINED]
    metric = explained["metric"]
    difference = explained["total_b"] - explained["total_a"]
    change = word_step(metric, difference, findings.account.currency)
    label = metric_label(metric)
    campaigns = _list_largest(table, _name_campaign, findings)
    if not campaigns:
        return f"No campaign contributed to a change of {label} ({change})."
    text = f"Of the change of {label} ({change}), {campaigns} contributed the most"
    if findings.factors is not None:
        factors = _list_largest(findings.factors, _name_factor, findings)
        text = f"{text}; by factor, {factors}"
    return f"{text}."


def _list_largest(
    table: pd.DataFrame,
    name_row: Callable[[Row], str],
    findings: AccountFindings,
) -> str:
    """Return the names of the rows that contribute most, each with its contribution."""
    metadata = frame_metadata(table)
    metric = metadata[EXPLAINED]["metric"]
    sizes = table["contribution"].abs()
    largest = table[sizes > _LEAST_CONTRIBUTION].head(_NAMED)
    named = []
    for row in largest.to_dict("records"):
        name = name_row(row)
        contribution = row["contribution"]
        step = word_step(metric, contribution, findings.account.currency)
        named.append(f"{name} ({step})")
    return " and ".join(named)


def _name_campaign(row: Row) -> str:
    name = word_name(row["campaignName"])
    return f"“{name}”"


def _name_factor(row: Row) -> str:
    cost_type = row["costType"]
    if pd.isna(cost_type):
        return "the shares of the cost types"
    factor = metric_label(row["factor"])
    return f"{factor} of {cost_type} campaigns"


def _write_actions(findings: AccountFindings) -> str:
    """Say which targets, or else campaigns, are to be cut, and which can be scaled."""
    for record_type in ("targets", "campaigns"):
        judged = findings.judged.get(record_type)
        if judged is not None:
            noun = record_type.removesuffix("s")
            counted = count_things(len(judged.table), noun)
            basis = _word_basis(findings, judged)
            actions = _word_actions(judged.table, findings.account.currency)
            return f"Of {counted}, judged by {basis}, {actions}."
    return _write_gap(findings, ACTIONS + "campaigns", "What to do")


def _word_basis(findings: AccountFindings, judged: Judgement) -> str:
    """Return the target and the days that groups were judged by."""
    metadata = frame_metadata(judged.table)
    target_acos = metadata[RECOMMENDED]["target_acos"]
    target = _word_share(target_acos)
    days = word_period(judged.first, judged.last)
    subject = "the target ACOS"
    if findings.has_own_target:
        subject = "the account's own ACOS"
    return f"{subject} of {target} and the days {days}"


def _word_actions(table: pd.DataFrame, currency: str) -> str:
    """Return how many groups are to be cut, scaled or waited for."""
    counts = table["action"].value_counts()
    number = counts["cut"]
    text = f"{number:,} should be cut"
    if number:
        cuts = table[table["action"] == "cut"]
        sums = cuts[["cost", "waste"]].sum()
        cost = word_metric("cost", sums["cost"], currency)
        waste = word_metric("cost", sums["waste"], currency)
        text = f"{text} (they cost {cost}, {waste} of it above the target)"
    scaled = counts["scale"]
    waiting = counts["wait"]
    return f"{text}, {scaled:,} can be scaled, and {waiting:,} need more data"


def _write_certainty(findings: AccountFindings) -> str:
    """Say how much has come, and whether chance alone makes such changes."""
    verdicts = []
    for metric in ("sales", "acos"):
        change = findings.changes.get(metric)
        if change is not None and change.chance is not None:
            verdict = _word_verdict(change, change.chance)
            verdicts.append(verdict)
    chance = ", ".join(verdicts) or "whether chance alone makes such changes is not known"
    maturity = _word_arrival(findings)
    return start_sentence(f"{maturity}; {chance}.")


def _word_verdict(change: MetricChange, chance: Interval) -> str:
    """Return whether chance alone makes such a change."""
    label = metric_label(change.metric)
    share = word_percent(change.share)
    level = word_level(CHANCE_LEVEL)
    bounds = word_chance(chance)
    verdict = "is within chance"
    if change.is_beyond_chance:
        verdict = "is more than chance makes"
    return f"the change of {label} ({share}) {verdict} ({level}: {bounds})"


def _word_arrival(findings: AccountFindings) -> str:
    """Return how much of the period's orders has come."""
    if findings.maturity is not None:
        share = _word_share(findings.maturity)
        return f"about {share} of the period's final orders had come when it was fetched"
    first = findings.first_arriving_day
    last = findings.span.period.last
    if first is None or first > last:
        return "all conversions of these days have arrived"
    day = word_day(first)
    return (
        f"conversions of days from {day} on were still arriving, and the store has too few days to "
        "say what they will become, so that later days look worse than they are"
    )


def _write_gap(findings: AccountFindings, subject: str, beginning: str) -> str:
    """Say why something cannot be said."""
    known = findings.gaps.get(subject, "there is nothing to compute it from")
    reason = word_reason(known)
    return f"{beginning} is not known: {reason}."
