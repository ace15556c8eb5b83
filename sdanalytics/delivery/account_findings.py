"""`AccountFindings`: what a report says of a profile, computed from its frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final, NamedTuple, TypeVar

import pandas as pd

from sdanalytics._core.caught_warnings import collect_warnings
from sdanalytics.analysis.explain import explain
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.pacing import pacing
from sdanalytics.analysis.periods import Period
from sdanalytics.analysis.recommend import recommend
from sdanalytics.analysis.summarize import summarize
from sdanalytics.delivery.account_frames import AccountFrames
from sdanalytics.delivery.metric_changes import MetricChange, compare_metrics
from sdanalytics.delivery.report_span import ReportSpan
from sdanalytics.errors import InvalidRequest, SDAnalyticsError

T = TypeVar("T")

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
    """What a report says of a profile.

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
            if findings.has_activity:
                findings._compute()
        findings.notes += warnings
        return findings

    @property
    def has_activity(self) -> bool:
        """Whether campaigns have rows in the period."""
        campaigns = self.account.frames.get("campaigns")
        return campaigns is not None and bool(self.span.period.find_rows(campaigns["date"]).any())

    @property
    def arriving_from(self) -> date | None:
        """The first day of which conversions were still arriving; None if they all had."""
        first = self.account.metadata.get("arriving_from")
        return None if first is None else date.fromisoformat(first)

    def _list_failures(self) -> None:
        for record_type, error in self.account.failures.items():
            has_some = record_type in self.account.frames
            subject = f"some days of {record_type}" if has_some else record_type
            self.gaps[subject] = str(error)

    def _compute(self) -> None:
        campaigns = self.account.frames["campaigns"]
        curve = self.account.curves.get("campaigns")
        changes = self._attempt(
            "the comparison", lambda: compare_metrics(campaigns, self.span, curve)
        )
        self.changes = changes or {}
        self.maturity = self._find_maturity()
        self._explain()
        if self.target_acos is None:
            self.target_acos = self._find_own_acos()
            self.has_own_target = True
        self._judge()
        self.pacing = self._attempt("the pacing of the month", lambda: pacing(campaigns))

    def _find_maturity(self) -> float | None:
        curve = self.account.curves.get("campaigns")
        if curve is None:
            return None
        rows = _select_days(self.account.frames["campaigns"], self.span.period)
        share = self._attempt("the maturity", lambda: summarize(rows, final=curve)["maturity"])
        return None if share is None or share.isna().all() else float(share.iloc[0])

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
        campaigns = self.account.frames["campaigns"]
        curve = self.account.curves.get("campaigns")
        before = self.span.before.first, self.span.before.last
        period = self.span.period.first, self.span.period.last
        subject = "the factors of the change" if by is None else "the campaigns of the change"
        return self._attempt(
            subject,
            lambda: explain(campaigns, before, period, metric=metric, by=by, final=curve),
        )

    def _find_own_acos(self) -> float | None:
        """Return the account's ACOS of the last four weeks."""
        curve = self.account.curves.get("campaigns")
        rows = _select_days(self.account.frames["campaigns"], self.span.recent)
        summary = self._attempt("the ACOS of the account", lambda: summarize(rows, final=curve))
        if summary is None:
            return None
        column = "acos_final" if "acos_final" in summary else "acos"
        if column not in summary or not summary[column].iloc[0] > 0:
            return None
        return float(summary[column].iloc[0])

    def _judge(self) -> None:
        target = self.target_acos
        for record_type, key in _KEYS.items():
            df = self.account.frames.get(record_type)
            if df is None:
                continue
            if target is None:
                self.gaps[f"what to do about {record_type}"] = "there were no sales to judge by"
                continue
            judged = self._attempt(
                f"what to do about {record_type}",
                lambda record_type=record_type, key=key: self._judge_by(record_type, key, target),
            )
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
            first = frame_metadata(df).get("arriving_from")
            days = _move_before(days, first)
        rows = _select_days(df, days)
        if rows.empty:
            raise InvalidRequest(
                f"there are no rows of {days.first} to {days.last}, the last days whose "
                "conversions have all arrived"
            )
        table = recommend(rows, by=key, final=curve, **_word_target(target))
        first_day, last_day = rows["date"].min(), rows["date"].max()
        return Judgement(table, first_day.date(), last_day.date())

    def _attempt(self, subject: str, compute: Callable[[], T]) -> T | None:
        """Return what is computed; note why where the frames do not allow it."""
        try:
            return compute()
        except SDAnalyticsError as error:
            self.gaps[subject] = str(error)
            return None


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
