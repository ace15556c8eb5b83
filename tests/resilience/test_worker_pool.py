"""Large payloads are read by several processes: the same table, the same errors."""

from __future__ import annotations

import gzip
import json
import logging
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from sdanalytics import CorruptReport, metrics
from sdanalytics.parsing import column_builders
from sdanalytics.parsing.payload import read_payload
from tests.support.registration import another_process

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="one processor: one process reads everything",
)

COLUMNS = ("campaignId", "campaignName", "costType", "clicks", "cost", "vtr")
COUNT = 60_000
TURN = 8 << 20
"""Bytes of text that a process decodes at a time."""
NEVER = 1 << 40
"""More bytes of text than any payload here has: one process reads it."""


def row(number: int) -> dict[str, Any]:
    """Return a row with nulls, missing fields, ids as text, other scripts and reordered keys."""
    fields = {
        "campaignId": str(2**60 + number) if number % 97 == 0 else 2**60 + number,
        "campaignName": None if number % 31 == 0 else f"Brand {number % 400} ☃ " * 4,
        "clicks": number % 7,
        "cost": None if number % 5000 == 1 else number / 100,
        "costType": "CPC",
        "new": {"deep": [number, "},{", "a" * 200]},
    }
    if number % 53 == 0:
        del fields["clicks"]
    names = sorted(fields, key=lambda name: name[number % 4 :])
    return {name: fields[name] for name in names}


@pytest.fixture(scope="module")
def rows() -> list[str]:
    return [json.dumps(row(number), separators=(",", ":")) for number in range(COUNT)]


def packed(rows: list[str]) -> bytes:
    return gzip.compress(f"[{','.join(rows)}]".encode(), 1)


@pytest.fixture(scope="module")
def payload(rows: list[str]) -> bytes:
    assert sum(map(len, rows)) > 2.1 * TURN
    return packed(rows)


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Capture the log messages about how payloads are read."""
    caplog.set_level(logging.DEBUG, "sdanalytics")
    return caplog


def read_by_one(payload: bytes) -> pa.Table:
    return read_payload(payload, COLUMNS, parallel_threshold=NEVER)


def read_by_several(payload: bytes) -> pa.Table:
    return read_payload(payload, COLUMNS, parallel_threshold=0)


# -- the same table -----------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [0, TURN])
def test_several_processes_read_the_same_as_one(
    payload: bytes, threshold: int, log: pytest.LogCaptureFixture
) -> None:
    table = read_payload(payload, COLUMNS, parallel_threshold=threshold)
    assert f"{COUNT} rows were read by" in log.text
    assert table.equals(read_by_one(payload))
    assert table["campaignId"].to_pylist() == [2**60 + n for n in range(COUNT)]
    table.validate(full=True)


def test_workers_know_the_metrics_that_their_parent_registered(
    log: pytest.LogCaptureFixture,
) -> None:
    with another_process():
        metrics.register("storeSales", "money", "campaigns")
        texts = [f'{{"clicks":{n},"storeSales":{n}.5}}' for n in range(COUNT)]
        columns = ["clicks", "storeSales"]
        table = read_payload(packed(texts), columns, parallel_threshold=0)
    assert f"{COUNT} rows were read by" in log.text
    assert table["storeSales"].to_pylist() == [n + 0.5 for n in range(COUNT)]


def test_a_small_payload_is_read_by_one_process(
    rows: list[str], log: pytest.LogCaptureFixture
) -> None:
    assert read_payload(packed(rows[:2000]), COLUMNS).num_rows == 2000
    assert log.text == ""


@pytest.mark.parametrize("rows", [[], ["{}"], ['{"clicks":1}'] * 3])
def test_tiny_payloads_can_be_shared(rows: list[str], log: pytest.LogCaptureFixture) -> None:
    table = read_by_several(packed(rows))
    assert f"{len(rows)} rows were read by" in log.text
    assert table.equals(read_by_one(packed(rows)))


def test_rows_that_cannot_be_split_are_read_by_one_process(log: pytest.LogCaptureFixture) -> None:
    texts = [json.dumps({"new": [{"x": n}] * 9, "clicks": n}, indent=1) for n in range(20_000)]
    table = read_by_several(packed(texts))
    assert "read again, in a single process: NotParallelizable" in log.text
    assert table["clicks"].to_pylist() == list(range(20_000))


@pytest.mark.parametrize("read", [read_by_one, read_by_several])
def test_text_may_exceed_the_size_of_one_array(
    payload: bytes, read: Callable[[bytes], pa.Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = read_by_one(payload)
    monkeypatch.setattr(column_builders, "MAX_ARRAY_BYTES", 1 << 20)
    table = read(payload)
    assert table["campaignName"].num_chunks > 2
    assert table.equals(expected)


def test_several_payloads_are_read_at_once(payload: bytes) -> None:
    expected = read_by_one(payload)
    with ThreadPoolExecutor(4) as threads:
        tables = list(threads.map(read_by_several, [payload] * 6))
    assert all(table.equals(expected) for table in tables)


# -- the same errors ----------------------------------------------------------------------


@pytest.mark.parametrize("position", [0.1, 0.4, 0.6, 0.99])
@pytest.mark.parametrize(("field", "value"), [("clicks", "5.7"), ("campaignId", '"12x"')])
def test_an_invalid_value_is_named_by_any_worker(
    rows: list[str], position: float, field: str, value: str
) -> None:
    number = int(position * COUNT)
    invalid = f'{{"{field}":{value}}}'
    with pytest.raises(CorruptReport) as caught:
        read_by_several(packed([*rows[:number], invalid, *rows[number:]]))
    assert (caught.value.row, caught.value.field) == (number, field)


def test_the_first_of_two_invalid_values_is_named(rows: list[str]) -> None:
    first, second = COUNT // 4, COUNT - 1
    invalid = [*rows[:first], '{"clicks":true}', *rows[first:second], '{"cost":"1"}']
    with pytest.raises(CorruptReport) as caught:
        read_by_several(packed(invalid))
    assert (caught.value.row, caught.value.field) == (first, "clicks")


@pytest.mark.parametrize(
    "damage",
    {
        "cut": lambda whole: whole[: -len(whole) // 8],
        "checksum": lambda whole: whole[:-8] + bytes(4) + whole[-4:],
        "a changed byte": lambda whole: whole[:-9000] + bytes([whole[-9000] ^ 8]) + whole[-8999:],
        "garbage behind": lambda whole: whole + b"garbage" * 9,
        "an array behind": lambda whole: whole + packed(["{}"] * 2_000_000),
    }.items(),
    ids=lambda case: case[0],
)
def test_damage_is_found(payload: bytes, damage: tuple[str, Callable[[bytes], bytes]]) -> None:
    with pytest.raises(CorruptReport) as caught:
        read_by_several(damage[1](payload))
    assert caught.value.row is None


def test_a_report_over_the_limit_is_rejected(payload: bytes) -> None:
    with pytest.raises(CorruptReport, match="largest_report"):
        read_payload(payload, COLUMNS, max_bytes=2 * TURN, parallel_threshold=0)
    with pytest.raises(CorruptReport, match="largest_report"):  # in the table: 2.88 MB
        read_payload(
            packed(["{}"] * COUNT), COLUMNS, max_bytes=COUNT * 8 * 6 - 1, parallel_threshold=0
        )


# -- when a process fails -----------------------------------------------------------------

DYING = """#!{python}
import os, runpy, signal, socket, sys

