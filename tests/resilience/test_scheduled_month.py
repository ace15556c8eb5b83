"""A month of scheduled runs: every day of every profile is fetched, each report once.

The clock of the machine jumps, a run is killed now and then, one profile has no access at first,
and one is throttled for hours. The service has a clock of its own.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, TypeVar
from unittest import mock

import pytest

import sdanalytics as sda
from sdanalytics import ReportCache, cli
from sdanalytics._core.clock import Clock
from sdanalytics.sandbox import Sandbox
from sdanalytics.sandbox.access import AccessControl
from sdanalytics.sandbox.simulation.advertisers import Advertiser
from tests.support.processes import start_process

T = TypeVar("T")

FIRST_MORNING: Final = datetime(2026, 10, 5, 5, 30, tzinfo=UTC)
MORNINGS: Final = 30
DAYS: Final = 2
PROFILES: Final = 10
ARGUMENTS: Final = [
    *("fetch", "campaigns", "--days", str(DAYS), "--profiles", "all"),
    *("--metrics", "clicks", "cost", "--timeout", "1800", "--json"),
]
SPEED: Final = 200
"""Seconds of the service that pass in one."""

NO_ACCESS_UNTIL: Final = 12
"""The morning from which on the last profile has access."""
THROTTLED: Final = (7, 20)
"""Mornings on which a profile gets 429 for hours."""
KILLED: Final = (3, 10, 20, 25)
"""Mornings on which the first run is killed, and there is another one."""
ASLEEP: Final = (15,)
"""Mornings without a run."""
CLOCK_ERRORS: Final = {5: timedelta(hours=1), 18: timedelta(minutes=-40), 23: timedelta(minutes=3)}
"""How far the clock of the machine is ahead, from a morning on."""


class FastClock(Clock):
    """A clock on which time passes hundreds of times as fast, and only while it is started."""

    def __init__(self, began: datetime) -> None:
        self._began = began
        self._passed = 0.0
        self._since: float | None = None

    def start(self) -> None:
        self._since = time.monotonic()

    def stop(self) -> None:
        self._passed, self._since = self._seconds(), None

    def set(self, moment: datetime) -> None:
        """Let time pass until a moment, which it must not have reached."""
        seconds = (moment - self.now()).total_seconds()
        assert seconds > 0
        self._passed += seconds

    def now(self) -> datetime:
        return self._began + timedelta(seconds=self._seconds())

    def monotonic(self) -> float:
        return self._seconds()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.wait(seconds / SPEED)

    def get_from(
        self, inbox: queue.SimpleQueue[T], seconds: float, *, workers_busy: bool
    ) -> T | None:
        return super().get_from(inbox, seconds / SPEED, workers_busy=workers_busy)

    def _seconds(self) -> float:
        if self._since is None:
            return self._passed
        return self._passed + (time.monotonic() - self._since) * SPEED


class MachineClock(FastClock):
    """The clock of the machine: as fast as that of the service, and ahead of it."""

    def __init__(self, service: FastClock) -> None:
        super().__init__(FIRST_MORNING)
        self._service = service
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return self._service.now() + self.ahead

    def monotonic(self) -> float:
        return self._service.monotonic()


class Throttle:
    """Answers 429 to one profile while it is on."""

    def __init__(self) -> None:
        self.profile_id: int | None = None
        self.answers = 0

    def install(self, patch: pytest.MonkeyPatch) -> None:
        check_rate = AccessControl.check_rate

        def check(
            access: AccessControl, operation: str, advertiser: Advertiser, *more: Any
        ) -> None:
            if advertiser.profile_id == self.profile_id:
                self.answers += 1
                raise access._too_many_requests()
            check_rate(access, operation, advertiser, *more)

        patch.setattr(AccessControl, "check_rate", check)


def run_at(moment: datetime) -> None:
    """Run the command in a process of its own, whose clock begins at a moment."""
    began = time.monotonic()

    class LateClock(Clock):
        def now(self) -> datetime:
            return moment + timedelta(seconds=time.monotonic() - began)

    with mock.patch("sdanalytics.api.config.Clock", LateClock):
        sys.exit(cli.main(ARGUMENTS))


class Month:
    """The service, the machine, and what happens to them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.service_clock = FastClock(FIRST_MORNING - timedelta(hours=1))
        self.machine_clock = MachineClock(self.service_clock)
        self.unregistered: set[int] = set()
        self.throttle = Throttle()
        self.throttle.install(monkeypatch)
        self.sandbox: Sandbox = sda.sandbox.start(
            profiles=PROFILES,
            campaigns=2,
            delay=60,
            token_lifetime=86400,
            unregistered=self.unregistered,
            now=self.service_clock.now,
            monotonic=self.service_clock.monotonic,
        )
        self.environment = self.sandbox.environment | {"SDANALYTICS_API": "v3"}
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sdanalytics.api.config.Clock", lambda: self.machine_clock)
        # The network is as slow as ever: a minute would be a third of a second.
        monkeypatch.setattr("sdanalytics.api.session.READ_TIMEOUT", 60.0 * SPEED)
        self.store = ReportCache()
        self._capsys = capsys

    def begin(self, morning: int) -> None:
        """Let the time of a morning come."""
        self.service_clock.set(FIRST_MORNING + morning * timedelta(1))
        ahead = self.machine_clock.ahead
        self.machine_clock.ahead = CLOCK_ERRORS.get(morning, ahead)

    def run(self) -> tuple[int, dict[int, Any], str]:
        """Run the command; return its exit code, its record of each profile, and its log."""
        self.service_clock.start()
        code = cli.main(ARGUMENTS)
        self.service_clock.stop()
        printed = self._capsys.readouterr()
        records = json.loads(printed.out)
        return code, {int(record["profile_id"]): record for record in records}, printed.err

    def run_and_kill(self, reports: int) -> None:
        """Run the command in another process, and kill it when it has requested its reports."""
        environment = self.environment | {"SDANALYTICS_CACHE_DIR": str(self.store.path)}
        process = start_process(run_at, self.machine_clock.now(), environment=environment)
        wait = threading.Event()
        while len(self.store.pending()["report_id"].dropna()) < reports * DAYS * 2:
            assert process.is_alive(), process.exitcode
            wait.wait(0.02)
        process.kill()
        process.join()


