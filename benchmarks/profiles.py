"""Many profiles in one call: what each costs in time and memory, and whether that stays the same.

Client and sandbox are processes of their own, so that what either takes is its own.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

import sdanalytics as sda
from benchmarks.many import (
    SandboxEndpoint,
    Spent,
    measure_spending,
    run_in_own_process,
    start_service,
)
from benchmarks.results import Goal, Section

DAYS: Final = 14
DELAY: Final = 5.0
MAX_CPU_GROWTH: Final = 1.25
"""The growth of the CPU time of a profile that is allowed with three times as many."""
MAX_ADDED_KIB: Final = 256
MAX_CACHED_MS: Final = 25


@dataclass(frozen=True)
class Call:
    """A call for many profiles, and its costs; `again` is the second call, from the cache."""

    profiles: int
    first: Spent
    again: Spent
    service_cpu: float

    @property
    def cpu(self) -> float:
        """Milliseconds a profile."""
        return 1000 * self.first.cpu / self.profiles

    @property
    def cached(self) -> float:
        """Milliseconds a profile of the second call."""
        return 1000 * self.again.wall / self.profiles

    def row(self) -> dict[str, object]:
        """Return the call as a row of the table."""
        return {
            "profiles": self.profiles,
            "partitions": self.profiles * DAYS * 2,
            "seconds": self.first.wall,
            "client CPU, ms a profile": self.cpu,
            "sandbox CPU, ms a profile": 1000 * self.service_cpu / self.profiles,
            "client's peak, MiB": self.first.peak,
            "again, from the cache, ms a profile": self.cached,
        }


def _fetch_twice(endpoint: SandboxEndpoint) -> tuple[Spent, Spent]:
    """Fetch all profiles, then again, when all is in the cache."""
    client = endpoint.client(api="v3")
    with tempfile.TemporaryDirectory() as folder:
        early = endpoint.today - timedelta(30)
        sda.fetch_report("campaigns", early, client=client, cache=folder)  # imports, token
        fetch = partial(sda.fetch_report, client=client, cache=folder, profiles="all")
        first = measure_spending(lambda: fetch("campaigns", days=DAYS))
        return first, measure_spending(lambda: fetch("campaigns", days=DAYS))


def _measure(profiles: int) -> Call:
    with start_service(profiles=profiles, delay=DELAY) as service:
        cpu, _ = service.spent()
        began = time.perf_counter()
        first, again = run_in_own_process(_fetch_twice, service.endpoint)
        cpu_after, _ = service.spent()
        assert time.perf_counter() - began >= DELAY
    return Call(profiles, first, again, cpu_after - cpu)


def measure(quick: bool) -> Section:
    """Measure time, CPU and memory of a profile among few and many."""
    calls = [_measure(profiles) for profiles in ((3, 9) if quick else (30, 100, 300))]
    few, many = calls[-2:]
    span = f"{few.profiles} to {many.profiles} profiles"
    growth = many.cpu / few.cpu
    added = 1024 * (many.first.peak - few.first.peak) / (many.profiles - few.profiles)
    return Section(
        title="Many profiles",
        text=_TEXT.format(days=DAYS, delay=DELAY),
        rows=[call.row() for call in calls],
        goals=[
            Goal(
                f"CPU of a profile, {span}",
                f"at most {MAX_CPU_GROWTH} times",
                f"{growth:.2f} times",
                growth <= MAX_CPU_GROWTH,
            ),
            Goal(
                f"memory that each profile adds, {span}",
                f"at most {MAX_ADDED_KIB} KiB",
                f"{added:.0f} KiB",
                added <= MAX_ADDED_KIB,
            ),
            Goal(
                f"a profile of {many.profiles} from the cache",
                f"at most {MAX_CACHED_MS} ms",
                f"{many.cached:.1f} ms",
                many.cached <= MAX_CACHED_MS,
            ),
        ],
    )


_TEXT: Final = """
One call of `fetch_report("campaigns", days={days}, profiles="all")` in version 3, into one store
and one frame: a report and {days} days of two tactics a profile, each in its own file. A report
takes {delay:g} seconds to build. Up to 64 profiles are fetched at a time, so that the call takes
as many rounds of that delay; the rest is work (parse, check, store on disk, note in the registry,
list the campaigns), which one interpreter does for all.
"""

REASON: Final = """
The work of each profile is that of a call for it alone. Peak memory is that of 64 profiles at a
time with their threads, and of the frame.
"""
