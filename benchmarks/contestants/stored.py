"""Reading the store: through this project, raw, and by DuckDB."""

from __future__ import annotations

from functools import partial
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.contestants.common import JOB, compete, summarize_frame, summarize_table
from sdanalytics import Client, ReportCache, fetch_report
from sdanalytics.api.auth import Credentials
from sdanalytics.model.dtypes import table_to_frame

METRICS = JOB["metrics"]
COLUMNS = ["date", "tactic", "campaignId", *METRICS]
REQUEST: dict[str, Any] = {"record_type": "campaigns", "metrics": METRICS}


def read(start: str, end: str) -> pd.DataFrame:
    return ReportCache(JOB["store"]).read(start=start, end=end, **REQUEST)


def fetch(start: str, end: str) -> pd.DataFrame:
    client = Client(Credentials("none", access_token="none"), JOB["profile_id"], api="v2")
    return fetch_report(start=start, end=end, client=client, cache=JOB["store"], **REQUEST)


def raw_table() -> pa.Table:
    return pq.read_table(JOB["one_file"], columns=COLUMNS)


def raw_frame() -> pd.DataFrame:
    return table_to_frame(raw_table())


def query_store() -> pa.Table:
    """Read the files of the store with DuckDB."""
    files = f"{JOB['store']}/reports/**/*.parquet"
    query = f"select {', '.join(COLUMNS)} from read_parquet(?, hive_partitioning=true)"
    return duckdb.execute(query, [files]).to_arrow_table()


VARIANTS: dict[str, Any] = {
    "read": partial(read, *JOB["year"]),
    "fetch": partial(fetch, *JOB["year"]),
    "read a fortnight": partial(read, *JOB["fortnight"]),
    "fetch a fortnight": partial(fetch, *JOB["fortnight"]),
    "raw frame": raw_frame,
    "raw table": raw_table,
    "query": query_store,
}
compete(
    VARIANTS[JOB["variant"]],
    lambda result: (summarize_frame if isinstance(result, pd.DataFrame) else summarize_table)(
        result
    ),
)
