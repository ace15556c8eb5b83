"""The list of campaigns of a call: as it is stored, and read from the service once at most.

Reports are of use without it, so that whatever is wrong with it costs no report: the facts that
come from it are missing, and a warning says so.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import numpy as np
import pyarrow as pa

from sdanalytics._core.deadline import Deadline
from sdanalytics._core.interruptible import run_interruptible
from sdanalytics.api.campaigns import list_campaigns
from sdanalytics.api.client import Client, open_session, profile_key
from sdanalytics.api.session import ApiSession
from sdanalytics.api.transport import timeout_error
from sdanalytics.errors import CacheError, SDAnalyticsError
from sdanalytics.fetch.wording import format_count
from sdanalytics.model.campaign_list import CampaignList
from sdanalytics.model.metrics import EVERY_TACTIC, TACTICS, UNKNOWN_TACTIC
from sdanalytics.model.query import ReportQuery
from sdanalytics.store.campaign_join import (
    assign_tactics,
    campaign_key,
    count_unknown_rows,
    find_campaigns_to_join,
    lacking_facts,
)
from sdanalytics.store.metadata import MetadataStore
from sdanalytics.store.parquet_file import PartitionTables

logger = logging.getLogger("sdanalytics")

MAX_LIST_AGE: Final = timedelta(days=1)
"""Age from which on the list is read again when a report is fetched."""
LIST_TIMEOUT: Final = 300.0
"""Seconds to read the list once all reports have arrived."""
LIST_TIMEOUT_FROM_CACHE: Final = 15.0
"""The same if all reports were stored: such a call may have no network."""
LIST_MAX_ATTEMPTS: Final = 2
"""Attempts for a page of it, at most, when it meets 5xx responses or broken connections."""
LIST_MAX_THROTTLES: Final = 2
"""429 responses to a page that end it."""


class CampaignReader:
    """The campaigns of the client's profile, for one call.

    Parameters
    ----------
    client : Client
    metadata : MetadataStore
        Stores the list.
    deadline : Deadline
        Of the call.
    query : ReportQuery
    """

    def __init__(
        self, client: Client, metadata: MetadataStore, deadline: Deadline, query: ReportQuery
    ) -> None:
        self._client = client
        self._metadata = metadata
        self._deadline = deadline
        self._query = query
        self._key = profile_key(client)
        self._lock = threading.Lock()
        self._campaigns: CampaignList | None = None
        self._was_requested = False
        self._failure: Exception | None = None

    def lookup_tactics(self, campaign_ids: np.ndarray[Any, Any], session: ApiSession) -> list[str]:
        """Return the tactic of each campaign; read the list when one is not known.

        It is called for reports without tactics, by any thread. Campaigns whose tactic cannot be
        known have the tactic `unknown`.
        """
        ids = pa.chunked_array([pa.array(campaign_ids)])
        with self._lock:
            tactics = self.campaigns.find("campaignId", ids, ["tactic"])
            if tactics.column("tactic").null_count:
                self._request(lambda: list_campaigns(session))
                if self._failure is not None and self._deadline.remaining <= 0:
                    raise timeout_error(self._deadline)  # it is read when the call is repeated
                tactics = self.campaigns.find("campaignId", ids, ["tactic"])
        names: list[str] = tactics.column("tactic").fill_null(UNKNOWN_TACTIC).to_pylist()
        return names

    @property
    def campaigns(self) -> CampaignList:
        """The list as it was last read, or else as it is stored."""
        if self._campaigns is None:
            self._campaigns = self._metadata.campaign_list(self._key)
        return self._campaigns

    def update(self, tables: PartitionTables, *, has_fetched: bool) -> None:
        """Read the list again where that is due for the rows of a call.

        Parameters
        ----------
        tables : mapping of Partition to pyarrow.Table
            The rows of the call.
        has_fetched : bool
            Whether the call has fetched a report. If not, a list that is stored will do.

        Raises
        ------
        ReportTimeout
            When the call was cancelled.
        ApiError
            When rows of one tactic are asked for, and the list that has their tactics could not
            be read: they would be missing. Its report is stored.
        """
        if self._is_due(self.campaigns, tables, has_fetched=has_fetched):
            timeout = LIST_TIMEOUT if has_fetched else LIST_TIMEOUT_FROM_CACHE
            deadline = Deadline(self._client.clock, min(timeout, self._deadline.remaining))
            with self._deadline.on_expiry(deadline.expire):
                session = open_session(self._client, deadline)
                request = partial(list_campaigns, session, LIST_MAX_ATTEMPTS, LIST_MAX_THROTTLES)
                is_done = run_interruptible(partial(self._request, request), deadline)
            if self._deadline.is_cancelled:
                raise timeout_error(self._deadline)
            if not is_done:
                self._failure = timeout_error(deadline)
        is_divided = self._query.tactics not in (TACTICS, (EVERY_TACTIC,))
        if self._failure and is_divided and count_unknown_rows(tables, self.campaigns):
            raise self._failure

    def assign_tactics(self, tables: PartitionTables) -> list[str]:
        """Move rows of unknown tactic to those that the list has; return the warnings of the list.

        See `sdanalytics.store.campaign_join.assign_tactics`.
        """
        warnings = [
            self._failure_message(tables),
            assign_tactics(tables, self._query, self.campaigns),
        ]
        return [message for message in warnings if message]

    def _failure_message(self, tables: PartitionTables) -> str:
        """Return the warning for rows that lack facts because the list could not be read."""
        if self._failure is None or _covers(self.campaigns, tables):
            return ""
        reason = type(self._failure).__name__
        if isinstance(self._failure, SDAnalyticsError):  # others may quote what is secret
            reason += f": {self._failure}"
        unknown = count_unknown_rows(tables, self.campaigns)
        effects = []
        missing = lacking_facts(tables.values())
        if missing:
            effects.append(f"{', '.join(missing)} are missing where the report has none")
        if unknown:
            effects.append(f"the tactic of {format_count(unknown, 'row')} is unknown")
        return (
            f"the list of campaigns could not be read ({reason}): {', and '.join(effects)}. The "
            "next call tries again; nothing is fetched again for it"
        )

    def _is_due(self, stored: CampaignList, tables: PartitionTables, *, has_fetched: bool) -> bool:
        if stored.read_at is None:
            return find_campaigns_to_join(tables) is not None
        if not has_fetched:
            return False
        return _is_old(stored.read_at, self._client.clock.now()) or not _covers(stored, tables)

    def _request(self, request: Callable[[], list[dict[str, Any]]]) -> bool:
        """Read the list from the service and store it, once in a call; return True."""
        if self._was_requested:
            return True
        self._was_requested = True
        try:
            documents = request()
        except Exception as error:  # also of what stands in for the network, such as vcrpy
            logger.info("the list of campaigns could not be read: %s", type(error).__name__)
            self._failure = error
            return True
        stored = self._metadata.campaign_list(self._key)
        self._campaigns = stored.updated(documents, self._client.clock.now())
        with contextlib.suppress(CacheError):  # a store that cannot be written to
            self._metadata.store_campaign_list(self._key, self._campaigns)
        return True


def _is_old(read_at: datetime, now: datetime) -> bool:
    """Return whether a list was read long ago, or by a clock that was ahead."""
    return not read_at <= now < read_at + MAX_LIST_AGE


def _covers(campaigns: CampaignList, tables: PartitionTables) -> bool:
    """Return whether all campaigns are on a list that lack facts in their rows."""
    to_join = find_campaigns_to_join(tables)
    if to_join is None:
        return True
    if campaigns.read_at is None:
        return False
    [key] = {campaign_key(rows.column_names) for rows in tables.values()}
    return campaigns.has_all(key, to_join)
