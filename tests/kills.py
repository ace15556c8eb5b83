"""Calls that are killed at random moments, and what is left of them.

``python -m tests.kills --kills 200 --seed 1 --api v2`` kills so many and prints what it found.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pandas as pd

import sdanalytics as sda
from sdanalytics import ReportCache, sandbox
from sdanalytics.model.metrics import (
    MATCHED_TARGET,
    RECORD_TYPES,
    identity_columns,
    segmented_record_types,
)
from sdanalytics.sandbox import Sandbox
from tests.faults import rows_of
from tests.test_fetch import shown

REPORTS: Final = {"v2": 40, "v3": 16}
"""What the calls of a round come to: in version 2 one for each day and tactic, in version 3 one
for each call."""
BUILDING: Final = {"v2": 0.5, "v3": 2.0}
"""Seconds that a report takes."""
BEYOND: Final = 1.2
"""The latest moment of a kill, in parts of the time that a call usually takes."""
MOST: Final = 8
"""Kills after which a call is left to itself."""
PATIENCE: Final = 120.0
"""Seconds in which a call that is left to itself has to end."""
SCRIPT: Final = """
import json, sys
import pandas, pyarrow.parquet  # so that the calls themselves have nothing left to load
import sdanalytics as sda
calls, folder = sys.argv[1:]
print("begins", flush=True)
jobs = [sda.submit_report(of, a, b, segment=s) for of, s, a, b in json.loads(calls)]
for number, job in enumerate(jobs):
    job.result().to_parquet(f"{folder}/{number}.parquet")
