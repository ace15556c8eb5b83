"""Many reports: how close a call comes to what rate and delay allow, and what it costs.

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
"""Of the bare loop."""
WANTED: Final = 1.1
FLAT: Final = 1.25
"""What the CPU of a slice may grow by when there are ten times as many."""
_START: Final = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
_SPAWN: Final = multiprocessing.get_context("spawn")


class SharedClock(Clock):
    """Time passes when somebody waits for it, at once, in client and sandbox alike."""

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
class Place:
    """Where a sandbox is, and whose reports it has."""

    environment: dict[str, str]
    profile_ids: list[int]
    today: date

    def client(self, **settings: Any) -> sda.Client:
        """A client for the first profile."""
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

    place: Place
    pipe: Any

    def spent(self) -> tuple[float, int]:
        """Seconds of CPU, and exchanges, so far."""
        self.pipe.send(True)
        seconds, exchanges = self.pipe.recv()
        return seconds, exchanges


def _serve(pipe: Any, passed: Any, settings: Mapping[str, Any]) -> None:
    clock = SharedClock(passed) if passed is not None else Clock()
    with sandbox.start(now=clock.now, monotonic=clock.monotonic, **settings) as box:
        pipe.send(Place(box.environment, box.profile_ids, box.today))
        while pipe.recv():
            pipe.send((time.process_time(), len(box.requests)))


@contextlib.contextmanager
def _service(passed: Any = None, **settings: Any) -> Iterator[Service]:
    here, there = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_serve, args=(there, passed, settings))
    process.start()
    try:
        yield Service(here.recv(), here)
    finally:
        here.send(False)
        process.join()


@dataclass(frozen=True)
class Spent:
    """What some work took: seconds on the wall and of CPU, MiB of memory at the most."""

    wall: float
    cpu: float
    peak: float


def _spending(work: Callable[[], object]) -> Spent:
    """Do something, in a process that does nothing else."""
    began, cpu = time.perf_counter(), time.process_time()
    work()
    spent = time.perf_counter() - began, time.process_time() - cpu
    lines = Path("/proc/self/status").read_text().splitlines()
    [peak] = [line.split()[1] for line in lines if line.startswith("VmHWM")]
    return Spent(*spent, int(peak) / 1024)


def _alone(work: Callable[..., Spent], *arguments: Any) -> Spent:
    """What some work takes in a process of its own."""
    here, there = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_tell, args=(there, work, *arguments))
    process.start()
    there.close()
    spent: Spent = here.recv()
    process.join()
    return spent


def _tell(pipe: Any, work: Callable[..., Spent], *arguments: Any) -> None:
    pipe.send(work(*arguments))


def _fetch_all(place: Place, days: int, rate: float | None) -> Spent:
    """All reports of all profiles, side by side in one process."""
    client = place.client(create_rate=rate)
    last = place.today - timedelta(days=2)
    span = last - timedelta(days - 1), last
    profiles = client.profiles()
    wanted = [
        (client.for_profile(profile), report)
        for profile, kind in zip(profiles["profileId"], profiles["accountType"], strict=True)
        for report in (*REPORTS, FIFTH[kind])
    ]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(len(wanted)) as pool:
        fetch = partial(sda.fetch_report, cache=folder, timeout=3600.0)

        def fetch_one(whose: sda.Client, report: dict[str, Any]) -> int:
            record_type, segment = report["record_type"], report.get("segment")
            return len(fetch(record_type, *span, segment=segment, client=whose))

        return _spending(
            lambda: [job.result() for job in [pool.submit(fetch_one, *w) for w in wanted]]
        )


def _fetch_long(place: Place, slices: int, passed: Any) -> Spent:
    """One call for that many slices, in simulated time."""
    client = place.client(clock=SharedClock(passed), create_rate=RATE)
    last = place.today - timedelta(days=2)
    first = last - timedelta(slices // len(TACTICS) - 1)
    with tempfile.TemporaryDirectory() as folder:
        sda.fetch_report("campaigns", place.today, client=client, cache=folder)  # imports, token
        fetch = partial(sda.fetch_report, client=client, cache=folder)
        return _spending(lambda: fetch("campaigns", first, last, timeout=10.0 * slices + 3600))


def _loop(place: Place, days: int) -> Spent:
    """The exchanges that the reports need, and nothing else, by a bare loop."""
    client = place.client()
    kinds = client.profiles()["accountType"]
    wanted = [
        (profile, report, tactic, place.today - timedelta(2 + ago))
        for profile, kind in zip(place.profile_ids, kinds, strict=True)
        for report in (*REPORTS, FIFTH[kind])
        for tactic in TACTICS
        for ago in range(days)
    ]
    local = threading.local()

    def bring(asked: tuple[int, dict[str, str], str, date]) -> None:
        if not hasattr(local, "loop"):
            local.loop = Loop(place.environment)
        local.loop.bring(*asked)

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return _spending(lambda: list(pool.map(bring, wanted)))


class Loop:
    """One who knows the flow by heart: two connections, four requests a report."""

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

    def bring(self, profile: int, report: Mapping[str, str], tactic: str, day: date) -> bytes:
        """Create, status, download, storage."""
        headers = {**self._headers, "Amazon-Advertising-API-Scope": str(profile)}
        body = {"reportDate": f"{day:%Y%m%d}", "tactic": tactic, "metrics": _metrics(**report)}
        if "segment" in report:
            body["segment"] = report["segment"]
        url = f"{self._base}/sd/{report['record_type']}/report"
        as_json = {**headers, "Content-Type": "application/json"}
        made = json.loads(self._send("POST", url, as_json, json.dumps(body))[1])
        status = f"{self._base}/v2/reports/{made['reportId']}"
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
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status < 400, content
        return answer.headers, content


@cache
def _metrics(record_type: str, segment: str | None = None) -> str:
    """What `fetch_report` asks for when it is not told."""
    return ",".join(ReportQuery.parse(record_type, "2026-11-01", segment=segment, api="v2").columns)


@dataclass(frozen=True)
class Run:
    """One way to fetch reports, and what it took."""

    what: str
    slices: int
    spent: Spent
    service_cpu: float
    exchanges: int
    bound: float | None = None

    @property
    def ratio(self) -> float | None:
        """To the bound."""
        return None if self.bound is None else self.spent.wall / self.bound

    @property
    def cpu(self) -> float:
        """Milliseconds a slice."""
        return 1000 * self.spent.cpu / self.slices

    def row(self) -> dict[str, object]:
        """As it stands in the table."""
        return {
            "what": self.what,
            "slices": self.slices,
            "seconds": self.spent.wall,
            "bound": self.bound,
            "ratio": self.ratio,
            "client CPU, ms a slice": self.cpu,
            "sandbox CPU, ms a slice": 1000 * self.service_cpu / self.slices,
            "exchanges a slice": self.exchanges / self.slices,
            "client's peak, MiB": self.spent.peak,
        }


def _run(
    what: str, slices: int, service: Service, work: Callable[..., Spent], *arguments: Any
) -> Run:
    cpu, exchanges = service.spent()
    spent = _alone(work, service.place, *arguments)
    cpu_after, exchanges_after = service.spent()
    return Run(what, slices, spent, cpu_after - cpu, exchanges_after - exchanges)


def _real(days: int, delay: float) -> list[Run]:
    """The bare loop, then all reports of three profiles without and with a rate."""
    slices = 3 * 5 * len(TACTICS) * days
    with _service(delay=0.0, history_days=65) as service:
        bare = _run("the exchanges alone, no delay", slices, service, _loop, days)
    with _service(delay=delay, history_days=65) as service:
        unpaced = _run("as fast as the service takes", slices, service, _fetch_all, days, None)
    with _service(delay=delay, history_days=65) as service:
        paced = _run("a create a second and profile", slices, service, _fetch_all, days, RATE)
    last = bare.spent.wall / slices
    bounds = delay + bare.spent.wall, (slices / 3 - 1) / RATE + delay + last
    return [bare, _bound(unpaced, bounds[0]), _bound(paced, bounds[1])]


def _bound(run: Run, bound: float) -> Run:
    return Run(**{**vars(run), "bound": bound})


def _simulated(slices: int) -> Run:
    passed = _SPAWN.RawValue("d", 0.0)
    with _service(passed, delay=60.0, history_days=slices) as service:
        return _run("one call, simulated time", slices, service, _fetch_long, slices, passed)


def measure(quick: bool) -> Section:
    """Time, CPU and memory of many reports at once."""
    days, delay = (6, 6.0) if quick else (60, 60.0)
    bare, unpaced, paced = _real(days, delay)
    calls = [_simulated(slices) for slices in ((100, 1000) if quick else (100, 1000, 10_000))]
    return Section(
        title="Many reports",
        text=_TEXT.format(days=days, delay=delay, slices=bare.slices),
        rows=[run.row() for run in (bare, unpaced, paced, *calls)],
        goals=[_close(paced), _close(unpaced), _flat(calls), _small(calls)],
    )


def _close(run: Run) -> Goal:
    assert run.ratio is not None
    return Goal(
        f"{run.slices:,} reports, {run.what}: time to the bound",
        f"at most {WANTED} times",
        f"{run.ratio:.2f} times",
        run.ratio <= WANTED,
    )


def _flat(calls: list[Run]) -> Goal:
    few, many = calls[-2], calls[-1]
    growth = many.cpu / few.cpu
    return Goal(
        f"CPU of a slice, {many.slices:,} to {few.slices:,} slices",
        f"at most {FLAT} times",
        f"{growth:.2f} times",
        growth <= FLAT,
    )


def _small(calls: list[Run]) -> Goal:
    few, many = calls[-2], calls[-1]
    added = 1024 * (many.spent.peak - few.spent.peak) / (many.slices - few.slices)
    return Goal(
        f"memory that each slice adds, {few.slices:,} to {many.slices:,} slices",
        "at most 64 KiB",
        f"{added:.0f} KiB",
        added <= 64,
    )


_TEXT: Final = """
{slices:,} reports of version 2: {days} days, two tactics, five reports (the vendor, who has no
asins, has campaigns by matched target instead), three profiles; the calls of all run side by side
in one process, on one store. A report takes {delay:g} seconds to build. Client and sandbox are
processes of their own on the same machine; their CPU is told apart.

With a rate the bound is (reports of a profile - 1) / rate + the delay of the last one + its
exchanges. Without a rate it is the delay + the time that the sandbox needs for the four exchanges
of each report (create, status, download, storage): measured by a bare loop of `http.client` over
eight kept connections for each of the two hosts, without a delay, in the same run. All reports then
are ready at once, and what the client does with each (parse, check, store on disk, note in the
ledger) comes on top of that bound: one interpreter does it for all three profiles.

The lines in simulated time are one call of campaigns each, at a create a second, against a sandbox
whose clock is the client's and jumps over all waits; their seconds are those of the machine.
"""

REASON: Final = """
Without a rate all reports of three profiles are ready in the same seconds, and what is done with
each then is the work of one interpreter, on a machine whose two processors the sandbox takes a
part of: the difference to the bound, divided by the reports, is what is left of the client's CPU
for each beside its requests. Processes of their own for each profile share ledger and pace as
well, and have an interpreter each (README, "Many profiles").
"""
