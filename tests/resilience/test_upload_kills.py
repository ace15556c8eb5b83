"""Processes that are killed while S3 takes a report in parts: it is there whole, or as before."""

from __future__ import annotations

import base64
import functools
import gzip
import json
import os
import random
import signal
from collections.abc import Iterator
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Final, NamedTuple

import pandas as pd
import pyarrow.dataset as ds
import pytest

import sdanalytics as sda
from sdanalytics import fetch_report, sandbox
from sdanalytics.sandbox import Sandbox
from tests.support.object_storage import LOGIN, Bucket, serve_bucket
from tests.support.processes import start_process

ROWS: Final = 6_000
NAME_BYTES: Final = 2_000
"""Random ones, which nothing compresses: Arrow puts what has more than 10 MB in parts of 10 MB."""


class Moment(NamedTuple):
    """The request at which a process is killed, and what it leaves."""

    method: str
    query: str
    is_processed: bool
    is_complete: bool = False


MOMENTS: Final = {
    "once an upload is begun": Moment("POST", "?uploads", is_processed=True),
    "before the first part arrives": Moment("PUT", "partNumber=1&", is_processed=False),
    "once the last part has arrived": Moment("PUT", "partNumber=2&", is_processed=True),
    "before the upload is completed": Moment("POST", "?uploadId=", is_processed=False),
    "once it is completed": Moment("POST", "?uploadId=", is_processed=True, is_complete=True),
}


@functools.cache
def large_rows(seed: int) -> list[dict[str, Any]]:
    number = random.Random(seed)
    return [
        {
            "campaignId": 10**12 + row,
            "campaignName": base64.b64encode(number.randbytes(NAME_BYTES)).decode(),
            "clicks": number.randrange(1000),
        }
        for row in range(ROWS)
    ]


@functools.cache
def payload(seed: int) -> bytes:
    return gzip.compress(json.dumps(large_rows(seed)).encode(), 1)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with sandbox.start(delay=0) as service:
        for name, value in service.environment.items():
            monkeypatch.setenv(name, value)
        yield service


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bucket]:
    variables = LOGIN | {"XDG_STATE_HOME": str(tmp_path / "state")}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with serve_bucket() as bucket:
        monkeypatch.setenv("SDANALYTICS_CACHE_DIR", bucket.url())
        yield bucket


def refresh(day: str) -> pd.DataFrame:
    return fetch_report(
        "campaigns", day, metrics=["campaignName", "clicks"], tactic="T00020", refresh="always"
    )


def stored_rows(bucket: Bucket) -> pd.DataFrame:
    """Read the store with pyarrow alone, as other engines do."""
    scan = ds.dataset("bucket/store/reports", filesystem=bucket.filesystem, partitioning="hive")
    rows: pd.DataFrame = scan.to_table(["campaignId", "campaignName", "clicks"]).to_pandas()
    return rows.sort_values("campaignId", ignore_index=True)


def assert_same(found: pd.DataFrame, seed: int) -> None:
    pd.testing.assert_frame_equal(
        found[["campaignId", "campaignName", "clicks"]].reset_index(drop=True),
        pd.DataFrame(large_rows(seed)),
        check_dtype=False,
    )


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("folder", ["reports", "history"])
@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_a_report_is_stored_whole_or_as_before(
    service: Sandbox, bucket: Bucket, moment: Moment, folder: str
) -> None:
    is_stored = moment.is_complete and folder == "reports"  # the history comes first
    day = str(service.today)
    service.set_content(lambda report: payload(1))
    refresh(day)
    assert_same(stored_rows(bucket), 1)
    service.set_content(lambda report: payload(2))

    def kill(method: str, path: str) -> int | None:
        if method != moment.method or moment.query not in path or f"/{folder}/" not in path:
            return None
        process.kill()
        wait([process.sentinel])
        return 500

    if moment.is_processed:
        bucket.answers = kill
    else:
        bucket.fails = kill
    process = start_process(refresh, day, environment=dict(os.environ))
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    bucket.answers = bucket.fails = None
    assert_same(stored_rows(bucket), 2 if is_stored else 1)
    assert bucket.unfinished_uploads() == (0 if moment.is_complete else 1)
    assert sda.ReportCache().verify().empty

    assert_same(refresh(day), 2)
    assert_same(stored_rows(bucket), 2)
    # A report that is stored is not resumed.
    assert service.count("request_report") == (3 if is_stored else 2)
    assert sda.ReportCache().repair().empty
