"""Many processes on one store, of both versions, some of them killed; then an independent reader.

``python -m tests.resilience.stress --seconds 300 --seed 1`` lets eight processes fetch, widen,
refresh, read, query, remove, repair and compact overlapping days, kills one now and then, and reads
the files with pyarrow alone after each round: no row may be lost, doubled or mixed. With
``--storage s3`` the store is on moto's S3 server.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow.fs as pafs

import sdanalytics as sda
from sdanalytics import Client, ReportCache, sandbox
from sdanalytics.errors import SDAnalyticsError
from sdanalytics.sandbox import Sandbox
from tests.resilience.stress_judge import KEY, METRICS, Judge, read_files
from tests.support.object_storage import LOGIN, serve_bucket
from tests.support.processes import start_process

PROCESSES: Final = 8
DAYS: Final = 8
"""Days that the calls overlap on."""
ROUND_SECONDS: Final = 20.0
KILL_INTERVAL: Final = 3.0
"""Seconds between two kills, on average."""
END_TIMEOUT: Final = 90.0
"""Seconds within which a process has to end after its last operation began."""
ALLOWED_REFUSALS: Final = re.compile(
    r"ReportTimeout|RateLimited|InvalidRequest in \w+: nothing is stored in"
)
"""Typed errors that are no failure: of a slow machine, and of a store that is still empty."""
WEIGHTS: Final = {
    "fetch": 10, "refresh": 4, "read": 3, "sql": 3, "remove": 1, "repair": 1, "compact": 1,
    "verify": 1,
}  # fmt: skip


@dataclass
class Tally:
    """The results of all rounds.

    Attributes
    ----------
    operations : Counter
        Completed operations, by name.
    refusals : Counter
        Typed errors that are allowed, by class and operation.
    kills, rounds : int
    failures : list of str
        Wrong frames and files, and errors that are not typed.
    """

    operations: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    rounds: int = 0
    failures: list[str] = field(default_factory=list)

    def add_lines(self, lines: list[str]) -> None:
        """Add what a process has written: an operation, a refusal or a failure a line."""
        for line in lines:
            kind, _, text = line.partition(" ")
            if kind == "done":
                self.operations[text] += 1
            elif kind == "refused" and ALLOWED_REFUSALS.match(text):
                self.refusals[text.partition(":")[0]] += 1
            else:
                self.failures.append(text)

    def __str__(self) -> str:
        done = ", ".join(f"{count} {name}" for name, count in self.operations.most_common())
        refused = ", ".join(f"{count} {name}" for name, count in self.refusals.most_common())
        lines = [
            f"rounds      {self.rounds}",
            f"kills       {self.kills}",
            f"operations  {self.operations.total()} ({done})",
            f"refused     {self.refusals.total()} ({refused})",
            f"failures    {len(self.failures)}",
        ]
        return "\n".join([*lines, *self.failures[:20]])


class Worker:
    """What one process does with the store, and how it judges what it gets."""

    def __init__(self, judge: Judge, seed: int, log: Path, names: list[str]) -> None:
        self._names = names
        self._judge = judge
        self._random = random.Random(seed)
        self._log = log
        self._store = ReportCache()
        self._client = Client.from_env()
        self._days = sorted(judge.expected["date"].dt.date.unique())

    def run(self, seconds: float) -> None:
        """Do random operations for some seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            weights = [WEIGHTS[name] for name in self._names]
            [name] = self._random.choices(self._names, weights)
            try:
                getattr(self, f"_{name}")()
                self._write(f"done {name}")
            except SDAnalyticsError as error:
                self._write(f"refused {type(error).__name__} in {name}: {error}")
            except Exception as error:
                self._write(f"failed {name}: {type(error).__name__}: {error}")

    def _write(self, line: str) -> None:
        with open(self._log, "a", encoding="utf-8") as file:
            file.write(line.replace("\n", " ") + "\n")

    def _choose_days(self) -> tuple[date, date]:
        first, last = sorted(self._random.choices(self._days, k=2))
        return first, last

    def _fetch(self, refresh: Any = "auto") -> None:
        first, last = self._choose_days()
        names = self._random.sample(METRICS, self._random.randint(1, len(METRICS)))
        api: Any = self._random.choice(["v2", "v3"])
        client = Client(
            sda.Credentials.from_env(),
            self._client.profile_id,
            base_url=os.environ["SDANALYTICS_BASE_URL"],
            token_url=os.environ["SDANALYTICS_TOKEN_URL"],
            api=api,
        )
        frame = sda.fetch_report(
            "campaigns", first, last, metrics=names, client=client, cache=self._store,
            refresh=refresh, timeout=60,
        )  # fmt: skip
        self._check(frame, first, last, names, complete=True, sparse=False)

    def _refresh(self) -> None:
        self._fetch("always")

    def _read(self) -> None:
        first, last = self._choose_days()
        frame = self._store.read("campaigns", first, last)
        is_complete = frame.attrs["sdanalytics"]["slices_missing"] == 0
        self._check(frame, first, last, _metrics_in(frame), complete=is_complete, sparse=True)

    def _sql(self) -> None:
        rows = self._store.sql("select * exclude date, date::timestamp_s as date from campaigns")
        first, last = self._days[0], self._days[-1]
        self._check(rows, first, last, _metrics_in(rows), complete=False, sparse=True)

    def _remove(self) -> None:
        self._store.remove("campaigns", self._random.choice(self._days))

    def _repair(self) -> None:
        for fault in find_wrong_repairs(self._store):
            self._write(f"failed repair: {fault}")

    def _compact(self) -> None:
        self._store.compact()

    def _verify(self) -> None:
        for problem in self._store.verify()["problem"]:
            if not is_left_between_steps(problem):
                self._write(f"failed verify: {problem}")

    def _check(
        self,
        frame: pd.DataFrame,
        first: date,
        last: date,
        names: list[str],
        *,
        complete: bool,
        sparse: bool,
    ) -> None:
        expected = self._judge.expected
        expected = expected[expected["date"].dt.date.between(first, last)]
        fault = self._judge.find_fault(frame, expected, names, sparse=sparse)
        if fault is None and complete:
            fault = self._judge.find_lost_rows(frame, expected)
        if fault:
            self._write(f"failed frame of {first} to {last}: {fault}")


