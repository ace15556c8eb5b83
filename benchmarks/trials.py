"""Run contestants in turns, each in a process of its own; measure time and peak memory."""

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

TIME_LIMIT: Final = 120.0
"""Seconds for all rounds of a contestant; the first round is always run."""
LONG: Final = 1.0
"""Seconds of work that are enough in one process; shorter work is repeated, warm."""
_SAMPLES: Final = 0.01
"""Seconds between two samples of the memory."""


@dataclass(frozen=True)
class Contestant:
    """A program that is measured.

    Attributes
    ----------
    name : str
        Its name in tables.
    script : str
        A module of `benchmarks.contestants`.
    python : Path
        The interpreter that runs it.
    what : str
        The variant that the script is to run.
    """

    name: str
    script: str
    variant: str = ""
    python: Path = Path(sys.executable)


@dataclass
class Outcome:
    """The results of a contestant.

    Attributes
    ----------
    runs : list of (float, float)
        The seconds of work of each run, and of the transfer before it.
    peak : int
        The peak memory of its processes together, in bytes.
    summary : dict
        The properties of its result.
    rounds : int
    spent : float
        Seconds of all rounds, start and end of the processes included.
    """

    runs: list[tuple[float, float]] = field(default_factory=list)
    peak: int = 0
    summary: dict[str, Any] = field(default_factory=dict)
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
    """Let contestants take turns, `rounds` times; slow ones within the time limit."""
    outcomes = {contestant.name: Outcome() for contestant in contestants}
    for _ in range(rounds):
        for contestant in contestants:
            outcome = outcomes[contestant.name]
            if outcome.rounds * TIME_LIMIT >= outcome.spent * (outcome.rounds + 1):
                _run(contestant, job, outcome)
    return outcomes


def _run(contestant: Contestant, job: Mapping[str, Any], outcome: Outcome) -> None:
    """Run a round: the process prints its times, and then a summary of its result."""
    arguments = json.dumps({"long": LONG, **job, "variant": contestant.variant})
    command = [
        str(contestant.python),
        "-m",
        f"benchmarks.contestants.{contestant.script}",
        arguments,
    ]
    home = Path(__file__).parents[1]
    start = time.perf_counter()
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=home,
        ) as process,
    ):
        assert process.stdin
        assert process.stdout
        with _MemoryMeter(process.pid) as meter:
            times = process.stdout.readline()
        process.stdin.close()
        output = process.stdout.read()
        if process.wait() or not output:
            errors.seek(0)
            raise RuntimeError(f"{contestant.name} failed:\n{errors.read()}")
    outcome.runs += json.loads(times)
    outcome.peak = max(outcome.peak, meter.peak)
    outcome.summary = json.loads(output)
    outcome.rounds += 1
    outcome.spent += time.perf_counter() - start


class _MemoryMeter:
    """A context manager that samples the resident memory of a process and its children."""

    def __init__(self, pid: int) -> None:
        self.peak = 0
        self._process = psutil.Process(pid)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._sample_until_stopped)

    def __enter__(self) -> _MemoryMeter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _sample_until_stopped(self) -> None:
        while not self._stopped.wait(_SAMPLES):
            self.peak = max(self.peak, self._resident())

    def _resident(self) -> int:
        try:
            processes = [self._process, *self._process.children(recursive=True)]
            return sum(process.memory_info().rss for process in processes)
        except psutil.NoSuchProcess:
            return 0