"""

Wanted = tuple[str, str | None, str, str]
"""Record type, segment, first and last day of a call."""


def calls(api: str, last: date) -> list[Wanted]:
    """What is asked for in a round: one call in version 2, in version 3 all at once."""
    if api == "v2":
        return [("campaigns", None, str(last - timedelta(19)), str(last))]
    kinds: list[tuple[str, str | None]] = [(record_type, None) for record_type in RECORD_TYPES]
    kinds += [(record_type, MATCHED_TARGET) for record_type in segmented_record_types()]
    ends = [last - timedelta(2 * n) for n in range(REPORTS[api] // len(kinds))]
    return [(*kind, str(end - timedelta(1)), str(end)) for end in ends for kind in kinds]


class _ServiceTime:
    """Seconds of the service: they pass while calls run, for a restart is short beside a report."""

    def __init__(self) -> None:
        self._passed = 0.0
        self._since: float | None = None

    def __call__(self) -> float:
        return self._passed + (time.monotonic() - self._since if self._since else 0.0)

    def go(self) -> None:
        """Let them pass."""
        self._since = time.monotonic()

    def stop(self) -> None:
        """Let them stand still."""
        self._passed, self._since = self(), None


@dataclass
class Tally:
    """What was done, and what was found.

    Attributes
    ----------
    api : {"v2", "v3"}
    phases : Counter
        Where the kills fell: while reports were asked for, built, or collected.
    rounds : int
        Calls that were brought to their end, each in a store of its own.
    creates : int
        Reports that the service made for them.
    leftovers : int
        Reports still listed as pending though they are stored.
    failures : list of str
        What else should not be.
    """

    api: str
    phases: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    creates: int = 0
    leftovers: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        """How many calls were killed."""
        return self.phases.total()

    @property
    def wanted(self) -> int:
        """Reports that those calls come to."""
        return self.rounds * REPORTS[self.api]

    @property
    def extras(self) -> int:
        """Reports made twice: killed between asking and writing the id down."""
        return self.creates - self.wanted

    def __str__(self) -> str:
        phases = ", ".join(f"{count} while {phase}" for phase, count in sorted(self.phases.items()))
        facts = {
            "kills": f"{self.kills} ({phases})",
            "rounds": self.rounds,
            "reports": self.wanted,
            "creates": self.creates,
            "extras": self.extras,
            "leftovers": self.leftovers,
            "failures": len(self.failures),
        }
        lines = [f"{name:<9} {fact}" for name, fact in facts.items()]
        return "\n".join([*lines, *self.failures])


class _Round:
    """Calls in a store of their own, killed until they end by themselves."""

    def __init__(self, box: Sandbox, clock: _ServiceTime, tally: Tally, at: Path) -> None:
        self._box = box
        self._clock = clock
        self._tally = tally
        self._folder = at
        self._store = ReportCache(at / "store")
        self._before = len(box.reports)
        self._calls = calls(tally.api, box.today - timedelta(days=14))
        self._environment = box.environment | {
            "SDANALYTICS_CACHE_DIR": str(self._store.path),
            "SDANALYTICS_API": tally.api,
        }

    def seconds(self) -> float:
        """How long the calls take when nobody kills them."""
        with self._begun() as process:
            began = time.monotonic()
            assert process.wait(PATIENCE) == 0
        self._clock.stop()
        return time.monotonic() - began

    def play(self, moments: Callable[[], float]) -> None:
        """Kill the call at such moments after its beginning; then look at its end."""
        kills = 0
        while kills < MOST and self._is_killed(moments()):
            kills += 1
            self._look_at_store()
        if kills == MOST:
            self._is_killed(PATIENCE)
        self._look_at_end(kills)

    def _begun(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, json.dumps(self._calls), str(self._folder)],
            env=os.environ | self._environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "begins\n"
        self._clock.go()
        return process

    def _is_killed(self, moment: float) -> bool:
        with self._begun() as process:
            try:
                process.wait(moment)
            except subprocess.TimeoutExpired:
                process.kill()
        self._clock.stop()
        ended_by = process.returncode
        self._check(ended_by in (0, -signal.SIGKILL), f"a call ended with {ended_by}")
        return ended_by == -signal.SIGKILL

    def _look_at_store(self) -> None:
        """What there is after a kill must be whole, and tells how far the call had got."""
        problems = self._store.verify()
        self._check(problems.empty, f"after a kill: {problems.to_dict('records')}")
        stored = set(self._store.entries()["report_id"])
        asked = stored | set(sda.pending(self._store)["report_id"].dropna())
        begun = "collecting" if stored else "building"
        phase = "asking" if len(asked) < REPORTS[self._tally.api] else begun
        self._tally.phases[phase] += 1

    def _look_at_end(self, kills: int) -> None:
        reports = list(self._box.reports.values())[self._before :]
        wanted = REPORTS[self._tally.api]
        twice = len(reports) - wanted
        self._tally.rounds += 1
        self._tally.creates += len(reports)
        # Version 3 tells of what was not written down (425), but only while it is building it.
        self._check(0 <= twice <= kills, f"{twice} reports made twice after {kills} kills")
        self._check(self._store.verify().empty, "the store is damaged")
        ids = set(self._store.entries()["report_id"])
        pending = set(sda.pending(self._store)["report_id"])
        self._tally.leftovers += len(pending & ids)
        self._check(pending <= ids, "something is still pending")
        self._check(len(ids) == wanted, f"{len(ids)} reports are stored")
        for number, call in enumerate(self._calls):
            frame = pd.read_parquet(self._folder / f"{number}.parquet")
            self._check(shown(frame) == self._sent(call, frame), f"the frame of {call} is wrong")

    def _sent(self, call: Wanted, frame: pd.DataFrame) -> list[dict[str, Any]]:
        """What the frame of a call should show."""
        record_type, segment, first, last = call
        entries = self._store.entries()
        entries = entries[entries["record_type"] == record_type]
        entries = entries[entries["segment"].fillna("") == (segment or "")]
        entries = entries[entries["date"].between(first, last)]
        return rows_of(
            self._box, entries, frame.columns[2:], identity_columns(record_type, segment)
        )

    def _check(self, holds: bool, words: str) -> None:
        if not holds:
            self._tally.failures.append(f"round {self._tally.rounds}: {words}")


def run(api: str, kills: int, seed: int, tell: Callable[[str], object]) -> Tally:
    """Kill calls of a version until there were so many, and bring each to its end."""
    chance = random.Random(seed)
    tally, clock = Tally(api), _ServiceTime()
    now = datetime.now(UTC)  # it stands still there: what is sent must not ripen meanwhile
    with sandbox.start(delay=BUILDING[api], now=lambda: now, monotonic=clock) as box:
        with tempfile.TemporaryDirectory() as folder:
            usual = _Round(box, clock, tally, Path(folder)).seconds()
        tell(f"a round takes {usual:.1f} s")
        while tally.kills < kills:
            with tempfile.TemporaryDirectory() as folder:
                played = _Round(box, clock, tally, Path(folder))
                played.play(lambda: chance.uniform(0, BEYOND * usual))
            tell(f"{tally.kills} kills, {tally.rounds} rounds, {tally.extras} extras")
    return tally


def main() -> int:
    """Run the command line; 1 when anything was found that should not be."""
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("--api", choices=BUILDING, default="v2", help="the version")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    options = parser.parse_args()
    tally = run(options.api, options.kills, options.seed, lambda line: print(line, flush=True))  # noqa: T201
    print(tally)  # noqa: T201
    return 1 if tally.failures or tally.leftovers else 0


if __name__ == "__main__":
    sys.exit(main())
