"""A simple notebook: requests, gzip, json, pandas."""

from __future__ import annotations

import gzip
import json

import pandas as pd
import requests

from benchmarks.contestants.common import JOB, TRANSFER, compete, summarize_frame

HEADERS = {
    "Authorization": f"Bearer {JOB['token']}",
    "Amazon-Advertising-API-ClientId": JOB["client_id"],
    "Amazon-Advertising-API-Scope": JOB["profile_id"],
}


def work() -> pd.DataFrame:
    response = requests.get(JOB["location"], headers=HEADERS, timeout=60)
    response.raise_for_status()
    return pd.DataFrame(json.loads(gzip.decompress(response.content)))


TRANSFER.watch_requests()
compete(work, summarize_frame)
