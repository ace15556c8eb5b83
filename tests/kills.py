"""Calls that are killed at random moments, and what is left of them.

``python -m tests.kills --kills 200 --seed 1`` kills so many and prints what it found.
"""

from __future__ import annotations

import argparse
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
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pandas as pd

import sdanalytics as sda
from sdanalytics import ReportCache, sandbox
from sdanalytics.sandbox import Sandbox
from tests.faults import rows_of
from tests.test_fetch import shown

DAYS: Final = 20
SLICES: Final = 2 * DAYS
"""Reports of a call: one for each day and tactic."""
BUILDING: Final = 0.5
"""Seconds that a report takes."""
BEYOND: Final = 1.2
"""The latest moment of a kill, in parts of the time that a call usually takes."""
MOST: Final = 8
"""Kills after which a call is left to itself."""
PATIENCE: Final = 120.0
"""Seconds in which a call that is left to itself has to end."""
SCRIPT: Final = """
import sys
import pandas, pyarrow.parquet  # so that the call itself has nothing left to load
import sdanalytics as sda
first, last, answer = sys.argv[1:]
print("begins", flush=True)
sda.fetch_report("campaigns", first, last, progress=False).to_parquet(answer)
"""


@dataclass
class Tally:
    """What was done, and what was found.

    Attributes
    ----------
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
    def extras(self) -> int:
        """Reports made twice: killed between asking and writing the id down."""
        return self.creates - self.rounds * SLICES

    def __str__(self) -> str:
        phases = ", ".join(f"{count} while {phase}" for phase, count in sorted(self.phases.items()))
        facts = {
            "kills": f"{self.kills} ({phases})",
            "rounds": self.rounds,
            "slices": self.rounds * SLICES,
            "creates": self.creates,
            "extras": self.extras,
            "leftovers": self.leftovers,
            "failures": len(self.failures),
        }
        lines = [f"{name:<9} {fact}" for name, fact in facts.items()]
        return "\n".join([*lines, *self.failures])


class _Round:
    """One call in a store of its own, killed until it ends by itself."""

    def __init__(self, box: Sandbox, tally: Tally, folder: Path) -> None:
        self._box = box
        self._tally = tally
        self._store = ReportCache(folder / "store")
        self._answer = folder / "answer.parquet"
        self._before = len(box.reports)
        last = box.today - timedelta(days=14)
        self._days = last - timedelta(days=DAYS - 1), last

    def seconds(self) -> float:
        """How long the call takes when nobody kills it."""
        with self._begun() as process:
            began = time.monotonic()
            assert process.wait(PATIENCE) == 0
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
        environment = os.environ | self._box.environment
        environment["SDANALYTICS_CACHE_DIR"] = str(self._store.path)
        arguments = [*map(str, self._days), str(self._answer)]
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "begins\n"
        return process

    def _is_killed(self, moment: float) -> bool:
        with self._begun() as process:
            try:
                process.wait(moment)
            except subprocess.TimeoutExpired:
                process.kill()
        ended_by = process.returncode
        self._check(ended_by in (0, -signal.SIGKILL), f"a call ended with {ended_by}")
        return ended_by == -signal.SIGKILL

    def _look_at_store(self) -> None:
        """What there is after a kill must be whole, and tells how far the call had got."""
        problems = self._store.verify()
        self._check(problems.empty, f"after a kill: {problems.to_dict('records')}")
        stored = len(self._store.entries())
        asked = stored + sda.pending(self._store)["report_id"].count()
        phase = "asking" if asked < SLICES else "collecting" if stored else "building"
        self._tally.phases[phase] += 1

    def _look_at_end(self, kills: int) -> None:
        reports = list(self._box.reports.values())[self._before :]
        twice = len(reports) - SLICES
        self._tally.rounds += 1
        self._tally.creates += len(reports)
        self._check(0 <= twice <= kills, f"{twice} reports made twice after {kills} kills")
        self._check(self._store.verify().empty, "the store is damaged")
        frame = pd.read_parquet(self._answer)
        ids = self._store.entries()["report_id"]
        pending = set(sda.pending(self._store)["report_id"])
        self._tally.leftovers += len(pending & set(ids))
        self._check(pending <= set(ids), "something is still pending")
        expected = rows_of([self._box.reports[each] for each in ids], frame.columns[2:])
        self._check(len(ids) == SLICES and shown(frame) == expected, "the frame is wrong")

    def _check(self, holds: bool, words: str) -> None:
        if not holds:
            self._tally.failures.append(f"round {self._tally.rounds}: {words}")


def run(kills: int, seed: int, tell: Callable[[str], object]) -> Tally:
    """Kill calls until there were so many, and bring each to its end."""
    chance = random.Random(seed)
    tally = Tally()
    now = datetime.now(UTC)  # it stands still there: what is sent must not ripen meanwhile
    with sandbox.start(delay=BUILDING, now=lambda: now) as box:
        with tempfile.TemporaryDirectory() as folder:
            usual = _Round(box, tally, Path(folder)).seconds()
        tell(f"a call takes {usual:.1f} s")
        while tally.kills < kills:
            with tempfile.TemporaryDirectory() as folder:
                _Round(box, tally, Path(folder)).play(lambda: chance.uniform(0, BEYOND * usual))
            tell(f"{tally.kills} kills, {tally.rounds} rounds, {tally.extras} extras")
    return tally


def main() -> int:
    """Run the command line; 1 when anything was found that should not be."""
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    options = parser.parse_args()
    tally = run(options.kills, options.seed, lambda line: print(line, flush=True))  # noqa: T201
    print(tally)  # noqa: T201
    return 1 if tally.failures or tally.leftovers else 0


if __name__ == "__main__":
    sys.exit(main())
