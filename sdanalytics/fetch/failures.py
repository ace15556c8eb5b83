"""One error for all that a fetch could not bring."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta

from sdanalytics.errors import PartialFetchError, ReportTooOld, SDAnalyticsError
from sdanalytics.fetch.wording import format_count, format_days
from sdanalytics.model.partition import Partition

Failures = Mapping[Partition, SDAnalyticsError]
"""The error of each partition that could not be fetched; those of a report share one."""


def combine_failures(failures: Failures, requested: Collection[Partition]) -> SDAnalyticsError:
    """Return one error for all failures: their own, when nothing arrived and they are alike.

    Parameters
    ----------
    failures : mapping of Partition to SDAnalyticsError
        At least one.
    requested : collection of Partition
        All partitions that were to be fetched.
    """
    first = next(iter(failures.values()))
    are_alike = len({type(error) for error in failures.values()}) == 1
    if are_alike and len(failures) == len(requested):
        return _with_extent(first, failures)
    too_old = [p for p, error in failures.items() if isinstance(error, ReportTooOld)]
    advice = "Call again for what is missing"
    if len(too_old) == len(failures):
        advice = history_hint(too_old)
    days = format_count(_count_days(requested), "day")
    reports = format_count(_count_reports(failures), "report")
    return PartialFetchError(
        f"{_count_days(failures)} of {days} to fetch could not be fetched ({reports} failed); "
        f"the others are stored. {_summarize_failures(failures)}. {advice}",
        failures=failures,
    )


def history_hint(unavailable: Iterable[Partition]) -> str:
    """Return advice for days that the service no longer has."""
    newest = max(partition.date for partition in unavailable)
    return (
        f"The service has reports from {newest + timedelta(days=1)} on: start there. "
        "ReportCache.read gives what is stored of earlier days"
    )


def _with_extent(error: SDAnalyticsError, failures: Failures) -> SDAnalyticsError:
    """Note on an error how many reports failed for the same reason."""
    if len(failures) > 1:
        count = _count_reports(failures)
        reports = format_count(count, "report")
        days = format_days(partition.date for partition in failures)
        error.add_note(f"Nothing could be fetched: {reports} failed for this reason ({days}).")
    if isinstance(error, ReportTooOld):
        error.add_note(history_hint(failures))
    return error


def _summarize_failures(failures: Failures) -> str:
    """Describe each type of error once: how many reports, which days, and one of its messages."""
    by_type: dict[type[SDAnalyticsError], dict[Partition, SDAnalyticsError]] = {}
    for partition in sorted(failures):
        error = failures[partition]
        by_type.setdefault(type(error), {})[partition] = error
    parts = []
    for error_type, errors in by_type.items():
        reports = format_count(_count_reports(errors), "report")
        days = format_days(partition.date for partition in errors)
        newest = max(errors)
        reason = str(errors[newest]).rstrip(".")
        parts.append(f"{error_type.__name__} ({reports}, {days}): {reason}")
    return "; ".join(parts)


def _count_days(partitions: Iterable[Partition]) -> int:
    return len({partition.date for partition in partitions})


def _count_reports(failures: Failures) -> int:
    return len({id(error) for error in failures.values()})