def _metrics_in(frame: pd.DataFrame) -> list[str]:
    return [name for name in METRICS if name in frame]


def is_left_between_steps(problem: str) -> bool:
    """Return whether a problem is what a process leaves that is at work, or was killed there."""
    return "also stored under their tactic" in problem or problem.startswith("incomplete: ")


def find_wrong_repairs(store: ReportCache) -> list[str]:
    """Repair a store, and return why files were moved that nothing has damaged."""
    return [problem for problem in store.repair()["problem"] if not is_left_between_steps(problem)]


class _Round:
    """Processes on the store for some seconds, then a look at the files without this library."""

    def __init__(
        self,
        judge: Judge,
        environment: Mapping[str, str],
        tally: Tally,
        seed: int,
        names: list[str],
    ) -> None:
        self._names = names
        self._judge = judge
        self._environment = environment
        self._tally = tally
        self._random = random.Random(seed)

    def run(self, seconds: float, folder: Path) -> None:
        end = time.monotonic() + seconds
        logs = [folder / f"{number}.log" for number in range(PROCESSES)]
        processes = [self._start(log, seconds) for log in logs]
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, self._random.expovariate(1 / KILL_INTERVAL)))
            number = self._random.randrange(PROCESSES)
            if time.monotonic() < end and processes[number].is_alive():
                processes[number].kill()
                processes[number].join()
                self._tally.kills += 1
                processes[number] = self._start(logs[number], end - time.monotonic())
        for process in processes:
            process.join(END_TIMEOUT)
            if process.exitcode != 0:
                self._fail(f"a process ended with {process.exitcode}")
                process.kill()
        for log in logs:
            if log.exists():
                self._tally.add_lines(log.read_text(encoding="utf-8").splitlines())
        self._check_files()
        self._tally.rounds += 1

    def _start(self, log: Path, seconds: float) -> Any:
        seed = self._random.getrandbits(32)
        return start_process(
            work, self._judge, seed, log, seconds, self._names, environment=self._environment
        )

    def _check_files(self) -> None:
        """Look at what the killed ones left, before a repair and after it."""
        location = self._environment["SDANALYTICS_CACHE_DIR"]
        store = ReportCache(location)
        if "://" in location:
            filesystem, root = pafs.FileSystem.from_uri(location)
        else:
            filesystem, root = pafs.LocalFileSystem(), location
        for fault in self._judge.find_faults_of_files(read_files(filesystem, root), repaired=False):
            self._fail(f"files: {fault}")
        for fault in find_wrong_repairs(store):
            self._fail(f"repair: {fault}")
        for problem in store.verify()["problem"]:
            self._fail(f"verify: {problem}")
        files = read_files(filesystem, root)
        for fault in self._judge.find_faults_of_files(files, repaired=True):
            self._fail(f"repaired files: {fault}")
        if files and "remove" in self._names:
            removed = self._random.choice(files).day
            store.remove("campaigns", removed.date())
            if any(file.day == removed for file in read_files(filesystem, root)):
                self._fail(f"rows of {removed.date()} are stored although the day was removed")

    def _fail(self, message: str) -> None:
        self._tally.failures.append(f"round {self._tally.rounds}: {message}")


