"""Limits of the machine: gunzip alone, and a parse that builds nothing."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import simdjson
from isal import igzip

from benchmarks.contestants.common import JOB, compete

BLOCK = 1 << 18


def blocks(payload: bytes) -> Iterator[bytes]:
    with igzip.GzipFile(fileobj=io.BytesIO(payload)) as file:
        while block := file.read(BLOCK):
            yield block


def gunzip(payload: bytes) -> int:
    return sum(map(len, blocks(payload)))


def parse(payload: bytes) -> int:
    """Return the number of rows; every value is found, and none is built."""
    parser = simdjson.Parser()
    rows, rest = 0, b""
    for block in blocks(payload):
        whole, boundary, rest = (rest + block).rpartition(b'},{"')
        if boundary:
            rows += len(parser.parse(whole + b"}]"))
            rest = b'[{"' + rest
    return rows + len(parser.parse(rest))


payload = Path(JOB["payload"]).read_bytes()
function = {"gunzip": gunzip, "parse": parse}[JOB["variant"]]
compete(lambda: function(payload), lambda result: {"result": result})
