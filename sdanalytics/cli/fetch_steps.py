"""The steps of ``sdanalytics fetch``: plan all, fetch side by side, and see what is there."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from sdanalytics._core.clock import MAX_BLOCKING_WAIT
from sdanalytics.cli.fetch_outcomes import (
    FetchOutcome,
    complete_outcome,
    failed_outcome,
    partial_outcome,
)
from sdanalytics.cli.plan_days import (
    describe_stored_profile,
    has_work,
    split_plan,
)
from sdanalytics.cli.report_options import ReportSelection
from sdanalytics.cli.run_log import logger
from sdanalytics.errors import SDAnalyticsError

if TYPE_CHECKING:
    from sdanalytics import ReportJob, ReportPlan
    from sdanalytics.cli.stored_versions import StoredVersions

END_GRACE: Final = 0.5
"""Seconds that all fetches get together to end when the command is ended."""


class FetchSteps:
    """One run of the command.

    Parameters
    ----------
    selection : ReportSelection
    timeout : float or None
        Seconds for each record type.
    show_bar : bool
    """

    def __init__(
        self, selection: ReportSelection, timeout: float | None, *, show_bar: bool
    ) -> None:
        self._selection = selection
        self._timeout = timeout
        self._show_bar = show_bar
        self._plans: dict[str, ReportPlan] = {}
        self._versions: dict[str, StoredVersions] = {}
        self._jobs: dict[ReportJob, str] = {}

    def run(self) -> list[FetchOutcome]:
        """Fetch everything; return an outcome for each record type and profile.

        Raises
        ------
        SDAnalyticsError
            When the profiles cannot be looked up, or nothing can be planned.
        """
        outcomes: list[FetchOutcome] = []
        self._plan_all()
        try:
            outcomes += self._start_all()
            outcomes += self._wait_for_all()
        finally:
            self._detach_all()
        return sorted(outcomes, key=self._position)

    def _plan_all(self) -> None:
        from sdanalytics import plan_report

        for record_type in self._selection.record_types:
            if self._selection.list_profiles(record_type) == []:
                logger.info("%s: no profile has such a report", record_type)
                continue
            keywords = self._selection.keywords(record_type)
            plan = plan_report(record_type, **keywords)  # type: ignore[arg-type]
            self._plans[record_type] = plan
            logger.info("%s", plan)

    def _start_all(self) -> Iterable[FetchOutcome]:
        """Start the fetches that have something to do; return the outcomes of the others."""
        from sdanalytics import submit_report
        from sdanalytics.cli.stored_versions import StoredVersions

        for record_type, plan in self._plans.items():
            if not has_work(plan):
                yield from self._log_all(self._complete_outcomes(record_type))
                continue
            self._versions[record_type] = StoredVersions(self._selection.cache, plan)
            keywords = self._selection.keywords(
                record_type, timeout=self._timeout, progress=self._show_bar
            )
            job = submit_report(record_type, **keywords)  # type: ignore[arg-type]
            self._jobs[job] = record_type

    def _wait_for_all(self) -> Iterable[FetchOutcome]:
        """Yield the outcomes of fetches as they end."""
        ended: queue.SimpleQueue[ReportJob] = queue.SimpleQueue()
        for job in self._jobs:
            job.add_done_callback(ended.put)
        while self._jobs:
            try:
                job = ended.get(timeout=MAX_BLOCKING_WAIT)
            except queue.Empty:
                continue
            record_type = self._jobs.pop(job)
            yield from self._log_all(self._outcomes(record_type, job))

    def _outcomes(self, record_type: str, job: ReportJob) -> list[FetchOutcome]:
        try:
            job.result()
        except SDAnalyticsError as error:
            return self._partial_outcomes(record_type, error)
        return self._complete_outcomes(record_type)

    def _complete_outcomes(self, record_type: str) -> list[FetchOutcome]:
        outcomes = []
        for profile_id, before in split_plan(self._plans[record_type]).items():
            profile = describe_stored_profile(self._selection, profile_id)
            outcomes.append(complete_outcome(record_type, profile, before))
        return outcomes + self._failed_outcomes(record_type)

    def _partial_outcomes(self, record_type: str, error: SDAnalyticsError) -> list[FetchOutcome]:
        """See what is there after a failure."""
        versions = self._versions[record_type]
        versions.update()
        outcomes = []
        for profile_id, before in split_plan(self._plans[record_type]).items():
            profile = describe_stored_profile(self._selection, profile_id)
            outcome = partial_outcome(record_type, profile, before, versions, error)
            outcomes.append(outcome)
        return outcomes + self._failed_outcomes(record_type)

    def _failed_outcomes(self, record_type: str) -> list[FetchOutcome]:
        """Return the outcomes for profiles that could not be planned."""
        outcomes = []
        for profile_id, error in self._plans[record_type].failures.items():
            profile = describe_stored_profile(self._selection, profile_id)
            outcomes.append(failed_outcome(record_type, profile, error))
        return outcomes

    def _log_all(self, outcomes: list[FetchOutcome]) -> list[FetchOutcome]:
        for outcome in outcomes:
            if outcome.is_complete:
                logger.info("%s", outcome)
            else:
                logger.error("%s", outcome)
        return outcomes

    def _position(self, outcome: FetchOutcome) -> tuple[int, int]:
        """Return where an outcome belongs: by record type as named, then by profile id."""
        number = self._selection.record_types.index(outcome.record_type)
        return number, int(outcome.profile["profile_id"])

    def _detach_all(self) -> None:
        """End fetches that still run; their reports stay in flight, for the next run."""
        if not self._jobs:
            return
        logger.warning("ended: the next run takes up what was requested")
        for job in self._jobs:
            job.detach()
        end = time.monotonic() + END_GRACE
        for job in self._jobs:
            job.wait(max(0.0, end - time.monotonic()))
