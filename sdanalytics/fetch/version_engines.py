"""The engines of a call: one for each version of the API that its days come through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sdanalytics.api.client import profile_key
from sdanalytics.errors import SDAnalyticsError
from sdanalytics.fetch.account_reader import AccountReader
from sdanalytics.fetch.campaign_reader import CampaignReader
from sdanalytics.fetch.claims import FetchNeeds
from sdanalytics.fetch.engine import ReportEngine
from sdanalytics.fetch.options import FetchOptions
from sdanalytics.fetch.protocols import AnyProtocol
from sdanalytics.fetch.protocols.base import CallContext, ColumnsByPartition
from sdanalytics.fetch.refresh_policies import find_absent_columns
from sdanalytics.fetch.refresh_policy import RefreshPolicy
from sdanalytics.fetch.refused_columns import RefusedColumns
from sdanalytics.fetch.tracker import FetchTracker
from sdanalytics.model.partition import Partition
from sdanalytics.model.query import ReportQuery
from sdanalytics.store.in_flight import InFlightRegistry
from sdanalytics.store.parquet_file import CachedPartition
from sdanalytics.store.store import Store

Cached = Mapping[Partition, CachedPartition | None]
"""What is stored of the partitions of a call."""


class VersionEngines:
    """Fetches the partitions of a call, those of one version at a time.

    Parameters
    ----------
    query : ReportQuery
    options : FetchOptions
    store : Store
    campaigns : CampaignReader
    """

    def __init__(
        self, query: ReportQuery, options: FetchOptions, store: Store, campaigns: CampaignReader
    ) -> None:
        self._query = query
        self._client = options.client
        self._deadline = options.deadline
        self._limits = options.limits
        self._store = store
        self._campaigns = campaigns
        self._accounts = AccountReader(profile_key(self._client), store.metadata)
        self._refused: list[RefusedColumns] = []

    @property
    def left_out(self) -> frozenset[str]:
        """The columns that reports were requested without."""
        names: set[str] = set()
        for refused in self._refused:
            names |= refused.left_out
        return frozenset(names)

    def count_reports(
        self, policy: RefreshPolicy, partitions: Iterable[Partition], cached: Cached
    ) -> int:
        """Return how many reports of a version partitions take."""
        needs = _list_columns(policy, partitions, cached)
        batches = self._make_protocol(policy).batch(needs)
        return len(batches)

    def fetch(
        self,
        policy: RefreshPolicy,
        missing: Sequence[Partition],
        cached: Cached,
        tracker: FetchTracker,
    ) -> dict[Partition, SDAnalyticsError]:
        """Fetch partitions of one version into the store; return what failed, and why."""
        self._store.partitions.check_writable()  # or reports would be requested in vain
        version = policy.protocol
        refused = RefusedColumns(self._query, find_absent_columns(self._query, version.name))
        self._refused.append(refused)
        needs = FetchNeeds(
            _list_columns(policy, missing, cached), cached, policy.columns_to_request, refused
        )
        with InFlightRegistry(
            self._store.storage.state_dir,
            version.name,
            profile_key(self._client),
            self._client.clock,
            policy.is_acceptable,
            limits_client=version.limits_client,
        ) as registry:
            engine = ReportEngine(
                self._make_protocol(policy, registry),
                self._store.partitions,
                registry,
                self._deadline,
                tracker,
                needs,
                self._limits,
            )
            return engine.run()

    def _make_protocol(
        self, policy: RefreshPolicy, registry: InFlightRegistry | None = None
    ) -> AnyProtocol:
        """Return the protocol of a version of the API, for this call."""
        # Calls without a cache share no store: they share the client's own rate limiter.
        limiter_state = None if self._store.is_temporary else registry
        context = CallContext(
            client=self._client,
            deadline=self._deadline,
            campaigns=self._campaigns,
            accounts=self._accounts,
            oldest=policy.oldest_available,
            limiter_state=limiter_state,
            count_reports=lambda: None if registry is None else registry.count_reports(),
        )
        return policy.protocol(context)


def _list_columns(
    policy: RefreshPolicy, partitions: Iterable[Partition], cached: Cached
) -> ColumnsByPartition:
    """Return the columns to request of each partition."""
    columns = {}
    for partition in partitions:
        columns[partition] = policy.columns_to_request(cached[partition])
    return columns
