"""Many reports: the time of a call beside what rate and delay allow, and its costs.

Client and sandbox are processes of their own, so that what either takes is its own.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import multiprocessing
import queue
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlencode, urlsplit

import sdanalytics as sda
from benchmarks.results import Goal, Section
from sdanalytics import sandbox
from sdanalytics._core.clock import Clock
from sdanalytics.model.query import ReportQuery

T = TypeVar("T")

TACTICS: Final = ("T00020", "T00030")
REPORTS: Final = (
    {"record_type": "campaigns"},
    {"record_type": "adGroups"},
    {"record_type": "productAds"},
    {"record_type": "targets"},
)
FIFTH: Final = {
    "seller": {"record_type": "asins"},
    "vendor": {"record_type": "campaigns", "segment": "matchedTarget"},  # has no asins
}
RATE: Final = 1.0
"""Creates a second and profile, as on Amazon's hosts."""
CONNECTIONS: Final = 8
"""Connections of the bare loop."""
MAX_RATIO: Final = 1.1
MAX_CPU_GROWTH: Final = 1.25
"""The growth of the CPU time of a partition that is allowed with ten times as many."""
_START: Final = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
_SPAWN: Final = multiprocessing.get_context("spawn")


class SharedClock(Clock):
    """A clock shared by client and sandbox, which waits advance at once."""

    def __init__(self, passed: Any) -> None:
        self._passed = passed

    def now(self) -> datetime:
        return _START + timedelta(seconds=self._passed.value)

    def monotonic(self) -> float:
        return 1000.0 + float(self._passed.value)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        if not event.is_set():
            self._passed.value += max(0.0, seconds)
        return event.is_set()

    def get_from(
        self, inbox: queue.SimpleQueue[T], seconds: float, *, workers_busy: bool
    ) -> T | None:
        try:
            return inbox.get(timeout=0.2 if workers_busy else 0.0)
        except queue.Empty:
            self._passed.value += 0.0 if workers_busy else max(0.0, seconds)
            return None


@dataclass(frozen=True)
class SandboxEndpoint:
    """The address and the profiles of a sandbox."""

    environment: dict[str, str]
    profile_ids: list[int]
    today: date

    def client(self, **settings: Any) -> sda.Client:
        """Return a client for the first profile."""
        return sda.Client(
            sda.Credentials.from_env(self.environment),
            self.profile_ids[0],
            base_url=self.environment["SDANALYTICS_BASE_URL"],
            token_url=self.environment["SDANALYTICS_TOKEN_URL"],
            **settings,
        )


@dataclass(frozen=True)
class Service:
    """A sandbox in a process of its own."""

    endpoint: SandboxEndpoint
    pipe: Any

    def spent(self) -> tuple[float, int]:
        """Return the seconds of CPU and the exchanges so far."""
        self.pipe.send(True)
        seconds, exchanges = self.pipe.recv()
        return seconds, exchanges


def _serve(pipe: Any, passed: Any, settings: Mapping[str, Any]) -> None:
    clock = SharedClock(passed) if passed is not None else Clock()
    with sandbox.start(now=clock.now, monotonic=clock.monotonic, **settings) as box:
        pipe.send(SandboxEndpoint(box.environment, box.profile_ids, box.today))
        while pipe.recv():
            pipe.send((time.process_time(), len(box.requests)))


@contextlib.contextmanager
def start_service(passed: Any = None, **settings: Any) -> Iterator[Service]:
    parent_end, child_end = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_serve, args=(child_end, passed, settings))
    process.start()
    try:
        yield Service(parent_end.recv(), parent_end)
    finally:
        parent_end.send(False)
        process.join()


@dataclass(frozen=True)
class Spent:
    """The costs of some work: wall and CPU time in seconds, peak memory in MiB."""

    wall: float
    cpu: float
    peak: float


def measure_spending(work: Callable[[], object]) -> Spent:
    """Do some work, and return its costs; the process does nothing else."""
    began, cpu = time.perf_counter(), time.process_time()
    work()
    spent = time.perf_counter() - began, time.process_time() - cpu
    lines = Path("/proc/self/status").read_text().splitlines()
    [peak] = [line.split()[1] for line in lines if line.startswith("VmHWM")]
    return Spent(*spent, int(peak) / 1024)


def run_in_own_process(work: Callable[..., T], *arguments: Any) -> T:
    """Return the costs of some work that is done in a process of its own."""
    parent_end, child_end = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_send_result, args=(child_end, work, *arguments))
    process.start()
    child_end.close()
    spent: T = parent_end.recv()
    process.join()
    return spent


def _send_result(pipe: Any, work: Callable[..., object], *arguments: Any) -> None:
    pipe.send(work(*arguments))


