"""One error for all partitions that a fetch could not store."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta

from sdanalytics.errors import PartialFetchError, ReportTooOld, SDAnalyticsError
from sdanalytics.fetch.wording import format_count, format_days, unique_days
from sdanalytics.model.partition import Partition

Failures = Mapping[Partition, SDAnalyticsError]
"""The error of each partition that could not be fetched; those of a report share one."""

FailuresByType = dict[type[SDAnalyticsError], dict[Partition, SDAnalyticsError]]


def combine_failures(
    failures: Failures,
    requested: Collection[Partition],
    oldest_available: date,
    history_advice: str = "",
) -> SDAnalyticsError:
    """Return one error for all failures: their own if nothing arrived and they are alike.

    Parameters
    ----------
    failures : mapping of Partition to SDAnalyticsError
        At least one.
    requested : collection of Partition
        All partitions that were to be fetched.
    oldest_available : datetime.date
        The oldest day that the service should have reports of.
    history_advice : str, optional
        How to fetch older days, in a sentence.
    """
    by_type = _group_by_type(failures)
    # A report of version 3 has both tactics, also where one was asked for.
    if len(by_type) == 1 and failures.keys() >= set(requested):
        first = next(iter(failures.values()))
        _add_extent(first, failures)
        if isinstance(first, ReportTooOld):
            hint = _history_hint(failures, oldest_available, history_advice)
            reason = str(first).rstrip(".")
            first.args = (f"{reason}. {hint}",)
        return first
    advice = "Call again for the missing days"
    if ReportTooOld in by_type:
        hint = _history_hint(by_type[ReportTooOld], oldest_available, history_advice)
        advice = hint
        if len(by_type) != 1:
            advice = f"{hint}. Call again for the other missing days"
    failed = len(unique_days(failures))
    days = format_count(len(unique_days(requested)), "day")
    reports = _count_reports(failures)
    reasons = "; ".join(map(_describe, by_type.values()))
    return PartialFetchError(
        f"{failed} of {days} to fetch could not be fetched ({reports} failed); "
        f"the others are stored. {reasons}. {advice}",
        failures=failures,
    )


def _history_hint(
    unavailable: Iterable[Partition], oldest_available: date, history_advice: str
) -> str:
    """Return advice for days that the service no longer has."""
    newest = unique_days(unavailable)[-1]
    # Midnight may have passed since the call began: then the oldest day is refused, too.
    first = max(oldest_available, newest + timedelta(days=1))
    hint = (
        f"The service has reports from {first} on: start there. "
        "ReportCache.read returns the stored earlier days"
    )
    if history_advice:
        return f"{hint}. {history_advice}"
    return hint


def _add_extent(error: SDAnalyticsError, failures: Failures) -> None:
    """Note on an error how many reports failed for the same reason."""
    if len(failures) > 1:
        reports = _count_reports(failures)
        days = format_days(unique_days(failures))
        error.add_note(f"Nothing could be fetched: {reports} failed for this reason ({days}).")


def _group_by_type(failures: Failures) -> FailuresByType:
    by_type: FailuresByType = {}
    for partition in sorted(failures):
        error = failures[partition]
        by_type.setdefault(type(error), {})[partition] = error
    return by_type


def _describe(alike: Failures) -> str:
    """Describe errors of one type: how many reports, which days, and the message of the newest."""
    newest = list(alike.values())[-1]
    name = type(newest).__name__
    reason = str(newest).rstrip(".")
    reports = _count_reports(alike)
    days = format_days(unique_days(alike))
    return f"{name} ({reports}, {days}): {reason}"


def _count_reports(failures: Failures) -> str:
    reports = set(map(id, failures.values()))
    return format_count(len(reports), "report")
