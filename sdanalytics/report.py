"""`fetch_report`: the whole flow, or the cache, in one call."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

import pyarrow as pa

from sdanalytics.api.client import Client
from sdanalytics.api.profiles import Profile, find_profile
from sdanalytics.api.transport import timed_out
from sdanalytics.api.v2 import V2
from sdanalytics.cache import ReportCache, assemble
from sdanalytics.clock import Limit
from sdanalytics.errors import (
    CacheError,
    InvalidRequest,
    PartialFetchError,
    ReportTooOld,
    SDAnalyticsError,
)
from sdanalytics.files import Entry
from sdanalytics.flow import Flow
from sdanalytics.freshness import changing_from, is_fresh
from sdanalytics.metrics import catalogue_order
from sdanalytics.progress import Progress
from sdanalytics.query import DateLike, ReportQuery, Slice, latest_today
from sdanalytics.schema import to_frame
from sdanalytics.steps import Stage

if TYPE_CHECKING:
    import pandas as pd

Refresh = Literal["auto", "never", "always"]
_REFRESH: Final = ("auto", "never", "always")


def fetch_report(
    record_type: str,
    start: DateLike,
    end: DateLike | None = None,
    *,
    metrics: Sequence[str] | None = None,
    tactic: str | Sequence[str] | None = None,
    segment: str | None = None,
    client: Client | None = None,
    cache: ReportCache | str | os.PathLike[str] | Literal[False] | None = None,
    refresh: Refresh = "auto",
    timeout: float | None = None,
    progress: bool | None = None,
) -> pd.DataFrame:
    """Fetch a Sponsored Display report as a typed frame, from the cache where it can be.

    What is not stored yet, or may have been restated since, is asked for: each day and
    tactic is one report of the service, all are built side by side, and each is stored as
    soon as it arrives. Whatever fails later, nothing that came is lost.

    Parameters
    ----------
    record_type : {"campaigns", "adGroups", "productAds", "targets", "asins"}
    start, end : str, date or Timestamp
        Inclusive days in the profile's time zone, such as ``"2026-11-01"``. Without `end`:
        that one day.
    metrics : sequence of str, optional
        Amazon's version 2 names. By default names, state, currency, impressions, clicks,
        cost and the 14-day results (`sdanalytics.metrics.default_metrics`).
    tactic : {"T00020", "T00030"} or a sequence of them, optional
        Contextual, audiences; both by default.
    segment : {"matchedTarget"}, optional
        Split by the page where the ad was clicked (campaigns, adGroups, targets).
    client : Client, optional
        By default `Client.from_env()`.
    cache : ReportCache or path, optional
        Where reports are kept; None: the default place; False: nowhere.
    refresh : {"auto", "never", "always"}
        ``"auto"`` asks again for days that Amazon may have restated
        (`sdanalytics.freshness`); ``"never"`` only for days that are not stored at all;
        ``"always"`` for all days. Days that the service no longer has come from the store.
    timeout : float, optional
        Seconds for the whole call; by default 1,800.
    progress : bool, optional
        A bar: always, never, or (None) when it takes long and somebody is looking.

    Returns
    -------
    pandas.DataFrame
        Columns `date`, `tactic`, the identity columns of the record type, then the metrics
        in the order asked, none twice. Rows sorted by date, tactic and identity. The dtypes
        never depend on the data: `date` ``datetime64[s]``; ids and counts ``Int64``; money
        (in the profile's currency) and ratios ``float64``, NaN where missing; few-valued
        text ``category``; other text ``str``. ``attrs["sdanalytics"]`` tells where it came
        from.

    Raises
    ------
    InvalidRequest, NotConfigured
        Before any network is touched; only whether the profile exists, and whether the last
        day has begun where it is, has to be asked.
    PartialFetchError
        When some reports failed; the others are stored, and calling again asks for the rest.
    ApiError, ReportFailed, DownloadFailed, CorruptReport
        When all failed for one reason. `Unauthorized` and `RateLimited` end the call at once.
    ReportTimeout
        When `timeout` passed; what arrived is stored.
    CacheError
        When the store cannot be written.

    Examples
    --------
    >>> import sdanalytics as sda
    >>> with sda.sandbox.start() as sandbox:
    ...     day = sandbox.today
    ...     df = sda.fetch_report("campaigns", day, client=sandbox.client, cache=False)
    >>> df.columns[:3].tolist()
    ['date', 'tactic', 'campaignId']
    """
    query = ReportQuery.of(record_type, start, end, metrics=metrics, tactic=tactic, segment=segment)
    _check_options(refresh, timeout, client)
    client = client or Client.from_env()
    query.refuse_future(latest_today(client.clock.now()), "where it is latest")
    limit = Limit(client.clock, V2.timeout if timeout is None else timeout)
    with _opened(cache) as store:
        call = _Call(query, client, store, refresh, limit)
        call.fetch(progress)
        return call.frame()


class _Call:
    """One call: what it needs, what the store has of it, and what is still to be fetched."""

    def __init__(
        self, query: ReportQuery, client: Client, store: ReportCache, refresh: str, limit: Limit
    ) -> None:
        self._query = query
        self._client = client
        self._store = store
        self._refresh = refresh
        self._limit = limit
        self._dialect = V2(client, limit)
        self._profile = _profile(store, client, limit)
        self._now = client.clock.now()
        today = self._now.astimezone(self._profile.zone).date()
        query.refuse_future(today, f"in {self._profile.timezone}")
        self._pieces = query.slices(client.source, client.profile_id)
        self._held: dict[Slice, Entry | None] = {}
        self._damaged: set[Slice] = set()
        self._fetched: set[Slice] = set()
        self._tables: dict[Slice, pa.Table] = {}

    def fetch(self, show: bool | None) -> None:
        """Bring into the store what is missing, then read all from it."""
        self._held = {piece: self._store.lookup(piece) for piece in self._pieces}
        self._bring([p for p, entry in self._held.items() if not self._will_do(entry)], show)
        damaged = self._load()
        if damaged:  # in their pages: looking them up read the footers alone
            self._damaged = set(damaged)
            self._bring(damaged, show)
            damaged = self._load()
        if damaged:
            raise CacheError(
                f"what was just stored of {damaged[0]} cannot be read: check the disk of "
                f"{self._store.path}, or choose another place with cache="
            )

    def frame(self) -> pd.DataFrame:
        """The answer, with where it came from."""
        frame = to_frame(assemble(self._tables, self._query.columns))
        frame.attrs["sdanalytics"] = self._provenance()
        return frame

    def _will_do(self, entry: Entry | None) -> bool:
        """Whether what is stored answers the call as it is."""
        if entry is None or not self._is_wide(entry) or self._refresh == "always":
            return False
        return self._refresh == "never" or is_fresh(
            entry.piece.date,
            entry.fetched_at,
            self._now,
            self._profile.zone,
            self._dialect.history_days,
        )

    def _is_wide(self, entry: Entry) -> bool:
        """Whether it has all columns of the call."""
        return set(self._query.columns) <= set(entry.columns)

    def _has(self, piece: Slice) -> bool:
        """Whether the store can answer for a slice that the service no longer has."""
        entry = self._held[piece]
        return entry is not None and self._is_wide(entry) and piece not in self._damaged

    def _to_ask(self, entry: Entry | None) -> tuple[str, ...]:
        """The columns to ask for: what is stored is replaced, so all that it has, too."""
        stored = entry.columns if entry else ()
        return catalogue_order([*self._query.columns, *stored])

    def _bring(self, needed: Sequence[Slice], show: bool | None) -> None:
        """Fetch slices into the store; what the service no longer has stays as it is stored."""
        needs = {piece: self._to_ask(self._held[piece]) for piece in needed}
        total = len(self._pieces)
        title, clock = self._query.record_type, self._client.clock
        with Progress(title, total, total - len(needs), show, clock) as bar:
            failures = Flow(self._dialect, self._store, self._limit, bar.watch).run(needs)
        arrived = set(needs) - set(failures)
        self._fetched |= arrived
        self._held |= {piece: self._store.lookup(piece) for piece in arrived}
        missing = {p: e for p, e in failures.items() if not (_is_gone(e) and self._has(p))}
        if missing:
            raise _failure(missing, len(needs))

    def _load(self) -> list[Slice]:
        """Read the slices from the store; those that it cannot read."""
        columns = self._query.columns
        loaded = {piece: self._store.load(piece, columns) for piece in self._pieces}
        self._tables = {piece: table for piece, table in loaded.items() if table is not None}
        return [piece for piece, table in loaded.items() if table is None]

    def _provenance(self) -> dict[str, str | int | list[str] | None]:
        entries = [entry for entry in self._held.values() if entry]
        stored = [(entry.piece.date, entry.fetched_at) for entry in entries]
        fetched = {piece.date for piece in self._fetched}
        return {
            "record_type": self._query.record_type,
            "segment": self._query.segment,
            "tactics": list(self._query.tactics),
            "start": self._query.start.isoformat(),
            "end": self._query.end.isoformat(),
            "profile_id": self._profile.profile_id,
            "source": self._client.source,
            "country": self._profile.country,
            "currency": self._profile.currency,
            "timezone": self._profile.timezone,
            "api": self._client.api,
            "days_fetched": len(fetched),
            "days_from_cache": len(set(self._query.days) - fetched),
            "oldest_fetched_at": min(e.fetched_at.isoformat() for e in entries),
            **changing_from(stored, self._profile.zone),
        }


def _is_gone(error: SDAnalyticsError) -> bool:
    """Whether the service no longer has the day: then what is stored is the last word."""
    return isinstance(error, ReportTooOld)


def _check_options(refresh: object, timeout: object, client: object) -> None:
    if not isinstance(refresh, str) or refresh not in _REFRESH:
        raise InvalidRequest(f"refresh={refresh!r} is not one of {', '.join(_REFRESH)}")
    if not isinstance(client, Client | None):
        raise InvalidRequest(f"client={client!r} is no Client; Client.from_env() makes one")
    if timeout is None:
        return
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0:
        raise InvalidRequest(f"timeout={timeout!r} is no number of seconds above 0")


@contextlib.contextmanager
def _opened(cache: object) -> Iterator[ReportCache]:
    """The store that a call means; a temporary one for False."""
    if isinstance(cache, ReportCache):
        yield cache
    elif cache is False:
        with tempfile.TemporaryDirectory(
            prefix="sdanalytics-", ignore_cleanup_errors=True
        ) as folder:
            store = ReportCache(folder)
            try:
                yield store
            finally:
                store.close()
    elif cache is None or isinstance(cache, str | os.PathLike):
        yield ReportCache(cache)
    else:
        raise InvalidRequest(f"cache={cache!r} is neither a ReportCache, a path, None nor False")


def _profile(store: ReportCache, client: Client, limit: Limit) -> Profile:
    """The facts of the client's profile: from the store, once they have been asked for."""
    profile = store.profile(client.source, client.profile_id)
    if profile is None:
        documents = Stage.perform(client.within(limit).list_profiles, limit)
        if documents is None:
            raise timed_out(limit)
        profile = find_profile(documents, client.profile_id)
        store.store_profile(client.source, profile)
    return profile


def _failure(missing: Mapping[Slice, SDAnalyticsError], asked: int) -> SDAnalyticsError:
    """One error for all that failed: their own, when nothing arrived and they are alike."""
    first, *others = missing.values()
    if len(missing) == asked and all(type(error) is type(first) for error in others):
        if others:
            first.add_note(f"All {asked} reports of the call failed so: {_days(missing)}.")
        if isinstance(first, ReportTooOld):
            first.add_note(_what_there_is(missing))
        return first
    told = "; ".join(_by_reason(missing))
    gone = [piece for piece, error in missing.items() if isinstance(error, ReportTooOld)]
    advice = _what_there_is(gone) if len(gone) == len(missing) else "Call again for what is missing"
    return PartialFetchError(
        f"{len(missing)} of {asked} reports failed, the others are stored. {told}. {advice}",
        failures=missing,
    )


def _by_reason(missing: Mapping[Slice, SDAnalyticsError]) -> Iterator[str]:
    """Each kind of failure once: how many, which days, and what one of them says."""
    kinds: dict[type[SDAnalyticsError], list[Slice]] = {}
    for piece in sorted(missing):
        kinds.setdefault(type(missing[piece]), []).append(piece)
    for kind, pieces in kinds.items():
        yield f"{len(pieces)} {kind.__name__} ({_days(pieces)}): {missing[pieces[-1]]}".rstrip(".")


def _days(pieces: Iterable[Slice]) -> str:
    days = sorted({piece.date for piece in pieces})
    return str(days[0]) if len(days) == 1 else f"{len(days)} days from {days[0]} to {days[-1]}"


def _what_there_is(gone: Iterable[Slice]) -> str:
    first = max(piece.date for piece in gone) + timedelta(days=1)
    return (
        f"The service has reports from {first} on: start there. "
        "ReportCache.read gives what is stored of earlier days"
    )
