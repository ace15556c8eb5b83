"""Contestants run in processes of their own, in turns; their time and the peak of their memory."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

import psutil

PATIENCE: Final = 120.0
"""Seconds that a contestant gets for its rounds; the first it gets in any case."""
LONG: Final = 1.0
"""Seconds of work that are enough of one process; what takes less is done again, warm."""
_SAMPLES: Final = 0.01
"""Seconds between two looks at the memory."""


@dataclass(frozen=True)
class Contestant:
    """A way to do something.

    Attributes
    ----------
    name : str
        As tables have it.
    script : str
        Of `benchmarks.contestants`.
    python : Path
        That runs it.
    what : str
        Which of the ways of that script.
    """

    name: str
    script: str
    what: str = ""
    python: Path = Path(sys.executable)


@dataclass
class Outcome:
    """How a contestant did.

    Attributes
    ----------
    runs : list of (float, float)
        Of each the seconds of work, and those of the transfer before it.
    peak : int
        Bytes, the most that its processes held at any moment, together.
    facts : dict
        What it says of its result.
    rounds : int
    spent : float
        Seconds of all rounds, start and end of the processes included.
    """

    runs: list[tuple[float, float]] = field(default_factory=list)
    peak: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    rounds: int = 0
    spent: float = 0.0

    @property
    def seconds(self) -> float:
        """The median of the work."""
        return median(work for work, _ in self.runs)

    @property
    def transfer(self) -> float:
        """The median of the transfer."""
        return median(transfer for _, transfer in self.runs)


def compare(
    contestants: Sequence[Contestant], job: Mapping[str, Any], rounds: int
) -> dict[str, Outcome]:
    """Let contestants take turns, `rounds` times; slow ones as often as patience allows."""
    outcomes = {contestant.name: Outcome() for contestant in contestants}
    for _ in range(rounds):
        for contestant in contestants:
            outcome = outcomes[contestant.name]
            if outcome.rounds * PATIENCE >= outcome.spent * (outcome.rounds + 1):
                _run(contestant, job, outcome)
    return outcomes


def _run(contestant: Contestant, job: Mapping[str, Any], outcome: Outcome) -> None:
    """Once more; it tells its times when it has done its work, and then what came of it."""
    told = json.dumps({"long": LONG, **job, "what": contestant.what})
    command = [str(contestant.python), "-m", f"benchmarks.contestants.{contestant.script}", told]
    home = Path(__file__).parents[1]
    start = time.perf_counter()
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            cwd=home,
        ) as process,
    ):
        assert process.stdin
        assert process.stdout
        with _Meter(process.pid) as meter:
            times = process.stdout.readline()
        process.stdin.close()
        facts = process.stdout.read()
        if process.wait() or not facts:
            said.seek(0)
            raise RuntimeError(f"{contestant.name} failed:\n{said.read()}")
    outcome.runs += json.loads(times)
    outcome.peak = max(outcome.peak, meter.peak)
    outcome.facts = json.loads(facts)
    outcome.rounds += 1
    outcome.spent += time.perf_counter() - start


class _Meter:
    """Looks at the resident memory of a process and its children, until left."""

    def __init__(self, pid: int) -> None:
        self.peak = 0
        self._process = psutil.Process(pid)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> _Meter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_SAMPLES):
            self.peak = max(self.peak, self._resident())

    def _resident(self) -> int:
        try:
            every = [self._process, *self._process.children(recursive=True)]
            return sum(process.memory_info().rss for process in every)
        except psutil.NoSuchProcess:
            return 0
