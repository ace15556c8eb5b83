"""`JobStatus`: how far a job is, in days, reports and partitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sdanalytics.fetch.tracker import FetchCounts

JobState = Literal["running", "done", "failed", "cancelled"]


@dataclass(frozen=True, kw_only=True)
class JobStatus(FetchCounts):
    """The progress of a job.

    A *day* is done when all its data are stored. The data of a day and tactic are a
    *partition*. A *report* is what the service builds: one partition in version 2 of the API, up
    to 62 of them in version 3.

    Attributes
    ----------
    state : {"running", "done", "failed", "cancelled"}
    seconds : float
        Since the job began, until it ended.
    days, days_done, days_from_cache : int
        Days requested, those that are done, and those of them that the cache had.
    reports_waiting, reports_in_flight, reports_downloading, reports_failed : int
        Reports still to be requested, in flight, being downloaded, and given up.
    partitions, completed, from_cache : int
        Partitions requested, those fetched and stored, and those that the cache had.
    waiting, downloading, failed : int
        The other partitions: of reports that are waiting or in flight, downloading, and failed.
    """

    state: JobState
    seconds: float

    @property
    def reports(self) -> int:
        """The number of partitions that were requested.

        .. deprecated:: 0.2
            Use `days` or `partitions`.
        """
        return self.partitions

    @property
    def from_store(self) -> int:
        """The number of partitions that the cache had.

        .. deprecated:: 0.2
            Use `days_from_cache` or `from_cache`.
        """
        return self.from_cache

    @property
    def arrived(self) -> int:
        """The number of partitions that were fetched and stored.

        .. deprecated:: 0.2
            Use `days_done` or `completed`.
        """
        return self.completed

    def __str__(self) -> str:
        return f"{self.state}: {self.days_text}, {self.details_text}, {self.seconds:.0f} s"
