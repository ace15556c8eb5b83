"""`AccountFindings`: the contents of a report about a profile, computed from its frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Final, NamedTuple, TypeVar

import pandas as pd

from sdanalytics._core.caught_warnings import collect_warnings
from sdanalytics.analysis.explain import explain
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.pacing import pacing
from sdanalytics.analysis.periods import Period
from sdanalytics.analysis.recommend import recommend
from sdanalytics.analysis.row_ages import find_row_ages
from sdanalytics.analysis.share_table import is_from_snapshot
from sdanalytics.analysis.summarize import summarize
from sdanalytics.delivery.account_frames import AccountFrames
from sdanalytics.delivery.metric_changes import MetricChange, compare_metrics
from sdanalytics.delivery.report_span import ReportSpan
from sdanalytics.delivery.report_words import word_day
from sdanalytics.errors import InvalidRequest, SDAnalyticsError
from sdanalytics.fetch.wording import format_count, format_days
from sdanalytics.model.profile_entries import FETCHED_ON

T = TypeVar("T")

COMPARISON: Final = "the comparison"
CAMPAIGNS_OF_CHANGE: Final = "the campaigns of the change"
ACTIONS: Final = "what to do about "
"""Beginnings of what may be missing."""
_KEYS: Final = {"campaigns": "campaignId", "targets": "targetId"}


class Judgement(NamedTuple):
    """Groups that were judged by a target ACOS.

    Attributes
    ----------
    table : pandas.DataFrame
        From `recommend`.
    first, last : datetime.date
        The days they were judged by.
    """

    table: pd.DataFrame
    first: date
    last: date


@dataclass
class AccountFindings:
    """Findings of a report about a profile.

    Attributes
    ----------
    account : AccountFrames
    span : ReportSpan
    target_acos : float or None
        The target that was given, or else the account's own ACOS; None without sales.
    has_own_target : bool
        Whether it is the account's own.
    changes : dict of str to MetricChange
        By metric; empty when one of the periods has no rows.
    maturity : float or None
        The share of the period's final orders that has come; None without a curve.
    contributions : pandas.DataFrame or None
        From `explain`, by campaign.
    factors : pandas.DataFrame or None
        From `explain`, by factor, of the same metric.
    judged : dict of str to Judgement
        By record type.
    pacing : pandas.DataFrame or None
    gaps : dict of str to str
        By what is missing, why.
    notes : list of str
        What must be known about the numbers.
    """

    account: AccountFrames
    span: ReportSpan
    target_acos: float | None
    has_own_target: bool = False
    changes: dict[str, MetricChange] = field(default_factory=dict)
    maturity: float | None = None
    contributions: pd.DataFrame | None = None
    factors: pd.DataFrame | None = None
    judged: dict[str, Judgement] = field(default_factory=dict)
    pacing: pd.DataFrame | None = None
    gaps: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @classmethod
    def find(
        cls, account: AccountFrames, span: ReportSpan, target_acos: float | None
    ) -> AccountFindings:
        """Compute what the frames of a profile allow, and note what they do not."""
        findings = cls(account, span, target_acos)
        with collect_warnings() as warnings:
            findings._list_failures()
            findings._note_gone_days()
            if findings.has_activity:
                findings._note_unended_day()
                findings._compute()
        findings.notes += warnings
        return findings

    @property
    def has_activity(self) -> bool:
        """Whether campaigns have rows in the period."""
        campaigns = self.account.frames.get("campaigns")
        if campaigns is None:
            return False
        is_inside = self.span.period.find_rows(campaigns["date"])
        return bool(is_inside.any())

    @property
    def first_arriving_day(self) -> date | None:
        """The first day of which conversions were still arriving; None if they all had."""
        metadata = frame_metadata(self._campaigns)
        first = metadata.get("arriving_from")
        return None if first is None else date.fromisoformat(first)

    def _list_failures(self) -> None:
        for record_type, error in self.account.failures.items():
            has_some = record_type in self.account.frames
            subject = f"some days of {record_type}" if has_some else record_type
            self.gaps[subject] = str(error)
        if self.account.lacks_report("asins"):
            self.gaps["the sales of other products"] = "Amazon reports them to sellers only"

    def _note_gone_days(self) -> None:
        """Note the days that are not stored and that the service no longer has."""
        coverage = self.account.coverage
        is_absent = coverage["state"].isin(["missing", "gone"])
        is_gone = is_absent & (coverage["date"] < pd.Timestamp(self.span.oldest))
        for record_type, rows in coverage[is_gone].groupby("record_type", sort=False):
            days = rows["date"].dt.date.unique()
            count = format_count(len(days), "day")
            self.notes.append(
                f"{count} of {record_type} ({format_days(sorted(days))}) cannot be had: the "
                "service no longer has them, and they are not stored."
            )

    def _note_unended_day(self) -> None:
        """Note that the last day has a part of its numbers only, if it had not ended."""
        last = self.span.period.last
        metadata = frame_metadata(self._campaigns)
        for _, end, fetched_on in metadata.get(FETCHED_ON, ()):
            if end == last.isoformat() and fetched_on <= end:
                day = word_day(last)
                self.notes.append(
                    f"{day} had not ended when it was fetched: the comparison is of a part of it."
                )

    @property
    def is_from_snapshot(self) -> bool:
        """Whether final numbers rest on a cross-section."""
        return self._curve is not None and is_from_snapshot(self._curve)

    @property
    def _campaigns(self) -> pd.DataFrame:
        return self.account.frames["campaigns"]

    @property
    def _curve(self) -> pd.DataFrame | None:
        """The curve for the period; None if no day of it had ended: nothing is expected then."""
        if self._has_no_ended_day(self.span.period):
            return None
        return self.account.curves.get("campaigns")

    def _has_no_ended_day(self, period: Period) -> bool:
        """Return whether none of a period's days had ended when it was fetched."""
        rows = _select_days(self._campaigns, period)
        return bool((find_row_ages(rows) < 0).all())

    def _compute(self) -> None:
        compute_changes = partial(
            compare_metrics,
            self._campaigns,
            self.span,
            self._curve,
        )
        changes = self._attempt(COMPARISON, compute_changes)
        self.changes = changes or {}
        self.maturity = self._find_maturity()
        self._explain()
        if self.target_acos is None:
            self.target_acos = self._find_own_acos()
            self.has_own_target = True
        self._judge()
        self.pacing = self._attempt("the pacing of the month", partial(pacing, self._campaigns))

    def _find_maturity(self) -> float | None:
        if self._curve is None:
            return None
        rows = _select_days(self._campaigns, self.span.period)
        summary = self._attempt(
            "the share of orders that has come",
            partial(summarize, rows, final=self._curve),
        )
        return _read_value(summary, "maturity")

    def _explain(self) -> None:
        """Explain ACOS where both periods have it, and otherwise cost."""
        if not self.changes:
            return
        metric = "cost"
        acos = self.changes.get("acos")
        if acos is not None and acos.before > 0 and acos.after > 0:
            metric = "acos"
        self.contributions = self._explain_by(metric, "campaignName")
        self.factors = self._explain_by(metric, None)

    def _explain_by(self, metric: str, by: str | None) -> pd.DataFrame | None:
        before = self.span.before
        period = self.span.period
        subject = "the factors of the change" if by is None else CAMPAIGNS_OF_CHANGE
        compute = partial(
            explain,
            self._campaigns,
            (before.first, before.last),
            (period.first, period.last),
            metric=metric,
            by=by,
            final=self._curve,
        )
        return self._attempt(subject, compute)

    def _find_own_acos(self) -> float | None:
        """Return the account's ACOS of the last four weeks."""
        rows = _select_days(self._campaigns, self.span.recent)
        summary = self._attempt(
            "the ACOS of the account",
            partial(summarize, rows, final=self._curve),
        )
        acos = _read_value(summary, "acos_final") or _read_value(summary, "acos")
        return acos if acos and acos > 0 else None

    def _judge(self) -> None:
        target = self.target_acos
        for record_type, key in _KEYS.items():
            df = self.account.frames.get(record_type)
            if df is None:
                continue
            if target is None:
                self.gaps[ACTIONS + record_type] = "there were no sales to judge by"
                continue
            compute = partial(self._judge_by, record_type, key, target)
            judged = self._attempt(ACTIONS + record_type, compute)
            if judged is not None:
                self.judged[record_type] = judged

    def _judge_by(self, record_type: str, key: str, target: float) -> Judgement:
        """Return what to do about campaigns or targets, by their last four weeks.

        Without a curve they are the last four weeks of which all conversions have arrived.
        """
        df = self.account.frames[record_type]
        curve = self.account.curves.get(record_type)
        days = self.span.recent
        if curve is None:
            metadata = frame_metadata(df)
            days = _move_before(days, metadata.get("arriving_from"))
        rows = _select_days(df, days)
        if rows.empty:
            raise InvalidRequest(
                f"there are no rows of {days.first} to {days.last}, the last days whose "
                "conversions have all arrived"
            )
        table = recommend(rows, by=key, final=curve, **_word_target(target))
        first_day = rows["date"].min()
        last_day = rows["date"].max()
        return Judgement(table, first_day.date(), last_day.date())

    def _attempt(self, subject: str, compute: Callable[[], T]) -> T | None:
        """Return what is computed; note why where the frames do not allow it."""
        try:
            return compute()
        except SDAnalyticsError as error:
            self.gaps[subject] = str(error)
            return None


def _read_value(summary: pd.DataFrame | None, column: str) -> float | None:
    """Return the number of a summary of one row; None if there is none."""
    if summary is None or column not in summary:
        return None
    value = summary[column].iloc[0]
    return None if pd.isna(value) else float(value)


def _select_days(df: pd.DataFrame, period: Period) -> pd.DataFrame:
    return df[period.find_rows(df["date"])]


def _move_before(period: Period, first: str | None) -> Period:
    """Return as many days before a first one; the period itself if there is none."""
    if first is None:
        return period
    last = date.fromisoformat(first) - timedelta(1)
    shift = max(period.last - last, timedelta(0))
    return Period(period.name, period.first - shift, period.last - shift)


def _word_target(acos: float) -> dict[str, float]:
    """Return the target as `recommend` takes it: an ACOS above 100 % as a ROAS."""
    if acos <= 1:
        return {"target_acos": acos}
    return {"target_roas": 1 / acos}
