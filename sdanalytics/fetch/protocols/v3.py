"""Version 3: one report for up to 31 days and all tactics; what accounts of today have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any, Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sdanalytics._core.deadline import Deadline
from sdanalytics._core.limiter_state import LimiterStateStore
from sdanalytics.api.client import Client, open_session
from sdanalytics.api.reporting_v3 import ReportingV3
from sdanalytics.errors import (
    ApiError,
    CorruptReport,
    NotFound,
    NotReady,
    ReportFailed,
    ReportTooOld,
)
from sdanalytics.fetch.polling import backoff_intervals
from sdanalytics.model.dtypes import arrow_schema
from sdanalytics.model.metrics import CATALOGUE, MATCHED_TARGET, TACTICS, UNKNOWN_TACTIC
from sdanalytics.model.partition import Partition
from sdanalytics.model.report_batch import ReportBatch
from sdanalytics.parsing.payload import read_payload

MAX_REPORT_DAYS: Final = 31
"""Days that one report may span."""
_LONGEST_WAIT: Final = 60.0
_BUILDING: Final = {"PENDING", "PROCESSING"}
_FAILED: Final = {"FAILED", "FAILURE"}
_WITHDRAWN: Final = {"CANCELLED", "CANCELED", "DELETED"}
_DUPLICATE: Final = 425
_NOBODYS: Final = -1
"""Stands for the campaign of rows that name none."""

# reportTypeId and groupBy; with the segment the latter is the segment's name.
_TYPES: Final = {
    "campaigns": ("sdCampaigns", "campaign"),
    "adGroups": ("sdAdGroup", "adGroup"),
    "productAds": ("sdAdvertisedProduct", "advertiser"),
    "targets": ("sdTargeting", "targeting"),
    "asins": ("sdPurchasedProduct", "asin"),
}
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# Version 2 writes these words otherwise.
_SPELLINGS: Final = {
    "campaignStatus": pc.utf8_lower,
    "bidOptimization": pc.utf8_lower,
    "costType": pc.utf8_upper,
}


class CampaignTacticStore(Protocol):
    """Where the tactics of campaigns are kept, by campaign id."""

    def campaign_tactics(self, source: str, profile_id: str) -> Mapping[int, str]:
        """Those that are known."""

    def store_campaign_tactics(
        self, source: str, profile_id: str, tactics: Mapping[int, str]
    ) -> None:
        """Keep them."""


@dataclass(frozen=True)
class DownloadedReport:
    """What came of a report.

    Attributes
    ----------
    body : bytes or None
        The payload; None where there is nothing to tell.
    first, last : str
        The days that the report spans, as the service says them.
    """

    body: bytes | None
    first: str
    last: str

    def day(self, text: str) -> date:
        """A day of the report; ValueError or TypeError for what is none."""
        if not self.first <= text <= self.last:
            raise ValueError(text)
        return date.fromisoformat(text)


class ProtocolV3:
    """How an order becomes a report of version 3, and its payload day slices again.

    Attributes
    ----------
    history_days : int
        How many days back the service reports.
    timeout : float
        Seconds that a call may take when it does not say: generation takes up to 3 hours.
    about_reports : frozenset of str
        Operations whose 400 or 404 means that a report is gone.
    """

    name: Final = "v3"
    history_days: Final = 65
    timeout: Final = 4 * 3600.0
    report_operations: Final = frozenset({"get_report"})

    def __init__(
        self,
        client: Client,
        deadline: Deadline,
        store: CampaignTacticStore,
        oldest: date,
        memory: LimiterStateStore | None,
    ) -> None:
        self._session = open_session(client, deadline, memory)
        self._service = ReportingV3(self._session)
        self._store = store
        self._oldest = oldest
        self._are_listed = False

    def batch(self, needs: Mapping[Partition, Sequence[str]]) -> list[ReportBatch]:
        """Reports of up to 31 days, newest first, each with all columns that any day needs.

        A report has all tactics, so a day brings both. Days before the oldest that the
        service has are by themselves, so that they fail by themselves.
        """
        orders = []
        for _, group in groupby(sorted(needs, key=_kind), key=_kind):
            partitions = list(group)
            days = sorted({partition.date for partition in partitions}, reverse=True)
            for window in _windows(days, self._oldest):
                inside = [partition for partition in partitions if partition.date in window]
                columns = dict.fromkeys(name for partition in inside for name in needs[partition])
                orders.append(ReportBatch(_both_tactics(inside), tuple(columns)))
        return sorted(orders, key=lambda order: max(p.date for p in order.partitions), reverse=True)

    def create_delay(self) -> float:
        """Seconds to wait before the next report is asked for; 0: now."""
        return self._session.create_delay()

    def create(self, order: ReportBatch) -> str:
        """Ask for a report; its id, or that of the same report that is being built already."""
        newest = max(partition.date for partition in order.partitions)
        if newest < self._oldest:
            raise _too_old(newest)
        document = _document(order)
        try:
            report = self._service.create(document)
        except ApiError as error:
            if error.status != _DUPLICATE:
                raise
            report = self._duplicate(error, document)
        return str(report["reportId"])

    def is_ready(self, report_id: str) -> bool:
        """Whether a report can be downloaded.

        Raises
        ------
        ReportFailed
            When the service could not build it.
        NotFound
            When it was withdrawn.
        """
        report = self._service.get(report_id)
        status = report["status"].upper()
        if status in _FAILED:
            reason = self._session.redact(str(report.get("failureReason") or "it gives no reason"))
            raise ReportFailed(
                f"the service could not build report {report_id}: {reason}. Call again to ask anew",
                report_id=report_id,
                details=reason,
            )
        if status in _WITHDRAWN:
            raise NotFound(
                f"report {report_id} was withdrawn. Call again to ask anew",
                operation="get_report",
                status=200,
            )
        if status not in _BUILDING | {"COMPLETED"}:
            raise ApiError(
                f"report {report_id} has a status that is not known: {report['status']!r}. "
                "Call again later; if it stays, this version of sdanalytics is too old",
                operation="get_report",
                status=200,
            )
        return bool(status == "COMPLETED")

    def download(self, report_id: str) -> DownloadedReport:
        """The payload of a report that is ready, and the days that it spans.

        The link is good for an hour; asking for it each time makes it a fresh one.
        """
        report = self._service.get(report_id)
        if report["status"].upper() != "COMPLETED":
            raise NotReady(f"report {report_id} is not ready after all", report_id=report_id)
        link = report.get("url")
        payload = self._session.download_url(str(link), report_id) if link else None
        return DownloadedReport(payload, str(report.get("startDate")), str(report.get("endDate")))

    def split_payload(
        self, order: ReportBatch, columns: Sequence[str], payload: DownloadedReport
    ) -> dict[Partition, pa.Table]:
        """The day slices that a payload holds, those of unknown tactic first.

        What a campaign's tactic is says the list of campaigns; where it is not on it, the
        tactic is `unknown`. Days that the order does not have are left out.
        """
        names = {name: str(CATALOGUE[name].v3_name) for name in columns}
        empty = arrow_schema(columns).empty_table()
        rows = arrow_schema(["date", *columns]).empty_table()
        if payload.body is not None:
            largest = self._session.max_report_bytes
            rows = _spelled(read_payload(payload.body, ["date", *columns], largest, names))
        parts = self._parts(rows, payload)
        partitions = [*_unknowns(order.partitions), *order.partitions]
        return {
            partition: rows.take(parts[partition.date, partition.tactic]).select(list(columns))
            if (partition.date, partition.tactic) in parts
            else empty
            for partition in partitions
        }

    def cancel(self, report_id: str, deadline: Deadline) -> bool:
        """Have the service build a report no longer."""
        ReportingV3(self._session.bind(deadline)).delete(report_id)
        return True

    @staticmethod
    def poll_intervals() -> Iterator[float]:
        """Seconds to wait before each status call: growing by half, at most 60, with jitter."""
        return backoff_intervals(1.0, _LONGEST_WAIT / 1.2)

    def _duplicate(self, error: ApiError, document: Mapping[str, Any]) -> dict[str, Any]:
        """The report of which this would be a duplicate, if it really is the same."""
        found = _UUID.search(error.details or "")
        if found is None:
            raise error
        report = self._service.get(found.group())
        if not _is_same(report, document):
            error.add_note(f"Report {found.group()}, which it names, is another one.")
            raise error
        return report

    def _parts(
        self, rows: pa.Table, payload: DownloadedReport
    ) -> dict[tuple[date, str], np.ndarray[Any, Any]]:
        """Which rows are of which day and tactic."""
        if not rows.num_rows:
            return {}
        days, day_of = _days(rows.column("date"), payload)
        campaigns = rows.column("campaignId").fill_null(_NOBODYS).to_numpy()
        ids, id_of = np.unique(campaigns, return_inverse=True)
        names = (*TACTICS, UNKNOWN_TACTIC)
        tactic_of = np.array([names.index(tactic) for tactic in self._tactics(ids)])[id_of]
        keys = day_of * len(names) + tactic_of
        order = np.argsort(keys, kind="stable")
        found, starts = np.unique(keys[order], return_index=True)
        parts = np.split(order, starts[1:])
        places = [(days[key // len(names)], names[key % len(names)]) for key in found]
        return dict(zip(places, parts, strict=True))

    def _tactics(self, campaigns: np.ndarray[Any, Any]) -> list[str]:
        """The tactic of each of these campaigns; the list is fetched when one is not known."""
        whose = self._session.key
        known = self._store.campaign_tactics(*whose)
        wanted = set(campaigns.tolist()) - {_NOBODYS}
        if not self._are_listed and not wanted <= set(known):
            known = {**known, **_listed(self._service.campaigns())}
            self._store.store_campaign_tactics(*whose, known)
            self._are_listed = True
        return [known.get(campaign, UNKNOWN_TACTIC) for campaign in campaigns.tolist()]


def _kind(partition: Partition) -> tuple[str, str, str, str]:
    return partition.source, partition.profile_id, partition.record_type, partition.segment or ""


def _windows(days: Sequence[date], oldest: date) -> Iterator[set[date]]:
    """Days, newest first, in windows that a report may span."""
    rest = list(days)
    while rest:
        is_gone = rest[0] < oldest
        first = rest[0] - timedelta(MAX_REPORT_DAYS - 1)
        window = {day for day in rest if day >= first and (day < oldest) == is_gone}
        yield window
        rest = [day for day in rest if day not in window]


def _both_tactics(partitions: Sequence[Partition]) -> tuple[Partition, ...]:
    """All slices that come with these."""
    return tuple(
        Partition(p.source, p.profile_id, p.record_type, p.segment, tactic, day)
        for day, (p, *_) in _by_day(partitions)
        for tactic in TACTICS
    )


def _unknowns(partitions: Sequence[Partition]) -> list[Partition]:
    """The slices of the same days for what has no tactic."""
    return [
        Partition(p.source, p.profile_id, p.record_type, p.segment, UNKNOWN_TACTIC, day)
        for day, (p, *_) in _by_day(partitions)
    ]


def _by_day(partitions: Sequence[Partition]) -> Iterator[tuple[date, list[Partition]]]:
    ordered = sorted(partitions, key=lambda partition: partition.date)
    for day, group in groupby(ordered, key=lambda partition: partition.date):
        yield day, list(group)


def _document(order: ReportBatch) -> dict[str, Any]:
    """What a report is asked for with."""
    first = order.partitions[0]
    days = [partition.date for partition in order.partitions]
    report_type, group = _TYPES[first.record_type]
    names = [CATALOGUE[name].v3_name for name in order.columns]
    return {
        "startDate": min(days).isoformat(),
        "endDate": max(days).isoformat(),
        "configuration": {
            "adProduct": "SPONSORED_DISPLAY",
            "reportTypeId": report_type,
            "groupBy": [MATCHED_TARGET if first.segment else group],
            "columns": ["date", *names],
            "timeUnit": "DAILY",
            "format": "GZIP_JSON",
        },
    }


def _is_same(report: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    """Whether the service's report is what was asked for; columns may be in another order."""

    def facts(of: Mapping[str, Any]) -> tuple[Any, ...]:
        configuration = of.get("configuration")
        told = configuration if isinstance(configuration, dict) else {}
        lists = [told.get(name) or [] for name in ("groupBy", "columns", "filters")]
        names = [told.get(name) for name in ("adProduct", "reportTypeId", "timeUnit", "format")]
        sets = [sorted(map(str, each)) if isinstance(each, list) else each for each in lists]
        return (of.get("startDate"), of.get("endDate"), *names, *sets)

    return facts(report) == facts(document)