@pytest.fixture
def month(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Month]:
    simulated = Month(monkeypatch, capsys)
    with simulated.sandbox:
        yield simulated


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_month_of_scheduled_runs(month: Month) -> None:
    profiles = month.sandbox.profile_ids
    late, throttled = profiles[-1], profiles[4]
    month.unregistered.add(late)
    for morning in range(MORNINGS):
        if morning in ASLEEP:
            continue
        month.begin(morning)
        if morning == NO_ACCESS_UNTIL:
            month.unregistered.clear()
        month.throttle.profile_id = throttled if morning in THROTTLED else None
        without = {late} & month.unregistered | ({throttled} if morning in THROTTLED else set())
        before = set(month.sandbox.reports)
        if morning in KILLED:
            month.run_and_kill(PROFILES - len(without))
        code, records, log = month.run()
        created = Counter(
            report.profile_id
            for report_id, report in month.sandbox.reports.items()
            if report_id not in before
        )
        assert created == dict.fromkeys(set(profiles) - without, 1), morning
        assert records.keys() == set(profiles)
        incomplete = {id for id, record in records.items() if record["error"]}
        assert incomplete == without
        assert code == (1 if without else 0)
        lines = log.splitlines()
        assert sum(" INFO campaigns, profile " in line for line in lines) == 10 - len(without)
        assert sum(" ERROR campaigns, profile " in line for line in lines) == len(without)
        assert len(lines) == 12, log  # the plan first, and the sum last
    assert month.throttle.answers > len(THROTTLED)
    check_store(month, late)


def check_store(month: Month, late: int) -> None:
    """Check that every day is there that the service had when a profile was first accessible."""
    entries = month.store.entries()
    for profile_id in month.sandbox.profile_ids:
        first = NO_ACCESS_UNTIL if profile_id == late else 0
        own = entries[entries["profile_id"] == str(profile_id)]
        for _, stored in own.groupby("tactic"):
            expected = list_days(first - DAYS, MORNINGS - 2)
            assert expected <= set(stored["date"].dt.date), profile_id
        assert own["tactic"].nunique() == 2
    assert month.store.pending().empty
    assert month.store.verify().empty
    versions = month.store.history(
        "campaigns",
        FIRST_MORNING.date() + timedelta(25),
        profile_id=month.sandbox.profile_ids[0],
        source=entries["source"][0],
    )
    assert versions["fetched_at"].dt.date.nunique() == DAYS


def list_days(first: int, last: int) -> set[date]:
    """Return the days from one to before another, counted from the first morning's."""
    start = FIRST_MORNING.date()
    return {start + timedelta(number) for number in range(first + 1, last)}