class Line(socket.socket):
    sent = 0

    def sendall(self, data):
        Line.sent += 1
        if Line.sent > {messages}:
            os.kill(os.getpid(), signal.SIGKILL)
        super().sendall(data)

socket.socket = Line
runpy.run_module("sdanalytics.parsing.worker", run_name="__main__")
"""


def put_in_place_of_python(monkeypatch: pytest.MonkeyPatch, path: Path, script: str) -> None:
    path.write_text(script)
    path.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(path))


@pytest.mark.parametrize("messages", [0, 1, 2])
def test_a_killed_worker_is_replaced_by_this_process(
    payload: bytes,
    messages: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    log: pytest.LogCaptureFixture,
) -> None:
    script = DYING.format(python=sys.executable, messages=messages)
    put_in_place_of_python(monkeypatch, tmp_path / "python-dying", script)
    assert read_by_several(payload).equals(read_by_one(payload))
    assert "read again, in a single process: NotParallelizable" in log.text


@pytest.mark.parametrize("script", ["#!/bin/false\n", "#!/no/such/thing\n", "nonsense"])
def test_a_worker_that_cannot_start_is_replaced_by_this_process(
    payload: bytes,
    script: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    log: pytest.LogCaptureFixture,
) -> None:
    put_in_place_of_python(monkeypatch, tmp_path / "python-none", script)
    assert read_by_several(payload).equals(read_by_one(payload))
    assert "read again" in log.text


@pytest.mark.parametrize("program", ["", None, "/usr/bin/an-application"])
def test_an_embedding_program_is_not_started_as_a_worker(
    payload: bytes,
    program: str | None,
    monkeypatch: pytest.MonkeyPatch,
    log: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(sys, "executable", program)
    assert read_by_several(payload).num_rows == COUNT
    assert log.text == ""


def children() -> set[str]:
    """Return the processes that this one has started, including zombies."""
    found = [task.read_text().split() for task in Path("/proc/self/task").glob("*/children")]
    return set(chain.from_iterable(found))


def test_no_process_is_left_behind(payload: bytes, rows: list[str]) -> None:
    before = children()
    read_by_several(payload)
    with pytest.raises(CorruptReport):
        read_by_several(packed([*rows, "{"]))
    assert children() <= before


KILLED = """
import os, signal, sys, threading
from pathlib import Path
from sdanalytics.parsing.payload import read_payload

payload = sys.stdin.buffer.read()
reading = {"args": (payload, ["clicks"]), "kwargs": {"parallel_threshold": 0}, "daemon": True}
threading.Thread(target=read_payload, **reading).start()
found = []
while not found:
    found = [n for task in Path("/proc/self/task").glob("*/children") for n in open(task)]
print(*found, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_worker_ends_with_its_parent(payload: bytes) -> None:
    command = [sys.executable, "-c", KILLED]
    process = subprocess.run(command, input=payload * 20, capture_output=True, check=False)
    assert process.returncode == -signal.SIGKILL
    for worker in map(int, process.stdout.split()):
        with suppress(ProcessLookupError):  # it has ended already
            handle = os.pidfd_open(worker)
            assert select.select([handle], [], [], 60)[0]
            os.close(handle)
