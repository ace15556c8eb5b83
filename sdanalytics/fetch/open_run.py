"""The run of a call: of one profile, or of many."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TypeAlias

from sdanalytics.fetch.fetch_run import FetchRun
from sdanalytics.fetch.many_profiles import ManyProfilesRun
from sdanalytics.fetch.options import FetchOptions
from sdanalytics.fetch.profile_loading import load_profile
from sdanalytics.model.query import ReportQuery
from sdanalytics.store.cache import internal_store, open_cache

AnyRun: TypeAlias = FetchRun | ManyProfilesRun


@contextlib.contextmanager
def open_run(query: ReportQuery, options: FetchOptions) -> Iterator[AnyRun]:
    """Open the cache of a call, and load the profile that it is about, if it is one."""
    with open_cache(options.cache) as cache:
        store = internal_store(cache)
        if options.profiles is not None:
            yield ManyProfilesRun(query, options, options.profiles, store)
            return
        profile = load_profile(store, options.client, options.deadline)
        yield FetchRun(query, options, profile, store)