def _days(
    texts: pa.ChunkedArray, payload: DownloadedReport
) -> tuple[list[date], np.ndarray[Any, Any]]:
    """The days that occur, and which of them each row is of."""
    coded = texts.combine_chunks().dictionary_encode(null_encoding="encode")
    codes = coded.indices.to_numpy()
    days = []
    for code, text in enumerate(coded.dictionary.to_pylist()):
        try:
            days.append(payload.day(text))
        except (ValueError, TypeError):
            row = int(np.argmax(codes == code))
            raise CorruptReport(
                f"field 'date' of row {row} is no day of {payload.first} to {payload.last}: "
                f"{str(text)[:40]!r}. Nothing of this report is kept",
                field="date",
                row=row,
            ) from None
    return days, codes


def _spelled(rows: pa.Table) -> pa.Table:
    """The rows with words as version 2 writes them."""
    for name, spell in _SPELLINGS.items():
        if name in rows.column_names:
            place = rows.column_names.index(name)
            rows = rows.set_column(place, name, spell(rows.column(name)))
    return rows


def _too_old(day: date) -> ReportTooOld:
    return ReportTooOld(
        f"{day} is too far in the past: version 3 reports {ProtocolV3.history_days} days back. "
        "Ask for later days; days fetched in time stay in the cache for good",
        operation="create_report",
    )


def _listed(campaigns: Iterator[Mapping[str, Any]]) -> dict[int, str]:
    """The tactics of campaigns by id; those that cannot be read are left out."""
    tactics = {}
    for campaign in campaigns:
        text, tactic = str(campaign.get("campaignId")), campaign.get("tactic")
        if re.fullmatch("[0-9]{1,19}", text) and tactic in TACTICS:
            tactics[int(text)] = str(tactic)
    return tactics