def _fetch_all(endpoint: SandboxEndpoint, days: int, rate: float | None) -> Spent:
    """Fetch all reports of all profiles, side by side in one process."""
    client = endpoint.client(create_rate=rate)
    last = endpoint.today - timedelta(days=2)
    span = last - timedelta(days - 1), last
    profiles = client.profiles()
    wanted = [
        (client.for_profile(profile), report)
        for profile, kind in zip(profiles["profileId"], profiles["accountType"], strict=True)
        for report in (*REPORTS, FIFTH[kind])
    ]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(len(wanted)) as pool:
        fetch = partial(sda.fetch_report, cache=folder, timeout=3600.0)

        def fetch_one(profile_client: sda.Client, report: dict[str, Any]) -> int:
            record_type, segment = report["record_type"], report.get("segment")
            return len(fetch(record_type, *span, segment=segment, client=profile_client))

        return measure_spending(
            lambda: [
                job.result() for job in [pool.submit(fetch_one, *arguments) for arguments in wanted]
            ]
        )


def _fetch_long(endpoint: SandboxEndpoint, partitions: int, passed: Any) -> Spent:
    """Fetch that many partitions in one call, in simulated time."""
    client = endpoint.client(clock=SharedClock(passed), create_rate=RATE)
    last = endpoint.today - timedelta(days=2)
    first = last - timedelta(partitions // len(TACTICS) - 1)
    with tempfile.TemporaryDirectory() as folder:
        sda.fetch_report("campaigns", endpoint.today, client=client, cache=folder)  # imports, token
        fetch = partial(sda.fetch_report, client=client, cache=folder)
        return measure_spending(
            lambda: fetch("campaigns", first, last, timeout=10.0 * partitions + 3600)
        )


def _run_bare_loop(endpoint: SandboxEndpoint, days: int) -> Spent:
    """Make only the exchanges that the reports need, in a bare loop."""
    client = endpoint.client()
    kinds = client.profiles()["accountType"]
    requests = [
        (profile, report, tactic, endpoint.today - timedelta(2 + ago))
        for profile, kind in zip(endpoint.profile_ids, kinds, strict=True)
        for report in (*REPORTS, FIFTH[kind])
        for tactic in TACTICS
        for ago in range(days)
    ]
    local = threading.local()

    def fetch_report(arguments: tuple[int, dict[str, str], str, date]) -> None:
        if not hasattr(local, "loop"):
            local.loop = BareLoop(endpoint.environment)
        local.loop.fetch_report(*arguments)

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return measure_spending(lambda: list(pool.map(fetch_report, requests)))


class BareLoop:
    """A minimal client: two connections, four requests a report."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._connections: dict[str, http.client.HTTPConnection] = {}
        self._base = environment["SDANALYTICS_BASE_URL"]
        names = ("CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN")
        form = {name.lower(): environment[f"SDANALYTICS_{name}"] for name in names}
        form["grant_type"] = "refresh_token"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        url = environment["SDANALYTICS_TOKEN_URL"]
        token = json.loads(self._send("POST", url, headers, urlencode(form))[1])["access_token"]
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Amazon-Advertising-API-ClientId": form["client_id"],
        }

    def fetch_report(
        self, profile: int, report: Mapping[str, str], tactic: str, day: date
    ) -> bytes:
        """Create a report, poll it once, and download it."""
        headers = {**self._headers, "Amazon-Advertising-API-Scope": str(profile)}
        body = {"reportDate": f"{day:%Y%m%d}", "tactic": tactic, "metrics": _metrics(**report)}
        if "segment" in report:
            body["segment"] = report["segment"]
        url = f"{self._base}/sd/{report['record_type']}/report"
        as_json = {**headers, "Content-Type": "application/json"}
        created = json.loads(self._send("POST", url, as_json, json.dumps(body))[1])
        status = f"{self._base}/v2/reports/{created['reportId']}"
        self._send("GET", status, headers)
        link = self._send("GET", f"{status}/download", headers)[0]["Location"]
        return self._send("GET", link, {})[1]

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: str | None = None
    ) -> tuple[Any, bytes]:
        parts = urlsplit(url)
        connection = self._connections.get(parts.netloc)
        if connection is None:
            connection = self._connections[parts.netloc] = http.client.HTTPConnection(parts.netloc)
        connection.request(method, url.partition(parts.netloc)[2], body, dict(headers))
        response = connection.getresponse()
        content = response.read()
        assert response.status < 400, content
        return response.headers, content


@cache
def _metrics(record_type: str, segment: str | None = None) -> str:
    """Return the columns that `fetch_report` requests by default."""
    return ",".join(ReportQuery.parse(record_type, "2026-11-01", segment=segment, api="v2").columns)


@dataclass(frozen=True)
class Run:
    """A way to fetch reports, and its costs."""

    title: str
    partitions: int
    spent: Spent
    service_cpu: float
    exchanges: int
    bound: float | None = None

    @property
    def ratio(self) -> float | None:
        """The time divided by its lower bound."""
        return None if self.bound is None else self.spent.wall / self.bound

    @property
    def cpu(self) -> float:
        """Milliseconds a partition."""
        return 1000 * self.spent.cpu / self.partitions

    def row(self) -> dict[str, object]:
        """Return the run as a row of the table."""
        return {
            "what": self.title,
            "partitions": self.partitions,
            "seconds": self.spent.wall,
            "bound": self.bound,
            "ratio": self.ratio,
            "client CPU, ms a partition": self.cpu,
            "sandbox CPU, ms a partition": 1000 * self.service_cpu / self.partitions,
            "exchanges a partition": self.exchanges / self.partitions,
            "client's peak, MiB": self.spent.peak,
        }


def _run(
    title: str, partitions: int, service: Service, work: Callable[..., Spent], *arguments: Any
) -> Run:
    cpu, exchanges = service.spent()
    spent = run_in_own_process(work, service.endpoint, *arguments)
    cpu_after, exchanges_after = service.spent()
    return Run(title, partitions, spent, cpu_after - cpu, exchanges_after - exchanges)


def _measure_in_real_time(days: int, delay: float) -> list[Run]:
    """Run the bare loop, then fetch all reports of three profiles without and with a rate."""
    partitions = 3 * 5 * len(TACTICS) * days
    with start_service(delay=0.0, history_days=65) as service:
        bare = _run("the exchanges alone, no delay", partitions, service, _run_bare_loop, days)
    with start_service(delay=delay, history_days=65) as service:
        unpaced = _run("as fast as the service takes", partitions, service, _fetch_all, days, None)
    with start_service(delay=delay, history_days=65) as service:
        paced = _run("a create a second and profile", partitions, service, _fetch_all, days, RATE)
    last = bare.spent.wall / partitions
    bounds = delay + bare.spent.wall, (partitions / 3 - 1) / RATE + delay + last
    return [bare, _with_bound(unpaced, bounds[0]), _with_bound(paced, bounds[1])]


def _with_bound(run: Run, bound: float) -> Run:
    return Run(**{**vars(run), "bound": bound})


def _measure_in_simulated_time(partitions: int) -> Run:
    passed = _SPAWN.RawValue("d", 0.0)
    with start_service(passed, delay=60.0, history_days=partitions) as service:
        return _run(
            "one call, simulated time", partitions, service, _fetch_long, partitions, passed
        )


def measure(quick: bool) -> Section:
    """Measure time, CPU and memory of many reports at once."""
    days, delay = (6, 6.0) if quick else (60, 60.0)
    bare, unpaced, paced = _measure_in_real_time(days, delay)
    calls = [
        _measure_in_simulated_time(partitions)
        for partitions in ((100, 1000) if quick else (100, 1000, 10_000))
    ]
    return Section(
        title="Many reports",
        text=_TEXT.format(days=days, delay=delay, partitions=bare.partitions),
        rows=[run.row() for run in (bare, unpaced, paced, *calls)],
        goals=[_ratio_goal(paced), _ratio_goal(unpaced), _cpu_goal(calls), _memory_goal(calls)],
    )


def _ratio_goal(run: Run) -> Goal:
    assert run.ratio is not None
    return Goal(
        f"{run.partitions:,} reports, {run.title}: time to the bound",
        f"at most {MAX_RATIO} times",
        f"{run.ratio:.2f} times",
        run.ratio <= MAX_RATIO,
    )


def _cpu_goal(calls: list[Run]) -> Goal:
    few, many = calls[-2], calls[-1]
    growth = many.cpu / few.cpu
    return Goal(
        f"CPU of a partition, {many.partitions:,} to {few.partitions:,} partitions",
        f"at most {MAX_CPU_GROWTH} times",
        f"{growth:.2f} times",
        growth <= MAX_CPU_GROWTH,
    )


def _memory_goal(calls: list[Run]) -> Goal:
    few, many = calls[-2], calls[-1]
    added = 1024 * (many.spent.peak - few.spent.peak) / (many.partitions - few.partitions)
    return Goal(
        f"memory that each partition adds, {few.partitions:,} to {many.partitions:,} partitions",
        "at most 64 KiB",
        f"{added:.0f} KiB",
        added <= 64,
    )


_TEXT: Final = """
{partitions:,} reports of version 2: {days} days, two tactics, five reports (the vendor, who has no
asins, has campaigns by matched target instead), three profiles; the calls of all run side by side
in one process, on one store. A report takes {delay:g} seconds to build. Client and sandbox are
processes of their own on the same machine; their CPU is counted apart.

With a rate the bound is (reports of a profile - 1) / rate + the delay of the last one + its
exchanges. Without a rate it is the delay + the time that the sandbox needs for the four exchanges
of each report (create, status, download, storage): measured by a bare loop of `http.client` over
eight kept connections for each of the two hosts, without a delay, in the same run. All reports then
are ready at once, and what the client does with each (parse, check, store on disk, note in the
registry) comes on top of that bound: one interpreter does it for all three profiles.

The lines in simulated time are one call of campaigns each, at a create a second, against a sandbox
whose clock is the client's and jumps over all waits; their seconds are those of the machine.
"""

REASON: Final = """
Without a rate all reports of three profiles are ready in the same seconds, and what is done with
each then is the work of one interpreter, on a machine whose two processors the sandbox takes a
part of: the difference to the bound, divided by the reports, is what is left of the client's CPU
for each beside its requests. Processes of their own for each profile share the in-flight registry
and the rate limiter as well, and have an interpreter each (README, "Many profiles").
"""