def work(judge: Judge, seed: int, log: Path, seconds: float, names: list[str]) -> None:
    """Do random operations in this process."""
    Worker(judge, seed, log, names).run(seconds)


def run(
    storage: str,
    seconds: float,
    seed: int,
    log: Callable[[str], object],
    names: Collection[str] = tuple(WEIGHTS),
) -> Tally:
    """Stress a store for some seconds, in rounds, by the operations with these names."""
    tally = Tally()
    now = datetime.now(UTC)  # fixed, so that the numbers of the sandbox do not change
    unlisted: set[int] = set()
    with (
        sandbox.start(delay=0.3, now=lambda: now, unlisted=unlisted) as box,
        tempfile.TemporaryDirectory() as folder,
        open_storage(storage, Path(folder)) as variables,
    ):
        last = box.today - timedelta(3)
        expected = fetch_expected(box, last)
        # Version 3 does not know the tactic of every third campaign.
        unlisted.update(sorted(expected["campaignId"].unique())[::3])
        judge = Judge(expected, sorted(unlisted))
        environment = dict(os.environ) | box.environment | variables
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            with tempfile.TemporaryDirectory() as logs:
                seed_of_round = seed + tally.rounds
                a_round = _Round(judge, environment, tally, seed_of_round, list(names))
                a_round.run(min(left, ROUND_SECONDS), Path(logs))
            log(f"{tally.operations.total()} operations, {tally.kills} kills")
    return tally


def fetch_expected(box: Sandbox, last: date) -> pd.DataFrame:
    """Fetch what each frame has to have, into no store."""
    frame = sda.fetch_report(
        "campaigns", last - timedelta(DAYS - 1), last, metrics=list(METRICS),
        client=box.client_for(box.profile_ids[0], api="v2"), cache=False,
    )  # fmt: skip
    rows: pd.DataFrame = frame[[*KEY, "tactic", *METRICS]].reset_index(drop=True)
    return rows


@contextlib.contextmanager
def open_storage(kind: str, folder: Path) -> Iterator[dict[str, str]]:
    """Provide the variables of a store in a folder, or on moto's S3 server."""
    state = {"XDG_STATE_HOME": str(folder / "state")}
    if kind == "disk":
        yield state | {"SDANALYTICS_CACHE_DIR": str(folder / "store")}
        return
    with serve_bucket() as bucket:
        os.environ.update(LOGIN)  # of the reader in this process
        yield state | LOGIN | {"SDANALYTICS_CACHE_DIR": bucket.url()}


def main() -> int:
    """Run the command line; return 1 if there were failures."""
    parser = argparse.ArgumentParser(prog="python -m tests.resilience.stress", description=__doc__)
    parser.add_argument("--storage", choices=["disk", "s3"], default="disk")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without", action="append", choices=WEIGHTS, default=[])
    options = parser.parse_args()
    report: Callable[[str], object] = lambda line: print(line, flush=True)  # noqa: E731, T201
    names = WEIGHTS.keys() - set(options.without)
    tally = run(options.storage, options.seconds, options.seed, report, sorted(names))
    report(str(tally))
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
