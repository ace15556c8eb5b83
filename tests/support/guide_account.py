"""The account that the code of the documentation runs against: a sandbox on one day.

As a program, ``python -m tests.support.guide_account FOLDER``, it prints the variables of the
environment for others to use, and serves them until its input ends.

The guides name days, so their code runs on the day that `TODAY` is; what they show about final
numbers needs a store that was filled on the mornings before. The sandbox is in the place of
Amazon's hosts, so that what is shown is what a user sees.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

from sdanalytics import ReportCache, fetch_report, sandbox
from sdanalytics.api.hosts import REGIONS, RegionHosts
from sdanalytics.sandbox import Sandbox
from tests.support.clock import JumpingClock

TODAY = datetime(2026, 11, 18, 17, tzinfo=UTC)
"""Nine in the morning where the sandbox's first advertiser is."""
MORNINGS = 21
"""Days with a fetch, so that the store has a history."""
_HISTORY_VARIABLE = "SDANALYTICS_GUIDE_HISTORY"
_CLOCKS = ("sdanalytics.api.config.Clock", "sdanalytics.store.cache_reads.Clock")


@contextlib.contextmanager
def open_account(folder: Path, *, mornings: int = MORNINGS) -> Iterator[dict[str, str]]:
    """Start the sandbox, and fill a store in `folder` on each of the last mornings.

    Yield the variables of the environment with which `join_account` uses it, in this process or
    another; in this one they are set.
    """
    clock = JumpingClock(TODAY - timedelta(days=mornings))
    # Its clock stands still afterwards, so that no limit of requests a minute would ever pass.
    box = sandbox.start(
        delay=0, v1_create_gap=0, v1_penalty=0, now=clock.now, monotonic=clock.monotonic
    )
    variables = box.environment | {_HISTORY_VARIABLE: str(folder)}
    with box, mock.patch.dict(os.environ, variables):
        with _amazon_is_the_sandbox():
            _fetch_every_morning(box, clock, ReportCache(folder))
        yield variables


@contextlib.contextmanager
def _amazon_is_the_sandbox() -> Iterator[None]:
    """Let Amazon's hosts in North America and Europe be those of the sandbox."""
    api_url = os.environ["SDANALYTICS_BASE_URL"]
    other_api_url = api_url.replace("127.0.0.1", "localhost")
    token_url = os.environ["SDANALYTICS_TOKEN_URL"].replace("127.0.0.1", "localhost")
    north_america = RegionHosts(api_url, token_url, "https://consent.example")
    regions = {"NA": north_america, "EU": north_america._replace(api_url=other_api_url)}
    with mock.patch.dict(REGIONS, regions):
        yield


def _fetch_every_morning(box: Sandbox, clock: JumpingClock, store: ReportCache) -> None:
    client = box.client_for(box.profile_ids[0], clock, "v3")
    while clock.now() < TODAY:
        fetch_report("campaigns", days=60, client=client, cache=store)
        tomorrow = clock.now().replace(hour=17, minute=0, second=0) + timedelta(days=1)
        clock.pass_time((tomorrow - clock.now()).total_seconds())
    fetch_report("campaigns", days=60, client=client, cache=store)


@contextlib.contextmanager
def join_account() -> Iterator[Path]:
    """Let this process's clock, hosts and store be those of the account; yield its folder.

    The store is a copy, so that no page meets what another has fetched.
    """
    clock = JumpingClock(TODAY)
    start = functools.partial(sandbox.start, now=clock.now, monotonic=clock.monotonic)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sdanalytics-guide-")))
        shutil.copytree(os.environ[_HISTORY_VARIABLE], folder / "store")
        variables = {"SDANALYTICS_CACHE_DIR": str(folder / "store")}
        stack.enter_context(mock.patch.dict(os.environ, variables))
        stack.enter_context(_amazon_is_the_sandbox())
        for name in _CLOCKS:
            stack.enter_context(mock.patch(name, return_value=clock))
        stack.enter_context(mock.patch.object(sandbox, "start", start))
        yield folder


def main() -> None:
    """Serve the account to whoever has started this process."""
    with open_account(Path(sys.argv[1])) as variables:
        sys.stdout.write(json.dumps(variables) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
