"""Connect a notebook to the user's account, or to a demo account on a sandbox."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import IO, Final, NamedTuple

from sdanalytics._core.hidden_frames import hide_frames
from sdanalytics._core.temp_folders import PREFIX, mark_in_use, remove_abandoned_folders
from sdanalytics.api.client import Client, default_client
from sdanalytics.api.client_settings import has_account
from sdanalytics.demo.clock import DemoClock
from sdanalytics.sandbox.launcher import start
from sdanalytics.store.cache import ReportCache, internal_store

DEFAULT_DELAY: Final = 0.3
"""Seconds that the sandbox takes to build a report: a bar is seen, and nobody waits."""
DEMO_MORNING: Final = datetime(2026, 11, 23, 17, tzinfo=UTC)
"""The moment at which the demo begins: a Monday, nine o'clock where its advertiser is."""
DEMO_MORNINGS: Final = 42
"""The mornings before, on which the demo's user has fetched."""
DEMO_VARIABLE: Final = "SDANALYTICS_DEMO"
"""Set by ``sdanalytics lab`` where the account of the environment is that of a sandbox."""


class Connection(NamedTuple):
    """A client, and the last day that is over where its profile is.

    Attributes
    ----------
    client : Client
    last : datetime.date
    """

    client: Client
    last: date


def connect_or_demo(*, delay: float = DEFAULT_DELAY) -> Connection:
    """Connect to your account, or to a demo account if none is configured.

    Your account is that of the environment, or the one that ``sdanalytics login`` has kept. The
    demo runs on a sandbox on this machine, with made-up data: it is Monday morning, 23 November
    2026, and somebody has fetched the campaigns of the last 60 days on each of the 42 mornings
    before, so that the store has a history. Its days are the same on every machine, whenever it
    is started.

    Which one it is, is printed. There is one demo for all calls (of one `delay`), until the
    process ends. Its reports are stored in a temporary folder: the variable
    ``SDANALYTICS_CACHE_DIR`` of this process is set to it, so that ``ReportCache()`` is its store.

    Parameters
    ----------
    delay : float, optional
        Seconds that the sandbox of the demo takes to build a report.

    Returns
    -------
    Connection
        A tuple of `client`, a `Client`, and `last`, a `datetime.date`: yesterday where the
        profile is.

    Raises
    ------
    InvalidRequest
        When a setting of the account or `delay` is wrong.
    NotConfigured
        When the config file cannot be read, or the login has several profiles and none is chosen.
    ApiError, ReportTimeout
        When the profiles of your account cannot be listed.

    Examples
    --------
    At the beginning of a notebook::

        client, last = sda.connect_or_demo()
        df = sda.fetch_report("campaigns", days=28, client=client)
    """
    account = None if DEMO_VARIABLE in os.environ else describe_account(os.environ)
    if account is not None:
        client = default_client()
    else:
        account = "a demo account on this machine, with made-up data"
        client, folder = _start_demo(delay)
        os.environ["SDANALYTICS_CACHE_DIR"] = folder
    print(f"Connected to {account}.")  # noqa: T201
    last = client.today - timedelta(1)
    return Connection(client, last)


@hide_frames
def describe_account(environment: Mapping[str, str]) -> str | None:
    """Describe the account that calls without a client use; None without credentials.

    Raises
    ------
    InvalidRequest
        When a setting is wrong.
    """
    if not has_account(environment):
        return None
    client = default_client(environment)
    if client.profile_id is None:
        return f"your account in {client.source}"
    return f"your account: profile {client.profile_id} of {client.source}"


class _Demo(NamedTuple):
    """A running demo: a client of its sandbox, and the folder of its store."""

    client: Client
    folder: str


@cache
def _start_demo(delay: float) -> _Demo:
    """Start a sandbox whose clock begins on the demo's morning, and fill a store."""
    # The sandbox loads when it is used: not with the names of the package.
    from sdanalytics.demo.history import fill_history
    from sdanalytics.sandbox.simulation.advertisers import select_advertisers

    clock = DemoClock(DEMO_MORNING)
    sandbox = start(delay=delay, now=clock.now)
    api = os.environ.get("SDANALYTICS_API", "v3")
    profile_id = sandbox.profile_ids[0]
    client = sandbox.client_for(profile_id, clock, api)
    folder = _create_cache_folder()
    reports = ReportCache(folder)
    store = internal_store(reports)
    advertisers = select_advertisers(sandbox.settings)
    advertiser = advertisers[profile_id]
    mornings: list[datetime] = []
    for ago in range(DEMO_MORNINGS, 0, -1):
        morning = DEMO_MORNING - timedelta(ago)
        mornings.append(morning)
    fill_history(store.partitions, client, advertiser, mornings)
    return _Demo(client, folder)


def _create_cache_folder() -> str:
    remove_abandoned_folders()
    folder = tempfile.mkdtemp(prefix=f"{PREFIX}sandbox-")
    atexit.register(_remove_cache_folder, folder, mark_in_use(folder))
    return folder


def _remove_cache_folder(folder: str, mark: IO[bytes]) -> None:
    mark.close()
    shutil.rmtree(folder, ignore_errors=True)
