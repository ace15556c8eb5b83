"""The tables of a report: campaigns and targets far above and far below the target ACOS."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.recommend import RECOMMENDED
from sdanalytics.delivery.account_findings import AccountFindings, Judgement
from sdanalytics.delivery.report_words import (
    NOT_KNOWN,
    word_metric,
    word_name,
    word_number,
    word_period,
    word_probability,
)

_MAX_ROWS: Final = 5
_NAME_COLUMNS: Final = {
    "campaigns": ("campaignName",),
    "targets": ("targetingText", "campaignName"),
}
_BELOW: Final = "_below"
_HEADERS: Final = ("Cost", "Orders", "Sales", "ACOS", "Probably above", "Action")


class ReportTable(NamedTuple):
    """A table in words.

    Attributes
    ----------
    title : str
    days : str
        The days it is of.
    headers : tuple of str
        Of the numbers, behind the name.
    rows : list of tuple of str
        A name, what describes it (empty for nothing), then the numbers.
    """

    title: str
    days: str
    headers: tuple[str, ...]
    rows: list[tuple[str, ...]]


def make_tables(findings: AccountFindings) -> list[ReportTable]:
    """Return the tables of campaigns and targets that were judged; none that would be empty."""
    tables = []
    for record_type, judged in findings.judged.items():
        below, above = _rank(judged)
        ranked = {
            "furthest below the target ACOS": (below, "Below by"),
            "furthest above the target ACOS": (above, "Above by"),
        }
        for title, (rows, header) in ranked.items():
            if len(rows):
                subject = f"{record_type.capitalize()} {title}"
                tables.append(_word_table(findings, record_type, subject, header, rows))
    return tables


def _rank(judged: Judgement) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the groups whose cost is furthest below, and above, what the target allows.

    What it allows is the target ACOS times the sales that are expected of the group in the long
    run. Both have the difference in one column.
    """
    table = judged.table
    target = frame_metadata(table)[RECOMMENDED]["target_acos"]
    allowed = target * table["expected_sales"]
    below = table.assign(**{_BELOW: allowed - table["cost"]})
    above = table.assign(**{_BELOW: table["cost"] - allowed})
    ranked = []
    for candidates in (below, above):
        positive = candidates[candidates[_BELOW] > 0]
        largest = positive.sort_values(_BELOW, ascending=False, kind="stable")
        ranked.append(largest.head(_MAX_ROWS))
    return ranked[0], ranked[1]


def _word_table(
    findings: AccountFindings, record_type: str, title: str, header: str, rows: pd.DataFrame
) -> ReportTable:
    judged = findings.judged[record_type]
    currency = findings.account.currency
    names = [name for name in _NAME_COLUMNS[record_type] if name in rows]
    described = []
    for row in rows.to_dict("records"):
        described.append(_describe_row(row, names, currency))
    return ReportTable(
        title=title,
        days=word_period(judged.first, judged.last),
        headers=(header, *_HEADERS),
        rows=described,
    )


def _describe_row(row: Mapping[Hashable, Any], names: list[str], currency: str) -> tuple[str, ...]:
    texts = [word_name(row[name]) for name in names]
    name = texts[0] if texts else NOT_KNOWN
    numbers = [word_number(row[_BELOW], "currency", currency)]
    for metric in ("cost", "orders", "sales", "acos"):
        value = row[metric]
        known = np.nan
        if not pd.isna(value):
            known = float(value)
        numbers.append(word_metric(metric, known, currency))
    probability = word_probability(row["p_above_target"])
    return (name, " · ".join(texts[1:]), *numbers, probability, str(row["action"]))
