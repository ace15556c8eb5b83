"""The sentences of a report: what changed, why, what to do, and how sure that is."""

from __future__ import annotations

import math
from typing import Any, Final

import pandas as pd

from sdanalytics.analysis.explanation import EXPLAINED
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.recommend import RECOMMENDED
from sdanalytics.analysis.share_table import CURVE_LEVEL
from sdanalytics.delivery.account_findings import AccountFindings, Judgement
from sdanalytics.delivery.metric_changes import CHANCE_LEVEL, MetricChange
from sdanalytics.delivery.report_words import (
    count_things,
    word_chance,
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
_NAMED: Final = 2
"""Contributions that are named."""


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
    failure = findings.account.failures.get("campaigns")
    if failure is not None:
        return f"Nothing can be said of {days}: {word_reason(failure)}"
    return f"No campaign had any activity from {days}."


def _write_sums(findings: AccountFindings) -> str:
    """Say how sales and cost changed."""
    if not findings.changes:
        return _write_gap(findings, "the comparison", "What changed")
    currency = _read_currency(findings)
    sales = findings.changes.get("sales")
    cost = findings.changes.get("cost")
    parts = []
    if sales is not None:
        verb = "are expected to be" if sales.is_final else "were"
        amount = word_metric("sales", sales.after, currency)
        parts.append(f"sales {verb} {amount}, {_word_change(sales, findings)}")
    if cost is not None:
        amount = word_metric("cost", cost.after, currency)
        parts.append(f"cost was {amount}, {_word_change(cost, findings)}")
    if not parts:
        return "Neither sales nor cost are in the report."
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _word_change(change: MetricChange, findings: AccountFindings) -> str:
    """Return how a sum changed against the days before, with the interval of final numbers."""
    before = findings.span.before
    days = count_things(before.length, "day")
    if math.isnan(change.share):
        return f"after none in the {days} before"
    text = f"{word_difference(change.share)} in the {days} before"
    if not change.is_final:
        return text
    low = word_percent(change.share_of_before(change.change_low))
    high = word_percent(change.share_of_before(change.change_high))
    return f"{text} ({FINAL_LEVEL}: {word_range(low, high)}), on final numbers"


def _write_efficiency(findings: AccountFindings) -> str:
    """Say how ACOS changed."""
    acos = findings.changes.get("acos")
    if acos is None:
        return "How ACOS changed is not known: there is no comparison of cost and sales."
    after = word_number(acos.after, "fraction")
    before = word_number(acos.before, "fraction")
    if math.isnan(acos.after):
        return f"ACOS has no value, because there were no sales; before it was {before}."
    verb = "was"
    if acos.is_final:
        verb = "is expected to be"
        low = word_number(acos.low, "fraction")
        high = word_number(acos.high, "fraction")
        after = f"{after} ({FINAL_LEVEL}: {word_range(low, high)})"
    if math.isnan(acos.before):
        return f"ACOS {verb} {after}; before it had no value, because there were no sales."
    text = f"ACOS {verb} {after}, after {before}: {word_points(acos.change)}"
    if acos.is_final:
        low = word_points(acos.change_low)
        high = word_points(acos.change_high)
        text = f"{text} ({FINAL_LEVEL}: {word_range(low, high)})"
    return f"{text}."


def _write_reasons(findings: AccountFindings) -> str:
    """Say which campaigns and factors contributed most to the change."""
    table = findings.contributions
    if table is None:
        return _write_gap(findings, "the campaigns of the change", "Why it changed")
    explained = frame_metadata(table)[EXPLAINED]
    metric = explained["metric"]
    currency = _read_currency(findings)
    change = word_step(metric, explained["total_b"] - explained["total_a"], currency)
    campaigns = []
    for row in _list_largest(table):
        step = word_step(metric, row["contribution"], currency)
        campaigns.append(f"“{word_name(row['campaignName'])}” ({step})")
    named = " and ".join(campaigns)
    text = f"Of the change of {metric_label(metric)} ({change}), {named} contributed the most"
    factors = _list_factors(findings, metric, currency)
    if factors:
        text = f"{text}; by factor, {factors}"
    return f"{text}."


def _list_factors(findings: AccountFindings, metric: str, currency: str) -> str:
    """Return the factors that contributed most, each with the cost type it is of."""
    if findings.factors is None:
        return ""
    named = []
    for row in _list_largest(findings.factors):
        step = word_step(metric, row["contribution"], currency)
        if pd.isna(row["costType"]):
            named.append(f"the shares of the cost types ({step})")
            continue
        factor = metric_label(row["factor"])
        named.append(f"{factor} of {row['costType']} campaigns ({step})")
    return " and ".join(named)


def _list_largest(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of the largest contributions."""
    largest = table[table["contribution"] != 0].head(_NAMED)
    return [{str(name): value for name, value in row.items()} for _, row in largest.iterrows()]


def _write_actions(findings: AccountFindings) -> str:
    """Say which targets, or else campaigns, are to be cut, and which can be scaled."""
    for record_type, noun in (("targets", "target"), ("campaigns", "campaign")):
        judged = findings.judged.get(record_type)
        if judged is not None:
            return _word_actions(findings, judged, noun)
    return _write_gap(findings, "what to do about campaigns", "What to do")


def _word_actions(findings: AccountFindings, judged: Judgement, noun: str) -> str:
    actions = judged.table["action"]
    cuts = judged.table[actions == "cut"]
    about = frame_metadata(judged.table)[RECOMMENDED]
    currency = _read_currency(findings)
    target = word_number(about["target_acos"], "fraction")
    whose = "the account's own ACOS" if findings.has_own_target else "the target ACOS"
    judged_by = f"by {whose} of {target} and the days {word_period(judged.first, judged.last)}"
    counted = count_things(len(judged.table), noun)
    text = f"Of {counted}, judged {judged_by}, cut {len(cuts):,}"
    if len(cuts):
        cost = word_metric("cost", float(cuts["cost"].sum()), currency)
        waste = word_metric("cost", float(cuts["waste"].sum()), currency)
        text = f"{text}, which cost {cost}, {waste} of it above the target"
    scaled = int((actions == "scale").sum())
    waiting = int((actions == "wait").sum())
    return f"{text}; {scaled:,} can be scaled, and {waiting:,} need more data."


def _write_certainty(findings: AccountFindings) -> str:
    """Say how much has come, and whether chance alone makes such changes."""
    parts = [_word_maturity(findings)]
    verdicts = []
    for metric in ("sales", "acos"):
        change = findings.changes.get(metric)
        if change is None or change.chance is None:
            continue
        is_beyond = change.is_beyond_chance
        verdict = "is more than chance makes" if is_beyond else "is within chance"
        bounds = word_chance(change.chance)
        verdicts.append(
            f"the change of {metric_label(metric)} ({word_percent(change.share)}) {verdict} "
            f"({word_level(CHANCE_LEVEL)}: {bounds})"
        )
    if verdicts:
        parts.append(", ".join(verdicts))
    else:
        parts.append("whether chance alone makes such changes is not known")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _word_maturity(findings: AccountFindings) -> str:
    """Return how much of the period's orders has come."""
    if findings.maturity is not None:
        share = word_number(findings.maturity, "fraction")
        return f"about {share} of the period's final orders had come when it was fetched"
    first = findings.arriving_from
    if first is None or first > findings.span.period.last:
        return "all conversions of these days have arrived"
    return (
        f"conversions of days from {first} on were still arriving, and the store has too little "
        "history to say what they will become, so that the later days look worse than they are"
    )


def _write_gap(findings: AccountFindings, subject: str, beginning: str) -> str:
    """Say why something cannot be said."""
    reason = findings.gaps.get(subject, "there is nothing to compute it from")
    return f"{beginning} is not known: {word_reason(reason)}."


def _read_currency(findings: AccountFindings) -> str:
    return str(findings.account.metadata.get("currency") or "")
