"""This project: parse a payload to an Arrow table, and to the public frame."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pyarrow as pa

from benchmarks.contestants.common import JOB, TRANSFER, compete, summarize_frame, summarize_table
from sdanalytics import Client
from sdanalytics.api.auth import Credentials
from sdanalytics.model.partition import Partition
from sdanalytics.parsing.payload import read_payload
from sdanalytics.store.concat import tables_to_frame

COLUMNS = JOB["columns"]
PARTITION = Partition("NA", "1", JOB["record_type"], None, "T00020", date(2026, 1, 1))
CLIENT = Client(
    Credentials(JOB["client_id"], access_token=JOB["token"]),
    JOB["profile_id"],
    base_url=JOB["base_url"],
    token_url=JOB["token_url"],
)


def table() -> pa.Table:
    with TRANSFER:
        payload = CLIENT.download_report(JOB["report_id"])
    return read_payload(payload, COLUMNS)


def frame() -> pd.DataFrame:
    return tables_to_frame({PARTITION: table()}, COLUMNS)


if JOB["variant"] == "table":
    compete(table, summarize_table)
else:
    compete(frame, summarize_frame)
