"""Run a cell: a call against a sandbox that has its fault, and the same call once it has ended."""

from __future__ import annotations

import random
import tempfile
import warnings
from collections import Counter
from dataclasses import dataclass
from itertools import product
from typing import Final

import pandas as pd

import sdanalytics as sda
from sdanalytics import ReportCache, SDAnalyticsError, fetch_report
from sdanalytics.model.metrics import TACTICS
from tests.resilience.faults.cells import Cell
from tests.resilience.faults.expectations import RIGHT, WITHOUT_LIST
from tests.resilience.faults.injection import (
    LATE,
    METRICS,
    UNKNOWN_STATUS,
    CallbackClock,
    inject,
)
from tests.resilience.faults.responses import CONNECTION_REFUSED
from tests.support.box import Box
from tests.support.rows import frame_rows, sent_rows

TIMEOUT: Final = 1800.0
"""Seconds that a call may take; calls with late reports have the default timeout."""
OUTLASTING: Final = 60.0
"""Simulated seconds that a report takes where a version 3 create is retried several times."""
PART_ROWS: Final = 20
"""Rows of a part of version 1: a report has two."""
THROTTLED: Final = 1300.0
"""Simulated seconds after which no 429 applies any more."""


@dataclass(frozen=True)
class Result:
    """The result of a call: as in `Expected`, with its requests and simulated seconds."""

    outcome: str
    creates: int
    again: int
    requests: int
    seconds: float


class _Trial:
    """A call against a sandbox of its own."""

    def __init__(self, cell: Cell, box: Box, store: ReportCache) -> None:
        self._cell = cell
        self._box = box
        self._store = store
        self._client = box.client_for(0, cell.api)
        self._earlier_reports = set(box.sandbox.reports)

    def run(self) -> Result:
        sandbox, clock = self._box.sandbox, self._box.clock
        before = sandbox.count(self._cell.operation)
        started = clock.monotonic()
        outcome, creates = self._outcome(), self._creates()
        seconds = clock.monotonic() - started
        requests = sandbox.count(self._cell.operation) - before
        self._end_fault()
        self._call_again()
        return Result(outcome, creates, self._creates(), requests, seconds)

    def _call_again(self) -> None:
        """Repeat the call: reports in flight that are recorded must not be requested again."""
        building = set(sda.pending(self._store)["report_id"].dropna())
        assert self._outcome() == RIGHT
        assert building <= set(self._store.entries()["report_id"])
        assert sda.pending(self._store).empty

    def _outcome(self) -> str:
        """Return `RIGHT` or the name of a documented error; anything else is a bug."""
        # Connections are refused from some exchange on: with a second report, that exchange could
        # be one of its own.
        single_report = self._cell.fault == CONNECTION_REFUSED and self._cell.api == "v2"
        tactics = TACTICS[:1] if single_report else TACTICS
        first, last = map(self._box.day, self._cell.version.days)
        listed = ("portfolioId",) if self._cell.operation == "campaigns" else ()
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                frame = fetch_report(
                    "campaigns", first, last, metrics=(*METRICS, *listed), tactic=tactics,
                    client=self._client, cache=self._store,
                    timeout=None if self._cell.fault == LATE else TIMEOUT,
                )  # fmt: skip
        except SDAnalyticsError as error:
            return _error_name(error)
        entries = self._store.entries()
        entries = entries[entries["tactic"] != "unknown"]
        days = [str(day.date()) for day in pd.date_range(first, last)]
        partitions = zip(entries["date"].astype(str), entries["tactic"], strict=True)
        assert sorted(partitions) == sorted(product(days, tactics))
        expected = sent_rows(self._box.sandbox, entries, ("campaignId", *METRICS))
        assert self._store.verify().empty
        if not caught:
            assert frame_rows(frame.drop(columns=list(listed))) == expected
            assert all(frame[name].notna().any() for name in listed)
            return RIGHT
        [warning] = caught
        assert "the list of campaigns could not be read" in str(warning.message)
        assert frame[list(listed)].isna().all(axis=None)
        if self._cell.api != "v2":
            expected = [row | {"tactic": "unknown"} for row in expected]
            expected.sort(key=lambda row: (row["date"], row["campaignId"]))
        assert frame_rows(frame.drop(columns=list(listed))) == expected
        return WITHOUT_LIST

    def _creates(self) -> int:
        """Return the largest number of reports of one tactic that the call created."""
        reports = self._box.sandbox.reports.items()
        counts = Counter(
            r.request.get("tactic") for name, r in reports if name not in self._earlier_reports
        )
        return max(counts.values(), default=0)

    def _end_fault(self) -> None:
        self._box.sandbox.clear_script()
        self._box.sandbox.set_content(lambda _: None)
        for report in self._box.sandbox.reports.values():
            if report.status == UNKNOWN_STATUS:
                report.status = "SUCCESS" if report.api == "v2" else "COMPLETED"
        if self._cell.fault == CONNECTION_REFUSED:
            self._box.sandbox.resume_listening()
        if self._cell.operation == "campaigns" and self._cell.fault.startswith("429"):
            self._box.clock.pass_time(THROTTLED)  # calls do not wait for the list until then


def _error_name(error: SDAnalyticsError) -> str:
    assert "X-Amz" not in f"{error}{error!r}"
    name = type(error).__name__
    if not isinstance(error, sda.PartialFetchError):
        return name
    failed = {_error_name(failure) for failure in error.failures.values()}
    return f"{name}: {', '.join(sorted(failed))}"


def run(cell: Cell) -> Result:
    """Run one cell, and check what must hold in every cell."""
    random.seed(str(cell))  # the jitter of waits
    clock = CallbackClock()
    delay = OUTLASTING if cell.operation == "create_report" else cell.version.building
    box = Box(clock, delay=delay, v3_empty_url=True, v1_no_parts=True, v1_part_rows=PART_ROWS)
    with (
        box.sandbox,
        tempfile.TemporaryDirectory() as folder,
        inject(cell, box, clock),
    ):
        return _Trial(cell, box, ReportCache(folder)).run()
